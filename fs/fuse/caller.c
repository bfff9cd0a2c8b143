/* SPDX-License-Identifier: MIT */
/*
 * Who asks, what it still holds open, how it died: /proc read for the commit
 * rule.
 *
 * Field numbers are those of proc(5): /proc/PID/stat has the start time as
 * field 22 and the exit code as field 52; the second field, the name in
 * parentheses, may hold blanks, so counting starts behind the last ')'.
 * /proc/PID/fdinfo/N has "ino:" since Linux 5.14.  Nothing here touches a file
 * of the mount: links of /proc/PID/fd are read, never followed.
 */
#include "base/str.h"
#include "session_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_STARTTIME 22
#define STAT_EXIT_CODE 52

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

/* The number behind "label" at a line's start. */
static int labelled(const char *text, const char *label, uint64_t *ret)
{
	size_t len = strlen(label);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, label, len) != 0)
			continue;

		char *end;

		*ret = strtoull(p + len, &end, 10);
		return end == p + len ? -EINVAL : 0;
	}
	return -ENODATA;
}

static void caller_find(struct fs_callers *callers, int tid,
                        struct fs_process *ret)
{
	char path[32];
	char text[4096];
	uint64_t tgid;

	(void)callers;
	*ret = (struct fs_process){0};
	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (tid <= 0 || read_text(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    labelled(text, "Tgid:", &tgid) < 0)
		return;

	uint64_t starttime;

	if (process_field((int)tgid, STAT_STARTTIME, &starttime) < 0)
		return;
	ret->tgid = (int)tgid;
	ret->starttime = starttime;
}

static bool caller_alive(struct fs_callers *callers,
                         const struct fs_process *process)
{
	uint64_t starttime;

	(void)callers;
	return process_field(process->tgid, STAT_STARTTIME, &starttime) == 0 &&
	       starttime == process->starttime;
}

/*
 * Whether descriptor number of the process is a file with that inode number
 * and last name: numbers alone repeat from one file system to the next.
 */
static bool is_the_file(int fds, int infos, const char *number, uint64_t ino,
                        const char *name)
{
	char link[4200];
	char info[1024];
	uint64_t found;
	ssize_t n = readlinkat(fds, number, link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	if (str_ends(link, " (deleted)"))
		link[n - (ssize_t)strlen(" (deleted)")] = '\0';

	const char *slash = strrchr(link, '/');

	return slash && strcmp(slash + 1, name) == 0 &&
	       read_text(infos, number, info, sizeof(info)) == 0 &&
	       labelled(info, "ino:", &found) == 0 && found == ino;
}

static int caller_descriptors(struct fs_callers *callers,
                              const struct fs_process *process, uint64_t ino,
                              const char *name)
{
	char path[32];
	int count = 0;

	(void)callers;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo", process->tgid);

	cleanup(closep) int infos =
		open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", process->tgid);

	DIR *fds = opendir(path);

	if (!fds)
		return -errno;
	if (infos < 0) {
		(void)closedir(fds);
		return -ENOENT;
	}
	for (struct dirent *e = readdir(fds); e; e = readdir(fds)) {
		if (e->d_name[0] != '.' &&
		    is_the_file(dirfd(fds), infos, e->d_name, ino, name))
			count++;
	}
	(void)closedir(fds);
	return count;
}

static int caller_exit_code(struct fs_callers *callers,
                            const struct fs_process *process)
{
	uint64_t code;

	(void)callers;

	int r = process_field(process->tgid, STAT_EXIT_CODE, &code);

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
