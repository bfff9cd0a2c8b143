/* SPDX-License-Identifier: MIT */
/*
 * Dying of a mapped file.
 *
 * LMDB maps its file; when the disk fails under it, or somebody cuts it, a read
 * is a SIGBUS.  Then the process says which file it was, leaves FILE.damaged
 * beside it for the next start, and ends.
 */
#ifndef PORTER_CMD_MAPPED_H
#define PORTER_CMD_MAPPED_H

#include <stddef.h>

/* From now on. */
void mapped_watch(void);

/*
 * The file of this process that is mapped at that address; async-signal-safe.
 * Returns its length, 0 = none.
 */
size_t mapped_file(const void *address, char *ret, size_t size);

#endif
