/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* Slices written by one call. */
#define BATCH 64

struct staging {
	int fd;
	uint64_t size; /* bytes */
	void *map;     /* of map_size bytes, or NULL */
	size_t map_size;
};

/* A nameless file where the file system cannot make one by itself. */
static int open_unlinked(const char *dir)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/.porterfs-XXXXXX", dir) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;

	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(path); /* it stays, without a name, if that fails */
	return fd;
}

/* Open a nameless file in dir, or in the usual place. */
static int open_nameless(const char *dir)
{
	int fd;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/var/tmp";

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return open_unlinked(dir);
	return -errno;
}

int staging_new(const char *dir, struct staging **ret)
{
	struct staging *staging = calloc(1, sizeof(*staging));

	if (!staging)
		return -ENOMEM;

	staging->fd = open_nameless(dir);
	if (staging->fd < 0) {
		int r = staging->fd;

		free(staging);
		return r;
	}
	*ret = staging;
	return 0;
}

static void unmap(struct staging *staging)
{
	if (staging->map)
		(void)munmap(staging->map, staging->map_size);
	staging->map = NULL;
}

void staging_free(struct staging *staging)
{
	if (!staging)
		return;

	unmap(staging);
	(void)close(staging->fd);
	free(staging);
}

/* Write up to BATCH slices from the given one on, skipping done bytes of it. */
static ssize_t write_some(struct staging *staging, const struct slice *slices,
                          size_t count, size_t done)
{
	struct iovec iov[BATCH];
	int n = 0;

	for (size_t i = 0; i < count && n < BATCH; i++, n++) {
		size_t skip = i == 0 ? done : 0;

		iov[n].iov_base = slices[i].data + skip;
		iov[n].iov_len = slices[i].len - skip;
	}
	return pwritev(staging->fd, iov, n, (off_t)staging->size);
}

int staging_append(struct staging *staging, const struct chain *chain)
{
	size_t i = 0;
	size_t done = 0;

	unmap(staging);
	while (i < chain->count) {
		ssize_t n = write_some(staging, chain->slices + i,
		                       chain->count - i, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;

		staging->size += (uint64_t)n;
		done += (size_t)n;
		while (i < chain->count && done >= chain->slices[i].len)
			done -= chain->slices[i++].len;
	}
	return 0;
}

uint64_t staging_size(const struct staging *staging)
{
	return staging->size;
}

int staging_read(const struct staging *staging, uint64_t offset, void *dst,
                 size_t len)
{
	uint8_t *at = dst;

	while (len > 0) {
		ssize_t n = pread(staging->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int staging_map(struct staging *staging, struct slice *ret)
{
	if (!staging->map && staging->size > 0) {
		void *map = mmap(NULL, (size_t)staging->size, PROT_READ,
		                 MAP_SHARED, staging->fd, 0);

		if (map == MAP_FAILED)
			return -errno;
		staging->map = map;
		staging->map_size = (size_t)staging->size;
	}

	ret->data = staging->map;
	ret->len = (size_t)staging->size;
	return 0;
}

/* ---- a sparse file ---- */

int staging_write(struct staging *staging, uint64_t offset, struct slice data)
{
	const uint8_t *at = data.data;
	size_t left = data.len;

	while (left > 0) {
		ssize_t n = pwrite(staging->fd, at, left, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		offset += (uint64_t)n;
		left -= (size_t)n;
	}
	return 0;
}

void staging_punch(struct staging *staging, uint64_t offset, uint64_t length)
{
	/* It may keep its room, which is only room. */
	(void)fallocate(staging->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                (off_t)offset, (off_t)length);
}

int staging_sync(struct staging *staging)
{
	return fdatasync(staging->fd) < 0 ? -errno : 0;
}

int staging_link(struct staging *staging, const char *path)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", staging->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}
