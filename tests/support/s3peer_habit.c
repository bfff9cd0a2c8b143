/* SPDX-License-Identifier: MIT */
#include "s3peer_habit.h"

#include <errno.h>
#include <string.h>

static const struct peer_habit habits[] = {
	[S3PEER_AWS] =
		{
			.name = "aws",
			.server = "AmazonS3",
			.id_prefix = "",
			.id_suffix = "",
			.complete_conditions = true,
			.copy_source_match = true,
			.copy_conditions = true,
			.delete_if_match = true,
			.checksums = true,
			.region_matters = true,
			.bulk_needs_digest = true,
		},
	[S3PEER_RGW16] =
		{
			.name = "rgw16",
			.id_prefix = "tx",
			.id_suffix = "-0000000000-100a-default",
			.if_match_unquoted = true,
			.complete_without_etag = true,
			.complete_again = true,
			.complete_all_parts = true,
			.utf8_keys = true,
			.match_absent = true,
			.complete_unknown_500 = true,
			.lists_chunked = true,
		},
	[S3PEER_MINIO] =
		{
			.name = "minio",
			.server = "MinIO",
			.id_prefix = "",
			.id_suffix = "",
			.complete_conditions = true,
			.copy_source_match = true,
			.checksums = true,
			.bulk_needs_digest = true,
		},
};

#define HABITS (sizeof(habits) / sizeof(habits[0]))

const struct peer_habit *peer_habit_get(enum s3peer_habits which)
{
	return &habits[which];
}

int peer_habit_parse(const char *name, enum s3peer_habits *ret)
{
	for (unsigned i = 0; i < HABITS; i++) {
		if (strcmp(name, habits[i].name) == 0) {
			*ret = (enum s3peer_habits)i;
			return 0;
		}
	}
	return -EINVAL;
}
