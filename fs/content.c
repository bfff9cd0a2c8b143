/* SPDX-License-Identifier: MIT */
/*
 * All contents of a mount, their references, and what the naming side asks.
 */
#include "base/digest.h"
#include "base/log.h"
#include "base/str.h"
#include "content_state.h"
#include "guard.h"
#include "key.h"

#include <assert.h>
#include <string.h>

/* ---- references ---- */

/* A content for an inode that has none. inode->lock is held. */
static struct content *content_new(struct inode *inode)
{
	struct contents *all = inode->bucket->fs->contents;
	struct content *content = calloc(1, sizeof(*content));

	if (!content)
		return NULL;

	content->all = all;
	content->inode = inode_ref(inode);
	(void)pthread_mutex_init(&content->lock, NULL);
	list_init(&content->waits);

	WITH_LOCK(&all->lock);
	list_append(&all->list, &content->link);
	return content;
}

struct content *content_get(struct inode *inode)
{
	WITH_LOCK(&inode->lock);
	if (!inode->content)
		inode->content = content_new(inode);
	if (inode->content)
		inode->content->refs++;
	return inode->content;
}

struct content *content_peek(struct inode *inode)
{
	WITH_LOCK(&inode->lock);
	if (inode->content)
		inode->content->refs++;
	return inode->content;
}

struct content *content_ref(struct content *content)
{
	WITH_LOCK(&content->inode->lock);
	content->refs++;
	return content;
}

void content_put(struct content *content)
{
	struct contents *all;
	struct inode *inode;
	bool last;

	if (!content)
		return;
	all = content->all;
	inode = content->inode;
	{
		WITH_LOCK(&inode->lock);
		last = --content->refs == 0;
		if (last)
			inode->content = NULL;
	}
	if (!last)
		return;

	assert(!content->up && list_empty(&content->waits));
	draft_unref(content->draft);
	stored_unref(content->stored);
	inode_unref(inode);

	WITH_LOCK(&all->lock);
	list_remove(&content->link); /* until now contents_writing() sees it */
	(void)pthread_mutex_destroy(&content->lock);
	free(content);
	if (list_empty(&all->list))
		(void)pthread_cond_broadcast(&all->empty);
}

void content_wake(struct content *content)
{
	struct list waits;

	list_init(&waits);
	{
		WITH_LOCK(&content->lock);
		list_splice(&waits, &content->waits);
	}
	while (!list_empty(&waits)) {
		struct content_wait *wait =
			list_first(&waits, struct content_wait, link);

		list_remove(&wait->link);
		wait->go(wait);
	}
}

/* ---- errors ---- */

struct upload *content_latch_locked(struct content *content, int status,
                                    const struct err *err)
{
	struct upload *up = content->up;

	if (content->step != CONTENT_FAILED) {
		content->status = status;
		content->err = err && err->code ? *err : (struct err){0};
	}
	content->step = CONTENT_FAILED;
	content->up = NULL;
	return up;
}

int content_latched_locked(const struct content *content, struct err *reterr)
{
	*reterr = content->err;
	return content->status;
}

struct upload *content_latch_upload_locked(struct content *content)
{
	struct err err = {0};
	int status;

	if (content->step != CONTENT_DIRTY || !content->up)
		return NULL;
	status = upload_status(content->up, &err);
	return status < 0 ? content_latch_locked(content, status, &err) : NULL;
}

/* ---- reading ---- */

/* What the inode's stored version is now. */
static struct stored *stored_of_inode(struct content *content)
{
	struct inode *inode = content->inode;

	WITH_LOCK(&inode->lock);
	if (!inode->attr.etag[0])
		return NULL;
	return stored_new(content->all->cache, inode->bucket->store, inode->key,
	                  inode->attr.etag, inode->attr.size);
}

/* Whether stored still is what the inode says. */
static bool is_current(struct content *content, const struct stored *stored)
{
	struct inode *inode = content->inode;

	WITH_LOCK(&inode->lock);
	return strcmp(inode->attr.etag, stored->etag) == 0 &&
	       strcmp(inode->key, stored->key) == 0;
}

/* The content's own stored, shared, or NULL. */
static struct stored *share_stored(struct content *content)
{
	WITH_LOCK(&content->lock);
	return content->stored ? stored_ref(content->stored) : NULL;
}

struct stored *content_stored(struct content *content)
{
	struct stored *stored = share_stored(content);
	struct stored *old;

	if (stored && is_current(content, stored))
		return stored;

	stored_unref(stored);
	stored = stored_of_inode(content);
	if (!stored)
		return NULL;
	{
		WITH_LOCK(&content->lock);
		old = content->stored;
		content->stored = stored_ref(stored);
	}
	stored_unref(old);
	return stored;
}

/* ---- uploads ---- */

/* What an upload is for: keeps the content, and the fs unsettled at the end. */
struct upload_owner {
	struct content *content; /* shares */
	atomic_bool ending;      /* fs_begin() was called */
	struct guard *guard;     /* NULL = none; the thread that appends */
	atomic_ullong guarded;   /* bytes that it was shown */
};

/*
 * A stream's headers go before its bytes have all come: the time it has so far
 * would be wrong, the store's own is nearer.  A time that was set stays.
 */
static void drop_mtime(struct attr_headers *headers)
{
	struct store_headers *h = &headers->headers;

	for (size_t i = 0; i < h->meta_count; i++) {
		if (strcmp(headers->meta[i].name, "mtime") != 0)
			continue;
		memmove(&headers->meta[i], &headers->meta[i + 1],
		        (h->meta_count - i - 1) * sizeof(headers->meta[0]));
		h->meta_count--;
		return;
	}
}

/* describe() of an upload. */
static int describe(void *ctx, const char *nonce, bool stream,
                    struct upload_target *ret)
{
	struct upload_owner *owner = ctx;
	struct inode *inode = owner->content->inode;
	bool set_by_hand;
	int r = inode_headers(inode, nonce, &ret->headers);

	if (r < 0)
		return r;

	WITH_LOCK(&inode->lock);
	set_by_hand = inode->extra && inode->extra->changes > 0;
	if (stream && !set_by_hand)
		drop_mtime(&ret->headers);
	ret->key = strdup(inode->key);
	if (!ret->key)
		attr_headers_release(&ret->headers);
	return ret->key ? 0 : -ENOMEM;
}

/* released() of an upload. */
static void released(void *ctx)
{
	struct upload_owner *owner = ctx;
	struct fs *fs = owner->content->all->fs;
	bool ending = atomic_load(&owner->ending);

	guard_free(owner->guard);
	content_put(owner->content);
	free(owner);
	if (ending)
		fs_end(fs, 0);
}

struct upload *content_new_upload(struct content *content)
{
	struct fs *fs = content->all->fs;
	struct upload_owner *owner = calloc(1, sizeof(*owner));
	char nonce[FS_NONCE_MAX];
	struct upload_config config = {
		.uploads = content->all->uploads,
		.store = content->inode->bucket->store,
		.bucket = content->inode->bucket->name,
		.identity = content->inode->bucket->identity,
		.describe = describe,
		.released = released,
		.owner = owner,
		.nonce = nonce,
	};
	struct upload *up = NULL;

	if (!owner)
		return NULL;
	fs_nonce(fs, nonce);
	content_take_note(content, &config, nonce);
	owner->content = content_ref(content);
	if (content_guard_new(content, &owner->guard) < 0 ||
	    upload_new(&config, &up) < 0) {
		guard_free(owner->guard);
		content_put(owner->content);
		free(owner);
		return NULL;
	}
	return up;
}

struct guard *content_guard(const struct upload *up)
{
	const struct upload_owner *owner = upload_owner(up);

	return owner->guard;
}

void content_guard_feed(struct upload *up, const struct slice *data)
{
	struct upload_owner *owner = upload_owner(up);

	if (!owner->guard)
		return;
	guard_feed(owner->guard, data->data, data->len);
	atomic_fetch_add(&owner->guarded, data->len);
}

uint64_t content_guarded(const struct upload *up)
{
	const struct upload_owner *owner = upload_owner(up);

	return atomic_load(&owner->guarded);
}

/* The fs is unsettled until the upload's last request was answered. */
static void begin_ending(struct content *content, struct upload *up)
{
	struct upload_owner *owner = upload_owner(up);

	fs_begin(content->all->fs);
	if (atomic_exchange(&owner->ending, true))
		fs_end(content->all->fs, 0);
}

void content_drop_upload(struct content *content, struct upload *up)
{
	if (!up)
		return;
	begin_ending(content, up);
	upload_free(up);
}

void content_keep_upload(struct content *content, struct upload *up,
                         const char *why)
{
	if (!up)
		return;
	begin_ending(content, up);
	upload_keep(up, why);
}

/* ---- the naming side's hooks ---- */

bool content_busy(struct inode *inode)
{
	struct content *content = content_peek(inode);
	bool busy;

	if (!content)
		return false;
	{
		WITH_LOCK(&content->lock);
		busy = content->writers > 0 || content->step != CONTENT_CLEAN;
	}
	content_put(content);
	return busy;
}

void content_abandon(struct inode *inode)
{
	struct content *content = content_peek(inode);
	struct content_rest rest = {0};

	if (!content)
		return;
	{
		WITH_LOCK(&content->lock);
		content->abandoned = true;
		if (content->step == CONTENT_DIRTY && content->readers == 0) {
			content->forgotten = content->size > 0;
			content_give_up_locked(content, &rest);
		}
	}
	content_drop_rest(content, &rest);
	content_put(content);
}

int content_may_rename(struct inode *inode, struct err *reterr)
{
	struct content *content = content_peek(inode);
	int r = 0;

	if (!content)
		return 0;
	{
		WITH_LOCK(&content->lock);
		if (content->step == CONTENT_COMMITTING ||
		    (content->up && upload_started(content->up)))
			r = err_set(reterr, -EBUSY,
			            "the file is being written and part of it "
			            "was sent under its name already");
	}
	content_put(content);
	return r;
}

/* Whether no request was sent under the file's name, or can be now. */
static bool is_unsent_locked(const struct content *content)
{
	const struct store_limits *limits =
		store_limits(content->inode->bucket->store);

	if (content->step == CONTENT_CONVERTING || content->moving)
		return false;
	if (!content->up)
		return true;
	/* Less than a part is not even sent when memory is short. */
	return !upload_started(content->up) &&
	       upload_size(content->up) == content->size &&
	       content->size < limits->part_min;
}

int content_begin_move(struct inode *inode, struct err *reterr)
{
	struct content *content = content_peek(inode);
	bool unsent = false;

	if (content) {
		WITH_LOCK(&content->lock);
		unsent = is_unsent_locked(content);
		content->moving = content->moving || unsent;
	}
	if (unsent)
		return 0; /* the reference stays for the end */
	content_put(content);
	return err_set(reterr, -EBUSY,
	               "the file is being rewritten, and part of it was sent "
	               "under its name already");
}

void content_end_move(struct inode *inode)
{
	struct content *content = content_peek(inode);

	{
		WITH_LOCK(&content->lock);
		content->moving = false;
	}
	content_wake(content);
	content_put(content); /* this one's */
	content_put(content); /* and the beginning's */
}

void content_give_up_locked(struct content *content, struct content_rest *ret)
{
	ret->up = take(&content->up);
	ret->draft = take(&content->draft);
}

void content_drop_rest(struct content *content, struct content_rest *rest)
{
	content_drop_upload(content, rest->up);
	draft_unref(rest->draft);
}

void content_truncate_locked(struct content *content, struct content_rest *ret)
{
	content_give_up_locked(content, ret);
	content->size = 0;
	content->step = CONTENT_DIRTY;
}

bool content_waits_locked(const struct content *content)
{
	return content->moving || content->step == CONTENT_COMMITTING ||
	       content->step == CONTENT_CONVERTING;
}

void content_enter_locked(struct content *content)
{
	content->writers++;
}

/* ---- all of them ---- */

unsigned contents_writing(struct contents *contents)
{
	unsigned count = 0;

	WITH_LOCK(&contents->lock);
	list_for_each(node, &contents->list) {
		struct content *content =
			container_of(node, struct content, link);

		WITH_LOCK(&content->lock);
		count += content->step == CONTENT_DIRTY ||
		         content_waits_locked(content);
	}
	return count;
}

void contents_abort(struct contents *contents)
{
	atomic_store(&contents->drafts.keep, true);
	uploads_cancel(contents->uploads);
}

int contents_new(struct fs *fs, const struct fs_config *config,
                 struct contents **ret, struct err *reterr)
{
	struct contents *all = calloc(1, sizeof(*all));
	struct uploads_config uploads = {
		.pool = fs->parts.pool,
		.exec = fs->parts.exec,
		.metrics = fs->parts.metrics,
		.part_size = fs->config.part_size,
		.max_inflight = fs->config.upload_concurrency,
		.deadline_ms = fs->config.write_deadline_ms,
		.journal = fs->parts.journal,
		.clock = fs->parts.clock,
	};
	int r;

	if (!all)
		return -ENOMEM;
	all->fs = fs;
	all->policy.killed = fs->config.on_killed_writer;
	all->policy.failed = fs->config.on_failed_writer;
	all->policy.unknown = fs->config.on_unknown_writer;
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_cond_init(&all->empty, NULL);
	list_init(&all->list);
	list_init(&all->handles);
	drafts_init(&all->drafts);
	draft_gate_init(&all->gate);
	uploads.staging = &all->staging;
	r = content_guards_new(config, &all->guards, reterr);
	if (r == 0)
		r = staging_room_init(&all->staging, fs->config.staging_dir,
		                      fs->config.staging_max,
		                      fs->parts.metrics);
	if (r == 0)
		r = uploads_new(&uploads, &all->uploads);
	if (r == 0)
		r = block_cache_new(fs->parts.pool, &all->cache);
	if (r < 0) {
		contents_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

/* The next handle that is still open, or NULL. */
static struct fs_handle *next_handle(struct contents *all)
{
	WITH_LOCK(&all->lock);
	return list_first(&all->handles, struct fs_handle, link);
}

/* Wait until no content is left. */
static void wait_empty(struct contents *all)
{
	WITH_LOCK(&all->lock);
	while (!list_empty(&all->list))
		(void)pthread_cond_wait(&all->empty, &all->lock);
}

void contents_free(struct contents *contents)
{
	struct fs_handle *handle;

	if (!contents)
		return;

	asks_cancel(contents->fs, false);
	while ((handle = next_handle(contents))) {
		content_abandon(handle->inode);
		handle_close(handle);
	}
	if (contents->uploads)
		uploads_settle(contents->uploads);
	wait_empty(contents);
	drafts_release(&contents->drafts);
	if (contents->cache)
		block_cache_settle(contents->cache);
	block_cache_free(contents->cache);
	uploads_free(contents->uploads);
	staging_room_release(&contents->staging);
	content_guards_free(contents->guards);
	draft_gate_release(&contents->gate);
	(void)pthread_cond_destroy(&contents->empty);
	(void)pthread_mutex_destroy(&contents->lock);
	free(contents);
}
