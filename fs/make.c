/* SPDX-License-Identifier: MIT */
/*
 * MKDIR and SYMLINK: one PUT of a small object with its metadata.
 *
 * A reply that was lost is settled by a HEAD: the nonce in the metadata says
 * whether the object that is there is ours.
 */
#include "base/lock.h"
#include "call.h"
#include "doomed.h"
#include "errand.h"
#include "inode.h"
#include "key.h"
#include "lookup.h"
#include "overlay.h"

#include <string.h>

/* One object being made. */
struct make {
	struct errand errand;
	enum meta_kind kind;
	struct attr attr;
	struct attr_headers headers;
	struct slice body;
	char *key;
	char *object; /* "key/" for a directory, else the key again */
	char *target; /* of a symlink: the body */
	char nonce[FS_NONCE_MAX];
	bool replaces; /* a hidden version, whose DELETE need not be sent */
};

static void make_free(struct make *make)
{
	if (!make)
		return;
	attr_headers_release(&make->headers);
	attr_release(&make->attr);
	free(make->target);
	free(make->object);
	free(make->key);
	free(make);
}
DEFINE_CLEANUP(struct make *, make_free);

/* Tell the cache that the name is there, and of a directory that it is empty. */
static void learn_made(struct make *make)
{
	struct bucket *bucket = make->errand.bucket;
	struct fs *fs = bucket->fs;
	struct meta_cache *cache = fs->cache;
	const struct meta_name name = inode_name(bucket, make->key);
	uint64_t now = clock_ms(fs->parts.clock);
	const struct meta meta = {
		.kind = make->kind,
		.fresh_ms = now + bucket->ttl_ms,
		.attr_ms = now + bucket->ttl_ms,
		.attr = make->attr,
	};

	meta_cache_change(cache, &name, &meta);
	if (make->kind != META_DIR)
		return;

	const struct meta_whole whole = {
		.moment = meta_cache_moment(cache),
		.fresh_ms = now + bucket->negative_ms,
	};

	meta_cache_whole(cache, &name, &whole);
}

/* The new inode as the call's entry. */
static int make_entry(struct make *make, struct fs_call *call)
{
	struct bucket *bucket = make->errand.bucket;
	uint64_t now = clock_ms(bucket->fs->parts.clock);
	const struct meta meta = {
		.kind = make->kind,
		.fresh_ms = now + bucket->ttl_ms,
		.attr = make->attr,
	};
	cleanup(inode_unrefp) struct inode *inode = NULL;
	int r = lookup_see(bucket, make->key, &meta,
	                   meta_cache_moment(bucket->fs->cache), &inode);

	if (r < 0)
		return r;
	inode_entry(inode, &call->entry);
	inode_add_lookup(inode);
	return 0;
}

/* The end: status 0 with the version info, or a failure. */
static void make_end(struct make *make, int status,
                     const struct object_info *info)
{
	struct bucket *bucket = make->errand.bucket;
	struct fs *fs = bucket->fs;
	const struct meta_name name = inode_name(bucket, make->key);
	bool replaced = make->replaces;
	struct fs_call *call;

	if (status == 0) {
		make->attr.known =
			ATTR_FROM_LIST | ATTR_FROM_HEAD | ATTR_GUESSED;
		memcpy(make->attr.etag, info->etag, sizeof(info->etag));
		if (make->target) /* else the first readlink asks */
			(void)attr_meta_with_target(NULL, make->target,
			                            &make->attr.meta);
		learn_made(make);
	} else {
		meta_cache_change(fs->cache, &name, NULL);
	}
	overlay_clear(bucket->overlay, make->key, OVERLAY_HIDDEN);
	call = errand_end(&make->errand, status,
	                  make->kind == META_DIR ? "make directory"
	                                         : "make symlink");
	if (replaced)
		fs_unpend(fs);
	if (call && status == 0)
		status = make_entry(make, call);
	if (call)
		call_fail(call, status, &make->errand.ask.req.err);
	make_free(make);
}

/* A lost reply: is the object that is there ours? */
static void checked(struct ask *ask)
{
	struct make *make = container_of(ask, struct make, errand.ask);
	const char *nonce = attr_nonce(&ask->req.info.headers);
	int status = ask_status(ask);

	if (status == -ENOENT)
		status = err_set(&ask->req.err, -EIO,
		                 "the store did not keep \"%s\"", make->object);
	else if (status == 0 && (!nonce || strcmp(nonce, make->nonce) != 0))
		status = -EEXIST;
	make_end(make, status, &ask->req.info);
}

static void made(struct ask *ask)
{
	struct make *make = container_of(ask, struct make, errand.ask);
	struct store_req *req = &ask->req;
	int status = ask_status(ask);

	if ((status < 0 && req->maybe_applied && status != -EINTR) ||
	    (status == 0 && !req->info.etag[0])) {
		req->verb = STORE_HEAD;
		req->if_none_match = NULL;
		ask->done = checked;
		ask_submit(make->errand.bucket, ask);
		return;
	}
	if (status == -ESTALE)
		status = -EEXIST; /* a 412: somebody was faster */
	make_end(make, status, &req->info);
}

/* Our turn: PUT. */
static void make_go(struct errand *errand)
{
	struct make *make = container_of(errand, struct make, errand);
	struct store_req *req = &errand->ask.req;
	char etag[STORE_ETAG_MAX];

	if (make->kind == META_FILE)
		make->replaces = doomed_take(errand->bucket, make->key, etag);
	req->verb = STORE_PUT;
	req->key = make->object;
	if (!make->replaces &&
	    store_limits(errand->bucket->store)->put_if_none_match)
		req->if_none_match = "*";
	req->put.headers = make->headers.headers;
	req->put.body.slices = &make->body;
	req->put.body.count = make->body.len > 0 ? 1 : 0;
	errand->ask.done = made;
	ask_submit(errand->bucket, &errand->ask);
}

static void make_drop(struct errand *errand)
{
	make_free(container_of(errand, struct make, errand));
}

/* Whether the name is known to be taken. */
static bool is_taken(struct bucket *bucket, const char *key)
{
	const struct meta_name name = inode_name(bucket, key);
	cleanup(inode_unrefp) struct inode *inode = inode_of_key(bucket, key);
	enum overlay_state state = overlay_get(bucket->overlay, key);
	struct meta meta;
	bool local = false;
	int r;

	if (state == OVERLAY_HIDDEN)
		return false;
	if (inode) {
		WITH_LOCK(&inode->lock);

		local = inode->local;
	}
	r = meta_cache_get(bucket->fs->cache, &name, &meta);
	meta_release(&meta);
	return local || state != OVERLAY_NONE || r == 0;
}

/* What every new object has; mode with its type. 0 or a negative errno. */
static int make_new(struct inode *parent, const char *name,
                    const struct fs_call *call, uint32_t mode,
                    struct make **ret)
{
	cleanup(make_freep) struct make *make = calloc(1, sizeof(*make));
	struct bucket *bucket = parent->bucket;
	bool dir = S_ISDIR(mode);
	int r;

	if (!make)
		return -ENOMEM;
	r = inode_child_key(parent, name, &make->key);
	if (r == 0)
		r = key_check_new(name, dir);
	if (r < 0)
		return r;
	if (parent->kind == INODE_DIR && !inode_linked(parent))
		return -ENOENT;
	make->object = dir ? key_as_dir(make->key) : strdup(make->key);
	if (!make->object)
		return -ENOMEM;
	make->kind = dir ? META_DIR : META_FILE;
	make->errand.bucket = bucket;
	make->errand.go = make_go;
	make->errand.free = make_drop;
	make->attr.mode = mode;
	make->attr.uid = call->who.uid;
	make->attr.gid = call->who.gid;
	make->attr.mtime = clock_wall(bucket->fs->parts.clock);
	make->attr.modified = make->attr.mtime;
	fs_nonce(bucket->fs, make->nonce);
	*ret = take(&make);
	return 0;
}

/* Make an object with that body (NULL for a directory). */
static void make_object(struct fs *fs, struct fs_call *call,
                        const struct fs_create *create, const char *target)
{
	cleanup(inode_unrefp) struct inode *parent =
		lookup_node(fs, call, create->parent);
	cleanup(make_freep) struct make *make = NULL;
	int r;

	if (!parent)
		return;
	r = parent->bucket
	            ? bucket_may_change(parent->bucket, false, &call->err)
	            : -EPERM;
	if (r == 0)
		r = make_new(parent, create->name, call, create->mode, &make);
	if (r == 0 && is_taken(parent->bucket, make->key))
		r = -EEXIST;
	if (r == 0 && target) {
		make->target = strdup(target);
		make->body.data = (uint8_t *)make->target;
		make->body.len = strlen(target);
		make->attr.size = make->body.len;
		r = make->target ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = attr_to_headers(&make->attr, NULL, make->nonce,
		                    store_limits(parent->bucket->store),
		                    &make->headers);
	if (r < 0) {
		call_answer(call, r);
		return;
	}
	if (make->kind == META_DIR)
		make->headers.headers.content_type = "application/x-directory";

	struct make *going = take(&make);

	errand_start(&going->errand, call, going->key);
}

void fs_mkdir(struct fs *fs, struct fs_call *call, uint64_t parent,
              const char *name, uint32_t mode)
{
	const struct fs_create create = {
		.parent = parent,
		.name = name,
		.mode = S_IFDIR | (mode & 07777),
	};

	make_object(fs, call, &create, NULL);
}

void fs_symlink(struct fs *fs, struct fs_call *call, uint64_t parent,
                const char *name, const char *target)
{
	const struct fs_create create = {
		.parent = parent,
		.name = name,
		.mode = S_IFLNK | 0777,
	};

	make_object(fs, call, &create, target);
}
