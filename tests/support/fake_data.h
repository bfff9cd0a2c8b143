/* SPDX-License-Identifier: MIT */
/*
 * Inside the fake store: what it holds and how each verb acts on it.
 *
 *   fake_store.c       when a request is answered: modes, queue, cancellation
 *   fake_verbs.c       the answer of each verb on objects
 *   fake_multipart.c   the answer of each verb on uploads
 *   fake_data.c        objects, headers and the sorted table
 *   fake_transcript.c  a request as a line
 */
#ifndef PORTER_TEST_FAKE_DATA_H
#define PORTER_TEST_FAKE_DATA_H

#include "base/list.h"
#include "base/lock.h"
#include "fake_store.h"

#include <stdatomic.h>

/* One version of an object: never changes once it is in the table. */
struct fake_object {
	atomic_uint refs;
	char *key;
	uint8_t *data;
	uint64_t size; /* bytes */
	time_t mtime;
	char etag[STORE_ETAG_MAX];
	struct store_headers headers; /* owned */
};

/* Every object of a bucket, sorted by key. */
struct fake_table {
	struct fake_object **objects;
	size_t count;
	size_t cap;
};

struct fake_part {
	unsigned number;
	uint8_t *data;
	uint64_t size;
	uint8_t md5[16];
	char etag[STORE_ETAG_MAX];
};

/* A multipart upload under way. */
struct fake_upload {
	struct list link; /* fake_store.uploads, oldest first */
	char *key;
	char id[32];
	time_t initiated;
	struct store_headers headers; /* owned */
	struct fake_part *parts;      /* sorted by number */
	size_t count;
};

/* Where a request stands while it is the store's. */
struct fake_call {
	struct list link;
	struct store_req *req;
	struct timespec due; /* FAKE_THREAD, monotonic */
	bool cancelled;
};

struct fake_store {
	struct object_store store;
	struct store_limits limits;
	const struct clock *clock;
	unsigned latency_ms;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* the thread's alarm */
	pthread_t thread;
	bool has_thread;
	bool stopping;           /* lock */
	enum fake_mode mode;     /* lock */
	struct list queue;       /* lock; of fake_call */
	size_t waiting;          /* lock; queued or being answered */
	struct fake_table table; /* lock */
	struct list uploads;     /* lock */
	unsigned uploads_made;   /* lock */
	time_t now;              /* lock; without a clock */
	struct str transcript;   /* lock */
	struct fake_stats stats; /* lock */
};

/* What an answer needs to stay alive until done() has returned. */
struct fake_reply {
	struct fake_object *object; /* shared */
	void *rows;                 /* owned array that the request points to */
	char **texts;               /* owned, each and all */
	size_t text_count;
};

/* fake_data.c */
int fake_headers_copy(struct store_headers *dst,
                      const struct store_headers *src);
void fake_headers_release(struct store_headers *headers);

/*
 * An object with one reference; takes data, whatever the outcome.  headers may
 * be NULL; etag NULL means the MD5 of the bytes.
 */
struct fake_object *fake_object_new(const char *key, uint8_t *data,
                                    uint64_t size,
                                    const struct store_headers *headers,
                                    const char *etag);
struct fake_object *fake_object_ref(struct fake_object *object);
void fake_object_unref(struct fake_object *object);
DEFINE_CLEANUP(struct fake_object *, fake_object_unref);

/* Index of the first object whose key is >= key. */
size_t fake_table_find(const struct fake_table *table, const char *key);
/* The object of that key, borrowed, or NULL. */
struct fake_object *fake_table_get(const struct fake_table *table,
                                   const char *key);
/* Takes object (also on failure) in place of any of that key. */
int fake_table_put(struct fake_table *table, struct fake_object *object);
bool fake_table_remove(struct fake_table *table, const char *key);
void fake_table_release(struct fake_table *table);

/* "\"hex\"" or "\"hex-N\"". */
void fake_etag(const uint8_t md5[16], unsigned parts, char *ret);
/* All bytes of a chain in fresh memory (never NULL for 0 bytes). */
uint8_t *fake_flatten(const struct chain *chain, uint64_t *ret_size);
/* Last-Modified of a write now. */
time_t fake_now_locked(struct fake_store *fake);
/* Keep text alive until the reply is released; NULL when out of memory. */
const char *fake_reply_keep(struct fake_reply *reply, const char *text,
                            size_t len);
void fake_reply_release(struct fake_reply *reply);

/* fake_transcript.c */
void fake_write_line(struct str *s, const struct store_req *req);

/* fake_verbs.c: answers req; returns its status. Takes the lock itself. */
int fake_answer(struct fake_store *fake, struct store_req *req,
                struct fake_reply *reply);
/* Conditions of a write against what is there (NULL = nothing). */
int fake_check_write(const struct store_req *req,
                     const struct fake_object *object, bool match,
                     bool none_match);
/* Finds a copy's source, with its conditions checked, and shares it. */
int fake_copy_source(struct fake_store *fake, struct store_req *req,
                     struct fake_object **ret);
/* Fresh memory with a range of an object's bytes; NULL when out of memory. */
uint8_t *fake_bytes(const struct fake_object *object, uint64_t offset,
                    uint64_t length);
/* Rejects keys that S3 would reject, and what a plain key tree would. */
int fake_check_key(struct fake_store *fake, struct store_req *req);

/* fake_multipart.c: same contract as fake_answer(). */
int fake_mpu_create(struct fake_store *fake, struct store_req *req,
                    struct fake_reply *reply);
int fake_mpu_part(struct fake_store *fake, struct store_req *req,
                  struct fake_reply *reply);
int fake_mpu_part_copy(struct fake_store *fake, struct store_req *req,
                       struct fake_reply *reply);
int fake_mpu_complete(struct fake_store *fake, struct store_req *req,
                      struct fake_reply *reply);
int fake_mpu_abort(struct fake_store *fake, struct store_req *req,
                   struct fake_reply *reply);
int fake_mpu_list_parts(struct fake_store *fake, struct store_req *req,
                        struct fake_reply *reply);
int fake_mpu_list(struct fake_store *fake, struct store_req *req,
                  struct fake_reply *reply);
void fake_upload_free(struct fake_upload *upload);

#endif
