/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "base/timer.h"
#include "fake_store.h"
#include "fault_store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A fault store over a fake one, and a request to send through both. */
struct stack {
	struct clock clock; /* first: stack_ms() goes from it to the stack */
	uint64_t now_ms;
	struct fake_store *fake;
	struct fault_store *fault;
	struct object_store *store;
	struct timers *timers;
	uint8_t bytes[16];
	struct slice slice;
	unsigned done;
};

static uint64_t stack_ms(const struct clock *clock)
{
	return ((const struct stack *)(const void *)clock)->now_ms;
}

static int set_up(void **state)
{
	struct stack *s = calloc(1, sizeof(*s));

	s->clock.ms = stack_ms;
	if (timers_new_manual(&s->clock, &s->timers) < 0)
		return -1;
	s->fake = fake_store_new(NULL);
	s->fault = fault_store_new(fake_store_object_store(s->fake), s->timers);
	s->store = fault_store_object_store(s->fault);
	s->slice = (struct slice){s->bytes, sizeof(s->bytes)};
	memset(s->bytes, 'x', sizeof(s->bytes));
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct stack *s = *state;

	store_destroy(s->store); /* and the fake store below */
	timers_free(s->timers);
	free(s);
	return 0;
}

/* Counts calls of done(). */
static void count_done(struct store_req *req)
{
	((struct stack *)req->owner)->done++;
}

/* A PUT of the stack's bytes. */
static struct store_req put_of(struct stack *s, const char *key)
{
	return (struct store_req){
		.verb = STORE_PUT,
		.key = key,
		.put.body = {&s->slice, 1},
		.done = count_done,
		.owner = s,
	};
}

/* Whether key is in the fake store. */
static bool is_there(struct stack *s, const char *key)
{
	struct object_info info;

	return fake_store_stat(s->fake, key, &info) == 0;
}

/* Sends a PUT and waits for it. */
static int put(struct stack *s, const char *key)
{
	struct store_req req = put_of(s, key);

	req.done = NULL;
	return store_call(s->store, &req);
}

static void without_a_rule_everything_passes(void **state)
{
	struct stack *s = *state;

	assert_int_equal(put(s, "a"), 0);
	assert_true(is_there(s, "a"));
	assert_int_equal(fault_store_seen(s->fault), 1);
	assert_int_equal(fault_store_fired(s->fault), 0);
}

static void the_nth_request_fails_and_is_never_sent(void **state)
{
	struct stack *s = *state;

	(void)fault_store_add(s->fault,
	                      &(struct fault_rule){.nth = 2, .code = -EACCES});
	assert_int_equal(put(s, "a"), 0);
	assert_int_equal(put(s, "b"), -EACCES);
	assert_int_equal(put(s, "c"), 0);
	assert_false(is_there(s, "b"));
	assert_int_equal(fault_store_fired(s->fault), 1);
}

static void a_rule_picks_by_verb_and_key(void **state)
{
	struct stack *s = *state;
	struct store_req head = {.verb = STORE_HEAD, .key = "a"};

	(void)fault_store_add(s->fault, &(struct fault_rule){
						.verbs = FAULT_VERB(STORE_HEAD),
						.key = "a",
						.nth = 1,
						.count = 2,
					});
	assert_int_equal(put(s, "a"), 0);
	assert_int_equal(store_call(s->store, &head), -EIO);
	head.done = NULL;
	assert_int_equal(store_call(s->store, &head), -EIO);
	head.done = NULL;
	assert_int_equal(store_call(s->store, &head), 0);
	assert_int_equal(head.info.size, sizeof(s->bytes));
}

static void a_lost_reply_was_applied(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	(void)fault_store_add(s->fault, &(struct fault_rule){
						.action = FAULT_LOSE_REPLY,
						.code = -ETIMEDOUT,
					});
	store_submit(s->store, &req);
	assert_int_equal(s->done, 1);
	assert_int_equal(req.status, -ETIMEDOUT);
	assert_true(req.maybe_applied);
	assert_true(is_there(s, "a"));
}

static void a_cut_get_delivers_the_first_bytes(void **state)
{
	struct stack *s = *state;
	struct store_req get = {
		.verb = STORE_GET,
		.key = "a",
		.get = {.length = 16, .into = {&s->slice, 1}},
	};

	(void)fault_store_add(s->fault, &(struct fault_rule){
						.action = FAULT_CUT,
						.verbs = FAULT_VERB(STORE_GET),
						.bytes = 5,
					});
	assert_int_equal(fake_store_put_text(s->fake, "a", "0123456789abcdef"),
	                 0);
	assert_int_equal(store_call(s->store, &get), -EIO);
	assert_int_equal(get.get.received, 5);
	assert_int_equal(get.get.length, 16);
	assert_memory_equal(s->bytes, "01234xxx", 8);
}

static void held_requests_wait_for_the_test(void **state)
{
	struct stack *s = *state;
	struct store_req reqs[2] = {put_of(s, "a"), put_of(s, "b")};

	(void)fault_store_add(s->fault, &(struct fault_rule){
						.action = FAULT_HOLD,
						.count = 2,
						.nth = 1,
					});
	store_submit(s->store, &reqs[0]);
	store_submit(s->store, &reqs[1]);
	assert_int_equal(fault_store_held(s->fault), 2);
	assert_int_equal(fault_store_wait_held(s->fault, 2), 0);
	assert_int_equal(s->done, 0);
	assert_false(is_there(s, "a"));
	assert_int_equal(fault_store_release(s->fault, 0), 2);
	assert_int_equal(s->done, 2);
	assert_true(is_there(s, "a"));
	assert_true(is_there(s, "b"));
}

static void held_requests_can_fail_in_the_end(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	(void)fault_store_add(s->fault,
	                      &(struct fault_rule){.action = FAULT_HOLD});
	store_submit(s->store, &req);
	assert_int_equal(fault_store_release(s->fault, -EIO), 1);
	assert_int_equal(req.status, -EIO);
	assert_false(is_there(s, "a"));
}

static void a_held_reply_was_applied(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	(void)fault_store_add(s->fault,
	                      &(struct fault_rule){.action = FAULT_HOLD_REPLY});
	store_submit(s->store, &req);
	assert_int_equal(s->done, 0);
	assert_true(is_there(s, "a"));
	assert_int_equal(fault_store_release(s->fault, 0), 1);
	assert_int_equal(s->done, 1);
	assert_int_equal(req.status, 0);
	assert_string_not_equal(req.info.etag, "");
}

static void a_held_request_can_be_cancelled(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	(void)fault_store_add(s->fault,
	                      &(struct fault_rule){.action = FAULT_HOLD});
	store_submit(s->store, &req);
	store_cancel(s->store, &req);
	assert_int_equal(s->done, 0);
	assert_int_equal(timers_run(s->timers), 1);
	assert_int_equal(s->done, 1);
	assert_int_equal(req.status, -ECANCELED);
	assert_int_equal(fault_store_held(s->fault), 0);
	assert_int_equal(fault_store_release(s->fault, 0), 0);
	assert_false(is_there(s, "a"));
}

static void a_delayed_request_comes_late(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	(void)fault_store_add(s->fault, &(struct fault_rule){
						.action = FAULT_DELAY,
						.delay_ms = 100,
					});
	store_submit(s->store, &req);
	s->now_ms = 99;
	assert_int_equal(timers_run(s->timers), 0);
	s->now_ms = 100;
	assert_int_equal(timers_run(s->timers), 1);
	assert_int_equal(s->done, 1);
	assert_true(is_there(s, "a"));
}

static void a_cancel_reaches_the_store_below(void **state)
{
	struct stack *s = *state;
	struct store_req req = put_of(s, "a");

	fake_store_set_mode(s->fake, FAKE_QUEUE);
	store_submit(s->store, &req);
	store_cancel(s->store, &req);
	assert_int_equal(fake_store_run(s->fake), 1);
	assert_int_equal(req.status, -ECANCELED);
	assert_false(is_there(s, "a"));
}

static void a_copy_finds_its_source_through_the_layer(void **state)
{
	struct stack *s = *state;
	struct store_req copy = {
		.verb = STORE_COPY,
		.key = "b",
		.copy = {.source = s->store, .source_key = "a"},
	};

	assert_int_equal(put(s, "a"), 0);
	assert_int_equal(store_call(s->store, &copy), 0);
	assert_ptr_equal(copy.copy.source, s->store);
	assert_true(is_there(s, "b"));
}

/* Notes the names that a listing brought. */
static void note_names(struct store_req *req)
{
	assert_int_equal(req->list.count, 1);
	assert_string_equal(req->list.entries[0].key, "a");
}

static void listings_come_up_through_the_layer(void **state)
{
	struct stack *s = *state;
	struct store_req list = {
		.verb = STORE_LIST,
		.list.prefix = "",
		.done = note_names,
	};

	assert_int_equal(put(s, "a"), 0);
	assert_int_equal(store_call(s->store, &list), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(without_a_rule_everything_passes),
		T(the_nth_request_fails_and_is_never_sent),
		T(a_rule_picks_by_verb_and_key),
		T(a_lost_reply_was_applied),
		T(a_cut_get_delivers_the_first_bytes),
		T(held_requests_wait_for_the_test),
		T(held_requests_can_fail_in_the_end),
		T(a_held_reply_was_applied),
		T(a_held_request_can_be_cancelled),
		T(a_delayed_request_comes_late),
		T(a_cancel_reaches_the_store_below),
		T(a_copy_finds_its_source_through_the_layer),
		T(listings_come_up_through_the_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
