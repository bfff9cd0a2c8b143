/* SPDX-License-Identifier: MIT */
/*
 * A draft's life, its steps, and what changes it.
 *
 * Written bytes go to the file first and into the map then, so whoever finds a
 * dirty range in the map finds its bytes in the file.
 */
#include "draft.h"

#include "base/lock.h"
#include "draft_note.h"
#include "staging.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Steps of one draft run in a row before others have their turn. */
#define STEPS_MAX 32

struct draft {
	struct drafts *all;
	struct exec *exec;         /* borrowed */
	struct staging_room *room; /* borrowed */
	atomic_uint refs;

	pthread_mutex_t lock;
	struct extents map;      /* lock */
	struct stored **sources; /* lock: of CLEAN ranges, a reader begun of
	                            each; 0 is what it began as, or NULL */
	unsigned source_count;   /* lock: at least 1 */
	struct staging *file; /* made by a step before the map has dirty ranges,
	                          stays till the end */
	struct draft_note *note; /* lock; NULL = not in the journal */
	bool keep;               /* lock: the note outlives it */
	struct list steps;       /* lock */
	bool running;            /* lock: the task is under way */
	struct task task;
};

/* ---- all of them ---- */

void drafts_init(struct drafts *all)
{
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_cond_init(&all->none, NULL);
	all->count = 0;
	atomic_init(&all->keep, false);
}

void drafts_release(struct drafts *all)
{
	{
		WITH_LOCK(&all->lock);
		while (all->count > 0)
			(void)pthread_cond_wait(&all->none, &all->lock);
	}
	(void)pthread_cond_destroy(&all->none);
	(void)pthread_mutex_destroy(&all->lock);
}

/* One draft more. */
static void count_in(struct drafts *all)
{
	WITH_LOCK(&all->lock);
	all->count++;
}

/* One less, with all that was its. */
static void count_out(struct drafts *all)
{
	WITH_LOCK(&all->lock);
	if (--all->count == 0)
		(void)pthread_cond_broadcast(&all->none);
}

/* ---- life ---- */

struct draft *draft_new(const struct draft_config *config)
{
	struct draft *draft = calloc(1, sizeof(*draft));
	struct extent whole = {.kind = EXTENT_CLEAN};

	if (!draft)
		return NULL;
	draft->sources = calloc(1, sizeof(struct stored *));
	if (!draft->sources) {
		free(draft);
		return NULL;
	}
	draft->source_count = 1;
	draft->all = config->all;
	draft->exec = config->exec;
	draft->room = config->room;
	extents_init(&draft->map);
	whole.length = config->stored ? config->stored->size : 0;
	if (extents_put(&draft->map, &whole) < 0) {
		free(draft->sources);
		free(draft);
		return NULL;
	}
	atomic_init(&draft->refs, 1);
	(void)pthread_mutex_init(&draft->lock, NULL);
	list_init(&draft->steps);
	count_in(draft->all);
	if (config->stored) {
		draft->sources[0] = stored_ref(config->stored);
		stored_begin(draft->sources[0]);
	}
	return draft;
}

struct draft *draft_ref(struct draft *draft)
{
	atomic_fetch_add(&draft->refs, 1);
	return draft;
}

/* Let go of a source. */
static void drop_source(struct stored *stored)
{
	if (!stored)
		return;
	stored_end(stored);
	stored_unref(stored);
}

void draft_unref(struct draft *draft)
{
	struct drafts *all;

	if (!draft || atomic_fetch_sub(&draft->refs, 1) > 1)
		return;

	all = draft->all;
	assert(list_empty(&draft->steps));
	for (unsigned i = 0; i < draft->source_count; i++)
		drop_source(draft->sources[i]);
	free(draft->sources);
	draft_note_end(draft->note, draft->keep || atomic_load(&all->keep));
	staging_free(draft->file);
	extents_release(&draft->map);
	(void)pthread_mutex_destroy(&draft->lock);
	free(draft);
	count_out(all);
}

int draft_restore(struct draft *draft, struct staging *file,
                  struct extents *map, struct stored *const *sources,
                  unsigned count)
{
	struct stored **copy = calloc(count, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	free(draft->sources);
	extents_release(&draft->map);
	for (unsigned i = 0; i < count; i++) {
		copy[i] = sources[i] ? stored_ref(sources[i]) : NULL;
		if (copy[i])
			stored_begin(copy[i]);
	}
	draft->sources = copy;
	draft->source_count = count;
	draft->map = *map;
	draft->file = file;
	extents_init(map);
	return 0;
}

/* ---- the journal ---- */

void draft_set_note(struct draft *draft, struct draft_note *note)
{
	WITH_LOCK(&draft->lock);
	draft->note = note;
}

struct draft_note *draft_get_note(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	return draft->note;
}

void draft_keep_note(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	draft->keep = true;
}

int draft_sources(struct draft *draft, struct stored ***ret,
                  unsigned *ret_count)
{
	WITH_LOCK(&draft->lock);
	struct stored **copy = calloc(draft->source_count, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (unsigned i = 0; i < draft->source_count; i++)
		if (draft->sources[i])
			copy[i] = stored_ref(draft->sources[i]);
	*ret = copy;
	*ret_count = draft->source_count;
	return 0;
}

/* ---- steps ---- */

/* The next step; NULL: there is none, and the task is over. */
static struct draft_step *next_step(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	struct draft_step *step =
		list_first(&draft->steps, struct draft_step, link);

	if (step)
		list_remove(&step->link);
	else
		draft->running = false;
	return step;
}

/* The task: some steps, then others' turn. */
static void run_steps(struct task *task)
{
	struct draft *draft = container_of(task, struct draft, task);

	for (unsigned i = 0; i < STEPS_MAX; i++) {
		struct draft_step *step = next_step(draft);

		if (!step) {
			draft_unref(draft);
			return;
		}
		step->run(step);
	}
	exec_run(draft->exec, &draft->task);
}

void draft_do(struct draft *draft, struct draft_step *step)
{
	{
		WITH_LOCK(&draft->lock);
		list_append(&draft->steps, &step->link);
		if (draft->running)
			return;
		draft->running = true;
	}
	(void)draft_ref(draft);
	draft->task.run = run_steps;
	exec_run(draft->exec, &draft->task);
}

/* ---- changing ---- */

/* The file, made when there is none. */
static int open_file(struct draft *draft, struct err *reterr)
{
	struct staging *file = NULL;
	int r;

	if (draft->file)
		return 0;
	r = staging_new(draft->room, &file);
	if (r < 0)
		return err_set(reterr, r,
		               "no file for changed bytes can be made: %s",
		               strerror(-r));

	WITH_LOCK(&draft->lock);
	draft->file = file;
	return 0;
}

/* Put a range into the map; the error has its story. */
static int put(struct draft *draft, enum extent_kind kind, uint64_t offset,
               uint64_t length, struct err *reterr)
{
	const struct extent extent = {
		.kind = kind,
		.offset = offset,
		.length = length,
	};
	int r;

	WITH_LOCK(&draft->lock);
	r = extents_put(&draft->map, &extent);
	if (r == -EFBIG)
		return err_set(reterr, r,
		               "no file is longer than 2^63 - 1 "
		               "bytes");
	return r < 0 ? err_set(reterr, r, "out of memory") : 0;
}

int draft_write(struct draft *draft, uint64_t offset, struct slice data,
                struct err *reterr)
{
	int r;

	if (offset > INT64_MAX - data.len)
		return err_set(reterr, -EFBIG, "offsets end at 2^63");
	r = open_file(draft, reterr);
	if (r < 0)
		return r;
	r = staging_write(draft->file, offset, data);
	if (r < 0)
		return err_set(
			reterr, r,
			"changed bytes cannot be kept in state_dir: %s%s",
			strerror(-r),
			r == -ENOSPC ? " (staging_max, or the disk)" : "");
	return put(draft, EXTENT_DIRTY, offset, data.len, reterr);
}

/* Give the file's room back; if that fails it is only room. */
static void punch(struct draft *draft, uint64_t offset, uint64_t length)
{
	if (draft->file)
		staging_punch(draft->file, offset, length);
}

int draft_resize(struct draft *draft, uint64_t size, struct err *reterr)
{
	uint64_t old = draft_size(draft);
	int r;

	{
		WITH_LOCK(&draft->lock);
		r = extents_resize(&draft->map, size);
	}
	if (r < 0)
		return err_set(reterr, r, "the file cannot get %llu bytes",
		               (unsigned long long)size);
	if (size < old)
		punch(draft, size, old - size);
	return 0;
}

int draft_zero(struct draft *draft, uint64_t offset, uint64_t length, bool grow,
               struct err *reterr)
{
	uint64_t size = draft_size(draft);
	int r;

	if (!grow && offset >= size)
		return 0;
	if (!grow && length > size - offset)
		length = size - offset;
	r = put(draft, EXTENT_HOLE, offset, length, reterr);
	if (r == 0)
		punch(draft, offset, length);
	return r;
}

/* The number of a source, made when there is none. -ENOMEM. */
static int source_number_locked(struct draft *draft, struct stored *stored)
{
	struct stored **grown;

	for (unsigned i = 0; i < draft->source_count; i++) {
		if (draft->sources[i] == stored)
			return (int)i;
	}
	grown = reallocarray(draft->sources, draft->source_count + 1,
	                     sizeof(struct stored *));
	if (!grown)
		return -ENOMEM;
	draft->sources = grown;
	grown[draft->source_count] = stored_ref(stored);
	return (int)draft->source_count++;
}

int draft_copy(struct draft *draft, uint64_t offset,
               const struct draft_range *range, struct err *reterr)
{
	struct extent extent = {
		.kind = EXTENT_CLEAN,
		.offset = offset,
		.length = range->length,
		.source_offset = range->offset,
	};
	uint64_t end = offset + range->length;
	unsigned before;
	int r;

	{
		WITH_LOCK(&draft->lock);
		before = draft->source_count;
		r = source_number_locked(draft, range->stored);
		if (r >= 0) {
			extent.source = (unsigned)r;
			r = extents_put(&draft->map, &extent);
		}
	}
	if (extent.source >= before && extent.source > 0)
		stored_begin(range->stored);
	if (r < 0)
		return err_set(reterr, r, "the file cannot get %llu bytes",
		               (unsigned long long)end);
	punch(draft, offset, range->length);
	return 0;
}

int draft_sync(struct draft *draft, struct err *reterr)
{
	int r = draft->file ? staging_sync(draft->file) : 0;

	if (r < 0)
		return err_set(reterr, r,
		               "changed bytes cannot be made durable in "
		               "state_dir: %s",
		               strerror(-r));
	return 0;
}

int draft_pread(struct draft *draft, uint64_t offset, void *dst, size_t len)
{
	struct staging *file = draft_staging(draft);

	assert(file);
	return staging_read(file, offset, dst, len);
}

struct staging *draft_staging(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	return draft->file;
}

/* ---- asking ---- */

uint64_t draft_size(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	return draft->map.size;
}

uint64_t draft_holes(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	return extents_bytes(&draft->map, EXTENT_HOLE);
}

bool draft_unchanged(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	const struct extents *map = &draft->map;
	const struct stored *base = draft->sources[0];

	if (!base || map->size != base->size)
		return false;
	return map->count == 0 ||
	       (map->count == 1 && map->list[0].kind == EXTENT_CLEAN &&
	        map->list[0].source == 0);
}

bool draft_is_copy(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	const struct extent *extent = draft->map.list;

	return draft->map.count == 1 && extent->kind == EXTENT_CLEAN &&
	       extent->source_offset == 0 &&
	       extent->length == draft->sources[extent->source]->size;
}

int64_t draft_seek(struct draft *draft, uint64_t offset, bool hole)
{
	WITH_LOCK(&draft->lock);
	return extents_seek(&draft->map, offset, hole);
}

int draft_slice(struct draft *draft, uint64_t offset, uint64_t length,
                struct extent **ret, size_t *ret_count)
{
	WITH_LOCK(&draft->lock);
	return extents_slice(&draft->map, offset, length, ret, ret_count);
}

int draft_map(struct draft *draft, struct extents *ret)
{
	int r;

	extents_init(ret);
	WITH_LOCK(&draft->lock);
	r = extents_slice(&draft->map, 0, draft->map.size, &ret->list,
	                  &ret->count);
	ret->cap = r == 0 ? ret->count : 0;
	ret->size = r == 0 ? draft->map.size : 0;
	return r;
}

struct stored *draft_source(struct draft *draft, unsigned number)
{
	WITH_LOCK(&draft->lock);
	assert(number < draft->source_count && draft->sources[number]);
	return stored_ref(draft->sources[number]);
}

struct stored *draft_base(struct draft *draft)
{
	WITH_LOCK(&draft->lock);
	return draft->sources[0] ? stored_ref(draft->sources[0]) : NULL;
}

void draft_repin(struct draft *draft, struct stored *stored)
{
	struct stored *old;

	stored_begin(stored);
	{
		WITH_LOCK(&draft->lock);
		old = draft->sources[0];
		assert(old && old->size == stored->size);
		draft->sources[0] = stored_ref(stored);
	}
	drop_source(old);
}

struct stored *draft_clean_range(struct draft *draft, uint64_t offset,
                                 size_t length, uint64_t *ret_offset,
                                 size_t *ret_length)
{
	WITH_LOCK(&draft->lock);
	const struct extent *extent = extents_at(&draft->map, offset);
	uint64_t left = draft->map.size > offset ? draft->map.size - offset : 0;

	if (!extent || extent->kind != EXTENT_CLEAN)
		return NULL;
	if (length > left)
		length = (size_t)left;
	if (extent->offset + extent->length - offset < length)
		return NULL;
	*ret_offset = extent->source_offset + (offset - extent->offset);
	*ret_length = length;
	return stored_ref(draft->sources[extent->source]);
}
