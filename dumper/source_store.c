/* SPDX-License-Identifier: MIT */
/*
 * An object as a source: ranged GETs of one version, some of them ahead.
 *
 * Pieces form a ring; each is a request with its buffer.  read() waits for the
 * oldest, hands out its bytes, and sends it off again for what comes next.
 */
#include "base/lock.h"
#include "base/str.h"
#include "dumper/source.h"
#include "load_index.h"
#include "s3/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE_DEFAULT ((size_t)8 << 20) /* bytes */
#define AHEAD_DEFAULT 3
#define INDEX_MAX     ((uint64_t)256 << 20) /* bytes; larger ones are not read */

struct piece {
	struct store_source *owner;
	struct store_req req;
	struct slice room; /* data owned by the source's buffer */
	size_t taken;      /* bytes handed out */
	bool sent;         /* is or was on its way; the reader's */
	bool done;         /* lock */
};

struct store_source {
	struct load_source source;
	struct object_store *store;
	char *key;                 /* owned */
	char etag[STORE_ETAG_MAX]; /* of the version being read */
	struct load_span *spans;   /* owned; what is read, in order */
	size_t span_count;
	size_t span;   /* of the next GET, */
	uint64_t next; /* and how much of it was asked for */
	size_t piece_size;
	unsigned ahead;
	unsigned first;  /* index of the piece that is read */
	uint8_t *buffer; /* owned; of all pieces */
	struct piece *pieces;

	pthread_mutex_t lock;
	pthread_cond_t arrived; /* lock */
};

static struct store_source *store_of(struct load_source *source)
{
	return (struct store_source *)source;
}

static void piece_done(struct store_req *req)
{
	struct piece *p = req->owner;
	struct store_source *s = p->owner;

	WITH_LOCK(&s->lock);
	p->done = true;
	(void)pthread_cond_broadcast(&s->arrived);
}

/* Ask for what comes next, if there is any. */
static void piece_send(struct store_source *s, struct piece *p)
{
	const struct load_span *span = &s->spans[s->span];

	p->sent = s->span < s->span_count;
	p->taken = 0;
	if (!p->sent)
		return;

	uint64_t left = span->length - s->next;
	size_t len = left < s->piece_size ? (size_t)left : s->piece_size;

	p->done = false;
	p->room.len = len;
	p->req = (struct store_req){
		.verb = STORE_GET,
		.key = s->key,
		.if_match = s->etag[0] ? s->etag : NULL,
		.get = {.offset = span->offset + s->next,
	                .length = len,
	                .into = {.slices = &p->room, .count = 1}},
		.done = piece_done,
		.owner = p,
	};
	s->next += len;
	if (s->next == span->length) {
		s->span++;
		s->next = 0;
	}
	store_submit(s->store, &p->req);
}

static void piece_wait(struct store_source *s, struct piece *p)
{
	WITH_LOCK(&s->lock);
	while (!p->done)
		(void)pthread_cond_wait(&s->arrived, &s->lock);
}

/* A failed GET, in words. */
static int get_failed(struct store_source *s, const struct store_req *req,
                      struct err *reterr)
{
	int code = req->status == -ENOENT ? -ESTALE : req->status;

	if (code == -ESTALE)
		return err_set(reterr, code,
		               "'%s' was replaced or removed while it was read",
		               s->key);
	return err_set(reterr, code, "%s", req->err.text);
}

static ssize_t source_read(struct load_source *source, void *buf, size_t len,
                           struct err *reterr)
{
	struct store_source *s = store_of(source);
	struct piece *p = &s->pieces[s->first];

	if (!p->sent)
		return 0;
	piece_wait(s, p);
	if (p->req.status < 0)
		return get_failed(s, &p->req, reterr);
	if (p->req.get.received != p->room.len)
		return err_set(reterr, -EIO,
		               "'%s' gave %" PRIu64 " bytes instead of %zu",
		               s->key, p->req.get.received, p->room.len);

	size_t left = p->room.len - p->taken;

	if (len > left)
		len = left;
	memcpy(buf, p->room.data + p->taken, len);
	p->taken += len;
	if (p->taken == p->room.len) {
		piece_send(s, p);
		s->first = (s->first + 1) % s->ahead;
	}
	return (ssize_t)len;
}

static int source_read_at(struct load_source *source, uint64_t offset,
                          void *buf, size_t len, struct err *reterr)
{
	struct store_source *s = store_of(source);
	struct slice room = {.data = buf, .len = len};
	struct store_req req = {
		.verb = STORE_GET,
		.key = s->key,
		.if_match = s->etag[0] ? s->etag : NULL,
		.get = {.offset = offset,
	                .length = len,
	                .into = {.slices = &room, .count = 1}},
	};

	if (store_call(s->store, &req) < 0)
		return get_failed(s, &req, reterr);
	if (req.get.received != len)
		return err_set(reterr, -EIO, "'%s' gave too little", s->key);
	return 0;
}

static void source_destroy(struct load_source *source)
{
	struct store_source *s = store_of(source);

	for (unsigned i = 0; s->pieces && i < s->ahead; i++) {
		if (s->pieces[i].sent)
			piece_wait(s, &s->pieces[i]);
	}
	(void)pthread_cond_destroy(&s->arrived);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->spans);
	free(s->pieces);
	free(s->buffer);
	free(s->key);
	free(s);
}

/* An object. */
static const struct load_source_ops store_ops = {
	.read = source_read,
	.read_at = source_read_at,
	.destroy = source_destroy,
};

/* What the object is now. */
static int source_head(struct store_source *s, struct err *reterr)
{
	struct store_req req = {.verb = STORE_HEAD, .key = s->key};

	if (store_call(s->store, &req) < 0)
		return err_set(reterr, req.status, "%s", req.err.text);
	s->source.size = req.info.size;
	(void)str_copy(s->etag, sizeof(s->etag), req.info.etag);
	(void)snprintf(s->source.version, sizeof(s->source.version),
	               "%s %" PRIu64, s->etag, s->source.size);
	return 0;
}

/* The whole object. */
static int take_all(struct store_source *s)
{
	s->spans = calloc(1, sizeof(*s->spans));
	if (!s->spans)
		return -ENOMEM;
	s->spans[0].length = s->source.size;
	s->span_count = s->source.size > 0;
	return 0;
}

/* The text of KEY.idx, owned by the caller; NULL: there is none to use. */
static uint8_t *read_index(struct store_source *s, size_t *ret_len)
{
	cleanup(freep) char *key = str_printf("%s.idx", s->key);
	struct store_req head = {.verb = STORE_HEAD, .key = key};

	if (!key || store_call(s->store, &head) < 0 || head.info.size == 0 ||
	    head.info.size > INDEX_MAX)
		return NULL;

	cleanup(freep) uint8_t *text = malloc(head.info.size);
	struct slice room = {.data = text, .len = head.info.size};
	struct store_req get = {
		.verb = STORE_GET,
		.key = key,
		.get = {.length = room.len,
	                .into = {.slices = &room, .count = 1}},
	};

	if (!text || store_call(s->store, &get) < 0 ||
	    get.get.received != room.len)
		return NULL;
	*ret_len = room.len;
	return take(&text);
}

/*
 * What the tables need, by the index; all of it without one that fits.  The
 * version tells the selection: statements are counted in what is read.
 */
static int take_tables(struct store_source *s, const char *tables)
{
	cleanup(filter_freep) struct filter *filter = NULL;
	size_t len = 0;
	cleanup(freep) uint8_t *text = read_index(s, &len);
	uint64_t sum = 0;

	if (!text)
		return take_all(s);
	if (filter_new(tables, &filter) < 0)
		return -ENOMEM;

	int r = load_index_select((const char *)text, len, s->source.size,
	                          filter, &s->spans, &s->span_count);

	if (r < 0)
		return r == -EBADMSG ? take_all(s) : r;
	for (size_t i = 0; i < s->span_count; i++)
		sum += s->spans[i].length;

	size_t used = strlen(s->source.version);

	(void)snprintf(s->source.version + used,
	               sizeof(s->source.version) - used, " %" PRIu64, sum);
	return 0;
}

int load_source_store(const struct load_store_config *config,
                      struct load_source **ret, struct err *reterr)
{
	cleanup(load_source_freep) struct load_source *made = NULL;
	struct store_source *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(reterr, -ENOMEM, "out of memory");
	made = &s->source;
	s->source.ops = &store_ops;
	s->store = config->store;
	s->piece_size = config->piece ? config->piece : PIECE_DEFAULT;
	s->ahead = config->ahead ? config->ahead : AHEAD_DEFAULT;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->arrived, NULL);
	s->key = strdup(config->key);
	s->buffer = malloc(s->piece_size * s->ahead);
	s->pieces = calloc(s->ahead, sizeof(*s->pieces));
	if (!s->key || !s->buffer || !s->pieces)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = source_head(s, reterr);

	if (r < 0)
		return r;
	r = config->tables ? take_tables(s, config->tables) : take_all(s);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	for (unsigned i = 0; i < s->ahead; i++) {
		struct piece *p = &s->pieces[i];

		p->owner = s;
		p->room.data = s->buffer + i * s->piece_size;
		piece_send(s, p);
	}
	*ret = take(&made);
	return 0;
}
