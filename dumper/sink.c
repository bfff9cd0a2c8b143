/* SPDX-License-Identifier: MIT */
/*
 * Sinks without a store: nowhere, and a file.
 */
#include "dumper/sink.h"

#include "base/list.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- nowhere ---- */

static int null_write(struct dump_sink *sink, const void *data, size_t len,
                      struct err *reterr)
{
	(void)sink, (void)data, (void)len, (void)reterr;
	return 0;
}

static int null_finish(struct dump_sink *sink, struct err *reterr)
{
	(void)sink, (void)reterr;
	return 0;
}

static void null_abort(struct dump_sink *sink)
{
	(void)sink;
}

static void null_destroy(struct dump_sink *sink)
{
	free(sink);
}

/* Bytes are dropped. */
static const struct dump_sink_ops null_ops = {null_write, null_finish,
                                              null_abort, null_destroy};

int dump_sink_null(struct dump_sink **ret)
{
	struct dump_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	sink->ops = &null_ops;
	*ret = sink;
	return 0;
}

/* ---- a file ---- */

struct file_sink {
	struct dump_sink sink;
	char *path;      /* owned; NULL = standard output */
	char *temporary; /* owned; beside path */
	int fd;
};

static struct file_sink *file_of(struct dump_sink *sink)
{
	return container_of(sink, struct file_sink, sink);
}

static const char *file_name(const struct file_sink *file)
{
	return file->path ? file->path : "standard output";
}

static int file_write(struct dump_sink *sink, const void *data, size_t len,
                      struct err *reterr)
{
	struct file_sink *file = file_of(sink);
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(file->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(reterr, -errno, "writing '%s': %s",
			               file_name(file), strerror(errno));
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int file_finish(struct dump_sink *sink, struct err *reterr)
{
	struct file_sink *file = file_of(sink);

	if (!file->path)
		return 0;
	if (close(file->fd) < 0) {
		file->fd = -1;
		return err_set(reterr, -errno, "closing '%s': %s", file->path,
		               strerror(errno));
	}
	file->fd = -1;
	if (rename(file->temporary, file->path) < 0)
		return err_set(reterr, -errno, "naming '%s': %s", file->path,
		               strerror(errno));
	return 0;
}

static void file_abort(struct dump_sink *sink)
{
	struct file_sink *file = file_of(sink);

	if (file->temporary)
		(void)unlink(file->temporary); /* nobody looks for it */
}

static void file_destroy(struct dump_sink *sink)
{
	struct file_sink *file = file_of(sink);

	if (file->path)
		closep(&file->fd);
	free(file->path);
	free(file->temporary);
	free(file);
}

/* A temporary file, renamed at the end. */
static const struct dump_sink_ops file_ops = {file_write, file_finish,
                                              file_abort, file_destroy};

int dump_sink_file(const char *path, struct dump_sink **ret, struct err *reterr)
{
	cleanup(freep) struct file_sink *file = calloc(1, sizeof(*file));

	if (!file)
		return err_set(reterr, -ENOMEM, "out of memory");
	file->sink.ops = &file_ops;
	file->fd = STDOUT_FILENO;
	if (strcmp(path, "-") == 0) {
		*ret = &take(&file)->sink;
		return 0;
	}

	cleanup(freep) char *copy = strdup(path);
	cleanup(freep) char *temporary = str_printf("%s.XXXXXX", path);

	if (!copy || !temporary)
		return err_set(reterr, -ENOMEM, "out of memory");
	file->fd = mkostemp(temporary, O_CLOEXEC);
	if (file->fd < 0)
		return err_set(reterr, -errno, "making '%s': %s", path,
		               strerror(errno));
	file->path = take(&copy);
	file->temporary = take(&temporary);
	*ret = &take(&file)->sink;
	return 0;
}
