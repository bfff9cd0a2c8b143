/* SPDX-License-Identifier: MIT */
/* A configuration file as bytes, with who may read it. */
#ifndef PORTER_BASE_CONF_FILE_H
#define PORTER_BASE_CONF_FILE_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

#define CONF_FILE_MAX ((size_t)1 << 20) /* bytes */

struct conf_file {
	char *data; /* owned, NUL behind; wiped on release */
	size_t len; /* bytes */
	uid_t uid;  /* of the file, a symlink's target */
	mode_t mode;
};

/*
 * Read all of path.  Returns 0, or -errno with a sentence that begins with the
 * path: not readable, a directory, over CONF_FILE_MAX.
 */
int conf_file_read(const char *path, struct conf_file *ret, struct err *reterr);

/*
 * May it hold secrets: is it the caller's or root's and closed to everybody
 * else?  Returns 0, or -EACCES with a sentence that goes behind the place.
 */
int conf_file_private(const struct conf_file *file, const char *path,
                      struct err *reterr);

void conf_file_release(struct conf_file *file);

#endif
