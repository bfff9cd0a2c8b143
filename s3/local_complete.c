/* SPDX-License-Identifier: MIT */
/*
 * An upload becomes an object.
 *
 * The first part is renamed to "joined" and the others are appended to it, so
 * that an upload of one part moves no byte.  The part's own size stays in its
 * attribute: whatever goes wrong before the final rename, cutting the file back
 * makes it the first part again (local_unjoin).
 */
#include "base/digest.h"
#include "local_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Open a part and read what it is. Returns the descriptor or -errno. */
static int open_part(const struct local_upload *upload, const char *name,
                     int flags, struct local_part *ret)
{
	int fd = openat(upload->dir, name, flags | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return -errno;
	r = local_part_read(fd, ret);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

/* Open the part that an entry of the list means. The story is told. */
static int open_listed(struct local_op *op, const struct local_upload *upload,
                       const struct store_part_info *info,
                       struct local_part *ret)
{
	char name[8];
	int fd;

	local_part_name(info->number, name);
	fd = open_part(upload, name, O_RDONLY, ret);
	if (fd < 0 && fd != -ENOENT)
		return local_fail_errno(op, fd, "looking at a part");
	if (fd < 0)
		return local_fail(op, -EIO,
		                  "a part that is listed was never sent");
	if (strcmp(ret->etag, info->etag) == 0)
		return fd;
	(void)close(fd);
	return local_fail(op, -EIO, "a part has another ETag than listed");
}

/* Whether the list is one that may become an object. */
static int check_parts(struct local_op *op, const struct local_upload *upload)
{
	const struct store_complete *complete = &op->req->complete;
	const struct store_limits *limits = store_limits(&op->local->store);
	uint64_t total = 0;

	if (complete->count == 0 || complete->count > limits->parts_max)
		return local_fail(op, -EINVAL, "a list has 1 to 10000 parts");
	for (size_t i = 0; i < complete->count; i++) {
		const struct store_part_info *info = &complete->parts[i];
		struct local_part part;
		int fd;

		if (i > 0 && info->number <= info[-1].number)
			return local_fail(op, -EINVAL,
			                  "the parts are not in order");
		fd = open_listed(op, upload, info, &part);
		if (fd < 0)
			return fd;
		(void)close(fd);
		if (i + 1 < complete->count && part.size < limits->part_min)
			return local_fail(op, -EINVAL,
			                  "a part but the last has less than "
			                  "5 MiB");
		total += part.size;
	}
	if (total > limits->object_max)
		return local_fail(op, -EFBIG, "an object has at most 5 TiB");
	return 0;
}

/* The ETag of the whole: a hash of the parts' and their number. */
static int whole_etag(const struct store_complete *complete,
                      char ret[STORE_ETAG_MAX])
{
	struct digest_xxh *hash = digest_xxh_new();

	if (!hash)
		return -ENOMEM;
	for (size_t i = 0; i < complete->count; i++)
		digest_xxh_update(hash, complete->parts[i].etag,
		                  strlen(complete->parts[i].etag));
	local_etag(digest_xxh_finish(hash), (unsigned)complete->count, ret);
	digest_xxh_free(hash);
	return 0;
}

/* Append every part but the first. The story is told. */
static int append_parts(struct local_op *op, const struct local_upload *upload,
                        int joined, uint64_t size)
{
	const struct store_complete *complete = &op->req->complete;

	for (size_t i = 1; i < complete->count; i++) {
		struct local_part part;
		int fd = open_listed(op, upload, &complete->parts[i], &part);
		int r;

		if (fd < 0)
			return fd;
		r = local_copy_range(op, fd, 0, joined, size, part.size);
		(void)close(fd);
		if (r < 0)
			return local_fail_errno(op, r, "joining the parts");
		size += part.size;
	}
	return 0;
}

/* Give the joined file the object's attribute, and mark the upload. */
static int seal(struct local_op *op, const struct local_upload *upload,
                int joined, const struct local_part *first, const char *etag)
{
	bool sync = op->local->sync;
	int r;

	if (futimens(joined, NULL) < 0)
		return local_fail_errno(op, -errno, "setting its time");
	r = local_meta_write(joined, etag, &upload->meta->headers, first);
	if (r == -E2BIG)
		return local_fail(op, -ENOSPC,
		                  "its headers and metadata are more than "
		                  "this file system can keep");
	if (r == 0 && sync && fsync(joined) < 0)
		r = -errno;
	if (r == 0 && symlinkat("joined", upload->dir, LOCAL_COMPLETING) < 0 &&
	    errno != EEXIST)
		r = -errno;
	if (r == 0 && sync && fsync(upload->dir) < 0)
		r = -errno;
	return r < 0 ? local_fail_errno(op, r, "finishing it") : 0;
}

/* Join the parts and publish them; undone by the caller if it fails. */
static int join(struct local_op *op, const struct local_upload *upload,
                const char *key, const char *etag)
{
	const struct store_part_info *info = &op->req->complete.parts[0];
	cleanup(closep) int joined = -1;
	struct local_part first;
	char name[8];
	int r;

	local_part_name(info->number, name);
	if (renameat(upload->dir, name, upload->dir, LOCAL_JOINED) < 0)
		return local_fail_errno(op, -errno, "taking the first part");
	joined = open_part(upload, LOCAL_JOINED, O_RDWR, &first);
	if (joined < 0)
		return local_fail_errno(op, joined, "opening the first part");
	if (strcmp(first.etag, info->etag) != 0)
		return local_fail(op, -EIO, "the first part has changed");

	if (ftruncate(joined, (off_t)first.size) < 0)
		return local_fail_errno(op, -errno, "joining the parts");
	r = append_parts(op, upload, joined, first.size);
	if (r == 0)
		r = seal(op, upload, joined, &first, etag);
	if (r == 0)
		r = local_publish(op, key, upload->dir, LOCAL_JOINED);
	return r;
}

int local_mpu_complete(struct local_op *op)
{
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	char etag[STORE_ETAG_MAX];
	int r = local_upload_find(op, op->req->complete.upload_id, true,
	                          &upload);

	if (r == 0)
		r = check_parts(op, &upload);
	if (r == 0)
		r = local_check_conditions(op, upload.key);
	if (r == 0)
		r = whole_etag(&op->req->complete, etag);
	if (r < 0)
		return r;

	r = join(op, &upload, upload.key, etag);
	if (r < 0) {
		/* What cannot be undone now is undone by whoever comes next. */
		(void)local_unjoin(&upload);
		return r;
	}
	local_upload_remove(op->local, upload.id);
	(void)str_copy(op->req->info.etag, sizeof(op->req->info.etag), etag);
	return 0;
}
