/* SPDX-License-Identifier: MIT */
/*
 * An upload becomes an object.
 *
 * Mostly all parts but the last are in their slots of "data", which is then
 * taken for the object: what is missing is copied to its place, and the file
 * renamed.  Where that cannot be, because a part's slot is not its place in the
 * object or the list leaves parts out (they must survive if this fails), all
 * parts are copied into a fresh file.  Either way nothing is lost until the
 * final rename.
 */
#include "base/digest.h"
#include "local_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A Complete under way. */
struct joining {
	struct local_op *op;
	struct local_upload upload;
	char etag[STORE_ETAG_MAX];
	uint64_t total; /* bytes of the object */
	uint64_t slot;  /* bytes; 0 = there are none */
	bool in_place;  /* every part in a slot is where it belongs */
};

/* Open the part that an entry of the list means. The story is told. */
static int open_listed(struct joining *join, const struct store_part_info *info,
                       struct local_part *ret)
{
	struct local_op *op = join->op;
	cleanup(closep) int fd = -1;
	char name[8];
	int r;

	local_part_name(info->number, name);
	fd = openat(join->upload.dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return local_fail(op, -EIO,
		                  "a part that is listed was never sent");
	r = fd < 0 ? -errno : local_part_read(fd, ret);
	if (r < 0)
		return local_fail_errno(op, r, "looking at a part");
	if (strcmp(ret->etag, info->etag) != 0)
		return local_fail(op, -EIO,
		                  "a part has another ETag than listed");
	r = fd;
	fd = -1;
	return r;
}

/* Whether the list is one that may become an object; fills join. */
static int check_parts(struct joining *join)
{
	struct local_op *op = join->op;
	const struct store_complete *complete = &op->req->complete;
	const struct store_limits *limits = store_limits(&op->local->store);

	if (complete->count == 0 || complete->count > limits->parts_max)
		return local_fail(op, -EINVAL, "a list has 1 to 10000 parts");
	join->slot = local_slot_size(&join->upload);
	join->in_place = true;
	for (size_t i = 0; i < complete->count; i++) {
		const struct store_part_info *info = &complete->parts[i];
		struct local_part part;
		int fd;

		if (i > 0 && info->number <= info[-1].number)
			return local_fail(op, -EINVAL,
			                  "the parts are not in order");
		fd = open_listed(join, info, &part);
		if (fd < 0)
			return fd;
		(void)close(fd);
		if (i + 1 < complete->count && part.size < limits->part_min)
			return local_fail(op, -EINVAL,
			                  "a part but the last has less than "
			                  "5 MiB");
		if (part.in_slot &&
		    join->total != (part.number - 1) * join->slot)
			join->in_place = false;
		join->total += part.size;
	}
	if (join->total > limits->object_max)
		return local_fail(op, -EFBIG, "an object has at most 5 TiB");
	return 0;
}

/* The ETag of the whole: a hash of the parts' and their number. */
static int make_etag(struct joining *join)
{
	const struct store_complete *complete = &join->op->req->complete;
	struct digest_xxh *hash = digest_xxh_new();

	if (!hash)
		return -ENOMEM;
	for (size_t i = 0; i < complete->count; i++)
		digest_xxh_update(hash, complete->parts[i].etag,
		                  strlen(complete->parts[i].etag));
	local_etag(digest_xxh_finish(hash), (unsigned)complete->count,
	           join->etag);
	digest_xxh_free(hash);
	return 0;
}

/*
 * Copy parts to their places in file to: all, with those in slots out of data;
 * or, data < 0, only those that have files of their own.  The story is told.
 */
static int copy_parts(struct joining *join, int data, int to)
{
	const struct store_complete *complete = &join->op->req->complete;
	uint64_t at = 0;

	for (size_t i = 0; i < complete->count; i++) {
		struct local_part part;
		int fd = open_listed(join, &complete->parts[i], &part);
		int r = 0;

		if (fd < 0)
			return fd;
		if (!part.in_slot)
			r = local_copy_range(join->op, fd, 0, to, at,
			                     part.size);
		else if (data >= 0)
			r = local_copy_range(join->op, data,
			                     (part.number - 1) * join->slot, to,
			                     at, part.size);
		(void)close(fd);
		if (r < 0)
			return local_fail_errno(join->op, r,
			                        "joining the parts");
		at += part.size;
	}
	return 0;
}

/* Give a file with all the bytes the object's attribute, and sync it. */
static int seal(struct joining *join, int fd)
{
	struct local_op *op = join->op;
	int r = 0;

	if (ftruncate(fd, (off_t)join->total) < 0 || futimens(fd, NULL) < 0)
		return local_fail_errno(op, -errno, "finishing it");
	r = local_meta_write(fd, join->etag, &join->upload.meta->headers, NULL);
	if (r == -E2BIG)
		return local_fail(op, -ENOSPC,
		                  "its headers and metadata are more than "
		                  "this file system can keep");
	if (r == 0 && op->local->sync && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? local_fail_errno(op, r, "finishing it") : 0;
}

/* Join the parts in a fresh file. */
static int join_afresh(struct joining *join)
{
	struct local_op *op = join->op;
	cleanup(local_temp_release) struct local_temp temp = LOCAL_TEMP_NONE;
	cleanup(closep) int data = openat(join->upload.dir, LOCAL_DATA,
	                                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = local_temp_new(op->local, &temp);

	if (r < 0)
		return local_fail_errno(op, r, "joining the parts");
	r = copy_parts(join, data, temp.fd);
	if (r == 0)
		r = seal(join, temp.fd);
	if (r == 0)
		r = local_publish(op, join->upload.key, op->local->temp,
		                  temp.name);
	return r;
}

/* Wait until nobody writes to a slot, and let nobody begin. */
static int lock_slots(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	do
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* Take "data" away from the writers of slots. Returns it or -errno. */
static int take_data(const struct local_upload *upload)
{
	int fd = openat(upload->dir, LOCAL_DATA,
	                O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : lock_slots(fd);

	if (r == 0 &&
	    renameat(upload->dir, LOCAL_DATA, upload->dir, LOCAL_JOINED) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	closep(&fd);
	return r;
}

/* Make "data" the object; undone by the caller if that fails. */
static int join_in_place(struct joining *join)
{
	struct local_op *op = join->op;
	const struct local_upload *upload = &join->upload;
	cleanup(closep) int fd = take_data(upload);
	int r;

	if (fd < 0)
		return local_fail_errno(op, fd, "taking the parts");
	r = copy_parts(join, -1, fd);
	if (r == 0)
		r = seal(join, fd);
	if (r < 0)
		return r;
	if (symlinkat(LOCAL_JOINED, upload->dir, LOCAL_COMPLETING) < 0 &&
	    errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = local_sync_dir(op->local, upload->dir);
	if (r < 0)
		return local_fail_errno(op, r, "finishing it");
	return local_publish(op, upload->key, upload->dir, LOCAL_JOINED);
}

/* Whether "data" can be the object without harm to any part if it fails. */
static bool can_join_in_place(const struct joining *join)
{
	return join->slot > 0 && join->in_place &&
	       faccessat(join->upload.dir, LOCAL_DATA, F_OK,
	                 AT_SYMLINK_NOFOLLOW) == 0 &&
	       local_parts_count(&join->upload) ==
	               (int)join->op->req->complete.count;
}

/* All of it, with the upload found and locked. */
static int complete(struct joining *join)
{
	struct local_op *op = join->op;
	int r = check_parts(join);

	if (r == 0)
		r = local_check_conditions(op, join->upload.key);
	if (r == 0)
		r = make_etag(join);
	if (r < 0)
		return r;

	if (!can_join_in_place(join)) {
		r = join_afresh(join);
	} else {
		r = join_in_place(join);
		/* What cannot be undone now is undone by the next to come. */
		if (r < 0)
			(void)local_unjoin(&join->upload);
	}
	if (r < 0)
		return r;
	local_upload_remove(op->local, join->upload.id);
	(void)str_copy(op->req->info.etag, sizeof(op->req->info.etag),
	               join->etag);
	return 0;
}

int local_mpu_complete(struct local_op *op)
{
	struct joining join = {.op = op, .upload = LOCAL_UPLOAD_NONE};
	int r = local_upload_find(op, op->req->complete.upload_id, true,
	                          &join.upload);

	if (r < 0)
		return r;
	r = complete(&join);
	local_upload_release(&join.upload);
	return r;
}
