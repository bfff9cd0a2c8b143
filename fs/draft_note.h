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

struct content;

/* The directory of such files below a state_dir, malloc'ed; NULL: no memory. */
char *draft_note_dir(const char *state_dir);

/*
 * In a step, after draft_sync(): give the file a name and put the record; put
 * is the caller's until done().  Returns 0 (done() comes), 1 (there is nothing
 * to wait for), or negative errno with a story.
 */
int draft_note_put(struct content *content, struct draft *draft,
                   struct journal_put *put, struct err *reterr);

/* What draft.c has of it; NULL is fine. */
struct draft_note;
/* keep: record and file stay for the next start. */
void draft_note_end(struct draft_note *note, bool keep);
/* The nonce that every commit of this draft carries. */
const char *draft_note_nonce(const struct draft_note *note);

/* Of a record that was found at start: it goes with the draft. */
int draft_note_adopt(struct journal *journal, const char *path, uint64_t id,
                     const char *nonce, struct draft_note **ret);

#endif
