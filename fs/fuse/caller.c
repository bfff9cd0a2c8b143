/* SPDX-License-Identifier: MIT */
/*
 * Who asks, what it still holds open, how it died: the process table read for
 * the commit rule.
 *
 * Nothing here may wait for the caller, which waits for us.  A process in
 * execve(2) closes its close-on-exec descriptors, and so sends a FLUSH, while it
 * holds its exec lock; reading /proc/PID/stat or a link of /proc/PID/fd takes
 * that lock on newer kernels and would never come back.  Hence:
 *
 *   who is who      pidfds: their inode number is unique where the kernel has
 *                   pidfs (6.9)
 *   descriptors     /proc/PID/fdinfo/N has "ino:" (5.14); ours are 64-bit
 *                   hashes, which no other file system has by accident
 *   how it dies     /proc/PID/stat, field 52 (proc(5)), of dying processes
 *                   only: they have given their memory away before they close
 *                   files, and /proc/PID/status, which takes no lock, then has
 *                   no line "VmSize:"
 *
 * In stat the second field, the name in parentheses, may hold blanks, so counting
 * starts behind the last ')'.  Nothing here touches a file of the mount.
 */
#include "base/str.h"
#include "session_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STAT_EXIT_CODE 52

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446 /* "PIDF", <linux/magic.h> since 6.9 */
#endif

/* A whole small file of /proc as text. Returns 0 or a negative errno. */
static int read_text(int dir, const char *path, char *ret, size_t size)
{
	cleanup(closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;

	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, ret + len, size - 1 - len);

		if (n < 0)
			return -errno;
		if (n == 0 || len + (size_t)n == size - 1) {
			ret[len + (size_t)n] = '\0';
			return 0;
		}
		len += (size_t)n;
	}
}

/* Field number (from 3 on) of a line of /proc/PID/stat. */
static int stat_field(const char *line, unsigned number, uint64_t *ret)
{
	const char *p = strrchr(line, ')');

	for (unsigned i = 2; p && i < number; i++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -ENODATA;

	char *end;

	errno = 0;
	*ret = strtoull(p + 1, &end, 10);
	return errno || end == p + 1 ? -EINVAL : 0;
}

/* One field of a thread group's stat. */
static int process_field(int tgid, unsigned number, uint64_t *ret)
{
	char path[32];
	char line[2048];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", tgid);

	int r = read_text(AT_FDCWD, path, line, sizeof(line));

	return r < 0 ? r : stat_field(line, number, ret);
}

/* The number, written in base, behind "label" at a line's start. */
static int labelled(const char *text, const char *label, int base,
                    uint64_t *ret)
{
	size_t len = strlen(label);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, label, len) != 0)
			continue;

		char *end;

		*ret = strtoull(p + len, &end, base);
		return end == p + len ? -EINVAL : 0;
	}
	return -ENODATA;
}

/* /proc/PID/status as text. */
static int read_status(int pid, char *ret, size_t size)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return read_text(AT_FDCWD, path, ret, size);
}

/* The kernel's unique number of a process, or 0 where it has none. */
static uint64_t pidfd_id(int pidfd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(pidfd, &fs) < 0 || fs.f_type != PID_FS_MAGIC ||
	    fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

/* A descriptor of the process, or -1. */
static int process_open(int tgid)
{
	return (int)syscall(SYS_pidfd_open, tgid, 0);
}

static void caller_find(struct fs_callers *callers, int tid,
                        struct fs_process *ret)
{
	char text[4096];
	uint64_t tgid;

	(void)callers;
	*ret = (struct fs_process){0};
	if (tid <= 0 || read_status(tid, text, sizeof(text)) < 0 ||
	    labelled(text, "Tgid:", 10, &tgid) < 0)
		return;

	cleanup(closep) int pidfd = process_open((int)tgid);

	ret->tgid = (int)tgid;
	ret->id = pidfd < 0 ? 0 : pidfd_id(pidfd);
}

static bool caller_alive(struct fs_callers *callers,
                         const struct fs_process *process)
{
	cleanup(closep) int pidfd = process_open(process->tgid);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	(void)callers;
	return pidfd >= 0 && pidfd_id(pidfd) == process->id &&
	       poll(&ended, 1, 0) == 0;
}

/*
 * Whether a descriptor's fdinfo is of a file with that inode number, and can
 * write: one that can only read, be it of an older version, adds no bytes.
 */
static bool writes_file(const char *info, uint64_t ino)
{
	uint64_t found;
	uint64_t flags;

	return labelled(info, "ino:", 10, &found) == 0 && found == ino &&
	       labelled(info, "flags:", 8, &flags) == 0 &&
	       (flags & O_ACCMODE) != O_RDONLY;
}

static int caller_descriptors(struct fs_callers *callers,
                              const struct fs_process *process, uint64_t ino)
{
	char path[32];
	char info[1024];
	int count = 0;

	(void)callers;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo", process->tgid);

	DIR *infos = opendir(path);

	if (!infos)
		return -errno;
	for (struct dirent *e = readdir(infos); e; e = readdir(infos)) {
		if (e->d_name[0] != '.' &&
		    read_text(dirfd(infos), e->d_name, info, sizeof(info)) ==
		            0 &&
		    writes_file(info, ino))
			count++;
	}
	(void)closedir(infos);
	return count;
}

static int caller_exit_code(struct fs_callers *callers,
                            const struct fs_process *process)
{
	char text[4096];
	uint64_t code;
	int r = read_status(process->tgid, text, sizeof(text));

	(void)callers;
	if (r < 0)
		return r;
	if (labelled(text, "VmSize:", 10, &code) == 0)
		return 0; /* it has its memory: it is not dying */

	r = process_field(process->tgid, STAT_EXIT_CODE, &code);
	return r < 0 ? r : (int)code;
}

struct fs_callers session_callers(void)
{
	return (struct fs_callers){
		.find = caller_find,
		.alive = caller_alive,
		.descriptors = caller_descriptors,
		.exit_code = caller_exit_code,
	};
}
