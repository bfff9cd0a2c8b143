/* SPDX-License-Identifier: MIT */
/*
 * A feed: lines that come one after the other, and readers who wait for more.
 *
 * Behind the files that may block: events.stream, progress.stream, wait, and a
 * job's log.  The last bytes are kept (whole lines); who is slower than that
 * misses the oldest ones.  A reader is an offset counted from the feed's birth.
 *
 * Any thread.  A feed's lock is a leaf; callbacks run without it.
 */
#ifndef PORTER_CONTROL_FEED_H
#define PORTER_CONTROL_FEED_H

#include "base/cleanup.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct feed;

/* keep: bytes that are kept at least one line of. One reference. */
int feed_new(size_t keep, struct feed **ret);
struct feed *feed_ref(struct feed *feed);
void feed_unref(struct feed *feed); /* NULL is fine */
DEFINE_CLEANUP(struct feed *, feed_unref);

/* Add a line; the newline is added. Out of memory: it is left out. */
void feed_add(struct feed *feed, const char *line);

/*
 * No more lines.  A reader who has read all gets the end of file when status is
 * 0, else that errno once and then the end of file.
 */
void feed_close(struct feed *feed, int status);
/* Lines can come again (a job that is tried again). */
void feed_reopen(struct feed *feed);

/* Where the oldest kept line begins, and where the next one will. */
uint64_t feed_begin(struct feed *feed);
uint64_t feed_end(struct feed *feed);
/* Where the last line begins, for those who need no other. */
uint64_t feed_last(struct feed *feed);

struct feed_reader {
	uint64_t at;
	bool told; /* the closing errno */
};

/* Bytes read; 0 = end of file; -EAGAIN = none yet; or the closing errno. */
ssize_t feed_read(struct feed *feed, struct feed_reader *reader, void *dst,
                  size_t size);

/* Whether feed_read() would not be -EAGAIN. */
bool feed_ready(struct feed *feed, const struct feed_reader *reader);

struct feed_wait { /* the caller's memory until ready() or a cancel */
	/* Once, any thread, no lock held; must not block. */
	void (*ready)(struct feed_wait *wait);
	struct list link; /* feed */
	bool queued;      /* feed */
};

/* False: there is something for the reader now; ready() will not come. */
bool feed_wait(struct feed *feed, const struct feed_reader *reader,
               struct feed_wait *wait);
/* True: ready() will not come. False: it came or is coming. */
bool feed_wait_cancel(struct feed *feed, struct feed_wait *wait);

#endif
