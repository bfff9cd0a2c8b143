/* SPDX-License-Identifier: MIT */
/* The contract of verbs on single objects. */
#include "contract.h"

static void what_was_put_can_be_read(struct contract_env *env)
{
	struct object_info info;

	assert_int_equal(contract_put_text(env->store, "a", "hello"), 0);
	contract_has_text(env->store, "a", "hello");
	assert_int_equal(contract_head(env->store, "a", &info), 0);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.parts, 0);
	assert_int_equal(info.mtime.tv_nsec, 0);
	assert_true(info.mtime.tv_sec > 1500000000);
}

static void what_is_not_there_is_enoent(struct contract_env *env)
{
	struct object_info info;
	struct str bytes = {0};

	assert_int_equal(contract_head(env->store, "a", &info), -ENOENT);
	assert_int_equal(contract_get(env->store, "a", 0, 1, &bytes), -ENOENT);
	assert_int_equal(contract_put_text(env->store, "a", "x"), 0);
	assert_int_equal(contract_head(env->store, "a/b", &info), -ENOENT);
	assert_int_equal(contract_head(env->store, "a/", &info), -ENOENT);
	assert_int_equal(contract_put_text(env->store, "d/e", "x"), 0);
	assert_int_equal(contract_head(env->store, "d", &info), -ENOENT);
	assert_int_equal(contract_head(env->store, "d/", &info), -ENOENT);
	assert_int_equal(bytes.len, 0);
}

static void a_failure_has_a_story(struct contract_env *env)
{
	struct store_req req = {.verb = STORE_HEAD, .key = "nothing/here"};

	assert_int_equal(store_call(env->store, &req), -ENOENT);
	assert_int_equal(req.err.code, -ENOENT);
	assert_non_null(strstr(req.err.text, "nothing/here"));
	assert_true(req.attempts >= 1);
	assert_false(req.maybe_applied);
}

static void an_empty_object_is_an_object(struct contract_env *env)
{
	struct object_info info;
	struct str bytes = {0};

	assert_int_equal(contract_put(env->store, "empty", "", 0), 0);
	assert_int_equal(contract_head(env->store, "empty", &info), 0);
	assert_int_equal(info.size, 0);
	assert_int_equal(contract_get(env->store, "empty", 0, 1, &bytes),
	                 -ESTALE);
	contract_lists(env->store, &(struct store_list){0}, "empty 0\n");
}

static void an_object_without_any_slice_is_empty(struct contract_env *env)
{
	struct store_req req = {.verb = STORE_PUT, .key = "empty"};
	struct object_info info;

	assert_int_equal(store_call(env->store, &req), 0);
	assert_int_equal(contract_head(env->store, "empty", &info), 0);
	assert_int_equal(info.size, 0);
}

static void a_range_is_what_was_asked_for(struct contract_env *env)
{
	struct str bytes = {0};

	assert_int_equal(contract_put_text(env->store, "a", "0123456789"), 0);
	assert_int_equal(contract_get(env->store, "a", 3, 4, &bytes), 0);
	assert_string_equal(str_text(&bytes), "3456");
	str_reset(&bytes);
	assert_int_equal(contract_get(env->store, "a", 9, 1, &bytes), 0);
	assert_string_equal(str_text(&bytes), "9");
	str_reset(&bytes);
	assert_int_equal(contract_get(env->store, "a", 0, 10, &bytes), 0);
	assert_string_equal(str_text(&bytes), "0123456789");
	str_release(&bytes);
}

static void a_range_ends_where_the_object_ends(struct contract_env *env)
{
	struct str bytes = {0};

	assert_int_equal(contract_put_text(env->store, "a", "0123456789"), 0);
	assert_int_equal(contract_get(env->store, "a", 7, 1000, &bytes), 0);
	assert_string_equal(str_text(&bytes), "789");
	str_release(&bytes);
}

static void a_range_past_the_end_is_stale(struct contract_env *env)
{
	struct str bytes = {0};

	assert_int_equal(contract_put_text(env->store, "a", "0123456789"), 0);
	assert_int_equal(contract_get(env->store, "a", 10, 1, &bytes), -ESTALE);
	assert_int_equal(contract_get(env->store, "a", 1000, 5, &bytes),
	                 -ESTALE);
	assert_int_equal(bytes.len, 0);
}

/* Cut len bytes at data into count slices of uneven lengths, some empty. */
static void cut(uint8_t *data, size_t len, struct slice *slices, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		size_t n = i % 5 == 4 ? 0 : (len / count) + i % 3;

		if (i + 1 == count || n > len - at)
			n = len - at;
		slices[i] = (struct slice){data + at, n};
		at += n;
	}
	assert_int_equal(at, len);
}

static void bytes_go_through_chains_of_any_cut(struct contract_env *env)
{
	enum {
		LEN = 3000017,
		SLICES = 201
	};
	uint8_t *data = contract_bytes(LEN, 1);
	uint8_t *room = calloc(1, LEN);
	struct slice *slices = calloc(SLICES, sizeof(*slices));
	struct store_req put = {
		.verb = STORE_PUT,
		.key = "a",
		.put.body = {slices, SLICES},
	};
	struct store_req get = {
		.verb = STORE_GET,
		.key = "a",
		.get = {.offset = 5,
	                .length = LEN - 5,
	                .into = {slices, SLICES}},
	};

	cut(data, LEN, slices, SLICES);
	assert_int_equal(store_call(env->store, &put), 0);
	contract_has(env->store, "a", data, LEN);
	cut(room, LEN - 5, slices, SLICES);
	assert_int_equal(store_call(env->store, &get), 0);
	assert_int_equal(get.get.received, LEN - 5);
	assert_memory_equal(room, data + 5, LEN - 5);
	free(slices);
	free(room);
	free(data);
}

/* What progress() has told of a GET. */
struct progress_call {
	struct store_req req; /* first */
	unsigned calls;
	uint64_t last;
	bool wrong;
	const uint8_t *data;
	const uint8_t *room;
};

/* Bytes only ever become more, and those told of are there. */
static void progressed(struct store_req *req)
{
	struct progress_call *call = (struct progress_call *)(void *)req;
	uint64_t received = req->get.received;

	if (call->calls == 0 &&
	    (received != 0 || req->info.size == 0 || !req->info.etag[0]))
		call->wrong = true;
	if (received < call->last ||
	    memcmp(call->room, call->data, received) != 0)
		call->wrong = true;
	call->calls++;
	call->last = received;
}

static void progress_tells_of_bytes_that_are_there(struct contract_env *env)
{
	enum {
		LEN = 5000000
	};
	uint8_t *data = contract_bytes(LEN, 2);
	uint8_t *room = calloc(1, LEN);
	struct slice slice = {room, LEN};
	struct progress_call call = {
		.req = {.verb = STORE_GET,
	                .key = "a",
	                .get = {.length = LEN,
	                        .into = {&slice, 1},
	                        .progress = progressed}},
		.data = data,
		.room = room,
	};

	assert_int_equal(contract_put(env->store, "a", data, LEN), 0);
	assert_int_equal(store_call(env->store, &call.req), 0);
	assert_false(call.wrong);
	assert_true(call.calls >= 2);
	assert_int_equal(call.last, LEN);
	free(room);
	free(data);
}

/* Every way to be odd; all of them listed in byte order. */
static const char *const odd_keys[] = {
	"\x01",     "\n",    " ",         "!",
	"%",        "%+",    "%2E",       "+",
	".",        "..",    "../x",      "...",
	"./x",      "/",     "//",        "/a",
	"100%.txt", "a//b",  "b\\c",      "dir/",
	"dir/%",    "dir/x", "e?f&g=h#i", "x%2Fy",
	"~",        "\x7f",  "\xc3\x9f",  "\xe2\x82\xac/\xf0\x9f\x98\x80",
	"\xff\xfe", /* the last: no UTF-8 */
};
#define ODD_KEYS (sizeof(odd_keys) / sizeof(odd_keys[0]))

static void keys_may_be_odd(struct contract_env *env)
{
	size_t keys = ODD_KEYS - contract_is(env, CONTRACT_UTF8_KEYS);

	contract_need(env, !contract_is(env, CONTRACT_PLAIN_KEYS));
	for (size_t i = 0; i < keys; i++)
		assert_int_equal(contract_put_text(env->store, odd_keys[i],
		                                   odd_keys[i]),
		                 0);

	struct str text = {0};
	size_t lines = 0;

	contract_list(env->store, &(struct store_list){0}, &text);
	assert_null(strstr(str_text(&text), "DISORDER"));
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	assert_int_equal(lines, keys);
	str_release(&text);

	for (size_t i = 0; i < keys; i++) {
		contract_has_text(env->store, odd_keys[i], odd_keys[i]);
		assert_int_equal(contract_delete(env->store, odd_keys[i]), 0);
	}
	contract_lists(env->store, &(struct store_list){0}, "");
}

static void a_key_may_be_any_single_byte(struct contract_env *env)
{
	unsigned end = contract_is(env, CONTRACT_UTF8_KEYS) ? 128 : 256;

	contract_need(env, !contract_is(env, CONTRACT_PLAIN_KEYS));
	for (unsigned c = 1; c < end; c++) {
		const char key[2] = {(char)c, '\0'};

		assert_int_equal(contract_put_text(env->store, key, key), 0);
	}
	for (unsigned c = 1; c < end; c++) {
		const char key[2] = {(char)c, '\0'};

		contract_has_text(env->store, key, key);
	}
}

static void a_key_has_up_to_1024_bytes(struct contract_env *env)
{
	char key[STORE_KEY_MAX + 2];

	contract_need(env, !env->limits->plain_key_tree);
	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(contract_put_text(env->store, key, "x"),
	                 -ENAMETOOLONG);
	key[STORE_KEY_MAX] = '\0';
	assert_int_equal(contract_put_text(env->store, key, "1024"), 0);
	key[900] = '\0';
	assert_int_equal(contract_put_text(env->store, key, "900"), 0);
	key[300] = '/';
	assert_int_equal(contract_put_text(env->store, key, "300/599"), 0);
	contract_has_text(env->store, key, "300/599");
	key[300] = 'k';
	contract_has_text(env->store, key, "900");
	key[900] = 'k';
	contract_has_text(env->store, key, "1024");
	assert_int_equal(contract_put_text(env->store, "", "x"), -EINVAL);
}

static void a_file_may_be_beside_its_directory(struct contract_env *env)
{
	contract_need(env, !env->limits->plain_key_tree);
	assert_int_equal(contract_put_text(env->store, "a", "file"), 0);
	assert_int_equal(contract_put_text(env->store, "a/b", "inside"), 0);
	assert_int_equal(contract_put_text(env->store, "a/", "marker"), 0);
	assert_int_equal(contract_put_text(env->store, "a/b/c", "deeper"), 0);
	contract_has_text(env->store, "a", "file");
	contract_has_text(env->store, "a/", "marker");
	contract_has_text(env->store, "a/b", "inside");
	contract_lists(env->store, &(struct store_list){0},
	               "a 4\na/ 6\na/b 6\na/b/c 6\n");
	contract_lists(env->store, &(struct store_list){.delimiter = "/"},
	               "a 4\na/\n");

	/* Written again while aside, and when it no longer is. */
	assert_int_equal(contract_put_text(env->store, "a", "again"), 0);
	contract_has_text(env->store, "a", "again");
	assert_int_equal(contract_delete(env->store, "a/b/c"), 0);
	assert_int_equal(contract_delete(env->store, "a/b"), 0);
	assert_int_equal(contract_delete(env->store, "a/"), 0);
	contract_has_text(env->store, "a", "again");
	assert_int_equal(contract_put_text(env->store, "a", "last"), 0);
	contract_lists(env->store, &(struct store_list){0}, "a 4\n");
	assert_int_equal(contract_delete(env->store, "a"), 0);
	contract_lists(env->store, &(struct store_list){0}, "");
}

static void an_overwrite_has_another_etag(struct contract_env *env)
{
	char first[STORE_ETAG_MAX];
	char second[STORE_ETAG_MAX];

	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", first);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	contract_etag(env->store, "a", second);
	assert_string_not_equal(first, second);
	contract_has_text(env->store, "a", "two");
}

static void a_put_tells_its_etag(struct contract_env *env)
{
	struct store_req req = {.verb = STORE_PUT, .key = "a"};
	char etag[STORE_ETAG_MAX];

	assert_int_equal(store_call(env->store, &req), 0);
	contract_etag(env->store, "a", etag);
	assert_string_equal(req.info.etag, etag);
}

static void if_none_match_makes_only_what_is_not_there(struct contract_env *env)
{
	int r;

	contract_need(env, env->limits->put_if_none_match);
	assert_int_equal(contract_put_if(env->store, "a", "one", NULL, "*"), 0);
	r = contract_put_if(env->store, "a", "two", NULL, "*");
	assert_true(r == -EEXIST || r == -ESTALE);
	contract_has_text(env->store, "a", "one");
}

static void if_match_replaces_only_what_is_known(struct contract_env *env)
{
	char first[STORE_ETAG_MAX];
	char second[STORE_ETAG_MAX];
	int absent =
		contract_is(env, CONTRACT_MATCH_ABSENT) ? -ESTALE : -ENOENT;

	contract_need(env, env->limits->put_if_match);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", first);
	assert_int_equal(contract_put_if(env->store, "a", "two", first, NULL),
	                 0);
	contract_etag(env->store, "a", second);
	assert_int_equal(contract_put_if(env->store, "a", "three", first, NULL),
	                 -ESTALE);
	contract_has_text(env->store, "a", "two");
	assert_int_equal(contract_put_if(env->store, "b", "x", second, NULL),
	                 absent);
	assert_int_equal(contract_delete(env->store, "a"), 0);
	assert_int_equal(contract_put_if(env->store, "a", "four", second, NULL),
	                 absent);
}

static void a_read_can_be_pinned(struct contract_env *env)
{
	char etag[STORE_ETAG_MAX];
	uint8_t room[8];
	struct slice slice = {room, sizeof(room)};
	struct store_req get = {
		.verb = STORE_GET,
		.key = "a",
		.if_match = etag,
		.get = {.length = 8, .into = {&slice, 1}},
	};
	struct store_req head = {
		.verb = STORE_HEAD,
		.key = "a",
		.if_match = etag,
	};

	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", etag);
	assert_int_equal(store_call(env->store, &get), 0);
	assert_int_equal(get.get.received, 3);
	assert_string_equal(get.info.etag, etag);
	assert_int_equal(get.info.size, 3);
	assert_int_equal(store_call(env->store, &head), 0);

	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	get.done = head.done = NULL;
	assert_int_equal(store_call(env->store, &get), -ESTALE);
	assert_int_equal(get.get.received, 0);
	assert_int_equal(store_call(env->store, &head), -ESTALE);
}

static void an_unchanged_object_need_not_be_read(struct contract_env *env)
{
	char etag[STORE_ETAG_MAX];
	uint8_t room[8];
	struct slice slice = {room, sizeof(room)};
	struct store_req get = {
		.verb = STORE_GET,
		.key = "a",
		.if_none_match = etag,
		.get = {.length = 8, .into = {&slice, 1}},
	};

	contract_need(env, !contract_is(env, CONTRACT_NO_304));
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", etag);
	assert_int_equal(store_call(env->store, &get), -EEXIST);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	get.done = NULL;
	assert_int_equal(store_call(env->store, &get), 0);
}

static void what_is_deleted_is_gone(struct contract_env *env)
{
	struct object_info info;

	assert_int_equal(contract_put_text(env->store, "a/b", "x"), 0);
	assert_int_equal(contract_delete(env->store, "a/b"), 0);
	assert_int_equal(contract_head(env->store, "a/b", &info), -ENOENT);
	contract_lists(env->store, &(struct store_list){.delimiter = "/"}, "");
}

static void deleting_what_is_not_there_is_fine(struct contract_env *env)
{
	assert_int_equal(contract_delete(env->store, "a"), 0);
	assert_int_equal(contract_delete(env->store, "a/b/c"), 0);
	assert_int_equal(contract_put_text(env->store, "a", "x"), 0);
	assert_int_equal(contract_delete(env->store, "a/b"), 0);
	assert_int_equal(contract_delete(env->store, "a/"), 0);
	contract_has_text(env->store, "a", "x");
}

static void delete_if_match_spares_what_changed(struct contract_env *env)
{
	char etag[STORE_ETAG_MAX];
	struct store_req req = {
		.verb = STORE_DELETE,
		.key = "a",
		.if_match = etag,
	};

	contract_need(env, env->limits->delete_if_match);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", etag);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	assert_int_equal(store_call(env->store, &req), -ESTALE);
	contract_has_text(env->store, "a", "two");
	contract_etag(env->store, "a", etag);
	req.done = NULL;
	assert_int_equal(store_call(env->store, &req), 0);
	contract_lists(env->store, &(struct store_list){0}, "");
}

static void many_are_deleted_at_once(struct contract_env *env)
{
	static const char *const keys[] = {"a", "d/b", "missing", "d/e/f"};
	int results[4] = {1, 1, 1, 1};
	struct store_req req = {
		.verb = STORE_DELETE_MANY,
		.delete_many = {.keys = keys, .count = 4, .results = results},
	};

	assert_int_equal(contract_put_text(env->store, "a", "x"), 0);
	assert_int_equal(contract_put_text(env->store, "d/b", "x"), 0);
	assert_int_equal(contract_put_text(env->store, "d/e/f", "x"), 0);
	assert_int_equal(contract_put_text(env->store, "d/keep", "x"), 0);
	assert_int_equal(store_call(env->store, &req), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(results[i], 0);
	contract_lists(env->store, &(struct store_list){0}, "d/keep 1\n");
}

const struct contract_test contract_object_tests[] = {
	CONTRACT_TEST(what_was_put_can_be_read),
	CONTRACT_TEST(what_is_not_there_is_enoent),
	CONTRACT_TEST(a_failure_has_a_story),
	CONTRACT_TEST(an_empty_object_is_an_object),
	CONTRACT_TEST(an_object_without_any_slice_is_empty),
	CONTRACT_TEST(a_range_is_what_was_asked_for),
	CONTRACT_TEST(a_range_ends_where_the_object_ends),
	CONTRACT_TEST(a_range_past_the_end_is_stale),
	CONTRACT_TEST(bytes_go_through_chains_of_any_cut),
	CONTRACT_TEST(progress_tells_of_bytes_that_are_there),
	CONTRACT_TEST(keys_may_be_odd),
	CONTRACT_TEST(a_key_may_be_any_single_byte),
	CONTRACT_TEST(a_key_has_up_to_1024_bytes),
	CONTRACT_TEST(a_file_may_be_beside_its_directory),
	CONTRACT_TEST(an_overwrite_has_another_etag),
	CONTRACT_TEST(a_put_tells_its_etag),
	CONTRACT_TEST(if_none_match_makes_only_what_is_not_there),
	CONTRACT_TEST(if_match_replaces_only_what_is_known),
	CONTRACT_TEST(a_read_can_be_pinned),
	CONTRACT_TEST(an_unchanged_object_need_not_be_read),
	CONTRACT_TEST(what_is_deleted_is_gone),
	CONTRACT_TEST(deleting_what_is_not_there_is_fine),
	CONTRACT_TEST(delete_if_match_spares_what_changed),
	CONTRACT_TEST(many_are_deleted_at_once),
};
const size_t contract_object_count =
	sizeof(contract_object_tests) / sizeof(contract_object_tests[0]);
