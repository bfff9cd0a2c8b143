/* SPDX-License-Identifier: MIT */
/*
 * Where a bucket is: endpoint, region and style to scheme, host and path
 * (pure).
 */
#ifndef PORTER_S3_ENDPOINT_H
#define PORTER_S3_ENDPOINT_H

#include "base/err.h"
#include "s3/client.h"

#include <stdbool.h>

struct s3_endpoint {
	bool tls;            /* https */
	char host[256];      /* of the bucket: with its name unless path_style,
	                        with ":port" when not the scheme's own */
	char base_path[256]; /* "" or "/dir" without trailing slash, encoded */
	bool path_style;     /* bucket goes in the path, not the host */
	bool aws;            /* one of Amazon's own hosts */
	bool loopback;
	char region[64];   /* what is signed; "us-east-1" when nobody knows */
	bool region_known; /* false: a server may correct it */
};

/*
 * Parse an address alone: tls, host, base_path, aws, loopback; the rest is
 * zeroed.  -EINVAL with what would be right.
 */
int endpoint_parse_url(const char *url, struct s3_endpoint *ret,
                       struct err *reterr);

/*
 * Parse endpoint (NULL = AWS's regional host) for bucket.  -EINVAL with what
 * would be right: scheme, host, port, bucket names that cannot be.
 */
int endpoint_parse(const char *endpoint, const char *region,
                   enum s3_path_style style, const char *bucket,
                   struct s3_endpoint *ret, struct err *reterr);

/*
 * A server said "x-amz-bucket-region: region" or named a region in an error:
 * move there.  Only when the new host has the same suffix as the old (AWS) or
 * stays the very same host; the scheme never changes.  Returns 0, or -EPERM
 * when that would send our signature elsewhere, -EINVAL for a region that is
 * none.
 */
int endpoint_set_region(struct s3_endpoint *endpoint, const char *region,
                        struct err *reterr);

#endif
