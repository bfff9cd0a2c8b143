/* SPDX-License-Identifier: MIT */
/*
 * An upload in the journal: what the next start must know to finish or undo it.
 *
 *   intent    on disk before Create is sent: no upload of ours is ever unknown
 *   id        on disk before a part is sent: an intent's upload has none
 *   parts     behind the replies, nobody waits: they share the next sync
 *   fsync     waits: its answer says that id and parts are on disk as well
 *   finishing on disk before Complete is sent: whether it was applied can be
 *             settled by nonce and size then
 *   gone      when the object is there, or the upload aborted
 *
 * An upload of one PUT never comes here.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "fs/journal.h"
#include "upload_state.h"
#include "upload_stray.h"

#include <string.h>

/* ---- records ---- */

/* Bytes that the store has acknowledged, in parts that are there in order. */
static uint64_t acknowledged_locked(const struct upload *up)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < up->last_number && i < up->info_cap; i++) {
		if (up->infos[i].number == 0)
			break;
		sum += up->infos[i].size;
	}
	return sum;
}

/* The head as it is now. */
static void write_head_locked(const struct upload *up, struct str *ret)
{
	const struct upload_record record = {
		.state = up->state,
		.expect = (uint8_t)up->expect,
		.exclusive = up->exclusive,
		.whole = up->whole_kept || up->state == UPLOAD_FINISHING,
		.remade = up->remade,
		.stray = up->stray,
		.began_s = up->began_s,
		.size = acknowledged_locked(up),
		.parts = up->last_number,
		.bucket = up->bucket,
		.identity = up->identity,
		.key = up->target->key,
		.nonce = up->nonce,
		.upload_id = up->upload_id,
		.etag = up->expect_etag,
		.why = up->why,
	};

	upload_record_write(&record, ret);
}

/* A text as what journal_put() wants. */
static struct slice value_of(const struct str *text)
{
	return (struct slice){.data = (uint8_t *)text->data, .len = text->len};
}

/* Put the head; done() may come before the return. */
static void put_head(struct upload *up, const struct str *value,
                     struct journal_put *put,
                     void (*done)(struct journal_put *put))
{
	*put = (struct journal_put){.kind = JOURNAL_UPLOAD,
	                            .id = up->record,
	                            .value = value_of(value),
	                            .status = str_status(value),
	                            .done = done};
	if (put->status < 0)
		done(put);
	else
		journal_put(up->all->config.journal, put);
}

void upload_note_locked(struct upload *up, enum upload_state state)
{
	cleanup(str_release) struct str value = {0};

	if (up->record == 0)
		return;
	up->state = state;
	write_head_locked(up, &value);
	if (str_status(&value) == 0)
		journal_note(up->all->config.journal, JOURNAL_UPLOAD,
		             up->record, value_of(&value));
}

void upload_note_kept_locked(struct upload *up, const char *why, bool whole)
{
	up->whole_kept = whole;
	(void)str_copy(up->why, sizeof(up->why), why);
	upload_note_locked(up, UPLOAD_KEPT);
}

void upload_note_part_locked(struct upload *up, const struct upload_part *part)
{
	cleanup(str_release) struct str value = {0};
	uint64_t id = upload_parts_id(up->record, part->number);
	unsigned first = upload_parts_first(id);
	struct store_part_info *info = &up->infos[part->number - 1];
	size_t count = up->info_cap - (first - 1);

	info->number = part->number;
	info->size = part->durable;
	(void)str_copy(info->etag, sizeof(info->etag), part->etag);
	(void)str_copy(info->checksum, sizeof(info->checksum), part->checksum);
	if (up->record == 0)
		return;
	if (count > UPLOAD_PARTS_CHUNK)
		count = UPLOAD_PARTS_CHUNK;
	upload_parts_write(&up->infos[first - 1], count, &value);
	if (str_status(&value) == 0)
		journal_note(up->all->config.journal, JOURNAL_PARTS, id,
		             value_of(&value));
}

void upload_forget_locked(struct upload *up)
{
	struct journal *journal = up->all->config.journal;

	if (up->record == 0)
		return;
	for (unsigned n = 1; n <= up->last_number; n += UPLOAD_PARTS_CHUNK)
		journal_drop(journal, JOURNAL_PARTS,
		             upload_parts_id(up->record, n));
	journal_drop(journal, JOURNAL_UPLOAD, up->record);
	up->record = 0;
}

/* ---- intent ---- */

/* The journal could not be written: nothing may depend on it. */
static void fail_locked(struct upload *up, int status,
                        struct upload_debris *debris)
{
	struct err err;

	(void)err_set(&err, status,
	              "the journal in state_dir cannot be written: %s",
	              strerror(-status));
	upload_fail_locked(up, status, &err, debris);
}

/* done() of the intent: now Create may be sent. */
static void intended(struct journal_put *put)
{
	struct upload *up = container_of(put, struct upload, record_put);
	struct upload_debris debris;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	if (up->status < 0 || put->status < 0) {
		up->create = CREATE_NONE;
		upload_forget_locked(up);
	}
	if (up->status == 0 && put->status < 0) {
		fail_locked(up, put->status, &debris);
	} else if (up->status == 0) {
		upload_create_submit(up);
	}
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, &debris);
	upload_go_on(up);
	upload_unref(up);
}

bool upload_intend(struct upload *up)
{
	struct uploads *all = up->all;
	cleanup(str_release) struct str value = {0};

	if (!all->config.journal)
		return false;

	{
		WITH_LOCK(&up->lock);
		up->record = journal_id(all->config.journal);
		up->began_s = (uint64_t)clock_wall(all->config.clock).tv_sec;
		up->state = UPLOAD_INTENT;
		write_head_locked(up, &value);
	}
	(void)upload_ref(up);
	put_head(up, &value, &up->record_put, intended);
	return true;
}

/* done() of the record with the upload's id: now parts may be sent. */
static void opened(struct journal_put *put)
{
	struct upload *up = container_of(put, struct upload, record_put);
	struct upload_debris debris;

	upload_debris_init(&debris);
	(void)pthread_mutex_lock(&up->lock);
	up->create = CREATE_DONE;
	if (put->status < 0 && up->status == 0)
		fail_locked(up, put->status, &debris);
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, &debris);
	upload_go_on(up);
	upload_unref(up);
}

bool upload_note_opened_locked(struct upload *up)
{
	cleanup(str_release) struct str value = {0};

	if (up->record == 0)
		return false;
	up->state = UPLOAD_OPEN;
	write_head_locked(up, &value);
	if (str_status(&value) < 0)
		return false;
	(void)upload_ref(up);
	/* it is answered by the journal's thread, never in here */
	put_head(up, &value, &up->record_put, opened);
	return true;
}

/* ---- finishing ---- */

/* done() of the record before Complete. */
static void finishing(struct journal_put *put)
{
	struct upload *up = container_of(put, struct upload, record_put);

	if (put->status < 0)
		log_warning("'%s' is published without a record: the journal "
		            "in state_dir cannot be written: %s",
		            up->target->key, strerror(-put->status));
	{
		WITH_LOCK(&up->lock);
		up->noting = false;
		up->noted = true;
	}
	upload_go_on(up);
	upload_unref(up);
}

bool upload_note_finishing_locked(struct upload *up)
{
	cleanup(str_release) struct str value = {0};

	if (up->record == 0 || up->noted)
		return false;
	up->noting = true;
	up->state = UPLOAD_FINISHING;
	write_head_locked(up, &value);
	if (str_status(&value) < 0) {
		up->noting = false;
		return false;
	}
	(void)upload_ref(up);
	/* it is answered by the journal's thread, never in here */
	put_head(up, &value, &up->record_put, finishing);
	return true;
}

/* ---- fsync ---- */

/* done() of the record that an fsync waits for. */
static void synced(struct journal_put *put)
{
	struct upload_sync *sync = container_of(put, struct upload_sync, put);

	sync->status = put->status;
	if (put->status < 0)
		(void)err_set(&sync->err, put->status,
		              "the journal in state_dir cannot be written: %s",
		              strerror(-put->status));
	sync->done(sync);
}

void upload_end_sync(struct upload *up, struct upload_sync *sync)
{
	cleanup(str_release) struct str value = {0};
	uint64_t record;

	{
		WITH_LOCK(&up->lock);
		record = up->record;
		if (record > 0)
			write_head_locked(up, &value);
	}
	if (record > 0) {
		put_head(up, &value, &sync->put, synced);
	} else {
		sync->status = 0;
		sync->done(sync);
	}
}

/* ---- Creates whose reply was lost ---- */

/* Look for them; blocks. */
static void hunt(struct task *task)
{
	struct upload *up = container_of(task, struct upload, hunt);
	uint64_t now = (uint64_t)clock_wall(up->all->config.clock).tv_sec;
	const struct upload_stray stray = {
		.key = up->target->key,
		.known_id = up->upload_id,
		.from_s = up->began_s,
		.to_s = now,
		.expected = up->lost_creates,
	};
	int r = upload_stray_abort(up->store, &stray);

	{
		WITH_LOCK(&up->lock);
		up->stray = r < 0;
		if (r >= 0 && up->create == CREATE_NONE)
			upload_forget_locked(up);
		else if (up->record > 0)
			upload_note_locked(up, up->state);
	}
	upload_unref(up);
}

void upload_hunt_locked(struct upload *up, unsigned lost)
{
	if (lost == 0 || up->record == 0)
		return;
	up->lost_creates = lost;
	up->stray = true;
	up->hunt.run = hunt;
	(void)upload_ref(up);
}

void upload_hunt(struct upload *up, bool wanted)
{
	if (wanted)
		exec_run(up->all->config.exec, &up->hunt);
}
