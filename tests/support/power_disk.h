/* SPDX-License-Identifier: MIT */
/*
 * A disk that forgets, for tests of what survives a power cut.
 *
 * Linking this replaces pwrite(), writev(), fdatasync(), fsync() and
 * ftruncate() of the whole program, libraries included.  Of the one file that
 * is watched it keeps what a disk would surely have: all that was synced.  A
 * cut makes a file of that and a random choice of the 512-byte sectors written
 * since, in which the length may be the old one too.
 *
 * One file at a time; any thread.
 */
#ifndef PORTER_TEST_POWER_DISK_H
#define PORTER_TEST_POWER_DISK_H

#include <stddef.h>
#include <stdint.h>

/* Begin with the file as it is: all of that counts as synced. */
void power_watch(const char *path);
void power_unwatch(void);

/* Called before each write, sync and cut of the file; NULL = nobody. */
void power_on_step(void (*step)(void *ctx), void *ctx);

/*
 * What the disk might hold were the power cut now.  Usable in step().  Returns
 * bytes that the caller frees.
 */
uint8_t *power_cut(uint64_t *seed, size_t *ret_len);

#endif
