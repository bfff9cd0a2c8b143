/* SPDX-License-Identifier: MIT */
/* SSE-C: the key that a customer keeps, from its file to its headers. */
#ifndef PORTER_S3_SSEC_H
#define PORTER_S3_SSEC_H

#include "base/err.h"

#define SSEC_KEY_TEXT 45 /* base64 of 32 bytes, with the NUL */
#define SSEC_MD5_TEXT 25 /* base64 of 16 bytes, with the NUL */

/*
 * Read a key file: 32 bytes, or their base64 on a line.  It must be the
 * caller's or root's and closed to others.  Writes the base64 of the key and
 * of its MD5, as the headers want them; the caller wipes them.  -EINVAL, -EACCES
 * or what reading says, with a sentence that shows nothing of the key.
 */
int ssec_read(const char *path, char ret_key[SSEC_KEY_TEXT],
              char ret_md5[SSEC_MD5_TEXT], struct err *reterr);

#endif
