/* SPDX-License-Identifier: MIT */
/*
 * A running mount as porter's subcommands see it: its control tree, used as any
 * script would.
 */
#ifndef PORTER_CMD_TOOL_MOUNT_H
#define PORTER_CMD_TOOL_MOUNT_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/*
 * The control directory of the mount on dir; NULL: the one mount there is.
 * malloc'ed.  -ENOENT: there is none; -ENOTUNIQ: there are several; -ENOTDIR: no
 * porterfs is mounted there.  With a sentence.
 */
int tool_mount_find(const char *dir, char **ret, struct err *reterr);

/* A file of the control tree, whole. */
int tool_mount_read(const char *control, const char *file, struct str *ret,
                    struct err *reterr);

/*
 * Write a command and append what can be read back.  The errno is write(2)'s,
 * the sentence that of .porter/errors.
 */
int tool_mount_write(const char *control, const char *file, const char *command,
                     struct str *reply, struct err *reterr);

/* What porter leaves with for a negative errno. */
int tool_exit(int code);

/* Say why on standard error, and the exit status for it. */
int tool_fail(int code, const struct err *err);

/*
 * Words of the command line as a command: quoted where needed, joined by
 * blanks.  "--name=value" is "name=value" and "--name" is "name=1" unless
 * classic keeps them.
 */
int tool_join(char *const *words, int count, bool classic, struct str *ret);

#endif
