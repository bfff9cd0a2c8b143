/* SPDX-License-Identifier: MIT */
/*
 * A draft whose writer ended badly is kept at the store: sent as an upload that
 * is not finished, so that a person can publish or abort it.  Nobody waits for
 * that; the content goes its way.
 */
#include "base/log.h"
#include "content_state.h"

struct keep {
	struct content *content; /* shares */
	struct draft *draft;     /* shares */
	struct upload *up;
	const char *why;
	struct draft_step step;
	struct draft_send send;
};

/* The end; the upload was kept or dropped. */
static void keep_end(struct keep *keep, int status)
{
	struct content *content = keep->content;
	struct fs *fs = content->all->fs;

	draft_unref(keep->draft);
	free(keep);
	content_put(content);
	fs_end(fs, status);
}

/* The bytes of the draft are lost. */
static void keep_fail(struct keep *keep, const char *story)
{
	struct inode *inode = keep->content->inode;

	draft_keep_note(keep->draft);
	{
		WITH_LOCK(&inode->lock);
		log_error("'%s' was not published (%s), and its changed bytes "
		          "could not be kept: %s",
		          inode->key, keep->why, story);
	}
	content_drop_upload(keep->content, keep->up);
	keep_end(keep, -EIO);
}

/* done() of sending. */
static void keep_sent(struct draft_send *send)
{
	struct keep *keep = container_of(send, struct keep, send);

	if (send->status < 0) {
		keep_fail(keep, send->err.text);
		return;
	}
	content_keep_upload(keep->content, keep->up, keep->why);
	keep_end(keep, 0);
}

/* run() of the step: what was begun before is in the draft. */
static void keep_step(struct draft_step *step)
{
	struct keep *keep = container_of(step, struct keep, step);
	struct content *content = keep->content;

	content_repin(content, keep->draft);
	draft_send(&keep->send);
}

void content_keep_draft(struct content *content, struct draft *draft,
                        const char *why)
{
	struct keep *keep = calloc(1, sizeof(*keep));

	if (!keep) {
		log_error("out of memory: changed bytes could not be kept");
		draft_unref(draft);
		return;
	}
	fs_begin(content->all->fs);
	keep->content = content_ref(content);
	keep->draft = draft;
	keep->why = why;
	keep->up = content_new_upload(content);
	if (!keep->up) {
		keep_fail(keep, "out of memory");
		return;
	}
	keep->step.run = keep_step;
	content_send_init(&keep->send, content, draft, keep->up);
	keep->send.done = keep_sent;
	draft_do(draft, &keep->step);
}
