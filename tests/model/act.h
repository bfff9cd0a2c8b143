/* SPDX-License-Identifier: MIT */
/*
 * One operation, done to the mount and to the reference, and compared.
 *
 *   act.c        the frame: faults, time, remounts, what comes after each one
 *   act_name.c   operations on names
 *   act_attr.c   on attributes; listings
 *   act_open.c   descriptors: open, close, what closing does
 *   act_data.c   bytes through descriptors
 */
#ifndef PORTER_TEST_MODEL_ACT_H
#define PORTER_TEST_MODEL_ACT_H

#include "world.h"

/* Do the next operation. False: the run has diverged, see world->story. */
bool act(struct world *world, const struct op *op);

/* Close every descriptor of every mount. */
bool act_close_all(struct world *world);

/* ---- between the files ---- */

enum verdict {
	AGREED,  /* as the reference has it */
	REFUSED, /* not supported yet: nothing has changed */
	SPOILT,  /* it failed by a request that was made to fail */
	WRONG,   /* the run has diverged */
};

/* An operation at work. */
struct act {
	struct world *world;
	struct mount *mount;
	const struct op *op;
	struct ref_file *file; /* whose latched error may answer; or NULL */
};

/* Compare what a call said with what it must say. */
enum verdict act_judge(const struct act *act, int status, int expected);

/* The operation makes no sense here. Returns true. */
bool act_idle(const struct act *act);

/* Whether a request of this operation has been made to fail. */
bool act_was_spoilt(const struct act *act);

/* Let time pass until what somebody else did to the path must be seen. */
void act_see(const struct act *act, int path);

/* What walking to a path must say: 0, -ENOENT, -ENOTDIR. */
int act_expect_walk(const struct act *act, int path);

/* Ask again when the nodeid was stale, as the kernel does. */
typedef int act_try_fn(const struct act *act, struct walked *walked, void *ctx);
int act_retry(const struct act *act, int path, act_try_fn *try, void *ctx);

/* act_name.c */
bool act_unlink(const struct act *act);
bool act_rename(const struct act *act);
bool act_mkdir(const struct act *act);
bool act_rmdir(const struct act *act);
bool act_symlink(const struct act *act);
bool act_readlink(const struct act *act);

/* act_attr.c */
bool act_stat(const struct act *act);
bool act_chmod(const struct act *act);
bool act_utimes(const struct act *act);
bool act_setxattr(const struct act *act);
bool act_getxattr(const struct act *act);
bool act_list(const struct act *act);
/* An object gets other headers by a copy onto itself. */
void act_restamp(const struct act *act, int path, struct ref_version *version);

/* act_open.c */
bool act_open(const struct act *act);
bool act_create(const struct act *act);
bool act_dup(const struct act *act);
bool act_close(const struct act *act);
bool act_child(const struct act *act);

/* What publishing the file now must say. */
int act_expect_commit(const struct act *act, const struct ref_file *file);

/* act_data.c */
bool act_read(const struct act *act);
bool act_write(const struct act *act);
bool act_truncate(const struct act *act);
bool act_cut(const struct act *act);
bool act_fallocate(const struct act *act);
bool act_seek(const struct act *act);
bool act_fsync(const struct act *act);

#endif
