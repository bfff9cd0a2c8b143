/* SPDX-License-Identifier: MIT */
/* The inside of a session, for the files of fs/fuse. */
#ifndef PORTER_FUSE_SESSION_IMPL_H
#define PORTER_FUSE_SESSION_IMPL_H

#define FUSE_USE_VERSION 314

#include "fs/session.h"
#include "tell.h"

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>

/* The keeper: holds the mount root open while work is unsettled. */
struct keeper {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool busy; /* lock */
	bool stop; /* lock */
};

/* Request buffers kept for later, so that each is faulted in once. */
#define SPARE_BUFFERS 8

struct session {
	struct fuse_session *fuse;
	struct fs *fs; /* borrowed; set before the first request is served */
	struct control *control; /* the same; NULL: there is no .porter */
	struct fs_kernel kernel;
	char *mountpoint;
	bool by_descriptor; /* mounted on /dev/fd/N: not ours to unmount */
	uint64_t kernel_readahead;
	bool kernel_writeback;
	bool killpriv_offered; /* the kernel's INIT knows HANDLE_KILLPRIV_V2 */
	bool killpriv_set;     /* and our reply asked for it */

	pthread_key_t worker_key; /* the serving thread's struct worker */
	struct worker *workers;
	unsigned worker_count;
	unsigned running;            /* lock; workers that have not ended */
	int status;                  /* lock; the first error of a worker */
	void *spares[SPARE_BUFFERS]; /* lock; owned */
	unsigned spare_count;        /* lock */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* running went to 0 */
	struct keeper keeper;
	struct tell tell;
};

/* One request thread and the buffer it reads into. */
struct worker {
	struct session *session;
	pthread_t thread;
	bool started;
	struct fuse_buf buf; /* mem owned; NULL = get a new one */
};

/*
 * The request buffer of the calling thread; an op took it along; and, on any
 * thread, gives it back.
 */
void *session_buffer(struct session *session);
void session_buffer_taken(struct session *session);
void session_buffer_back(struct session *session, void *buffer);

/* io.c: read and writev on /dev/fuse, editing the INIT reply. */
extern const struct fuse_custom_io session_io;

/*
 * mountinfo.c: whether a porterfs is mounted on path, and the "major:minor" of
 * the last one.
 */
bool mountinfo_find(const char *path, char *device, size_t size);

/* readahead.c: tell the kernel how far to read ahead, where it lets us. */
void raise_readahead(struct session *session);

/* keeper.c */
int keeper_start(struct session *session);
void keeper_stop(struct session *session);

#endif
