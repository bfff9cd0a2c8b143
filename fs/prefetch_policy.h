/* SPDX-License-Identifier: MIT */
/*
 * What to read ahead (pure).
 *
 * A run is reads that follow each other, give or take the disorder of a kernel
 * that sends several at once.  A file that is read from its beginning is taken
 * for a run at once, any other place after three reads in a row.  The window,
 * how far to be ahead, starts at the first read rounded up to 1 MiB and 1 MiB
 * more, and doubles whenever half of it has been consumed.  A seek ends the
 * run: from then on exactly what is asked for is fetched, rounded to 128 KiB.
 */
#ifndef PORTER_FS_PREFETCH_POLICY_H
#define PORTER_FS_PREFETCH_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define PREFETCH_ROUND ((uint64_t)128 << 10) /* bytes */
#define PREFETCH_STEP  ((uint64_t)1 << 20)   /* bytes, the least GET ahead */
#define PREFETCH_GET   ((uint64_t)8 << 20)   /* bytes, the largest */

/* What is remembered of one descriptor. Zeroed: nothing was read yet. */
struct prefetch_policy {
	bool started;
	unsigned in_row;   /* reads that followed each other */
	uint64_t next;     /* where the run goes on */
	uint64_t window;   /* bytes to be ahead; 0 = no run */
	uint64_t consumed; /* bytes read since the window last grew */
	uint64_t planned;  /* fetching ahead was begun up to here */
};

struct prefetch_advice {
	uint64_t from; /* fetch this when it is not there: */
	uint64_t to;   /* the read, rounded (what is behind a run is not
	                  wanted back) */
	bool run;      /* blocks behind it are not needed any more */
	bool seek;     /* a run ended: what was fetched ahead is useless */

	/* Fetch ahead in GETs of `get` bytes, from ... to; equal: nothing. */
	uint64_t ahead_from;
	uint64_t ahead_to;
	uint64_t get;
};

/*
 * A read of length > 0 bytes at offset of a file of size bytes, within it.
 * window_max bounds the window, 0 = no reading ahead.
 */
struct prefetch_advice prefetch_read(struct prefetch_policy *policy,
                                     uint64_t offset, uint64_t length,
                                     uint64_t size, uint64_t window_max);

/* Fetching ahead was really begun, up to there. */
void prefetch_begun(struct prefetch_policy *policy, uint64_t upto);

#endif
