/* SPDX-License-Identifier: MIT */
/*
 * From DIRTY to the store:
 *
 *   begin    COMMITTING: nothing is written any more, who comes waits
 *     v
 *   base     until the HEAD has said what is to be replaced
 *     v
 *   turn     until nobody else of us changes the key; whoever had the turn
 *            may have unlinked the file: then it is DIRTY again, for nobody
 *     v
 *   finish   the upload: PUT or Complete, with its condition
 *     v
 *   CLEAN    the inode has the new version   |   FAILED   the error is latched
 *
 * Whoever waits is told after that; a failure of a file that nobody has open
 * any more is logged, because nobody else will hear of it.
 */
#include "base/log.h"
#include "base/str.h"
#include "content_state.h"

#include <assert.h>
#include <string.h>

struct commit {
	struct content *content; /* shares */
	struct content_wait wait;
	struct turn turn;
	bool has_turn;
	struct draft *draft; /* shares: what is sent, or NULL */
	struct draft_step step;
	struct draft_send send;
	struct upload_finish finish;
	const char *keep_why; /* refused here: the upload is kept; static text */
};

static void commit_go(struct commit *commit);

/* ---- the end ---- */

/*
 * Move the content on; *ret is to be dropped.  An edit that was noted is tried
 * again by the next start, unless it was refused here and its upload is kept.
 */
static void move_on_locked(struct content *content, bool kept,
                           const struct upload_finish *finish,
                           struct content_rest *ret)
{
	if (!finish->published) {
		if (content->draft && !kept)
			draft_keep_note(content->draft);
		ret->draft = take(&content->draft);
		ret->up = content_latch_locked(content, finish->status,
		                               &finish->err);
		return;
	}
	content_give_up_locked(content, ret);
	content->step = CONTENT_CLEAN;
	content->created = false;
	content->exclusive = false;
	content->base = BASE_KNOWN;
	content->base_ours = true;
	content->base_check = 0;
	content->late_status = finish->status;
	content->late_err = finish->err;
}

/*
 * When nobody will close the file any more, say what went wrong.  Returns the
 * error that nobody else hears of, else 0.
 */
static int log_loss(struct content *content, const struct upload_finish *finish)
{
	struct inode *inode = content->inode;
	bool unheard;

	{
		WITH_LOCK(&content->lock);
		unheard = content->writers == 0 && list_empty(&content->waits);
	}
	if (!unheard)
		return 0;

	WITH_LOCK(&inode->lock);
	log_error("'%s' %s after its last close: %s", inode->key,
	          finish->published ? "lost its late metadata"
	                            : "could not be published",
	          finish->err.text);
	return finish->status;
}

/* The outcome is in commit->finish: tell everybody. */
static void commit_end(struct commit *commit)
{
	struct content *content = commit->content;
	struct fs *fs = content->all->fs;
	struct content_rest rest = {0};
	int lost = 0;

	if (commit->finish.published)
		inode_committed(content->inode, &commit->finish.info);
	if (commit->has_turn)
		turn_end(&commit->turn);
	if (commit->finish.status < 0)
		lost = log_loss(content, &commit->finish);
	{
		WITH_LOCK(&content->lock);
		move_on_locked(content, commit->keep_why, &commit->finish,
		               &rest);
	}
	if (commit->keep_why)
		content_keep_upload(content, take(&rest.up), commit->keep_why);
	content_drop_rest(content, &rest);
	content_wake(content);
	content_settle(content);
	draft_unref(commit->draft);
	free(commit);
	content_put(content);
	fs_end(fs, lost);
}

/* As if the commit had never begun: the content is step, *rest is dropped. */
static void commit_undo(struct commit *commit, struct content_rest *rest)
{
	struct content *content = commit->content;
	struct fs *fs = content->all->fs;

	turn_end(&commit->turn);
	content_drop_rest(content, rest);
	content_wake(content);
	content_settle(content);
	draft_unref(commit->draft);
	free(commit);
	content_put(content);
	fs_end(fs, 0);
}

/*
 * The name was taken from the file while the commit waited: nothing is
 * published.
 */
static void commit_forget(struct commit *commit)
{
	struct content *content = commit->content;
	struct content_rest rest = {0};

	{
		WITH_LOCK(&content->lock);
		content->step = CONTENT_DIRTY;
		if (content->readers == 0) {
			content->forgotten = content->size > 0;
			content_give_up_locked(content, &rest);
		}
	}
	commit_undo(commit, &rest);
}

/* The draft is what the store has: nothing is sent. */
static void commit_nothing(struct commit *commit)
{
	struct content *content = commit->content;
	struct content_rest rest = {0};

	{
		WITH_LOCK(&content->lock);
		content_give_up_locked(content, &rest);
		content->step = CONTENT_CLEAN;
	}
	commit_undo(commit, &rest);
}

/* End without having asked the store. */
static void commit_fail(struct commit *commit, int status,
                        const struct err *err)
{
	commit->finish.status = status;
	commit->finish.published = false;
	if (err)
		commit->finish.err = *err;
	else
		(void)err_set(&commit->finish.err, status, "%s",
		              err_name(status));
	commit_end(commit);
}

/*
 * Whether the server refused to copy from another bucket, with keys that may
 * not read there: then the bytes go through here.
 */
static bool must_stream(struct commit *commit, int status)
{
	return (status == -EACCES || status == -EXDEV ||
	        status == -EOPNOTSUPP) &&
	       commit->send.copies_foreign && !commit->send.sends_foreign;
}

/* Send the draft once more, this time with all bytes of other buckets. */
static void stream_instead(struct commit *commit, const struct err *err)
{
	struct content *content = commit->content;
	struct upload *up;

	log_info("node %llu: the server does not copy from the other bucket, "
	         "the bytes are read and sent: %s",
	         (unsigned long long)content->inode->nodeid, err->text);
	{
		WITH_LOCK(&content->lock);
		up = take(&content->up);
	}
	content_drop_upload(content, up);
	commit->send.sends_foreign = true;
	commit->finish.status = 0;
	draft_do(commit->draft, &commit->step);
}

/* done() of upload_finish(). */
static void finish_done(struct upload_finish *finish)
{
	struct commit *commit = container_of(finish, struct commit, finish);

	if (!finish->published && must_stream(commit, finish->status))
		stream_instead(commit, &finish->err);
	else
		commit_end(commit);
}

/* ---- what is to be replaced ---- */

/* Expect the version etag, or with "" that there is none. */
static void expect(struct upload_finish *finish, const char *etag)
{
	finish->expect = etag[0] ? UPLOAD_ETAG : UPLOAD_ABSENT;
	(void)str_copy(finish->etag, sizeof(finish->etag), etag);
}

/* Fill in the condition; the turn is ours, so nobody of us moves the version. */
static void set_expectation(struct commit *commit)
{
	struct content *content = commit->content;
	struct inode *inode = content->inode;

	WITH_LOCK(&inode->lock);
	WITH_LOCK(&content->lock);
	commit->finish.exclusive = content->exclusive;
	if (content->created)
		expect(&commit->finish,
		       inode->extra ? inode->extra->replaces : "");
	else if (content->base_ours)
		expect(&commit->finish, inode->attr.etag);
	else
		expect(&commit->finish, content->base_etag);
}

/* ---- steps ---- */

/* The upload to finish, made when there is none; NULL: out of memory. */
static struct upload *commit_upload(struct content *content)
{
	struct upload *up = content->up; /* nobody else's while COMMITTING */

	if (up)
		return up;
	up = content_new_upload(content);

	WITH_LOCK(&content->lock);
	content->up = up;
	return up;
}

/* Whether the upload still is for the name that the file has. */
static int still_there(struct commit *commit, struct upload *up,
                       struct err *reterr)
{
	struct inode *inode = commit->content->inode;
	const char *key = upload_key(up);

	WITH_LOCK(&inode->lock);
	if (!key || strcmp(key, inode->key) == 0)
		return 0;
	return err_set(reterr, -EBUSY,
	               "it was renamed to '%s' after parts of it were sent as "
	               "'%s'",
	               inode->key, key);
}

/* All bytes are the upload's: publish them, unless the guard refuses. */
static void commit_publish(struct commit *commit, struct upload *up)
{
	bool judged = (!commit->draft || commit->send.guarded) &&
	              upload_status(up, NULL) == 0;
	struct err err = {0};
	int r = still_there(commit, up, &err);

	if (r < 0)
		commit->keep_why = "it was renamed while it was sent";
	if (r == 0 && judged) {
		r = content_guard_judge(commit->content, up, &err);
		if (r < 0)
			commit->keep_why = "its [guard] refused it";
	}
	if (r < 0) {
		commit_fail(commit, r, &err);
		return;
	}
	upload_finish(up, &commit->finish);
}

/* done() of sending a draft. */
static void draft_sent(struct draft_send *send)
{
	struct commit *commit = container_of(send, struct commit, send);

	if (send->status == -ENOENT)
		send->status = -ESTALE;
	if (send->status == -ESTALE)
		(void)err_wrap(&send->err,
		               "the version that was changed is gone");
	if (must_stream(commit, send->status))
		stream_instead(commit, &send->err);
	else if (send->status < 0)
		commit_fail(commit, send->status, &send->err);
	else
		commit_publish(commit, send->up);
}

/* Whether the file is what the store has, attributes and all. */
static bool is_unchanged(struct commit *commit)
{
	struct inode *inode = commit->content->inode;
	bool local;

	{
		WITH_LOCK(&inode->lock);
		local = inode->local;
	}
	return !local && draft_unchanged(commit->draft);
}

void content_send_init(struct draft_send *send, struct content *content,
                       struct draft *draft, struct upload *up)
{
	send->gate = &content->all->gate;
	send->draft = draft;
	send->up = up;
	send->uploads = content->all->uploads;
	send->store = content->inode->bucket->store;
	send->exec = content->all->fs->parts.exec;
}

/* run() of a draft's step: all changes that were begun before are made. */
static void draft_quiet(struct draft_step *step)
{
	struct commit *commit = container_of(step, struct commit, step);
	struct content *content = commit->content;
	struct upload *up;

	content_repin(content, commit->draft);
	if (is_unchanged(commit)) {
		commit_nothing(commit);
		return;
	}
	up = commit_upload(content);
	if (!up) {
		commit_fail(commit, -ENOMEM, NULL);
		return;
	}
	content_send_init(&commit->send, content, commit->draft, up);
	commit->send.guarded =
		content_guard(up) && !draft_is_copy(commit->draft);
	commit->send.seen = content_guard_feed;
	commit->send.done = draft_sent;
	draft_send(&commit->send);
}

/*
 * Whether the guard has not seen all bytes yet: writes are still being copied,
 * and the last of them runs the commit again.
 */
static bool wait_for_guard(struct commit *commit, struct upload *up)
{
	struct content *content = commit->content;

	if (!content_guard(up))
		return false;

	WITH_LOCK(&content->lock);
	if (content_guarded(up) == content->size || upload_status(up, NULL) < 0)
		return false;
	list_append(&content->waits, &commit->wait.link);
	return true;
}

/* The store's own step; the turn is ours. */
static void commit_finish(struct commit *commit)
{
	struct content *content = commit->content;
	struct upload *up;
	bool abandoned;

	set_expectation(commit);
	{
		WITH_LOCK(&content->lock);
		abandoned = content->abandoned;
		if (content->draft)
			commit->draft = draft_ref(content->draft);
	}
	commit->finish.done = finish_done;
	if (abandoned) {
		commit_forget(commit);
	} else if (commit->draft) {
		commit->step.run = draft_quiet;
		draft_do(commit->draft, &commit->step);
	} else {
		up = commit_upload(content);
		if (up && wait_for_guard(commit, up))
			return;
		if (up)
			commit_publish(commit, up);
		else
			commit_fail(commit, -ENOMEM, NULL);
	}
}

/* granted() of the turn. */
static void turn_granted(struct turn *turn)
{
	struct commit *commit = container_of(turn, struct commit, turn);

	commit->has_turn = true;
	commit_go(commit);
}

/* Take the turn of the inode's key; false: turn_granted() goes on. */
static bool take_turn(struct commit *commit)
{
	struct inode *inode = commit->content->inode;
	char key[STORE_KEY_MAX + 1];

	{
		WITH_LOCK(&inode->lock);
		(void)str_copy(key, sizeof(key), inode->key);
	}
	commit->turn.granted = turn_granted;
	commit->has_turn = turn_take(inode->bucket, key, &commit->turn);
	return commit->has_turn;
}

/* Whether the turn is for the name that the inode has now. */
static bool turn_fits(struct commit *commit)
{
	struct inode *inode = commit->content->inode;

	WITH_LOCK(&inode->lock);
	return strcmp(commit->turn.key, inode->key) == 0;
}

/* Whether the base is known; else the commit waits for it, or has failed. */
static bool base_known(struct commit *commit)
{
	struct content *content = commit->content;
	struct err err;

	{
		WITH_LOCK(&content->lock);
		if (content->created || content->base == BASE_KNOWN)
			return true;
		if (content->base != BASE_FAILED) {
			list_append(&content->waits, &commit->wait.link);
			return false;
		}
		err = content->base_err;
	}
	(void)err_wrap(&err, "what is to be replaced cannot be known");
	commit_fail(commit, err.code, &err);
	return false;
}

/* Take the next step; commit may be gone afterwards. */
static void commit_go(struct commit *commit)
{
	if (!commit->has_turn && !base_known(commit))
		return;

	while (!commit->has_turn || !turn_fits(commit)) {
		if (commit->has_turn)
			turn_end(&commit->turn);
		commit->has_turn = false;
		if (!take_turn(commit))
			return;
	}
	commit_finish(commit);
}

/* go() of the wait for the base. */
static void base_came(struct content_wait *wait)
{
	commit_go(container_of(wait, struct commit, wait));
}

void content_commit_begin_locked(struct content *content)
{
	assert(content->step == CONTENT_DIRTY);
	content->step = CONTENT_COMMITTING;
	content->late_status = 0;
}

void content_commit(struct content *content)
{
	struct commit *commit = calloc(1, sizeof(*commit));
	struct upload *up = NULL;

	fs_begin(content->all->fs);
	if (commit) {
		commit->content = content_ref(content);
		commit->wait.go = base_came;
		content_ask_base(content);
		commit_go(commit);
		return;
	}
	{
		WITH_LOCK(&content->lock);
		up = content_latch_locked(content, -ENOMEM, NULL);
	}
	content_drop_upload(content, up);
	content_wake(content);
	content_settle(content);
	fs_end(content->all->fs, -ENOMEM);
}

void content_settle(struct content *content)
{
	struct content_rest rest = {0};
	bool revert;

	{
		WITH_LOCK(&content->lock);
		if (content->writers > 0 || content->step == CONTENT_COMMITTING)
			return;
		revert = content->step == CONTENT_FAILED && !content->abandoned;
		content->base = BASE_NONE;
		if (content->step == CONTENT_FAILED ||
		    (content->abandoned && content->readers == 0)) {
			content->step = CONTENT_CLEAN;
			content->status = 0;
			content->size = 0;
		}
		if (content->step == CONTENT_CLEAN)
			rest.draft = take(&content->draft);
	}
	content_drop_rest(content, &rest);
	if (revert)
		inode_reverted(content->inode);
}

/*
 * The last writer commits what is left.  Bytes of an unlinked file stay until
 * nobody can read them any more.
 */
void content_leave_as(struct content *content, bool writer, bool reader)
{
	struct commit_facts facts = {.last = true};
	struct content_rest rest = {0};
	bool commit = false;
	bool dropped;

	{
		WITH_LOCK(&content->lock);
		content->readers -= reader;
		content->writers -= writer;
		content->updaters -= writer && reader;
		facts.fresh = content->step == CONTENT_DIRTY;
		if (content->abandoned && facts.fresh) {
			if (content->writers == 0 && content->readers == 0)
				content_give_up_locked(content, &rest);
		} else if (writer && content->writers == 0) {
			commit = commit_rule(&facts, &content->all->policy) ==
			         COMMIT_NOW;
		}
		if (commit)
			content_commit_begin_locked(content);
	}
	dropped = rest.up || rest.draft;
	content_drop_rest(content, &rest);
	if (commit)
		content_commit(content);
	else if (writer || dropped)
		content_settle(content);
}

void content_leave(struct content *content)
{
	content_leave_as(content, true, false);
}
