/* SPDX-License-Identifier: MIT */
/* What CopyObject and UploadPartCopy have in common (pure). */
#ifndef PORTER_S3_OP_COPY_H
#define PORTER_S3_OP_COPY_H

#include "op.h"

/* Where the bytes come from; borrowed. */
struct op_copy_source {
	struct object_store *store;
	const char *key;
	const char *if_match; /* NULL = unconditional */
};

/*
 * The x-amz-copy-source headers: path, condition (where the store heeds it),
 * SSE-C key and owner of the source.  -EXDEV, -EINVAL, -ENAMETOOLONG with the
 * story in req->err.
 */
int op_copy_source(const struct op_context *context, struct store_req *req,
                   const struct op_copy_source *source,
                   struct http_request *request);

/*
 * Read a CopyObjectResult or CopyPartResult: ETag, LastModified, checksum.
 * -EPROTO when it is none or has no ETag.
 */
int op_copy_result(const struct op_context *context, struct store_req *req,
                   const struct http_reply *reply, struct object_info *info);

#endif
