/* SPDX-License-Identifier: MIT */
/*
 * What a commit will replace: a HEAD that starts when a file that the store has
 * is opened for writing, and runs beside the writing.
 *
 * The cache is not believed here: it may be older than another machine's last
 * write, and that must not be overwritten unseen.  Where the HEAD shows the
 * version that the inode stands for, later versions of our own making (a
 * self-copy) count as the same.
 */
#include "base/str.h"
#include "content_state.h"

#include <string.h>

struct base_ask {
	struct ask ask;
	struct turn turn;        /* nobody of us changes the key meanwhile */
	struct content *content; /* shares */
	char *key;
	uint64_t moment;
};

/* Note the answer. */
static void note_locked(struct content *content, const struct store_req *req,
                        bool ours, int check)
{
	content->base_check = check;
	if (req->status == 0 || req->status == -ENOENT) {
		content->base = BASE_KNOWN;
		content->base_ours = ours;
		(void)str_copy(content->base_etag, sizeof(content->base_etag),
		               req->status == 0 ? req->info.etag : "");
		return;
	}
	content->base = BASE_FAILED;
	content->base_err = req->err;
	content->base_err.code = req->status;
}

/* Whether the inode stands for the version that was seen. */
static bool is_ours(struct inode *inode, const struct store_req *req)
{
	WITH_LOCK(&inode->lock);
	return req->status == 0 &&
	       strcmp(inode->attr.etag, req->info.etag) == 0;
}

/* Whether the file got another name while the HEAD waited for its turn. */
static bool is_renamed(const struct base_ask *base)
{
	struct inode *inode = base->content->inode;

	WITH_LOCK(&inode->lock);
	return strcmp(inode->key, base->key) != 0;
}

/* done() of the HEAD. */
static void base_done(struct ask *ask)
{
	struct base_ask *base = (struct base_ask *)ask;
	struct content *content = base->content;
	const struct store_req *req = &ask->req;
	bool ours = is_ours(content->inode, req);
	int check = ask_status(ask);
	bool again = is_renamed(base);

	/* For those who want to read what is there. */
	if (again)
		check = 0;
	else if (req->status == 0)
		check = inode_checked(content->inode, &req->info, base->moment);
	else if (req->status == -ENOENT)
		check = -ESTALE;
	{
		WITH_LOCK(&content->lock);
		if (content->base == BASE_ASKING && again)
			content->base = BASE_NONE;
		else if (content->base == BASE_ASKING)
			note_locked(content, req, ours, check);
	}
	turn_end(&base->turn);
	if (again)
		content_ask_base(content);
	else
		content_wake(content);
	free(base->key);
	free(base);
	content_put(content);
}

/* Send the HEAD; the turn is ours. */
static void base_submit(struct base_ask *base)
{
	base->moment = meta_cache_moment(base->content->all->fs->cache);
	ask_submit(base->content->inode->bucket, &base->ask);
}

/* granted() of the turn. */
static void base_granted(struct turn *turn)
{
	base_submit(container_of(turn, struct base_ask, turn));
}

/* The HEAD, or NULL. */
static struct base_ask *base_new(struct content *content)
{
	struct inode *inode = content->inode;
	struct base_ask *base = calloc(1, sizeof(*base));

	if (!base)
		return NULL;
	{
		WITH_LOCK(&inode->lock);
		base->key = strdup(inode->key);
	}
	if (!base->key) {
		free(base);
		return NULL;
	}
	base->content = content_ref(content);
	base->turn.granted = base_granted;
	base->ask.req.verb = STORE_HEAD;
	base->ask.req.key = base->key;
	base->ask.done = base_done;
	return base;
}

void content_ask_base(struct content *content)
{
	struct base_ask *base;

	{
		WITH_LOCK(&content->lock);
		if (content->base != BASE_NONE || content->created)
			return;
		content->base = BASE_ASKING;
	}
	base = base_new(content);
	if (base) {
		if (turn_take(content->inode->bucket, base->key, &base->turn))
			base_submit(base);
		return;
	}
	{
		WITH_LOCK(&content->lock);
		content->base = BASE_FAILED;
		(void)err_set(&content->base_err, -ENOMEM, "out of memory");
		content->base_check = -ENOMEM;
	}
	content_wake(content);
}
