/* SPDX-License-Identifier: MIT */
/*
 * The commit of an upload, and its doubts.
 *
 *   DRAIN    until every part is acknowledged
 *     v
 *   CHECK    HEAD, only where the store does not heed the condition itself
 *     v
 *   COMMIT   one PUT, or Complete
 *     |  \_ no doubt about the outcome ------------+
 *     v                                            |
 *   VERIFY   HEAD: nonce and size say whether ours is there
 *     v                                            v
 *   RESTAMP  COPY onto itself, only when the headers changed meanwhile
 *     v
 *   ENDED
 */
#include "base/digest.h"
#include "base/log.h"
#include "base/str.h"
#include "upload_state.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- helpers ---- */

/* One step has come to its end: let the next one begin. */
static void step_end(struct upload *up, struct upload_debris *debris)
{
	(void)pthread_mutex_unlock(&up->lock);
	upload_debris_clear(up, debris);
	upload_go_on(up);
	upload_unref(up);
}

/* Tell the owner that the object is there; status < 0: not all of it is. */
static void publish_locked(struct upload *up, int status, const struct err *err,
                           struct upload_finish **ret)
{
	struct upload_finish *finish = up->finish;

	up->published = true;
	up->stage = STAGE_ENDED;
	up->finish = NULL;
	if (!finish)
		return;

	finish->published = true;
	finish->info = up->info;
	finish->info.headers = (struct store_headers){0};
	finish->status = status;
	if (status < 0)
		finish->err = *err;
	*ret = finish;
}

void upload_publish(struct upload *up, int status, const struct err *err)
{
	struct upload_finish *finish = NULL;
	struct upload_debris debris;

	upload_debris_init(&debris);
	publish_locked(up, status, err, &finish);
	upload_forget_locked(up);
	up->tail = NULL;
	list_splice(&debris.parts, &up->parts); /* the PUT's */
	(void)pthread_mutex_unlock(&up->lock);

	upload_debris_clear(up, &debris);
	if (finish)
		finish->done(finish);
	upload_go_on(up);
	upload_unref(up);
}

/* A failure of the end; the lock is held on entry only. */
static void fail(struct upload *up, int status, const struct err *err)
{
	struct upload_debris debris;

	upload_debris_init(&debris);
	up->stage = STAGE_ENDED;
	if (up->whole) {
		up->whole->flying = false;
		up->whole = NULL;
	}
	if (up->doubt) {
		up->keep = true;
		log_error("whether '%s' was published is not known (upload id "
		          "%s); the next start settles it",
		          up->target->key, up->upload_id);
	} else if (status == -ESTALE && up->create == CREATE_DONE) {
		up->keep = true;
		upload_note_kept_locked(up, err->text, true);
		log_warning("the upload of '%s' was left open (upload id %s): "
		            "%s",
		            up->target->key, up->upload_id, err->text);
	}
	upload_fail_locked(up, status, err, &debris);
	step_end(up, &debris);
}

/* ---- is it ours? ---- */

/* Whether a HEAD shows the object that this upload was to make. */
static bool is_ours(const struct upload *up, const struct store_req *head)
{
	const char *nonce = attr_nonce(&head->info.headers);

	return head->status == 0 && head->info.size == up->size && nonce &&
	       strcmp(nonce, up->nonce) == 0;
}

/* The 16 bytes of "\"32 hex digits\"". */
static bool md5_of_etag(const char *etag, uint8_t ret[MD5_SIZE])
{
	if (strlen(etag) != 2 * MD5_SIZE + 2 || etag[0] != '"')
		return false;

	for (unsigned i = 0; i < MD5_SIZE; i++) {
		char pair[3] = {etag[1 + 2 * i], etag[2 + 2 * i], '\0'};
		char *end;

		ret[i] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2)
			return false;
	}
	return true;
}

/*
 * Whether etag is what S3 makes of these very parts: the MD5 of their MD5s and
 * their number.  False proves nothing: some stores and encryptions count
 * otherwise.
 */
static bool etag_proves_parts(const struct upload *up, const char *etag)
{
	struct digest *digest = NULL;
	uint8_t md5[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];
	char expected[STORE_ETAG_MAX];
	bool known = digest_new(DIGEST_MD5, &digest) == 0;

	for (unsigned i = 0; known && i < up->last_number; i++) {
		known = md5_of_etag(up->infos[i].etag, md5);
		if (known)
			digest_update(digest, md5, sizeof(md5));
	}
	known = known && digest_finish(digest, md5) == 0;
	digest_free(digest);
	if (!known)
		return false;

	digest_hex(md5, sizeof(md5), hex);
	(void)snprintf(expected, sizeof(expected), "\"%s-%u\"", hex,
	               up->last_number);
	return strcmp(expected, etag) == 0;
}

/* ---- VERIFY ---- */

/* What a commit's failure is for the caller of close(). */
static int commit_errno(const struct upload *up, int status)
{
	bool condition = status == -EEXIST || status == -ESTALE;

	if (up->whole_of && up->stage == STAGE_COMMIT)
		return upload_copy_errno(status);
	if (up->expect == UPLOAD_ABSENT && condition)
		return up->exclusive ? -EEXIST : -ESTALE;
	if (up->expect == UPLOAD_ETAG && (condition || status == -ENOENT))
		return -ESTALE;
	return status == -ENOENT ? -EIO : status;
}

/* A HEAD showed another object than ours, or none. */
static void refute(struct upload *up, const struct store_req *head)
{
	struct err err = up->first_story;
	int status = up->first_error;

	if (status == 0 && head->status == 0)
		status = err_set(&err, -ESTALE,
		                 "'%s' was replaced by somebody else right "
		                 "after it was written",
		                 up->target->key);
	else if (status == 0)
		status = err_set(&err, -EIO, "'%s' cannot be verified: %s",
		                 up->target->key, head->err.text);
	if (up->late) {
		upload_publish(up, status, &err); /* the bytes are there */
		return;
	}
	up->doubt =
		up->record > 0 && head->status < 0 && head->status != -ENOENT;
	/* A gone upload is no broken condition: what was expected is there. */
	if (status == -ENOENT && up->expect == UPLOAD_ETAG &&
	    head->status == 0 && strcmp(head->info.etag, up->expect_etag) == 0)
		status = -EIO;
	status = commit_errno(up, status);
	err.code = status;
	fail(up, status, &err);
}

/* done() of the HEAD that settles a doubt. */
static void verify_done(struct store_req *req)
{
	struct upload *up = req->owner;

	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	if (!is_ours(up, req)) {
		refute(up, req);
		return;
	}

	up->info = req->info;
	if (up->late || up->create != CREATE_DONE) {
		upload_publish(up, 0, NULL);
		return;
	}
	up->stage = STAGE_RESTAMP;
	(void)pthread_mutex_unlock(&up->lock);
	upload_go_on(up);
	upload_unref(up);
}

/* Send a HEAD. The lock is held on entry and on return. */
static void head_submit(struct upload *up, store_done_fn *done)
{
	up->req = (struct store_req){
		.verb = STORE_HEAD,
		.key = up->target->key,
		.deadline_ms = up->stage == STAGE_VERIFY
	                               ? up->all->config.deadline_ms
	                               : 0,
		.done = done,
	};
	upload_req_submit(up);
}

/* ---- COMMIT ---- */

/* Whether a failed commit may have been applied all the same. */
static bool in_doubt(const struct upload *up, const struct store_req *req)
{
	if (up->cancelled)
		return false;
	if (req->maybe_applied || req->attempts > 1)
		return true;
	return req->verb == STORE_MPU_COMPLETE &&
	       (req->status == -ENOENT || req->status == -EIO);
}

/* Whether a successful reply says all there is to know. */
static bool reply_proves(const struct upload *up, const struct store_req *req)
{
	if (req->info.etag[0] == '\0')
		return false;
	if (req->verb != STORE_MPU_COMPLETE)
		return true;
	return up->limits->complete_gives_etag &&
	       etag_proves_parts(up, req->info.etag);
}

/* done() of PUT and Complete. */
static void commit_done(struct store_req *req)
{
	struct upload *up = req->owner;
	bool proven = req->status == 0 && reply_proves(up, req);

	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	up->first_error = req->status;
	up->first_story = req->err;
	if (req->status < 0 && !in_doubt(up, req)) {
		int status = commit_errno(up, req->status);

		up->first_story.code = status;
		fail(up, status, &up->first_story);
		return;
	}

	if (proven) {
		up->info = req->info;
		up->info.size = up->size;
	}
	if (proven && req->verb != STORE_MPU_COMPLETE) {
		upload_publish(up, 0, NULL);
		return;
	}
	up->stage = proven ? STAGE_RESTAMP : STAGE_VERIFY;
	(void)pthread_mutex_unlock(&up->lock);
	upload_go_on(up);
	upload_unref(up);
}

/* Attach the condition where the store heeds it. */
static void set_condition(struct upload *up, bool match, bool none_match)
{
	if (up->expect == UPLOAD_ETAG && match)
		up->req.if_match = up->expect_etag;
	if (up->expect == UPLOAD_ABSENT && none_match)
		up->req.if_none_match = "*";
}

/* Send the one PUT. Lock as in upload_req_submit(); 0 or -ENOMEM. */
static int put_submit(struct upload *up)
{
	struct chain body = {0};

	if (up->whole) {
		int r = upload_part_chain(up->whole, &body);

		if (r < 0)
			return r;
		up->whole->flying = true;
	}
	up->req = (struct store_req){
		.verb = STORE_PUT,
		.key = up->target->key,
		.deadline_ms = up->all->config.deadline_ms,
		.put = {.body = body, .headers = up->target->headers.headers},
		.done = commit_done,
	};
	set_condition(up, up->limits->put_if_match,
	              up->limits->put_if_none_match);
	upload_req_submit(up);
	return 0;
}

/* Send the COPY of a whole object. Lock as in upload_req_submit(). */
static void copy_submit(struct upload *up)
{
	up->req = (struct store_req){
		.verb = STORE_COPY,
		.key = up->target->key,
		.copy = {.source = up->whole_of->store,
	                 .source_key = up->whole_of->key,
	                 .source_if_match = up->whole_of->etag,
	                 .replace_headers = true,
	                 .headers = up->target->headers.headers},
		.done = commit_done,
	};
	set_condition(up, up->limits->copy_conditions,
	              up->limits->copy_conditions);
	upload_req_submit(up);
}

/* Send Complete. Lock as in upload_req_submit(). */
static void complete_submit(struct upload *up)
{
	up->req = (struct store_req){
		.verb = STORE_MPU_COMPLETE,
		.key = up->target->key,
		.complete = {.upload_id = up->upload_id,
	                     .parts = up->infos,
	                     .count = up->last_number},
		.done = commit_done,
	};
	set_condition(up, up->limits->complete_conditions,
	              up->limits->complete_conditions);
	upload_req_submit(up);
}

/* ---- CHECK ---- */

bool upload_must_check(const struct upload *up)
{
	const struct store_limits *limits = up->limits;
	bool parts = up->create == CREATE_DONE;

	if (up->expect != UPLOAD_ANY && up->whole_of)
		return !limits->copy_conditions;
	if (up->expect == UPLOAD_ETAG)
		return parts ? !limits->complete_conditions
		             : !limits->put_if_match;
	if (up->expect == UPLOAD_ABSENT)
		return parts ? !limits->complete_conditions
		             : !limits->put_if_none_match;
	return false;
}

enum upload_stage upload_stage_of_commit(const struct upload *up)
{
	if (upload_origins_unsure_locked(up))
		return STAGE_ORIGINS;
	return upload_must_check(up) ? STAGE_CHECK : STAGE_COMMIT;
}

/* What a HEAD just before the commit says of the condition. */
static int judge(const struct upload *up, const struct store_req *head,
                 struct err *reterr)
{
	if (head->status < 0 && head->status != -ENOENT) {
		*reterr = head->err;
		return head->status;
	}
	if (up->expect == UPLOAD_ABSENT && head->status == -ENOENT)
		return 0;
	if (up->expect == UPLOAD_ETAG && head->status == 0 &&
	    strcmp(head->info.etag, up->expect_etag) == 0)
		return 0;
	return err_set(reterr, commit_errno(up, -ESTALE),
	               "'%s' was %s by somebody else meanwhile; not published",
	               up->target->key,
	               head->status < 0 ? "deleted" : "written");
}

/* done() of the HEAD before the commit. */
static void check_done(struct store_req *req)
{
	struct upload *up = req->owner;
	struct err err;
	int r;

	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	r = judge(up, req, &err);
	if (r < 0) {
		fail(up, r, &err);
		return;
	}
	up->stage = STAGE_COMMIT;
	(void)pthread_mutex_unlock(&up->lock);
	upload_go_on(up);
	upload_unref(up);
}

/* ---- one step ---- */

int upload_step_locked(struct upload *up)
{
	switch (up->stage) {
	case STAGE_ORIGINS:
		upload_origins_step_locked(up);
		return 0;
	case STAGE_CHECK:
		head_submit(up, check_done);
		return 0;
	case STAGE_COMMIT:
		if (up->create == CREATE_DONE) {
			if (!upload_note_finishing_locked(up))
				complete_submit(up);
		} else if (up->whole_of)
			copy_submit(up);
		else
			return put_submit(up);
		return 0;
	case STAGE_VERIFY:
		head_submit(up, verify_done);
		return 0;
	case STAGE_OPEN:
	case STAGE_DRAIN:
	case STAGE_RESTAMP:
	case STAGE_ENDED:
	case STAGE_ABORT:
	case STAGE_GONE:
		break;
	}
	assert(false);
	return -EINVAL;
}
