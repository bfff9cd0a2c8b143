/* SPDX-License-Identifier: MIT */
/*
 * Splitting in tests: a text, cut into feeds of a given size, to one line of
 * text per statement.
 */
#ifndef PORTER_TESTS_UNIT_SPLIT_RIG_H
#define PORTER_TESTS_UNIT_SPLIT_RIG_H

#include "base/str.h"
#include "split.h"

struct split_run {
	struct str out;   /* "LINE:TEXT¶" for each statement */
	struct str spans; /* "OFFSET+LEN..END " for each */
	int status;       /* 0 or the error */
	struct err err;
	uint64_t offset; /* of the last statement */
};

/* Take all that is complete. */
static inline int split_rig_take(struct split *split, struct split_run *run)
{
	struct split_statement st;
	int r;

	while ((r = split_next(split, &st, &run->err)) == 1) {
		str_addf(&run->out, "%llu:", (unsigned long long)st.line);
		str_add_mem(&run->out, st.text, st.len);
		str_add(&run->out, "¶");
		str_addf(&run->spans, "%llu+%zu..%llu ",
		         (unsigned long long)st.offset, st.len,
		         (unsigned long long)st.end);
		run->offset = st.offset;
	}
	return r;
}

/* Split text, fed in pieces of cut bytes (0: at once). */
static inline void split_rig_run(const struct split_config *config,
                                 const char *text, size_t len, size_t cut,
                                 struct split_run *run)
{
	cleanup(split_freep) struct split *split = NULL;
	size_t at = 0;
	int r = split_new(config, &split);

	*run = (struct split_run){0};
	while (r == 0 && at < len) {
		size_t n = cut == 0 || len - at < cut ? len - at : cut;

		r = split_feed(split, text + at, n, &run->err);
		if (r == 0)
			r = split_rig_take(split, run);
		at += n;
	}
	if (r == 0)
		r = split_end(split, &run->err);
	if (r == 0)
		r = split_rig_take(split, run);
	run->status = r;
}

static inline void split_rig_release(struct split_run *run)
{
	str_release(&run->out);
	str_release(&run->spans);
}

#endif
