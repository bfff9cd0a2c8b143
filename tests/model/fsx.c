/* SPDX-License-Identifier: MIT */
/*
 * fsx [--ops N] [--seed N] [--size BYTES] [--without CLASS,...] FILE
 *
 * One file in a mounted file system, changed and read by dice: read, write,
 * append, truncate, mapread, mapwrite, punch, allocate, fsync, reopen.  Every
 * byte read is compared with a copy in memory; at the end and at each reopen so
 * is the size.  The idea is that of the fsx of the BSDs.
 *
 * A class is one of these words; what is left out is not done.  A failure shows
 * the last operations; the same seed does the same again.  Exit status 0: all
 * bytes were right.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum class {
	FSX_READ,
	FSX_WRITE,
	FSX_APPEND,
	FSX_TRUNCATE,
	FSX_MAPREAD,
	FSX_MAPWRITE,
	FSX_PUNCH,
	FSX_ALLOCATE,
	FSX_FSYNC,
	FSX_REOPEN,
	FSX_CLASSES,
};

static const struct {
	const char *name;
	unsigned weight;
} classes[FSX_CLASSES] = {
	{"read", 30},    {"write", 30},   {"append", 8}, {"truncate", 8},
	{"mapread", 10}, {"mapwrite", 8}, {"punch", 6},  {"allocate", 3},
	{"fsync", 3},    {"reopen", 4},
};

#define HISTORY 30 /* operations that a failure shows */

struct done {
	enum class class;
	size_t offset;
	size_t length;
};

struct fsx {
	const char *path;
	int fd;
	size_t size_max;
	uint8_t *good; /* what the file must hold, size_max bytes */
	uint8_t *seen; /* what was read, likewise */
	size_t size;
	uint64_t dice;
	uint64_t ops;
	uint64_t done;
	unsigned without; /* 1 << class */
	struct done history[HISTORY];
};

/* Random numbers (xorshift64*). */
static uint64_t roll(struct fsx *fsx)
{
	fsx->dice ^= fsx->dice >> 12;
	fsx->dice ^= fsx->dice << 25;
	fsx->dice ^= fsx->dice >> 27;
	return fsx->dice * UINT64_C(2685821657736338717);
}

static size_t below(struct fsx *fsx, size_t limit)
{
	return limit ? (size_t)(roll(fsx) % limit) : 0;
}

/* Say what is wrong and what came before it, and end. */
__attribute__((noreturn)) static void
fail(const struct fsx *fsx, const char *what, unsigned long long at)
{
	uint64_t from = fsx->done > HISTORY ? fsx->done - HISTORY : 0;

	(void)fprintf(stderr, "fsx: operation %llu: %s (%llu): %m\n",
	              (unsigned long long)fsx->done, what, at);
	for (uint64_t i = from; i < fsx->done; i++) {
		const struct done *done = &fsx->history[i % HISTORY];

		(void)fprintf(stderr, "%8llu %-9s %zu + %zu\n",
		              (unsigned long long)i, classes[done->class].name,
		              done->offset, done->length);
	}
	(void)fprintf(stderr, "fsx: the file has %zu bytes\n", fsx->size);
	exit(1);
}

/* Bytes that were seen against those that must be there. */
static void compare(const struct fsx *fsx, const uint8_t *seen, size_t offset,
                    size_t length)
{
	size_t at = 0;

	if (memcmp(seen, fsx->good + offset, length) == 0)
		return;
	while (seen[at] == fsx->good[offset + at])
		at++;
	(void)fprintf(stderr, "fsx: byte is %02x, must be %02x\n", seen[at],
	              fsx->good[offset + at]);
	fail(fsx, "wrong byte", offset + at);
}

/* Fill a range of the copy with new bytes, zeros before it. */
static void change(struct fsx *fsx, size_t offset, size_t length)
{
	uint8_t first = (uint8_t)roll(fsx);

	if (offset > fsx->size)
		memset(fsx->good + fsx->size, 0, offset - fsx->size);
	for (size_t i = 0; i < length; i++)
		fsx->good[offset + i] = (uint8_t)(first + i * 7 + (i >> 8));
	if (offset + length > fsx->size)
		fsx->size = offset + length;
}

/* ---- operations ---- */

static void do_read(struct fsx *fsx, size_t offset, size_t length)
{
	size_t must = offset < fsx->size ? fsx->size - offset : 0;
	size_t got = 0;
	ssize_t n;

	must = must < length ? must : length;
	do {
		n = pread(fsx->fd, fsx->seen + got, length - got,
		          (off_t)(offset + got));
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < length);
	if (n < 0)
		fail(fsx, "read", offset);
	if (got != must)
		fail(fsx, "read gives another number of bytes", got);
	compare(fsx, fsx->seen, offset, must);
}

static void do_write(struct fsx *fsx, size_t offset, size_t length)
{
	ssize_t n;

	change(fsx, offset, length);
	n = pwrite(fsx->fd, fsx->good + offset, length, (off_t)offset);
	if (n != (ssize_t)length)
		fail(fsx, "write", offset);
}

/* With a descriptor of its own, as >> has it. */
static void do_append(struct fsx *fsx, size_t length)
{
	int fd = open(fsx->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	size_t offset = fsx->size;

	if (fsx->size + length > fsx->size_max)
		length = fsx->size_max - fsx->size;
	change(fsx, offset, length);
	if (fd < 0 || write(fd, fsx->good + offset, length) != (ssize_t)length)
		fail(fsx, "append", offset);
	if (close(fd) < 0)
		fail(fsx, "close after append", offset);
}

static void do_truncate(struct fsx *fsx, size_t size)
{
	if (size > fsx->size)
		memset(fsx->good + fsx->size, 0, size - fsx->size);
	fsx->size = size;
	if (ftruncate(fsx->fd, (off_t)size) < 0)
		fail(fsx, "truncate", size);
}

/* Map the pages of a range; *ret_skip is where it begins in them. */
static uint8_t *map(struct fsx *fsx, size_t offset, size_t length, bool write,
                    size_t *ret_skip)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages;

	*ret_skip = offset % page;
	pages = mmap(NULL, length + *ret_skip,
	             write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
	             fsx->fd, (off_t)(offset - *ret_skip));
	if (pages == MAP_FAILED)
		fail(fsx, write ? "mmap for writing" : "mmap", offset);
	return pages;
}

static void do_mapread(struct fsx *fsx, size_t offset, size_t length)
{
	uint8_t *pages;
	size_t skip;

	if (offset >= fsx->size)
		return;
	length = fsx->size - offset < length ? fsx->size - offset : length;
	pages = map(fsx, offset, length, false, &skip);
	compare(fsx, pages + skip, offset, length);
	(void)munmap(pages, length + skip);
}

static void do_mapwrite(struct fsx *fsx, size_t offset, size_t length)
{
	uint8_t *pages;
	size_t skip;

	if (offset + length > fsx->size)
		do_truncate(fsx, offset + length);
	pages = map(fsx, offset, length, true, &skip);
	change(fsx, offset, length);
	memcpy(pages + skip, fsx->good + offset, length);
	if (msync(pages, length + skip, MS_SYNC) < 0)
		fail(fsx, "msync", offset);
	if (munmap(pages, length + skip) < 0)
		fail(fsx, "munmap", offset);
}

static void do_punch(struct fsx *fsx, size_t offset, size_t length)
{
	size_t end = offset + length;

	if (fallocate(fsx->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	              (off_t)offset, (off_t)length) < 0)
		fail(fsx, "punch", offset);
	end = end < fsx->size ? end : fsx->size;
	if (offset < end)
		memset(fsx->good + offset, 0, end - offset);
}

static void do_allocate(struct fsx *fsx, size_t offset, size_t length)
{
	size_t end = offset + length;

	if (fallocate(fsx->fd, 0, (off_t)offset, (off_t)length) < 0)
		fail(fsx, "allocate", offset);
	if (end <= fsx->size)
		return;
	memset(fsx->good + fsx->size, 0, end - fsx->size);
	fsx->size = end;
}

/* The size as stat shows it. */
static void check_size(const struct fsx *fsx)
{
	struct stat st;

	if (stat(fsx->path, &st) < 0)
		fail(fsx, "stat", 0);
	if ((size_t)st.st_size != fsx->size)
		fail(fsx, "stat shows another size",
		     (unsigned long long)st.st_size);
}

static void do_reopen(struct fsx *fsx)
{
	if (close(fsx->fd) < 0)
		fail(fsx, "close", 0);
	check_size(fsx);
	fsx->fd = open(fsx->path, O_RDWR | O_CLOEXEC);
	if (fsx->fd < 0)
		fail(fsx, "open", 0);
}

/* ---- the run ---- */

static enum class pick_class(struct fsx *fsx) {
	size_t sum = 0; size_t at; unsigned class = 0;

		for (unsigned i = 0; i < FSX_CLASSES; i++) sum +=
		fsx->without & 1u << i ? 0 : classes[i].weight;
		at = below(fsx, sum);
		for (;; class ++){if (fsx->without & 1u << class) continue;
	                          if (at < classes[class].weight) return (
					  enum class) class;
	                          at -= classes[class].weight;
}
}

/* One operation: what, where, how much. */
static struct done pick(struct fsx *fsx)
{
	struct done done = {.class = pick_class(fsx)};

	done.length = 1 + below(fsx, below(fsx, 8) == 0 ? fsx->size_max / 2
	                                                : fsx->size_max / 16);
	done.offset = below(fsx, fsx->size_max - done.length + 1);
	if (below(fsx, 4) == 0) /* at the end */
		done.offset = fsx->size < fsx->size_max - done.length
		                      ? fsx->size
		                      : fsx->size_max - done.length;
	return done;
}

static void step(struct fsx *fsx)
{
	const struct done done = pick(fsx);

	fsx->history[fsx->done++ % HISTORY] = done;
	switch (done.class) {
	case FSX_READ:
		do_read(fsx, done.offset, done.length);
		break;
	case FSX_WRITE:
		do_write(fsx, done.offset, done.length);
		break;
	case FSX_APPEND:
		do_append(fsx, done.length);
		break;
	case FSX_TRUNCATE:
		do_truncate(fsx, done.offset);
		break;
	case FSX_MAPREAD:
		do_mapread(fsx, done.offset, done.length);
		break;
	case FSX_MAPWRITE:
		do_mapwrite(fsx, done.offset, done.length);
		break;
	case FSX_PUNCH:
		do_punch(fsx, done.offset, done.length);
		break;
	case FSX_ALLOCATE:
		do_allocate(fsx, done.offset, done.length);
		break;
	case FSX_FSYNC:
		if (fsync(fsx->fd) < 0)
			fail(fsx, "fsync", 0);
		break;
	case FSX_REOPEN:
	case FSX_CLASSES:
		do_reopen(fsx);
		break;
	}
}

/* Classes by name. */
static unsigned parse_classes(char *text)
{
	unsigned without = 0;

	for (char *name; (name = strsep(&text, ","));) {
		unsigned i = 0;

		while (i < FSX_CLASSES && strcmp(classes[i].name, name) != 0)
			i++;
		if (i == FSX_CLASSES) {
			(void)fprintf(stderr, "fsx: no class '%s'\n", name);
			exit(2);
		}
		without |= 1u << i;
	}
	return without;
}

static void parse(int argc, char **argv, struct fsx *fsx)
{
	static const struct option options[] = {
		{"ops", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"size", required_argument, NULL, 'l'},
		{"without", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:s:l:w:", options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			fsx->ops = strtoull(optarg, NULL, 10);
			break;
		case 's':
			fsx->dice = strtoull(optarg, NULL, 10);
			break;
		case 'l':
			fsx->size_max = strtoull(optarg, NULL, 10);
			break;
		case 'w':
			fsx->without = parse_classes(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc || fsx->size_max < 64) {
		(void)fprintf(stderr, "fsx: usage: fsx [OPTION]... FILE\n");
		exit(2);
	}
	fsx->path = argv[optind];
}

int main(int argc, char **argv)
{
	struct fsx fsx = {.ops = 10000, .size_max = 1 << 18};
	struct timespec start, end;
	uint64_t seed;
	double seconds;

	fsx.dice = (uint64_t)time(NULL);
	parse(argc, argv, &fsx);
	seed = fsx.dice;
	fsx.dice = fsx.dice * 2 + 1; /* never 0 */
	fsx.good = calloc(1, fsx.size_max + 1);
	fsx.seen = calloc(1, fsx.size_max + 1);
	fsx.fd = open(fsx.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (!fsx.good || !fsx.seen || fsx.fd < 0)
		fail(&fsx, "open", 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (fsx.done < fsx.ops)
		step(&fsx);
	do_reopen(&fsx);
	do_read(&fsx, 0, fsx.size_max);
	(void)close(fsx.fd);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - start.tv_sec) +
	          (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	(void)printf("seed %llu: %llu operations in %.1f s, %.0f a second, all "
	             "bytes right\n",
	             (unsigned long long)seed, (unsigned long long)fsx.done,
	             seconds, (double)fsx.done / seconds);
	free(fsx.good);
	free(fsx.seen);
	return 0;
}
