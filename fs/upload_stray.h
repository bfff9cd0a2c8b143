/* SPDX-License-Identifier: MIT */
/*
 * Uploads that a Create of ours made and whose reply got lost.
 *
 * A list of uploads shows key, id and time, but not who made one.  Ours is one
 * of that very key that began while our Create was on its way, that nobody sent
 * a part to, and there are no more of those than Creates without an answer.
 * Where that is not so, nothing is aborted: it may be another tool's.
 */
#ifndef PORTER_FS_UPLOAD_STRAY_H
#define PORTER_FS_UPLOAD_STRAY_H

#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

struct upload_stray {
	const char *key;
	const char *known_id; /* the one whose reply came; "" = none */
	uint64_t from_s;      /* wall clock: Create was sent, */
	uint64_t to_s;        /* and given up */
	unsigned expected;    /* Creates without an answer */
};

/* Whether a line of the list may be one of them (pure). */
bool upload_stray_matches(const struct upload_stray *stray,
                          const struct store_upload_info *upload);

/*
 * Find and abort them.  Blocks for some requests: on the executor only.
 * Returns how many were aborted, -EEXIST when they cannot be told apart (the
 * log names them), or why the store could not be asked.
 */
int upload_stray_abort(struct object_store *store,
                       const struct upload_stray *stray);

#endif
