/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the naming side share: a mount on a fake store behind a
 * fault store, with a fake clock, a kernel that notes what it is told, and in
 * place of the writing side a content that only says who has what open.
 *
 * Calls of rig_… run to their end (the fake store's queue is emptied) and
 * return the status.
 */
#ifndef PORTER_TEST_NAMES_RIG_H
#define PORTER_TEST_NAMES_RIG_H

#include "base/timer.h"
#include "core.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "fault_store.h"
#include "fs/fs.h"
#include "inode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct rig_config {
	enum fake_mode mode;
	unsigned latency_ms;
	enum fs_attrs attrs;
	enum fs_bucket_mode bucket_mode;
	bool no_ttl;             /* cache_ttl 0: always ask */
	uint64_t ttl_ms;         /* 0 = 2000 */
	uint64_t negative_ms;    /* 0 = 1000 */
	const char *cache_dir;   /* NULL = in memory alone */
	uint64_t cache_max_size; /* 0 = 64 MiB */
	bool old_store;          /* heeds no conditions (RGW) */
	bool real_clock;
	uint64_t copy_max; /* 0 = 5 GiB */
};

struct rig {
	struct rig_config config;
	struct fake_clock clock;
	struct timers *timers;
	struct fake_store *fake;
	struct fault_store *fault;
	struct fs *fs;
	uint64_t top; /* nodeid of bucket "b" */
	int busy;     /* last told to parts.unsettled; -1 = never */
	struct fs_kernel kernel;
	pthread_mutex_t lock;
	struct str told; /* lock: "inode 5\n", "entry 2 name\n" */
};

/* A bucket "b", and "broken", which answers -EACCES. config may be NULL. */
void rig_init(struct rig *rig, const struct rig_config *config);
/* Checks that nothing is open, under way or leaked. */
void rig_end(struct rig *rig);

/* End the mount and begin another on the same store and cache_dir. */
void rig_remount(struct rig *rig);

/* Let ms pass. */
void rig_pass(struct rig *rig, uint64_t ms);

/*
 * What was asked since the last time, ETags as E; checked and forgotten.
 */
void rig_asked(struct rig *rig, const char *expected);
char *rig_transcript(struct rig *rig); /* malloc'ed */
void rig_forget_asked(struct rig *rig);
/* How many requests of a verb were asked since the beginning. */
unsigned rig_count(struct rig *rig, enum store_verb verb);

/* What the kernel was told since the last time; malloc'ed. */
char *rig_told(struct rig *rig);

/* A call and its end. */
struct rig_call {
	struct fs_call call;
	struct rig *rig;
	atomic_bool done;
	char *data; /* of call.data, NUL behind it; malloc'ed */
	size_t data_len;
};
void rig_call_init(struct rig *rig, struct rig_call *call);
/* Answer what waits in the store; the call's status. Frees nothing. */
int rig_wait(struct rig_call *call);
void rig_call_end(struct rig_call *call);

int rig_lookup(struct rig *rig, uint64_t parent, const char *name,
               struct fs_entry *ret);
/* The nodeid of a path below the bucket, looked up step by step; 0 = absent. */
uint64_t rig_walk(struct rig *rig, const char *path);
int rig_getattr(struct rig *rig, uint64_t nodeid, struct fs_attr *ret);
int rig_setattr(struct rig *rig, uint64_t nodeid, unsigned set,
                const struct fs_attr *attr);
int rig_mkdir(struct rig *rig, uint64_t parent, const char *name,
              uint64_t *ret);
int rig_symlink(struct rig *rig, uint64_t parent, const char *name,
                const char *target);
int rig_unlink(struct rig *rig, uint64_t parent, const char *name);
int rig_rmdir(struct rig *rig, uint64_t parent, const char *name);
int rig_rename(struct rig *rig, uint64_t parent, const char *name,
               uint64_t new_parent, const char *new_name, unsigned flags);

/* The names of a directory, each with a "/" behind when it is one, a line each;
 * malloc'ed. NULL: *ret_status says why. */
char *rig_ls(struct rig *rig, uint64_t nodeid, int *ret_status);

/* ---- the writing side's part ---- */

/* Somebody has the inode open, or no longer. */
struct inode *rig_open(struct rig *rig, uint64_t nodeid);
void rig_close(struct inode *inode);

/* A new file, open and local; *ret_nodeid with a lookup count. */
int rig_create(struct rig *rig, uint64_t parent, const char *name,
               struct inode **ret);
/* Write bytes, and commit them as the writing side would: one PUT. */
void rig_write(struct inode *inode, const char *text);
int rig_commit(struct rig *rig, struct inode *inode, const char *text);
/* The same for a PUT that was on its way when the file was unlinked. */
int rig_commit_late(struct rig *rig, struct inode *inode, const char *text);

/* Calls of content_abandon() since the beginning. */
unsigned rig_abandoned(void);
/* What content_may_rename() and content_truncate() answer. */
void rig_refuse_rename(int status);

#endif
