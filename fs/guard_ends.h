/* SPDX-License-Identifier: MIT */
/* Whether the last bytes of a file are those of a complete one (pure). */
#ifndef PORTER_FS_GUARD_ENDS_H
#define PORTER_FS_GUARD_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file's end that are enough for all: a zip's longest comment (65,535
 * bytes) and the record before it. */
#define GUARD_ENDS_MAX 65557

/*
 * data are the last len bytes, at most GUARD_ENDS_MAX; all there are when the
 * file is shorter.  total: bytes of the file.
 */
bool guard_ends_mysqldump(const uint8_t *data, size_t len);
bool guard_ends_pg_dump(const uint8_t *data, size_t len);
bool guard_ends_tar(const uint8_t *data, size_t len, uint64_t total);
bool guard_ends_zip(const uint8_t *data, size_t len, uint64_t total);

#endif
