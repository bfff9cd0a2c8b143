/* SPDX-License-Identifier: MIT */
/*
 * An object store in memory, with S3's semantics to the letter.
 *
 * All fourteen verbs: MD5 ETags in quotes ("…-N" for multipart), conditions,
 * part rules checked at Complete, listings in byte order with delimiter and
 * continuation.  It keeps a transcript of what was asked, one line a request:
 *
 *   HEAD a                            GET a 0-1048575 if-match="…"
 *   PUT a 4096 if-none-match=*        COPY b from a source-if-match="…"
 *   DELETE a                          DELETE_MANY a b c
 *   LIST prefix=d/ delimiter=/        MPU_CREATE big
 *   MPU_PART big 1 8388608            MPU_PART_COPY big 2 from a 0-5242879
 *   MPU_COMPLETE big 2 parts          MPU_ABORT big
 *   MPU_LIST_PARTS big                MPU_LIST prefix=d/
 *
 * written in the order of submission (also of what is cancelled later).
 * Bytes that are not printable ASCII, blanks and backslashes in names appear
 * as \xNN.
 *
 * The other half are the helpers of a "remote client", who changes objects
 * behind the back of whoever uses the store; they leave no line.
 *
 * Any thread.
 */
#ifndef PORTER_TEST_FAKE_STORE_H
#define PORTER_TEST_FAKE_STORE_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "s3/store.h"

struct fake_store;

enum fake_mode {
	FAKE_INLINE, /* done() runs inside submit() */
	FAKE_QUEUE,  /* requests wait for fake_store_run() */
	FAKE_THREAD, /* a thread answers each latency_ms after its submission */
};

struct fake_store_config {
	enum fake_mode mode;
	unsigned latency_ms;               /* FAKE_THREAD */
	const struct store_limits *limits; /* copied; NULL = all of AWS's, but
	                                      parts of 5 MiB at least */
	const struct clock *clock; /* for Last-Modified, borrowed; NULL =
	                                      one second more with each write */
};

/* config may be NULL: inline, with the limits above. NULL when out of memory. */
struct fake_store *fake_store_new(const struct fake_store_config *config);

/* Ends the thread. Every request must have been done. Accepts NULL. */
void fake_store_free(struct fake_store *fake);
DEFINE_CLEANUP(struct fake_store *, fake_store_free);

/* What to hand out; its destroy() is fake_store_free(). */
struct object_store *fake_store_object_store(struct fake_store *fake);

/*
 * FAKE_QUEUE: answer what waits, in order, with whatever those answers bring
 * on, until nothing waits.  run_one() answers only the request that has waited
 * longest; run_nth() the n-th of them, from 0.  All return how many they
 * answered.
 */
size_t fake_store_run(struct fake_store *fake);
size_t fake_store_run_one(struct fake_store *fake);
size_t fake_store_run_nth(struct fake_store *fake, size_t nth);

/* Requests that wait. */
size_t fake_store_waiting(struct fake_store *fake);

/* Change over to another mode; what waits is answered by the new one's rule. */
void fake_store_set_mode(struct fake_store *fake, enum fake_mode mode);

/* The transcript so far, malloc'ed for the caller; "" when nothing came. */
char *fake_store_transcript(struct fake_store *fake);
/* The transcript so far, and a fresh page from here on. */
char *fake_store_take_transcript(struct fake_store *fake);

struct fake_stats {
	uint64_t requests[STORE_VERBS]; /* submitted, by verb */
	uint64_t bytes_in;              /* bodies of PUT and MPU_PART */
	uint64_t bytes_out;             /* answered to GET */
	uint64_t bytes_copied;          /* by COPY and PART_COPY */
	size_t waiting_peak;            /* most requests under way at once */
};
void fake_store_get_stats(struct fake_store *fake, struct fake_stats *ret);

/* The remote client.  Text variants for short contents. */

/* Make or overwrite an object. headers may be NULL. Returns 0 or -ENOMEM. */
int fake_store_put(struct fake_store *fake, const char *key, const void *data,
                   size_t len, const struct store_headers *headers);
int fake_store_put_text(struct fake_store *fake, const char *key,
                        const char *text);

/* Append an object's bytes to ret. Returns 0, -ENOENT or -ENOMEM. */
int fake_store_get(struct fake_store *fake, const char *key, struct str *ret);

/* Returns 0 or -ENOENT. ret->headers is all NULL. */
int fake_store_stat(struct fake_store *fake, const char *key,
                    struct object_info *ret);

/*
 * A user metadata value by name, or one of "content-type", "content-encoding",
 * "cache-control", "content-disposition"; malloc'ed for the caller, NULL when
 * there is none.
 */
char *fake_store_header(struct fake_store *fake, const char *key,
                        const char *name);

/* Returns 0 or -ENOENT. */
int fake_store_delete(struct fake_store *fake, const char *key);

/* "KEY SIZE\n" for every object, byte order, malloc'ed for the caller. */
char *fake_store_list(struct fake_store *fake);

size_t fake_store_count(struct fake_store *fake);        /* objects */
size_t fake_store_open_uploads(struct fake_store *fake); /* multipart */
/* Parts of all open uploads of a key. */
size_t fake_store_open_parts(struct fake_store *fake, const char *key);

#endif
