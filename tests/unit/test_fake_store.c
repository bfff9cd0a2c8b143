/* SPDX-License-Identifier: MIT */
/* The fake store's own sides: transcript, modes, cancellation, remote client.
 * What every store must do is in the store contract. */
#include "fake_store.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

/* A PUT of a text. */
static struct store_req put_of(const char *key, struct slice *slice,
                               const char *text)
{
	*slice = (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
	return (struct store_req){
		.verb = STORE_PUT,
		.key = key,
		.put.body = {slice, 1},
	};
}

/* Counts calls of done(). */
static void count_done(struct store_req *req)
{
	++*(unsigned *)req->owner;
}

/* Whether what was asked so far is expected; starts a fresh page. */
static void assert_transcript(struct fake_store *fake, const char *expected)
{
	char *text = fake_store_take_transcript(fake);

	assert_string_equal(text, expected);
	free(text);
}

/* Sends one request that is to succeed. */
static void send(struct object_store *store, struct store_req req)
{
	assert_int_equal(store_call(store, &req), 0);
}

static void the_transcript_tells_what_was_asked(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	struct object_store *store = fake_store_object_store(fake);
	struct slice slice = {calloc(1, 5 * MIB), 5 * MIB};
	const struct chain chain = {&slice, 1};

	(void)state;
	send(store, (struct store_req){.verb = STORE_PUT,
	                               .key = "a b",
	                               .if_none_match = "*",
	                               .put.body = chain});
	send(store,
	     (struct store_req){
		     .verb = STORE_GET,
		     .key = "a b",
		     .if_match = "*",
		     .get = {.offset = 1, .length = 100, .into = chain}});
	send(store, (struct store_req){.verb = STORE_LIST,
	                               .list = {.prefix = "d/",
	                                        .delimiter = "/",
	                                        .start_after = "d/x",
	                                        .max_keys = 7}});
	send(store,
	     (struct store_req){.verb = STORE_DELETE, .key = "\xc3\x9f"});
	assert_transcript(fake, "PUT a\\x20b 5242880 if-none-match=*\n"
	                        "GET a\\x20b 1-100 if-match=*\n"
	                        "LIST prefix=d/ delimiter=/ start-after=d/x "
	                        "max-keys=7\n"
	                        "DELETE \\xc3\\x9f\n");
	free(slice.data);
	fake_store_free(fake);
}

static void the_transcript_tells_of_uploads(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	struct object_store *store = fake_store_object_store(fake);
	struct slice slice = {calloc(1, 1000), 1000};

	(void)state;
	assert_int_equal(fake_store_put_text(fake, "a b", "0123456789"), 0);
	send(store, (struct store_req){.verb = STORE_MPU_CREATE, .key = "big"});
	send(store, (struct store_req){.verb = STORE_MPU_PART,
	                               .key = "big",
	                               .part = {.upload_id = "upload-1",
	                                        .number = 1,
	                                        .body = {&slice, 1}}});
	send(store, (struct store_req){.verb = STORE_MPU_PART_COPY,
	                               .key = "big",
	                               .part = {.upload_id = "upload-1",
	                                        .number = 2,
	                                        .source = store,
	                                        .source_key = "a b",
	                                        .source_offset = 1,
	                                        .source_length = 2}});
	assert_transcript(fake, "MPU_CREATE big\n"
	                        "MPU_PART big 1 1000\n"
	                        "MPU_PART_COPY big 2 from a\\x20b 1-2\n");
	assert_int_equal(fake_store_open_uploads(fake), 1);
	assert_int_equal(fake_store_open_parts(fake, "big"), 2);
	free(slice.data);
	fake_store_free(fake);
}

static void bytes_are_counted(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	struct object_store *store = fake_store_object_store(fake);
	uint8_t room[8];
	struct slice slice;
	struct slice into = {room, sizeof(room)};
	struct store_req put = put_of("a", &slice, "0123456789");
	struct store_req get = {
		.verb = STORE_GET,
		.key = "a",
		.get = {.offset = 7, .length = 8, .into = {&into, 1}}};
	struct fake_stats stats;

	(void)state;
	assert_int_equal(store_call(store, &put), 0);
	assert_int_equal(store_call(store, &get), 0);
	fake_store_get_stats(fake, &stats);
	assert_int_equal(stats.bytes_in, 10);
	assert_int_equal(stats.bytes_out, 3);
	assert_int_equal(stats.requests[STORE_PUT], 1);
	assert_int_equal(stats.requests[STORE_GET], 1);
	fake_store_free(fake);
}

static void queued_requests_wait_until_they_are_run(void **state)
{
	struct fake_store *fake =
		fake_store_new(&(struct fake_store_config){.mode = FAKE_QUEUE});
	struct object_store *store = fake_store_object_store(fake);
	unsigned done = 0;
	struct slice slices[2];
	struct store_req puts[2] = {
		put_of("a", &slices[0], "one"),
		put_of("b", &slices[1], "two"),
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		puts[i].done = count_done;
		puts[i].owner = &done;
		store_submit(store, &puts[i]);
	}
	assert_int_equal(done, 0);
	assert_int_equal(fake_store_waiting(fake), 2);
	assert_int_equal(fake_store_run_nth(fake, 1), 1);
	assert_int_equal(done, 1);

	char *list = fake_store_list(fake);

	assert_string_equal(list, "b 3\n");
	free(list);
	assert_int_equal(fake_store_run(fake), 1);
	assert_int_equal(done, 2);
	assert_int_equal(fake_store_count(fake), 2);
	fake_store_free(fake);
}

static void a_cancelled_request_changes_nothing(void **state)
{
	struct fake_store *fake =
		fake_store_new(&(struct fake_store_config){.mode = FAKE_QUEUE});
	struct object_store *store = fake_store_object_store(fake);
	unsigned done = 0;
	struct slice slice;
	struct store_req put = put_of("a", &slice, "one");

	(void)state;
	put.done = count_done;
	put.owner = &done;
	store_submit(store, &put);
	store_cancel(store, &put);
	assert_int_equal(done, 0);
	assert_int_equal(fake_store_run(fake), 1);
	assert_int_equal(done, 1);
	assert_int_equal(put.status, -ECANCELED);
	assert_int_equal(fake_store_count(fake), 0);
	fake_store_free(fake);
}

static void a_thread_answers_after_the_latency(void **state)
{
	struct fake_store *fake = fake_store_new(&(struct fake_store_config){
		.mode = FAKE_THREAD, .latency_ms = 20});
	struct object_store *store = fake_store_object_store(fake);
	struct timespec start;
	struct timespec end;
	struct slice slice;
	struct store_req put = put_of("a", &slice, "one");

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(store_call(store, &put), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec -
	                    start.tv_nsec >=
	            20000000);
	fake_store_free(fake);
}

static void the_thread_ends_a_cancelled_request_at_once(void **state)
{
	struct fake_store *fake = fake_store_new(&(struct fake_store_config){
		.mode = FAKE_THREAD, .latency_ms = 3600 * 1000});
	struct object_store *store = fake_store_object_store(fake);
	unsigned done = 0;
	struct slice slice;
	struct store_req put = put_of("a", &slice, "one");

	(void)state;
	put.done = count_done;
	put.owner = &done;
	store_submit(store, &put);
	store_cancel(store, &put);
	while (fake_store_waiting(fake) > 0)
		(void)sched_yield();
	fake_store_free(fake); /* waits for the thread */
	assert_int_equal(done, 1);
	assert_int_equal(put.status, -ECANCELED);
}

static void a_remote_client_leaves_no_trace(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	const struct store_meta meta = {"mtime", "42"};
	const struct store_headers headers = {
		.content_type = "text/plain",
		.meta = &meta,
		.meta_count = 1,
	};
	struct object_info info;
	struct str bytes = {0};

	(void)state;
	assert_int_equal(fake_store_put(fake, "a", "abc", 3, &headers), 0);
	assert_int_equal(fake_store_get(fake, "a", &bytes), 0);
	assert_string_equal(str_text(&bytes), "abc");
	str_release(&bytes);
	assert_int_equal(fake_store_stat(fake, "a", &info), 0);
	assert_string_equal(info.etag, "\"900150983cd24fb0d6963f7d28e17f72\"");
	assert_int_equal(info.size, 3);

	char *value = fake_store_header(fake, "a", "mtime");

	assert_string_equal(value, "42");
	free(value);
	value = fake_store_header(fake, "a", "content-type");
	assert_string_equal(value, "text/plain");
	free(value);
	assert_null(fake_store_header(fake, "a", "other"));

	assert_int_equal(fake_store_delete(fake, "a"), 0);
	assert_int_equal(fake_store_delete(fake, "a"), -ENOENT);
	assert_int_equal(fake_store_stat(fake, "a", &info), -ENOENT);
	assert_transcript(fake, "");
	fake_store_free(fake);
}

static void a_plain_key_tree_has_no_file_beside_its_directory(void **state)
{
	struct fake_store *plain = fake_store_new(NULL);
	struct store_limits limits =
		*store_limits(fake_store_object_store(plain));
	struct slice slice;

	(void)state;
	limits.plain_key_tree = true;
	struct fake_store *fake =
		fake_store_new(&(struct fake_store_config){.limits = &limits});
	struct object_store *store = fake_store_object_store(fake);
	struct store_req under = put_of("a/b", &slice, "x");
	struct store_req above = put_of("a", &slice, "x");
	struct store_req below = put_of("a/b/c", &slice, "x");
	struct store_req marker = put_of("a/", &slice, "x");

	assert_int_equal(store_call(store, &under), 0);
	assert_int_equal(store_call(store, &above), -EISDIR);
	assert_int_equal(store_call(store, &below), -ENOTDIR);
	assert_int_equal(store_call(store, &marker), 0);
	fake_store_free(fake);
	fake_store_free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_transcript_tells_what_was_asked),
		cmocka_unit_test(the_transcript_tells_of_uploads),
		cmocka_unit_test(bytes_are_counted),
		cmocka_unit_test(queued_requests_wait_until_they_are_run),
		cmocka_unit_test(a_cancelled_request_changes_nothing),
		cmocka_unit_test(a_thread_answers_after_the_latency),
		cmocka_unit_test(the_thread_ends_a_cancelled_request_at_once),
		cmocka_unit_test(a_remote_client_leaves_no_trace),
		cmocka_unit_test(
			a_plain_key_tree_has_no_file_beside_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
