/* SPDX-License-Identifier: MIT */
/*
 * How a plan's ranges are cut into parts.
 *
 * Sizes start at what is wanted and double until the parts are few enough:
 * those that are sent up to what memory may hold, those that are copied up to
 * what the store copies, then those that are sent up to what it takes.  When no
 * size helps, the shortest copied ranges are sent.
 *
 * A store that wants equal parts gets a grid: a cell inside one clean range is
 * copied, every other one sent.
 */
#include "commit_planner.h"

#include <string.h>

/* Share of the part numbers that a plan with an open end takes. */
#define OPEN_DIV 10

/* Sizes of parts. */
struct sizes {
	uint64_t sent;
	uint64_t copied;
};

/* The sizes that are begun with. */
static struct sizes sizes_first(const struct planner *p)
{
	const struct commit_plan_config *config = p->config;

	return (struct sizes){
		.sent = least_of(most_of(config->part_size, p->least),
	                         p->limits->part_max),
		.copied = least_of(most_of(config->copy_part, 2 * p->least),
	                           p->most_copy),
	};
}

/* Where parts go; parts NULL: they are only counted. */
struct cutter {
	struct plan_part *parts;
	size_t count;
	uint64_t end; /* of the last one, bytes */
};

static void add_part(struct cutter *to, const struct plan_part *part)
{
	if (to->parts)
		to->parts[to->count] = *part;
	to->count++;
	to->end = part->offset + part->length;
}

/* Cut what is all one kind into count parts, as even as can be. */
static void cut_evenly(struct cutter *to, const struct plan_part *all,
                       uint64_t count)
{
	struct plan_part part = *all;

	if (!to->parts) {
		to->count += count;
		to->end = all->offset + all->length;
		return;
	}
	for (; count > 0; count--) {
		uint64_t done = part.offset - all->offset;

		part.source_offset = all->source_offset + done;
		part.length = (all->length - done) / count;
		add_part(to, &part);
		part.offset = to->end;
	}
}

static void cut_copied(struct cutter *to, const struct range *range,
                       uint64_t size)
{
	const struct plan_part all = {
		.kind = PLAN_COPY,
		.offset = range->offset,
		.length = range->length,
		.source = range->source,
		.source_offset = range->source_offset,
	};

	cut_evenly(to, &all, pieces(range->length, size));
}

/* Cut what lies between copied ranges: all parts reach the minimum. */
static void cut_gap(const struct planner *p, struct cutter *to, uint64_t end,
                    uint64_t size)
{
	const struct plan_part all = {
		.kind = PLAN_SEND,
		.offset = to->end,
		.length = end - to->end,
	};
	uint64_t most = most_of(all.length / p->least, 1);

	cut_evenly(to, &all, least_of(pieces(all.length, size), most));
}

/* Cut what lies behind the last one: a rest may be short, or is left out. */
static void cut_tail(const struct planner *p, struct cutter *to, uint64_t size)
{
	uint64_t bytes = p->extents->size - to->end;
	struct plan_part part = {.kind = PLAN_SEND, .offset = to->end};

	part.length = bytes / size * size;
	if (part.length > 0)
		cut_evenly(to, &part, bytes / size);
	part.offset = to->end;
	part.length = bytes % size;
	if (part.length > 0 &&
	    (!p->config->open_end || part.length >= sizes_first(p).sent))
		add_part(to, &part);
}

/* By length; among equals the one in front is given up first. */
static int compare_worth(const void *a, const void *b)
{
	const struct range *x = a;
	const struct range *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Whether a range is copied, or one of those that had to be given up. */
static bool is_worth(const struct planner *p, const struct range *range)
{
	return compare_worth(range, &p->worth) >= 0;
}

/* Cut everything by these sizes. */
static void cut_all(const struct planner *p, const struct sizes *sizes,
                    struct cutter *to)
{
	to->count = 0;
	to->end = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct range *range = &p->ranges[i];

		if (!is_worth(p, range))
			continue;
		if (to->end < range->offset)
			cut_gap(p, to, range->offset, sizes->sent);
		cut_copied(to, range, sizes->copied);
	}
	cut_tail(p, to, sizes->sent);
}

/* Whether they are few enough. */
static bool fits(const struct planner *p, const struct sizes *sizes)
{
	struct cutter counter = {0};

	cut_all(p, sizes, &counter);
	return counter.count <= p->limit;
}

/* Double them; false: they are as large as can be. */
static bool sizes_grow(const struct planner *p, struct sizes *sizes)
{
	uint64_t held = most_of(p->config->part_held, p->least);
	bool copies_grow = sizes->copied < p->most_copy;

	/* Parts beyond what is held are the last resort. */
	if (sizes->sent < held || !copies_grow) {
		uint64_t most = sizes->sent < held
		                        ? least_of(held, p->limits->part_max)
		                        : p->limits->part_max;

		if (sizes->sent == most && !copies_grow)
			return false;
		sizes->sent = least_of(2 * sizes->sent, most);
	}
	sizes->copied = least_of(2 * sizes->copied, p->most_copy);
	return true;
}

/* The smallest sizes that fit; false: none do. */
static bool sizes_find(const struct planner *p, struct sizes *ret)
{
	*ret = sizes_first(p);
	while (!fits(p, ret)) {
		if (!sizes_grow(p, ret))
			return false;
	}
	return true;
}

/* Give up as few copied ranges, the shortest, as make the rest fit. */
static int give_up(struct planner *p)
{
	struct range *ranks = calloc(p->count + 1, sizeof(ranks[0]));
	struct sizes sizes;
	size_t low = 0;
	size_t high = p->count;

	if (!ranks)
		return -ENOMEM;
	if (p->count > 0)
		memcpy(ranks, p->ranges, p->count * sizeof(ranks[0]));
	qsort(ranks, p->count, sizeof(ranks[0]), compare_worth);
	ranks[p->count].length = UINT64_MAX;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		p->worth = ranks[middle];
		if (sizes_find(p, &sizes))
			high = middle;
		else
			low = middle + 1;
	}
	p->worth = ranks[low];
	free(ranks);
	return 0;
}

int planner_too_big(const struct planner *p, struct err *reterr)
{
	return err_set(reterr, -EFBIG,
	               "the file has %llu bytes, this store takes %llu in %u "
	               "parts",
	               (unsigned long long)p->extents->size,
	               (unsigned long long)p->limits->object_max,
	               p->limits->parts_max);
}

int planner_cut(struct planner *p, struct err *reterr)
{
	struct cutter cutter = {0};
	struct sizes sizes;

	/* A stream that goes on needs numbers too; but better few than none. */
	p->limit = p->limits->parts_max;
	if (p->config->open_end && p->limit >= OPEN_DIV)
		p->limit /= OPEN_DIV;
	if (!sizes_find(p, &sizes)) {
		p->limit = p->limits->parts_max;
		int r = give_up(p);

		if (r < 0)
			return err_set(reterr, r, "out of memory");
		if (!sizes_find(p, &sizes))
			return planner_too_big(p, reterr);
	}

	cut_all(p, &sizes, &cutter);
	p->plan->parts = calloc(cutter.count + 1, sizeof(cutter.parts[0]));
	if (!p->plan->parts)
		return err_set(reterr, -ENOMEM, "out of memory");
	cutter.parts = p->plan->parts;
	cut_all(p, &sizes, &cutter);
	p->plan->count = cutter.count;
	return 0;
}

/* ---- a grid ---- */

int planner_cut_grid(struct planner *p, struct err *reterr)
{
	uint64_t size = p->extents->size;
	uint64_t cell = sizes_first(p).sent;
	const struct extent *e = p->extents->list;
	struct cutter cutter = {0};

	if (!p->config->open_end)
		cell = most_of(cell, pieces(size, p->limits->parts_max));
	if (cell > p->limits->part_max ||
	    pieces(size, cell) > p->limits->parts_max)
		return planner_too_big(p, reterr);

	cutter.parts = calloc(pieces(size, cell) + 1, sizeof(cutter.parts[0]));
	if (!cutter.parts)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->plan->parts = cutter.parts;
	while (cutter.end < size) {
		struct plan_part part = {
			.kind = PLAN_SEND,
			.offset = cutter.end,
			.length = least_of(cell, size - cutter.end),
		};

		if (part.length < cell && p->config->open_end)
			break;
		while (e->offset + e->length <= part.offset)
			e++;
		if (part.offset + part.length <= e->offset + e->length &&
		    part.length <= p->most_copy && planner_copyable(p, e)) {
			part.kind = PLAN_COPY;
			part.source = e->source;
			part.source_offset =
				e->source_offset + (part.offset - e->offset);
		}
		add_part(&cutter, &part);
	}
	p->plan->count = cutter.count;
	return 0;
}
