/* SPDX-License-Identifier: MIT */
/*
 * Copying one object.
 *
 *   turn -> COPY ------------------------> (HEAD) -> end
 *            | too large                     ^
 *            +--> HEAD -> copied parts ------+-- upload_finish
 *            | refused, another endpoint     |
 *            +--> GET -> append -> GET ... --+
 *
 * A struct copying is one of these on its way.  Nothing runs beside it: each
 * step is begun by the done() of the one before.
 */
#include "fs/object_copy.h"

#include "base/pool.h"
#include "base/str.h"
#include "content_state.h"
#include "core.h"
#include "fs/admin.h"
#include "turn.h"
#include "upload.h"

#include <string.h>

#define CHUNK_SLABS (OBJECT_COPY_CHUNK / POOL_SLAB_SIZE)
#define PART_MIN    (UINT64_C(256) << 20) /* of copied parts */

/* Whose headers the target gets: lives as long as the upload may ask. */
struct description {
	struct attr attr;
	char *key;
	const struct store_limits *limits;
};

struct copying {
	struct fs *fs;
	struct object_copy *copy;
	struct bucket *from;
	struct bucket *to;
	struct turn turn;
	struct store_req req;
	struct upload *up;
	struct upload_write write;
	struct upload_finish finish;
	uint64_t offset; /* streamed so far */
	bool described;
	struct err told; /* why the server did not copy */

	struct pool_wait wait;
	uint8_t *slabs[CHUNK_SLABS];
	struct slice slices[CHUNK_SLABS];
	size_t slab_count; /* held */
	size_t slice_at;   /* the next one to append */
	size_t slice_count;
};

/* ---- the end ---- */

static void give_slabs(struct copying *c)
{
	if (c->slab_count > 0)
		pool_give(c->fs->parts.pool, POOL_READ, c->slabs,
		          c->slab_count);
	c->slab_count = 0;
}

/* Everything is over: the caller hears of it. */
static void copying_end(struct copying *c, int status, const struct err *err)
{
	struct object_copy *copy = c->copy;
	struct fs *fs = c->fs;

	give_slabs(c);
	if (c->up)
		upload_free(c->up);
	if (status == 0)
		fs_name_changed(fs, c->to->number, copy->to_key);
	turn_end(&c->turn);
	copy->status = status;
	copy->err = err ? *err : (struct err){0};
	if (status < 0 && !copy->err.text[0])
		(void)err_set(&copy->err, status, "%s", strerror(-status));
	free(c);
	fs_end(fs, 0);
	copy->done(copy);
}

/* Send c->req, which is filled but for these. */
static void send(struct copying *c, struct bucket *bucket,
                 void (*done)(struct store_req *req))
{
	c->req.done = done;
	c->req.owner = c;
	c->copy->requests++;
	store_submit(bucket->store, &c->req);
}

static const char *pin(const struct copying *c)
{
	return c->copy->etag[0] ? c->copy->etag : NULL;
}

static bool is_cancelled(struct copying *c)
{
	static const struct err cancelled = {-ECANCELED, "cancelled"};

	if (!atomic_load(&c->copy->cancel))
		return false;
	copying_end(c, -ECANCELED, &cancelled);
	return true;
}

/* ---- what the target will say ---- */

/* upload_config.describe */
static int describe(void *owner, const char *nonce, bool stream,
                    struct upload_target *ret)
{
	const struct description *d = owner;
	int r;

	(void)stream;
	ret->key = strdup(d->key);
	if (!ret->key)
		return -ENOMEM;
	r = attr_to_headers(&d->attr, d->key, nonce, d->limits, &ret->headers);
	if (r < 0)
		free(ret->key);
	return r;
}

/* upload_config.released */
static void released(void *owner)
{
	struct description *d = owner;

	attr_release(&d->attr);
	free(d->key);
	free(d);
}

/* An upload whose headers are those of info. */
static int begin_upload(struct copying *c, const struct object_info *info)
{
	struct description *d = calloc(1, sizeof(*d));
	char nonce[FS_NONCE_MAX];
	struct upload_config config = {
		.uploads = c->fs->contents->uploads,
		.store = c->to->store,
		.describe = describe,
		.released = released,
		.owner = d,
		.nonce = nonce,
	};
	int r;

	if (!d)
		return -ENOMEM;
	fs_nonce(c->fs, nonce);
	d->limits = store_limits(c->to->store);
	d->key = strdup(c->copy->to_key);
	r = d->key ? attr_from_info(&c->fs->config, info, S_IFREG, &d->attr)
	           : -ENOMEM;
	if (r == 0)
		r = upload_new(&config, &c->up);
	if (r < 0)
		released(d);
	return r;
}

/* upload_finish.done */
static void finished(struct upload_finish *finish)
{
	struct copying *c = container_of(finish, struct copying, finish);
	struct err err = finish->err;
	int status = finish->status;

	if (status == 0 && finish->info.size != c->offset)
		status = err_set(&err, -EIO,
		                 "\"%s\" has %llu bytes after the copy, not "
		                 "%llu",
		                 c->copy->to_key,
		                 (unsigned long long)finish->info.size,
		                 (unsigned long long)c->offset);
	copying_end(c, status, &err);
}

static void finish_upload(struct copying *c)
{
	c->finish =
		(struct upload_finish){.expect = UPLOAD_ANY, .done = finished};
	upload_finish(c->up, &c->finish);
}

/* ---- bytes that go through here ---- */

static void stream_next(struct copying *c);

/* upload_write.done: the next slice, or the next GET. */
static void append_next(struct copying *c);

static void appended(struct upload_write *write)
{
	struct copying *c = container_of(write, struct copying, write);

	if (write->status < 0) {
		struct err err = {0};

		(void)upload_status(c->up, &err);
		copying_end(c, write->status, &err);
		return;
	}
	append_next(c);
}

static void append_next(struct copying *c)
{
	if (c->slice_at == c->slice_count) {
		stream_next(c);
		return;
	}
	c->write = (struct upload_write){
		.data = c->slices[c->slice_at++],
		.done = appended,
	};
	upload_append(c->up, &c->write);
}

/* The first reply says what the object is; is it the one meant? */
static int take_first(struct copying *c, const struct object_info *info)
{
	struct object_copy *copy = c->copy;

	if (c->described)
		return 0;
	c->described = true;
	if (!copy->etag[0])
		(void)str_copy(copy->etag, sizeof(copy->etag), info->etag);
	copy->size = info->size;
	return begin_upload(c, info);
}

/* The bytes of a GET are there. */
static void got(struct store_req *req)
{
	struct copying *c = req->owner;
	uint64_t left = req->get.received;
	int r = req->status;

	if (r == 0)
		r = take_first(c, &req->info);
	if (r == 0 && req->get.received != req->get.length)
		r = err_set(&req->err, -EIO, "\"%s\" ended too early",
		            c->copy->from_key);
	if (r < 0) {
		copying_end(c, r, &req->err);
		return;
	}
	c->slice_at = 0;
	c->slice_count = 0;
	for (size_t i = 0; left > 0; i++) {
		size_t n =
			left < POOL_SLAB_SIZE ? (size_t)left : POOL_SLAB_SIZE;

		c->slices[i] = (struct slice){c->slabs[i], n};
		c->slice_count++;
		left -= n;
	}
	c->offset += req->get.received;
	append_next(c);
}

/* The bytes of the next GET. */
static uint64_t chunk(const struct copying *c)
{
	uint64_t left = c->copy->size - c->offset;

	return left < OBJECT_COPY_CHUNK ? left : OBJECT_COPY_CHUNK;
}

/* There is memory for the next GET. */
static void get_next(struct copying *c)
{
	uint64_t length = chunk(c);

	for (size_t i = 0; i < c->slab_count; i++)
		c->slices[i] = (struct slice){c->slabs[i], POOL_SLAB_SIZE};
	c->req = (struct store_req){
		.verb = STORE_GET,
		.key = c->copy->from_key,
		.if_match = pin(c),
		.get = {.offset = c->offset,
	                .length = length,
	                .into = {c->slices, c->slab_count}},
	};
	send(c, c->from, got);
}

/* pool_wait.granted */
static void granted(struct pool_wait *wait)
{
	struct copying *c = container_of(wait, struct copying, wait);

	c->slab_count = wait->count;
	get_next(c);
}

/* A HEAD in the place of the first GET, for an object without bytes. */
static void headed_empty(struct store_req *req)
{
	struct copying *c = req->owner;
	int r = req->status;

	if (r == 0 && pin(c) && strcmp(req->info.etag, c->copy->etag) != 0)
		r = err_set(&req->err, -ESTALE, "\"%s\" has changed",
		            c->copy->from_key);
	if (r == 0)
		r = take_first(c, &req->info);
	if (r < 0)
		copying_end(c, r, &req->err);
	else
		stream_next(c);
}

/* The next chunk, or the end. */
static void stream_next(struct copying *c)
{
	size_t slabs;

	give_slabs(c);
	if (is_cancelled(c))
		return;
	if (!c->described && c->copy->size == 0) {
		c->req = (struct store_req){.verb = STORE_HEAD,
		                            .key = c->copy->from_key};
		send(c, c->from, headed_empty);
		return;
	}
	if (c->offset == c->copy->size) {
		finish_upload(c);
		return;
	}
	slabs = (size_t)((chunk(c) + POOL_SLAB_SIZE - 1) / POOL_SLAB_SIZE);
	c->wait = (struct pool_wait){
		.class = POOL_READ,
		.count = slabs,
		.slabs = c->slabs,
		.granted = granted,
	};
	if (pool_take(c->fs->parts.pool, &c->wait)) {
		c->slab_count = slabs;
		get_next(c);
	}
}

static void stream_begin(struct copying *c)
{
	c->copy->streamed = true;
	stream_next(c);
}

/* ---- parts that the store copies ---- */

/* All of the object as copied parts; then finish. */
static int append_parts(struct copying *c)
{
	const struct store_limits *limits = store_limits(c->to->store);
	uint64_t least = c->copy->size / (limits->parts_max - 1) + 1;
	uint64_t part = least < PART_MIN ? PART_MIN : least;
	int r = 0;

	if (part > limits->part_max)
		part = limits->part_max;
	while (r == 0 && c->offset < c->copy->size) {
		uint64_t left = c->copy->size - c->offset;
		const struct upload_source source = {
			.store = c->from->store,
			.key = c->copy->from_key,
			.etag = c->copy->etag,
			.offset = c->offset,
			.length = left < part ? left : part,
		};

		r = upload_append_copy(c->up, &source);
		c->copy->requests++;
		c->offset += source.length;
	}
	return r;
}

/* The source of a large copy is known: its headers go along. */
static void headed_large(struct store_req *req)
{
	struct copying *c = req->owner;
	int r = req->status;

	if (r == 0 && pin(c) && strcmp(req->info.etag, c->copy->etag) != 0)
		r = err_set(&req->err, -ESTALE, "\"%s\" has changed",
		            c->copy->from_key);
	if (r == 0)
		r = take_first(c, &req->info);
	if (r == 0)
		r = append_parts(c);
	if (r < 0)
		copying_end(c, r, &req->err);
	else
		finish_upload(c);
}

/* ---- one COPY ---- */

/* Whether a failed COPY means that the bytes must go through here. */
static bool must_stream(const struct store_req *req)
{
	return req->status == -EXDEV || req->status == -EACCES ||
	       req->status == -EOPNOTSUPP;
}

/* The target's HEAD: it has the source's size. */
static void checked(struct store_req *req)
{
	struct copying *c = req->owner;
	int r = req->status;

	if (r == 0 && req->info.size != c->copy->size)
		r = err_set(&req->err, -EIO,
		            "\"%s\" has %llu bytes after the copy, not %llu",
		            c->copy->to_key, (unsigned long long)req->info.size,
		            (unsigned long long)c->copy->size);
	copying_end(c, r, &req->err);
}

/* A COPY whose outcome is not clear: what is there now? */
static void check_target(struct copying *c)
{
	c->req = (struct store_req){.verb = STORE_HEAD, .key = c->copy->to_key};
	send(c, c->to, checked);
}

/* The reply was lost: only the very same ETag proves that it was applied. */
static void doubted(struct store_req *req)
{
	struct copying *c = req->owner;

	if (req->status == 0 && req->info.size == c->copy->size && pin(c) &&
	    strcmp(req->info.etag, c->copy->etag) == 0)
		copying_end(c, 0, NULL);
	else
		copying_end(c, c->told.code, &c->told);
}

static void copied(struct store_req *req)
{
	struct copying *c = req->owner;

	if (req->status == 0 && pin(c) &&
	    strcmp(req->info.etag, c->copy->etag) == 0) {
		copying_end(c, 0, NULL);
	} else if (req->status == 0) {
		check_target(c);
	} else if (must_stream(req)) {
		stream_begin(c);
	} else if (req->maybe_applied) {
		(void)err_set(&c->told, req->status, "%s", req->err.text);
		c->req = (struct store_req){.verb = STORE_HEAD,
		                            .key = c->copy->to_key};
		send(c, c->to, doubted);
	} else {
		copying_end(c, req->status, &req->err);
	}
}

static void copy_at_server(struct copying *c)
{
	c->req = (struct store_req){
		.verb = STORE_COPY,
		.key = c->copy->to_key,
		.copy = {.source = c->from->store,
	                 .source_key = c->copy->from_key,
	                 .source_if_match = pin(c)},
	};
	send(c, c->to, copied);
}

/* ---- the beginning ---- */

/* It is our turn. */
static void begin(struct copying *c)
{
	if (is_cancelled(c))
		return;
	if (c->copy->stream) {
		stream_begin(c);
	} else if (c->copy->size <= store_limits(c->to->store)->copy_max) {
		copy_at_server(c);
	} else {
		c->req = (struct store_req){.verb = STORE_HEAD,
		                            .key = c->copy->from_key};
		send(c, c->from, headed_large);
	}
}

static void turn_granted(struct turn *turn)
{
	begin(container_of(turn, struct copying, turn));
}

void object_copy_start(struct fs *fs, struct object_copy *copy)
{
	struct copying *c = calloc(1, sizeof(*c));

	copy->requests = 0;
	copy->streamed = false;
	if (!c) {
		copy->status = err_set(&copy->err, -ENOMEM, "out of memory");
		copy->done(copy);
		return;
	}
	c->fs = fs;
	c->copy = copy;
	c->from = &fs->buckets[copy->from_bucket];
	c->to = &fs->buckets[copy->to_bucket];
	c->turn.granted = turn_granted;
	fs_begin(fs);
	if (turn_take(c->to, copy->to_key, &c->turn))
		begin(c);
}
