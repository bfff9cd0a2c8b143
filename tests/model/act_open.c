/* SPDX-License-Identifier: MIT */
/* Descriptors, and what closing one publishes. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>

/* ---- opening ---- */

/* open(2)'s flags of an operation. */
static int flags_of(const struct op *op)
{
	int flags = op->flags & O_ACCMODE;

	if (flags == O_ACCMODE)
		flags = O_RDWR;
	if (op->flags & OP_EXCL && op->kind == OP_CREATE)
		flags |= O_EXCL;
	if (op->flags & OP_TRUNC && flags != O_RDONLY)
		flags |= O_TRUNC;
	return flags;
}

/* A descriptor was opened on a file. */
static void fill_slot(const struct act *act, struct ref_file *file, int flags,
                      struct fs_handle *handle)
{
	struct slot *slot = &act->mount->slots[act->op->slot];
	int mode = flags & O_ACCMODE;

	*slot = (struct slot){
		.handle = handle,
		.file = file,
		.copies = 1,
		.reads = mode != O_WRONLY,
		.writes = mode != O_RDONLY,
	};
	slot->counted = slot->writes || act->op->kind == OP_CREATE;
	file->readers += slot->reads;
	file->writers += slot->counted;
}

/* The file behind a nodeid, known or new. */
static struct ref_file *file_of(const struct act *act, int path,
                                uint64_t nodeid)
{
	struct ref_mount *mount = act->mount->ref;
	struct ref_file *file;

	list_for_each(node, &mount->files) {
		file = container_of(node, struct ref_file, link);
		if (file->nodeid == nodeid)
			return file;
	}
	file = ref_file_new(mount, path);
	file->nodeid = nodeid;
	ref_file_load(file, act->world->ref.store[path]);
	mount->name[path] = file;
	return file;
}

/* The number that /proc's descriptors are counted by. */
static void note_ino(const struct act *act, uint64_t nodeid)
{
	struct model_call call;

	call_begin(act->mount, &call);
	fs_getattr(act->mount->fs, &call.call, nodeid);
	if (call_wait(&call) == 0)
		act->mount->slots[act->op->slot].ino = call.call.entry.attr.ino;
}

/* An open that went well. */
static void opened(const struct act *act, uint64_t nodeid, int flags,
                   struct fs_handle *handle)
{
	struct ref_file *file = file_of(act, act->op->path, nodeid);

	fill_slot(act, file, flags, handle);
	note_ino(act, nodeid);
	if (!act->mount->slots[act->op->slot].writes)
		return;
	if (act_was_spoilt(act))
		file->suspect = true; /* the HEAD beside the writing */
	if (!file->known && !file->created) {
		ref_set(&file->base, act->world->ref.store[file->path]);
		file->known = true;
	}
	if (flags & O_TRUNC) {
		ref_file_resize(file, 0);
		file->mtime = 0;
		file->dirty = true;
	}
}

struct try_open {
	int flags;
	struct fs_handle *handle;
	uint64_t nodeid;
};

/* OPEN of what the walk has found. */
static int try_open(const struct act *act, struct walked *walked, void *ctx)
{
	struct try_open *open = ctx;
	struct model_call call;
	int r;

	if (!S_ISREG(walked->mode))
		return S_ISDIR(walked->mode) ? -EISDIR : -ELOOP;
	call_begin(act->mount, &call);
	fs_open(act->mount->fs, &call.call, walked->nodeid, open->flags);
	r = call_wait(&call);
	open->handle = call.call.handle;
	open->nodeid = walked->nodeid;
	return r;
}

/* What opening a path must say. */
static int expect_open(const struct act *act, struct ref_file **ret)
{
	const struct ref_view view =
		ref_view(&act->world->ref, act->mount->ref, act->op->path);

	*ret = view.file;
	if (view.kind == REF_DIR)
		return -EISDIR;
	if (view.kind == REF_LINK)
		return -ELOOP;
	return act_expect_walk(act, act->op->path);
}

bool act_open(const struct act *act)
{
	struct try_open open = {.flags = flags_of(act->op)};
	struct act this = *act;
	bool writes = (open.flags & O_ACCMODE) != O_RDONLY;
	bool unseen = act->world->rewritten[act->op->path] &&
	              !(act->op->stamp & 2) &&
	              (!writes || open.flags & O_TRUNC);
	int expected;
	int r;

	if (act->mount->slots[act->op->slot].handle)
		return act_idle(act);
	if (!unseen)
		act_see(act, act->op->path);
	expected = expect_open(act, &this.file);
	r = act_retry(act, act->op->path, try_open, &open);
	if (this.file && this.file->failed && r == this.file->error &&
	    expected == 0)
		return true; /* the latched error, until all writers are gone */
	if (this.file && this.file->failed && writes && !this.file->suspect)
		expected = this.file->error;
	if (act_judge(&this, r, expected) == WRONG)
		return false;
	if (r < 0)
		return true;
	opened(act, open.nodeid, open.flags, open.handle);
	if (unseen) /* the bytes are right at once, metadata a little later */
		act->mount->slots[act->op->slot].file->unsure = true;
	return true;
}

/* ---- creating ---- */

/* A file was made. */
static void created(const struct act *act, const struct model_call *call,
                    int flags)
{
	struct ref_mount *mount = act->mount->ref;
	int path = act->op->path;
	struct ref_file *file = ref_file_new(mount, path);

	file->nodeid = call->call.entry.nodeid;
	file->created = true;
	file->dirty = true;
	file->exclusive = flags & O_EXCL;
	file->mode = 0640;
	if (mount->hidden[path]) {
		ref_set(&file->replaces, mount->hidden[path]);
		list_for_each(node, &mount->files) {
			struct ref_file *other =
				container_of(node, struct ref_file, link);

			if (other->doomed && other->doomed_path == path)
				ref_set(&other->doomed, NULL);
		}
	}
	mount->name[path] = file;
	fill_slot(act, file, flags, call->call.handle);
	act->mount->slots[act->op->slot].ino = call->call.entry.attr.ino;
	remember(act->mount, path, &call->call.entry);
}

/* CREATE in the directory that a path is in. */
static int send_create(const struct act *act, struct model_call *call,
                       int flags)
{
	uint64_t parent = 0;
	struct fs_create create = {
		.name = paths[act->op->path].name,
		.mode = S_IFREG | 0640,
		.flags = flags | O_CREAT,
	};
	int r = walk(act->mount, paths[act->op->path].parent, &parent);

	if (r < 0)
		return r;
	create.parent = parent;
	call_begin(act->mount, call);
	fs_create(act->mount->fs, &call->call, &create);
	return call_wait(call);
}

/* The name is not there: CREATE, and again after ESTALE. */
static bool create_absent(const struct act *act, int flags)
{
	struct model_call call;
	int r = send_create(act, &call, flags);

	if (r == -ESTALE)
		r = send_create(act, &call, flags);
	if (act_judge(act, r, 0) == WRONG)
		return false;
	if (r == 0)
		created(act, &call, flags);
	return true;
}

bool act_create(const struct act *act)
{
	int path = act->op->path;
	int parent = paths[path].parent;
	struct ref *ref = &act->world->ref;
	struct walked walked = {0};
	int flags = flags_of(act->op);
	int expected;
	int r;

	if (act->mount->slots[act->op->slot].handle)
		return act_idle(act);
	act_see(act, path);
	expected = act_expect_walk(act, path);
	if (expected < 0 && ref_hides(act->mount->ref, path))
		return act_idle(act);
	r = walk_to(act->mount, path, &walked);
	if (act_judge(act, r, expected) == WRONG)
		return false;
	if (r == 0 && flags & O_EXCL)
		return true; /* the kernel says EEXIST by itself */
	if (r == 0) {        /* the kernel opens it */
		struct op op = *act->op;
		struct act this = *act;

		op.kind = OP_OPEN;
		this.op = &op;
		return act_open(&this);
	}
	if (r != -ENOENT ||
	    (parent >= 0 &&
	     ref_view(ref, act->mount->ref, parent).kind != REF_DIR))
		return true;
	return create_absent(act, flags);
}

bool act_dup(const struct act *act)
{
	struct slot *slot = &act->mount->slots[act->op->slot];

	if (!slot->handle || slot->copies > 2)
		return act_idle(act);
	slot->copies++;
	return true;
}

/* ---- closing ---- */

/* Copies of descriptors that can write, by the number /proc shows. */
static unsigned writers_left(const struct act *act, uint64_t ino)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		const struct slot *slot = &act->mount->slots[i];

		if (slot->writes && slot->ino == ino)
			count += slot->copies;
	}
	return count;
}

int act_expect_commit(const struct act *act, const struct ref_file *file)
{
	const struct ref_version *there = act->world->ref.store[file->path];
	const struct ref_version *wanted =
		file->created ? file->replaces : file->base;

	if (ref_same(there, wanted))
		return 0;
	return file->created && file->exclusive && !wanted ? -EEXIST : -ESTALE;
}

/* The file is at the store. */
static void published(const struct act *act, struct ref_file *file)
{
	struct ref_version *version = ref_file_version(file);

	ref_store(&act->world->ref, file->path, version);
	ref_set(&act->mount->ref->hidden[file->path], NULL);
	ref_set(&file->version, version);
	ref_set(&file->base, version);
	ref_set(&file->replaces, NULL);
	ref_version_drop(version);
	file->known = true;
	file->created = false;
	file->exclusive = false;
	file->dirty = false;
	file->suspect = false;
}

/* It could not be published: that is latched. */
static void not_published(const struct act *act, struct ref_file *file,
                          int status, bool spoilt)
{
	if (spoilt) {
		struct ref_version *version = ref_file_version(file);

		ref_may(&act->world->ref, file->path, version);
		ref_version_drop(version);
		if (act->world->ref.store[file->path])
			act->world->ref.store[file->path]->unsure = true;
	}
	if (status == -ESTALE || status == -EEXIST)
		act->world->kept++;
	file->failed = true;
	file->error = status;
}

/* Forget a failure: nobody writes any more. */
static void revert(const struct act *act, struct ref_file *file)
{
	struct ref_mount *mount = act->mount->ref;
	int path = file->path;

	file->failed = false;
	file->suspect = false;
	file->must_fail = false;
	file->dirty = false;
	if (file->unlinked)
		return;
	if (!file->created) {
		ref_file_load(file, file->version);
		return;
	}
	if (mount->name[path] == file)
		mount->name[path] = NULL;
	if (file->replaces) { /* which was unlinked or replaced before */
		ref_set(&file->doomed, file->replaces);
		file->doomed_path = path;
	}
	file->unlinked = true;
	file->off = true; /* whoever reads it finds nothing */
}

/* The last writer is gone. */
static void last_writer_left(const struct act *act, struct ref_file *file)
{
	if (file->failed || file->suspect) {
		if (file->failed || !file->dirty)
			revert(act, file);
	}
	if (file->dirty && !file->unlinked) {
		int r = act_expect_commit(act, file);

		ref_may(&act->world->ref, file->path,
		        act->world->ref.store[file->path]);
		if (r == 0)
			published(act, file);
		else
			revert(act, file);
		act->world->kept += r < 0;
		act->world->lost += r < 0;
	}
	file->dirty = false;
	file->known = false;
}

/* Nobody has the file open any more. */
static void last_left(const struct act *act, struct ref_file *file)
{
	struct ref *ref = &act->world->ref;
	struct ref_mount *mount = act->mount->ref;
	int path = file->doomed_path;

	if (file->doomed) {
		if (ref_same(ref->store[path], file->doomed)) {
			ref_may(ref, path, ref->store[path]);
			ref_store(ref, path, NULL);
		}
		ref_set(&mount->hidden[path], NULL);
	}
	ref_file_free(mount, file);
}

/* RELEASE. */
static void release(const struct act *act, struct slot *slot)
{
	struct ref_file *file = slot->file;
	struct slot gone = *slot;

	*slot = (struct slot){0};
	fs_release(act->mount->fs, gone.handle);
	file->readers -= gone.reads;
	file->writers -= gone.counted;
	(void)act_was_spoilt(act);
	if (gone.counted && file->writers == 0)
		last_writer_left(act, file);
	if (file->readers + file->writers == 0)
		last_left(act, file);
}

/* A FLUSH of that thread, compared. */
static bool flush(const struct act *act, struct slot *slot, int tid,
                  bool commits)
{
	struct ref_file *file = slot->file;
	struct act this = *act;
	struct model_call call;
	int expected = 0;
	enum verdict verdict;
	int r;

	commits = commits && file->dirty && !file->unlinked && !file->failed;
	if (file->failed)
		expected = file->error;
	else if (commits)
		expected = act_expect_commit(act, file);
	this.file = file;
	call_begin(act->mount, &call);
	call.call.who.tid = tid;
	fs_flush(act->mount->fs, &call.call, slot->handle);
	r = call_wait(&call);
	verdict = act_judge(&this, r, expected);
	if (verdict == WRONG)
		return false;
	if (r == 0 && file->must_fail && !file->unlinked)
		return world_diverge(act->world,
		                     "close of '%s' ends well after a failure "
		                     "that was told",
		                     paths[file->path].key);
	if (commits && r == 0)
		published(act, file);
	else if (commits || (r < 0 && file->dirty))
		not_published(act, file, r, verdict == SPOILT);
	return true;
}

bool act_close(const struct act *act)
{
	struct slot *slot = &act->mount->slots[act->op->slot];

	if (!slot->handle)
		return act_idle(act);
	slot->copies--;
	if (!flush(act, slot, 1, writers_left(act, slot->ino) == 0))
		return false;
	if (slot->copies == 0)
		release(act, slot);
	return true;
}

bool act_child(const struct act *act)
{
	struct slot *slot = &act->mount->slots[act->op->slot];

	if (!slot->handle)
		return act_idle(act);
	return flush(act, slot, 2, false);
}
