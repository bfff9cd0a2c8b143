/* SPDX-License-Identifier: MIT */
/*
 * Parts of an upload.
 *
 * Each is a file named by its number with its ETag in the attribute.  Where its
 * bytes are depends on their count: the first part that could stand before
 * others (5 MiB or more) fixes the size of a slot, and every part of just that
 * size goes to its slot in the one file "data", at (number - 1) * size, which
 * is where the object will want it: Complete then has nothing to move.  Parts
 * of another size, and one sent again, are files of their own.
 *
 * A slot is written by one writer at a time and once only: it holds a lock on
 * that range of "data" from before it looks whether the part is there until it
 * is.  Complete takes the lock of all ranges before it takes "data" away, and
 * a writer who comes to a "data" that is no longer there goes elsewhere.
 */
#include "base/digest.h"
#include "local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Where a part's bytes are to be written. */
struct place {
	int fd;          /* borrowed from temp or data */
	uint64_t offset; /* bytes */
	bool in_slot;
	int data;               /* holds the slot's lock; -1 = none */
	struct local_temp temp; /* its own file, or the one that describes it */
};
#define PLACE_NONE \
	((struct place){.fd = -1, .data = -1, .temp = LOCAL_TEMP_NONE})

static void place_release(struct place *place)
{
	local_temp_release(&place->temp);
	closep(&place->data);
}

void local_part_name(unsigned number, char ret[8])
{
	(void)snprintf(ret, 8, "%05u", number % 100000);
}

int local_parts_count(const struct local_upload *upload)
{
	int fd = openat(upload->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int count = 0;

	if (!stream) {
		int r = -errno;

		closep(&fd);
		return r;
	}
	while ((entry = readdir(stream)))
		count += strspn(entry->d_name, "0123456789") == 5;
	(void)closedir(stream);
	return count;
}

uint64_t local_slot_size(const struct local_upload *upload)
{
	char text[32];
	uint64_t size;
	ssize_t len =
		readlinkat(upload->dir, LOCAL_SLOT, text, sizeof(text) - 1);

	if (len <= 0)
		return 0;
	text[len] = '\0';
	return str_to_u64(text, &size) == 0 ? size : 0;
}

/* Whether a part of that size goes to a slot; fixes the slots' size. */
static bool fits_slot(const struct local_upload *upload, uint64_t size,
                      uint64_t part_min)
{
	uint64_t slot = local_slot_size(upload);
	char text[32];

	if (slot == 0 && size >= part_min) {
		(void)snprintf(text, sizeof(text), "%llu",
		               (unsigned long long)size);
		if (symlinkat(text, upload->dir, LOCAL_SLOT) < 0 &&
		    errno != EEXIST)
			return false;
		slot = local_slot_size(upload); /* or another one's */
	}
	return slot > 0 && slot == size;
}

/* Lock a range of "data" without waiting; the descriptor owns the lock. */
static bool lock_range(int fd, uint64_t offset, uint64_t size)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = (off_t)size,
	};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Whether the part is not there and "data" still is the file that we have. */
static bool may_write(const struct local_upload *upload, int fd,
                      unsigned number)
{
	char name[8];
	struct stat mine;
	struct stat there;

	local_part_name(number, name);
	return faccessat(upload->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstat(fd, &mine) == 0 &&
	       fstatat(upload->dir, LOCAL_DATA, &there, AT_SYMLINK_NOFOLLOW) ==
	               0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* Take the slot of a part, if it has one that is free. */
static bool take_slot(struct local_op *op, const struct local_upload *upload,
                      uint64_t size, struct place *ret)
{
	const struct store_limits *limits = store_limits(&op->local->store);
	unsigned number = op->req->part.number;
	uint64_t offset = (number - 1) * size;
	int fd;

	if (!fits_slot(upload, size, limits->part_min))
		return false;
	fd = openat(upload->dir, LOCAL_DATA,
	            O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return false;
	if (!lock_range(fd, offset, size) || !may_write(upload, fd, number)) {
		(void)close(fd);
		return false;
	}
	ret->fd = ret->data = fd;
	ret->offset = offset;
	ret->in_slot = true;
	return true;
}

/* Find a place for a part of size bytes. The caller releases *ret. */
static int find_place(struct local_op *op, const struct local_upload *upload,
                      uint64_t size, struct place *ret)
{
	int r = local_temp_new(op->local, &ret->temp);

	if (r < 0)
		return r;
	if (!take_slot(op, upload, size, ret))
		ret->fd = ret->temp.fd;
	return 0;
}

/* Number and size that any part must have. */
static int check_part(struct local_op *op, uint64_t size)
{
	const struct store_limits *limits = store_limits(&op->local->store);
	unsigned number = op->req->part.number;

	if (number < 1 || number > limits->parts_max)
		return local_fail(op, -EINVAL,
		                  "part numbers go from 1 to 10000");
	if (size > limits->part_max)
		return local_fail(op, -EFBIG, "a part has at most 5 GiB");
	return 0;
}

/* Sync the bytes of a part and what describes them. */
static int sync_part(const struct local_store *local, const struct place *place)
{
	if (!local->sync)
		return 0;
	if (place->in_slot && fdatasync(place->data) < 0)
		return -errno;
	return fsync(place->temp.fd) < 0 ? -errno : 0;
}

/* Give a part that has its bytes its ETag, and its name in its upload. */
static int publish_part(struct local_op *op, const struct local_upload *upload,
                        struct place *place, uint64_t size,
                        struct digest128 hash)
{
	struct local_store *local = op->local;
	struct local_part part = {
		.number = op->req->part.number,
		.size = size,
		.in_slot = place->in_slot,
	};
	char name[8];
	int r;

	local_etag(hash, 0, part.etag);
	r = local_meta_write(place->temp.fd, part.etag, NULL, &part);
	if (r == 0)
		r = sync_part(local, place);
	if (r < 0)
		return local_fail_errno(op, r, "finishing the part");
	local_part_name(part.number, name);
	if (renameat(local->temp, place->temp.name, upload->dir, name) < 0) {
		if (errno == ENOENT)
			return local_fail(op, -ENOENT,
			                  "there is no such upload any more");
		return local_fail_errno(op, -errno, "keeping the part");
	}
	place->temp.name[0] = '\0';
	r = local_sync_dir(local, upload->dir);
	if (r < 0)
		return local_fail_errno(op, r, "syncing the upload");
	(void)str_copy(op->req->info.etag, sizeof(op->req->info.etag),
	               part.etag);
	return 0;
}

int local_mpu_part(struct local_op *op)
{
	const struct store_part *part = &op->req->part;
	uint64_t size = chain_size(&part->body);
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	cleanup(place_release) struct place place = PLACE_NONE;
	struct digest128 hash;
	int r = check_part(op, size);

	if (r == 0)
		r = local_upload_find(op, part->upload_id, false, &upload);
	if (r < 0)
		return r;
	r = find_place(op, &upload, size, &place);
	if (r == 0)
		r = local_write_chain(op, &part->body, place.fd, place.offset,
		                      &hash);
	if (r < 0)
		return local_fail_errno(op, r, "writing the part");
	return publish_part(op, &upload, &place, size, hash);
}

/* The ETag of a copied part: of where it comes from, nothing is read. */
static struct digest128 hash_of_range(const struct store_part *part,
                                      const char *etag)
{
	char text[STORE_ETAG_MAX + 64];
	int len = snprintf(text, sizeof(text), "%s %llu %llu", etag,
	                   (unsigned long long)part->source_offset,
	                   (unsigned long long)part->source_length);

	return digest_xxh128(text, (size_t)len);
}

int local_mpu_part_copy(struct local_op *op)
{
	const struct store_part *part = &op->req->part;
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	cleanup(place_release) struct place place = PLACE_NONE;
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(closep) int fd = -1;
	int r = check_part(op, part->source_length);

	if (r == 0)
		r = local_upload_find(op, part->upload_id, false, &upload);
	if (r < 0)
		return r;
	fd = local_open_source(op, &meta);
	if (fd < 0)
		return fd;
	if (part->source_length == 0 || part->source_offset > meta->size ||
	    part->source_length > meta->size - part->source_offset)
		return local_fail(op, -EINVAL, "the source has no such range");

	r = find_place(op, &upload, part->source_length, &place);
	if (r == 0)
		r = local_copy_range(op, fd, part->source_offset, place.fd,
		                     place.offset, part->source_length);
	if (r < 0)
		return local_fail_errno(op, r, "copying the part");
	return publish_part(op, &upload, &place, part->source_length,
	                    hash_of_range(part, meta->etag));
}
