/* SPDX-License-Identifier: MIT */
/* Operations on names. */
#include "act.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The nodeid of the directory that a path is in. */
static int walk_dir(const struct act *act, int path, uint64_t *ret)
{
	return walk(act->mount, paths[path].parent, ret);
}

/* ---- unlink ---- */

static int try_unlink(const struct act *act, struct walked *walked, void *ctx)
{
	struct model_call call;
	uint64_t dir;
	int r;

	(void)ctx;
	if (S_ISDIR(walked->mode))
		return -EISDIR;
	r = walk_dir(act, act->op->path, &dir);
	if (r < 0)
		return r;
	call_begin(act->mount, &call);
	fs_unlink(act->mount->fs, &call.call, dir, paths[act->op->path].name);
	return call_wait(&call);
}

/* A version goes when the last descriptor of the file goes. */
static void doom(const struct act *act, struct ref_file *file, int path,
                 struct ref_version *version)
{
	file->doomed_path = path;
	ref_set(&file->doomed, version);
	ref_set(&act->mount->ref->hidden[path], version);
}

/* The name of an open file goes. */
static void unlink_open(const struct act *act, struct ref_file *file)
{
	int path = act->op->path;

	act->mount->ref->name[path] = NULL;
	file->unlinked = true;
	if (!file->created)
		doom(act, file, path, file->version);
	else if (file->replaces)
		doom(act, file, path, file->replaces);
	else if (act->world->ref.store[path]) /* by somebody else */
		act->world->unseen_ms[path] = world_now(act->world) + UNSEEN_MS;
}

bool act_unlink(const struct act *act)
{
	struct ref *ref = &act->world->ref;
	int path = act->op->path;
	struct act this = *act;
	struct ref_view view;
	enum verdict verdict;
	int expected;
	int r;

	act_see(act, path);
	view = ref_view(ref, act->mount->ref, path);
	expected = act_expect_walk(act, path);
	if (view.kind == REF_DIR)
		expected = -EISDIR;
	this.file = view.file;
	r = act_retry(act, path, try_unlink, NULL);
	verdict = act_judge(&this, r, expected);
	if (verdict == SPOILT && !view.file)
		ref_may(ref, path, NULL);
	if (verdict != AGREED || r < 0)
		return verdict != WRONG;
	ref_keep_parents(ref, act->mount->ref, path);
	if (view.file)
		unlink_open(act, view.file);
	else
		ref_store(ref, path, NULL);
	forget_path(act->mount, path);
	return true;
}

/* ---- rename ---- */

static int try_rename(const struct act *act, struct walked *walked, void *ctx)
{
	const struct op *op = act->op;
	struct walked target = {.fresh = walked->fresh};
	struct fs_rename rename = {
		.name = paths[op->path].name,
		.new_name = paths[op->other].name,
		.flags = op->flags & 1,
	};
	struct model_call call;
	int r;

	(void)ctx;
	r = walk_dir(act, op->path, &rename.parent);
	if (r == 0)
		r = walk_dir(act, op->other, &rename.new_parent);
	if (r < 0)
		return r;
	r = walk_to(act->mount, op->other, &target);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && rename.flags)
		return -EEXIST;
	if (r == 0 && S_ISDIR(target.mode) != S_ISDIR(walked->mode))
		return S_ISDIR(target.mode) ? -EISDIR : -ENOTDIR;
	call_begin(act->mount, &call);
	fs_rename(act->mount->fs, &call.call, &rename);
	return call_wait(&call);
}

/* What rename(2) must say. */
static int expect_rename(const struct act *act, const struct ref_view *from,
                         const struct ref_view *to)
{
	const struct op *op = act->op;
	int r = act_expect_walk(act, op->path);
	int parent = paths[op->other].parent;

	if (r < 0)
		return r;
	r = act_expect_walk(act, parent);
	if (r < 0)
		return r;
	if (parent >= 0 &&
	    ref_view(&act->world->ref, act->mount->ref, parent).kind != REF_DIR)
		return -ENOTDIR;
	if (to->kind != REF_NONE && op->flags & 1)
		return -EEXIST;
	if (to->kind != REF_NONE &&
	    (to->kind == REF_DIR) != (from->kind == REF_DIR))
		return to->kind == REF_DIR ? -EISDIR : -ENOTDIR;
	return 0;
}

/* Whoever promised to delete a version of that path need not any more. */
static bool take_doomed(const struct act *act, int path)
{
	struct ref_mount *mount = act->mount->ref;
	bool taken = false;

	list_for_each(node, &mount->files) {
		struct ref_file *file =
			container_of(node, struct ref_file, link);

		if (!file->doomed || file->doomed_path != path)
			continue;
		ref_set(&file->doomed, NULL);
		taken = true;
	}
	return taken;
}

/* The file that had the new name loses it. */
static void replace_target(const struct act *act, struct ref_file *target)
{
	if (!target)
		return;
	act->mount->ref->name[act->op->other] = NULL;
	target->unlinked = true;
}

/* A file that was never published gets another name. */
static void move_created(const struct act *act, struct ref_file *file,
                         const struct ref_view *to)
{
	struct ref *ref = &act->world->ref;
	struct ref_mount *mount = act->mount->ref;
	int from = act->op->path;
	int path = act->op->other;
	struct ref_version *old = ref_version_share(file->replaces);
	struct ref_version *replaces = NULL;

	if (to->file)
		replaces = to->file->created ? to->file->replaces
		                             : to->file->version;
	else
		replaces = mount->hidden[path] ? mount->hidden[path]
		                               : ref->store[path];
	replaces = ref_version_share(replaces);
	replace_target(act, to->file);
	(void)take_doomed(act, path);
	if (replaces)
		ref_set(&mount->hidden[path], replaces);
	ref_set(&file->replaces, replaces);
	ref_version_drop(replaces);
	mount->name[from] = NULL;
	mount->name[path] = file;
	file->path = path;
	if (old) { /* what it was to replace goes now */
		if (ref_same(ref->store[from], old)) {
			ref_may(ref, from, old);
			ref_store(ref, from, NULL);
		}
		ref_set(&mount->hidden[from], NULL);
	}
	ref_version_drop(old);
}

/* An object is copied and deleted. */
static void move_stored(const struct act *act, struct ref_file *file,
                        const struct ref_view *to)
{
	struct ref *ref = &act->world->ref;
	struct ref_mount *mount = act->mount->ref;
	int from = act->op->path;
	int path = act->op->other;
	struct ref_version *version = ref_version_copy(ref->store[from]);

	replace_target(act, to->file);
	(void)take_doomed(act, path);
	ref_set(&mount->hidden[path], NULL);
	if (file) {
		mount->name[from] = NULL;
		mount->name[path] = file;
		file->path = path;
		ref_set(&file->version, version);
		if (file->known)
			ref_set(&file->base, version);
	}
	ref_store(ref, path, version);
	ref_store(ref, from, NULL);
	ref_version_drop(version);
}

/* It failed half way: both names, or one of them. */
static void move_spoilt(const struct act *act)
{
	struct ref *ref = &act->world->ref;
	struct ref_version *from = ref->store[act->op->path];
	struct ref_version *copy;

	if (!from)
		return;
	copy = ref_version_copy(from);
	ref_may(ref, act->op->other, copy);
	ref_version_drop(copy);
	ref_may(ref, act->op->path, NULL);
}

/* The kernel's names move with it. */
static void move_dentry(const struct act *act)
{
	struct dentry *names = act->mount->names;

	forget_path(act->mount, act->op->other);
	names[act->op->other] = names[act->op->path];
	names[act->op->path] = (struct dentry){0};
}

bool act_rename(const struct act *act)
{
	struct ref *ref = &act->world->ref;
	const struct op *op = act->op;
	struct act this = *act;
	struct ref_view from, to;
	enum verdict verdict;
	int expected;
	int r;

	if (ref_below(op->path, op->other) || ref_below(op->other, op->path))
		return act_idle(act);
	act_see(act, op->path);
	act_see(act, op->other);
	from = ref_view(ref, act->mount->ref, op->path);
	to = ref_view(ref, act->mount->ref, op->other);
	/* Rewritten here, and changed by somebody else. */
	if (from.file && from.file->dirty && !from.file->created &&
	    !ref_same(from.file->base, ref->store[op->path]))
		return act_idle(act);
	if (to.kind == REF_NONE && ref_hides(act->mount->ref, op->other))
		return act_idle(act);
	if (from.kind == REF_DIR ||
	    (from.file && (from.file->failed || from.file->suspect)))
		return act_idle(act);
	if (to.file && (to.file->failed || to.file->suspect))
		return act_idle(act);
	expected = expect_rename(act, &from, &to);
	this.file = from.file && from.file->dirty ? from.file : NULL;
	r = act_retry(act, op->path, try_rename, NULL);
	verdict = act_judge(&this, r, expected);
	if (verdict == SPOILT && !(from.file && from.file->created))
		move_spoilt(act);
	if (verdict != AGREED || r < 0)
		return verdict != WRONG;
	ref_keep_parents(ref, act->mount->ref, op->path);
	if (from.file && from.file->created)
		move_created(act, from.file, &to);
	else
		move_stored(act, from.file, &to);
	move_dentry(act);
	return true;
}

/* ---- mkdir, rmdir ---- */

/* Making a name: what it must say. */
static int expect_make(const struct act *act)
{
	struct ref *ref = &act->world->ref;
	int path = act->op->path;
	int parent = paths[path].parent;
	int r = act_expect_walk(act, path);

	if (r == 0)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	if (parent >= 0 &&
	    ref_view(ref, act->mount->ref, parent).kind != REF_DIR)
		return act_expect_walk(act, parent) < 0
		               ? act_expect_walk(act, parent)
		               : -ENOTDIR;
	return 0;
}

/* An object of ours is there now, or may be. */
static void made(const struct act *act, struct ref_version *version, bool sure)
{
	struct ref *ref = &act->world->ref;
	int path = act->op->path;

	if (sure)
		ref_store(ref, path, version);
	else
		ref_may(ref, path, version);
	ref_version_drop(version);
}

/* MKDIR or SYMLINK of a name that is looked up first. */
static int make(const struct act *act, const char *target)
{
	int path = act->op->path;
	struct walked walked = {0};
	struct model_call call;
	uint64_t dir;
	int r = walk_to(act->mount, path, &walked);

	if (r == 0)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	r = walk_dir(act, path, &dir);
	if (r < 0)
		return r;
	call_begin(act->mount, &call);
	if (target)
		fs_symlink(act->mount->fs, &call.call, dir, paths[path].name,
		           target);
	else
		fs_mkdir(act->mount->fs, &call.call, dir, paths[path].name,
		         0750);
	r = call_wait(&call);
	if (r == 0)
		remember(act->mount, path, &call.call.entry);
	return r;
}

bool act_mkdir(const struct act *act)
{
	int path = act->op->path;
	struct ref_version *version;
	enum verdict verdict;
	int expected;
	int r;

	act_see(act, path);
	if (act->mount->ref->hidden[path])
		return act_idle(act); /* a file under the same name, still */
	expected = expect_make(act);
	r = make(act, NULL);
	verdict = act_judge(act, r, expected);
	if (!(verdict == AGREED && r == 0) && verdict != SPOILT)
		return verdict != WRONG;
	version = ref_version_new(REF_DIR, NULL, 0);
	version->mode = 0750;
	made(act, version, verdict == AGREED);
	if (verdict == AGREED)
		act->mount->ref->kept[path] = false;
	return true;
}

static int try_rmdir(const struct act *act, struct walked *walked, void *ctx)
{
	struct model_call call;
	uint64_t dir;
	int r;

	(void)ctx;
	if (!S_ISDIR(walked->mode))
		return -ENOTDIR;
	r = walk_dir(act, act->op->path, &dir);
	if (r < 0)
		return r;
	call_begin(act->mount, &call);
	fs_rmdir(act->mount->fs, &call.call, dir, paths[act->op->path].name);
	return call_wait(&call);
}

bool act_rmdir(const struct act *act)
{
	struct ref *ref = &act->world->ref;
	int path = act->op->path;
	enum ref_kind kind;
	enum verdict verdict;
	int expected;
	int r;

	act_see(act, path);
	for (int p = path + 1; p < PATHS; p++)
		act_see(act, p);
	kind = ref_view(ref, act->mount->ref, path).kind;
	expected = act_expect_walk(act, path);
	if (expected == 0 && kind != REF_DIR)
		expected = -ENOTDIR;
	else if (expected == 0 && ref_has_children(ref, act->mount->ref, path))
		expected = -ENOTEMPTY;
	r = act_retry(act, path, try_rmdir, NULL);
	verdict = act_judge(act, r, expected);
	if (verdict == SPOILT && expected == 0)
		ref_may(ref, path, NULL);
	if (verdict != AGREED || r < 0)
		return verdict != WRONG;
	ref_store(ref, path, NULL);
	act->mount->ref->kept[path] = false;
	ref_keep_parents(ref, act->mount->ref, path);
	forget_path(act->mount, path);
	return true;
}

/* ---- symlinks ---- */

bool act_symlink(const struct act *act)
{
	int path = act->op->path;
	struct ref_version *version;
	enum verdict verdict;
	char target[24];
	int expected;
	int r;

	if (act->world->config & CONFIG_LIST)
		return act_idle(act); /* they look like files */
	if (act->world->armed && act->mount->ref->hidden[path])
		return act_idle(act); /* half of it is nowhere promised */
	act_see(act, path);
	expected = expect_make(act);
	if (expected == 0 && ref_hides(act->mount->ref, path))
		return act_idle(act);
	(void)snprintf(target, sizeof(target), "target%u", act->op->stamp);
	r = make(act, target);
	verdict = act_judge(act, r, expected);
	if (!(verdict == AGREED && r == 0) && verdict != SPOILT)
		return verdict != WRONG;
	version = ref_version_new(REF_LINK, (uint8_t *)strdup(target),
	                          strlen(target));
	version->mode = 0777;
	made(act, version, verdict == AGREED);
	if (verdict == AGREED) {
		(void)take_doomed(act, path);
		ref_set(&act->mount->ref->hidden[path], NULL);
	}
	return true;
}

static int try_readlink(const struct act *act, struct walked *walked, void *ctx)
{
	struct model_call *call = ctx;

	if (!S_ISLNK(walked->mode))
		return -EINVAL;
	call_begin(act->mount, call);
	call->wants_data = true;
	fs_readlink(act->mount->fs, &call->call, walked->nodeid);
	return call_wait(call);
}

bool act_readlink(const struct act *act)
{
	int path = act->op->path;
	struct model_call call = {0};
	struct ref_view view;
	int expected;
	bool right;
	int r;

	act_see(act, path);
	view = ref_view(&act->world->ref, act->mount->ref, path);
	expected = act_expect_walk(act, path);
	if (expected == 0 && view.kind != REF_LINK)
		expected = -EINVAL;
	r = act_retry(act, path, try_readlink, &call);
	right = r < 0 || !view.version ||
	        (call.size == view.version->size &&
	         memcmp(call.data, view.version->data, call.size) == 0);
	call_end(&call);
	if (act_judge(act, r, expected) == WRONG)
		return false;
	return right || world_diverge(act->world, "'%s' has another target",
	                              paths[path].key);
}
