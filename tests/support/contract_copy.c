/* SPDX-License-Identifier: MIT */
/* The contract of headers, metadata and copies. */
#include "contract.h"

static const struct store_meta some_meta[] = {
	{"mtime", "1700000000.123456789"},
	{"mode", "33188"},
	{"empty-not", "x"},
	{"words", "two words"},
};
static const struct store_headers some_headers = {
	.content_type = "text/plain; charset=utf-8",
	.content_encoding = "gzip",
	.cache_control = "max-age=60",
	.content_disposition = "attachment; filename=\"a b.txt\"",
	.meta = some_meta,
	.meta_count = 4,
};
static const struct store_meta other_meta[] = {{"other", "1"}};
static const struct store_headers other_headers = {
	.content_type = "image/png",
	.meta = other_meta,
	.meta_count = 1,
};

/* A HEAD or GET and what its headers are expected to be. */
struct header_call {
	struct store_req req; /* first */
	const struct store_headers *expected;
	char wrong[128]; /* what is not, "" = nothing */
};

/* Notes a header that is not as expected. */
static void compare(struct header_call *call, const char *name,
                    const char *expected, const char *found)
{
	/* Servers may make up a content type where none was given. */
	if (!expected)
		return;
	if (!found || strcmp(expected, found) != 0)
		(void)str_copy(call->wrong, sizeof(call->wrong), name);
}

/* The value of a name, or NULL. */
static const char *find(const struct store_headers *headers, const char *name)
{
	for (size_t i = 0; i < headers->meta_count; i++) {
		if (strcmp(headers->meta[i].name, name) == 0)
			return headers->meta[i].value;
	}
	return NULL;
}

/* done(): the only place where headers are there. */
static void check_headers(struct store_req *req)
{
	struct header_call *call = (struct header_call *)(void *)req;
	const struct store_headers *found = &req->info.headers;
	const struct store_headers *expected = call->expected;

	compare(call, "content-type", expected->content_type,
	        found->content_type);
	compare(call, "content-encoding", expected->content_encoding,
	        found->content_encoding);
	compare(call, "cache-control", expected->cache_control,
	        found->cache_control);
	compare(call, "content-disposition", expected->content_disposition,
	        found->content_disposition);
	if (found->meta_count != expected->meta_count)
		(void)str_copy(call->wrong, sizeof(call->wrong), "count");
	for (size_t i = 0; i < expected->meta_count; i++)
		compare(call, expected->meta[i].name, expected->meta[i].value,
		        find(found, expected->meta[i].name));
}

/* Asserts that an object has these headers, by HEAD and by GET. */
static void has_headers(struct object_store *store, const char *key,
                        const struct store_headers *expected)
{
	uint8_t room[1];
	struct slice slice = {room, 1};
	struct header_call head = {
		.req = {.verb = STORE_HEAD, .key = key, .done = check_headers},
		.expected = expected,
	};
	struct header_call get = {
		.req = {.verb = STORE_GET,
	                .key = key,
	                .get = {.length = 1, .into = {&slice, 1}},
	                .done = check_headers},
		.expected = expected,
	};

	assert_int_equal(store_call(store, &head.req), 0);
	assert_string_equal(head.wrong, "");
	assert_int_equal(store_call(store, &get.req), 0);
	assert_string_equal(get.wrong, "");
}

/* PUT with headers. */
static int put_with(struct object_store *store, const char *key,
                    const char *text, const struct store_headers *headers)
{
	const struct slice slice = {(uint8_t *)(uintptr_t)text, strlen(text)};
	struct store_req req = {
		.verb = STORE_PUT,
		.key = key,
		.put = {.body = {&slice, 1}, .headers = *headers},
	};

	return store_call(store, &req);
}

/* COPY; headers NULL = keep the source's. */
static int copy(struct object_store *from, const char *source,
                struct object_store *to, const char *key,
                const struct store_headers *headers)
{
	struct store_req req = {
		.verb = STORE_COPY,
		.key = key,
		.copy = {.source = from, .source_key = source},
	};

	if (headers) {
		req.copy.replace_headers = true;
		req.copy.headers = *headers;
	}
	return store_call(to, &req);
}

static void headers_and_metadata_come_back(struct contract_env *env)
{
	assert_int_equal(put_with(env->store, "a", "x", &some_headers), 0);
	has_headers(env->store, "a", &some_headers);
	assert_int_equal(put_with(env->store, "a", "x", &other_headers), 0);
	has_headers(env->store, "a", &other_headers);
}

static void metadata_holds_any_text(struct contract_env *env)
{
	const struct store_meta meta[] = {
		{"utf8", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
		{"latin", "\xfc\xff"},
		{"percent", "%41%zz"},
		{"quotes", "\"\\\""},
		{"control", "a\tb\x01"},
	};
	const struct store_headers headers = {.meta = meta, .meta_count = 5};

	contract_need(env, !contract_is(env, CONTRACT_PLAIN_KEYS));
	assert_int_equal(put_with(env->store, "a", "x", &headers), 0);
	has_headers(env->store, "a", &headers);
}

static void too_much_metadata_is_refused(struct contract_env *env)
{
	contract_need(env, env->limits->meta_max > 0 &&
	                           !contract_is(env, CONTRACT_SLOW));

	char *value = calloc(1, env->limits->meta_max + 2);
	const struct store_meta meta = {"name", value};
	const struct store_headers headers = {.meta = &meta, .meta_count = 1};

	memset(value, 'v', env->limits->meta_max - 4);
	assert_int_equal(put_with(env->store, "a", "x", &headers), 0);
	value[env->limits->meta_max - 4] = 'v';
	assert_true(put_with(env->store, "b", "x", &headers) < 0);
	contract_lists(env->store, &(struct store_list){0}, "a 1\n");
	free(value);
}

static void a_copy_keeps_the_headers(struct contract_env *env)
{
	assert_int_equal(put_with(env->store, "a", "text", &some_headers), 0);
	assert_int_equal(copy(env->store, "a", env->store, "b/c", NULL), 0);
	contract_has_text(env->store, "b/c", "text");
	has_headers(env->store, "b/c", &some_headers);
	contract_has_text(env->store, "a", "text");
}

static void a_copy_can_replace_the_headers(struct contract_env *env)
{
	assert_int_equal(put_with(env->store, "a", "text", &some_headers), 0);
	assert_int_equal(copy(env->store, "a", env->store, "b", &other_headers),
	                 0);
	has_headers(env->store, "b", &other_headers);
	has_headers(env->store, "a", &some_headers);
}

static void an_object_can_be_copied_onto_itself(struct contract_env *env)
{
	assert_int_equal(put_with(env->store, "a", "text", &some_headers), 0);
	assert_int_equal(copy(env->store, "a", env->store, "a", &other_headers),
	                 0);
	has_headers(env->store, "a", &other_headers);
	contract_has_text(env->store, "a", "text");
}

static void a_copy_tells_its_etag(struct contract_env *env)
{
	struct store_req req = {
		.verb = STORE_COPY,
		.key = "b",
		.copy = {.source = env->store, .source_key = "a"},
	};
	char etag[STORE_ETAG_MAX];

	assert_int_equal(contract_put_text(env->store, "a", "text"), 0);
	assert_int_equal(store_call(env->store, &req), 0);
	contract_etag(env->store, "b", etag);
	assert_string_equal(req.info.etag, etag);
}

static void an_empty_object_can_be_copied(struct contract_env *env)
{
	struct object_info info;

	assert_int_equal(contract_put(env->store, "a", "", 0), 0);
	assert_int_equal(copy(env->store, "a", env->store, "b", NULL), 0);
	assert_int_equal(contract_head(env->store, "b", &info), 0);
	assert_int_equal(info.size, 0);
}

static void a_copy_goes_between_buckets(struct contract_env *env)
{
	struct object_store *other = contract_other(env);

	assert_int_equal(put_with(env->store, "a", "text", &some_headers), 0);
	assert_int_equal(contract_put_text(other, "a", "mine"), 0);
	assert_int_equal(copy(env->store, "a", other, "b", NULL), 0);
	contract_has_text(other, "b", "text");
	has_headers(other, "b", &some_headers);
	contract_has_text(other, "a", "mine");
	contract_lists(env->store, &(struct store_list){0}, "a 4\n");
}

static void a_copy_of_nothing_is_enoent(struct contract_env *env)
{
	assert_int_equal(copy(env->store, "a", env->store, "b", NULL), -ENOENT);
	contract_lists(env->store, &(struct store_list){0}, "");
}

static void a_copy_can_pin_its_source(struct contract_env *env)
{
	char etag[STORE_ETAG_MAX];
	struct store_req req = {
		.verb = STORE_COPY,
		.key = "b",
		.copy = {.source = env->store,
	                 .source_key = "a",
	                 .source_if_match = etag},
	};

	contract_need(env, env->limits->copy_source_match);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", etag);
	assert_int_equal(store_call(env->store, &req), 0);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	req.done = NULL;
	assert_int_equal(store_call(env->store, &req), -ESTALE);
	contract_has_text(env->store, "b", "one");
}

static void a_copy_heeds_what_is_at_its_target(struct contract_env *env)
{
	struct store_req req = {
		.verb = STORE_COPY,
		.key = "b",
		.if_none_match = "*",
		.copy = {.source = env->store, .source_key = "a"},
	};
	int r;

	contract_need(env, env->limits->copy_conditions);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	assert_int_equal(store_call(env->store, &req), 0);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	req.done = NULL;
	r = store_call(env->store, &req);
	assert_true(r == -EEXIST || r == -ESTALE);
	contract_has_text(env->store, "b", "one");
}

const struct contract_test contract_copy_tests[] = {
	CONTRACT_TEST(headers_and_metadata_come_back),
	CONTRACT_TEST(metadata_holds_any_text),
	CONTRACT_TEST(too_much_metadata_is_refused),
	CONTRACT_TEST(a_copy_keeps_the_headers),
	CONTRACT_TEST(a_copy_can_replace_the_headers),
	CONTRACT_TEST(an_object_can_be_copied_onto_itself),
	CONTRACT_TEST(a_copy_tells_its_etag),
	CONTRACT_TEST(an_empty_object_can_be_copied),
	CONTRACT_TEST(a_copy_goes_between_buckets),
	CONTRACT_TEST(a_copy_of_nothing_is_enoent),
	CONTRACT_TEST(a_copy_can_pin_its_source),
	CONTRACT_TEST(a_copy_heeds_what_is_at_its_target),
};
const size_t contract_copy_count =
	sizeof(contract_copy_tests) / sizeof(contract_copy_tests[0]);
