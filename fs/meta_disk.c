/* SPDX-License-Identifier: MIT */
/*
 * The queue and the thread that empties it: as many changes as there are in one
 * transaction, and then readers may know.  What cannot be written for want of
 * room is tried again when old directories have gone.
 */
#include "meta_disk.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"
#include "meta_disk_impl.h"
#include "meta_disk_open.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_MAX   (64u << 20) /* bytes; what is only learnt waits no more */
#define BATCH_MAX   (2u << 20)  /* bytes in one transaction, about, */
#define BATCH_PART  64          /* or that part of the file */
#define GATHER_MS   20          /* that long changes are collected */
#define FULL        90          /* per cent at which directories go */
#define CHECK_EVERY 2           /* transactions between two looks */

void disk_damage(struct meta_disk *disk)
{
	if (atomic_fetch_add(&disk->damaged, 1) == 0)
		log_warning("the cache in '%s' has damaged records, they are "
		            "not used",
		            disk->dir);
}

void disk_give_up(struct meta_disk *disk, const char *why, int status)
{
	if (atomic_exchange(&disk->off, true))
		return;
	log_warning("the cache in '%s' is given up until the next start: %s: "
	            "%s",
	            disk->dir, why, strerror(-status));
	disk_unlink(disk->dir);
}

void disk_failed(struct meta_disk *disk, int status)
{
	if (status == -EUCLEAN || status == -EIO)
		disk_give_up(disk, "it cannot be read", status);
}

/* ---- the queue ---- */

static void op_free(struct disk_op *op)
{
	attr_release(&op->record.attr);
	str_release(&op->data);
	free(op);
}

/* An op for a path; NULL: out of memory. */
static struct disk_op *op_new(enum disk_op_kind kind,
                              const struct meta_key *key,
                              const struct meta_record *record)
{
	size_t len = strlen(key->path);
	struct disk_op *op = calloc(1, sizeof(*op) + len + 1);

	if (!op)
		return NULL;
	op->kind = kind;
	op->bucket = key->bucket;
	op->size = sizeof(*op) + len;
	memcpy(op->path, key->path, len);
	op->known = record != NULL;
	if (record) {
		op->record = *record;
		op->record.attr.meta = attr_meta_ref(record->attr.meta);
	}
	list_init(&op->link);
	return op;
}

/* Whether nothing goes wrong when the op is lost. */
static bool may_be_lost(const struct disk_op *op)
{
	return op->kind == OP_LEARN || op->kind == OP_RANGE;
}

/* Queue an op; takes it. */
static void queue(struct meta_disk *disk, uint64_t seq, struct disk_op *op)
{
	WITH_LOCK(&disk->lock);

	disk->last = seq;
	if (disk->queued > QUEUE_MAX && may_be_lost(op)) {
		op_free(op);
		return;
	}
	op->seq = seq;
	disk->queued += op->size;
	disk->listed = disk->listed || op->kind == OP_RANGE;
	list_append(&disk->queue, &op->link);
	(void)pthread_cond_broadcast(&disk->changed);
}

void meta_disk_learn(struct meta_disk *disk, uint64_t seq,
                     const struct meta_key *key,
                     const struct meta_record *record)
{
	struct disk_op *op = op_new(OP_LEARN, key, record);

	if (op)
		queue(disk, seq, op);
}

void meta_disk_change(struct meta_disk *disk, uint64_t seq,
                      const struct meta_key *key,
                      const struct meta_record *record)
{
	struct disk_op *op = op_new(OP_CHANGE, key, record);

	if (op)
		queue(disk, seq, op);
	else
		disk_give_up(disk, "a change is lost", -ENOMEM);
}

void meta_disk_range(struct meta_disk *disk, uint64_t seq,
                     const struct meta_key *key,
                     const struct meta_bounds *bounds, struct str *record)
{
	struct disk_op *op = op_new(OP_RANGE, key, NULL);

	(void)bounds;
	if (!op) {
		str_release(record);
		return;
	}
	op->data = *record;
	op->size += record->len;
	*record = (struct str){0};
	queue(disk, seq, op);
}

void meta_disk_forget(struct meta_disk *disk, uint64_t seq,
                      const struct meta_key *key, bool below)
{
	struct disk_op *op =
		op_new(below ? OP_FORGET_BELOW : OP_FORGET, key, NULL);

	if (op)
		queue(disk, seq, op);
	else
		disk_give_up(disk, "a change is lost", -ENOMEM);
}

uint64_t meta_disk_applied(const struct meta_disk *disk)
{
	return atomic_load(&disk->applied);
}

void meta_disk_drain(struct meta_disk *disk)
{
	WITH_LOCK(&disk->lock);

	disk->hurry++;
	(void)pthread_cond_broadcast(&disk->changed);
	while (atomic_load(&disk->applied) < disk->last ||
	       !list_empty(&disk->queue))
		(void)pthread_cond_wait(&disk->changed, &disk->lock);
	disk->hurry--;
}

/* ---- the thread ---- */

/* Apply ops from the beginning of the list, in one transaction. */
static int try_batch(struct meta_disk *disk, const struct list *ops,
                     size_t *ret_count)
{
	struct kv_txn *txn;
	size_t size = 0;
	size_t count = 0;
	int r = kv_begin(disk->kv, true, &txn);

	if (r < 0)
		return r;
	list_for_each(pos, ops) {
		struct disk_op *op = container_of(pos, struct disk_op, link);

		r = disk_apply(disk, txn, op);
		if (r < 0)
			break;
		size += op->size;
		count++;
		if (size >= BATCH_MAX || size >= disk->size_max / BATCH_PART)
			break;
	}
	if (r < 0) {
		kv_abort(txn);
		return r;
	}
	*ret_count = count;
	return kv_commit(txn);
}

/* The first op of a list cannot be written with room or without. */
static int give_way(struct meta_disk *disk)
{
	int r = disk_clear(disk);

	if (r == 0)
		log_info("the cache in '%s' was full and begins anew",
		         disk->dir);
	return r;
}

/* Apply some ops, whatever it takes; returns how many are done with. */
static size_t apply_some(struct meta_disk *disk, const struct list *ops)
{
	size_t count = 1;
	int r = 0;

	if (atomic_load(&disk->off))
		return count;
	r = try_batch(disk, ops, &count);
	if (r == -ENOSPC) {
		r = disk_evict(disk);
		if (r == 0)
			r = try_batch(disk, ops, &count);
	}
	if (r == -ENOSPC) {
		r = give_way(disk);
		if (r == 0)
			r = try_batch(disk, ops, &count);
	}
	if (r < 0) {
		disk_give_up(disk, "it cannot be written", r);
		count = 1;
	}
	return count;
}

/* Let readers know, and free what was applied. */
static void done_with(struct meta_disk *disk, struct list *ops, size_t count)
{
	uint64_t seq = 0;
	size_t size = 0;

	for (; count > 0; count--) {
		struct disk_op *op = list_first(ops, struct disk_op, link);

		seq = op->seq;
		size += op->size;
		list_remove(&op->link);
		op_free(op);
	}
	WITH_LOCK(&disk->lock);

	disk->queued -= size;
	if (seq > atomic_load(&disk->applied))
		atomic_store(&disk->applied, seq);
	(void)pthread_cond_broadcast(&disk->changed);
}

/* Before the file is full, old directories go. */
static void look_for_room(struct meta_disk *disk)
{
	uint64_t used;
	uint64_t max;

	if (atomic_load(&disk->off))
		return;
	kv_usage(disk->kv, &used, &max);
	if (used < max / 100 * FULL)
		return;

	int r = disk_evict(disk);

	if (r < 0)
		disk_give_up(disk, "it is full", r);
}

/* Wait for ops, and a little longer for more of them; false: the end. */
static bool wait_for_ops(struct meta_disk *disk, struct list *ops)
{
	WITH_LOCK(&disk->lock);
	struct timespec until;

	while (list_empty(&disk->queue) && !disk->stopping) {
		/* what was dropped is done with */
		if (disk->last > atomic_load(&disk->applied)) {
			atomic_store(&disk->applied, disk->last);
			(void)pthread_cond_broadcast(&disk->changed);
		}
		(void)pthread_cond_wait(&disk->changed, &disk->lock);
	}
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += GATHER_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!disk->hurry && !disk->listed && !disk->stopping &&
	       disk->queued < BATCH_MAX)
		if (pthread_cond_timedwait(&disk->changed, &disk->lock,
		                           &until) != 0)
			break;
	list_splice(ops, &disk->queue);
	disk->listed = false;
	return !list_empty(ops);
}

/* The thread. */
static void *meta_run(void *arg)
{
	struct meta_disk *disk = arg;
	unsigned batches = 0;
	struct list ops;

	list_init(&ops);
	while (wait_for_ops(disk, &ops)) {
		while (!list_empty(&ops)) {
			done_with(disk, &ops, apply_some(disk, &ops));
			if (++batches % CHECK_EVERY == 0)
				look_for_room(disk);
		}
	}
	return NULL;
}

/* ---- birth and end ---- */

int meta_disk_open(const struct meta_disk_config *config,
                   struct meta_disk **ret, struct err *reterr)
{
	cleanup(meta_disk_closep) struct meta_disk *disk =
		calloc(1, sizeof(*disk));
	int r;

	if (!disk)
		return err_set(reterr, -ENOMEM, "out of memory");
	disk->clock = config->clock;
	disk->fs = config->fs;
	disk->size_max = config->size_max;
	(void)pthread_mutex_init(&disk->lock, NULL);
	(void)pthread_cond_init(&disk->changed, NULL);
	list_init(&disk->queue);
	disk->dir = strdup(config->dir);
	if (!disk->dir)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = disk_open(disk, reterr);
	if (r < 0)
		return r;
	r = thread_start("meta", meta_run, disk, &disk->thread);
	if (r < 0)
		return err_set(reterr, r, "no thread: %s", strerror(-r));
	disk->started = true;
	*ret = take(&disk);
	return 0;
}

void meta_disk_close(struct meta_disk *disk)
{
	if (!disk)
		return;
	if (disk->started) {
		(void)pthread_mutex_lock(&disk->lock);
		disk->stopping = true;
		(void)pthread_cond_broadcast(&disk->changed);
		(void)pthread_mutex_unlock(&disk->lock);
		(void)pthread_join(disk->thread, NULL);
	}
	if (disk->kv)
		disk_close(disk);
	(void)pthread_cond_destroy(&disk->changed);
	(void)pthread_mutex_destroy(&disk->lock);
	free(disk->dir);
	free(disk);
}

void meta_disk_stats(struct meta_disk *disk, struct meta_disk_stats *ret)
{
	uint64_t max;

	*ret = (struct meta_disk_stats){
		.damaged = atomic_load(&disk->damaged),
		.evicted = atomic_load(&disk->evicted),
		.off = atomic_load(&disk->off),
	};
	kv_usage(disk->kv, &ret->bytes, &max);
}
