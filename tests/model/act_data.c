/* SPDX-License-Identifier: MIT */
/* Bytes through descriptors. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 0x60000 /* bytes of a file, about */

/* What somebody hears whose file is latched, else 0. */
static int latched(const struct ref_file *file)
{
	return file->failed ? file->error : 0;
}

/* Something failed by a fault: it may be latched now. */
static void suspect(struct ref_file *file, bool was_told)
{
	file->suspect = true;
	/* What was not begun may go on as if nothing had been. */
	file->must_fail = file->must_fail || (was_told && file->dirty);
}

/* Whether the version that a file stands on may be gone. */
static bool may_be_stale(const struct act *act, const struct ref_file *file)
{
	if (!file->version)
		return file->off;
	return !ref_same(file->version, act->world->ref.store[file->path]);
}

/*
 * A stream that was sent in part may be published before it is changed
 * elsewhere.
 */
static void may_checkpoint(const struct act *act, struct ref_file *file)
{
	struct ref_version *version;

	if (!file->dirty || file->unlinked || file->failed ||
	    (file->size < PART_SIZE && !file->synced))
		return;
	version = ref_file_version(file);
	ref_may(&act->world->ref, file->path, version);
	ref_set(&file->checkpoint, version);
	ref_version_drop(version);
}

/* And that may fail because somebody else was there. */
static bool checkpoint_failed(const struct act *act, struct ref_file *file,
                              int status)
{
	if (!file->checkpoint || status == 0 ||
	    status != act_expect_commit(act, file))
		return false;
	file->failed = true;
	file->error = status;
	act->world->kept++;
	return true;
}

/* The mount has heard that somebody else's version has the name. */
static void superseded(const struct act *act, struct ref_file *file)
{
	struct ref_file **name = &act->mount->ref->name[file->path];

	if (*name != file)
		return;
	file->off = true;
	*name = NULL;
}

/* Compare bytes read. */
static bool compare(const struct act *act, const struct ref_file *file,
                    const struct model_call *call)
{
	size_t offset = act->op->a;
	size_t must = offset < file->size ? file->size - offset : 0;
	size_t at = 0;

	if (must > act->op->b)
		must = act->op->b;
	if (call->size != must)
		return world_diverge(act->world,
		                     "read of '%s' at %zu gives %zu bytes, "
		                     "must give %zu",
		                     paths[file->path].key, offset, call->size,
		                     must);
	while (at < must && call->data[at] == file->data[offset + at])
		at++;
	if (at < must)
		return world_diverge(act->world,
		                     "read of '%s': byte %zu is %02x, must be "
		                     "%02x",
		                     paths[file->path].key, offset + at,
		                     call->data[at], file->data[offset + at]);
	return true;
}

bool act_read(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	struct act this = *act;
	struct model_call call;
	enum verdict verdict;
	bool ok = true;
	int r;

	if (!slot->handle || !slot->reads)
		return act_idle(act);
	this.file = slot->file;
	call_begin(act->mount, &call);
	call.wants_data = true;
	fs_read(act->mount->fs, &call.call, slot->handle, act->op->a,
	        act->op->b);
	r = call_wait(&call);
	if (r == -ESTALE && may_be_stale(act, slot->file)) {
		superseded(act, slot->file);
		return true;
	}
	verdict = act_judge(&this, r, latched(slot->file));
	if (verdict == AGREED && r == 0)
		ok = compare(act, slot->file, &call);
	call_end(&call);
	return ok && verdict != WRONG;
}

/* The bytes of a write. */
static uint8_t *make_bytes(const struct op *op)
{
	uint8_t *data = malloc(op->b + 1);

	for (uint32_t i = 0; data && i < op->b; i++)
		data[i] = op_byte(op->stamp, i);
	return data;
}

/* The file has other bytes now. */
static void changed(struct ref_file *file)
{
	file->dirty = true;
	file->mtime = 0;
}

bool act_write(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	const struct op *op = act->op;
	struct ref_file *file = slot->file;
	struct act this = *act;
	struct model_call call;
	uint8_t *data;
	enum verdict verdict;
	int r;

	/* What the descriptor cannot do, the kernel does not ask for. */
	if (!slot->handle || !slot->writes || op->b == 0)
		return act_idle(act);
	if (op->a + op->b > FILE_MAX)
		return act_idle(act);
	this.file = file;
	may_checkpoint(act, file);
	data = make_bytes(op);
	call_begin(act->mount, &call);
	fs_write(act->mount->fs, &call.call, slot->handle, op->a,
	         (struct slice){data, op->b});
	r = call_wait(&call);
	if (checkpoint_failed(act, file, r)) {
		free(data);
		return true;
	}
	verdict = act_judge(&this, r, latched(file));
	if (verdict == SPOILT)
		suspect(file, true);
	else if (act_was_spoilt(act))
		suspect(file, false);
	if (verdict == AGREED && r == 0) {
		if (call.call.count != op->b)
			verdict = WRONG;
		if (op->a + op->b > file->size)
			ref_file_resize(file, op->a + op->b);
		memcpy(file->data + op->a, data, op->b);
		changed(file);
	}
	free(data);
	return verdict != WRONG ||
	       world_diverge(act->world, "write of '%s' takes %llu bytes of %u",
	                     paths[file->path].key,
	                     (unsigned long long)call.call.count, op->b);
}

/* SETATTR of the size. */
static int set_size(const struct act *act, uint64_t nodeid,
                    struct fs_handle *handle)
{
	const struct fs_attr attr = {.size = act->op->a};
	struct model_call call;

	call_begin(act->mount, &call);
	fs_setattr(act->mount->fs, &call.call, nodeid, handle, FS_SET_SIZE,
	           &attr);
	return call_wait(&call);
}

bool act_truncate(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	struct ref_file *file = slot->file;
	struct act this = *act;
	enum verdict verdict;
	int r;

	/* The kernel refuses descriptors that cannot write. */
	if (!slot->handle || !slot->writes || act->op->a > FILE_MAX)
		return act_idle(act);
	this.file = file;
	may_checkpoint(act, file);
	r = set_size(act, file->nodeid, slot->handle);
	if (checkpoint_failed(act, file, r))
		return true;
	verdict = act_judge(&this, r, latched(file));
	if (verdict == SPOILT)
		suspect(file, true);
	else if (act_was_spoilt(act))
		suspect(file, false);
	if (verdict == AGREED && r == 0 && file->size != act->op->a) {
		ref_file_resize(file, act->op->a);
		changed(file);
	}
	return verdict != WRONG;
}

/* ---- truncate(2) ---- */

static int try_cut(const struct act *act, struct walked *walked, void *ctx)
{
	(void)ctx;
	if (!S_ISREG(walked->mode))
		return S_ISDIR(walked->mode) ? -EISDIR : -EINVAL;
	return set_size(act, walked->nodeid, NULL);
}

/* A file that nobody has open was cut, and is published. */
static void cut_stored(const struct act *act, struct ref_version *old)
{
	struct ref_version *version = ref_version_copy(old);
	size_t size = act->op->a;

	version->data = realloc(version->data, size + 1);
	if (size > version->size)
		memset(version->data + version->size, 0, size - version->size);
	version->size = size;
	version->mtime = 0;
	ref_store(&act->world->ref, act->op->path, version);
	ref_version_drop(version);
}

/* One that somebody has open. */
static void cut_open(const struct act *act, struct ref_file *file)
{
	struct ref_version *version;

	ref_file_resize(file, act->op->a);
	changed(file);
	if (file->writers > 0)
		return;
	version = ref_file_version(file); /* nobody will close it */
	ref_store(&act->world->ref, file->path, version);
	ref_set(&file->version, version);
	ref_version_drop(version);
	file->dirty = false;
}

bool act_cut(const struct act *act)
{
	int path = act->op->path;
	struct ref *ref = &act->world->ref;
	struct ref_view view;
	struct act this = *act;
	enum verdict verdict;
	size_t size;
	int expected;
	int r;

	if (act->op->a > FILE_MAX)
		return act_idle(act);
	act_see(act, path);
	view = ref_view(ref, act->mount->ref, path);
	if (view.kind == REF_DIR || view.kind == REF_LINK)
		return act_idle(act);
	expected = act_expect_walk(act, path);
	this.file = view.file;
	if (view.file && view.file->failed)
		expected = view.file->error;
	if (view.file)
		may_checkpoint(act, view.file);
	r = act_retry(act, path, try_cut, NULL);
	if (view.file && checkpoint_failed(act, view.file, r))
		return true;
	verdict = act_judge(&this, r, expected);
	if (view.file && act_was_spoilt(act))
		suspect(view.file, false);
	size = view.file      ? view.file->size
	       : view.version ? view.version->size
	                      : 0;
	if (verdict == WRONG)
		return false;
	if (verdict == SPOILT && view.version) { /* published all the same? */
		struct ref_version *old = ref_version_share(view.version);

		cut_stored(act, old);
		ref_may(ref, path, ref->store[path]);
		ref_store(ref, path, old);
		ref_version_drop(old);
	}
	if (verdict != AGREED || r < 0 || size == act->op->a)
		return true;
	if (view.file)
		cut_open(act, view.file);
	else
		cut_stored(act, view.version);
	return true;
}

/* ---- room and holes ---- */

/* What fallocate(2) does to the reference. */
static void allocate(const struct op *op, struct ref_file *file)
{
	size_t end = op->a + op->b;

	if (!(op->flags & FALLOC_FL_KEEP_SIZE)) {
		if (end <= file->size)
			return;
		ref_file_resize(file, end);
		changed(file);
	} else if (op->flags & FALLOC_FL_PUNCH_HOLE) {
		if (op->a >= file->size)
			return;
		end = end < file->size ? end : file->size;
		memset(file->data + op->a, 0, end - op->a);
		changed(file);
	}
}

bool act_fallocate(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	const struct op *op = act->op;
	struct act this = *act;
	struct model_call call;
	enum verdict verdict;
	int r;

	if (!slot->handle || !slot->writes || op->b == 0 ||
	    op->a + op->b > FILE_MAX)
		return act_idle(act);
	this.file = slot->file;
	may_checkpoint(act, slot->file);
	call_begin(act->mount, &call);
	fs_fallocate(act->mount->fs, &call.call, slot->handle, op->flags, op->a,
	             op->b);
	r = call_wait(&call);
	if (checkpoint_failed(act, slot->file, r))
		return true;
	/* Which of two errors is told first is of no interest. */
	if (slot->file->failed && (r == 0 || r == -EOPNOTSUPP))
		return true;
	verdict = act_judge(&this, r, latched(slot->file));
	if (act_was_spoilt(act))
		suspect(slot->file, verdict == SPOILT);
	if (verdict == AGREED && r == 0)
		allocate(op, slot->file);
	return verdict != WRONG;
}

/* Whether bytes from one place to another are zeros. */
static bool all_zero(const struct ref_file *file, uint64_t from, uint64_t to)
{
	while (from < to && file->data[from] == 0)
		from++;
	return from >= to;
}

bool act_seek(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	const struct ref_file *file = slot->file;
	uint64_t from = act->op->a;
	bool hole = act->op->flags & 1;
	struct model_call call;
	uint64_t at;
	int r;

	if (!slot->handle || slot->file->failed || slot->file->unlinked)
		return act_idle(act);
	call_begin(act->mount, &call);
	fs_lseek(act->mount->fs, &call.call, slot->handle, from,
	         hole ? SEEK_HOLE : SEEK_DATA);
	r = call_wait(&call);
	at = call.call.count;
	if (r == -ENXIO &&
	    (from >= file->size || (!hole && all_zero(file, from, file->size))))
		return true;
	if (act_judge(act, r, 0) == WRONG)
		return false;
	if (r < 0)
		return true;
	if (at < from || at > file->size || (!hole && at == file->size) ||
	    (!hole && !all_zero(file, from, at)) || from >= file->size)
		return world_diverge(act->world,
		                     "seek in '%s' from %llu gives %llu",
		                     paths[file->path].key,
		                     (unsigned long long)from,
		                     (unsigned long long)at);
	return true;
}

bool act_fsync(const struct act *act)
{
	const struct slot *slot = &act->mount->slots[act->op->slot];
	struct act this = *act;
	struct model_call call;
	enum verdict verdict;
	int r;

	if (!slot->handle)
		return act_idle(act);
	this.file = slot->file;
	call_begin(act->mount, &call);
	fs_fsync(act->mount->fs, &call.call, slot->handle);
	r = call_wait(&call);
	if (r == -ESTALE && may_be_stale(act, slot->file))
		return true;
	verdict = act_judge(&this, r, latched(slot->file));
	slot->file->synced = true;
	if (verdict == SPOILT)
		suspect(slot->file, true);
	else if (act_was_spoilt(act))
		suspect(slot->file, false);
	return verdict != WRONG;
}
