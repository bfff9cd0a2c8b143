/* SPDX-License-Identifier: MIT */
/*
 * One upload of an earlier run: its questions to the store, one after the
 * other, and what is then written into the journal.  Everything may be done
 * twice: a crash in the middle of it leaves the record as it was.
 */
#include "recover_upload.h"

#include "attr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "fs/journal.h"
#include "meta_cache.h"
#include "recover_rule.h"
#include "upload.h"
#include "upload_stray.h"

#include <string.h>

#define CALL_MS   10000 /* for a question: the start waits for it */
#define CREATE_S  600   /* within that a Create was sent or given up */
#define PARTS_MAX 100000

/* The parts of an upload. */
struct parts {
	struct store_part_info *list;
	size_t count;
	size_t cap;
	uint64_t size;  /* bytes */
	unsigned next;  /* LIST_PARTS: where to go on; 0 = complete */
	int status;     /* LIST_PARTS: of the last page */
	uint64_t owner; /* of the records wanted */
};

static void parts_release(struct parts *parts)
{
	free(parts->list);
}

/* ---- records ---- */

static void drop(struct bucket *bucket, uint64_t id,
                 const struct upload_record *record)
{
	struct journal *journal = bucket->fs->parts.journal;
	unsigned last = record->parts > PARTS_MAX ? PARTS_MAX : record->parts;

	for (unsigned n = 1; n <= last; n += UPLOAD_PARTS_CHUNK)
		journal_drop(journal, JOURNAL_PARTS, upload_parts_id(id, n));
	journal_drop(journal, JOURNAL_UPLOAD, id);
}

void recover_published(struct bucket *bucket, const char *key)
{
	const struct meta_name name = {.bucket = bucket->number, .key = key};

	meta_cache_change(bucket->fs->cache, &name, NULL);
}

static void keep(struct bucket *bucket, uint64_t id,
                 const struct upload_record *record, const char *why)
{
	cleanup(str_release) struct str value = {0};
	struct upload_record kept = *record;

	kept.state = UPLOAD_KEPT;
	kept.why = why;
	upload_record_write(&kept, &value);
	if (str_status(&value) == 0)
		journal_note(bucket->fs->parts.journal, JOURNAL_UPLOAD, id,
		             (struct slice){.data = (uint8_t *)value.data,
		                            .len = value.len});
	log_warning("'%s/%s' was not published, its upload stays open (upload "
	            "%llu, %llu bytes%s): %s",
	            record->bucket, record->key, (unsigned long long)id,
	            (unsigned long long)record->size,
	            record->whole ? "" : ", incomplete", why);
}

/* Take in the parts of one record of them. */
static int add_chunk(void *ctx, uint64_t parts_id, struct slice value)
{
	struct parts *parts = ctx;
	cleanup(freep) struct store_part_info *chunk =
		calloc(UPLOAD_PARTS_CHUNK, sizeof(*chunk));
	int r;

	if (upload_parts_owner(parts_id) != parts->owner)
		return 0;
	if (!chunk)
		return -ENOMEM;
	r = upload_parts_read(value, upload_parts_first(parts_id), chunk);
	for (unsigned i = 0; r == 0 && i < UPLOAD_PARTS_CHUNK; i++) {
		if (chunk[i].number == 0 || parts->count == parts->cap)
			continue;
		if (chunk[i].number != parts->count + 1)
			return -EBADMSG; /* one is missing */
		parts->size += chunk[i].size;
		parts->list[parts->count++] = chunk[i];
	}
	return r;
}

/* The parts that the journal has, when that is all of them. */
static int noted_parts(struct bucket *bucket, uint64_t id,
                       const struct upload_record *record, struct parts *ret)
{
	int r;

	if (record->parts == 0 || record->parts > PARTS_MAX)
		return -EBADMSG;
	ret->cap = record->parts;
	ret->owner = id;
	ret->list = calloc(ret->cap, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	r = journal_each(bucket->fs->parts.journal, JOURNAL_PARTS, add_chunk,
	                 ret);
	if (r == 0 &&
	    (ret->count != record->parts || ret->size != record->size))
		r = -EBADMSG;
	return r;
}

/* ---- questions ---- */

/* A HEAD, and where its answer goes: headers live in done() only. */
struct head_call {
	struct store_req req;
	struct recover_head *ret;
};

static void head_done(struct store_req *req)
{
	struct recover_head *ret =
		container_of(req, struct head_call, req)->ret;
	const char *nonce =
		req->status == 0 ? attr_nonce(&req->info.headers) : NULL;

	ret->status = req->status;
	ret->size = req->info.size;
	(void)str_copy(ret->etag, sizeof(ret->etag), req->info.etag);
	(void)str_copy(ret->nonce, sizeof(ret->nonce), nonce ? nonce : "");
}

static void ask_head(struct bucket *bucket, const char *key,
                     struct recover_head *ret)
{
	struct head_call call = {.req = {.verb = STORE_HEAD,
	                                 .key = key,
	                                 .deadline_ms = CALL_MS,
	                                 .done = head_done},
	                         .ret = ret};

	(void)store_call(bucket->store, &call.req);
}

/* A page of LIST_PARTS. */
struct parts_call {
	struct store_req req;
	struct parts *ret;
};

static void parts_done(struct store_req *req)
{
	struct parts *ret = container_of(req, struct parts_call, req)->ret;
	const struct store_list_parts *page = &req->list_parts;
	struct store_part_info *list;

	ret->status = req->status;
	ret->next = 0;
	if (req->status < 0 || page->count == 0)
		return;
	list = realloc(ret->list, (ret->count + page->count) * sizeof(*list));
	if (!list) {
		ret->status = -ENOMEM;
		return;
	}
	memcpy(list + ret->count, page->parts, page->count * sizeof(*list));
	ret->list = list;
	ret->count += page->count;
	for (size_t i = 0; i < page->count; i++)
		ret->size += page->parts[i].size;
	ret->next = ret->count < PARTS_MAX ? page->next : 0;
}

/* The parts that the store has. */
static int stored_parts(struct bucket *bucket,
                        const struct upload_record *record, struct parts *ret)
{
	struct parts_call call = {.ret = ret};

	do {
		call.req = (struct store_req){
			.verb = STORE_MPU_LIST_PARTS,
			.key = record->key,
			.deadline_ms = CALL_MS,
			.list_parts = {.upload_id = record->upload_id,
		                       .after = ret->next},
			.done = parts_done,
		};
		(void)store_call(bucket->store, &call.req);
	} while (ret->status == 0 && ret->next > 0);
	return ret->status;
}

/* Abort; one that is gone is fine. */
static int send_abort(struct bucket *bucket, const struct upload_record *record,
                      struct err *reterr)
{
	struct store_req req = {
		.verb = STORE_MPU_ABORT,
		.key = record->key,
		.deadline_ms = CALL_MS,
		.abort = {.upload_id = record->upload_id},
	};
	int r = store_call(bucket->store, &req);

	if (r < 0 && r != -ENOENT)
		return err_set(reterr, r, "%s", req.err.text);
	return 0;
}

/* Complete, with the record's condition where the store heeds it. */
static int send_complete(struct bucket *bucket,
                         const struct upload_record *record,
                         const struct parts *parts, bool conditional,
                         struct err *reterr)
{
	struct store_req req = {
		.verb = STORE_MPU_COMPLETE,
		.key = record->key,
		.complete = {.upload_id = record->upload_id,
	                     .parts = parts->list,
	                     .count = parts->count},
	};
	int r;

	if (conditional && record->expect == UPLOAD_ABSENT)
		req.if_none_match = "*";
	if (conditional && record->expect == UPLOAD_ETAG)
		req.if_match = record->etag;
	r = store_call(bucket->store, &req);
	return r < 0 ? err_set(reterr, r, "%s", req.err.text) : 0;
}

/* ---- states ---- */

/* Create was about to be sent. */
static int settle_intent(struct bucket *bucket, uint64_t id,
                         const struct upload_record *record)
{
	uint64_t now = (uint64_t)clock_wall(bucket->fs->parts.clock).tv_sec;
	const struct upload_stray stray = {
		.key = record->key,
		.known_id = record->upload_id,
		.from_s = record->began_s,
		.to_s = record->began_s + CREATE_S,
		.expected = 1,
	};
	int r = upload_stray_abort(bucket->store, &stray);

	if (r == -EEXIST && now > record->began_s + 7 * 86400)
		r = 0; /* named in the log every time; enough of it */
	if (r == -EEXIST)
		return 0; /* the next start looks again */
	if (r >= 0 && record->state == UPLOAD_INTENT)
		drop(bucket, id, record);
	return r < 0 ? r : 0;
}

/* Its writer ended with us: what is there stays there. */
static int settle_open(struct bucket *bucket, uint64_t id,
                       const struct upload_record *record)
{
	cleanup(parts_release) struct parts parts = {0};
	struct upload_record now = *record;
	int r;

	if (record->remade) {
		r = send_abort(bucket, record, NULL);
		if (r == 0)
			drop(bucket, id, record);
		return r;
	}
	r = stored_parts(bucket, record, &parts);
	if (r == -ENOENT) {
		log_info("the upload of '%s/%s' is gone from the store",
		         record->bucket, record->key);
		drop(bucket, id, record);
		return 0;
	}
	if (r < 0)
		return r;
	now.size = parts.size;
	now.parts = parts.count > 0 ? parts.list[parts.count - 1].number : 0;
	if (now.parts < record->parts)
		now.parts = record->parts; /* so all its records go */
	keep(bucket, id, &now, "porterfs ended while it was written");
	return 0;
}

/* Complete was answered: is the object ours? */
static int settle_completed(struct bucket *bucket, uint64_t id,
                            const struct upload_record *record)
{
	struct recover_head head = {0};

	ask_head(bucket, record->key, &head);
	if (head.status < 0 && head.status != -ENOENT)
		return head.status;
	recover_published(bucket, record->key);
	if (recover_is_ours(record, &head))
		log_info("'%s/%s' is published: its close was under way",
		         record->bucket, record->key);
	else
		log_error("'%s/%s' was closed but is lost: its upload is gone "
		          "and the store has %s",
		          record->bucket, record->key,
		          head.status < 0 ? "no such object"
		                          : "another version");
	drop(bucket, id, record);
	return 0;
}

/* Nothing speaks against it: complete it again. */
static int complete_again(struct bucket *bucket, uint64_t id,
                          const struct upload_record *record)
{
	bool heeds = store_limits(bucket->store)->complete_conditions;
	cleanup(parts_release) struct parts parts = {0};
	struct err err = {0};
	int r = noted_parts(bucket, id, record, &parts);

	if (r == -EBADMSG) {
		keep(bucket, id, record, "its record lacks parts");
		return 0;
	}
	if (r == 0)
		r = send_complete(bucket, record, &parts, heeds, &err);
	if (r == -ESTALE || r == -EEXIST) {
		keep(bucket, id, record,
		     "it was written by somebody else meanwhile");
		return 0;
	}
	if (r == 0 || r == -ENOENT)
		return settle_completed(bucket, id, record);
	return r;
}

/* Complete was about to be sent. */
static int settle_finishing(struct bucket *bucket, uint64_t id,
                            const struct upload_record *record)
{
	bool heeds = store_limits(bucket->store)->complete_conditions;
	struct recover_head head = {0};

	ask_head(bucket, record->key, &head);
	switch (recover_finishing(record, &head, heeds)) {
	case RECOVER_LATER:
		return head.status;
	case RECOVER_PUBLISHED:
		recover_published(bucket, record->key);
		log_info("'%s/%s' is published: its close was under way",
		         record->bucket, record->key);
		drop(bucket, id, record);
		return 0;
	case RECOVER_COMPLETE:
		return complete_again(bucket, id, record);
	case RECOVER_KEEP:
		break;
	}
	keep(bucket, id, record, "it was written by somebody else meanwhile");
	return 0;
}

/* It stays, unless the store has it no more. */
static int settle_kept(struct bucket *bucket, uint64_t id,
                       const struct upload_record *record)
{
	cleanup(parts_release) struct parts parts = {0};
	int r = stored_parts(bucket, record, &parts);

	if (r == -ENOENT) {
		log_info("the kept upload %llu of '%s/%s' is gone from the "
		         "store",
		         (unsigned long long)id, record->bucket, record->key);
		drop(bucket, id, record);
	}
	return r == -ENOENT ? 0 : r;
}

int recover_upload(struct bucket *bucket, uint64_t id,
                   const struct upload_record *record)
{
	int r = 0;

	if (record->stray && record->state != UPLOAD_INTENT)
		r = settle_intent(bucket, id, record);
	if (r < 0)
		return r;
	switch (record->state) {
	case UPLOAD_INTENT:
		return settle_intent(bucket, id, record);
	case UPLOAD_OPEN:
		return settle_open(bucket, id, record);
	case UPLOAD_FINISHING:
		return settle_finishing(bucket, id, record);
	case UPLOAD_KEPT:
		return settle_kept(bucket, id, record);
	case UPLOAD_ABORTING:
		break;
	}
	r = send_abort(bucket, record, NULL);
	if (r == 0)
		drop(bucket, id, record);
	return r;
}

/* ---- a person's decisions ---- */

/* The store's parts must be 1, 2, 3 ... for there to be a file. */
static int check_parts(const struct parts *parts, struct err *reterr)
{
	if (parts->count == 0)
		return err_set(reterr, -ENODATA, "no part of it is there");
	for (size_t i = 0; i < parts->count; i++)
		if (parts->list[i].number != i + 1)
			return err_set(reterr, -ENODATA,
			               "part %zu of it is missing", i + 1);
	return 0;
}

int recover_publish(struct bucket *bucket, uint64_t id,
                    const struct upload_record *record, struct err *reterr)
{
	cleanup(parts_release) struct parts parts = {0};
	struct upload_record sent = *record;
	struct recover_head head = {0};
	struct err err = {0};
	int r = stored_parts(bucket, record, &parts);

	if (r < 0)
		return err_set(reterr, r, "its parts cannot be listed: %s",
		               err_name(r));
	r = check_parts(&parts, reterr);
	if (r < 0)
		return r;
	sent.size = parts.size;
	r = send_complete(bucket, record, &parts, false, &err);
	if (r < 0 && r != -ENOENT)
		return err_set(reterr, r, "%s", err.text);
	ask_head(bucket, record->key, &head);
	recover_published(bucket, record->key);
	if (!recover_is_ours(&sent, &head))
		return err_set(reterr, r < 0 ? r : -EIO,
		               "it was completed, but the store has %s",
		               head.status < 0 ? "no such object"
		                               : "another version");
	drop(bucket, id, record);
	return 0;
}

int recover_abort(struct bucket *bucket, uint64_t id,
                  const struct upload_record *record, struct err *reterr)
{
	int r = record->upload_id[0] ? send_abort(bucket, record, reterr) : 0;

	if (r == 0)
		drop(bucket, id, record);
	return r;
}
