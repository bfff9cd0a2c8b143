/* SPDX-License-Identifier: MIT */
/* A directory that one daemon has for itself: state_dir, cache_dir. */
#ifndef PORTER_CMD_OWN_DIR_H
#define PORTER_CMD_OWN_DIR_H

#include "base/conf.h"
#include "base/err.h"

/*
 * Make the directory that an option names (mode 0700, parents too) and lock it.
 * Refused, each with a sentence: one that is somebody else's or open to others,
 * a symbolic link, one on a network file system (locks and synced writes are
 * not to be trusted there), one inside the mount (it would wait for itself;
 * mountpoint may be NULL), and one that another process has (its pid is named).
 *
 * Returns 0 and a lock that is held until own_dir_close(), also across a fork;
 * -1 when the option has no value.  Any thread.
 */
int own_dir_open(const struct conf *conf, const char *option,
                 const char *mountpoint, int *ret_lock, struct err *reterr);

/* -1 is fine. */
void own_dir_close(int lock);

#endif
