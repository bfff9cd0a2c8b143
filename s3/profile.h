/* SPDX-License-Identifier: MIT */
/*
 * Store profiles: limits and habits of each kind of server, one table.
 *
 * A profile is configured (s3_profile) or learnt from the endpoint's host and
 * a reply's headers; never by probing writes into a user's bucket.
 */
#ifndef PORTER_S3_PROFILE_H
#define PORTER_S3_PROFILE_H

#include "http.h"
#include "s3/store.h"

enum s3_checksum {
	S3_CHECKSUM_AUTO,
	S3_CHECKSUM_NONE,
	S3_CHECKSUM_CRC32C,
	S3_CHECKSUM_CRC64NVME,
	S3_CHECKSUM_SHA256,
};

struct s3_profile {
	struct store_limits limits;
	bool if_match_unquoted;    /* RGW wants PUT If-Match without quotes */
	bool list_url_encoding;    /* heeds encoding-type=url */
	enum s3_checksum checksum; /* what "auto" means here */
	bool rgw_copy_if_match;    /* x-amz-copy-if-match for CopyObject */
	bool uploads_coded;        /* MPU_LIST codes keys without saying so, and
	                              leaves its markers as they are */
};

/* By the name of the s3_profile option; NULL for an unknown one. */
const struct s3_profile *profile_find(const char *name);

/* The most careful one, used until something is known. */
const struct s3_profile *profile_generic(void);

/*
 * From an endpoint's host and a reply's Server header (either may be NULL);
 * NULL when they say nothing.
 */
const struct s3_profile *profile_learn(const char *host, const char *server);

/*
 * The same from all headers of a reply: RGW before 17 has no Server header and
 * is known by the shape of its request ids.
 */
const struct s3_profile *
profile_learn_reply(const char *host, const struct http_headers *headers);

#endif
