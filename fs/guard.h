/* SPDX-License-Identifier: MIT */
/*
 * Does a file end as a complete one of its kind does? (streaming, over bytes)
 *
 * A dump that was cut (its program died, the disk of its server was full)
 * looks like any other file.  [guard] names patterns of files and what they
 * must end with before they are published:
 *
 *   mysqldump    the last line is "-- Dump completed ..."
 *   pg_dump      "-- PostgreSQL database dump complete" (or of pg_dumpall)
 *   gzip zstd xz at least one frame, each whole with its checksum
 *   zip          the end of central directory, over all that stands before
 *   tar          two blocks of zeros
 *   min_ratio=R  at least R times the size of the version it replaces
 *
 * mysqldump, pg_dump and tar look through gzip, zstd and xz by decompressing as
 * the bytes go by: that a compressed stream ends well proves nothing when its
 * source lost its own end.  Cost: one pass of the decompressor, 256 KiB of
 * memory and the decompressor's window.
 *
 * Formats: mysqldump's and pg_dump's own trailers; zip: PKWARE APPNOTE 4.3.16;
 * tar: POSIX.1-2017 pax, "ustar Interchange Format".
 *
 * A guard belongs to one file and one thread at a time.
 */
#ifndef PORTER_FS_GUARD_H
#define PORTER_FS_GUARD_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- rules ---- */

enum guard_check {
	GUARD_MYSQLDUMP = 1 << 0,
	GUARD_PG_DUMP = 1 << 1,
	GUARD_GZIP = 1 << 2,
	GUARD_ZSTD = 1 << 3,
	GUARD_XZ = 1 << 4,
	GUARD_ZIP = 1 << 5,
	GUARD_TAR = 1 << 6,
};

struct guard_rule {
	unsigned checks;    /* of enum guard_check; all must hold */
	unsigned min_ratio; /* thousandths of the previous size, 0 = none */
};

/*
 * "mysqldump", "gzip min_ratio=0.5": words with blanks between.  -EINVAL with a
 * sentence that names what there is.
 */
int guard_rule_parse(const char *text, struct guard_rule *ret,
                     struct err *reterr);

/*
 * Whether a pattern means the file: one without a slash is for the last
 * component, one with a slash for all of "bucket/key" ('*' stops at slashes).
 */
bool guard_matches(const char *pattern, const char *bucket, const char *key);

/* ---- one file ---- */

struct guard;

/* Returns 0 or -ENOMEM. */
int guard_new(const struct guard_rule *rule, struct guard **ret);
void guard_free(struct guard *guard);
DEFINE_CLEANUP(struct guard *, guard_free);

/* The next bytes. A failure is kept until the end. */
void guard_feed(struct guard *guard, const void *data, size_t len);

/*
 * All bytes have gone by.  previous is the size of the version that is to be
 * replaced, 0 = there is none.  0, or -EIO with a sentence that says what is
 * missing; -ENOMEM.
 */
int guard_end(struct guard *guard, uint64_t previous, struct err *reterr);

#endif
