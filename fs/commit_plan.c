/* SPDX-License-Identifier: MIT */
/*
 * The shape of a commit, and which ranges of the file are copied.
 *
 * A copied range must reach the store's least part,
 * and so must what is sent between two of them; where that is too short it
 * borrows from the clean ranges beside it.  Borrowing costs the same on either
 * side, but the left one is settled already, so it gives first and what it has
 * above the least part is its slack.  From left to right the best ways to end
 * with each range are kept, told apart by bytes copied and slack.  A gap never
 * skips more than two ranges that could be copied: with three, the middle one
 * would have a whole part's bytes on each side, and could be copied as it is.
 *
 *      copied       sent, at least part_min        copied
 *   |<-- clean ----|== lent ==|dirty|= lent =|----- clean -->|
 */
#include "commit_planner.h"

#include <assert.h>
#include <string.h>

#define WAYS  4 /* to end with a range that are kept */
#define SKIPS 2 /* ranges in one gap that could have been copied */

/* One way to end with a range. */
struct way {
	uint64_t copied; /* bytes of all ranges so far */
	uint64_t slack;  /* bytes this one can still lend */
	uint64_t front;  /* bytes of it that are sent with the gap before it */
	uint64_t back;   /* and of the range before that gap */
	size_t prev;     /* index of that range's way */
};

#define NO_WAY SIZE_MAX

/* ---- what could be copied ---- */

bool planner_copyable(const struct planner *p, const struct extent *extent)
{
	const struct commit_plan_config *config = p->config;

	return extent->kind == EXTENT_CLEAN &&
	       (!config->copies || config->copies(config->ctx, extent->source));
}

/* The least a range must have left to be copied: the last part is free. */
static uint64_t least_of_range(const struct planner *p,
                               const struct range *range)
{
	bool last = range->offset + range->length == p->extents->size;

	return last && !p->config->open_end ? 1 : p->least;
}

static int collect_ranges(struct planner *p)
{
	const struct extents *extents = p->extents;

	p->ranges = calloc(extents->count + 1, sizeof(p->ranges[0]));
	if (!p->ranges)
		return -ENOMEM;

	for (size_t i = 0; i < extents->count; i++) {
		const struct extent *e = &extents->list[i];
		struct range *range = &p->ranges[p->count];

		assert(e->kind != EXTENT_SENT);
		*range = (struct range){e->offset, e->length, e->source,
		                        e->source_offset};
		if (planner_copyable(p, e) &&
		    e->length >= least_of_range(p, range))
			p->count++;
	}
	return 0;
}

/* ---- which ranges are copied ---- */

/* Keep a way to end with a range, unless a kept one is as good. */
static void keep_way(struct planner *p, size_t index, const struct way *way)
{
	struct way *ways = p->ways + index * WAYS;
	unsigned *kept = &p->kept[index];
	unsigned worst = 0;

	for (unsigned i = 0; i < *kept; i++) {
		if (ways[i].copied >= way->copied &&
		    ways[i].slack >= way->slack)
			return;
	}
	for (unsigned i = 0; i < *kept;) {
		if (ways[i].copied <= way->copied &&
		    ways[i].slack <= way->slack)
			ways[i] = ways[--*kept];
		else
			i++;
	}
	if (*kept < WAYS) {
		ways[(*kept)++] = *way;
		return;
	}
	for (unsigned i = 1; i < WAYS; i++) {
		if (ways[i].copied < ways[worst].copied)
			worst = i;
	}
	if (ways[worst].copied < way->copied)
		ways[worst] = *way;
}

/* Go on from a way that ends at end, over a gap, to a range. */
static void extend(struct planner *p, const struct way *from, size_t prev,
                   uint64_t end, size_t index)
{
	const struct range *range = &p->ranges[index];
	uint64_t gap = range->offset - end;
	uint64_t need = gap > 0 && gap < p->least ? p->least - gap : 0;
	struct way way = {.prev = prev};
	uint64_t left;

	way.back = least_of(need, from->slack);
	way.front = need - way.back;
	if (range->length < way.front ||
	    range->length - way.front < least_of_range(p, range))
		return;

	left = range->length - way.front;
	way.slack = left > p->least ? left - p->least : 0;
	way.copied = from->copied + left - way.back;
	keep_way(p, index, &way);
}

/* All ways to end with a range. */
static void ways_of(struct planner *p, size_t index)
{
	static const struct way start = {.prev = NO_WAY};

	for (size_t back = 1; back <= SKIPS + 1 && back <= index; back++) {
		size_t before = index - back;
		const struct range *range = &p->ranges[before];

		for (unsigned i = 0; i < p->kept[before]; i++) {
			size_t prev = before * WAYS + i;

			extend(p, &p->ways[prev], prev,
			       range->offset + range->length, index);
		}
	}
	if (index <= SKIPS)
		extend(p, &start, NO_WAY, 0, index);
}

/* The way that copies most of all, or NO_WAY. */
static size_t best_way(const struct planner *p)
{
	size_t first = p->count > SKIPS ? p->count - SKIPS - 1 : 0;
	size_t best = NO_WAY;

	for (size_t i = first; i < p->count; i++) {
		for (unsigned j = 0; j < p->kept[i]; j++) {
			size_t at = i * WAYS + j;

			if (best == NO_WAY ||
			    p->ways[at].copied > p->ways[best].copied)
				best = at;
		}
	}
	return best;
}

/* Leave only what the best way copies in p->ranges, cut as it lends. */
static void follow(struct planner *p, size_t at)
{
	size_t to = p->count;
	uint64_t lent = 0;

	while (at != NO_WAY) {
		const struct way *way = &p->ways[at];
		struct range range = p->ranges[at / WAYS];

		range.offset += way->front;
		range.source_offset += way->front;
		range.length -= way->front + lent;
		p->ranges[--to] = range;
		lent = way->back;
		at = way->prev;
	}
	p->count -= to;
	memmove(p->ranges, p->ranges + to, p->count * sizeof(p->ranges[0]));
}

/* Choose what is copied. */
static int choose(struct planner *p)
{
	int r = collect_ranges(p);

	if (r < 0 || p->count == 0)
		return r;
	/* With less room between the two limits not every gap can be cut. */
	if (p->most_copy < 2 * p->least) {
		p->count = 0;
		return 0;
	}

	p->ways = calloc(p->count, WAYS * sizeof(p->ways[0]));
	p->kept = calloc(p->count, sizeof(p->kept[0]));
	if (!p->ways || !p->kept)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		ways_of(p, i);
	follow(p, best_way(p));
	return 0;
}

/* ---- shapes ---- */

/* Whether the file is one whole stored object that one COPY takes. */
static bool is_whole(const struct planner *p)
{
	const struct commit_plan_config *config = p->config;
	const struct extent *e = p->extents->list;

	return !config->open_end && p->extents->count == 1 &&
	       planner_copyable(p, e) && e->source_offset == 0 &&
	       e->length <= p->limits->copy_max && config->whole &&
	       config->whole(config->ctx, e->source, e->length);
}

/* Whether one PUT is best, whatever could be copied, or if nothing can. */
static bool is_put(const struct planner *p, bool copies)
{
	uint64_t size = p->extents->size;

	if (p->config->open_end || size > p->limits->put_max ||
	    size > most_of(p->config->part_size, p->least))
		return false;
	return !copies || size <= 2 * p->least;
}

/* Clean bytes before end. */
static uint64_t clean_before(const struct extents *extents, uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < extents->count; i++) {
		const struct extent *e = &extents->list[i];

		if (e->offset >= end)
			break;
		if (e->kind == EXTENT_CLEAN)
			sum += least_of(e->length, end - e->offset);
	}
	return sum;
}

/* Count what is sent and read. */
static void add_up(const struct planner *p)
{
	struct commit_plan *plan = p->plan;
	uint64_t copied = 0;
	uint64_t end = plan->shape == PLAN_PARTS ? 0 : p->extents->size;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_part *part = &plan->parts[i];

		end = part->offset + part->length;
		if (part->kind == PLAN_COPY)
			copied += part->length;
	}
	plan->sent = end - copied;
	plan->read = clean_before(p->extents, end) - copied;
}

/* One part that is all of it. */
static int plan_whole(struct planner *p)
{
	const struct extent *e = p->extents->list;

	p->plan->parts = calloc(1, sizeof(p->plan->parts[0]));
	if (!p->plan->parts)
		return -ENOMEM;
	p->plan->parts[0] = (struct plan_part){
		.kind = PLAN_COPY, .length = e->length, .source = e->source};
	p->plan->count = 1;
	p->plan->shape = PLAN_WHOLE;
	return 0;
}

/* Decide the shape and make the parts. */
static int make(struct planner *p, struct err *reterr)
{
	int r;

	if (p->extents->size > p->limits->object_max)
		return planner_too_big(p, reterr);
	p->plan->shape = PLAN_PUT;
	if (is_whole(p))
		return plan_whole(p);
	if (is_put(p, true))
		return 0;

	p->plan->shape = PLAN_PARTS;
	if (p->limits->equal_parts)
		return planner_cut_grid(p, reterr);
	r = choose(p);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (p->count == 0 && is_put(p, false)) {
		p->plan->shape = PLAN_PUT;
		return 0;
	}
	return planner_cut(p, reterr);
}

int commit_plan(const struct extents *extents,
                const struct commit_plan_config *config,
                struct commit_plan *ret, struct err *reterr)
{
	struct commit_plan plan = {0};
	struct planner p = {
		.config = config,
		.limits = config->limits,
		.extents = extents,
		.least = most_of(config->limits->part_min, 1),
		.most_copy = least_of(config->limits->part_max,
	                              config->limits->copy_max),
		.plan = &plan,
	};
	int r = make(&p, reterr);

	free(p.ranges);
	free(p.ways);
	free(p.kept);
	if (r < 0) {
		commit_plan_release(&plan);
		return r;
	}
	add_up(&p);
	*ret = plan;
	return 0;
}

void commit_plan_release(struct commit_plan *plan)
{
	free(plan->parts);
	*plan = (struct commit_plan){0};
}
