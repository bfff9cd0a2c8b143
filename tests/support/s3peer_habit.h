/* SPDX-License-Identifier: MIT */
/* What the imitated servers do differently: one table (s3peer_habit.c). */
#ifndef PORTER_TEST_S3PEER_HABIT_H
#define PORTER_TEST_S3PEER_HABIT_H

#include "s3peer.h"

#include <stdbool.h>

struct peer_habit {
	const char *name;
	const char *server;    /* Server header, or NULL */
	const char *id_prefix; /* of x-amz-request-id, around a number */
	const char *id_suffix;
	bool if_match_unquoted;
	bool complete_conditions;
	bool copy_source_match;
	bool copy_conditions;
	bool delete_if_match;
	bool checksums;
	bool complete_without_etag; /* the first one */
	bool complete_again;        /* 200 */
	bool complete_all_parts;    /* or it is refused */
	bool utf8_keys;             /* others are refused */
	bool match_absent;         /* PUT If-Match of nothing is 412, not 404 */
	bool complete_unknown_500; /* Complete of no upload */
	bool lists_chunked;
	bool region_matters;
	bool bulk_needs_digest; /* DeleteObjects without one is refused */
};

const struct peer_habit *peer_habit_get(enum s3peer_habits which);

/* "aws", "rgw16", "minio" to a number. Returns 0 or -EINVAL. */
int peer_habit_parse(const char *name, enum s3peer_habits *ret);

#endif
