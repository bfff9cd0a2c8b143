/* SPDX-License-Identifier: MIT */
/*
 * Whether and how long to wait before trying again (pure), and how many
 * requests may be under way (AIMD).
 *
 * Full jitter: wait a random time between 0 and min(cap, base * 2^n).  Source:
 * AWS Architecture Blog, "Exponential Backoff And Jitter".  The retry budget
 * is a token bucket per endpoint: a retry costs, a success gives a little
 * back, so a failing server is not hammered.
 */
#ifndef PORTER_S3_RETRY_H
#define PORTER_S3_RETRY_H

#include "reply.h"

#include <stdbool.h>
#include <stdint.h>

#define RETRY_BASE_MS 100
#define RETRY_CAP_MS  10000

struct retry_budget {
	double tokens; /* guarded by whoever owns the budget */
	double max;
};
void retry_budget_init(struct retry_budget *budget);
void retry_budget_success(struct retry_budget *budget);

/* What one store_req has gone through. */
struct retry_state {
	unsigned attempts; /* sent so far, >= 1 */
	unsigned attempts_max;
	uint64_t elapsed_ms; /* since submit */
	uint64_t deadline_ms;
	bool idempotent;
	/*
	 * Writes: a store that does not answer at all is asked for so long,
	 * whatever attempts_max and the budget say.  Less than deadline_ms for
	 * requests whose answer may take minutes.  0 = not patient.
	 */
	uint64_t patience_ms;
	bool clock_corrected;
	bool keys_refreshed;
	unsigned regions_tried;
};

struct retry_decision {
	bool again;
	uint64_t wait_ms;
	const char *why_not; /* static: "attempts spent", "deadline", ... */
};

/* random is uniform in 0 … UINT64_MAX. Takes a token when it says again. */
struct retry_decision retry_decide(const struct retry_state *state,
                                   const struct reply_error *error,
                                   struct retry_budget *budget,
                                   uint64_t random);

/* Requests allowed at once: halves on SlowDown, grows by one per window. */
struct retry_window {
	double size;
	double max;
	uint64_t last_cut_ms; /* at most one cut per second */
};
void retry_window_init(struct retry_window *window, unsigned max);
void retry_window_success(struct retry_window *window);
void retry_window_slow_down(struct retry_window *window, uint64_t now_ms);

#endif
