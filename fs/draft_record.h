/* SPDX-License-Identifier: MIT */
/*
 * What the journal knows of an edit whose bytes were made durable (pure): the
 * map, the objects it is made from, the staging file with what was written, and
 * what its commit needs.
 */
#ifndef PORTER_FS_DRAFT_RECORD_H
#define PORTER_FS_DRAFT_RECORD_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "extents.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRAFT_META_MAX 64

/* A stored object; source 0 with key "" is none: the file was new. */
struct draft_source_record {
	const char *identity; /* of its bucket */
	const char *key;
	const char *etag;
	uint64_t size; /* bytes */
};

/* Texts are borrowed: from the caller, or from the record they were read in. */
struct draft_record {
	bool guarded; /* a [guard] must judge it: never publish it unseen */
	const char *bucket; /* the directory's name, for people */
	const char *identity;
	const char *key;
	const char *nonce;
	const char *etag; /* the version to be replaced; "" = none may be there */
	const char *file; /* in state_dir/staging */
	struct store_headers headers;
	uint64_t size;                /* bytes */
	const struct extent *extents; /* cover [0, size) */
	size_t extent_count;
	const struct draft_source_record *sources;
	size_t source_count;
};

/* Appends. See str_status(). */
void draft_record_write(const struct draft_record *record, struct str *ret);

/* A record that was read: its arrays are in memory of its own. */
struct draft_found {
	struct draft_record record;
	struct extent *extents;
	struct draft_source_record *sources;
	struct store_meta meta[DRAFT_META_MAX];
};

/* Returns 0, -ENOMEM, or -EBADMSG. ret is to be released if 0. */
int draft_record_read(struct slice value, struct draft_found *ret);
void draft_found_release(struct draft_found *found);

#endif
