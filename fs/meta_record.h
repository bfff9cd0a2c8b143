/* SPDX-License-Identifier: MIT */
/*
 * What the metadata cache writes to disk: names and ranges, as bytes (pure).
 *
 * A name is one path with all that is known of it.  A range is a piece of a
 * directory's listing: every key between two bounds, so that what it does not
 * show is absent.  Each record ends with a checksum over itself and over the
 * bucket and the path it is for: a record that is damaged, or lies under
 * another's key, is no record (-EUCLEAN).  SPEC.md has the layout.
 *
 * Inside a range stand keys, not paths (escape.h), relative to the directory
 * and in byte order: "name" for an object, "name/" for what lies below.
 */
#ifndef PORTER_FS_META_RECORD_H
#define PORTER_FS_META_RECORD_H

#include "attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "meta_cache.h"

#define META_RECORD_VERSION 1

/* Whose record it is. */
struct meta_key {
	uint64_t bucket;  /* hash of endpoint and bucket */
	const char *path; /* of the name, or of a range's directory */
};

/* One name. */
struct meta_record {
	enum meta_kind kind; /* not META_UNKNOWN */
	uint64_t asked_ms;   /* wall clock, before the store was asked */
	struct attr attr;    /* META_FILE, META_DIR; shares */
};

/* Append the record. A failure is sticky in ret (str_status()). */
void meta_record_encode(const struct meta_key *key,
                        const struct meta_record *record, struct str *ret);

/* Returns 0 and a record to be released by attr_release(), -EUCLEAN, -ENOMEM. */
int meta_record_decode(const struct meta_key *key, struct slice data,
                       struct meta_record *ret);

/* ---- ranges ---- */

/* One line of a range; of an object what a listing says. */
struct meta_line {
	const char *name; /* "name" or "name/" */
	size_t len;
	bool is_dir; /* ends with "/"; then nothing else is set */
	uint64_t size;
	struct timespec modified;
	char etag[STORE_ETAG_MAX];
};

/* The keys above low up to high. */
struct meta_bounds {
	uint64_t asked_ms; /* wall clock */
	struct slice low;  /* "" = from the beginning */
	struct slice high; /* a range to the end has none: */
	bool to_end;
};

struct meta_range_writer {
	struct str lines;
	struct str last; /* name of the line before */
	uint64_t count;
};

/* Lines in order. The writer is zeroed before the first one. */
void meta_range_add(struct meta_range_writer *writer,
                    const struct meta_line *line);
/* Append the record and release the writer. Failures are sticky in ret. */
void meta_range_finish(struct meta_range_writer *writer,
                       const struct meta_key *key,
                       const struct meta_bounds *bounds, struct str *ret);
void meta_range_release(struct meta_range_writer *writer);

struct meta_range {
	struct meta_bounds bounds; /* borrows from the data */
	uint64_t count;            /* lines */

	/* Inside. */
	const uint8_t *at;
	const uint8_t *end;
	uint64_t left;
	size_t name_len;
	char name[STORE_KEY_MAX + 1];
};

/* Returns 0 or -EUCLEAN. The data must stay while lines are read. */
int meta_range_open(const struct meta_key *key, struct slice data,
                    struct meta_range *ret);
/* 1 and a line whose name is valid until the next one; 0: end; -EUCLEAN. */
int meta_range_next(struct meta_range *range, struct meta_line *ret);

/*
 * Read on to the line of that name: 1 and the line, 0: there is none, -EUCLEAN.
 */
int meta_range_find(struct meta_range *range, struct slice name,
                    struct meta_line *ret);

/* Byte order of two keys. */
int meta_compare(struct slice a, struct slice b);

#endif
