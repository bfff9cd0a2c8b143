/* SPDX-License-Identifier: MIT */
/*
 * A draft in the journal: from its first fsync until it is published or given
 * up.  Its staging file has a name in state_dir/staging meanwhile, which the
 * record has too; both go with the draft, unless they are to outlive it.
 */
#ifndef PORTER_FS_DRAFT_NOTE_H
#define PORTER_FS_DRAFT_NOTE_H

#include "draft.h"
#include "fs/journal.h"

/* The directory of such files below a state_dir, malloc'ed; NULL: no memory. */
char *draft_note_dir(const char *state_dir);

/* What draft.c has of it; NULL is fine. */
struct draft_note;
/* keep: record and file stay for the next start. */
void draft_note_end(struct draft_note *note, bool keep);
/* The nonce that every commit of this draft carries. */
const char *draft_note_nonce(const struct draft_note *note);

/* The file's name in that directory; "" = it has none. */
const char *draft_note_file(const struct draft_note *note);
uint64_t draft_note_id(const struct draft_note *note);

struct draft_note_config {
	struct journal *journal; /* borrowed, outlives it */
	uint64_t id;             /* of the record */
	const char *path;        /* of the file; copied */
	const char *nonce;       /* copied */
	bool linked;             /* the file has its name already */
};
/* 0 or -ENOMEM. Writes nothing. */
int draft_note_new(const struct draft_note_config *config,
                   struct draft_note **ret);

/*
 * Give the file its name, once there is one (NULL: not yet).  Blocks.  0 or
 * negative errno.
 */
int draft_note_link(struct draft_note *note, struct staging *file);

#endif
