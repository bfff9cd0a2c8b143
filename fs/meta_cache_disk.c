/* SPDX-License-Identifier: MIT */
/*
 * Between memory and disk.  Memory counts in clock_ms() until a record is
 * fresh, the disk keeps the wall clock's time of the question: what a mount was
 * told yesterday is as old today, whatever cache_ttl is now.
 *
 * The disk is behind by what its thread has not written.  Each thing that is
 * told notes its number at the place of the name; what the disk says of a name
 * counts only when all that was told of it has been written.
 */
#include "base/clock.h"
#include "base/lock.h"
#include "meta_cache_impl.h"
#include "meta_disk.h"

#include <assert.h>

/* The wall clock in ms since 1970. */
static uint64_t wall_ms(const struct meta_cache *cache)
{
	struct timespec wall = clock_wall(cache->clock);

	return (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
}

/* How long a record of that kind is believed. */
static uint64_t ttl_of(const struct meta_cache *cache, unsigned bucket,
                       enum meta_kind kind)
{
	const struct meta_policy *policy = &cache->policies[bucket];

	return kind == META_ABSENT ? policy->negative_ms : policy->ttl_ms;
}

/* clock_ms() until which what was asked then is believed; 0 = no longer. */
static uint64_t fresh_until(const struct meta_cache *cache, uint64_t asked_ms,
                            uint64_t ttl_ms)
{
	uint64_t wall = wall_ms(cache);

	if (asked_ms == 0 || asked_ms > wall || wall - asked_ms >= ttl_ms)
		return 0;
	return clock_ms(cache->clock) + ttl_ms - (wall - asked_ms);
}

/* The wall clock's time of a clock_ms() that has been. */
static uint64_t to_wall(const struct meta_cache *cache, uint64_t ms)
{
	uint64_t now = clock_ms(cache->clock);
	uint64_t wall = wall_ms(cache);
	uint64_t ago = now > ms ? now - ms : 0;

	return wall > ago ? wall - ago : 1;
}

/* ---- reading ---- */

/* What the disk found as a record of memory. Takes its shares. */
static struct meta meta_of(const struct meta_cache *cache, unsigned bucket,
                           const struct meta_found *found)
{
	const struct meta_policy *policy = &cache->policies[bucket];
	struct meta meta = {
		.kind = found->kind,
		.attr = found->attr,
		.fresh_ms = fresh_until(cache, found->asked_ms,
	                                ttl_of(cache, bucket, found->kind)),
		.attr_ms = fresh_until(cache, found->head_ms, policy->ttl_ms),
	};

	if (meta.kind == META_DIR && !(meta.attr.known & ATTR_FROM_HEAD)) {
		meta.attr.mtime = cache->started;
		meta.attr.modified = cache->started;
	}
	return meta;
}

/* Whether all that was told of the name has been written. */
static bool is_written_locked(const struct meta_cache *cache,
                              const struct meta_name *name)
{
	uint64_t applied = meta_disk_applied(cache->disk);

	return cache->told[meta_name_place(name)] <= applied &&
	       cache->floor <= applied;
}

/* Put what was found into memory, unless that knows better; as it is then. */
static int take_found_locked(struct meta_cache *cache,
                             const struct meta_name *name, uint64_t moment,
                             struct meta *found, struct meta *ret)
{
	struct meta known;
	int r = meta_get_locked(cache, name, &known);
	bool better = found->fresh_ms > known.fresh_ms ||
	              (found->attr.known & ATTR_FROM_HEAD &&
	               !(known.attr.known & ATTR_FROM_HEAD));

	if (r == -ENOENT || !better ||
	    meta_changed_locked(cache, name, moment)) {
		meta_release(ret);
		*ret = known;
		return r;
	}
	if (r == 0 && found->fresh_ms < known.fresh_ms) {
		/* known by a listing; a HEAD taught of the same version */
		if (found->kind == known.kind &&
		    (found->kind == META_DIR ||
		     attr_same_object(&found->attr, &known.attr)))
			found->fresh_ms = known.fresh_ms;
	}
	if (r == 0 && found->fresh_ms < known.fresh_ms) {
		meta_release(ret);
		*ret = known;
		return r;
	}
	meta_release(&known);
	meta_store_locked(cache, name, moment, found);
	meta_release(ret);
	return meta_get_locked(cache, name, ret);
}

int meta_disk_fill(struct meta_cache *cache, const struct meta_name *name,
                   int status, struct meta *ret)
{
	const struct meta_key key = {cache->policies[name->bucket].seed,
	                             name->key};
	struct meta_found found;
	struct meta meta;
	uint64_t moment;
	bool written;

	(void)pthread_mutex_lock(&cache->lock);
	moment = cache->seq;
	written = is_written_locked(cache, name);
	(void)pthread_mutex_unlock(&cache->lock);
	if (!written || meta_disk_get(cache->disk, &key, &found) < 0)
		return status;
	meta = meta_of(cache, name->bucket, &found);
	(void)pthread_mutex_lock(&cache->lock);
	status = take_found_locked(cache, name, moment, &meta, ret);
	(void)pthread_mutex_unlock(&cache->lock);
	meta_release(&meta);
	return status;
}

/* ---- telling ---- */

/* A record of memory as one of the disk; borrows. */
static struct meta_record record_of(const struct meta_cache *cache,
                                    unsigned bucket, const struct meta *meta)
{
	uint64_t ttl = ttl_of(cache, bucket, meta->kind);
	uint64_t until = meta->fresh_ms;

	/* a directory's HEAD may be older than the sight of its name */
	if (meta->kind == META_DIR && meta->attr.known & ATTR_FROM_HEAD &&
	    meta->attr_ms < until)
		until = meta->attr_ms;
	return (struct meta_record){
		.kind = meta->kind,
		.asked_ms = to_wall(cache, until > ttl ? until - ttl : 0),
		.attr = meta->attr,
	};
}

void meta_tell_learnt_locked(struct meta_cache *cache,
                             const struct meta_name *name,
                             const struct meta *meta)
{
	const struct meta_key key = {cache->policies[name->bucket].seed,
	                             name->key};
	struct meta_record record;

	if (!cache->disk || meta->kind == META_UNKNOWN)
		return;
	record = record_of(cache, name->bucket, meta);
	meta_disk_learn(cache->disk, ++cache->seq, &key, &record);
}

void meta_tell_changed_locked(struct meta_cache *cache,
                              const struct meta_name *name,
                              const struct meta *meta)
{
	const struct meta_key key = {cache->policies[name->bucket].seed,
	                             name->key};
	struct meta_record record;

	if (!cache->disk)
		return;
	if (meta)
		record = record_of(cache, name->bucket, meta);
	cache->told[meta_name_place(name)] = ++cache->seq;
	cache->dir_changed[meta_parent_place(name)] = cache->seq;
	meta_disk_change(cache->disk, cache->seq, &key, meta ? &record : NULL);
}

void meta_tell_forgotten_locked(struct meta_cache *cache,
                                const struct meta_name *name, bool below)
{
	const struct meta_key key = {cache->policies[name->bucket].seed,
	                             name->key};

	if (!cache->disk)
		return;
	cache->floor = ++cache->seq;
	meta_disk_forget(cache->disk, cache->seq, &key, below);
}

/* ---- listings ---- */

void meta_cache_range(struct meta_cache *cache, const struct meta_name *dir,
                      const struct meta_seen *seen,
                      struct meta_range_writer *writer)
{
	const struct meta_key key = {cache->policies[dir->bucket].seed,
	                             dir->key};
	const struct meta_bounds bounds = {
		.asked_ms = to_wall(cache, seen->asked_ms),
		.low = *seen->low,
		.high = seen->high ? *seen->high : (struct slice){0},
		.to_end = !seen->high,
	};
	struct str record = {0};

	meta_range_finish(writer, &key, &bounds, &record);
	if (str_status(&record) == 0) {
		WITH_LOCK(&cache->lock);

		if (cache->dir_changed[meta_name_place(dir)] <= seen->moment &&
		    cache->floor <= seen->moment)
			meta_disk_range(cache->disk, ++cache->seq, &key,
			                &bounds, &record);
	}
	str_release(&record);
}

/* Whether the directory's ranges on disk are what is known, since moment. */
static bool is_dir_written_locked(const struct meta_cache *cache,
                                  const struct meta_name *dir, uint64_t moment)
{
	uint64_t changed = cache->dir_changed[meta_name_place(dir)];

	return changed <= moment && cache->floor <= moment;
}

int meta_cache_page(struct meta_cache *cache, const struct meta_name *dir,
                    const struct slice *low, struct meta_page *ret,
                    struct meta_seen *ret_seen)
{
	const struct meta_policy *policy = &cache->policies[dir->bucket];
	const struct meta_key key = {policy->seed, dir->key};
	uint64_t wall;
	bool written;
	int r;

	if (!cache->disk || policy->ttl_ms == 0)
		return -ENODATA;
	wall = wall_ms(cache);
	(void)pthread_mutex_lock(&cache->lock);
	*ret_seen = (struct meta_seen){.moment = cache->seq};
	written = is_dir_written_locked(cache, dir,
	                                meta_disk_applied(cache->disk));
	(void)pthread_mutex_unlock(&cache->lock);
	if (!written)
		return -ENODATA;
	r = meta_disk_page(
		cache->disk, &key, *low,
		wall > policy->ttl_ms ? wall - policy->ttl_ms + 1 : 1, ret);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&cache->lock);
	written = is_dir_written_locked(cache, dir, ret_seen->moment);
	(void)pthread_mutex_unlock(&cache->lock);
	if (!written || ret->asked_ms > wall) {
		meta_page_release(ret);
		return -ENODATA;
	}
	ret_seen->asked_ms = clock_ms(cache->clock) - (wall - ret->asked_ms);
	return 0;
}
