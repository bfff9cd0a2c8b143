/* SPDX-License-Identifier: MIT */
/*
 * A mount: made from its parts, settled, given up, taken down.
 *
 * Two counts say whether anything is unsettled: what is under way (somebody
 * will end it) and what is pending (an event must come first, such as the last
 * release of an unlinked file).  fs_settle() waits for the first; the daemon
 * keeps the mount busy for both.
 */
#include "ask.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/log.h"
#include "call.h"
#include "content.h"
#include "core.h"
#include "dir.h"
#include "fs/admin.h"
#include "inode.h"
#include "meta_cache.h"
#include "meta_disk.h"
#include "notify.h"
#include "recover.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* Names that the cache keeps: about 12 MiB when it is full. */
#define RECORDS_MAX 32768

/* What df shows of a place without an end. */
#define STATFS_BYTES (UINT64_C(1) << 50)

/* The mount's own root directory. */
static int make_root(struct fs *fs)
{
	struct attr attr;
	const struct inode_plan plan = {.kind = INODE_ROOT, .attr = &attr};

	attr_of_dir(&fs->config, &fs->started, &attr);
	return inode_make(fs->inodes, &plan, &fs->root);
}

/* Every bucket's directory. */
static int make_buckets(struct fs *fs, const struct fs_config *config,
                        struct err *reterr)
{
	fs->buckets = calloc(config->bucket_count + 1, sizeof(*fs->buckets));
	if (!fs->buckets)
		return -ENOMEM;
	for (unsigned i = 0; i < config->bucket_count; i++) {
		const struct fs_bucket_config *one = &config->buckets[i];

		if (bucket_find(fs, one->name))
			return err_set(reterr, -EINVAL,
			               "two buckets are called \"%s\"",
			               one->name);

		int r = bucket_init(&fs->buckets[i], fs, i, one);

		fs->bucket_count++;
		if (r < 0)
			return r;
	}
	return 0;
}

/* The cache on disk. Without it all takes longer, but nothing is wrong. */
static void open_disk(struct fs *fs, const struct fs_config *config)
{
	const struct meta_disk_config disk = {
		.dir = config->cache_dir,
		.size_max = config->cache_max_size,
		.clock = fs->parts.clock,
		.fs = &fs->config,
	};
	struct err err = {0};

	if (config->cache_dir && meta_disk_open(&disk, &fs->disk, &err) < 0)
		log_warning("names and attributes are not kept on disk: %s",
		            err.text);
}

/* Everything that can fail. */
static int make_parts(struct fs *fs, const struct fs_config *config,
                      struct err *reterr)
{
	struct meta_cache_config cache = {
		.clock = fs->parts.clock,
		.buckets = (unsigned)config->bucket_count,
		.records_max = RECORDS_MAX,
		.started = fs->started,
	};
	int r;

	open_disk(fs, config);
	cache.disk = fs->disk;
	r = meta_cache_new(&cache, &fs->cache);

	if (r == 0)
		r = inodes_new(fs, &fs->inodes);
	if (r == 0)
		r = notify_new(&fs->notify);
	if (r == 0)
		r = make_root(fs);
	if (r == 0)
		r = make_buckets(fs, config, reterr);
	if (r == 0)
		r = contents_new(fs, config, &fs->contents, reterr);
	return r;
}

int fs_new(const struct fs_config *config, const struct fs_parts *parts,
           struct fs **ret, struct err *reterr)
{
	cleanup(fs_freep) struct fs *fs = calloc(1, sizeof(*fs));
	struct err err = {0};
	int r;

	if (!fs)
		return err_set(reterr, -ENOMEM, "out of memory");
	fs->config = *config;
	fs->config.buckets = NULL;
	fs->config.bucket_count = 0;
	fs->config.guards = NULL;
	fs->config.guard_count = 0;
	fs->parts = *parts;
	fs->started = clock_wall(parts->clock);
	fs->nonce_state = config->seed;
	(void)pthread_mutex_init(&fs->tell_lock, NULL);
	(void)pthread_mutex_init(&fs->lock, NULL);
	(void)pthread_mutex_init(&fs->call_lock, NULL);
	(void)pthread_cond_init(&fs->quiet, NULL);
	list_init(&fs->dirs);
	list_init(&fs->asks);
	list_init(&fs->syncs);

	r = make_parts(fs, config, &err);
	if (r < 0)
		return err_set(reterr, r, "%s",
		               err.code ? err.text : strerror(-r));
	*ret = take(&fs);
	return 0;
}

void fs_set_kernel(struct fs *fs, struct fs_kernel *kernel)
{
	notify_set_kernel(fs->notify, kernel);
}

/* A call that waits until nothing is under way. */
struct sync_wait {
	struct list link;
	struct fs_call *call; /* slot */
	unsigned failed_ever; /* when it began */
};

/* Answer those who waited, and free them. */
static void end_syncs(struct fs *fs, struct list *syncs, unsigned failed_ever)
{
	while (!list_empty(syncs)) {
		struct sync_wait *wait =
			list_first(syncs, struct sync_wait, link);
		struct fs_call *call = call_claim(fs, &wait->call);

		list_remove(&wait->link);
		if (call)
			call_answer(call, wait->failed_ever == failed_ever
			                          ? 0
			                          : -EIO);
		free(wait);
	}
}

/*
 * One change of the counts, and what it means to the outside and to those who
 * block; who waits by a call is moved to syncs.
 */
static unsigned count_up(struct fs *fs, int under_way, int pending, int status,
                         struct list *syncs)
{
	WITH_LOCK(&fs->tell_lock);
	unsigned failed_ever;
	bool busy;

	(void)pthread_mutex_lock(&fs->lock);
	fs->under_way += (unsigned)under_way;
	fs->pending += (unsigned)pending;
	if (status < 0)
		fs->failures++;
	fs->failed_ever += status < 0;
	failed_ever = fs->failed_ever;
	busy = fs->under_way + fs->pending > 0;
	if (fs->under_way == 0) {
		(void)pthread_cond_broadcast(&fs->quiet);
		list_splice(syncs, &fs->syncs);
	}
	(void)pthread_mutex_unlock(&fs->lock);

	if (busy == fs->told_busy)
		return failed_ever;
	fs->told_busy = busy;
	if (fs->parts.unsettled)
		fs->parts.unsettled(fs->parts.ctx, busy);
	return failed_ever;
}

static void count(struct fs *fs, int under_way, int pending, int status)
{
	struct list syncs;
	unsigned failed_ever;

	list_init(&syncs);
	failed_ever = count_up(fs, under_way, pending, status, &syncs);
	end_syncs(fs, &syncs, failed_ever);
}

void fs_sync(struct fs *fs, struct fs_call *call)
{
	struct sync_wait *wait = calloc(1, sizeof(*wait));

	if (!wait) {
		call_answer(call, -ENOMEM);
		return;
	}
	if (!call_park(fs, call, &wait->call)) {
		free(wait);
		call_answer(call, -EINTR);
		return;
	}
	(void)pthread_mutex_lock(&fs->lock);
	wait->failed_ever = fs->failed_ever;
	list_append(&fs->syncs, &wait->link);
	(void)pthread_mutex_unlock(&fs->lock);
	count(fs, 0, 0, 0);
}

void fs_begin(struct fs *fs)
{
	count(fs, 1, 0, 0);
}

void fs_end(struct fs *fs, int status)
{
	count(fs, -1, 0, status);
}

void fs_pend(struct fs *fs)
{
	count(fs, 0, 1, 0);
}

void fs_unpend(struct fs *fs)
{
	count(fs, 0, -1, 0);
}

/* Wait until no thread is inside count(): then the fs may go. */
static void let_counters_out(struct fs *fs)
{
	(void)pthread_mutex_lock(&fs->tell_lock);
	(void)pthread_mutex_unlock(&fs->tell_lock);
}

int fs_settle(struct fs *fs)
{
	unsigned failures;

	(void)pthread_mutex_lock(&fs->lock);
	while (fs->under_way > 0)
		(void)pthread_cond_wait(&fs->quiet, &fs->lock);
	failures = fs->failures;
	fs->failures = 0;
	(void)pthread_mutex_unlock(&fs->lock);
	let_counters_out(fs);
	return failures > 0 ? -EIO : 0;
}

void fs_abort(struct fs *fs)
{
	(void)pthread_mutex_lock(&fs->lock);
	fs->aborting = true;
	(void)pthread_mutex_unlock(&fs->lock);
	contents_abort(fs->contents);
	asks_cancel(fs, true);
}

unsigned fs_writing(struct fs *fs)
{
	return contents_writing(fs->contents);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	recover_free(fs->recover);
	if (fs->notify)
		notify_set_kernel(fs->notify, NULL);
	dirs_close(fs);
	contents_free(fs->contents);
	asks_cancel(fs, false);
	asks_wait(fs);
	let_counters_out(fs);

	inodes_free(fs->inodes);
	for (size_t i = 0; i < fs->bucket_count; i++)
		bucket_release(&fs->buckets[i]);
	free(fs->buckets);
	notify_free(fs->notify);
	meta_cache_free(fs->cache);
	meta_disk_close(fs->disk);
	(void)pthread_cond_destroy(&fs->quiet);
	(void)pthread_mutex_destroy(&fs->call_lock);
	(void)pthread_mutex_destroy(&fs->lock);
	(void)pthread_mutex_destroy(&fs->tell_lock);
	free(fs);
}

/* The next number of a seeded generator (splitmix64). */
static uint64_t next_number_locked(struct fs *fs)
{
	uint64_t z = (fs->nonce_state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void fs_nonce(struct fs *fs, char ret[FS_NONCE_MAX])
{
	uint64_t numbers[2];

	if (fs->config.seed == 0) {
		digest_random(numbers, sizeof(numbers));
	} else {
		WITH_LOCK(&fs->lock);

		numbers[0] = next_number_locked(fs);
		numbers[1] = next_number_locked(fs);
	}
	digest_hex(numbers, sizeof(numbers), ret);
}

void fs_statfs(struct fs *fs, struct statvfs *ret)
{
	(void)fs;
	*ret = (struct statvfs){
		.f_bsize = FS_BLKSIZE,
		.f_frsize = FS_BLKSIZE,
		.f_blocks = STATFS_BYTES / FS_BLKSIZE,
		.f_bfree = STATFS_BYTES / FS_BLKSIZE,
		.f_bavail = STATFS_BYTES / FS_BLKSIZE,
		.f_files = UINT32_MAX,
		.f_ffree = UINT32_MAX,
		.f_favail = UINT32_MAX,
		.f_namemax = STORE_KEY_MAX - 1,
	};
}

void fs_forget(struct fs *fs, uint64_t nodeid, uint64_t lookups)
{
	inode_forget(fs->inodes, nodeid, lookups);
}
