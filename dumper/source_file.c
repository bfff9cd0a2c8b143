/* SPDX-License-Identifier: MIT */
/*
 * A file or a pipe as a source.  A file must stay as it was when it was opened:
 * what is loaded is one version of it.
 */
#include "base/str.h"
#include "dumper/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct file_source {
	struct load_source source;
	int fd;
	bool regular;
	struct stat first; /* of a file, when it was opened */
	char *path;        /* owned */
};

static struct file_source *file_of(struct load_source *source)
{
	return (struct file_source *)source;
}

/* Whether the file is still what was opened. */
static int check_same(const struct file_source *f, struct err *reterr)
{
	struct stat now;

	if (!f->regular)
		return 0;
	if (fstat(f->fd, &now) < 0)
		return err_set(reterr, -errno, "'%s': %s", f->path,
		               strerrordesc_np(errno));
	if (now.st_size != f->first.st_size ||
	    now.st_mtim.tv_sec != f->first.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != f->first.st_mtim.tv_nsec)
		return err_set(reterr, -ESTALE,
		               "'%s' was changed while it was read", f->path);
	return 0;
}

static ssize_t file_read(struct load_source *source, void *buf, size_t len,
                         struct err *reterr)
{
	struct file_source *f = file_of(source);
	ssize_t n;

	do
		n = read(f->fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(reterr, -errno, "reading '%s': %s", f->path,
		               strerrordesc_np(errno));

	int r = check_same(f, reterr);

	return r < 0 ? r : n;
}

static int file_read_at(struct load_source *source, uint64_t offset, void *buf,
                        size_t len, struct err *reterr)
{
	struct file_source *f = file_of(source);

	while (len > 0) {
		ssize_t n = pread(f->fd, buf, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(reterr, n < 0 ? -errno : -ESTALE,
			               "reading '%s' at %" PRIu64 ": %s",
			               f->path, offset,
			               n < 0 ? strerrordesc_np(errno)
			                     : "it has become shorter");
		buf = (char *)buf + n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return check_same(f, reterr);
}

static void file_destroy(struct load_source *source)
{
	struct file_source *f = file_of(source);

	if (f->fd > STDIN_FILENO)
		(void)close(f->fd);
	free(f->path);
	free(f);
}

/* A regular file. */
static const struct load_source_ops file_ops = {
	.read = file_read,
	.read_at = file_read_at,
	.destroy = file_destroy,
};

/* What can be read once. */
static const struct load_source_ops pipe_ops = {
	.read = file_read,
	.destroy = file_destroy,
};

int load_source_file(const char *path, struct load_source **ret,
                     struct err *reterr)
{
	cleanup(freep) struct file_source *f = calloc(1, sizeof(*f));
	bool is_stdin = strcmp(path, "-") == 0;
	cleanup(freep) char *copy = strdup(is_stdin ? "standard input" : path);

	if (!f || !copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	f->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &f->first) < 0 ||
	    S_ISDIR(f->first.st_mode)) {
		int code = f->fd < 0 ? -errno : -EISDIR;

		if (f->fd > STDIN_FILENO)
			(void)close(f->fd);
		return err_set(reterr, code, "opening '%s': %s", path,
		               strerrordesc_np(-code));
	}

	f->regular =
		S_ISREG(f->first.st_mode) && lseek(f->fd, 0, SEEK_CUR) == 0;
	f->source.ops = f->regular ? &file_ops : &pipe_ops;
	f->source.size =
		f->regular ? (uint64_t)f->first.st_size : LOAD_SIZE_UNKNOWN;
	if (f->regular)
		(void)snprintf(f->source.version, sizeof(f->source.version),
		               "file %" PRIu64 " %lld.%09ld", f->source.size,
		               (long long)f->first.st_mtim.tv_sec,
		               f->first.st_mtim.tv_nsec);
	f->path = take(&copy);
	*ret = &take(&f)->source;
	return 0;
}
