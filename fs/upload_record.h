/* SPDX-License-Identifier: MIT */
/*
 * What the journal knows of a multipart upload (pure).
 *
 *   INTENT     Create is about to be sent: there may be an upload, id unknown
 *   OPEN       its id is known, parts are sent
 *   FINISHING  every byte is at the store, Complete is about to be sent
 *   KEPT       not published, left open for a person to decide
 *   ABORTING   abort is about to be sent
 *
 * The head is one record of kind JOURNAL_UPLOAD.  Acknowledged parts are in
 * records of kind JOURNAL_PARTS, UPLOAD_PARTS_CHUNK numbers to each, so that a
 * part costs a record of some kilobytes whatever their number.
 */
#ifndef PORTER_FS_UPLOAD_RECORD_H
#define PORTER_FS_UPLOAD_RECORD_H

#include "base/buf.h"
#include "base/str.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

enum upload_state {
	UPLOAD_INTENT = 1,
	UPLOAD_OPEN,
	UPLOAD_FINISHING,
	UPLOAD_KEPT,
	UPLOAD_ABORTING,
};

/* Texts are borrowed: from the caller, or from the record they were read in. */
struct upload_record {
	enum upload_state state;
	uint8_t expect; /* enum upload_expect, of FINISHING and KEPT */
	bool exclusive;
	bool whole;           /* every byte of the file is in its parts */
	bool remade;          /* its bytes are elsewhere too: abort, not keep */
	bool stray;           /* Create was sent more than once */
	uint64_t began_s;     /* wall clock, just before Create */
	uint64_t size;        /* bytes the store has acknowledged */
	uint32_t parts;       /* number of the last one */
	const char *bucket;   /* the directory's name, for people */
	const char *identity; /* endpoint, bucket and prefix */
	const char *key;
	const char *nonce;
	const char *upload_id; /* "" in INTENT */
	const char *etag;      /* of the version to be replaced */
	const char *why;       /* KEPT: one line */
};

/* Appends. See str_status(). */
void upload_record_write(const struct upload_record *record, struct str *ret);
/* Returns 0 or -EBADMSG. */
int upload_record_read(struct slice value, struct upload_record *ret);

/* "intent", "open", ... */
const char *upload_state_name(enum upload_state state);

#define UPLOAD_PARTS_CHUNK 32

/* The id of the record that has part number of upload id. */
uint64_t upload_parts_id(uint64_t id, unsigned number);
/* The upload's own id, and the first number of a chunk. */
uint64_t upload_parts_owner(uint64_t parts_id);
unsigned upload_parts_first(uint64_t parts_id);

/* Appends the parts of a chunk; those with number 0 are left out. */
void upload_parts_write(const struct store_part_info *parts, size_t count,
                        struct str *ret);
/*
 * Into ret, room for UPLOAD_PARTS_CHUNK, by number - first; those that are not
 * there get number 0.  Returns 0 or -EBADMSG.
 */
int upload_parts_read(struct slice value, unsigned first,
                      struct store_part_info ret[UPLOAD_PARTS_CHUNK]);

#endif
