/* SPDX-License-Identifier: MIT */
/*
 * What a failed request is told to people: errno says "input/output error",
 * the log says why.
 *
 * Only failures are told, not answers such as "no such file".  A store that is
 * away fails everybody at once, so what says the same as the line before is
 * left out for a while, and of all others no more than a few a second are
 * written; the next line counts what was left out.
 */
#ifndef PORTER_FUSE_TELL_H
#define PORTER_FUSE_TELL_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* All zeros but for the lock is a new one. */
struct tell {
	pthread_mutex_t lock;
	char last[ERR_TEXT_MAX]; /* lock; what was written last */
	uint64_t last_ms;        /* lock; when */
	uint64_t spent_ms;       /* lock; lines written, TELL_LINE_MS each */
	unsigned left_out;       /* lock; since then */
};

#define TELL_SAME_MS UINT64_C(30000) /* the same text is not said again */
#define TELL_LINE_MS UINT64_C(1000)  /* between lines for long */
#define TELL_BURST   UINT64_C(10)    /* lines that may come at once */

/*
 * Whether a request that ended with status failed in a way somebody must read
 * about (pure).  A text may be empty.
 */
bool tell_is_failure(int status, const char *text);

/*
 * Whether text is to be written now; *ret_left_out is then how many were not
 * since the last one.  Any thread.
 */
bool tell_now(struct tell *tell, uint64_t now_ms, const char *text,
              unsigned *ret_left_out);

/* Log how a request failed, if it did. Any thread. */
void tell_failure(struct tell *tell, int status, const struct err *err);

#endif
