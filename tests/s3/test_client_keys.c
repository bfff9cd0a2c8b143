/* SPDX-License-Identifier: MIT */
/* Keys that change while the client lives. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A desk whose keys are in a .env file. */
struct shelf {
	struct desk d;
	char path[32];
};

/* Write other keys, as an editor would: a new file in place of the old. */
static void write_keys(struct shelf *s, const char *id)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "%s.new", s->path);

	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fchmod(fileno(f), 0600);
	(void)fprintf(f, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=s\n", id);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(path, s->path), 0);
}

static void open_shelf(struct shelf *s)
{
	(void)str_copy(s->path, sizeof(s->path), "/tmp/porter-env.XXXXXX");
	(void)close(mkstemp(s->path));
	write_keys(s, "OLD");
	desk_open(&s->d, 8, NULL);
	s->d.config.creds.access_key_id = "OLD";
	s->d.config.creds.secret_access_key = "s";
	s->d.config.creds.dotenv_file = s->path;
	s->d.config.creds.dotenv_prefix = "AWS_";
	desk_client(&s->d);
}

static void close_shelf(struct shelf *s)
{
	desk_close(&s->d);
	(void)unlink(s->path);
}

/* Whose key the oldest request is signed with. */
static void assert_key(struct shelf *s, const char *id)
{
	char *want = str_printf("Credential=%s/", id);

	assert_non_null(
		strstr(fake_http_header(s->d.http, 0, "Authorization"), want));
	free(want);
}

static void refused_keys_are_read_again(void **state)
{
	struct shelf s;
	struct errand e;

	(void)state;
	open_shelf(&s);
	errand_send(&s.d, &e, STORE_LIST, NULL);
	assert_key(&s, "OLD");
	write_keys(&s, "NEW");
	fake_http_reply(s.d.http, 0, 403, NULL, R_ERROR("InvalidAccessKeyId"));
	assert_key(&s, "NEW");
	fake_http_reply(s.d.http, 0, 404, NULL, R_ERROR("NoSuchBucket"));
	assert_ended(&e, -ENOENT);
	assert_int_equal(e.req.attempts, 2);
	close_shelf(&s);
}

static void the_same_keys_again_are_no_use(void **state)
{
	struct shelf s;
	struct errand e;

	(void)state;
	open_shelf(&s);
	errand_send(&s.d, &e, STORE_LIST, NULL);
	fake_http_reply(s.d.http, 0, 403, NULL, R_ERROR("InvalidAccessKeyId"));
	assert_ended(&e, -EACCES);
	assert_int_equal(e.req.attempts, 1);
	assert_non_null(strstr(e.req.err.text, "InvalidAccessKeyId"));
	close_shelf(&s);
}

static void a_plain_403_is_tried_again_only_with_other_keys(void **state)
{
	struct shelf s;
	struct errand e;

	(void)state;
	open_shelf(&s);
	errand_send(&s.d, &e, STORE_HEAD, "k");
	fake_http_reply(s.d.http, 0, 403, NULL, NULL);
	assert_ended(&e, -EACCES);
	assert_int_equal(fake_http_started(s.d.http), 1);

	errand_send(&s.d, &e, STORE_HEAD, "k");
	write_keys(&s, "NEW");
	fake_http_reply(s.d.http, 0, 403, NULL, NULL);
	assert_key(&s, "NEW");
	fake_http_reply(s.d.http, 0, 403, NULL, NULL);
	assert_ended(&e, -EACCES);
	assert_int_equal(fake_http_started(s.d.http), 3);
	close_shelf(&s);
}

static void who_was_signed_with_old_keys_takes_the_new_ones(void **state)
{
	struct shelf s;
	struct errand first, second;

	(void)state;
	open_shelf(&s);
	errand_send(&s.d, &first, STORE_LIST, NULL);
	errand_send(&s.d, &second, STORE_LIST, NULL);
	write_keys(&s, "NEW");
	fake_http_reply(s.d.http, 0, 403, NULL, R_ERROR("ExpiredToken"));
	assert_key(&s, "OLD"); /* the second one */
	fake_http_reply(s.d.http, 0, 403, NULL, R_ERROR("ExpiredToken"));
	for (unsigned i = 0; i < 2; i++) {
		assert_key(&s, "NEW");
		fake_http_reply(s.d.http, 0, 404, NULL,
		                R_ERROR("NoSuchBucket"));
	}
	assert_ended(&first, -ENOENT);
	assert_ended(&second, -ENOENT);
	close_shelf(&s);
}

static void a_changed_file_is_noticed_within_a_second(void **state)
{
	struct shelf s;
	struct errand e;

	(void)state;
	open_shelf(&s);
	write_keys(&s, "NEW");
	errand_send(&s.d, &e, STORE_HEAD, "k");
	assert_key(&s, "OLD"); /* looked at a moment ago */
	fake_http_reply(s.d.http, 0, 200, R_HEAD, NULL);
	desk_wait(&s.d, 1000);
	errand_send(&s.d, &e, STORE_HEAD, "k");
	assert_key(&s, "NEW");
	fake_http_reply(s.d.http, 0, 200, R_HEAD, NULL);
	close_shelf(&s);
}

static void a_broken_file_leaves_the_old_keys(void **state)
{
	struct shelf s;
	struct errand e;

	(void)state;
	open_shelf(&s);
	assert_int_equal(chmod(s.path, 0644), 0);
	write_keys(&s, "NEW");
	assert_int_equal(chmod(s.path, 0644), 0); /* refused: open to others */
	desk_wait(&s.d, 1000);
	errand_send(&s.d, &e, STORE_HEAD, "k");
	assert_key(&s, "OLD");
	fake_http_reply(s.d.http, 0, 200, R_HEAD, NULL);

	write_keys(&s, "NEWER");
	desk_wait(&s.d, 1000);
	errand_send(&s.d, &e, STORE_HEAD, "k");
	assert_key(&s, "NEWER");
	fake_http_reply(s.d.http, 0, 200, R_HEAD, NULL);
	close_shelf(&s);
}

static void keys_of_options_never_change(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_LIST, NULL);
	fake_http_reply(d.http, 0, 403, NULL, R_ERROR("ExpiredToken"));
	assert_ended(&e, -EACCES);
	assert_int_equal(fake_http_started(d.http), 1);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_keys_are_read_again),
		cmocka_unit_test(the_same_keys_again_are_no_use),
		cmocka_unit_test(
			a_plain_403_is_tried_again_only_with_other_keys),
		cmocka_unit_test(
			who_was_signed_with_old_keys_takes_the_new_ones),
		cmocka_unit_test(a_changed_file_is_noticed_within_a_second),
		cmocka_unit_test(a_broken_file_leaves_the_old_keys),
		cmocka_unit_test(keys_of_options_never_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
