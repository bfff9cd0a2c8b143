/* SPDX-License-Identifier: MIT */
/*
 * One stored object becomes another one, of any two buckets of the mount.
 *
 *   at most the store's copy_max     one COPY
 *   larger                           an upload of copied parts
 *   the server cannot or may not     bytes streamed: ranged GETs into an upload
 *
 * The source is pinned to its version; metadata comes along; the target's turn
 * is held, so that nothing else of the mount changes the same key meanwhile.
 * What the store answers is checked: the target has the source's ETag, or a HEAD
 * says that it has its size.
 *
 * Memory: nothing for copies; OBJECT_COPY_CHUNK and an upload's parts from the
 * pool for a stream.  Any thread.
 */
#ifndef PORTER_FS_OBJECT_COPY_H
#define PORTER_FS_OBJECT_COPY_H

#include "base/err.h"
#include "fs/fs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define OBJECT_COPY_CHUNK (UINT64_C(1) << 20) /* bytes of a GET */
#define OBJECT_COPY_ETAG  136                 /* as STORE_ETAG_MAX */

struct object_copy {          /* the caller's memory until done() */
	unsigned from_bucket; /* numbers of fs_bucket_view */
	unsigned to_bucket;
	const char *from_key; /* borrowed until done() */
	const char *to_key;
	uint64_t size;               /* of the source, as it was listed */
	char etag[OBJECT_COPY_ETAG]; /* of its version; "" = whatever is there */
	bool stream;                 /* do not ask the server to copy */

	/* Once, on any thread, no lock held; must not block. */
	void (*done)(struct object_copy *copy);
	void *owner;

	/* Set by the caller on any thread: end soon, with -ECANCELED. */
	atomic_bool cancel;

	/* Results. */
	int status; /* 0; -ESTALE: the source has another version now;
	               -ENOENT: it is gone; or another errno */
	struct err err;
	bool streamed; /* bytes went through here: do so at once next time */
	unsigned requests; /* to stores, as far as known */
};

void object_copy_start(struct fs *fs, struct object_copy *copy);

#endif
