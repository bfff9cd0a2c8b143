/* SPDX-License-Identifier: MIT */
/*
 * Collecting a draft's bytes into a buffer, range after range.
 *
 * A range of the staging file is read by this thread, which is the executor's;
 * one of a stored object is asked of the reader, whose answer may come at once
 * or later, on any thread.  gather->turns counts who has something to do: who
 * raises it from 0 begins the loop, on the executor, and whoever is in the loop
 * goes round once more for each that came meanwhile.  So done() runs in the
 * loop, when nothing else looks at the gather any more.
 */
#include "draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One thing has come to its end: go on, here or on the executor. */
static void turn(struct draft_gather *gather)
{
	if (atomic_fetch_add(&gather->turns, 1) == 0)
		exec_run(gather->exec, &gather->task);
}

/* Where a range's bytes go. */
static uint8_t *place_of(const struct draft_gather *gather,
                         const struct extent *range)
{
	return gather->into + (range->offset - gather->offset);
}

/* done() of a GET: the bytes are borrowed until this returns. */
static void read_done(struct reader_read *read)
{
	struct draft_gather *gather =
		container_of(read, struct draft_gather, read);
	const struct extent *range = &gather->ranges[gather->next];
	size_t length = (size_t)range->length;

	gather->status = read->status;
	if (read->status < 0 && read->err)
		gather->err = *read->err;
	if (read->status == 0 &&
	    chain_read(&read->data, 0, place_of(gather, range), length) !=
	            length)
		gather->status = err_set(&gather->err, -EIO,
		                         "the object is shorter than it was");
	gather->next++;
	turn(gather);
}

/* Ask for a range of a stored object. */
static void get(struct draft_gather *gather, const struct extent *range)
{
	stored_unref(gather->stored);
	gather->stored = draft_source(gather->draft, range->source);
	gather->read = (struct reader_read){
		.offset = range->source_offset,
		.size = (size_t)range->length,
		.done = read_done,
	};
	reader_read(gather->reader, gather->stored, &gather->read);
}

/* Go on until a GET is asked for (false) or all is over. */
static bool go(struct draft_gather *gather)
{
	while (gather->status == 0 && gather->next < gather->count) {
		const struct extent *range = &gather->ranges[gather->next];
		uint8_t *into = place_of(gather, range);

		switch (range->kind) {
		case EXTENT_CLEAN:
			get(gather, range);
			return false;
		case EXTENT_DIRTY:
			gather->status =
				draft_pread(gather->draft, range->offset, into,
			                    (size_t)range->length);
			break;
		case EXTENT_HOLE:
			memset(into, 0, (size_t)range->length);
			break;
		case EXTENT_SENT: /* a draft keeps what it sends */
			assert(false);
			break;
		}
		gather->next++;
	}
	return true;
}

/* Free what is inside, and tell. */
static void end(struct draft_gather *gather)
{
	stored_unref(gather->stored);
	free(gather->ranges);
	gather->stored = NULL;
	gather->ranges = NULL;
	if (gather->status < 0 && gather->err.code == 0)
		(void)err_set(&gather->err, gather->status,
		              "changed bytes cannot be read: %s",
		              strerror(-gather->status));
	gather->done(gather);
}

/* The loop. */
static void run(struct task *task)
{
	struct draft_gather *gather =
		container_of(task, struct draft_gather, task);

	do {
		if (go(gather)) {
			end(gather);
			return;
		}
	} while (atomic_fetch_sub(&gather->turns, 1) > 1);
}

void draft_gather(struct draft_gather *gather, struct exec *exec)
{
	gather->exec = exec;
	gather->task.run = run;
	gather->next = 0;
	gather->count = 0;
	gather->ranges = NULL;
	gather->stored = NULL;
	gather->err.code = 0;
	gather->got = 0;
	atomic_init(&gather->turns, 0);
	gather->status =
		draft_slice(gather->draft, gather->offset, gather->size,
	                    &gather->ranges, &gather->count);
	for (size_t i = 0; gather->status == 0 && i < gather->count; i++)
		gather->got += (size_t)gather->ranges[i].length;
	turn(gather);
}
