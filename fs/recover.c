/* SPDX-License-Identifier: MIT */
/*
 * All that the journal knows at start, settled one after the other.
 *
 * A bucket that did not answer once is asked nothing more in that round: its
 * records stay, and a timer brings the next round, on the executor.
 */
#include "recover.h"

#include "base/clock.h"
#include "base/exec.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/timer.h"
#include "core.h"
#include "fs/journal.h"
#include "fs/recover.h"
#include "recover_draft.h"
#include "recover_upload.h"

#include <string.h>

#define AGAIN_MS 60000 /* between rounds, while a store does not answer */

/* A record, copied out of the journal. */
struct found {
	struct list link;
	uint64_t id;
	size_t len;
	uint8_t value[];
};

struct recover {
	struct fs *fs;
	struct timer timer;
	struct task task;
	uint64_t limit; /* ids from here on are this run's own */
	bool *silent;   /* by bucket: it did not answer in this round */

	pthread_mutex_t lock;
	pthread_cond_t idle;
	bool running; /* lock: a round, or its task waits */
	bool stop;    /* lock */
};

/* ---- records ---- */

/* Copy one record. */
static int collect(void *ctx, uint64_t id, struct slice value)
{
	struct list *found = ctx;
	struct found *one = malloc(sizeof(*one) + value.len);

	if (!one)
		return -ENOMEM;
	one->id = id;
	one->len = value.len;
	memcpy(one->value, value.data, value.len);
	list_append(found, &one->link);
	return 0;
}

static void forget(struct list *found)
{
	struct found *one;

	while ((one = list_first(found, struct found, link))) {
		list_remove(&one->link);
		free(one);
	}
}

/* The bucket whose endpoint, name and prefix a record has. */
static struct bucket *bucket_of(struct fs *fs, const char *identity)
{
	for (size_t i = 0; i < fs->bucket_count; i++)
		if (strcmp(fs->buckets[i].identity, identity) == 0)
			return &fs->buckets[i];
	return NULL;
}

static int read_found(struct found *one, struct upload_record *ret)
{
	return upload_record_read(
		(struct slice){.data = one->value, .len = one->len}, ret);
}

/* ---- one round ---- */

/* Settle one upload. False: its store did not answer. */
static bool settle(struct recover *recover, struct found *one)
{
	struct upload_record record;
	struct bucket *bucket;
	int r;

	if (read_found(one, &record) < 0) {
		log_error("record %llu of an upload cannot be read and is "
		          "passed over",
		          (unsigned long long)one->id);
		return true;
	}
	bucket = bucket_of(recover->fs, record.identity);
	if (!bucket) {
		log_warning("an upload of '%s' is left as it is: no bucket "
		            "here is '%s'",
		            record.key, record.identity);
		return true;
	}
	if (!bucket->store || recover->silent[bucket->number])
		return false;
	r = recover_upload(bucket, one->id, &record);
	if (r < 0) {
		recover->silent[bucket->number] = true;
		log_warning("what was begun in '%s' is settled later: the "
		            "store does not answer (%s)",
		            bucket->name, err_name(r));
	}
	return r == 0;
}

/* The same of one edit. */
static bool settle_draft(struct recover *recover, struct found *one)
{
	const struct slice value = {.data = one->value, .len = one->len};
	struct draft_found *found = calloc(1, sizeof(*found));
	struct bucket *bucket;
	int r = found ? draft_record_read(value, found) : -ENOMEM;

	if (r < 0) {
		log_error("record %llu of an edit cannot be read: %s",
		          (unsigned long long)one->id, err_name(r));
		free(found);
		return r != -ENOMEM;
	}
	bucket = bucket_of(recover->fs, found->record.identity);
	if (!bucket) {
		log_warning("an edit of '%s' is left as it is: no bucket here "
		            "is '%s'",
		            found->record.key, found->record.identity);
	} else if (!bucket->store || recover->silent[bucket->number]) {
		r = -EAGAIN;
	} else {
		r = recover_draft(bucket, one->id, &found->record);
		recover->silent[bucket->number] = r < 0;
	}
	draft_found_release(found);
	free(found);
	return r == 0;
}

/* Whether the fs is about to go. */
static bool stopped(struct recover *recover)
{
	WITH_LOCK(&recover->lock);
	return recover->stop;
}

/* All of a kind. False: something is left for another round. */
static bool settle_all(struct recover *recover, enum journal_kind kind,
                       bool (*one_by_one)(struct recover *recover,
                                          struct found *one))
{
	struct list found;
	bool all = true;
	int r;

	list_init(&found);
	r = journal_each(recover->fs->parts.journal, kind, collect, &found);
	if (r < 0)
		log_error("the journal cannot be read: %s", strerror(-r));
	list_for_each(node, &found) {
		struct found *one = container_of(node, struct found, link);

		if (stopped(recover))
			break;
		if (one->id < recover->limit)
			all = one_by_one(recover, one) && all;
	}
	forget(&found);
	return all;
}

/* Uploads first: one of them may be an edit's, and publish it. */
static bool round_of(struct recover *recover)
{
	bool all;

	memset(recover->silent, 0,
	       recover->fs->bucket_count * sizeof(*recover->silent));
	all = settle_all(recover, JOURNAL_UPLOAD, settle);
	all = settle_all(recover, JOURNAL_DRAFT, settle_draft) && all;
	(void)journal_sync(recover->fs->parts.journal);
	return all;
}

/* The end of a round: the next one, or peace. */
static void round_end(struct recover *recover, bool all)
{
	WITH_LOCK(&recover->lock);
	if (all || recover->stop) {
		recover->running = false;
		(void)pthread_cond_broadcast(&recover->idle);
	} else {
		timer_start(recover->fs->parts.timers, &recover->timer,
		            AGAIN_MS);
	}
}

/* A round in the background. */
static void again(struct task *task)
{
	struct recover *recover = container_of(task, struct recover, task);

	round_end(recover, round_of(recover));
}

/* fire() of the timer. */
static void fire(struct timer *timer)
{
	struct recover *recover = container_of(timer, struct recover, timer);

	exec_run(recover->fs->parts.exec, &recover->task);
}

void fs_recover(struct fs *fs)
{
	struct recover *recover;

	if (!fs->parts.journal || fs->recover)
		return;
	recover = calloc(1, sizeof(*recover));
	if (recover)
		recover->silent =
			calloc(fs->bucket_count + 1, sizeof(*recover->silent));
	if (!recover || !recover->silent) {
		free(recover);
		log_error("no memory to settle what was begun");
		return;
	}
	recover->fs = fs;
	recover->limit = journal_id(fs->parts.journal);
	recover->timer.fire = fire;
	recover->task.run = again;
	recover->running = true;
	(void)pthread_mutex_init(&recover->lock, NULL);
	(void)pthread_cond_init(&recover->idle, NULL);
	fs->recover = recover;
	recover_staging(fs);
	round_end(recover, round_of(recover));
}

void recover_free(struct recover *recover)
{
	if (!recover)
		return;

	{
		WITH_LOCK(&recover->lock);
		recover->stop = true;
	}
	if (timer_cancel(recover->fs->parts.timers, &recover->timer))
		round_end(recover, true);
	{
		WITH_LOCK(&recover->lock);
		while (recover->running)
			(void)pthread_cond_wait(&recover->idle, &recover->lock);
	}
	free(recover->silent);
	(void)pthread_cond_destroy(&recover->idle);
	(void)pthread_mutex_destroy(&recover->lock);
	free(recover);
}

/* ---- for people ---- */

/* Bytes of the parts of one upload. */
struct noted {
	uint64_t owner;
	uint64_t bytes;
};

static int add_noted(void *ctx, uint64_t parts_id, struct slice value)
{
	struct noted *noted = ctx;
	cleanup(freep) struct store_part_info *parts = NULL;

	if (upload_parts_owner(parts_id) != noted->owner)
		return 0;
	parts = calloc(UPLOAD_PARTS_CHUNK, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	if (upload_parts_read(value, upload_parts_first(parts_id), parts) < 0)
		return 0;
	for (unsigned i = 0; i < UPLOAD_PARTS_CHUNK; i++)
		noted->bytes += parts[i].size;
	return 0;
}

/* Whom fs_uploads_each() tells. */
struct telling {
	struct journal *journal;
	int (*each)(void *ctx, const struct fs_upload *upload);
	void *ctx;
};

static int tell(void *ctx, uint64_t id, struct slice value)
{
	const struct telling *telling = ctx;
	struct noted noted = {.owner = id};
	struct upload_record record;
	struct fs_upload upload;
	int r = 0;

	if (upload_record_read(value, &record) < 0)
		return 0;
	/* the head of one being written is older than its parts */
	if (record.state == UPLOAD_OPEN)
		r = journal_each(telling->journal, JOURNAL_PARTS, add_noted,
		                 &noted);
	if (r < 0)
		return r;
	upload = (struct fs_upload){
		.id = id,
		.state = upload_state_name(record.state),
		.bucket = record.bucket,
		.key = record.key,
		.upload_id = record.upload_id,
		.why = record.why,
		.size = record.state == UPLOAD_OPEN ? noted.bytes : record.size,
		.began_s = record.began_s,
		.whole = record.whole,
	};
	return telling->each(telling->ctx, &upload);
}

int fs_uploads_each(struct journal *journal,
                    int (*each)(void *ctx, const struct fs_upload *upload),
                    void *ctx)
{
	struct telling telling = {.journal = journal, .each = each, .ctx = ctx};

	return journal_each(journal, JOURNAL_UPLOAD, tell, &telling);
}

/* The one of that id. */
struct wanted {
	uint64_t id;
	struct list found;
};

static int collect_wanted(void *ctx, uint64_t id, struct slice value)
{
	struct wanted *wanted = ctx;

	return id == wanted->id ? collect(&wanted->found, id, value) : 0;
}

/* What a person may ask of one of them. */
typedef int decide_fn(struct bucket *bucket, uint64_t id,
                      const struct upload_record *record, struct err *reterr);

/* Do it to a kept upload. */
static int decide(struct fs *fs, uint64_t id, decide_fn *what,
                  struct err *reterr)
{
	struct journal *journal = fs->parts.journal;
	struct wanted wanted = {.id = id};
	struct upload_record record;
	struct bucket *bucket = NULL;
	struct found *one;
	int r;

	list_init(&wanted.found);
	r = journal_each(journal, JOURNAL_UPLOAD, collect_wanted, &wanted);
	one = list_first(&wanted.found, struct found, link);
	if (r < 0)
		r = err_set(reterr, r, "the journal cannot be read: %s",
		            strerror(-r));
	else if (!one || read_found(one, &record) < 0)
		r = err_set(reterr, -ENOENT, "there is no upload %llu",
		            (unsigned long long)id);
	else if (record.state != UPLOAD_KEPT)
		r = err_set(reterr, -EBUSY, "upload %llu is not kept, it is %s",
		            (unsigned long long)id,
		            upload_state_name(record.state));
	else if (!(bucket = bucket_of(fs, record.identity)) || !bucket->store)
		r = err_set(reterr, -ENXIO, "the bucket '%s' is not %s",
		            record.bucket, bucket ? "working" : "configured");
	else
		r = what(bucket, id, &record, reterr);
	if (r == 0)
		r = journal_sync(journal);
	forget(&wanted.found);
	return r;
}

int fs_upload_publish(struct fs *fs, uint64_t id, struct err *reterr)
{
	return decide(fs, id, recover_publish, reterr);
}

int fs_upload_abort(struct fs *fs, uint64_t id, struct err *reterr)
{
	return decide(fs, id, recover_abort, reterr);
}
