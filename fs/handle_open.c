/* SPDX-License-Identifier: MIT */
/*
 * Opening for reading: one request says whether the version is still there.
 *
 * For a file that is opened the first time, or is small, that request is the
 * GET of its first bytes, and the open is answered as soon as the reply's
 * headers came: a small file costs one request in all.  A large file that was
 * opened before may be in the kernel's pages altogether, a very large one may
 * never be read, and an empty one has no first bytes: they get a HEAD.  So does one whose first bytes are on their
 * way already, because that GET may have begun before somebody's last write.
 */
#include "content_state.h"
#include "prefetch_policy.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the first GET. */
#define OPEN_GET PREFETCH_STEP

/*
 * From this on, in bytes, a file is validated by a HEAD: one request more is
 * nothing beside reading it, and cp may have the server copy it without reading
 * a byte.
 */
#define OPEN_LARGE ((uint64_t)64 << 20)

/* A file is small up to this, in bytes. */
#define OPEN_SMALL PREFETCH_ROUND

/* ---- a version that is gone ---- */

/* The turn is ours: nobody of us is changing the key. */
static void stale_decide(struct stale *stale)
{
	struct inode *inode = stale->inode;
	bool moved;

	{
		WITH_LOCK(&inode->lock);
		/* A rename moves the key, and keeps the ETag as a rule. */
		moved = inode->local || !stale->stored ||
		        strcmp(inode->attr.etag, stale->stored->etag) != 0 ||
		        strcmp(inode->key, stale->stored->key) != 0;
	}
	stored_unref(stale->stored);
	turn_end(&stale->turn);
	if (!moved)
		inode_outdated(inode);
	stale->done(stale, moved);
}

/* granted() of the turn. */
static void stale_granted(struct turn *turn)
{
	stale_decide(container_of(turn, struct stale, turn));
}

void stale_ask(struct stale *stale)
{
	struct inode *inode = stale->inode;
	char key[STORE_KEY_MAX + 1];

	{
		WITH_LOCK(&inode->lock);
		(void)snprintf(key, sizeof(key), "%s", inode->key);
	}
	stale->turn.granted = stale_granted;
	if (turn_take(inode->bucket, key, &stale->turn))
		stale_decide(stale);
}

/* ---- opening ---- */

/* Times an open goes after a version that we ourselves keep moving. */
#define OPEN_TRIES 4

struct read_open {
	struct fs_call *slot;
	struct fs_handle *handle; /* the kernel's, once it is answered */
	struct stored *stored;    /* shares; what is validated */
	struct fetch_wait wait;   /* for the GET's headers */
	struct ask ask;           /* the HEAD */
	struct stale stale;
	uint64_t moment;
	unsigned tries;
};

/* The GET goes on after the open was answered. */
struct read_ended {
	struct inode *inode; /* shares */
	uint64_t moment;
};

static void open_start(struct read_open *op);

/* Answer and free. */
static void open_end(struct read_open *op, int status, const struct err *err)
{
	struct fs_handle *handle = op->handle;
	struct fs_call *call = call_claim(handle->all->fs, &op->slot);
	struct err story = err ? *err : (struct err){0};

	stored_unref(op->stored);
	free(op);
	if (call && status == 0) {
		handle_answer_open(call, handle);
		return;
	}
	handle_close(handle);
	if (call)
		call_fail(call, status, &story);
}

/* After a version was gone. */
static void open_stale(struct stale *stale, bool moved)
{
	struct read_open *op = container_of(stale, struct read_open, stale);
	struct err err;

	if (moved && ++op->tries < OPEN_TRIES) {
		open_start(op);
		return;
	}
	(void)err_set(&err, -ESTALE, "another version has taken its place");
	open_end(op, -ESTALE, &err);
}

/* The validation's outcome. */
static void open_validated(struct read_open *op, int status,
                           const struct err *err)
{
	if (status != -ESTALE && status != -ENOENT) {
		open_end(op, status, err);
		return;
	}
	op->stale.done = open_stale;
	op->stale.inode = op->handle->inode;
	op->stale.stored = stored_ref(op->stored);
	stale_ask(&op->stale);
}

/* done() of the HEAD. */
static void head_done(struct ask *ask)
{
	struct read_open *op = container_of(ask, struct read_open, ask);
	int status = ask_status(ask);

	if (status == 0)
		status = strcmp(ask->req.info.etag, op->stored->etag) == 0
		                 ? inode_checked(op->handle->inode,
		                                 &ask->req.info, op->moment)
		                 : -ESTALE;
	open_validated(op, status, &ask->req.err);
}

/* Validate by a HEAD. */
static void ask_head(struct read_open *op)
{
	op->ask = (struct ask){0};
	op->ask.req.verb = STORE_HEAD;
	op->ask.req.key = op->stored->key;
	op->ask.done = head_done;
	ask_submit(op->handle->inode->bucket, &op->ask);
}

/* ready() of the GET: its headers came, or it failed. */
static void headers_came(struct fetch_wait *wait)
{
	struct read_open *op = container_of(wait, struct read_open, wait);
	int status = wait->status == -EAGAIN ? -EINTR : wait->status;

	open_validated(op, status, &wait->err);
}

/* ended() of the GET: what it said of the object refreshes the inode. */
static void get_ended(void *ctx, const struct object_info *info)
{
	struct read_ended *ended = ctx;

	if (info)
		(void)inode_checked(ended->inode, info, ended->moment);
	inode_unref(ended->inode);
	free(ended);
}

/* What the end of the GET will need, or NULL. */
static struct read_ended *ended_new(const struct read_open *op)
{
	struct read_ended *ended = calloc(1, sizeof(*ended));

	if (!ended)
		return NULL;
	ended->inode = inode_ref(op->handle->inode);
	ended->moment = op->moment;
	return ended;
}

/* Whether none of the first blocks is there, or on its way. */
static bool is_gap_locked(const struct stored *stored, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (block_find_locked(stored, i))
			return false;
	}
	return true;
}

/* Validate by the GET of the first blocks; false: it cannot be. */
static bool ask_get(struct read_open *op, size_t count)
{
	struct stored *stored = op->stored;
	struct block_cache *cache = stored->cache;
	struct read_ended *ended = ended_new(op);
	struct flight *flight = NULL;
	uint8_t *slabs[OPEN_GET / BLOCK_SIZE];

	if (!ended)
		return false;
	if (!block_cache_try(cache, POOL_READ, slabs, count)) {
		inode_unref(ended->inode);
		free(ended);
		return false;
	}
	{
		WITH_LOCK(&cache->lock);
		if (is_gap_locked(stored, count))
			flight = fetch_new_locked(stored, 0, slabs, count,
			                          POOL_READ);
		if (flight) {
			flight->ended = get_ended;
			flight->ctx = ended;
			op->wait.ready = headers_came;
			fetch_wait_locked(flight, &op->wait, 0, 0);
		}
	}
	if (!flight) {
		pool_give(cache->pool, POOL_READ, slabs, count);
		inode_unref(ended->inode);
		free(ended);
		return false;
	}
	reader_opened(&op->handle->reader, count * BLOCK_SIZE);
	fetch_submit(flight);
	return true;
}

/* Whether the kernel may have the file's pages from an earlier open. */
static bool was_opened(struct inode *inode)
{
	WITH_LOCK(&inode->lock);
	return inode->pages != 0;
}

/* Validate the version that the inode stands for now. */
static void open_start(struct read_open *op)
{
	struct fs_handle *handle = op->handle;
	struct stored *stored = handle_stored(handle);
	struct err err;
	uint64_t bytes;
	size_t count;

	stored_unref(op->stored);
	op->stored = stored;
	if (!stored) {
		(void)err_set(&err, -ESTALE, "there is no such version");
		open_end(op, -ESTALE, &err);
		return;
	}
	op->moment = meta_cache_moment(handle->all->fs->cache);
	bytes = stored->size < OPEN_GET ? stored->size : OPEN_GET;
	count = (size_t)((bytes + BLOCK_SIZE - 1) / BLOCK_SIZE);
	if (count == 0 || stored->size >= OPEN_LARGE ||
	    (stored->size > OPEN_SMALL && was_opened(handle->inode)) ||
	    !ask_get(op, count))
		ask_head(op);
}

void handle_open_read(struct fs_handle *handle, struct fs_call *call)
{
	struct content *content = handle->content;
	struct read_open *op;
	bool clean;

	{
		WITH_LOCK(&content->lock);
		clean = content->step == CONTENT_CLEAN;
	}
	if (!clean) { /* what is being written is ours */
		handle_answer_open(call, handle);
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op) {
		handle_close(handle);
		call_answer(call, -ENOMEM);
		return;
	}
	op->handle = handle;
	if (call_park(handle->all->fs, call, &op->slot)) {
		open_start(op);
		return;
	}
	free(op);
	handle_close(handle);
	call_answer(call, -EINTR);
}
