/* SPDX-License-Identifier: MIT */
/*
 * The world of a model run: one bucket in memory, one or two mounts on it, each
 * behind a store that spoils requests, a clock that only the run turns, and a
 * client that calls a mount as the kernel does (names remembered for as long as
 * it may, looked up again after ESTALE, forgotten now and then).
 */
#ifndef PORTER_TEST_MODEL_WORLD_H
#define PORTER_TEST_MODEL_WORLD_H

#include "fake_clock.h"
#include "fake_data.h"
#include "fake_store.h"
#include "fault_store.h"
#include "fs/fs.h"
#include "op.h"
#include "ref.h"

#include <pthread.h>

#define SLOTS     5       /* descriptors of a mount */
#define PART_SIZE 0x10000 /* bytes; small, so that runs are fast */

/* How long what somebody else did may stay unseen. */
#define UNSEEN_MS 3001

struct world;

/* A name as the kernel remembers it. */
struct dentry {
	uint64_t nodeid;
	uint64_t count; /* lookups handed over */
	uint64_t until_ms;
	uint32_t mode;
};

struct slot {
	struct fs_handle *handle; /* NULL: free */
	struct ref_file *file;
	unsigned copies;
	uint64_t ino;
	bool reads;
	bool writes;
	bool counted; /* among the file's writers, as whoever creates is */
};

/* A name that the kernel was told of. */
struct told {
	uint64_t parent;
	char name[16];
};
#define TOLD_MAX 64

struct mount {
	struct world *world;
	struct fs_callers callers;
	struct fs_kernel kernel;
	pthread_mutex_t lock;
	struct told told[TOLD_MAX]; /* lock: names to be looked up again */
	unsigned told_count;        /* lock */
	struct fault_store *fault;
	struct pool *pool;
	struct fs *fs;
	struct ref_mount *ref;
	struct dentry names[PATHS];
	struct slot slots[SLOTS];
	uint64_t top; /* nodeid of the bucket */
	uint64_t ino; /* of the file whose descriptors are asked for */
};

/* Take to heart what the kernel was told to look up again. */
void world_heed(struct mount *mount);

/* What a path's object was when it was last compared. */
struct looked {
	struct fake_object *object;  /* shares */
	struct ref_version *version; /* shares */
};

struct world {
	unsigned config;
	struct fake_clock clock;
	struct timers *timers;
	struct fake_store *fake;
	unsigned mount_count;
	struct mount mounts[MOUNTS];
	struct ref ref;
	struct looked looked[PATHS];
	bool rewritten[PATHS];     /* and it replaced a file: seen by opens */
	uint64_t unseen_ms[PATHS]; /* somebody else's change; may be unseen until */
	struct dice dice;          /* in which order replies come */
	bool armed;                /* a fault is */
	bool spoilt;               /* a request of this operation failed */
	bool uploads_unsure;       /* an abort may have been lost */
	bool verbose;
	int said;         /* by the call that was compared last */
	uint64_t kept;    /* uploads that lost to somebody else's change */
	uint64_t lost;    /* what could not be published after the last close */
	uint64_t refused; /* operations that are not supported yet */
	uint64_t failed;  /* that failed by a fault */
	uint64_t idle;    /* that made no sense */
	char story[512];  /* how it diverged; "" = it did not */
};

/* Returns false when it could not be built: see story. */
bool world_init(struct world *world, unsigned config);
/* Everything is closed and settled: false when anything was left over. */
bool world_end(struct world *world);

/* Unmount and mount again; all slots must be free. */
bool world_remount(struct mount *mount);

/* The run is wrong: the first one counts. Returns false. */
bool world_diverge(struct world *world, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t world_now(const struct world *world);
void world_pass(struct world *world, uint64_t ms);
/* Answer what waits at the store. */
void world_drain(struct world *world);
/* Nothing waits at the store. */
bool world_is_quiet(struct world *world);

/* The store has exactly what it must have. */
bool world_check(struct world *world);

/* ---- calls ---- */

struct model_call {
	struct fs_call call;
	struct world *world;
	bool done;
	bool wants_data;
	uint8_t *data; /* of call.data */
	size_t size;
};

void call_begin(struct mount *mount, struct model_call *call);
/* Until it is done. Returns its status; -EDEADLK: it never will. */
int call_wait(struct model_call *call);
void call_end(struct model_call *call);

/*
 * The nodeid of a path, walked as the kernel does. -ENOENT, -ENOTDIR, -EIO ...
 * A path of -1 is the bucket.
 */
int walk(struct mount *mount, int path, uint64_t *ret);
/* The same, and its mode. fresh: ask, whatever is remembered. */
struct walked {
	uint64_t nodeid;
	uint32_t mode;
	bool fresh;
};
int walk_to(struct mount *mount, int path, struct walked *walked);
/* The kernel drops a name, and those below it. */
void forget_path(struct mount *mount, int path);
/* A name was made or has moved: what an answer said of it. */
void remember(struct mount *mount, int path, const struct fs_entry *entry);

#endif
