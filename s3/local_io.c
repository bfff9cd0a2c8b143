/* SPDX-License-Identifier: MIT */
/*
 * Bytes between chains of memory and files, and between files.
 *
 * Everything goes in steps, so that a cancelled request ends soon: a chain
 * straight from and into its slices, file to file by copy_file_range(), which
 * shares the blocks where the file system can.
 */
#include "base/digest.h"
#include "local_store.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define STEP_SLICES 32                  /* of 64 KiB: 2 MiB at a time */
#define COPY_BUFFER ((size_t)256 << 10) /* bytes, where nothing better works */

/* A place in a chain. */
struct place {
	const struct chain *chain;
	size_t slice;
	size_t used; /* bytes of that slice */
};

/*
 * The next slices as a vector of at most limit bytes, and the place behind
 * them.  Returns how many; *ret_bytes is their sum.
 */
static int gather(struct place *place, uint64_t limit, struct iovec *ret,
                  size_t *ret_bytes)
{
	size_t bytes = 0;
	int count = 0;

	while (count < STEP_SLICES && place->slice < place->chain->count &&
	       bytes < limit) {
		const struct slice *slice = &place->chain->slices[place->slice];
		size_t len = slice->len - place->used;

		if (len > limit - bytes)
			len = (size_t)(limit - bytes);
		if (len > 0)
			ret[count++] = (struct iovec){
				.iov_base = slice->data + place->used,
				.iov_len = len,
			};
		bytes += len;
		place->used += len;
		if (place->used == slice->len) {
			place->slice++;
			place->used = 0;
		}
	}
	*ret_bytes = bytes;
	return count;
}

/* Drop done bytes from the front of a vector. Returns how many are left. */
static int skip(struct iovec *vec, int count, size_t done)
{
	int i = 0;

	while (i < count && done >= vec[i].iov_len)
		done -= vec[i++].iov_len;
	if (i < count) {
		vec[i].iov_base = (char *)vec[i].iov_base + done;
		vec[i].iov_len -= done;
	}
	for (int k = i; k < count; k++)
		vec[k - i] = vec[k];
	return count - i;
}

/* Write a whole vector at offset. */
static int write_all(int fd, struct iovec *vec, int count, uint64_t offset)
{
	while (count > 0) {
		ssize_t n = pwritev(fd, vec, count, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		offset += (uint64_t)n;
		count = skip(vec, count, (size_t)n);
	}
	return 0;
}

int local_write_chain(struct local_op *op, const struct chain *chain, int fd,
                      uint64_t offset, struct digest128 *ret_hash)
{
	struct digest_xxh *hash = digest_xxh_new();
	struct place place = {.chain = chain};
	struct iovec vec[STEP_SLICES];
	int r = hash ? 0 : -ENOMEM;

	while (r == 0 && place.slice < chain->count) {
		size_t bytes;
		int count = gather(&place, UINT64_MAX, vec, &bytes);

		for (int i = 0; i < count; i++)
			digest_xxh_update(hash, vec[i].iov_base,
			                  vec[i].iov_len);
		r = write_all(fd, vec, count, offset);
		offset += bytes;
		if (r == 0)
			r = local_check_cancel(op);
	}
	if (r == 0)
		*ret_hash = digest_xxh_finish(hash);
	digest_xxh_free(hash);
	return r;
}

/* Read a whole vector from offset: -EIO when the file ends before. */
static int read_all(int fd, struct iovec *vec, int count, uint64_t offset)
{
	while (count > 0) {
		ssize_t n = preadv(fd, vec, count, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		offset += (uint64_t)n;
		count = skip(vec, count, (size_t)n);
	}
	return 0;
}

int local_read_chain(struct local_op *op, int fd, uint64_t length)
{
	struct store_get *get = &op->req->get;
	struct place place = {.chain = &get->into};
	struct iovec vec[STEP_SLICES];

	while (get->received < length) {
		size_t bytes;
		int count = gather(&place, length - get->received, vec, &bytes);
		int r = local_check_cancel(op);

		if (r == 0 && bytes == 0)
			return -EINVAL; /* no room for what was asked */
		if (r == 0)
			r = read_all(fd, vec, count,
			             get->offset + get->received);
		if (r < 0)
			return r;
		get->received += bytes;
		if (get->progress)
			get->progress(op->req);
	}
	return 0;
}

/* Copy through memory what cannot be copied inside the kernel. */
static ssize_t copy_by_hand(int from, off_t from_offset, int to,
                            off_t to_offset, size_t len)
{
	cleanup(freep) char *buffer = malloc(COPY_BUFFER);
	struct iovec vec;
	ssize_t n;
	int r;

	if (!buffer)
		return -ENOMEM;
	do
		n = pread(from, buffer, len < COPY_BUFFER ? len : COPY_BUFFER,
		          from_offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;

	vec = (struct iovec){.iov_base = buffer, .iov_len = (size_t)n};
	r = write_all(to, &vec, 1, (uint64_t)to_offset);
	return r < 0 ? r : n;
}

/* Copy some bytes, at most len. Returns how many or -errno. */
static ssize_t copy_some(int from, off_t from_offset, int to, off_t to_offset,
                         size_t len)
{
	off_t in = from_offset;
	off_t out = to_offset;
	ssize_t n = copy_file_range(from, &in, to, &out, len, 0);

	if (n > 0)
		return n;
	if (n < 0 && errno == EINTR)
		return 0;
	if (n == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
	    errno == EOPNOTSUPP)
		return copy_by_hand(from, from_offset, to, to_offset, len);
	return -errno;
}

int local_copy_range(struct local_op *op, int from, uint64_t from_offset,
                     int to, uint64_t to_offset, uint64_t length)
{
	uint64_t done = 0;

	while (done < length) {
		uint64_t left = length - done;
		size_t step =
			left < LOCAL_COPY_STEP ? (size_t)left : LOCAL_COPY_STEP;
		int r = local_check_cancel(op);
		ssize_t n;

		if (r < 0)
			return r;
		n = copy_some(from, (off_t)(from_offset + done), to,
		              (off_t)(to_offset + done), step);
		if (n < 0)
			return (int)n;
		done += (uint64_t)n;
	}
	return 0;
}
