/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "fake_store.h"
#include "named_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
	struct fake_store *fake;
	struct object_store *store;
};

static void rig_init(struct rig *rig, enum fake_mode mode)
{
	const struct fake_store_config config = {.mode = mode};

	rig->fake = fake_store_new(&config);
	assert_non_null(rig->fake);
	assert_int_equal(named_store_new(fake_store_object_store(rig->fake),
	                                 &rig->store),
	                 0);
}

static void rig_end(struct rig *rig)
{
	store_destroy(rig->store);
	fake_store_free(rig->fake);
}

/* What was asked of the store below since the last time. */
static void asked(struct rig *rig, const char *expected)
{
	char *text = fake_store_take_transcript(rig->fake);

	assert_string_equal(text, expected);
	free(text);
}

static int ask(struct rig *rig, enum store_verb verb, const char *path)
{
	struct store_req req = {.verb = verb, .key = path};
	int status = store_call(rig->store, &req);

	assert_ptr_equal(req.key, path);
	return status;
}

/* A list that is asked for, and its paths, a line each. */
struct listing {
	struct store_req req;
	struct str text;
};

static void copy_list(struct store_req *req)
{
	struct listing *listing = container_of(req, struct listing, req);

	for (size_t i = 0; i < req->list.count; i++) {
		const struct store_entry *entry = &req->list.entries[i];

		assert_int_equal(strlen(entry->key), entry->key_len);
		str_addf(&listing->text, "%s\n", entry->key);
	}
}

static void lists(struct rig *rig, const char *prefix, const char *expected)
{
	struct listing listing = {
		.req = {.verb = STORE_LIST,
	                .list = {.prefix = prefix, .delimiter = "/"},
	                .done = copy_list},
	};

	assert_int_equal(store_call(rig->store, &listing.req), 0);
	assert_ptr_equal(listing.req.list.prefix, prefix);
	assert_string_equal(str_text(&listing.text), expected);
	str_release(&listing.text);
}

static void put(struct rig *rig, const char *key)
{
	assert_int_equal(fake_store_put_text(rig->fake, key, key), 0);
}

static void requests_go_down_with_keys(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	put(&rig, "a//..");
	assert_int_equal(ask(&rig, STORE_HEAD, "a/%x2F/%x2E%x2E"), 0);
	assert_int_equal(ask(&rig, STORE_HEAD, "100%.txt"), -ENOENT);
	assert_int_equal(ask(&rig, STORE_PUT, "caf%xE9"), 0);
	assert_int_equal(ask(&rig, STORE_DELETE, "a/%x2F/%x2E%x2E"), 0);
	asked(&rig, "HEAD a//..\nHEAD 100%.txt\nPUT caf\\xe9 0\n"
	            "DELETE a//..\n");
	rig_end(&rig);
}

static void lists_come_back_with_paths(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	put(&rig, "a/b");
	put(&rig, "a//b");
	put(&rig, "a/../c");
	put(&rig, "a/%x41");
	put(&rig, "/top");
	put(&rig, "\xff");
	lists(&rig, "", "%x2F/\na/\n%xFF\n");
	lists(&rig, "a/", "a/%x25x41\na/%x2E%x2E/\na/%x2F/\na/b\n");
	lists(&rig, "a/%x2F/", "a/%x2F/b\n");
	lists(&rig, "%x2F/", "%x2F/top\n");
	rig_end(&rig);
}

/* 260 bytes that are not UTF-8 are 1,040 as a name. */
static void what_has_too_long_a_path_is_left_out(void **state)
{
	char key[262];
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	memset(key, '\xfe', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	put(&rig, key);
	put(&rig, "a");
	lists(&rig, "", "a\n");
	rig_end(&rig);
}

static void what_no_object_can_be_is_answered_here(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	put(&rig, "a/");
	assert_int_equal(ask(&rig, STORE_HEAD, "a/%x2F"), -ENOENT);
	assert_int_equal(ask(&rig, STORE_GET, "a/%x41"), -ENOENT);
	assert_int_equal(ask(&rig, STORE_PUT, "a/%x41"), -EINVAL);
	assert_int_equal(ask(&rig, STORE_DELETE, "a/%x2F"), -EINVAL);
	lists(&rig, "a%x00/", "");
	asked(&rig, "");
	rig_end(&rig);
}

static void copies_find_their_sources(void **state)
{
	struct store_req req = {.verb = STORE_COPY, .key = "b/%x2F/c"};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	put(&rig, "..");
	req.copy.source = rig.store;
	req.copy.source_key = "%x2E%x2E";
	assert_int_equal(store_call(rig.store, &req), 0);
	assert_ptr_equal(req.copy.source, rig.store);
	assert_string_equal(req.copy.source_key, "%x2E%x2E");
	asked(&rig, "COPY b//c from ..\n");
	rig_end(&rig);
}

static void many_deletes_go_down_with_keys(void **state)
{
	const char *const keys[] = {"a", "%x2E", "b%x00"};
	int results[3] = {1, 1, 1};
	struct store_req req = {
		.verb = STORE_DELETE_MANY,
		.delete_many = {.keys = keys, .count = 3, .results = results},
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	put(&rig, "b");
	put(&rig, ".");
	assert_int_equal(store_call(rig.store, &req), 0);
	assert_ptr_equal(req.delete_many.keys, keys);
	asked(&rig, "DELETE_MANY a . b\n");
	assert_int_equal(fake_store_count(rig.fake), 0);
	rig_end(&rig);
}

/* A request that is looked at from outside. */
struct flying {
	struct store_req req;
	int done;
};

static void landed(struct store_req *req)
{
	container_of(req, struct flying, req)->done++;
}

static void what_is_below_can_be_cancelled(void **state)
{
	static const char *const paths[] = {"a", "%x2E", NULL};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_QUEUE);
	for (size_t i = 0; i < 3; i++) {
		struct flying flying = {
			.req = {.verb = paths[i] ? STORE_HEAD : STORE_LIST,
		                .key = paths[i],
		                .done = landed},
		};

		if (!paths[i])
			flying.req.list.prefix = "";
		store_submit(rig.store, &flying.req);
		assert_int_equal(flying.done, 0);
		store_cancel(rig.store, &flying.req);
		(void)fake_store_run(rig.fake);
		assert_int_equal(flying.done, 1);
		assert_int_equal(flying.req.status, -ECANCELED);
		assert_true(flying.req.done == landed);
	}
	rig_end(&rig);
}

/* A GET whose owner hears of every byte. */
struct reading {
	struct store_req req;
	char text[8];
	struct slice slice;
	uint64_t told;
};

static void read_more(struct store_req *req)
{
	struct reading *reading = req->owner;

	assert_ptr_equal(&reading->req, req);
	reading->told = req->get.received;
}

static void read_to_the_end(struct store_req *req)
{
	struct reading *reading = req->owner;

	assert_ptr_equal(&reading->req, req);
	assert_true(req->get.progress == read_more);
}

static void a_reader_hears_of_progress(void **state)
{
	struct reading reading = {
		.req = {.verb = STORE_GET,
	                .key = "%x2E",
	                .get = {.length = 8, .progress = read_more},
	                .done = read_to_the_end,
	                .owner = &reading},
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, FAKE_INLINE);
	assert_int_equal(fake_store_put_text(rig.fake, ".", "eight..."), 0);
	reading.slice = (struct slice){(uint8_t *)reading.text, 8};
	reading.req.get.into = (struct chain){&reading.slice, 1};
	store_submit(rig.store, &reading.req);
	assert_int_equal(reading.req.status, 0);
	assert_int_equal(reading.told, 8);
	assert_memory_equal(reading.text, "eight...", 8);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_go_down_with_keys),
		cmocka_unit_test(lists_come_back_with_paths),
		cmocka_unit_test(what_has_too_long_a_path_is_left_out),
		cmocka_unit_test(what_no_object_can_be_is_answered_here),
		cmocka_unit_test(copies_find_their_sources),
		cmocka_unit_test(many_deletes_go_down_with_keys),
		cmocka_unit_test(what_is_below_can_be_cancelled),
		cmocka_unit_test(a_reader_hears_of_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
