/* SPDX-License-Identifier: MIT */
/*
 * Crash points: places between two steps that must survive a sudden end.
 *
 * In test builds (meson -Dcrash_points=true) the N-th point that the process
 * passes, on whatever thread, kills it with SIGKILL when PORTERFS_CRASH_AT=N is
 * in its environment; tests/crash goes through all N.  Other builds have
 * nothing of it.  Points stand before each request to a store and before each
 * reply, around each commit of the journal, and before each write to a staging
 * file.
 */
#ifndef PORTER_BASE_CRASH_H
#define PORTER_BASE_CRASH_H

#ifdef PORTERFS_CRASH_POINTS
void crash_point(void);
#else
static inline void crash_point(void)
{
}
#endif

#endif
