/* SPDX-License-Identifier: MIT */
#include "act.h"

#include <errno.h>
#include <stdlib.h>

/* ---- verdicts ---- */

bool act_idle(const struct act *act)
{
	act->world->idle++;
	return true;
}

bool act_was_spoilt(const struct act *act)
{
	struct world *world = act->world;

	if (world->armed && fault_store_fired(act->mount->fault) > 0) {
		world->spoilt = true;
		world->uploads_unsure = true;
	}
	return world->spoilt;
}

/* Errnos that a failing store may bring. */
static bool is_honest(int status)
{
	return status == -EIO || status == -ETIMEDOUT;
}

/* What SPEC.md ("Not built yet", "Writing") allows to be refused. */
static bool may_refuse(const struct act *act, int status)
{
	const struct op *op = act->op;

	if (status != -EBUSY)
		return false;
	/* Bytes that were sent already; a file that is being rewritten. */
	if (op->kind == OP_READ)
		return act->file && act->file->size >= PART_SIZE;
	return op->kind == OP_RENAME && act->file;
}

/*
 * A file without a name cannot be published in between, so what was sent of it
 * before is lost when it is changed elsewhere.
 */
static bool is_dropped(const struct ref_file *file)
{
	return file && file->unlinked &&
	       (file->synced || file->size >= PART_SIZE);
}

enum verdict act_judge(const struct act *act, int status, int expected)
{
	struct world *world = act->world;
	bool spoilt = act_was_spoilt(act);

	world->said = status;
	if (status == expected)
		return AGREED;
	if (status < 0 && is_honest(status) &&
	    (spoilt || (act->file && act->file->suspect))) {
		world->failed++;
		return SPOILT;
	}
	if (expected == 0 && status == -EIO && is_dropped(act->file)) {
		world->refused++;
		return SPOILT;
	}
	if (expected == 0 && may_refuse(act, status)) {
		world->refused++;
		return REFUSED;
	}
	world_diverge(world, "%s '%s' says %d, must say %d",
	              op_name(act->op->kind), paths[act->op->path].key, status,
	              expected);
	return WRONG;
}

/* ---- names ---- */

void act_see(const struct act *act, int path)
{
	struct world *world = act->world;

	for (int p = 0; p < PATHS; p++) {
		uint64_t now = world_now(world);

		if ((ref_below(p, path) || ref_below(path, p)) &&
		    world->unseen_ms[p] > now)
			world_pass(world, world->unseen_ms[p] - now);
	}
}

int act_expect_walk(const struct act *act, int path)
{
	struct world *world = act->world;
	enum ref_kind kind;

	if (path < 0)
		return 0;
	if (ref_view(&world->ref, act->mount->ref, path).kind != REF_NONE)
		return 0;
	path = paths[path].parent;
	if (path < 0)
		return -ENOENT;
	kind = ref_view(&world->ref, act->mount->ref, path).kind;
	if (kind == REF_NONE)
		return act_expect_walk(act, path);
	return kind == REF_DIR ? -ENOENT : -ENOTDIR;
}

int act_retry(const struct act *act, int path, act_try_fn *try, void *ctx)
{
	struct walked walked = {0};
	int r = walk_to(act->mount, path, &walked);

	if (r < 0)
		return r;
	r = try(act, &walked, ctx);
	if (r != -ESTALE)
		return r;
	walked.fresh = true;
	r = walk_to(act->mount, path, &walked);
	return r < 0 ? r : try(act, &walked, ctx);
}

/* ---- what is no call ---- */

/* Somebody else writes an object. */
static bool remote_put(const struct act *act)
{
	struct world *world = act->world;
	struct ref *ref = &world->ref;
	int path = act->op->path;
	int parent = paths[path].parent;
	struct ref_version *version;
	uint8_t *data;
	bool was_file;
	int r;

	for (unsigned i = 0; i < world->mount_count && parent >= 0; i++)
		if (ref_view(ref, &ref->mounts[i], parent).kind != REF_DIR)
			return act_idle(act);
	if (parent >= 0 && !ref->store[parent] && !paths[parent].implicit)
		return act_idle(act);
	if (ref->store[path] && ref->store[path]->kind != REF_FILE)
		return act_idle(act);
	for (int p = path + 1; p < PATHS; p++)
		if (ref_below(p, path))
			return act_idle(act);

	was_file = ref->store[path] != NULL;
	world_drain(world);
	if (!world_check(world))
		return false;
	data = malloc(act->op->b + 1);
	for (uint32_t i = 0; data && i < act->op->b; i++)
		data[i] = op_byte(act->op->stamp, i);
	r = data ? fake_store_put(world->fake, paths[path].key, data,
	                          act->op->b, NULL)
	         : -ENOMEM;
	version = ref_version_new(REF_FILE, data, act->op->b);
	ref_store(ref, path, version);
	ref_version_drop(version);
	world->rewritten[path] =
		was_file && world->unseen_ms[path] <= world_now(world);
	world->unseen_ms[path] = world_now(world) + UNSEEN_MS;
	return r == 0 || world_diverge(world, "out of memory");
}

/* Somebody else deletes one. */
static bool remote_delete(const struct act *act)
{
	struct world *world = act->world;
	struct ref *ref = &world->ref;
	int path = act->op->path;

	if (!ref->store[path] || ref->store[path]->kind != REF_FILE)
		return act_idle(act);
	/* A directory without an object, in which somebody makes a file. */
	for (unsigned i = 0; i < world->mount_count; i++)
		for (int p = 0; p < PATHS; p++)
			if (paths[p].parent == paths[path].parent &&
			    ref->mounts[i].name[p])
				return act_idle(act);
	world_drain(world);
	if (!world_check(world))
		return false;
	(void)fake_store_delete(world->fake, paths[path].key);
	ref_store(ref, path, NULL);
	world->rewritten[path] = false;
	for (int p = path; p >= 0; p = paths[p].parent)
		world->unseen_ms[p] = world_now(world) + UNSEEN_MS;
	return true;
}

/* The next operation's requests meet a fault. */
static bool arm(const struct act *act)
{
	static const enum fault_action actions[] = {
		FAULT_FAIL, FAULT_LOSE_REPLY, FAULT_CUT};
	const struct op *op = act->op;
	const struct fault_rule rule = {
		.action = actions[op->flags % 3],
		.verbs = op->flags % 3 == OP_FAULT_CUT ? FAULT_VERB(STORE_GET)
	                                               : 0,
		.nth = op->a,
		.count = op->b,
		.code = op->stamp & 1 ? -EIO : -ETIMEDOUT,
		.bytes = op->stamp % 100,
	};

	(void)fault_store_add(act->mount->fault, &rule);
	act->world->armed = true;
	return true;
}

/* The kernel needs the room. */
static bool forget(const struct act *act)
{
	int path = act->op->path;

	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *slot = &act->mount->slots[i];

		if (slot->handle && ref_below(slot->file->path, path))
			return act_idle(act);
	}
	forget_path(act->mount, path);
	return true;
}

static bool pass(const struct act *act)
{
	world_pass(act->world, act->op->a);
	return true;
}

/* Close what a mount has open. */
static bool close_mount(struct world *world, struct mount *mount)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		const struct op op = {
			.kind = OP_CLOSE,
			.mount = (uint8_t)(mount - world->mounts),
			.slot = (uint8_t)i,
		};

		while (mount->slots[i].handle)
			if (!act(world, &op))
				return false;
	}
	return true;
}

bool act_close_all(struct world *world)
{
	for (unsigned i = 0; i < world->mount_count; i++)
		if (!close_mount(world, &world->mounts[i]))
			return false;
	return true;
}

static bool remount(const struct act *act)
{
	struct world *world = act->world;

	if (!close_mount(world, act->mount))
		return false;
	for (int p = 0; p < PATHS; p++)
		act_see(act, p);
	return world_remount(act->mount);
}

/* ---- the frame ---- */

typedef bool act_fn(const struct act *act);

static act_fn *const acts[OP_KINDS] = {
	[OP_STAT] = act_stat,
	[OP_CREATE] = act_create,
	[OP_OPEN] = act_open,
	[OP_READ] = act_read,
	[OP_WRITE] = act_write,
	[OP_TRUNCATE] = act_truncate,
	[OP_CUT] = act_cut,
	[OP_FALLOCATE] = act_fallocate,
	[OP_SEEK] = act_seek,
	[OP_FSYNC] = act_fsync,
	[OP_DUP] = act_dup,
	[OP_CLOSE] = act_close,
	[OP_CHILD] = act_child,
	[OP_UNLINK] = act_unlink,
	[OP_RENAME] = act_rename,
	[OP_MKDIR] = act_mkdir,
	[OP_RMDIR] = act_rmdir,
	[OP_SYMLINK] = act_symlink,
	[OP_READLINK] = act_readlink,
	[OP_CHMOD] = act_chmod,
	[OP_UTIMES] = act_utimes,
	[OP_SETXATTR] = act_setxattr,
	[OP_GETXATTR] = act_getxattr,
	[OP_LIST] = act_list,
	[OP_FORGET] = forget,
	[OP_PUT] = remote_put,
	[OP_DELETE] = remote_delete,
	[OP_PASS] = pass,
	[OP_FAULT] = arm,
	[OP_REMOUNT] = remount,
};

/* The fault was for one operation: what it left under way ends well. */
static void disarm(struct world *world, struct mount *mount)
{
	if (!world->armed)
		return;
	fault_store_clear(mount->fault);
	world->armed = false;
}

/* Whether the operation may have published a file in between. */
static bool has_checkpoint(const struct ref_mount *mount)
{
	list_for_each(node, &mount->files)
		if (container_of(node, struct ref_file, link)->checkpoint)
			return true;
	return false;
}

/* The files that were: they go on from what was published. */
static void heed_checkpoints(const struct act *act)
{
	list_for_each(node, &act->mount->ref->files) {
		struct ref_file *file =
			container_of(node, struct ref_file, link);
		struct ref_version *version = file->checkpoint;

		if (!version)
			continue;
		if (act->world->ref.store[file->path] == version) {
			ref_set(&act->mount->ref->hidden[file->path], NULL);
			ref_set(&file->version, version);
			ref_set(&file->base, version);
			ref_set(&file->replaces, NULL);
			file->known = true;
			file->created = false;
			file->exclusive = false;
		}
		ref_set(&file->checkpoint, NULL);
	}
}

/* Late replies: the request that failed may have been of any file. */
static void suspect_all(struct ref_mount *mount)
{
	list_for_each(node, &mount->files) {
		struct ref_file *file =
			container_of(node, struct ref_file, link);

		file->suspect = file->suspect || file->dirty;
	}
}

/* Whether the operation is on a name that shows one does not know what. */
static bool is_muddled(const struct act *act)
{
	switch (act->op->kind) {
	case OP_READ:
	case OP_WRITE:
	case OP_TRUNCATE:
	case OP_FALLOCATE:
	case OP_SEEK:
	case OP_FSYNC:
	case OP_DUP:
	case OP_CLOSE:
	case OP_CHILD:
	case OP_REMOUNT:
		return false;
	case OP_LIST:
		if (act->op->other)
			return false;
		break;
	case OP_RENAME:
		if (ref_muddled(&act->world->ref, act->mount->ref,
		                act->op->other))
			return true;
		break;
	default:
		break;
	}
	return ref_muddled(&act->world->ref, act->mount->ref, act->op->path);
}

bool act(struct world *world, const struct op *op)
{
	struct act act = {
		.world = world,
		.mount = &world->mounts[op->mount % world->mount_count],
		.op = op,
	};
	bool ok;

	world->dice.state = op->stamp * UINT64_C(31) + op->kind;
	/* What still waits may be what was spoilt. */
	world->spoilt = world->spoilt && !world_is_quiet(world);
	if (world->config & CONFIG_TWO)
		world_drain(world);
	ok = is_muddled(&act) ? act_idle(&act) : acts[op->kind](&act);
	if (op->kind == OP_FAULT)
		return ok;
	if (!(world->config & CONFIG_QUEUE) || (op->stamp & 1))
		world_drain(world);
	if (has_checkpoint(act.mount->ref))
		world_drain(world);
	if (world->config & CONFIG_QUEUE && act_was_spoilt(&act))
		suspect_all(act.mount->ref);
	ok = ok && world_check(world);
	heed_checkpoints(&act);
	world_heed(act.mount);
	disarm(world, act.mount);
	return ok;
}
