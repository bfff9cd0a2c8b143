/* SPDX-License-Identifier: MIT */
/* What a reply's headers say about an object (pure). */
#ifndef PORTER_S3_INFO_H
#define PORTER_S3_INFO_H

#include "http.h"
#include "op.h"
#include "s3/store.h"

/*
 * An ETag with its quotes; servers that leave them out get them.  False when
 * it is empty or too long.
 */
bool info_etag(const char *text, char ret[STORE_ETAG_MAX]);

/*
 * etag, mtime, version, storage class, parts.  What the reply does not have
 * stays empty; size is not touched.  -EPROTO: an ETag or date that is none.
 */
int info_read(const struct http_reply *reply, struct object_info *ret,
              struct err *reterr);

/* Content-Length. -EPROTO when it is missing or no number. */
int info_length(const struct http_reply *reply, uint64_t *ret,
                struct err *reterr);

/* info->headers: stored headers and user metadata, which live in store. */
int info_headers(const struct http_reply *reply, struct op_store *store,
                 struct object_info *info);

#endif
