/* SPDX-License-Identifier: MIT */
/* The words for a failed request (pure): what reply_story() puts together. */
#ifndef PORTER_S3_REPLY_TEXT_H
#define PORTER_S3_REPLY_TEXT_H

#include "base/str.h"
#include "reply.h"

/* The sentence for people, one line of printable text. */
void reply_text(const struct store_req *req, const struct reply_error *error,
                const char *bucket, struct str *ret);

#endif
