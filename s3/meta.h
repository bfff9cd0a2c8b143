/* SPDX-License-Identifier: MIT */
/*
 * User metadata values that a header cannot hold (pure).
 *
 * On the wire a value is one of three things:
 *
 *   as it is         printable ASCII, no blanks at its ends, no two in a row
 *                    (proxies and signatures squeeze them), nothing in it that
 *                    one of the two codings below would take for its own
 *   =?UTF-8?B?..?=   RFC 2047 encoded words, for other printable UTF-8: AWS
 *                    stores the text itself and sends words back, other stores
 *                    keep the words, other clients show the text
 *   %porter:a%00b    percent-encoded bytes, for what is no printable UTF-8
 *
 * Reading undoes it.  Words of others in Q coding, US-ASCII and ISO-8859-1 are
 * read too; what cannot be read, or would hold a NUL, is left as it is.
 */
#ifndef PORTER_S3_META_H
#define PORTER_S3_META_H

#include "base/str.h"

void meta_encode(const char *value, struct str *ret);
void meta_decode(const char *value, struct str *ret);

#endif
