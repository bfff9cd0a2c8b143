/* SPDX-License-Identifier: MIT */
/*
 * tree [--ops N] [--seed N] DIR
 *
 * A few names in a mounted directory, changed through the kernel by dice: files
 * made, opened several times, read, written, appended to, cut, mapped, dup'ed,
 * inherited by children, renamed over each other, unlinked while open; symlinks,
 * directories, modes, listings.  All bytes and names are compared with a copy
 * in memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMES         12
#define FDS           8
#define SIZE_MAX_FILE 200000

/* Bytes of one version. */
struct bytes {
	uint8_t *data; /* SIZE_MAX_FILE of them, or NULL = there is none */
	size_t size;
};

struct file {
	unsigned refs; /* its name, and descriptors */
	unsigned writers;
	bool dirty;
	bool replaced; /* its name has another object: its bytes may be gone */
	int lost;      /* the name it was unlinked from, and 1; 0 = none */
	mode_t mode;
	struct bytes now;
	struct bytes published;
	struct bytes synced;
};

struct open_file {
	int fd; /* -1 = free */
	struct file *file;
	bool writes;
};

struct tree {
	uint64_t dice;
	uint64_t ops;
	uint64_t done;
	const char *what; /* the operation at work */
	struct file *names[NAMES];
	struct open_file open[FDS];
	uint8_t seen[SIZE_MAX_FILE + 1];
};

static const char *const names[NAMES] = {"a",       "b",          "c",
                                         "d",       "sub/a",      "sub/b",
                                         "sub/c",   "sub/deep/a", "sub/deep/b",
                                         "other/a", "other/b",    "other/c"};

__attribute__((noreturn)) static void fail(const struct tree *tree, int name,
                                           const char *why)
{
	(void)fprintf(stderr, "tree: operation %llu, %s '%s': %s: %m\n",
	              (unsigned long long)tree->done, tree->what,
	              name >= 0 ? names[name] : "", why);
	exit(1);
}

static uint64_t roll(struct tree *tree)
{
	tree->dice ^= tree->dice >> 12;
	tree->dice ^= tree->dice << 25;
	tree->dice ^= tree->dice >> 27;
	return tree->dice * UINT64_C(2685821657736338717);
}

static size_t below(struct tree *tree, size_t limit)
{
	return limit ? (size_t)(roll(tree) % limit) : 0;
}

/* ---- files of the copy ---- */

static void copy_bytes(struct bytes *to, const struct bytes *from)
{
	if (!to->data)
		to->data = calloc(1, SIZE_MAX_FILE);
	if (!to->data)
		abort();
	to->size = from->size;
	memcpy(to->data, from->data, from->size);
}

static struct file *file_new(void)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		abort();
	file->now.data = calloc(1, SIZE_MAX_FILE);
	if (!file->now.data)
		abort();
	file->dirty = true;
	return file;
}

static void file_drop(struct file *file)
{
	if (--file->refs > 0)
		return;
	free(file->now.data);
	free(file->published.data);
	free(file->synced.data);
	free(file);
}

/* A name gets a file, or none. */
static void set_name(struct tree *tree, int name, struct file *file)
{
	struct file *old = tree->names[name];

	if (file)
		file->refs++;
	tree->names[name] = file;
	if (old)
		file_drop(old);
}

static void resize(struct file *file, size_t size)
{
	if (size > file->now.size)
		memset(file->now.data + file->now.size, 0,
		       size - file->now.size);
	file->now.size = size;
	file->dirty = true;
}

/* ---- descriptors ---- */

static struct open_file *free_slot(struct tree *tree)
{
	for (int i = 0; i < FDS; i++)
		if (tree->open[i].fd < 0)
			return &tree->open[i];
	return NULL;
}

static struct open_file *used_slot(struct tree *tree, bool writes)
{
	size_t first = below(tree, FDS);

	for (size_t i = 0; i < FDS; i++) {
		struct open_file *open = &tree->open[(first + i) % FDS];

		if (open->fd >= 0 && (open->writes || !writes) &&
		    !open->file->replaced)
			return open;
	}
	return NULL;
}

static void note_open(struct open_file *open, int fd, struct file *file,
                      bool writes)
{
	*open = (struct open_file){fd, file, writes};
	file->refs++;
	file->writers += writes;
}

/* Close: the last one that can write publishes. lost: it may say anything. */
static void close_slot(struct tree *tree, struct open_file *open, bool lost)
{
	struct file *file = open->file;

	tree->what = "close";
	if (close(open->fd) < 0 && !lost)
		fail(tree, -1, "close");
	open->fd = -1;
	file->writers -= open->writes;
	if (!lost && open->writes && file->writers == 0 && file->dirty) {
		copy_bytes(&file->published, &file->now);
		file->dirty = false;
	}
	file_drop(file);
}

/* Another object takes a name: who was unlinked from it is replaced. */
static void take_name(struct tree *tree, int name)
{
	for (int i = 0; i < FDS; i++)
		if (tree->open[i].fd >= 0 &&
		    tree->open[i].file->lost == name + 1)
			tree->open[i].file->replaced = true;
}

/* ---- operations ---- */

static void do_open(struct tree *tree, int name)
{
	static const int modes[] = {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR};
	int mode = modes[below(tree, 4)];
	int flags = mode | (below(tree, 2) ? O_CREAT : 0) |
	            (mode != O_RDONLY && below(tree, 4) == 0 ? O_TRUNC : 0) |
	            (below(tree, 8) == 0 ? O_EXCL | O_CREAT : 0);
	struct open_file *slot = free_slot(tree);
	struct file *file = tree->names[name];
	int must = file ? (flags & O_EXCL ? EEXIST : 0)
	                : (flags & O_CREAT ? 0 : ENOENT);
	int fd;

	tree->what = "open";
	if (!slot)
		return;
	fd = open(names[name], flags | O_CLOEXEC, 0640);
	if ((fd < 0 ? errno : 0) != must)
		fail(tree, name, "another errno than must be");
	if (fd < 0)
		return;
	if (!file) {
		file = file_new();
		file->mode = 0640;
		take_name(tree, name);
		set_name(tree, name, file);
	} else if (flags & O_TRUNC) {
		resize(file, 0);
	}
	note_open(slot, fd, file, mode != O_RDONLY);
	/* Whoever creates publishes at the close, also without a byte. */
	if (mode == O_RDONLY && !file->published.data && file->writers == 0) {
		slot->writes = true;
		file->writers++;
		close_slot(tree, slot, false);
	}
}

static void do_read(struct tree *tree)
{
	struct open_file *open = used_slot(tree, false);
	size_t offset;
	size_t must;
	ssize_t n;

	tree->what = "read";
	if (!open || (fcntl(open->fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return;
	offset = below(tree, 2) ? 0 : below(tree, open->file->now.size + 10);
	must = offset < open->file->now.size ? open->file->now.size - offset
	                                     : 0;
	n = pread(open->fd, tree->seen, SIZE_MAX_FILE, (off_t)offset);
	if (n != (ssize_t)must)
		fail(tree, -1, "another number of bytes");
	if (must && memcmp(tree->seen, open->file->now.data + offset, must))
		fail(tree, -1, "other bytes");
}

static void do_write(struct tree *tree)
{
	struct open_file *open = used_slot(tree, true);
	size_t length = 1 + below(tree, below(tree, 6) ? 3000 : 90000);
	uint8_t first = (uint8_t)roll(tree);
	struct file *file;
	size_t offset;

	tree->what = "write";
	if (!open || (fcntl(open->fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return;
	file = open->file;
	offset = below(tree, 3) ? file->now.size
	                        : below(tree, file->now.size + 4000);
	if (offset + length > SIZE_MAX_FILE)
		return;
	if (offset > file->now.size)
		resize(file, offset);
	for (size_t i = 0; i < length; i++)
		file->now.data[offset + i] = (uint8_t)(first + i * 3);
	if (offset + length > file->now.size)
		file->now.size = offset + length;
	file->dirty = true;
	if (pwrite(open->fd, file->now.data + offset, length, (off_t)offset) !=
	    (ssize_t)length)
		fail(tree, -1, "short");
}

static void do_truncate(struct tree *tree)
{
	struct open_file *open = used_slot(tree, true);
	size_t size = below(tree, 2) ? 0 : below(tree, 100000);

	tree->what = "truncate";
	if (!open || (fcntl(open->fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return;
	if (ftruncate(open->fd, (off_t)size) < 0)
		fail(tree, -1, "ftruncate");
	resize(open->file, size);
}

static void do_map(struct tree *tree)
{
	struct open_file *open = used_slot(tree, true);
	struct file *file;
	uint8_t *pages;
	size_t at;

	tree->what = "map";
	if (!open || (fcntl(open->fd, F_GETFL) & O_ACCMODE) != O_RDWR ||
	    open->file->now.size == 0)
		return;
	file = open->file;
	pages = mmap(NULL, file->now.size, PROT_READ | PROT_WRITE, MAP_SHARED,
	             open->fd, 0);
	if (pages == MAP_FAILED)
		fail(tree, -1, "mmap");
	if (memcmp(pages, file->now.data, file->now.size) != 0)
		fail(tree, -1, "other bytes in pages");
	at = below(tree, file->now.size);
	pages[at] = file->now.data[at] = (uint8_t)roll(tree);
	file->dirty = true;
	if (msync(pages, file->now.size, MS_SYNC) < 0 ||
	    munmap(pages, file->now.size) < 0)
		fail(tree, -1, "msync");
}

static void do_sync(struct tree *tree)
{
	struct open_file *open = used_slot(tree, true);

	tree->what = "fsync";
	if (!open)
		return;
	if (fsync(open->fd) < 0)
		fail(tree, -1, "fsync");
	copy_bytes(&open->file->synced, &open->file->now);
}

/* A copy of the descriptor, closed by a child that inherited it. */
static void do_child(struct tree *tree)
{
	struct open_file *open = used_slot(tree, false);
	int status = 0;
	pid_t pid;

	tree->what = "child";
	if (!open)
		return;
	pid = fork();
	if (pid == 0) {
		_exit(close(open->fd) < 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail(tree, -1, "its close");
}

static void do_dup(struct tree *tree)
{
	struct open_file *open = used_slot(tree, false);
	struct open_file *slot = free_slot(tree);
	int fd;

	tree->what = "dup";
	if (!open || !slot)
		return;
	fd = fcntl(open->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		fail(tree, -1, "dup");
	note_open(slot, fd, open->file, open->writes);
}

static void do_unlink(struct tree *tree, int name)
{
	int must = tree->names[name] ? 0 : ENOENT;

	tree->what = "unlink";
	if ((unlink(names[name]) < 0 ? errno : 0) != must)
		fail(tree, name, "another errno than must be");
	if (must != 0)
		return;
	tree->names[name]->lost = name + 1;
	/* What fsync has sent of it cannot be changed elsewhere any more. */
	tree->names[name]->replaced = tree->names[name]->synced.data != NULL;
	set_name(tree, name, NULL);
}

static void do_rename(struct tree *tree, int name, int to)
{
	struct file *file = tree->names[name];
	int r;

	tree->what = "rename";
	if (name == to)
		return;
	r = rename(names[name], names[to]) < 0 ? errno : 0;
	if (file && r == EBUSY && file->dirty && file->writers > 0)
		return; /* being rewritten */
	if (r != (file ? 0 : ENOENT))
		fail(tree, name, "another errno than must be");
	if (r != 0)
		return;
	if (tree->names[to])
		tree->names[to]->replaced = true;
	take_name(tree, to);
	set_name(tree, to, file);
	set_name(tree, name, NULL);
}

static void do_chmod(struct tree *tree, int name)
{
	mode_t mode = (mode_t)(0600 | below(tree, 0100));

	tree->what = "chmod";
	if ((chmod(names[name], mode) < 0 ? errno : 0) !=
	    (tree->names[name] ? 0 : ENOENT))
		fail(tree, name, "another errno than must be");
	if (tree->names[name])
		tree->names[name]->mode = mode;
}

static void do_stat(struct tree *tree, int name)
{
	const struct file *file = tree->names[name];
	struct stat st;
	int r = stat(names[name], &st) < 0 ? errno : 0;

	tree->what = "stat";
	if (r != (file ? 0 : ENOENT))
		fail(tree, name, "another errno than must be");
	if (r == 0 && (size_t)st.st_size != file->now.size)
		fail(tree, name, "another size");
	if (r == 0 && (st.st_mode & 07777) != file->mode)
		fail(tree, name, "another mode");
}

/* Names directly in the top directory: all of them, and no others. */
static void do_list(struct tree *tree)
{
	DIR *dir = opendir(".");
	unsigned found = 0;
	unsigned must = 0;

	tree->what = "list";
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		found += strlen(entry->d_name) == 1 && entry->d_name[0] != '.';
	if (!dir || closedir(dir) < 0)
		fail(tree, -1, "opendir");
	for (int i = 0; i < 4; i++)
		must += tree->names[i] != NULL;
	if (found != must)
		fail(tree, -1, "another number of names");
}

/* ---- the run ---- */

/* Read a file whole; -1 = there is none. */
static ssize_t read_whole(struct tree *tree, int name)
{
	int fd = open(names[name], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0)
		fail(tree, name, "open");
	n = pread(fd, tree->seen, SIZE_MAX_FILE, 0);
	if (n < 0 || close(fd) < 0)
		fail(tree, name, "read");
	return n;
}

/* What a name holds must be what its file does. */
static void check_bytes(struct tree *tree, int name)
{
	const struct file *file = tree->names[name];

	if (file && (read_whole(tree, name) != (ssize_t)file->now.size ||
	             memcmp(tree->seen, file->now.data, file->now.size) != 0))
		fail(tree, name, "other bytes");
}

/* One descriptor, of whatever file. */
static void do_close(struct tree *tree)
{
	struct open_file *open = &tree->open[below(tree, FDS)];

	if (open->fd >= 0)
		close_slot(tree, open, open->file->replaced);
}

static void step(struct tree *tree)
{
	int name = (int)below(tree, NAMES);
	size_t at = below(tree, 100);

	tree->done++;
	if (at < 16)
		do_open(tree, name);
	else if (at < 30)
		do_read(tree);
	else if (at < 52)
		do_write(tree);
	else if (at < 56)
		do_truncate(tree);
	else if (at < 60)
		do_map(tree);
	else if (at < 63)
		do_sync(tree);
	else if (at < 65)
		do_child(tree);
	else if (at < 67)
		do_dup(tree);
	else if (at < 81)
		do_close(tree);
	else if (at < 86)
		do_unlink(tree, name);
	else if (at < 91)
		do_rename(tree, name, (int)below(tree, NAMES));
	else if (at < 93)
		do_chmod(tree, name);
	else if (at < 98)
		do_stat(tree, name);
	else
		do_list(tree);
}

static void parse(int argc, char **argv, struct tree *tree)
{
	static const struct option options[] = {
		{"ops", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:s:", options, NULL)) >= 0) {
		if (c == 'n')
			tree->ops = strtoull(optarg, NULL, 10);
		else if (c == 's')
			tree->dice = strtoull(optarg, NULL, 10);
		else
			exit(2);
	}
	if (optind + 1 != argc) {
		(void)fprintf(stderr, "tree: usage: tree [OPTION]... DIR\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	uint64_t seed;

	if (!tree)
		return 1;
	tree->ops = 1000;
	tree->dice = 1;
	parse(argc, argv, tree);
	seed = tree->dice;
	tree->dice = tree->dice * 2 + 1; /* never 0 */
	for (int i = 0; i < FDS; i++)
		tree->open[i].fd = -1;
	if (chdir(argv[optind]) < 0 || mkdir("sub", 0755) < 0 ||
	    mkdir("sub/deep", 0755) < 0 || mkdir("other", 0755) < 0)
		fail(tree, -1, "mkdir");
	while (tree->done < tree->ops) {
		step(tree);
	}
	for (int i = 0; i < FDS; i++)
		if (tree->open[i].fd >= 0)
			close_slot(tree, &tree->open[i], false);
	for (int name = 0; name < NAMES; name++) {
		do_stat(tree, name);
		check_bytes(tree, name);
	}
	for (int name = 0; name < NAMES; name++)
		set_name(tree, name, NULL);
	(void)printf("seed %llu: %llu operations, all as it must be\n",
	             (unsigned long long)seed, (unsigned long long)tree->done);
	free(tree);
	return 0;
}
