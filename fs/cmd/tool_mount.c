/* SPDX-License-Identifier: MIT */
#include "tool_mount.h"

#include "base/log.h"
#include "porter.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL "/.porter"

/* ---- finding it ---- */

/* The mount points of all porterfs mounts: how many; the last one in *ret. */
static unsigned list_mounts(char **ret)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent entry;
	char line[4096];
	unsigned count = 0;

	while (mounts && getmntent_r(mounts, &entry, line, sizeof(line))) {
		if (strcmp(entry.mnt_type, "fuse.porterfs") != 0)
			continue;
		free(*ret);
		*ret = strdup(entry.mnt_dir);
		count++;
	}
	if (mounts)
		(void)endmntent(mounts);
	return count;
}

int tool_mount_find(const char *dir, char **ret, struct err *reterr)
{
	cleanup(freep) char *found = dir ? strdup(dir) : NULL;
	unsigned count = dir ? 1 : list_mounts(&found);
	char *path;
	struct stat st;

	if (count == 0)
		return err_set(reterr, -ENOENT,
		               "no porterfs is mounted: name buckets with -c, "
		               "--env-file or -o, or a mount with --mount");
	if (count > 1)
		return err_set(reterr, -ENOTUNIQ,
		               "%u porterfs are mounted: say which one with "
		               "--mount",
		               count);
	path = found ? str_printf("%s" CONTROL, found) : NULL;
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (stat(path, &st) < 0) {
		int r = -errno;

		free(path);
		return err_set(reterr, r == -ENOENT ? -ENOTDIR : r,
		               "'%s' has no control directory: %s", found,
		               strerror(-r));
	}
	*ret = path;
	return 0;
}

/* ---- reading and writing ---- */

static int read_all(int fd, struct str *ret)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		str_add_mem(ret, part, (size_t)n);
	return n < 0 ? -errno : str_status(ret);
}

/* The file's path, opened. */
static int open_file(const char *control, const char *file, int flags,
                     struct err *reterr)
{
	cleanup(freep) char *path = str_printf("%s/%s", control, file);
	int fd = path ? open(path, flags | O_CLOEXEC) : -1;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (fd < 0)
		return err_set(reterr, -errno, "'%s': %s", path,
		               strerror(errno));
	return fd;
}

int tool_mount_read(const char *control, const char *file, struct str *ret,
                    struct err *reterr)
{
	cleanup(closep) int fd = open_file(control, file, O_RDONLY, reterr);
	int r = fd < 0 ? fd : read_all(fd, ret);

	return r < 0 && fd >= 0 ? err_set(reterr, r, "'%s/%s': %s", control,
	                                  file, strerror(-r))
	                        : r;
}

/* The sentence of the last failure, if it is that errno's. */
static int explain(const char *control, int code, struct err *reterr)
{
	cleanup(jval_freep) struct jval *object = NULL;
	struct str text = {0};
	const char *last;
	const char *msg = NULL;
	const char *name = NULL;

	(void)tool_mount_read(control, "errors", &text, NULL);
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	last = strrchr(str_text(&text), '\n');
	last = last ? last + 1 : str_text(&text);
	if (jval_parse(last, strlen(last), &object, NULL) == 0) {
		msg = jval_get_text(object, "msg");
		name = jval_get_text(object, "errno");
	}
	if (!msg || !name || strcmp(name, err_name(code)) != 0)
		msg = strerror(-code);
	(void)err_set(reterr, code, "%s", msg);
	str_release(&text);
	return code;
}

int tool_mount_write(const char *control, const char *file, const char *command,
                     struct str *reply, struct err *reterr)
{
	cleanup(closep) int fd =
		open_file(control, file, reply ? O_RDWR : O_WRONLY, reterr);

	if (fd < 0)
		return fd;
	if (write(fd, command, strlen(command)) < 0)
		return explain(control, -errno, reterr);
	return reply ? read_all(fd, reply) : 0;
}

/* ---- leaving ---- */

int tool_exit(int code)
{
	switch (-code) {
	case 0:
		return PORTER_OK;
	case EINVAL:
	case EDOM:
	case EMSGSIZE:
		return PORTER_USAGE;
	case ENOENT:
		return PORTER_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return PORTER_DENIED;
	case EAGAIN:
	case EBUSY:
	case ETIMEDOUT:
		return PORTER_TRY_AGAIN;
	case ESTALE:
		return PORTER_CHANGED;
	case EBADMSG:
		return PORTER_TRUNCATED;
	default:
		return PORTER_FAILED;
	}
}

int tool_fail(int code, const struct err *err)
{
	log_error("%s", err->text[0] ? err->text : strerror(-code));
	return tool_exit(code);
}

/* ---- words ---- */

/* One word for the control tree's splitter. */
static void add_quoted(struct str *ret, const char *word)
{
	if (word[0] && !strpbrk(word, " \t\n'\"\\")) {
		str_add(ret, word);
		return;
	}
	str_add_char(ret, '"');
	for (const char *p = word; *p; p++) {
		if (*p == '"' || *p == '\\')
			str_add_char(ret, '\\');
		str_add_char(ret, *p);
	}
	str_add_char(ret, '"');
}

int tool_join(char *const *words, int count, bool classic, struct str *ret)
{
	for (int i = 0; i < count; i++) {
		const char *word = words[i];
		bool dashes = !classic && str_starts(word, "--");
		cleanup(freep) char *plain =
			str_printf("%s%s", word + (dashes ? 2 : 0),
		                   dashes && !strchr(word, '=') ? "=1" : "");

		if (!plain)
			return -ENOMEM;
		if (ret->len > 0)
			str_add_char(ret, ' ');
		add_quoted(ret, plain);
	}
	return str_status(ret);
}
