/* SPDX-License-Identifier: MIT */
/* Where files and directories are that nobody named. */
#ifndef PORTER_CMD_PLACES_H
#define PORTER_CMD_PLACES_H

#include "base/conf.h"
#include "base/err.h"

/*
 * The configuration file: $XDG_CONFIG_HOME or ~/.config, then /etc, each with
 * porterfs/porterfs.conf.  *ret is malloc'ed, or NULL when neither is there.
 * Returns 0 or -ENOMEM.
 */
int places_config_file(char **ret);

/* path as it is seen from "/", malloc'ed; symlinks stay. NULL without memory
 * or working directory. */
char *places_absolute(const char *path);

/*
 * A mount point as one name, as systemd-escape --path has it: "/mnt/a-b" is
 * "mnt-a\x2db".  malloc'ed; NULL without memory.
 */
char *places_name(const char *mountpoint);

/*
 * Give cache_dir and state_dir their defaults: /var/cache/porterfs/NAME and
 * /var/lib/porterfs/NAME as root, else XDG's.  Nothing is created.
 */
int places_set_defaults(struct conf *conf, const char *mountpoint,
                        struct err *reterr);

#endif
