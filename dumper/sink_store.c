/* SPDX-License-Identifier: MIT */
/*
 * An object as sink.
 *
 *   write: copy into the part that is being filled; when it is full, send it
 *   and take the next free buffer, waiting for one if there is none.
 *
 * One lock guards the buffers' states, the list of parts and the first error;
 * it is never held across submit.  The thread that writes is the only one that
 * fills, sends and ends; callbacks note a part's ETag and wake it.
 */
#include "base/digest.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "dumper/sink.h"
#include "s3/store.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PART_SIZE   ((uint64_t)8 << 20)
#define PART_LARGE  ((uint64_t)64 << 20) /* no buffer is larger */
#define PART_STEP   1000                 /* parts after which they double */
#define IN_FLIGHT   4
#define BUFFERS_MAX 32
#define NONCE_SIZE  16 /* bytes */

enum buffer_state {
	BUFFER_FREE,
	BUFFER_FILLING,
	BUFFER_SENT,
};

struct buffer {
	struct store_req req;
	struct slice slice;
	struct store_sink *owner;
	uint8_t *data; /* mapped; NULL while it was never used */
	size_t size;   /* bytes mapped */
	size_t used;
	enum buffer_state state; /* lock */
};

struct store_sink {
	struct dump_sink sink;
	struct object_store *store;
	char *key;          /* owned */
	char *content_type; /* owned; NULL = none */
	char *expires;      /* owned; NULL = none */
	char nonce[2 * NONCE_SIZE + 1];
	uint64_t part_size; /* of the first parts */
	uint64_t size;      /* bytes sent or being sent */
	unsigned number;    /* of the last part that was sent; 0 = no upload */
	char upload_id[STORE_UPLOAD_ID_MAX];

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct buffer buffers[BUFFERS_MAX];
	unsigned buffer_count;
	struct buffer *filling;
	unsigned sent;                 /* lock: buffers under way */
	struct store_part_info *parts; /* lock: owned, by number - 1 */
	size_t parts_cap;              /* lock */
	struct err first;              /* lock: why it failed; code 0 = not */
};

static struct store_sink *of(struct dump_sink *sink)
{
	return container_of(sink, struct store_sink, sink);
}

/* ---- parts under way ---- */

static void part_done(struct store_req *req)
{
	struct buffer *buffer = container_of(req, struct buffer, req);
	struct store_sink *sink = buffer->owner;
	WITH_LOCK(&sink->lock);

	if (req->status == 0) {
		struct store_part_info *part =
			&sink->parts[req->part.number - 1];

		part->number = req->part.number;
		part->size = buffer->used;
		(void)str_copy(part->etag, sizeof(part->etag), req->info.etag);
		(void)str_copy(part->checksum, sizeof(part->checksum),
		               req->info.checksum);
	} else if (sink->first.code == 0) {
		sink->first = req->err;
		sink->first.code = req->status;
	}
	buffer->state = BUFFER_FREE;
	sink->sent--;
	(void)pthread_cond_signal(&sink->changed);
}

/* The failure so far, as the caller's. */
static int first_error(struct store_sink *sink, struct err *reterr)
{
	WITH_LOCK(&sink->lock);

	if (sink->first.code == 0)
		return 0;
	return err_set(reterr, sink->first.code, "%s", sink->first.text);
}

/* Make it the failure of everything that follows. */
static int fail(struct store_sink *sink, int code, const struct err *err)
{
	WITH_LOCK(&sink->lock);

	if (sink->first.code == 0) {
		sink->first = *err;
		sink->first.code = code;
	}
	return code;
}

static void wait_sent(struct store_sink *sink)
{
	WITH_LOCK(&sink->lock);

	while (sink->sent > 0)
		(void)pthread_cond_wait(&sink->changed, &sink->lock);
}

/* What is stored beside the bytes; meta must stay while headers are used. */
static struct store_headers headers_of(const struct store_sink *sink,
                                       struct store_meta meta[2])
{
	struct store_headers headers = {.content_type = sink->content_type,
	                                .meta = meta,
	                                .meta_count = 1};

	meta[0] = (struct store_meta){"porter-commit", sink->nonce};
	if (sink->expires)
		meta[headers.meta_count++] =
			(struct store_meta){"porter-expires", sink->expires};
	return headers;
}

static int create_upload(struct store_sink *sink)
{
	struct store_meta meta[2];
	cleanup(freep) struct store_req *req = calloc(1, sizeof(*req));
	struct err memory = {.code = -ENOMEM, .text = "out of memory"};

	if (!req)
		return fail(sink, -ENOMEM, &memory);
	req->verb = STORE_MPU_CREATE;
	req->key = sink->key;
	req->create.headers = headers_of(sink, meta);
	if (store_call(sink->store, req) < 0)
		return fail(sink, req->status, &req->err);
	(void)str_copy(sink->upload_id, sizeof(sink->upload_id),
	               req->create.upload_id);
	return 0;
}

/* Room for the next part in the list. */
static int grow_parts(struct store_sink *sink)
{
	WITH_LOCK(&sink->lock);
	size_t cap = sink->parts_cap ? sink->parts_cap * 2 : 64;
	struct store_part_info *more;

	if (sink->number < sink->parts_cap)
		return 0;
	more = reallocarray(sink->parts, cap, sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + sink->parts_cap, 0,
	       (cap - sink->parts_cap) * sizeof(*more));
	sink->parts = more;
	sink->parts_cap = cap;
	return 0;
}

/* Bytes that part number may have. */
static uint64_t part_size(const struct store_sink *sink, unsigned number)
{
	uint64_t size = sink->part_size;

	if (store_limits(sink->store)->equal_parts)
		return size;
	for (unsigned n = PART_STEP; n < number && size < PART_LARGE;
	     n += PART_STEP)
		size *= 2;
	return size;
}

/* Send what is filled as the next part. */
static int send_part(struct store_sink *sink)
{
	struct buffer *buffer = sink->filling;
	struct err err = {.code = -EFBIG};

	if (!sink->upload_id[0] && create_upload(sink) < 0)
		return -EIO;
	if (sink->number >= store_limits(sink->store)->parts_max) {
		(void)err_set(&err, -EFBIG,
		              "'%s' has more than the %u parts that the store "
		              "takes",
		              sink->key, store_limits(sink->store)->parts_max);
		return fail(sink, -EFBIG, &err);
	}
	if (grow_parts(sink) < 0) {
		(void)err_set(&err, -ENOMEM, "out of memory");
		return fail(sink, -ENOMEM, &err);
	}

	buffer->slice = (struct slice){buffer->data, buffer->used};
	buffer->req = (struct store_req){
		.verb = STORE_MPU_PART,
		.key = sink->key,
		.part = {.upload_id = sink->upload_id,
	                 .number = ++sink->number,
	                 .body = {.slices = &buffer->slice, .count = 1}},
		.done = part_done};
	sink->size += buffer->used;
	sink->filling = NULL;
	{
		WITH_LOCK(&sink->lock);
		buffer->state = BUFFER_SENT;
		sink->sent++;
	}
	store_submit(sink->store, &buffer->req);
	return 0;
}

/* ---- filling ---- */

/*
 * Whether another part of size bytes may be under way: the bytes of all buffers
 * stay within what the first parts would take.
 */
static bool may_fill_locked(const struct store_sink *sink, uint64_t size)
{
	uint64_t budget = sink->part_size * sink->buffer_count;

	if (budget < 2 * size)
		budget = 2 * size;
	return ((uint64_t)sink->sent + 1) * size <= budget &&
	       sink->sent < sink->buffer_count;
}

static struct buffer *free_buffer_locked(struct store_sink *sink)
{
	for (unsigned i = 0; i < sink->buffer_count; i++)
		if (sink->buffers[i].state == BUFFER_FREE)
			return &sink->buffers[i];
	return NULL;
}

/* Give every buffer back that is too small for the parts of now. */
static void unmap_small_locked(struct store_sink *sink, size_t size)
{
	for (unsigned i = 0; i < sink->buffer_count; i++) {
		struct buffer *buffer = &sink->buffers[i];

		if (buffer->state != BUFFER_FREE || !buffer->data ||
		    buffer->size >= size)
			continue;
		(void)munmap(buffer->data, buffer->size);
		buffer->data = NULL;
	}
}

/* A buffer for the next part, once there is one. */
static int take_buffer(struct store_sink *sink)
{
	size_t size = (size_t)part_size(sink, sink->number + 1);
	struct err err;
	struct buffer *buffer;

	{
		WITH_LOCK(&sink->lock);

		while (sink->first.code == 0 && !may_fill_locked(sink, size))
			(void)pthread_cond_wait(&sink->changed, &sink->lock);
		if (sink->first.code != 0)
			return sink->first.code;
		unmap_small_locked(sink, size);
		buffer = free_buffer_locked(sink);
		buffer->state = BUFFER_FILLING;
	}
	if (!buffer->data) {
		void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (data == MAP_FAILED) {
			buffer->state = BUFFER_FREE;
			return fail(sink,
			            err_set(&err, -ENOMEM, "out of memory"),
			            &err);
		}
		buffer->data = data;
		buffer->size = size;
	}
	buffer->used = 0;
	sink->filling = buffer;
	return 0;
}

/* Fill and send until all is taken. */
static int take_bytes(struct store_sink *sink, const uint8_t *data, size_t len)
{
	while (len > 0) {
		int r = sink->filling ? 0 : take_buffer(sink);

		if (r < 0)
			return r;

		struct buffer *buffer = sink->filling;
		size_t room = buffer->size - buffer->used;
		size_t n = len < room ? len : room;

		memcpy(buffer->data + buffer->used, data, n);
		buffer->used += n;
		data += n;
		len -= n;
		/* A whole small object is one PUT: wait for a byte more. */
		if (buffer->used == buffer->size && len > 0)
			r = send_part(sink);
		if (r < 0)
			return r;
	}
	return 0;
}

static int store_write(struct dump_sink *base, const void *data, size_t len,
                       struct err *reterr)
{
	struct store_sink *sink = of(base);

	if (sink->filling && sink->filling->used == sink->filling->size &&
	    len > 0)
		(void)send_part(sink); /* a failure is the first error */
	if (first_error(sink, reterr) == 0)
		(void)take_bytes(sink, data, len);
	return first_error(sink, reterr);
}

/* ---- the end ---- */

static int put_whole(struct store_sink *sink, struct store_req *req)
{
	struct store_meta meta[2];
	struct slice slice = {0};

	if (sink->filling)
		slice = (struct slice){sink->filling->data,
		                       sink->filling->used};
	sink->size = slice.len;
	req->verb = STORE_PUT;
	req->key = sink->key;
	req->put.body = (struct chain){.slices = &slice, .count = 1};
	req->put.headers = headers_of(sink, meta);
	return store_call(sink->store, req);
}

static int complete(struct store_sink *sink, struct store_req *req)
{
	req->verb = STORE_MPU_COMPLETE;
	req->key = sink->key;
	req->complete.upload_id = sink->upload_id;
	req->complete.parts = sink->parts;
	req->complete.count = sink->number;
	return store_call(sink->store, req);
}

/* A HEAD whose answer is looked at while it is there. */
struct look {
	struct store_req req;
	const char *nonce;
	bool ours;
};

static void looked(struct store_req *req)
{
	struct look *look = container_of(req, struct look, req);
	const struct store_headers *headers = &req->info.headers;

	for (size_t i = 0; req->status == 0 && i < headers->meta_count; i++)
		look->ours |=
			strcmp(headers->meta[i].name, "porter-commit") == 0 &&
			strcmp(headers->meta[i].value, look->nonce) == 0;
}

/* Whether the object is there and is ours, whole. */
static int check(struct store_sink *sink, struct err *reterr)
{
	cleanup(freep) struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return err_set(reterr, -ENOMEM, "out of memory");
	look->nonce = sink->nonce;
	look->req.verb = STORE_HEAD;
	look->req.key = sink->key;
	look->req.done = looked;
	if (store_call(sink->store, &look->req) < 0)
		return err_set(reterr, look->req.status, "%s",
		               look->req.err.text);
	if (!look->ours)
		return err_set(reterr, -ESTALE,
		               "'%s' was replaced by somebody else", sink->key);
	if (look->req.info.size != sink->size)
		return err_set(reterr, -EIO,
		               "'%s' has %llu bytes at the store, %llu were "
		               "sent",
		               sink->key,
		               (unsigned long long)look->req.info.size,
		               (unsigned long long)sink->size);
	return 0;
}

static int store_finish(struct dump_sink *base, struct err *reterr)
{
	struct store_sink *sink = of(base);
	cleanup(freep) struct store_req *req = calloc(1, sizeof(*req));
	int r;

	if (!req)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (sink->number > 0 && sink->filling)
		(void)send_part(sink);
	wait_sent(sink);
	if (first_error(sink, reterr) < 0)
		return first_error(sink, reterr);

	r = sink->number > 0 ? complete(sink, req) : put_whole(sink, req);
	if (r < 0 && !req->maybe_applied)
		return err_set(reterr, r, "%s", req->err.text);
	if (r < 0 && check(sink, reterr) < 0)
		return err_set(reterr, r, "%s", req->err.text);
	r = r < 0 ? 0 : check(sink, reterr);
	if (r == 0)
		sink->upload_id[0] = '\0'; /* nothing to abort any more */
	return r;
}

static void store_abort(struct dump_sink *base)
{
	struct store_sink *sink = of(base);
	cleanup(freep) struct store_req *req = calloc(1, sizeof(*req));

	wait_sent(sink);
	if (!req || !sink->upload_id[0])
		return;
	req->verb = STORE_MPU_ABORT;
	req->key = sink->key;
	req->abort.upload_id = sink->upload_id;
	(void)store_call(sink->store, req); /* else a lifecycle rule does it */
}

static void store_destroy_sink(struct dump_sink *base)
{
	struct store_sink *sink = of(base);

	wait_sent(sink);
	for (unsigned i = 0; i < sink->buffer_count; i++)
		if (sink->buffers[i].data)
			(void)munmap(sink->buffers[i].data,
			             sink->buffers[i].size);
	(void)pthread_cond_destroy(&sink->changed);
	(void)pthread_mutex_destroy(&sink->lock);
	free(sink->parts);
	free(sink->key);
	free(sink->content_type);
	free(sink->expires);
	free(sink);
}

/* An object. */
static const struct dump_sink_ops store_ops = {store_write, store_finish,
                                               store_abort, store_destroy_sink};

/* Buffers and the first part's size. */
static void plan(struct store_sink *sink,
                 const struct dump_store_config *config)
{
	const struct store_limits *limits = store_limits(sink->store);
	unsigned flight = config->in_flight ? config->in_flight : IN_FLIGHT;

	sink->part_size = config->part_size ? config->part_size : PART_SIZE;
	if (sink->part_size < limits->part_min)
		sink->part_size = limits->part_min;
	sink->buffer_count =
		flight + 1 < BUFFERS_MAX ? flight + 1 : BUFFERS_MAX;
	for (unsigned i = 0; i < sink->buffer_count; i++)
		sink->buffers[i].owner = sink;
}

int dump_sink_store(const struct dump_store_config *config,
                    struct dump_sink **ret, struct err *reterr)
{
	struct store_sink *sink = calloc(1, sizeof(*sink));
	uint8_t nonce[NONCE_SIZE];

	if (!sink)
		return err_set(reterr, -ENOMEM, "out of memory");
	sink->sink.ops = &store_ops;
	sink->store = config->store;
	(void)pthread_mutex_init(&sink->lock, NULL);
	(void)pthread_cond_init(&sink->changed, NULL);
	digest_random(nonce, sizeof(nonce));
	digest_hex(nonce, sizeof(nonce), sink->nonce);
	plan(sink, config);
	sink->key = strdup(config->key);
	if (config->content_type)
		sink->content_type = strdup(config->content_type);
	if (config->expires)
		sink->expires = strdup(config->expires);
	if (!sink->key || (config->content_type && !sink->content_type) ||
	    (config->expires && !sink->expires)) {
		store_destroy_sink(&sink->sink);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*ret = &sink->sink;
	return 0;
}
