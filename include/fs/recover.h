/* SPDX-License-Identifier: MIT */
/*
 * What an earlier run began and did not end: settled from the journal.
 *
 *   intent, no upload id   the upload that a lost reply left is aborted
 *   open                   kept: a stream that was never closed publishes
 *                          nothing; a person decides
 *   finishing              HEAD: nonce and size say whether it was applied;
 *                          else completed again, with its condition
 *   aborting               aborted
 *   kept                   stays, unless the store has it no more
 *
 * What a store that does not answer holds up keeps its record and is tried
 * again in the background.  What another tool began is never touched.
 */
#ifndef PORTER_FS_RECOVER_H
#define PORTER_FS_RECOVER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct fs;
struct journal;

/*
 * Settle all there is, before anything is served.  Blocks, for some seconds at
 * most where a store does not answer; that is then retried in the background
 * until fs_free().  Never fails: what cannot be settled is logged.  Once.
 */
void fs_recover(struct fs *fs);

/* An upload that the journal knows. Texts are borrowed. */
struct fs_upload {
	uint64_t id;
	const char *state;  /* "open": its writer is at it, "kept": a person may
	                       decide; "intent", "finishing", "aborting" */
	const char *bucket; /* the directory's name */
	const char *key;
	const char *upload_id; /* "" = not known */
	const char *why;       /* of a kept one */
	uint64_t size;         /* bytes at the store, as far as noted */
	uint64_t began_s;      /* Unix time */
	bool whole;            /* all bytes of the file are there */
};

/*
 * Each of them, in the order they were begun.  Any thread.  Stops when each()
 * returns non-zero, and returns that; a negative errno when the journal cannot
 * be read.
 */
int fs_uploads_each(struct journal *journal,
                    int (*each)(void *ctx, const struct fs_upload *upload),
                    void *ctx);

/*
 * A person's decision about a kept one: publish what is at the store under its
 * name, whatever is there now, or abort it.  Blocks.  Returns 0, -ENOENT (no
 * such id), -EBUSY (it is not kept), or what the store said, with a story.
 */
int fs_upload_publish(struct fs *fs, uint64_t id, struct err *reterr);
int fs_upload_abort(struct fs *fs, uint64_t id, struct err *reterr);

#endif
