/* SPDX-License-Identifier: MIT */
#include "fault_cell.h"

#include "base/timer.h"
#include "fake_store.h"
#include "s3/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SIZE ((size_t)100000) /* bytes of every object */

/* Long enough for all retries, short enough to wait for. */
#define DEADLINE_MS 1500
#define ATTEMPTS    4

/* Everything between the request and the bucket. */
struct place {
	struct fault_cell *cell;
	struct fake_store *fake;
	struct s3peer *peer;
	struct timers *timers;
	struct s3_net *net;
	struct object_store *store;
	atomic_uint injected;
	atomic_uint committed;
	char upload_id[STORE_UPLOAD_ID_MAX];
	struct store_part_info part; /* of that upload */
	uint8_t *old;
	uint8_t *new;
	uint8_t *got;
	size_t listed; /* entries that a list handed back */
};

/* The peer's thread: count what concerns the cell's verb. */
static void observe(void *ctx, const struct s3peer_event *event)
{
	struct place *place = ctx;

	if (strcmp(event->verb, store_verb_name(place->cell->verb)) != 0)
		return;
	place->injected += event->fault != NULL;
	place->committed += event->committed;
}

/* Bytes that differ by seed. */
static uint8_t *bytes(uint32_t seed)
{
	uint8_t *data = malloc(SIZE);

	for (size_t i = 0; data && i < SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
	return data;
}

/* The bucket: objects "k" and "src", an upload of "big" with one part. */
static bool furnish(struct place *place)
{
	struct object_store *store = fake_store_object_store(place->fake);
	struct store_req create = {.verb = STORE_MPU_CREATE, .key = "big"};
	const struct slice slice = {place->old, SIZE};

	if (!place->old || !place->new || !place->got ||
	    fake_store_put(place->fake, "k", place->old, SIZE, NULL) < 0 ||
	    fake_store_put(place->fake, "src", place->new, SIZE, NULL) < 0 ||
	    store_call(store, &create) < 0)
		return false;
	(void)str_copy(place->upload_id, sizeof(place->upload_id),
	               create.create.upload_id);

	struct store_req part = {.verb = STORE_MPU_PART,
	                         .key = "big",
	                         .part = {.upload_id = place->upload_id,
	                                  .number = 1,
	                                  .body = {&slice, 1}}};

	if (store_call(store, &part) < 0)
		return false;
	place->part.number = 1;
	place->part.size = SIZE;
	return str_copy(place->part.etag, sizeof(place->part.etag),
	                part.info.etag);
}

/* The peer, without any rule yet. */
static bool open_peer(struct place *place)
{
	const struct s3peer_bucket bucket = {
		"bkt", fake_store_object_store(place->fake)};
	const struct s3peer_config config = {.buckets = &bucket,
	                                     .bucket_count = 1,
	                                     .habits = place->cell->habits,
	                                     .observe = observe,
	                                     .ctx = place};

	return s3peer_new(&config, &place->peer, NULL) == 0;
}

/* The real client. */
static bool open_client(struct place *place)
{
	const char *profiles[] = {"aws", "rgw", "minio"};
	bool rgw = place->cell->habits == S3PEER_RGW16;
	char endpoint[64];

	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u",
	               s3peer_port(place->peer));

	const struct s3_client_config config = {
		.name = "primary",
		.bucket = "bkt",
		.endpoint = endpoint,
		.region = "us-east-1",
		.profile = profiles[place->cell->habits],
		.creds = {.access_key_id = "AKPEER",
	                  .secret_access_key = "SKPEER"},
		.checksum = rgw ? "none" : "crc32c",
		.retry_attempts = ATTEMPTS,
		.op_deadline_ms = DEADLINE_MS,
		.write_deadline_ms = DEADLINE_MS,
		.long_deadline_ms = DEADLINE_MS,
		.retry_seed = 1,
	};

	if (timers_new(clock_system(), &place->timers) < 0)
		return false;

	const struct s3_net_config net = {.threads = 1,
	                                  .max_connections = 4,
	                                  .clock = clock_system(),
	                                  .timers = place->timers};

	return s3_net_new(&net, &place->net, NULL) == 0 &&
	       s3_client_new(place->net, &config, &place->store, NULL) == 0;
}

/* From now on the fault may happen. */
static bool arm(struct place *place)
{
	const struct fault_cell *cell = place->cell;
	char rule[200];

	if (!cell->fault)
		return true;
	(void)snprintf(rule, sizeof(rule), "request=%s %s %s",
	               store_verb_name(cell->verb), cell->once ? "nth=1" : "",
	               cell->fault);
	return s3peer_set_rules(place->peer, rule, NULL) == 0;
}

/* In done(), where a list's entries live. */
static void count_entries(struct store_req *req)
{
	size_t *listed = (size_t *)(uintptr_t)req->version;

	req->version = NULL;
	if (req->status < 0)
		return;
	*listed = req->verb == STORE_LIST       ? req->list.count
	          : req->verb == STORE_MPU_LIST ? req->list_uploads.count
	                                        : req->list_parts.count;
}

/* Parameters of the lists. */
static void prepare_list(struct place *place, struct store_req *req)
{
	req->version = (const char *)&place->listed;
	req->done = count_entries;
	req->key = req->verb == STORE_MPU_LIST_PARTS ? "big" : NULL;
	if (req->verb == STORE_LIST)
		req->list.prefix = "";
	else if (req->verb == STORE_MPU_LIST)
		req->list_uploads.prefix = "";
	else
		req->list_parts.upload_id = place->upload_id;
}

/* Parameters of the verbs of an upload. */
static void prepare_upload(struct place *place, struct store_req *req)
{
	req->key = "big";
	if (req->verb == STORE_MPU_COMPLETE) {
		req->complete.upload_id = place->upload_id;
		req->complete.parts = &place->part;
		req->complete.count = 1;
	} else if (req->verb == STORE_MPU_ABORT) {
		req->abort.upload_id = place->upload_id;
	} else if (req->verb != STORE_MPU_CREATE) {
		req->part.upload_id = place->upload_id;
		req->part.number = 2;
		req->part.source = place->store;
		req->part.source_key = "src";
		req->part.source_length = SIZE;
	}
}

/* The request of the cell, with all that it points to. */
struct request {
	struct store_req req;
	struct slice slice;
	const char *keys[2];
	int results[2];
};

static void prepare(struct place *place, struct request *r)
{
	struct store_req *req = &r->req;

	req->verb = place->cell->verb;
	req->key = "k";
	switch (req->verb) {
	case STORE_GET:
		r->slice = (struct slice){place->got, SIZE};
		req->get.length = SIZE;
		req->get.into = (struct chain){&r->slice, 1};
		break;
	case STORE_PUT:
		r->slice = (struct slice){place->new, SIZE};
		req->put.body = (struct chain){&r->slice, 1};
		break;
	case STORE_MPU_PART:
		prepare_upload(place, req);
		r->slice = (struct slice){place->new, SIZE};
		req->part.body = (struct chain){&r->slice, 1};
		break;
	case STORE_COPY:
		req->copy.source = place->store;
		req->copy.source_key = "src";
		break;
	case STORE_DELETE_MANY:
		r->keys[0] = "k";
		r->keys[1] = "src";
		req->key = NULL;
		req->delete_many.keys = r->keys;
		req->delete_many.count = 2;
		req->delete_many.results = r->results;
		break;
	case STORE_MPU_CREATE:
	case STORE_MPU_PART_COPY:
	case STORE_MPU_COMPLETE:
	case STORE_MPU_ABORT:
		prepare_upload(place, req);
		break;
	case STORE_HEAD:
	case STORE_DELETE:
		break;
	case STORE_LIST:
	case STORE_MPU_LIST_PARTS:
	case STORE_MPU_LIST:
		prepare_list(place, req);
		break;
	}
}

/* Whether what a success handed back is what is there. */
static bool is_right(const struct place *place, const struct request *r)
{
	const struct store_req *req = &r->req;

	switch (req->verb) {
	case STORE_HEAD:
		return req->info.size == SIZE;
	case STORE_GET:
		return req->get.received == SIZE &&
		       memcmp(place->got, place->old, SIZE) == 0;
	case STORE_DELETE_MANY:
		return r->results[0] == 0 && r->results[1] == 0;
	case STORE_LIST:
		return place->listed == 2;
	case STORE_MPU_LIST:
	case STORE_MPU_LIST_PARTS:
		return place->listed == 1;
	case STORE_MPU_CREATE:
		return *req->create.upload_id != '\0';
	case STORE_MPU_PART:
	case STORE_MPU_PART_COPY:
		return *req->info.etag == '"';
	case STORE_PUT:
	case STORE_COPY:
	case STORE_DELETE:
	case STORE_MPU_COMPLETE:
	case STORE_MPU_ABORT:
		break;
	}
	return true;
}

/* "k 100000 "etag", ..., uploads 1, parts 1" */
static void describe(const struct place *place, char *ret, size_t size)
{
	static const char *const keys[] = {"big", "k", "src"};
	cleanup(str_release) struct str s = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct object_info info;

		if (fake_store_stat(place->fake, keys[i], &info) == 0)
			str_addf(&s, "%s %s, ", keys[i], info.etag);
	}
	str_addf(&s, "uploads %zu, parts %zu",
	         fake_store_open_uploads(place->fake),
	         fake_store_open_parts(place->fake, "big"));
	(void)str_copy(ret, size, str_text(&s));
}

/* The request, and what its caller is told. */
static void submit(struct place *place)
{
	struct fault_cell *cell = place->cell;
	struct request r = {0};

	prepare(place, &r);
	cell->status = store_call(place->store, &r.req);
	cell->maybe_applied = r.req.maybe_applied;
	cell->attempts = r.req.attempts;
	cell->story = cell->status == 0 || (r.req.err.code == cell->status &&
	                                    strlen(r.req.err.text) > 10);
	cell->result_right = cell->status < 0 || is_right(place, &r);
}

void fault_cell_run(struct fault_cell *cell)
{
	struct place place = {.cell = cell,
	                      .fake = fake_store_new(NULL),
	                      .old = bytes(1),
	                      .new = bytes(2),
	                      .got = calloc(1, SIZE)};

	cell->status = -ECANCELED; /* stays, if the world cannot be made */
	if (place.fake && furnish(&place) && open_peer(&place) &&
	    open_client(&place) && arm(&place))
		submit(&place);
	store_destroy(place.store);
	s3_net_free(place.net);
	timers_free(place.timers);
	s3peer_free(place.peer); /* all events are in after this */
	cell->injected = place.injected;
	cell->committed = place.committed;
	describe(&place, cell->state, sizeof(cell->state));
	fake_store_free(place.fake);
	free(place.old);
	free(place.new);
	free(place.got);
}
