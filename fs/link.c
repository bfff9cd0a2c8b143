/* SPDX-License-Identifier: MIT */
/* READLINK: a symlink's target is its object's body. */
#include "ask.h"
#include "base/lock.h"
#include "call.h"
#include "inode.h"
#include "lookup.h"

#include <string.h>

#define TARGET_MAX 4095 /* bytes, what the kernel takes */

/* A target being fetched. */
struct reading {
	struct ask ask;
	struct fs_call *call; /* slot */
	struct inode *inode;  /* shares */
	char *key;
	char etag[STORE_ETAG_MAX];
	uint64_t moment;
	struct slice slice;
	uint8_t target[TARGET_MAX + 1]; /* a NUL behind it */
};

static void reading_free(struct reading *reading)
{
	inode_unref(reading->inode);
	free(reading->key);
	free(reading);
}

/* Keep the target with the version it was read of. */
static void remember(const struct reading *reading)
{
	struct inode *inode = reading->inode;
	const char *target = (const char *)reading->target;
	struct meta_cache *cache = inode->table->fs->cache;
	struct meta meta = {.kind = META_FILE};
	struct attr_meta *known;

	WITH_LOCK(&inode->lock);
	struct meta_name name = inode_name(inode->bucket, inode->key);

	if (inode->local || strcmp(inode->attr.etag, reading->etag) != 0 ||
	    strlen(target) != reading->slice.len ||
	    attr_meta_with_target(inode->attr.meta, target, &known) < 0)
		return;
	attr_meta_unref(inode->attr.meta);
	inode->attr.meta = known;
	attr_copy(&meta.attr, &inode->attr);
	meta.fresh_ms = inode->fresh_ms;
	(void)meta_cache_put(cache, &name, reading->moment, &meta);
	meta_release(&meta);
}

/* The target, as far as it is known. */
static struct attr_meta *known_target(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	return attr_meta_target(inode->attr.meta)
	               ? attr_meta_ref(inode->attr.meta)
	               : NULL;
}

static void fetched(struct ask *ask)
{
	struct reading *reading = container_of(ask, struct reading, ask);
	struct fs_call *call = call_claim(ask->fs, &reading->call);
	int status = ask_status(ask);

	if (status == -ENOENT || status == -ESTALE) {
		inode_outdated(reading->inode);
		status = -ESTALE;
	}
	reading->slice.len = ask->req.get.received;
	if (status == 0)
		remember(reading);
	if (call && status == 0)
		call->data = (struct chain){&reading->slice, 1};
	if (call)
		call_fail(call, status, &ask->req.err);
	reading_free(reading);
}

/* A reading of the inode's present version; NULL: out of memory. */
static struct reading *reading_new(struct inode *inode)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	WITH_LOCK(&inode->lock);

	if (!reading)
		return NULL;
	reading->key = strdup(inode->key);
	if (!reading->key) {
		free(reading);
		return NULL;
	}
	reading->moment = meta_cache_moment(inode->table->fs->cache);
	memcpy(reading->etag, inode->attr.etag, sizeof(reading->etag));
	reading->slice.data = reading->target;
	reading->slice.len = inode->attr.size < TARGET_MAX
	                             ? (size_t)inode->attr.size
	                             : TARGET_MAX;
	return reading;
}

void fs_readlink(struct fs *fs, struct fs_call *call, uint64_t nodeid)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);
	cleanup(attr_meta_unrefp) struct attr_meta *known = NULL;
	struct reading *reading;
	struct slice slice;

	if (!inode)
		return;
	known = inode->kind == INODE_SYMLINK ? known_target(inode) : NULL;
	if (known) {
		slice.data = (uint8_t *)(uintptr_t)attr_meta_target(known);
		slice.len = strlen(attr_meta_target(known));
		call->data = (struct chain){&slice, 1};
		call_answer(call, 0);
		return;
	}
	reading = inode->kind == INODE_SYMLINK ? reading_new(inode) : NULL;
	if (!reading || reading->slice.len == 0) {
		int r = inode->kind != INODE_SYMLINK ? -EINVAL
		        : !reading                   ? -ENOMEM
		                                     : -ENOENT;

		if (reading)
			reading_free(reading);
		call_answer(call, r);
		return;
	}
	reading->inode = inode_ref(inode);
	reading->ask.done = fetched;
	reading->ask.req.verb = STORE_GET;
	reading->ask.req.key = reading->key;
	if (reading->etag[0])
		reading->ask.req.if_match = reading->etag;
	reading->ask.req.get.length = reading->slice.len;
	reading->ask.req.get.into = (struct chain){&reading->slice, 1};
	if (!call_park(fs, call, &reading->call)) {
		reading_free(reading);
		call_answer(call, -EINTR);
		return;
	}
	ask_submit(inode->bucket, &reading->ask);
}
