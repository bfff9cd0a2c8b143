/* SPDX-License-Identifier: MIT */
/* Else the calls below would be named pwrite64() and ftruncate64(). */
#undef _FILE_OFFSET_BITS

#include "power_disk.h"

#include "base/lock.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR      512
#define PENDING_MAX 4096

/* A write, or a new length (data NULL), that is not synced. */
struct pending {
	uint8_t *data;
	uint64_t offset;
	size_t len;
};

static struct {
	pthread_mutex_t lock;
	bool on;
	dev_t dev;
	ino_t ino;
	uint8_t *image; /* what is synced */
	size_t len;
	struct pending pending[PENDING_MAX];
	size_t count;
	void (*step)(void *ctx);
	void *ctx;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Whether fd is the watched file. */
static bool watched(int fd)
{
	struct stat st;

	return disk.on && fstat(fd, &st) == 0 && st.st_dev == disk.dev &&
	       st.st_ino == disk.ino;
}

static void step(void)
{
	if (disk.step)
		disk.step(disk.ctx);
}

/* Make an image at least so long. */
static void stretch(uint8_t **image, size_t *len, size_t wanted)
{
	if (wanted <= *len)
		return;
	*image = realloc(*image, wanted);
	assert(*image);
	memset(*image + *len, 0, wanted - *len);
	*len = wanted;
}

static void remember(const void *data, uint64_t offset, size_t len)
{
	struct pending *p = &disk.pending[disk.count++];

	assert(disk.count < PENDING_MAX);
	*p = (struct pending){.offset = offset, .len = len};
	if (data) {
		p->data = malloc(len);
		assert(p->data);
		memcpy(p->data, data, len);
	}
}

/* All that was written is on the disk now. */
static void settle(void)
{
	for (size_t i = 0; i < disk.count; i++) {
		struct pending *p = &disk.pending[i];

		stretch(&disk.image, &disk.len, p->offset + p->len);
		if (p->data)
			memcpy(disk.image + p->offset, p->data, p->len);
		free(p->data);
	}
	disk.count = 0;
}

void power_watch(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert(fd >= 0 && fstat(fd, &st) == 0);
	WITH_LOCK(&disk.lock);
	disk.dev = st.st_dev;
	disk.ino = st.st_ino;
	disk.len = (size_t)st.st_size;
	disk.image = malloc(disk.len + 1);
	assert(disk.image &&
	       pread(fd, disk.image, disk.len, 0) == (ssize_t)disk.len);
	disk.on = true;
	(void)close(fd);
}

void power_unwatch(void)
{
	WITH_LOCK(&disk.lock);
	disk.on = false;
	settle();
	free(disk.image);
	disk.image = NULL;
}

void power_on_step(void (*fn)(void *ctx), void *ctx)
{
	WITH_LOCK(&disk.lock);
	disk.step = fn;
	disk.ctx = ctx;
}

/* A number below n. */
static uint64_t draw(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % n;
}

uint8_t *power_cut(uint64_t *seed, size_t *ret_len)
{
	size_t len = disk.len;
	uint8_t *image = malloc(len + 1);
	uint64_t kept = draw(seed, 101); /* per cent */

	assert(image);
	memcpy(image, disk.image, len);
	for (size_t i = 0; i < disk.count; i++) {
		const struct pending *p = &disk.pending[i];

		if (!p->data && draw(seed, 100) < kept)
			stretch(&image, &len, p->offset);
		for (size_t at = 0; p->data && at < p->len; at += SECTOR) {
			size_t n = p->len - at < SECTOR ? p->len - at : SECTOR;

			if (draw(seed, 100) >= kept)
				continue;
			stretch(&image, &len, p->offset + at + n);
			memcpy(image + p->offset + at, p->data + at, n);
		}
	}
	*ret_len = len;
	return image;
}

/* ---- the calls that are replaced ---- */

/* A write at an offset; O_DSYNC files are synced by it. */
static ssize_t write_at(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t n;

	if (!watched(fd))
		return syscall(SYS_pwrite64, fd, data, len, offset);
	step();
	n = syscall(SYS_pwrite64, fd, data, len, offset);
	if (n > 0)
		remember(data, (uint64_t)offset, (size_t)n);
	step();
	if (fcntl(fd, F_GETFL) & O_DSYNC)
		settle();
	return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	WITH_LOCK(&disk.lock);
	return write_at(fd, data, len, offset);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t sum = 0;

	if (offset < 0)
		return syscall(SYS_writev, fd, iov, count);
	WITH_LOCK(&disk.lock);
	if (!watched(fd))
		return syscall(SYS_writev, fd, iov, count);
	for (int i = 0; i < count; i++) {
		ssize_t n = write_at(fd, iov[i].iov_base, iov[i].iov_len,
		                     offset + sum);

		if (n < 0)
			return sum > 0 ? sum : n;
		sum += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	(void)lseek(fd, offset + sum, SEEK_SET);
	return sum;
}

/* Both kinds of sync. */
static int sync_with(long number, int fd)
{
	int r;

	WITH_LOCK(&disk.lock);
	if (!watched(fd))
		return (int)syscall(number, fd);
	step();
	r = (int)syscall(number, fd);
	if (r == 0)
		settle();
	return r;
}

int fdatasync(int fd)
{
	return sync_with(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

int ftruncate(int fd, off_t len)
{
	int r;

	WITH_LOCK(&disk.lock);
	r = (int)syscall(SYS_ftruncate, fd, len);
	if (r == 0 && watched(fd)) {
		remember(NULL, (uint64_t)len, 0);
		step();
	}
	return r;
}
