/* SPDX-License-Identifier: MIT */
/*
 * The control tree: .porter in the mount's root, where scripts drive porterfs
 * with echo, cat and read (porter-control(7), and its own README).
 *
 * It is served beside struct fs, by the same kind of calls: the control tree
 * owns the nodeids from CONTROL_NODE_MIN up and the name .porter in the root;
 * fs/fuse asks control_owns() and hands each request to one or the other.  What
 * an open gives is call->control, which takes the place of call->handle.
 *
 * A file's content is rendered once, when it is opened, and served by offset,
 * past the page cache; a write is one command, whose errno is that of write(2).
 * Only files named *.stream or wait, and sync, block; who waits is parked and
 * holds no thread.
 *
 * Any thread.
 */
#ifndef PORTER_FS_CONTROL_H
#define PORTER_FS_CONTROL_H

#include "base/cleanup.h"
#include "base/err.h"
#include "fs/fs.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct conf;
struct control;
struct control_handle;
struct jobs;
struct journal;
struct metrics;
struct pool;

#define CONTROL_NODE_MIN (UINT64_C(1) << 62)
#define CONTROL_NAME     ".porter"

struct control_config {
	struct fs *fs;             /* borrowed */
	const struct conf *conf;   /* borrowed; may be NULL (tests) */
	const struct clock *clock; /* borrowed */
	struct journal *journal; /* borrowed; may be NULL: jobs are not kept */
	struct metrics *metrics; /* borrowed; may be NULL */
	struct pool *pool;       /* borrowed; may be NULL */
	unsigned threads;        /* for what asks servers; 0 = inline */
	uint32_t uid;            /* whose it is: nobody else but root */
	uint32_t gid;            /* of the group that may, if any */
	bool group;              /* there is such a group */
};

/* Starts what former daemons left of jobs. */
int control_new(const struct control_config *config, struct control **ret,
                struct err *reterr);
/* Ends all jobs.  Every call must be done. */
void control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free);

/* All jobs; borrowed. */
struct jobs *control_jobs(struct control *control);

/* What the kernel is told of files that can be polled. */
struct control_kernel {
	/* The file of that poll handle has something to read; and it goes. */
	void (*ready)(void *poll);
	void (*drop)(void *poll);
};
void control_set_kernel(struct control *control,
                        const struct control_kernel *kernel);

/* Whether a request for that nodeid is the control tree's. */
static inline bool control_owns(uint64_t nodeid)
{
	return nodeid >= CONTROL_NODE_MIN;
}
/* The same for a name in a directory. */
bool control_owns_name(uint64_t parent, const char *name);

/*
 * Calls, as those of fs.h.  Names cannot be made, removed or renamed here: the
 * kernel's side answers those with EPERM itself.
 */
void control_lookup(struct control *control, struct fs_call *call,
                    uint64_t parent, const char *name);
void control_forget(struct control *control, uint64_t nodeid, uint64_t lookups);
void control_getattr(struct control *control, struct fs_call *call,
                     uint64_t nodeid);
/* Accepted and without effect: truncate, chmod, touch. */
void control_setattr(struct control *control, struct fs_call *call,
                     uint64_t nodeid);
void control_opendir(struct control *control, struct fs_call *call,
                     uint64_t nodeid);
void control_readdir(struct control *control, struct fs_call *call,
                     struct control_handle *dir, const struct fs_readdir *read);
void control_open(struct control *control, struct fs_call *call,
                  uint64_t nodeid, int flags);
void control_read(struct control *control, struct fs_call *call,
                  struct control_handle *handle, uint64_t offset, size_t size);
/* data is copied before it returns. */
void control_write(struct control *control, struct fs_call *call,
                   struct control_handle *handle, uint64_t offset,
                   struct slice data);
/* Of files and directories. */
void control_release(struct control *control, struct control_handle *handle);

/*
 * Whether a read (POLLIN) would not wait: the events that are there.  Takes
 * poll (may be NULL), which is told once that changes.
 */
unsigned control_poll(struct control *control, struct control_handle *handle,
                      void *poll);

/* As fs_cancel(), for calls given to the control tree. */
void control_cancel(struct control *control, struct fs_call *call);

/* A request of the data path failed: for .porter/errors and health. */
void control_note_failure(struct control *control, const struct fs_who *who,
                          int status, const struct err *err);

/* A line for events.stream: members after "ts", such as
 * "\"event\":\"upload\",...". */
void control_event(struct control *control, const char *members);

#endif
