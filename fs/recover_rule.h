/* SPDX-License-Identifier: MIT */
/* What becomes of an upload whose Complete may have been applied (pure). */
#ifndef PORTER_FS_RECOVER_RULE_H
#define PORTER_FS_RECOVER_RULE_H

#include "s3/store.h"
#include "upload_record.h"

#include <stdbool.h>

/* What a HEAD has shown. */
struct recover_head {
	int status; /* 0, -ENOENT, or why it cannot be known */
	uint64_t size;
	char etag[STORE_ETAG_MAX];
	char nonce[64]; /* "" = none */
};

enum recover_verdict {
	RECOVER_LATER,     /* the store does not say */
	RECOVER_PUBLISHED, /* it is there: the record may go */
	RECOVER_COMPLETE,  /* not there, and nothing speaks against it */
	RECOVER_KEEP,      /* somebody else has written the name meanwhile */
};

/*
 * heeds: the store checks conditions at Complete itself, so that a HEAD before
 * need not.
 */
enum recover_verdict recover_finishing(const struct upload_record *record,
                                       const struct recover_head *head,
                                       bool heeds);

/* Whether the object is the record's: a late self-copy changes one digit. */
bool recover_is_ours(const struct upload_record *record,
                     const struct recover_head *head);

#endif
