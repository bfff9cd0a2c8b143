/* SPDX-License-Identifier: MIT */
/* cancel(): at once, whatever the request waits for, and never inside. */
#include "desk.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Cancel it: nothing may happen inside the call, all of it in no time after. */
static void cancel(struct desk *d, struct errand *e)
{
	unsigned before = e->done;

	store_cancel(d->store, &e->req);
	assert_int_equal(e->done, before);
	(void)fake_http_settle(d->http);
	desk_wait(d, 0);
}

static void on_the_wire(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_put(&d, &e, "k", "text");
	cancel(&d, &e);
	assert_ended(&e, -ECANCELED);
	assert_string_equal(e.req.err.text, "PutObject 'k': cancelled");
	assert_true(e.req.maybe_applied); /* it was sent: who knows */
	assert_int_equal(e.req.attempts, 1);
	desk_close(&d);
}

static void a_reply_that_was_faster_counts(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_put(&d, &e, "k", "text");
	store_cancel(d.store, &e.req);
	fake_http_reply(d.http, 0, 200, "ETag: \"e\"", NULL);
	assert_ended(&e, 0);
	desk_close(&d);
}

static void a_failure_is_not_tried_again_after_it(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	store_cancel(d.store, &e.req);
	fake_http_reply(d.http, 0, 500, NULL, NULL);
	assert_ended(&e, -ECANCELED);
	desk_close(&d);
}

static void in_the_queue(void **state)
{
	struct desk d;
	struct errand first, second, third;

	(void)state;
	desk_open(&d, 1, NULL);
	desk_client(&d);
	errand_send(&d, &first, STORE_HEAD, "1");
	errand_put(&d, &second, "2", "text");
	errand_send(&d, &third, STORE_HEAD, "3");
	cancel(&d, &second);
	assert_ended(&second, -ECANCELED);
	assert_false(second.req.maybe_applied);
	assert_int_equal(second.req.attempts, 0);
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_string_equal(fake_http_line(d.http, 0), "HEAD /bkt/3");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&first, 0);
	assert_ended(&third, 0);
	desk_close(&d);
}

static void between_attempts(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	for (unsigned i = 0; i < 3; i++) {
		fake_http_reply(d.http, 0, 503, NULL, NULL);
		if (i < 2)
			desk_wait(&d, 10000);
	}
	assert_int_equal(fake_http_count(d.http), 0);
	cancel(&d, &e);
	assert_ended(&e, -ECANCELED);
	assert_int_equal(e.req.attempts, 3);
	desk_close(&d);
}

static void twice_is_once(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	store_cancel(d.store, &e.req);
	store_cancel(d.store, &e.req);
	assert_int_equal(fake_http_settle(d.http), 1);
	assert_ended(&e, -ECANCELED);
	desk_close(&d);
}

/* An executor whose one thread is held up until the test lets go. */
struct dam {
	struct task task;
	sem_t gate;
};

static void hold_up(struct task *task)
{
	struct dam *dam = container_of(task, struct dam, task);

	while (sem_wait(&dam->gate) < 0)
		;
}

static void while_keys_are_fetched(void **state)
{
	char path[] = "/tmp/porter-env.XXXXXX";
	struct dam dam = {.task.run = hold_up};
	struct exec *exec = NULL;
	struct errand e, late;
	struct desk d;
	int fd = mkstemp(path);

	(void)state;
	assert_true(dprintf(fd, "AWS_ACCESS_KEY_ID=A\n"
	                        "AWS_SECRET_ACCESS_KEY=B\n") > 0);
	(void)close(fd);
	assert_int_equal(sem_init(&dam.gate, 0, 0), 0);
	assert_int_equal(exec_new("test", 1, &exec), 0);
	exec_run(exec, &dam.task);
	desk_open(&d, 8, exec);
	d.config.creds.dotenv_file = path;
	d.config.creds.dotenv_prefix = "AWS_";
	d.config.op_deadline_ms = 5000;
	desk_client(&d);

	errand_send(&d, &e, STORE_LIST, NULL);
	errand_send(&d, &late, STORE_LIST, NULL);
	fake_http_reply(d.http, 0, 403, NULL, R_ERROR("ExpiredToken"));
	fake_http_reply(d.http, 0, 403, NULL, R_ERROR("ExpiredToken"));
	assert_pending(&e);
	cancel(&d, &e);
	assert_ended(&e, -ECANCELED);
	assert_pending(&late);
	desk_wait(&d, 5000); /* its deadline */
	assert_ended(&late, -ETIMEDOUT);
	assert_non_null(strstr(late.req.err.text, "not done within 5000 ms"));
	assert_non_null(strstr(late.req.err.text, "ExpiredToken"));

	assert_int_equal(sem_post(&dam.gate), 0);
	desk_close(&d);
	(void)sem_destroy(&dam.gate);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_wire),
		cmocka_unit_test(a_reply_that_was_faster_counts),
		cmocka_unit_test(a_failure_is_not_tried_again_after_it),
		cmocka_unit_test(in_the_queue),
		cmocka_unit_test(between_attempts),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(while_keys_are_fetched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
