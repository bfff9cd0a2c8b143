/* SPDX-License-Identifier: MIT */
/* Attempts, waits, deadlines, the gate: asserted to the millisecond. */
#include "desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000

static void a_good_request_is_one_request(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "a b");
	assert_int_equal(fake_http_count(d.http), 1);
	assert_string_equal(fake_http_line(d.http, 0), "HEAD /bkt/a%20b");
	assert_string_equal(fake_http_request(d.http, 0)->scheme, "http");
	assert_string_equal(fake_http_request(d.http, 0)->host,
	                    "127.0.0.1:9000");
	assert_string_equal(fake_http_header(d.http, 0, "X-Amz-Date"),
	                    "20150830T123600Z");
	assert_true(str_starts(
		fake_http_header(d.http, 0, "Authorization"),
		"AWS4-HMAC-SHA256 Credential=AK/20150830/us-east-1/s3/"));
	assert_int_equal(fake_http_request(d.http, 0)->total_ms, 60 * SECOND);
	assert_pending(&e);

	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&e, 0);
	assert_int_equal(e.req.info.size, 5);
	assert_string_equal(e.req.info.etag, "\"e1\"");
	assert_int_equal(e.req.attempts, 1);
	assert_false(e.req.maybe_applied);
	desk_close(&d);
}

static void what_changes_something_goes_out_once(void **state)
{
	struct desk d;
	struct errand put, head;

	(void)state;
	desk_start(&d);
	errand_put(&d, &put, "k", "text");
	errand_send(&d, &head, STORE_HEAD, "k");
	assert_true(fake_http_request(d.http, 0)->once);
	assert_false(fake_http_request(d.http, 1)->once);
	assert_int_equal(fake_http_request(d.http, 0)->total_ms, 300 * SECOND);
	fake_http_reply(d.http, 0, 200, "ETag: \"e\"", NULL);
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&put, 0);
	assert_ended(&head, 0);
	desk_close(&d);
}

static void a_busy_server_is_asked_again_after_a_wait(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 500, NULL, NULL);
	assert_pending(&e);
	assert_int_equal(fake_http_count(d.http), 0);

	uint64_t due = timers_next_ms(d.timers) - clock_ms(&d.clock.clock);

	assert_true(due <= 100); /* full jitter of the first step */
	desk_wait(&d, due);
	assert_int_equal(fake_http_count(d.http), 1);
	assert_int_equal(fake_http_request(d.http, 0)->total_ms,
	                 60 * SECOND - due);
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&e, 0);
	assert_int_equal(e.req.attempts, 2);
	assert_int_equal(metric_get(&d.net->metrics.retries), 1);
	desk_close(&d);
}

static void one_seed_is_one_sequence_of_waits(void **state)
{
	uint64_t first = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		struct desk d;
		struct errand e;
		uint64_t begin;

		desk_start(&d);
		errand_send(&d, &e, STORE_HEAD, "k");
		begin = clock_ms(&d.clock.clock);
		for (unsigned i = 0; i < 3; i++) {
			fake_http_reply(d.http, 0, 500, NULL, NULL);
			desk_wait(&d, timers_next_ms(d.timers) -
			                      clock_ms(&d.clock.clock));
		}
		uint64_t took = clock_ms(&d.clock.clock) - begin;

		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
		assert_ended(&e, 0);
		if (round == 0)
			first = took;
		assert_int_equal(took, first);
		desk_close(&d);
	}
}

static void attempts_are_counted_and_end(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	for (unsigned i = 0; i < 4; i++) {
		assert_pending(&e);
		assert_int_equal(fake_http_count(d.http), 1);
		fake_http_reply(d.http, 0, 500, "x-amz-request-id: R7", NULL);
		desk_wait(&d, 10 * SECOND);
	}
	assert_ended(&e, -EIO);
	assert_int_equal(e.req.attempts, 4);
	assert_int_equal(e.req.err.code, -EIO);
	assert_non_null(strstr(e.req.err.text, "HeadObject"));
	assert_non_null(strstr(e.req.err.text, "R7"));
	assert_int_equal(fake_http_started(d.http), 4);
	desk_close(&d);
}

static void a_final_answer_is_final(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 404, NULL, NULL);
	assert_ended(&e, -ENOENT);
	assert_int_equal(e.req.attempts, 1);
	desk_close(&d);
}

static void the_deadline_covers_all_attempts(void **state)
{
	struct desk d;
	struct errand e = {
		.req = {.verb = STORE_HEAD, .key = "k", .deadline_ms = 1000}};

	(void)state;
	desk_start(&d);
	errand_submit(&d, &e);
	assert_int_equal(fake_http_request(d.http, 0)->total_ms, 1000);
	desk_wait(&d, 990);
	fake_http_reply(d.http, 0, 500, NULL, NULL);
	desk_wait(&d, 9); /* a wait that fits into the 10 ms left, or none */
	if (fake_http_count(d.http) > 0) {
		assert_true(fake_http_request(d.http, 0)->total_ms < 10);
		desk_wait(&d, 10);
		fake_http_fail(d.http, 0, -ETIMEDOUT, true);
	}
	assert_int_equal(e.done, 1);
	assert_true(e.req.status == -EIO || e.req.status == -ETIMEDOUT);
	desk_close(&d);
}

static void a_request_that_gets_no_turn_ends_at_its_deadline(void **state)
{
	struct desk d;
	struct errand first, second;

	(void)state;
	desk_open(&d, 1, NULL);
	desk_client(&d);
	errand_send(&d, &first, STORE_HEAD, "1");
	errand_send(&d, &second, STORE_HEAD, "2");
	assert_int_equal(fake_http_count(d.http), 1);
	desk_wait(&d, 60 * SECOND - 1);
	assert_pending(&second);
	desk_wait(&d, 1);
	assert_ended(&second, -ETIMEDOUT);
	assert_int_equal(second.req.attempts, 0);
	assert_string_equal(second.req.err.text,
	                    "HeadObject '2': no turn within 60000 ms: too many "
	                    "requests wait");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&first, 0);
	desk_close(&d);
}

static void who_waits_gets_the_turn_of_who_leaves(void **state)
{
	struct desk d;
	struct errand e[3];

	(void)state;
	desk_open(&d, 1, NULL);
	desk_client(&d);
	errand_send(&d, &e[0], STORE_HEAD, "0");
	errand_send(&d, &e[1], STORE_HEAD, "1");
	errand_send(&d, &e[2], STORE_HEAD, "2");
	for (unsigned i = 0; i < 3; i++) {
		char line[] = "HEAD /bkt/0";

		line[10] = (char)('0' + i);
		assert_int_equal(fake_http_count(d.http), 1);
		assert_string_equal(fake_http_line(d.http, 0), line);
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
		assert_ended(&e[i], 0);
	}
	desk_close(&d);
}

static void slow_down_halves_the_window_and_success_opens_it(void **state)
{
	struct desk d;
	struct errand *e = calloc(24, sizeof(*e));

	(void)state;
	desk_start(&d); /* 8 at once */
	for (unsigned i = 0; i < 24; i++)
		errand_send(&d, &e[i], STORE_HEAD, "k");
	assert_int_equal(fake_http_count(d.http), 8);
	fake_http_reply(d.http, 0, 503, NULL, NULL); /* window: 4 */
	assert_int_equal(fake_http_count(d.http), 7);
	for (unsigned i = 0; i < 3; i++)
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_int_equal(fake_http_count(d.http), 4);
	for (unsigned i = 0; i < 4; i++)
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_int_equal(fake_http_count(d.http), 5); /* one more per window */
	desk_wait(&d, 10 * SECOND);
	while (fake_http_count(d.http) > 0)
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	for (unsigned i = 0; i < 24; i++)
		assert_ended(&e[i], 0);
	free(e);
	desk_close(&d);
}

static void clients_of_one_endpoint_share_its_gate(void **state)
{
	struct desk d;
	struct errand a, b;
	struct object_store *first;

	(void)state;
	desk_open(&d, 1, NULL);
	desk_client(&d);
	first = d.store;
	d.config.bucket = "other";
	desk_client(&d);
	errand_send(&d, &a, STORE_HEAD, "k");
	assert_string_equal(fake_http_line(d.http, 0), "HEAD /other/k");

	struct object_store *second = d.store;

	d.store = first;
	errand_send(&d, &b, STORE_HEAD, "k");
	assert_int_equal(fake_http_count(d.http), 1);
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_string_equal(fake_http_line(d.http, 0), "HEAD /bkt/k");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&a, 0);
	assert_ended(&b, 0);
	store_destroy(second);
	desk_close(&d);
}

static void a_refused_connection_is_safe_to_repeat(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_MPU_CREATE, "k");
	fake_http_fail(d.http, 0, -ECONNREFUSED, false);
	desk_wait(&d, 10 * SECOND);
	assert_int_equal(fake_http_count(d.http), 1);
	fake_http_reply(d.http, 0, 200, NULL,
	                "<InitiateMultipartUploadResult><UploadId>u1"
	                "</UploadId></InitiateMultipartUploadResult>");
	assert_ended(&e, 0);
	assert_string_equal(e.req.create.upload_id, "u1");
	desk_close(&d);
}

static void a_write_is_patient_with_a_server_that_is_away(void **state)
{
	struct desk d;
	struct errand put, head;

	(void)state;
	desk_start(&d);
	errand_put(&d, &put, "k", "text");
	errand_send(&d, &head, STORE_HEAD, "k");
	for (unsigned i = 0; i < 10; i++) { /* more than retry_attempts */
		while (fake_http_count(d.http) > 0)
			fake_http_fail(d.http, 0, -ECONNREFUSED, false);
		desk_wait(&d, 10 * SECOND);
	}
	assert_ended(&head, -ECONNREFUSED);
	assert_pending(&put);
	fake_http_reply(d.http, 0, 200, "ETag: \"e\"", NULL);
	assert_ended(&put, 0);
	assert_int_equal(put.req.attempts, 11);
	desk_close(&d);
}

static void a_server_away_till_the_deadline_is_told_as_such(void **state)
{
	struct desk d;
	struct errand put;

	(void)state;
	desk_start(&d);
	errand_put(&d, &put, "k", "text");
	for (unsigned i = 0; i < 301 && !put.done; i++) {
		if (fake_http_count(d.http) > 0)
			fake_http_fail(d.http, 0, -ECONNREFUSED, false);
		desk_wait(&d, SECOND);
	}
	assert_ended(&put, -ECONNREFUSED);
	assert_false(put.req.maybe_applied);
	desk_close(&d);
}

static void a_lost_reply_leaves_doubt_even_after_a_clear_answer(void **state)
{
	struct desk d;
	struct errand e = {.data = "text"};

	(void)state;
	desk_open(&d, 8, NULL);
	d.config.profile = "aws";
	desk_client(&d);
	e.slice = (struct slice){(uint8_t *)e.data, 4};
	e.req = (struct store_req){.verb = STORE_PUT,
	                           .key = "k",
	                           .if_none_match = "*",
	                           .put.body = {&e.slice, 1}};
	errand_submit(&d, &e);
	fake_http_fail(d.http, 0, -ECONNRESET, true);
	desk_wait(&d, 10 * SECOND);
	fake_http_reply(d.http, 0, 412, NULL, R_ERROR("PreconditionFailed"));
	assert_ended(&e, -EEXIST);
	assert_true(e.req.maybe_applied);
	desk_close(&d);
}

static void a_clear_refusal_leaves_no_doubt(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_put(&d, &e, "k", "text");
	fake_http_reply(d.http, 0, 403, NULL, R_ERROR("AccessDenied"));
	assert_ended(&e, -EACCES);
	assert_false(e.req.maybe_applied);
	desk_close(&d);
}

static void an_error_inside_a_200_is_an_error(void **state)
{
	struct desk d;
	struct errand e = {.req = {.verb = STORE_COPY, .key = "k"}};

	(void)state;
	desk_start(&d);
	e.req.copy.source = d.store;
	e.req.copy.source_key = "s";
	errand_submit(&d, &e);
	fake_http_reply(d.http, 0, 200, NULL, R_ERROR("InternalError"));
	assert_pending(&e);
	desk_wait(&d, 10 * SECOND);
	fake_http_reply(d.http, 0, 200, NULL,
	                "<CopyObjectResult><ETag>\"e2\"</ETag>"
	                "<LastModified>2015-08-30T12:00:00.000Z</LastModified>"
	                "</CopyObjectResult>");
	assert_ended(&e, 0);
	assert_string_equal(e.req.info.etag, "\"e2\"");
	assert_int_equal(e.req.attempts, 2);
	desk_close(&d);
}

static void junk_instead_of_xml_is_asked_for_again(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_LIST, NULL);
	for (unsigned i = 0; i < 4; i++) {
		fake_http_reply(d.http, 0, 200, NULL, "<ListBucketResult><Na");
		desk_wait(&d, 10 * SECOND);
	}
	assert_ended(&e, -EIO);
	assert_int_equal(e.req.attempts, 4);
	desk_close(&d);
}

static void a_request_that_cannot_be_is_never_sent(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "");
	assert_ended(&e, -EINVAL);
	assert_string_equal(e.req.err.text,
	                    "HeadObject '': an object's key must not be empty");
	assert_int_equal(fake_http_started(d.http), 0);
	desk_close(&d);
}

static void an_untrusted_certificate_is_final(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_start(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	fake_http_fail(d.http, 0, -EKEYREJECTED, false);
	assert_ended(&e, -EKEYREJECTED);
	assert_int_equal(e.req.attempts, 1);
	desk_close(&d);
}

static void exchanges_are_counted(void **state)
{
	struct desk d;
	struct errand put, head;
	struct s3_metrics *m;

	(void)state;
	desk_start(&d);
	m = &d.net->metrics;
	errand_put(&d, &put, "k", "text");
	assert_int_equal(metric_get(&m->in_flight), 1);
	desk_wait(&d, 30);
	fake_http_reply(d.http, 0, 200, "ETag: \"e\"", NULL);
	assert_int_equal(metric_get(&m->in_flight), 0);
	assert_int_equal(metric_get(&m->requests[STORE_PUT][S3_CLASS_2XX]), 1);
	assert_int_equal(metric_get(&m->bytes_out), 4);
	assert_int_equal(metric_get(&m->latency), 30);
	assert_int_equal(metric_get(&m->connections), 1);
	errand_send(&d, &head, STORE_HEAD, "k");
	fake_http_reply(d.http, 0, 404, NULL, NULL);
	assert_int_equal(metric_get(&m->requests[STORE_HEAD][S3_CLASS_4XX]), 1);

	struct str text = {0};

	metrics_render(d.metrics, &text);
	assert_non_null(strstr(
		str_text(&text),
		"porterfs_s3_requests_total{verb=\"PUT\",status=\"2xx\"} 1"));
	str_release(&text);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_request_is_one_request),
		cmocka_unit_test(what_changes_something_goes_out_once),
		cmocka_unit_test(a_busy_server_is_asked_again_after_a_wait),
		cmocka_unit_test(one_seed_is_one_sequence_of_waits),
		cmocka_unit_test(attempts_are_counted_and_end),
		cmocka_unit_test(a_final_answer_is_final),
		cmocka_unit_test(the_deadline_covers_all_attempts),
		cmocka_unit_test(
			a_request_that_gets_no_turn_ends_at_its_deadline),
		cmocka_unit_test(who_waits_gets_the_turn_of_who_leaves),
		cmocka_unit_test(
			slow_down_halves_the_window_and_success_opens_it),
		cmocka_unit_test(clients_of_one_endpoint_share_its_gate),
		cmocka_unit_test(a_refused_connection_is_safe_to_repeat),
		cmocka_unit_test(a_write_is_patient_with_a_server_that_is_away),
		cmocka_unit_test(
			a_server_away_till_the_deadline_is_told_as_such),
		cmocka_unit_test(
			a_lost_reply_leaves_doubt_even_after_a_clear_answer),
		cmocka_unit_test(a_clear_refusal_leaves_no_doubt),
		cmocka_unit_test(an_error_inside_a_200_is_an_error),
		cmocka_unit_test(junk_instead_of_xml_is_asked_for_again),
		cmocka_unit_test(a_request_that_cannot_be_is_never_sent),
		cmocka_unit_test(an_untrusted_certificate_is_final),
		cmocka_unit_test(exchanges_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
