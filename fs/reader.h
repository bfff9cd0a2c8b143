/* SPDX-License-Identifier: MIT */
/*
 * Reading a stored version: blocks that are there, flights for those that are
 * not, and reading ahead while reads are a run.
 *
 * A read is answered as soon as its own bytes have come.  The reply borrows
 * the blocks' memory; nothing is copied.
 */
#ifndef PORTER_FS_READER_H
#define PORTER_FS_READER_H

#include "base/buf.h"
#include "base/err.h"
#include "block_cache.h"
#include "fetch.h"
#include "prefetch_policy.h"

#include <stdint.h>

/* What one descriptor has read. Any thread. */
struct reader {
	pthread_mutex_t lock;
	struct prefetch_policy policy; /* lock */
	uint64_t window_max;           /* bytes, 0 = no reading ahead */
};

void reader_init(struct reader *reader, uint64_t window_max);
void reader_release(struct reader *reader);

/* Fetching was begun up to there, by whoever opened. */
void reader_opened(struct reader *reader, uint64_t upto);

/* A new version, or another file: forget the run. */
void reader_reset(struct reader *reader);

struct reader_read {     /* the caller's memory until done() has returned */
	uint64_t offset; /* bytes */
	size_t size;     /* bytes; cut at the object's end */

	/*
	 * Once, any thread, no lock held; must not block.  data is borrowed and
	 * valid in done() only.  -ESTALE: the version is gone.
	 */
	void (*done)(struct reader_read *read);
	int status;
	const struct err *err; /* its story, or NULL */
	struct chain data;

	/* Inside. */
	struct reader_pins {
		struct stored *stored; /* shares */
		struct block **blocks; /* room for count */
		uint64_t first;        /* number of blocks[0] */
		uint64_t end;          /* of the read, bytes */
		size_t have;           /* blocks pinned so far */
	} pins;
	struct prefetch_advice advice;
	struct fetch_wait wait;
	struct pool_wait memory;
	size_t count;         /* blocks of the read */
	struct slice *slices; /* count */
	uint8_t **spare;      /* room for memory_max slabs */
	size_t spare_count;
	size_t spare_max;
	bool waited; /* for memory, once */
	bool drop;   /* blocks read to their end are not needed any more */
};

/*
 * Read; the stored must have a reader begun (stored_begin).  Both are used
 * after done(), until this returns: hold them.  -ENOMEM also when
 * size is beyond what the whole budget could hold.
 */
void reader_read(struct reader *reader, struct stored *stored,
                 struct reader_read *read);

#endif
