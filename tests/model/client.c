/* SPDX-License-Identifier: MIT */
/* How a mount is called: one call at a time, names as the kernel keeps them. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* done() of every call: copies what lives in it only. */
static void called(struct fs_call *call)
{
	struct model_call *c = container_of(call, struct model_call, call);

	if (call->status == 0 && c->wants_data) {
		c->size = (size_t)chain_size(&call->data);
		c->data = malloc(c->size + 1);
		(void)chain_read(&call->data, 0, c->data, c->size);
		c->data[c->size] = 0;
	}
	if (c->done)
		(void)world_diverge(c->world, "a call is answered twice");
	c->done = true;
}

void call_begin(struct mount *mount, struct model_call *call)
{
	memset(call, 0, sizeof(*call));
	call->world = mount->world;
	call->call.done = called;
	call->call.who = (struct fs_who){.uid = 1000, .gid = 1000, .tid = 1};
	call->call.status = -EINPROGRESS;
}

int call_wait(struct model_call *call)
{
	struct world *world = call->world;

	while (!call->done) {
		size_t waiting = fake_store_waiting(world->fake);

		if (waiting == 0) {
			world_diverge(world, "a call is never answered");
			return -EDEADLK;
		}
		(void)fake_store_run_nth(world->fake,
		                         dice_below(&world->dice,
		                                    (uint32_t)waiting));
	}
	return call->call.status;
}

void call_end(struct model_call *call)
{
	free(call->data);
	call->data = NULL;
}

/* ---- names ---- */

void forget_path(struct mount *mount, int path)
{
	for (int p = path; p < PATHS; p++) {
		struct dentry *dentry = &mount->names[p];

		if (!ref_below(p, path) || dentry->count == 0)
			continue;
		fs_forget(mount->fs, dentry->nodeid, dentry->count);
		*dentry = (struct dentry){0};
	}
}

void remember(struct mount *mount, int path, const struct fs_entry *entry)
{
	struct dentry *dentry = &mount->names[path];

	if (dentry->nodeid != entry->nodeid)
		forget_path(mount, path);
	dentry->nodeid = entry->nodeid;
	dentry->count++;
	dentry->until_ms = world_now(mount->world) + entry->entry_ms;
	dentry->mode = entry->attr.mode;
}

/* One LOOKUP. */
static int look_up(struct mount *mount, int path, uint64_t parent)
{
	struct model_call call;
	int r;

	call_begin(mount, &call);
	fs_lookup(mount->fs, &call.call, parent, paths[path].name);
	r = call_wait(&call);
	if (r == 0)
		remember(mount, path, &call.call.entry);
	else if (r == -ENOENT)
		forget_path(mount, path);
	return r;
}

/* Walk once. */
static int try_walk(struct mount *mount, int path, struct walked *walked)
{
	struct dentry *dentry = &mount->names[path];
	int parent = paths[path].parent;
	struct walked dir = {.nodeid = mount->top, .mode = S_IFDIR};
	int r = 0;

	dir.fresh = walked->fresh;
	if (parent >= 0)
		r = try_walk(mount, parent, &dir);
	if (r == 0 && !S_ISDIR(dir.mode))
		r = -ENOTDIR;
	if (r == 0 && (walked->fresh || dentry->nodeid == 0 ||
	               world_now(mount->world) >= dentry->until_ms))
		r = look_up(mount, path, dir.nodeid);
	walked->nodeid = dentry->nodeid;
	walked->mode = dentry->mode;
	return r;
}

int walk_to(struct mount *mount, int path, struct walked *walked)
{
	int r;

	if (path < 0) {
		walked->nodeid = mount->top;
		walked->mode = S_IFDIR;
		return 0;
	}
	r = try_walk(mount, path, walked);
	if (r == -ESTALE) {
		walked->fresh = true;
		r = try_walk(mount, path, walked);
	}
	return r;
}

int walk(struct mount *mount, int path, uint64_t *ret)
{
	struct walked walked = {0};
	int r = walk_to(mount, path, &walked);

	*ret = walked.nodeid;
	return r;
}
