/* SPDX-License-Identifier: MIT */
#include "contract.h"

#include "base/digest.h"

void contract_need(struct contract_env *env, bool can)
{
	(void)env;
	if (!can)
		skip();
}

bool contract_is(const struct contract_env *env, unsigned flag)
{
	return env->contract->flags & flag;
}

struct object_store *contract_other(struct contract_env *env)
{
	contract_need(env, !contract_is(env, CONTRACT_ONE_BUCKET));
	if (!env->other)
		env->other = env->contract->open(env->contract->ctx, "two");
	return env->other;
}

int contract_put(struct object_store *store, const char *key, const void *data,
                 size_t len)
{
	const struct slice slice = {(uint8_t *)(uintptr_t)data, len};
	struct store_req req = {
		.verb = STORE_PUT,
		.key = key,
		.put.body = {&slice, 1},
	};

	return store_call(store, &req);
}

int contract_put_text(struct object_store *store, const char *key,
                      const char *text)
{
	return contract_put(store, key, text, strlen(text));
}

int contract_put_if(struct object_store *store, const char *key,
                    const char *text, const char *if_match,
                    const char *if_none_match)
{
	const struct slice slice = {(uint8_t *)(uintptr_t)text, strlen(text)};
	struct store_req req = {
		.verb = STORE_PUT,
		.key = key,
		.if_match = if_match,
		.if_none_match = if_none_match,
		.put.body = {&slice, 1},
	};

	return store_call(store, &req);
}

int contract_get(struct object_store *store, const char *key, uint64_t offset,
                 uint64_t length, struct str *ret)
{
	struct slice slice = {malloc(length), length};
	struct store_req req = {
		.verb = STORE_GET,
		.key = key,
		.get = {.offset = offset, .length = length, .into = {&slice, 1}},
	};
	int r;

	assert_non_null(slice.data);
	r = store_call(store, &req);
	if (r == 0)
		str_add_mem(ret, slice.data, req.get.received);
	free(slice.data);
	return r;
}

int contract_head(struct object_store *store, const char *key,
                  struct object_info *ret)
{
	struct store_req req = {.verb = STORE_HEAD, .key = key};
	int r = store_call(store, &req);

	if (r == 0) {
		*ret = req.info;
		ret->headers = (struct store_headers){0};
	}
	return r;
}

int contract_delete(struct object_store *store, const char *key)
{
	struct store_req req = {.verb = STORE_DELETE, .key = key};

	return store_call(store, &req);
}

void contract_etag(struct object_store *store, const char *key,
                   char ret[STORE_ETAG_MAX])
{
	struct object_info info;

	assert_int_equal(contract_head(store, key, &info), 0);
	assert_int_equal(info.etag[0], '"');
	memcpy(ret, info.etag, STORE_ETAG_MAX);
}

void contract_has(struct object_store *store, const char *key, const void *data,
                  size_t len)
{
	struct str bytes = {0};

	assert_int_equal(contract_get(store, key, 0, len + 1, &bytes), 0);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.data, data, len);
	str_release(&bytes);
}

void contract_has_text(struct object_store *store, const char *key,
                       const char *text)
{
	contract_has(store, key, text, strlen(text));
}

/* A listing as it comes in. */
struct listing {
	struct str *text;
	char last[STORE_KEY_MAX + 1]; /* the entry before */
	char token[4096];
	bool more;
};

/* Append bytes, printable. */
static void add_printable(struct str *s, const char *text)
{
	for (; *text; text++) {
		if (*text > ' ' && *text < 0x7f && *text != '\\')
			str_add_char(s, *text);
		else
			str_addf(s, "\\x%02x", (unsigned char)*text);
	}
}

/* A request for a page and where its entries go. */
struct page_call {
	struct store_req req; /* first */
	struct listing *listing;
};

/* Writes down a page and checks its order. */
static void take_page(struct store_req *req)
{
	struct listing *listing = ((struct page_call *)(void *)req)->listing;
	const struct store_list *list = &req->list;

	if (req->status < 0)
		return;
	for (size_t i = 0; i < list->count; i++) {
		const struct store_entry *entry = &list->entries[i];

		if (strlen(entry->key) != entry->key_len ||
		    strcmp(listing->last, entry->key) >= 0)
			str_add(listing->text, "DISORDER ");
		(void)str_copy(listing->last, sizeof(listing->last),
		               entry->key);
		add_printable(listing->text, entry->key);
		if (!entry->is_prefix)
			str_addf(listing->text, " %llu",
			         (unsigned long long)entry->size);
		str_add_char(listing->text, '\n');
	}
	listing->more = list->next_token;
	if (listing->more &&
	    !str_copy(listing->token, sizeof(listing->token), list->next_token))
		str_add(listing->text, "TOKEN TOO LONG\n");
	if (list->max_keys > 0 && list->count > list->max_keys)
		str_add(listing->text, "PAGE TOO LONG\n");
}

void contract_list(struct object_store *store, const struct store_list *list,
                   struct str *ret)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	assert_non_null(listing);
	listing->text = ret;
	str_add(ret, "");
	do {
		struct page_call call = {
			.req = {.verb = STORE_LIST,
		                .list = *list,
		                .done = take_page},
			.listing = listing,
		};

		if (!call.req.list.prefix)
			call.req.list.prefix = "";
		if (listing->more)
			call.req.list.token = listing->token;
		assert_int_equal(store_call(store, &call.req), 0);
	} while (listing->more);
	free(listing);
}

void contract_lists(struct object_store *store, const struct store_list *list,
                    const char *expected)
{
	struct str text = {0};

	contract_list(store, list, &text);
	assert_string_equal(str_text(&text), expected);
	str_release(&text);
}

uint8_t *contract_bytes(size_t len, uint64_t seed)
{
	uint64_t *words = malloc(len + sizeof(*words));

	assert_non_null(words);
	for (uint64_t i = 0; i * sizeof(*words) < len; i++)
		words[i] = digest_xxh64(&i, sizeof(i), seed);
	return (uint8_t *)words;
}

void contract_create(struct object_store *store, const char *key,
                     char ret_id[STORE_UPLOAD_ID_MAX])
{
	struct store_req req = {.verb = STORE_MPU_CREATE, .key = key};

	assert_int_equal(store_call(store, &req), 0);
	memcpy(ret_id, req.create.upload_id, STORE_UPLOAD_ID_MAX);
}

int contract_part(struct object_store *store, const char *key, const char *id,
                  const uint8_t *data, size_t len, struct store_part_info *info)
{
	const struct slice slice = {(uint8_t *)(uintptr_t)data, len};
	struct store_req req = {
		.verb = STORE_MPU_PART,
		.key = key,
		.part = {.upload_id = id,
	                 .number = info->number,
	                 .body = {&slice, 1}},
	};
	int r = store_call(store, &req);

	info->size = len;
	if (r == 0)
		memcpy(info->etag, req.info.etag, sizeof(info->etag));
	return r;
}

int contract_complete(struct object_store *store, const char *key,
                      const char *id, const struct store_part_info *parts,
                      size_t count)
{
	struct store_req req = {
		.verb = STORE_MPU_COMPLETE,
		.key = key,
		.complete = {.upload_id = id, .parts = parts, .count = count},
	};

	return store_call(store, &req);
}

int contract_abort(struct object_store *store, const char *key, const char *id)
{
	struct store_req req = {
		.verb = STORE_MPU_ABORT,
		.key = key,
		.abort.upload_id = id,
	};

	return store_call(store, &req);
}

/* A test of the table and the contract it is for. */
struct planned {
	const struct store_contract *contract;
	const struct contract_test *test;
	struct contract_env env;
};

static int set_up(void **state)
{
	struct planned *planned = *state;
	const struct store_contract *contract = planned->contract;

	planned->env = (struct contract_env){
		.contract = contract,
		.store = contract->open(contract->ctx, "one"),
	};
	planned->env.limits = store_limits(planned->env.store);
	return 0;
}

static int tear_down(void **state)
{
	struct planned *planned = *state;
	const struct store_contract *contract = planned->contract;

	contract->close(contract->ctx, planned->env.store);
	if (planned->env.other)
		contract->close(contract->ctx, planned->env.other);
	return 0;
}

static void run(void **state)
{
	struct planned *planned = *state;

	planned->test->run(&planned->env);
}

/* Plan the tests of one array. */
static size_t plan(const struct store_contract *contract,
                   const struct contract_test *tests, size_t count,
                   struct planned *planned, struct CMUnitTest *ret)
{
	for (size_t i = 0; i < count; i++) {
		planned[i].contract = contract;
		planned[i].test = &tests[i];
		ret[i] = (struct CMUnitTest){
			.name = tests[i].name,
			.test_func = run,
			.setup_func = set_up,
			.teardown_func = tear_down,
			.initial_state = &planned[i],
		};
	}
	return count;
}

int store_contract_run(const struct store_contract *contract)
{
	size_t total = contract_object_count + contract_copy_count +
	               contract_list_count + contract_upload_count +
	               contract_thread_count;
	struct planned *planned = calloc(total, sizeof(*planned));
	struct CMUnitTest *tests = calloc(total, sizeof(*tests));
	size_t n = 0;
	int r;

	n += plan(contract, contract_object_tests, contract_object_count,
	          planned + n, tests + n);
	n += plan(contract, contract_copy_tests, contract_copy_count,
	          planned + n, tests + n);
	n += plan(contract, contract_list_tests, contract_list_count,
	          planned + n, tests + n);
	n += plan(contract, contract_upload_tests, contract_upload_count,
	          planned + n, tests + n);
	n += plan(contract, contract_thread_tests, contract_thread_count,
	          planned + n, tests + n);
	r = _cmocka_run_group_tests(contract->name, tests, n, NULL, NULL);
	free(tests);
	free(planned);
	return r;
}
