/* SPDX-License-Identifier: MIT */
/* The contract of listings, by example and against a model. */
#include "base/digest.h"
#include "contract.h"

#include <stdio.h>

/* Puts objects of 1, 2, 3 ... bytes. */
static void fill(struct object_store *store, const char *const *keys,
                 size_t count)
{
	char bytes[64];

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(contract_put(store, keys[i], bytes,
		                              (i + 1) % sizeof(bytes)),
		                 0);
}

static void an_empty_bucket_lists_nothing(struct contract_env *env)
{
	contract_lists(env->store, &(struct store_list){0}, "");
	contract_lists(env->store, &(struct store_list){.prefix = "a/"}, "");
	contract_lists(env->store, &(struct store_list){.delimiter = "/"}, "");
}

static void keys_come_in_byte_order(struct contract_env *env)
{
	static const char *const keys[] = {
		"b", "a/b", "a-b", "a0", "a.b", "B", "a/", "a/b/c", "\xc3\xa4",
	};

	contract_need(env, !env->limits->plain_key_tree);
	fill(env->store, keys, 9);
	contract_lists(env->store, &(struct store_list){0},
	               "B 6\na-b 3\na.b 5\na/ 7\na/b 2\na/b/c 8\na0 4\nb 1\n"
	               "\\xc3\\xa4 9\n");
	contract_lists(env->store, &(struct store_list){.delimiter = "/"},
	               "B 6\na-b 3\na.b 5\na/\na0 4\nb 1\n\\xc3\\xa4 9\n");
}

static void a_prefix_need_not_end_at_a_slash(struct contract_env *env)
{
	static const char *const keys[] = {
		"a", "ab/x", "abc", "abd/e/f", "ac", "b/ab",
	};

	fill(env->store, keys, 6);
	contract_lists(env->store, &(struct store_list){.prefix = "ab"},
	               "ab/x 2\nabc 3\nabd/e/f 4\n");
	contract_lists(env->store,
	               &(struct store_list){.prefix = "ab", .delimiter = "/"},
	               "ab/\nabc 3\nabd/\n");
	contract_lists(env->store,
	               &(struct store_list){.prefix = "abd/e",
	                                    .delimiter = "/"},
	               "abd/e/\n");
	contract_lists(env->store, &(struct store_list){.prefix = "abx"}, "");
	contract_lists(env->store, &(struct store_list){.prefix = "a/b/c"}, "");
}

static void a_directory_lists_its_children_only(struct contract_env *env)
{
	static const char *const keys[] = {
		"d/", "d/a", "d/b/c", "d/b/d", "d/e", "other/x", "dd",
	};

	fill(env->store, keys, 7);
	contract_lists(env->store,
	               &(struct store_list){.prefix = "d/", .delimiter = "/"},
	               "d/ 1\nd/a 2\nd/b/\nd/e 5\n");
	contract_lists(env->store, &(struct store_list){.prefix = "d/"},
	               "d/ 1\nd/a 2\nd/b/c 3\nd/b/d 4\nd/e 5\n");
}

static void pages_of_one_entry_miss_nothing(struct contract_env *env)
{
	static const char *const keys[] = {
		"a", "b/c", "b/d/e", "b/d/f", "c/", "d-", "d/x", "e",
	};

	fill(env->store, keys, 8);
	contract_lists(env->store, &(struct store_list){.max_keys = 1},
	               "a 1\nb/c 2\nb/d/e 3\nb/d/f 4\nc/ 5\nd- 6\nd/x 7\n"
	               "e 8\n");
	contract_lists(env->store,
	               &(struct store_list){.delimiter = "/", .max_keys = 1},
	               "a 1\nb/\nc/\nd- 6\nd/\ne 8\n");
	contract_lists(env->store,
	               &(struct store_list){
			       .prefix = "b/", .delimiter = "/", .max_keys = 1},
	               "b/c 2\nb/d/\n");
}

static void a_listing_can_start_behind_a_key(struct contract_env *env)
{
	static const char *const keys[] = {"a", "b", "c/d", "c/e", "f"};

	fill(env->store, keys, 5);
	contract_lists(env->store, &(struct store_list){.start_after = "a"},
	               "b 2\nc/d 3\nc/e 4\nf 5\n");
	contract_lists(env->store, &(struct store_list){.start_after = "c/d"},
	               "c/e 4\nf 5\n");
	contract_lists(env->store, &(struct store_list){.start_after = "bb"},
	               "c/d 3\nc/e 4\nf 5\n");
	contract_lists(env->store,
	               &(struct store_list){.start_after = "a", .max_keys = 2},
	               "b 2\nc/d 3\nc/e 4\nf 5\n");
	contract_lists(env->store, &(struct store_list){.start_after = "f"},
	               "");
	contract_lists(env->store,
	               &(struct store_list){.prefix = "c/",
	                                    .start_after = "c/d"},
	               "c/e 4\n");
}

/* A page that is compared with HEAD afterwards. */
struct entry_call {
	struct store_req req; /* first */
	char etag[STORE_ETAG_MAX];
	uint64_t size;
	time_t mtime;
	size_t count;
};

/* Copies the only entry. */
static void take_entry(struct store_req *req)
{
	struct entry_call *call = (struct entry_call *)(void *)req;

	call->count = req->list.count;
	if (call->count != 1)
		return;
	(void)str_copy(call->etag, sizeof(call->etag),
	               req->list.entries[0].etag);
	call->size = req->list.entries[0].size;
	call->mtime = req->list.entries[0].mtime.tv_sec;
}

static void a_listing_says_what_head_says(struct contract_env *env)
{
	struct object_info info;
	struct entry_call call = {
		.req = {.verb = STORE_LIST,
	                .list.prefix = "",
	                .done = take_entry},
	};

	assert_int_equal(contract_put_text(env->store, "d/a", "text"), 0);
	assert_int_equal(store_call(env->store, &call.req), 0);
	assert_int_equal(call.count, 1);
	assert_int_equal(contract_head(env->store, "d/a", &info), 0);
	assert_string_equal(call.etag, info.etag);
	assert_int_equal(call.size, info.size);
	assert_int_equal(call.mtime, info.mtime.tv_sec);
}

static void more_than_a_page_is_listed_whole(struct contract_env *env)
{
	enum {
		COUNT = 2345
	};
	struct str expected = {0};
	struct str found = {0};
	char key[32];

	contract_need(env, !contract_is(env, CONTRACT_SLOW));
	for (unsigned i = 0; i < COUNT; i++) {
		(void)snprintf(key, sizeof(key), "d/%05u", (i * 7919) % COUNT);
		assert_int_equal(contract_put(env->store, key, "", 0), 0);
		str_addf(&expected, "d/%05u 0\n", i);
	}
	contract_list(env->store, &(struct store_list){.prefix = "d/"}, &found);
	assert_string_equal(str_text(&found), str_text(&expected));
	str_reset(&found);
	contract_list(env->store,
	              &(struct store_list){.prefix = "d/",
	                                   .delimiter = "/",
	                                   .max_keys = 100},
	              &found);
	assert_string_equal(str_text(&found), str_text(&expected));

	/* A change between two looks is seen. */
	assert_int_equal(contract_delete(env->store, "d/00000"), 0);
	str_reset(&found);
	contract_list(env->store, &(struct store_list){.prefix = "d/"}, &found);
	assert_string_equal(str_text(&found),
	                    str_text(&expected) + strlen("d/00000 0\n"));
	str_release(&found);
	str_release(&expected);
}

/* The model: a sorted array of keys. */
struct model {
	char *keys[400];
	size_t count;
};

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Put another random key into store and model, unless it is there. */
static void add_random(struct contract_env *env, struct model *model,
                       uint64_t seed)
{
	static const char alphabet[] = "ab/-0";
	size_t len = 1 + digest_xxh64("len", 3, seed) % 9;
	char key[16] = "";

	for (size_t i = 0; i < len; i++)
		key[i] = alphabet[digest_xxh64(&i, sizeof(i), seed) % 5];
	for (size_t i = 0; i < model->count; i++) {
		if (strcmp(model->keys[i], key) == 0)
			return;
	}
	model->keys[model->count++] = strdup(key);
	assert_int_equal(contract_put(env->store, key, "", 0), 0);
}

/* The entry that stands for key: its length, and whether it is a prefix. */
static size_t entry_of(const struct store_list *list, const char *key,
                       bool *ret_prefix)
{
	const char *slash = list->delimiter
	                            ? strchr(key + strlen(list->prefix), '/')
	                            : NULL;

	*ret_prefix = slash;
	return slash ? (size_t)(slash - key) + 1 : strlen(key);
}

/* What a listing must say. */
static void expect(const struct model *model, const struct store_list *list,
                   struct str *ret)
{
	char last[16] = "";

	str_add(ret, "");
	for (size_t i = 0; i < model->count; i++) {
		const char *key = model->keys[i];
		char entry[16] = "";
		bool is_prefix;

		if (!str_starts(key, list->prefix))
			continue;
		memcpy(entry, key, entry_of(list, key, &is_prefix));
		if (list->start_after && strcmp(entry, list->start_after) <= 0)
			continue;
		if (is_prefix && strcmp(entry, last) == 0)
			continue;
		memcpy(last, entry, sizeof(last));
		str_addf(ret, is_prefix ? "%s\n" : "%s 0\n", entry);
	}
}

/* Ask one random question. */
static void ask(struct contract_env *env, const struct model *model,
                uint64_t seed)
{
	const char *some = model->keys[seed % model->count];
	char prefix[16] = "";
	struct str expected = {0};
	struct store_list list = {
		.prefix = prefix,
		.delimiter = seed % 2 ? "/" : NULL,
		.max_keys = (unsigned)(seed / 2 % 4) * 3,
	};

	memcpy(prefix, some, (seed / 8) % (strlen(some) + 1) / 2);
	/* With a delimiter only AWS itself knows what it means. */
	if (seed % 3 == 0 && !list.delimiter)
		list.start_after = model->keys[(seed / 5) % model->count];
	expect(model, &list, &expected);
	contract_lists(env->store, &list, str_text(&expected));
	str_release(&expected);
}

static void random_listings_agree_with_a_model(struct contract_env *env)
{
	contract_need(env, !env->limits->plain_key_tree);

	unsigned keys = contract_is(env, CONTRACT_SLOW) ? 60 : 400;
	unsigned questions = contract_is(env, CONTRACT_SLOW) ? 60 : 1000;
	struct model *model = calloc(1, sizeof(*model));

	for (unsigned i = 0; i < keys; i++)
		add_random(env, model, i);
	qsort(model->keys, model->count, sizeof(model->keys[0]), compare_keys);
	for (unsigned i = 0; i < questions; i++)
		ask(env, model, digest_xxh64(&i, sizeof(i), 7));
	for (size_t i = 0; i < model->count; i++)
		assert_int_equal(contract_delete(env->store, model->keys[i]),
		                 0);
	contract_lists(env->store, &(struct store_list){0}, "");
	for (size_t i = 0; i < model->count; i++)
		free(model->keys[i]);
	free(model);
}

const struct contract_test contract_list_tests[] = {
	CONTRACT_TEST(an_empty_bucket_lists_nothing),
	CONTRACT_TEST(keys_come_in_byte_order),
	CONTRACT_TEST(a_prefix_need_not_end_at_a_slash),
	CONTRACT_TEST(a_directory_lists_its_children_only),
	CONTRACT_TEST(pages_of_one_entry_miss_nothing),
	CONTRACT_TEST(a_listing_can_start_behind_a_key),
	CONTRACT_TEST(a_listing_says_what_head_says),
	CONTRACT_TEST(more_than_a_page_is_listed_whole),
	CONTRACT_TEST(random_listings_agree_with_a_model),
};
const size_t contract_list_count =
	sizeof(contract_list_tests) / sizeof(contract_list_tests[0]);
