/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include "base/crash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Slices written by one call. */
#define BATCH 64

struct staging {
	struct staging_room *room;
	uint64_t counted; /* bytes of the room that are this file's */
	int fd;
	uint64_t size; /* bytes */
	void *map;     /* of map_size bytes, or NULL */
	size_t map_size;
};

/* ---- the room ---- */

int staging_room_init(struct staging_room *room, const char *dir, uint64_t max,
                      struct metrics *metrics)
{
	*room = (struct staging_room){
		.max = max,
		.used = {.kind = METRIC_GAUGE,
	                 .name = "porterfs_staging_bytes",
	                 .help = "Bytes in staging files."},
		.metrics = metrics,
	};
	if (dir) {
		room->dir = strdup(dir);
		if (!room->dir)
			return -ENOMEM;
	}
	metrics_register(metrics, &room->used);
	return 0;
}

void staging_room_release(struct staging_room *room)
{
	metrics_remove(room->metrics, &room->used);
	free(room->dir);
	room->dir = NULL;
}

bool staging_has_room(const struct staging_room *room, uint64_t bytes)
{
	uint64_t used = metric_get(&room->used);

	return room->max == 0 ||
	       (used <= room->max && bytes <= room->max - used);
}

/* Count bytes more as the file's, if they have room. */
static bool room_take(struct staging *staging, uint64_t bytes)
{
	struct staging_room *room = staging->room;
	unsigned long long used = metric_get(&room->used);

	do {
		if (room->max > 0 &&
		    (used > room->max || bytes > room->max - used))
			return false;
	} while (!atomic_compare_exchange_weak(&room->used.value, &used,
	                                       used + bytes));
	staging->counted += bytes;
	return true;
}

/* Let the file count for so many bytes. */
static void room_settle(struct staging *staging, uint64_t bytes)
{
	metric_add(&staging->room->used, bytes - staging->counted);
	staging->counted = bytes;
}

/* Count what a sparse file really takes. */
static void room_measure(struct staging *staging)
{
	struct stat st;

	if (fstat(staging->fd, &st) == 0)
		room_settle(staging, (uint64_t)st.st_blocks * 512);
}

/* ---- files ---- */

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

int staging_new(struct staging_room *room, struct staging **ret)
{
	struct staging *staging = calloc(1, sizeof(*staging));

	if (!staging)
		return -ENOMEM;

	staging->room = room;
	staging->fd = open_nameless(room->dir);
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
	room_settle(staging, 0);
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
	crash_point();
	return pwritev(staging->fd, iov, n, (off_t)staging->size);
}

/* Append, room or not. */
static int append(struct staging *staging, const struct chain *chain)
{
	size_t i = 0;
	size_t done = 0;

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

int staging_append(struct staging *staging, const struct chain *chain)
{
	uint64_t before = staging->size;
	int r;

	unmap(staging);
	if (!room_take(staging, chain_size(chain)))
		return -ENOSPC;
	r = append(staging, chain);
	if (r < 0) {
		staging->size = before;
		if (ftruncate(staging->fd, (off_t)before) == 0)
			room_settle(staging, before);
	}
	return r;
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

/* Whether all of a range has its room already. */
static bool is_there(const struct staging *staging, uint64_t offset, size_t len)
{
	off_t hole = lseek(staging->fd, (off_t)offset, SEEK_HOLE);

	return hole >= 0 && (uint64_t)hole >= offset + len;
}

int staging_write(struct staging *staging, uint64_t offset, struct slice data)
{
	const uint8_t *at = data.data;
	size_t left = data.len;
	int r = 0;

	if (!room_take(staging, left) && !is_there(staging, offset, left))
		return -ENOSPC;
	while (left > 0) {
		crash_point();

		ssize_t n = pwrite(staging->fd, at, left, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			break;
		}
		at += n;
		offset += (uint64_t)n;
		left -= (size_t)n;
	}
	room_measure(staging);
	return r;
}

void staging_punch(struct staging *staging, uint64_t offset, uint64_t length)
{
	/* It may keep its room, which is only room. */
	(void)fallocate(staging->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                (off_t)offset, (off_t)length);
	room_measure(staging);
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

int staging_open(struct staging_room *room, const char *path,
                 struct staging **ret)
{
	struct staging *staging = calloc(1, sizeof(*staging));
	struct stat st;

	if (!staging)
		return -ENOMEM;

	staging->room = room;
	staging->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (staging->fd < 0 || fstat(staging->fd, &st) < 0 ||
	    !S_ISREG(st.st_mode)) {
		int r = staging->fd < 0 ? -errno : -EUCLEAN;

		if (staging->fd >= 0)
			(void)close(staging->fd);
		free(staging);
		return r;
	}
	room_measure(staging);
	*ret = staging;
	return 0;
}
