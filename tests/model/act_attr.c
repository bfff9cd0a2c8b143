/* SPDX-License-Identifier: MIT */
/* Attributes and listings. */
#include "act.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static const char *const xattr_names[XATTRS] = {"user.xa", "user.xb"};

/* ---- stat ---- */

static int try_stat(const struct act *act, struct walked *walked, void *ctx)
{
	struct model_call call;
	int r;

	call_begin(act->mount, &call);
	fs_getattr(act->mount->fs, &call.call, walked->nodeid);
	r = call_wait(&call);
	*(struct fs_attr *)ctx = call.call.entry.attr;
	return r;
}

/* What stat must show; modes of attrs = list are not known. */
struct shown {
	uint32_t type;
	uint64_t size;
	uint32_t mode; /* UINT32_MAX = any */
	int64_t mtime; /* 0 = any */
	bool unsure;   /* of both */
};

static struct shown shown_of(const struct ref_view *view)
{
	static const uint32_t types[] = {
		[REF_FILE] = S_IFREG, [REF_DIR] = S_IFDIR, [REF_LINK] = S_IFLNK};
	struct shown shown = {.type = types[view->kind], .mode = UINT32_MAX};

	if (view->file) {
		shown.size = view->file->size;
		shown.mode = view->file->mode;
		shown.mtime = view->file->mtime;
		shown.unsure = view->file->unsure;
	} else if (view->version) {
		shown.size = view->version->size;
		shown.mode = view->version->mode;
		shown.mtime = view->version->mtime;
		shown.unsure = view->version->unsure;
	}
	return shown;
}

/* Compare what stat showed. */
static bool compare(const struct act *act, const struct fs_attr *attr,
                    const struct ref_view *view)
{
	const struct shown shown = shown_of(view);
	bool listed =
		act->world->config & (CONFIG_LIST | CONFIG_TWO) || shown.unsure;
	const char *key = paths[act->op->path].key;

	if ((attr->mode & S_IFMT) != shown.type)
		return world_diverge(act->world,
		                     "'%s' has type %o, must have "
		                     "%o",
		                     key, attr->mode & S_IFMT, shown.type);
	if (shown.type != S_IFDIR && attr->size != shown.size)
		return world_diverge(act->world,
		                     "'%s' shows %llu bytes, must show %llu",
		                     key, (unsigned long long)attr->size,
		                     (unsigned long long)shown.size);
	if (!listed && shown.mode != UINT32_MAX &&
	    (attr->mode & 07777) != shown.mode)
		return world_diverge(act->world,
		                     "'%s' has mode %o, must have "
		                     "%o",
		                     key, attr->mode & 07777, shown.mode);
	if (!listed && shown.mtime && attr->mtime.tv_sec != shown.mtime)
		return world_diverge(act->world,
		                     "'%s' has time %lld, must "
		                     "have %lld",
		                     key, (long long)attr->mtime.tv_sec,
		                     (long long)shown.mtime);
	return true;
}

bool act_stat(const struct act *act)
{
	struct fs_attr attr = {0};
	struct ref_view view;
	int r;

	act_see(act, act->op->path);
	r = act_retry(act, act->op->path, try_stat, &attr);
	if (act_judge(act, r, act_expect_walk(act, act->op->path)) == WRONG)
		return false;
	if (r < 0)
		return true;
	view = ref_view(&act->world->ref, act->mount->ref, act->op->path);
	if (view.file && view.file->failed)
		return true; /* what it shows until its writers are gone */
	return compare(act, &attr, &view);
}

/* ---- chmod, utimes, setxattr ---- */

void act_restamp(const struct act *act, int path, struct ref_version *version)
{
	struct ref *ref = &act->world->ref;
	struct ref_file *file = act->mount->ref->name[path];

	if (file && ref_same(file->base, ref->store[path]))
		ref_set(&file->base, version);
	if (file)
		ref_set(&file->version, version);
	ref_store(ref, path, version);
	for (unsigned i = 0; i < act->world->mount_count; i++) {
		file = ref->mounts[i].name[path];
		/* Whether a file that is open elsewhere hears of it ... */
		if (file && act->mount->ref != &ref->mounts[i])
			file->unsure = true;
	}
}

/* What is to be changed. */
struct stamp {
	unsigned set; /* of enum fs_set; 0 = an xattr */
	struct fs_attr attr;
	struct fs_xattr xattr;
};

static int try_change(const struct act *act, struct walked *walked, void *ctx)
{
	const struct stamp *stamp = ctx;
	struct model_call call;

	if (S_ISLNK(walked->mode) || (!stamp->set && !S_ISREG(walked->mode)))
		return -EPERM;
	call_begin(act->mount, &call);
	if (stamp->set)
		fs_setattr(act->mount->fs, &call.call, walked->nodeid, NULL,
		           stamp->set, &stamp->attr);
	else
		fs_setxattr(act->mount->fs, &call.call, walked->nodeid,
		            &stamp->xattr);
	return call_wait(&call);
}

/* The same to a version. */
static void stamp_version(const struct act *act, struct ref_version *version)
{
	const struct op *op = act->op;

	uint32_t preset = version->kind == REF_DIR ? 0755 : 0644;

	/* What it shows already need not be stored. */
	if (op->kind == OP_CHMOD && version->mode == UINT32_MAX &&
	    (op->a & 0777) == preset)
		return;
	if (op->kind == OP_CHMOD)
		version->mode = op->a & 0777;
	else if (op->kind == OP_UTIMES)
		version->mtime = op->a;
	else
		version->xattr[op->a % XATTRS] = op->b;
}

/* And to an open file. */
static void stamp_file(const struct act *act, struct ref_file *file)
{
	const struct op *op = act->op;

	if (op->kind == OP_CHMOD)
		file->mode = op->a & 0777;
	else if (op->kind == OP_UTIMES)
		file->mtime = op->a;
	else
		file->xattr[op->a % XATTRS] = op->b;
}

/* Change the reference. sure = false: the store may have it or not. */
static void change_ref(const struct act *act, const struct ref_view *view,
                       bool sure)
{
	int path = act->op->path;
	struct ref *ref = &act->world->ref;
	struct ref_version *version;

	if (view->file && (view->file->dirty || view->file->failed)) {
		if (sure)
			stamp_file(act, view->file);
		return;
	}
	version = ref->store[path] ? ref_version_copy(ref->store[path])
	                           : ref_version_new(REF_DIR, NULL, 0);
	stamp_version(act, version);
	if (!ref->store[path] && version->mode == UINT32_MAX &&
	    act->op->kind == OP_CHMOD) {
		ref_version_drop(version);
		return;
	}
	if (!sure) {
		version->unsure = true;
		if (ref->store[path])
			ref->store[path]->unsure = true;
		if (view->file)
			view->file->unsure = true;
		ref_may(ref, path, version);
		ref_version_drop(version);
		return;
	}
	if (view->file)
		stamp_file(act, view->file);
	act_restamp(act, path, version);
	ref_version_drop(version);
}

/* Whether the xattr is there. */
static uint32_t xattr_of(const struct act *act, const struct ref_view *view)
{
	unsigned which = act->op->a % XATTRS;

	if (view->file)
		return view->file->xattr[which];
	return view->version ? view->version->xattr[which] : 0;
}

/* Whether it is not known what metadata there are. */
static bool is_unsure(const struct act *act, const struct ref_view *view)
{
	/* The same ETag in the same second is the same, with its metadata. */
	if (act->world->config & CONFIG_TWO)
		return true;
	if (view->file)
		return view->file->unsure;
	return view->version && view->version->unsure;
}

/* All three. */
static bool change(const struct act *act, struct stamp *stamp)
{
	int path = act->op->path;
	struct act this = *act;
	enum verdict verdict;
	struct ref_view view;
	int expected;
	int r;

	act_see(act, path);
	view = ref_view(&act->world->ref, act->mount->ref, path);
	if (view.kind == REF_LINK || (!stamp->set && view.kind == REF_DIR))
		return act_idle(act);
	if (view.file && (view.file->failed || view.file->suspect))
		return act_idle(act);
	expected = act_expect_walk(act, path);
	if (is_unsure(act, &view) && !stamp->set && !stamp->xattr.value)
		return act_idle(act);
	if (expected == 0 && !stamp->set && !stamp->xattr.value &&
	    xattr_of(act, &view) == 0)
		expected = -ENODATA;
	this.file = view.file;
	r = act_retry(act, path, try_change, stamp);
	verdict = act_judge(&this, r, expected);
	if ((verdict == AGREED && r == 0) || verdict == SPOILT)
		change_ref(act, &view, verdict == AGREED);
	if (view.file && act_was_spoilt(act))
		view.file->suspect = true;
	return verdict != WRONG;
}

bool act_chmod(const struct act *act)
{
	struct stamp stamp = {
		.set = FS_SET_MODE,
		.attr.mode = act->op->a & 0777,
	};

	return change(act, &stamp);
}

bool act_utimes(const struct act *act)
{
	struct stamp stamp = {
		.set = FS_SET_MTIME,
		.attr.mtime.tv_sec = act->op->a,
	};

	return change(act, &stamp);
}

bool act_setxattr(const struct act *act)
{
	char value[16];
	struct stamp stamp = {
		.xattr.name = xattr_names[act->op->a % XATTRS],
	};

	(void)snprintf(value, sizeof(value), "v%u", act->op->b);
	if (act->op->b) {
		stamp.xattr.value = value;
		stamp.xattr.size = strlen(value);
	}
	if (act->world->config & CONFIG_LIST)
		return act_idle(act);
	return change(act, &stamp);
}

/* ---- getxattr ---- */

static int try_getxattr(const struct act *act, struct walked *walked, void *ctx)
{
	struct model_call *call = ctx;

	call_begin(act->mount, call);
	call->wants_data = true;
	fs_getxattr(act->mount->fs, &call->call, walked->nodeid,
	            xattr_names[act->op->a % XATTRS]);
	return call_wait(call);
}

bool act_getxattr(const struct act *act)
{
	int path = act->op->path;
	struct model_call call = {0};
	struct ref_view view;
	char value[16];
	int expected;
	bool right;
	int r;

	act_see(act, path);
	view = ref_view(&act->world->ref, act->mount->ref, path);
	if (view.kind == REF_LINK || view.kind == REF_DIR ||
	    act->world->config & CONFIG_LIST || is_unsure(act, &view) ||
	    (view.file && (view.file->failed || view.file->suspect)))
		return act_idle(act);
	expected = act_expect_walk(act, path);
	if (expected == 0 && xattr_of(act, &view) == 0)
		expected = -ENODATA;
	r = act_retry(act, path, try_getxattr, &call);
	(void)snprintf(value, sizeof(value), "v%u", xattr_of(act, &view));
	right = r < 0 || (call.data && strcmp((char *)call.data, value) == 0);
	call_end(&call);
	if (act_judge(act, r, expected) == WRONG)
		return false;
	return right ||
	       world_diverge(act->world, "'%s' has another attribute than %s",
	                     paths[path].key, value);
}

/* ---- readdir ---- */

/* What a reader has seen of a directory. */
struct seen {
	int dir;
	unsigned room;
	unsigned got;
	uint64_t next;
	uint32_t type[PATHS]; /* 0 = not seen */
	bool strange;
};

static bool take_name(void *ctx, const struct fs_dirent *dirent)
{
	struct seen *seen = ctx;
	int p = 0;

	if (seen->room == 0)
		return false;
	seen->room--;
	seen->got++;
	seen->next = dirent->next;
	if (dirent->name[0] == '.')
		return true;
	while (p < PATHS && (paths[p].parent != seen->dir ||
	                     strcmp(paths[p].name, dirent->name) != 0))
		p++;
	if (p == PATHS || seen->type[p])
		seen->strange = true;
	else
		seen->type[p] = dirent->type ? dirent->type : S_IFREG;
	return true;
}

/* Read a directory some names at a time. */
static int try_list(const struct act *act, struct walked *walked, void *ctx)
{
	struct seen *seen = ctx;
	struct fs_readdir read = {.fill = take_name, .ctx = seen};
	struct model_call call;
	struct fs_dir *dir;
	int r;

	if (!S_ISDIR(walked->mode))
		return -ENOTDIR;
	call_begin(act->mount, &call);
	fs_opendir(act->mount->fs, &call.call, walked->nodeid);
	r = call_wait(&call);
	if (r < 0)
		return r;
	dir = call.call.dir;
	read.dir = dir;
	*seen = (struct seen){.dir = seen->dir};
	do {
		seen->room = act->op->b + 1;
		seen->got = 0;
		read.offset = seen->next;
		call_begin(act->mount, &call);
		fs_readdir(act->mount->fs, &call.call, &read);
		r = call_wait(&call);
	} while (r == 0 && seen->got > 0);
	fs_releasedir(act->mount->fs, dir);
	return r;
}

/* Every name of the directory, and no other. */
static bool compare_names(const struct act *act, const struct seen *seen)
{
	struct ref *ref = &act->world->ref;

	if (seen->strange)
		return world_diverge(act->world, "a strange name is listed");
	for (int p = 0; p < PATHS; p++) {
		enum ref_kind kind;
		struct ref_view view;

		if (paths[p].parent != seen->dir)
			continue;
		if (ref_muddled(ref, act->mount->ref, p))
			continue;
		view = ref_view(ref, act->mount->ref, p);
		kind = view.kind;
		/* Rewritten here, and deleted by somebody else. */
		if (view.file && view.file->dirty && !view.file->created &&
		    !ref->store[p])
			continue;
		if ((kind != REF_NONE) != (seen->type[p] != 0) ||
		    (kind == REF_DIR) != (seen->type[p] == S_IFDIR))
			return world_diverge(
				act->world,
				"'%s' is listed with type %o, must be of "
				"kind %d",
				paths[p].key, seen->type[p], kind);
	}
	return true;
}

bool act_list(const struct act *act)
{
	int path = act->op->other ? -1 : act->op->path;
	struct seen seen = {.dir = path};
	enum ref_kind kind = REF_DIR;
	int expected;
	int r;

	for (int p = 0; p < PATHS; p++)
		if (paths[p].parent == path)
			act_see(act, p);
	if (path >= 0) {
		act_see(act, path);
		kind = ref_view(&act->world->ref, act->mount->ref, path).kind;
	}
	expected = act_expect_walk(act, path);
	if (expected == 0 && kind != REF_DIR)
		expected = -ENOTDIR;
	r = act_retry(act, path, try_list, &seen);
	if (act_judge(act, r, expected) == WRONG)
		return false;
	return r < 0 || compare_names(act, &seen);
}
