/* SPDX-License-Identifier: MIT */
/*
 * The mount: a kernel session whose requests become calls of a struct fs.
 *
 *   session_new   mounts; the kernel's requests queue up from now on
 *   session_start serves them, on threads "fuse/N"
 *   session_wait  returns when the file system was unmounted, by whomever
 *   session_free  unmounts what is still mounted
 *
 * Between new and start the daemon may fork, drop rights and report success.
 */
#ifndef PORTER_FS_SESSION_H
#define PORTER_FS_SESSION_H

#include "base/cleanup.h"
#include "base/err.h"
#include "fs/fs.h"

struct control;
struct session;

struct session_config {
	const char *mountpoint; /* a directory, or /dev/fd/N */
	const char *source;     /* shown by mount(8) and df(1) */
	const char *options; /* further mount options ("ro,noexec"), or NULL */
	bool allow_other;
	unsigned threads;          /* request threads, at least 2 */
	uint64_t kernel_readahead; /* bytes the kernel reads ahead; 0 = default */
	bool kernel_writeback;     /* the kernel's writeback cache */
};

/*
 * Mount. Copies the texts.  -EBUSY, -ENOENT, -ENOTDIR, -EPERM, … with a
 * sentence.
 */
int session_new(const struct session_config *config, struct session **ret,
                struct err *reterr);

/*
 * Serve fs, which must outlive the session, and tell it of the kernel.
 * Returns 0 or the errno of making threads.
 */
int session_start(struct session *session, struct fs *fs, struct err *reterr);

/*
 * Serve .porter too; before session_start().  It must outlive the session.
 * NULL: there is none.
 */
void session_set_control(struct session *session, struct control *control);

/* Until the kernel ended the session. Returns 0 or a negative errno. */
int session_wait(struct session *session);

/*
 * Ask for an orderly unmount: 0 when it is done (session_wait returns), -EBUSY
 * while somebody uses the mount, or another errno.
 */
int session_unmount(struct session *session);

/* Detach the mount now, whoever uses it; session_wait returns soon. */
void session_detach(struct session *session);

/*
 * fs_parts.unsettled's other end (ctx is the session): while busy, the
 * "keeper" thread holds the mount root open, so that umount(8) says "target is
 * busy".
 */
void session_unsettled(void *ctx, bool busy);

/* What the process table knows, for fs_parts.callers. */
struct fs_callers session_callers(void);

/* Ends the threads if they still run. Accepts NULL. */
void session_free(struct session *session);
DEFINE_CLEANUP(struct session *, session_free);

#endif
