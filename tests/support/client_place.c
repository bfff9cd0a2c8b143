/* SPDX-License-Identifier: MIT */
#include "client_place.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEADLINE_MS 60000
#define PAGE        100 /* names that are looked at together */

void client_place_open(struct client_place *place, const char *endpoint,
                       const char *access_key_id, const char *secret_access_key)
{
	struct err why = {0};

	assert_true(
		str_copy(place->endpoint, sizeof(place->endpoint), endpoint));
	assert_true(str_copy(place->access_key_id, sizeof(place->access_key_id),
	                     access_key_id));
	assert_true(str_copy(place->secret_access_key,
	                     sizeof(place->secret_access_key),
	                     secret_access_key));
	assert_int_equal(timers_new(clock_system(), &place->timers), 0);

	const struct s3_net_config config = {.threads = 2,
	                                     .max_connections = 32,
	                                     .clock = clock_system(),
	                                     .timers = place->timers};

	if (s3_net_new(&config, &place->net, &why) < 0)
		fail_msg("%s", why.text);
}

void client_place_close(struct client_place *place)
{
	s3_net_free(place->net);
	timers_free(place->timers);
	*place = (struct client_place){0};
}

struct object_store *client_place_store(struct client_place *place,
                                        const char *bucket)
{
	const struct s3_client_config config = {
		.name = bucket,
		.bucket = bucket,
		.endpoint = place->endpoint,
		.creds = {.access_key_id = place->access_key_id,
	                  .secret_access_key = place->secret_access_key},
		.retry_attempts = 4,
		.op_deadline_ms = DEADLINE_MS,
		.write_deadline_ms = DEADLINE_MS,
		.retry_seed = 1,
	};
	struct object_store *store = NULL;
	struct err why = {0};

	if (s3_client_new(place->net, &config, &store, &why) < 0 ||
	    s3_client_probe(store, &why) < 0)
		fail_msg("%s", why.text);
	return store;
}

/* Names copied in done(), where they live. */
struct names {
	char *keys[PAGE];
	char *ids[PAGE];
	size_t count;
};

static void keep_keys(struct store_req *req)
{
	struct names *names = (struct names *)(uintptr_t)req->version;

	req->version = NULL;
	for (size_t i = 0; req->status == 0 && i < req->list.count; i++)
		names->keys[names->count++] = strndup(
			req->list.entries[i].key, req->list.entries[i].key_len);
}

static void keep_uploads(struct store_req *req)
{
	struct names *names = (struct names *)(uintptr_t)req->version;
	const struct store_list_uploads *list = &req->list_uploads;

	req->version = NULL;
	for (size_t i = 0; req->status == 0 && i < list->count && i < PAGE;
	     i++) {
		names->ids[names->count] = strdup(list->uploads[i].upload_id);
		names->keys[names->count++] = strdup(list->uploads[i].key);
	}
}

/* Ask, or fail with the store's own words. */
static void ok(struct object_store *store, struct store_req *req)
{
	if (store_call(store, req) < 0)
		fail_msg("%s", req->err.text);
}

/* One page of objects; how many there were. */
static size_t delete_page(struct object_store *store)
{
	struct names names = {.count = 0};
	int results[PAGE];
	struct store_req list = {.verb = STORE_LIST,
	                         .list = {.prefix = "", .max_keys = PAGE},
	                         .version = (const char *)&names,
	                         .done = keep_keys};

	ok(store, &list);
	if (names.count == 0)
		return 0;

	struct store_req delete_many = {
		.verb = STORE_DELETE_MANY,
		.delete_many = {.keys = (const char *const *)names.keys,
	                        .count = names.count,
	                        .results = results}};

	ok(store, &delete_many);
	for (size_t i = 0; i < names.count; i++)
		free(names.keys[i]);
	return names.count;
}

/* One page of uploads; how many there were. */
static size_t abort_page(struct object_store *store)
{
	struct names names = {.count = 0};
	struct store_req list = {.verb = STORE_MPU_LIST,
	                         .list_uploads = {.prefix = ""},
	                         .version = (const char *)&names,
	                         .done = keep_uploads};

	ok(store, &list);
	for (size_t i = 0; i < names.count; i++) {
		struct store_req abort_it = {.verb = STORE_MPU_ABORT,
		                             .key = names.keys[i],
		                             .abort = {names.ids[i]}};

		ok(store, &abort_it);
		free(names.keys[i]);
		free(names.ids[i]);
	}
	return names.count;
}

void client_place_empty(struct object_store *store)
{
	while (delete_page(store) > 0)
		continue;
	while (abort_page(store) > 0)
		continue;
}
