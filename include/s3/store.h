/* SPDX-License-Identifier: MIT */
/*
 * Object store: the narrow waist between the file system and S3.
 *
 * A caller fills a struct store_req, submits it, and hears back exactly once
 * through done().  The request is the caller's memory: it must stay put from
 * submit() until done() is entered.  Real client, directory on disk, in-memory
 * fake, fault injector and metrics are all one of these, and stack.
 *
 * One object_store is one bucket (and perhaps a prefix of it, which callers
 * never see: keys go in and come out relative to it).
 */
#ifndef PORTER_S3_STORE_H
#define PORTER_S3_STORE_H

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define STORE_KEY_MAX       1024 /* bytes, S3's limit for a key */
#define STORE_ETAG_MAX      136  /* bytes with quotes and NUL */
#define STORE_CHECKSUM_MAX  48   /* bytes with NUL; SHA-256 in base64 is 44 */
#define STORE_UPLOAD_ID_MAX 512  /* bytes with NUL; AWS's are about 130 */
#define STORE_BATCH_MAX     1000 /* keys in one DeleteObjects */

enum store_verb {
	STORE_HEAD,
	STORE_GET,
	STORE_PUT,
	STORE_COPY,
	STORE_DELETE,
	STORE_DELETE_MANY,
	STORE_LIST,
	STORE_MPU_CREATE,
	STORE_MPU_PART,
	STORE_MPU_PART_COPY,
	STORE_MPU_COMPLETE,
	STORE_MPU_ABORT,
	STORE_MPU_LIST_PARTS,
	STORE_MPU_LIST,
};
#define STORE_VERBS 14

/* "HEAD", "MPU_PART", ... as transcripts and metrics write it. */
const char *store_verb_name(enum store_verb verb);

/*
 * User metadata: x-amz-meta-NAME without the prefix, names lower case, values
 * as they are (the client codes what a header cannot hold).
 */
struct store_meta {
	const char *name;
	const char *value;
};

/* What is stored beside the bytes; all borrowed, NULL = not given. */
struct store_headers {
	const char *content_type;
	const char *content_encoding;
	const char *cache_control;
	const char *content_disposition;
	const struct store_meta *meta;
	size_t meta_count;
};

/* What a reply says about one object. */
struct object_info {
	uint64_t size;                     /* bytes of the whole object */
	struct timespec mtime;             /* Last-Modified, whole seconds */
	char etag[STORE_ETAG_MAX];         /* with its quotes; "" = unknown */
	char version[128];                 /* version id; "" = none */
	char checksum[STORE_CHECKSUM_MAX]; /* of MPU_PART and PART_COPY; "" =
	                                      none; copy it beside the ETag */
	char storage_class[32];            /* "" = STANDARD */
	unsigned parts; /* from the ETag's "-N"; 0 = not multipart */
	struct store_headers headers; /* HEAD and GET; borrowed, in done() only */
};

/* One line of a listing. */
struct store_entry {
	const char *key; /* whole key, or common prefix with its "/" */
	size_t key_len;  /* a key may hold any byte but NUL */
	bool is_prefix;  /* then nothing else is set */
	uint64_t size;   /* bytes */
	struct timespec mtime;
	const char *etag; /* with quotes */
	const char *storage_class;
};

/*
 * One line of LIST_PARTS, and what COMPLETE must be told of each part: number,
 * etag and checksum as they came back when it was sent.
 */
struct store_part_info {
	unsigned number;
	uint64_t size;
	char etag[STORE_ETAG_MAX];
	char checksum[STORE_CHECKSUM_MAX]; /* base64; "" = none */
};

/* One line of MPU_LIST. */
struct store_upload_info {
	const char *key;
	const char *upload_id;
	struct timespec initiated;
};

struct object_store;
struct store_req;

/* Called once, on any thread; must not block. */
typedef void store_done_fn(struct store_req *req);

/* The parameters of each verb. All pointers are borrowed until done(). */
struct store_get {
	uint64_t offset;   /* bytes */
	uint64_t length;   /* bytes, > 0; a reply may be shorter only where the
	                      object ends */
	struct chain into; /* room for length bytes */
	uint64_t received; /* out: bytes that are there, from offset on */

	/*
	 * May be NULL.  Told, any thread, whenever more bytes are there for good
	 * (never taken back by a retry), the first time with received = 0 when
	 * the reply's headers came: req->info is filled from then on.
	 */
	void (*progress)(struct store_req *req);
};

struct store_put {
	struct chain body;
	struct store_headers headers;
};

struct store_copy { /* whole object, at most limits->copy_max */
	struct object_store *source; /* same kind as the target */
	const char *source_key;
	const char *source_if_match; /* NULL = unconditional */
	bool replace_headers;        /* else the source's are kept */
	struct store_headers headers;
};

struct store_create {
	struct store_headers headers;
	char upload_id[STORE_UPLOAD_ID_MAX]; /* out */
};

struct store_part {
	const char *upload_id;
	unsigned number; /* 1..limits->parts_max */
	struct chain body;
	struct object_store *source; /* PART_COPY: where from */
	const char *source_key;
	const char *source_if_match;
	uint64_t source_offset;
	uint64_t source_length;
	/* out: info.etag */
};

struct store_complete {
	const char *upload_id;
	const struct store_part_info *parts; /* ascending numbers */
	size_t count;
};

struct store_abort {
	const char *upload_id;
};

struct store_delete_many {
	const char *const *keys;
	size_t count; /* 1..STORE_BATCH_MAX */

	/*
	 * out: per key 0 or negative errno, borrowed from the caller, room for
	 * count; req->status is 0 when the request as such went through.
	 * -EILSEQ: a key that XML cannot carry; it needs a DELETE of its own.
	 * (All of them: req->status is -EILSEQ too.)
	 */
	int *results;
};

struct store_list {
	const char *prefix;      /* "" = all */
	const char *delimiter;   /* "/" or NULL */
	const char *start_after; /* only entries above it; NULL = all */
	const char *token;       /* continuation; NULL = first page */
	unsigned max_keys;       /* 1..1000, 0 = 1000 */

	/* out, valid in done() only: keys and prefixes merged, in byte order */
	const struct store_entry *entries;
	size_t count;
	const char *next_token; /* NULL = complete */
};

struct store_list_parts {
	const char *upload_id;
	unsigned after;                      /* part-number-marker */
	const struct store_part_info *parts; /* out, valid in done() only */
	size_t count;
	unsigned next; /* out: 0 = complete */
};

struct store_list_uploads {
	const char *prefix;
	const char *key_marker; /* both NULL on the first page */
	const char *id_marker;
	const struct store_upload_info *uploads; /* out, valid in done() only */
	size_t count;
	const char *next_key; /* NULL = complete */
	const char *next_id;
};

struct store_req {
	enum store_verb verb;
	const char *key;           /* borrowed until done(); NULL for lists */
	const char *if_match;      /* borrowed; NULL = unconditional */
	const char *if_none_match; /* borrowed; "*" = must not exist */
	const char *version;       /* borrowed; NULL = current */
	uint64_t deadline_ms;      /* from submit; 0 = the verb's own budget */

	/* In and out, by verb. */
	union {
		struct store_get get;
		struct store_put put;
		struct store_copy copy;
		struct store_create create;
		struct store_part part;
		struct store_complete complete;
		struct store_abort abort;
		struct store_delete_many delete_many;
		struct store_list list;
		struct store_list_parts list_parts;
		struct store_list_uploads list_uploads;
	};

	/* Valid inside done(). */
	int status;     /* 0 or negative errno */
	struct err err; /* the story: verb, key, S3 code, request id, hint */
	struct object_info info;
	unsigned attempts;  /* requests that were sent for it */
	bool maybe_applied; /* failed, but the server may have done it */

	store_done_fn *done; /* the request is the caller's again on entry */
	void *owner;         /* the caller's, untouched */
	void *private;       /* the store's, from submit to done */
};

/*
 * What a store can hold and what it heeds: one row of the profile table
 * (s3/profile.c has them with their sources).
 */
struct store_limits {
	const char *profile;      /* "aws", "rgw", "minio", "local", ... */
	unsigned parts_max;       /* parts of an upload */
	uint64_t part_min;        /* bytes, all but the last */
	uint64_t part_max;        /* bytes */
	uint64_t put_max;         /* bytes, single PUT */
	uint64_t copy_max;        /* bytes, single COPY */
	uint64_t object_max;      /* bytes */
	uint64_t meta_max;        /* bytes of user metadata, names and values */
	bool put_if_none_match;   /* heeds If-None-Match: * on PUT */
	bool put_if_match;        /* heeds If-Match on PUT */
	bool complete_conditions; /* heeds both on COMPLETE */
	bool copy_conditions;     /* heeds both on COPY's target */
	bool copy_source_match;   /* heeds copy-source-if-match */
	bool delete_if_match;
	bool complete_gives_etag; /* false: HEAD after COMPLETE */
	bool plain_key_tree;      /* refuses `a` beside `a/b` */
	bool equal_parts;         /* all parts but the last have one size */
};

struct object_store_ops {
	const char *name;

	/*
	 * Start req.  Never blocks and never fails: see req->status.  done()
	 * may run before submit() returns, so hold no lock across it.
	 */
	void (*submit)(struct object_store *store, struct store_req *req);

	/*
	 * Ask for an early end; done() still runs, as a rule with -ECANCELED and
	 * within milliseconds.  req must be submitted and its done() not yet
	 * entered: the caller's own lock has to guarantee that.
	 */
	void (*cancel)(struct object_store *store, struct store_req *req);

	/* The profile as it is known now; static memory, any thread. */
	const struct store_limits *(*limits)(struct object_store *store);

	/*
	 * A URL that lets its bearer GET or PUT (verb) key for ttl_s seconds,
	 * malloc'ed for the caller. -EOPNOTSUPP where there is no such thing,
	 * -EDOM beyond 7 days.
	 */
	int (*presign)(struct object_store *store, enum store_verb verb,
	               const char *key, uint64_t ttl_s, char **ret,
	               struct err *reterr);

	/*
	 * Whether COPY and PART_COPY from source can work at all: one endpoint,
	 * one kind of store.  Its keys may still be refused (-EACCES).  NULL:
	 * only from itself.
	 */
	bool (*copies_from)(struct object_store *store,
	                    struct object_store *source);

	/* Every request must have been done. */
	void (*destroy)(struct object_store *store);
};

struct object_store {
	const struct object_store_ops *ops;
};

static inline void store_submit(struct object_store *s, struct store_req *req)
{
	crash_point();
	s->ops->submit(s, req);
}

static inline void store_cancel(struct object_store *s, struct store_req *req)
{
	s->ops->cancel(s, req);
}

static inline const struct store_limits *store_limits(struct object_store *s)
{
	return s->ops->limits(s);
}

static inline bool store_copies_from(struct object_store *s,
                                     struct object_store *source)
{
	return s == source ||
	       (s->ops->copies_from && s->ops->copies_from(s, source));
}

static inline void store_destroy(struct object_store *s)
{
	if (s)
		s->ops->destroy(s);
}

/*
 * Submit and wait: for start-up checks, jobs and tests.  Uses req->done and
 * req->owner and restores them.  A req->done of the caller's runs first, on the
 * store's thread, to copy what lives in done() only (lists, headers); it may
 * not free.  Returns req->status.  Never on a thread that runs callbacks.
 */
int store_call(struct object_store *store, struct store_req *req);

#endif
