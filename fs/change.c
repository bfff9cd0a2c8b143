/* SPDX-License-Identifier: MIT */
/*
 * Changes of metadata.
 *
 * A local inode is changed at once: its commit will carry the rest.  For any
 * other an errand takes the key's turn; those that come before it has got it
 * join it.  Then the object's metadata is learnt by a HEAD, unless all of it is
 * known and the copy itself can be pinned; the changes are applied one after
 * the other; and one request makes them so: a copy onto itself with new
 * headers, or for a directory a PUT of its empty object.
 *
 * The copy is pinned to the version that is known, so it has the same bytes:
 * the inode keeps its nodeid, and its readers go on with the new ETag.
 */
#include "change.h"

#include "base/lock.h"
#include "base/log.h"
#include "call.h"
#include "errand.h"
#include "inode.h"
#include "key.h"
#include "overlay.h"

#include <string.h>

/* One caller's part of a change. */
struct part {
	struct list link;
	struct fs_call *call; /* slot */
	bool want_attr;
	struct change_plan plan; /* name and value are ours */
	char *name;
	char *value;
	int status; /* of this part alone: EEXIST, ENODATA */
};

struct change {
	struct errand errand;
	struct inode *inode; /* shares */
	struct list parts;   /* inode->lock until begun, then ours */
	bool resend;         /* inode->lock until begun: all of wanted goes */
	struct attr wanted;  /* the inode's as we begin */
	struct attr before;  /* what the store has */
	struct attr after;
	struct attr_headers headers;
	bool dir;
	char *key;
	char *object; /* key, or "key/" */
	char nonce[FS_NONCE_MAX];
};

static void part_free(struct part *part)
{
	if (!part)
		return;
	free(part->name);
	free(part->value);
	free(part);
}
DEFINE_CLEANUP(struct part *, part_free);

static void change_free(struct change *change)
{
	if (!change)
		return;
	list_for_each_safe(pos, &change->parts)
		part_free(container_of(pos, struct part, link));
	attr_headers_release(&change->headers);
	attr_release(&change->wanted);
	attr_release(&change->before);
	attr_release(&change->after);
	inode_unref(change->inode);
	free(change->object);
	free(change->key);
	free(change);
}

/* Apply every part; a part that cannot be is left out. */
static void apply_parts(struct change *change, struct attr *attr)
{
	list_for_each(pos, &change->parts) {
		struct part *part = container_of(pos, struct part, link);

		part->status = change_apply(attr, &part->plan);
	}
}

/* Answer one part. */
static void answer_part(struct change *change, struct part *part, int status)
{
	struct fs *fs = change->inode->table->fs;
	struct fs_call *call = call_claim(fs, &part->call);

	if (status == 0)
		status = part->status;
	if (call && status == 0 && part->want_attr)
		inode_entry(change->inode, &call->entry);
	if (call)
		call_fail(call, status, &change->errand.ask.req.err);
	else if (status < 0)
		log_error("cannot change metadata of \"%s\" in bucket \"%s\": "
		          "%s",
		          change->key, change->errand.bucket->name,
		          change->errand.ask.req.err.text);
}

/* The end: the same for all, but for parts that failed alone. */
static void change_end(struct change *change, int status)
{
	struct list parts;

	list_init(&parts);
	list_splice(&parts, &change->parts);
	/* Parts tell their callers; a file that is another's now needs none. */
	(void)errand_end(&change->errand,
	                 change->resend && status != -ESTALE ? status : 0,
	                 "change metadata of");
	list_for_each_safe(pos, &parts) {
		struct part *part = container_of(pos, struct part, link);

		answer_part(change, part, status);
		part_free(part);
	}
	change_free(change);
}

/* What the cache and the inode are to know now. */
static void learn(struct change *change)
{
	struct inode *inode = change->inode;
	struct bucket *bucket = inode->bucket;
	struct fs *fs = bucket->fs;
	const struct meta_name name = inode_name(bucket, change->key);
	uint64_t now = clock_ms(fs->parts.clock);
	const struct meta meta = {
		.kind = change->dir ? META_DIR : META_FILE,
		.fresh_ms = now + bucket->ttl_ms,
		.attr_ms = now + bucket->ttl_ms,
		.attr = change->after,
	};
	WITH_LOCK(&inode->lock);

	if (inode->local) {
		/* It is being rewritten: the copy is what it stands on now. */
		memcpy(inode->attr.etag, change->after.etag, STORE_ETAG_MAX);
		apply_parts(change, &inode->attr);
		if (inode->extra)
			attr_copy(&inode->extra->stored, &change->after);
	} else {
		attr_copy(&inode->attr, &change->after);
		inode->fresh_ms = meta.fresh_ms;
	}
	meta_cache_change(fs->cache, &name, inode_linked(inode) ? &meta : NULL);
}

/* The new version is there. */
static void copied(struct change *change, const struct object_info *info)
{
	struct attr *after = &change->after;

	after->known = ATTR_FROM_LIST | ATTR_FROM_HEAD;
	memcpy(after->etag, info->etag, sizeof(after->etag));
	after->modified = info->mtime;
	if (info->mtime.tv_sec == 0) {
		after->modified =
			clock_wall(change->errand.bucket->fs->parts.clock);
		after->known |= ATTR_GUESSED;
	}
	learn(change);
	change_end(change, 0);
}

/* It failed; what the store has is not sure any more. */
static void change_failed(struct change *change, int status)
{
	struct bucket *bucket = change->errand.bucket;
	const struct meta_name name = inode_name(bucket, change->key);

	meta_cache_forget(bucket->fs->cache, &name);
	(void)pthread_mutex_lock(&change->inode->lock);
	if (!change->inode->local)
		change->inode->fresh_ms = 0;
	(void)pthread_mutex_unlock(&change->inode->lock);
	if (status == -ENOENT || status == -ESTALE) {
		inode_outdated(change->inode);
		status = -ESTALE;
	}
	change_end(change, status);
}

/* A lost reply: does the object carry our nonce? */
static void checked(struct ask *ask)
{
	struct change *change = container_of(ask, struct change, errand.ask);
	const char *nonce = attr_nonce(&ask->req.info.headers);
	int status = ask_status(ask);

	if (status == 0 && (!nonce || strcmp(nonce, change->nonce) != 0))
		status = err_set(&ask->req.err, -EIO,
		                 "the store did not take the new metadata of "
		                 "\"%s\"",
		                 change->object);
	if (status < 0)
		change_failed(change, status);
	else
		copied(change, &ask->req.info);
}

/* The copy or PUT is answered. */
static void sent(struct ask *ask)
{
	struct change *change = container_of(ask, struct change, errand.ask);
	struct store_req *req = &ask->req;
	int status = ask_status(ask);

	if ((status == 0 && !req->info.etag[0]) ||
	    (status < 0 && status != -EINTR && req->maybe_applied)) {
		req->verb = STORE_HEAD;
		req->key = change->object;
		ask->done = checked;
		ask_submit(change->errand.bucket, ask);
		return;
	}
	if (status < 0)
		change_failed(change, status);
	else
		copied(change, &req->info);
}

/* Send the request that makes it so. */
static void send_change(struct change *change)
{
	struct bucket *bucket = change->errand.bucket;
	struct store_req *req = &change->errand.ask.req;

	req->key = change->object;
	change->errand.ask.done = sent;
	if (change->dir) {
		req->verb = STORE_PUT;
		req->put =
			(struct store_put){.headers = change->headers.headers};
		req->put.headers.content_type = "application/x-directory";
	} else {
		req->verb = STORE_COPY;
		req->copy = (struct store_copy){
			.source = bucket->store,
			.source_key = change->object,
			.source_if_match = change->before.etag[0]
		                                   ? change->before.etag
		                                   : NULL,
			.replace_headers = true,
			.headers = change->headers.headers,
		};
	}
	ask_submit(bucket, &change->errand.ask);
}

/* What is to be there: what is, with all changes. Whether that differs. */
static bool differs(struct change *change)
{
	struct attr *after = &change->after;

	attr_copy(after, &change->before);
	if (change->resend) {
		uint64_t size = after->size;

		attr_copy(after, &change->wanted);
		after->size = size;
	}
	apply_parts(change, after);
	return change_differs(&change->before, after);
}

/* What the store has is known: decide. */
static void decide(struct change *change)
{
	const struct store_limits *limits =
		store_limits(change->errand.bucket->store);
	struct err *err = &change->errand.ask.req.err;
	int r;

	if (!differs(change)) {
		change_end(change, 0);
		return;
	}
	if (!change->dir && change->before.size > limits->copy_max) {
		change_end(change,
		           err_set(err, -EOPNOTSUPP,
		                   "\"%s\" is too large to be copied onto "
		                   "itself, so its metadata cannot be changed",
		                   change->key));
		return;
	}
	r = attr_to_headers(&change->after,
	                    change->dir ? NULL : key_base(change->key),
	                    change->nonce, limits, &change->headers);
	if (r < 0)
		change_end(change, r);
	else
		send_change(change);
}

/* The HEAD is answered. */
static void learnt(struct ask *ask)
{
	struct change *change = container_of(ask, struct change, errand.ask);
	struct fs *fs = change->errand.bucket->fs;
	struct attr attr = {0};
	int status = ask_status(ask);

	if (status == -ENOENT && change->dir) {
		decide(change); /* it has no object yet */
		return;
	}
	if (status == 0)
		status = attr_from_info(&fs->config, &ask->req.info,
		                        change->dir ? S_IFDIR : S_IFREG, &attr);
	if (status == 0 && !change->dir &&
	    !attr_same_version(&attr, &change->before))
		status = -ESTALE;
	if (status < 0) {
		attr_release(&attr);
		change_failed(change, status);
		return;
	}
	attr_release(&change->before);
	change->before = attr;
	decide(change);
}

/* Ask for the metadata. */
static void ask_head(struct change *change)
{
	change->errand.ask.req.verb = STORE_HEAD;
	change->errand.ask.req.key = change->object;
	change->errand.ask.done = learnt;
	ask_submit(change->errand.bucket, &change->errand.ask);
}

/* Note what the inode is as our turn comes; false: there is nothing to send. */
static bool begin(struct change *change)
{
	struct inode *inode = change->inode;
	WITH_LOCK(&inode->lock);

	inode->change = NULL;
	attr_copy(&change->before, &inode->attr);
	attr_copy(&change->wanted, &inode->attr);
	if (!inode->local && !inode->unlinked)
		return true;
	apply_parts(change, &inode->attr);
	if (inode->local && inode_extra_locked(inode))
		inode->extra->changes++;
	return false;
}

/* Name the change after the inode's key as it is now. */
static int name_change(struct change *change, const char *key)
{
	char *copy = strdup(key);
	char *object = change->dir ? key_as_dir(key) : strdup(key);

	if (!copy || !object) {
		free(copy);
		free(object);
		return -ENOMEM;
	}
	free(change->key);
	free(change->object);
	change->key = copy;
	change->object = object;
	return 0;
}

/* Whether the inode was renamed while we waited for its old key's turn. */
static bool was_renamed(struct change *change)
{
	struct inode *inode = change->inode;
	WITH_LOCK(&inode->lock);

	return strcmp(inode->key, change->key) != 0 &&
	       name_change(change, inode->key) == 0;
}

/* Our turn. */
static void change_go(struct errand *errand)
{
	struct change *change = container_of(errand, struct change, errand);
	const struct store_limits *limits;
	bool known;

	if (was_renamed(change)) {
		errand_retake(errand, change->key);
		return;
	}
	if (!begin(change)) {
		change_end(change, 0);
		return;
	}
	if (!inode_linked(change->inode)) {
		change_failed(change, -ESTALE); /* the name is another's now */
		return;
	}
	limits = store_limits(errand->bucket->store);
	known = change->before.known & ATTR_FROM_HEAD && !change->resend;
	if (known &&
	    (change->dir || limits->copy_source_match || !differs(change)))
		decide(change);
	else
		ask_head(change);
}

/* Only what waits for a call is ever dropped; a change never is. */
static void change_drop(struct errand *errand)
{
	change_free(container_of(errand, struct change, errand));
}

/* A change of an inode without parts; NULL: out of memory. */
static struct change *change_new(struct inode *inode, const char *key)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	list_init(&change->parts);
	change->dir = inode->kind == INODE_DIR;
	if (name_change(change, key) < 0) {
		change_free(change);
		return NULL;
	}
	change->errand.bucket = inode->bucket;
	change->errand.go = change_go;
	change->errand.free = change_drop;
	fs_nonce(inode->bucket->fs, change->nonce);
	return change;
}

/* The change of the inode that has not begun, or a new one to be started. */
static struct change *waiting_locked(struct inode *inode,
                                     struct change **ret_new)
{
	if (inode->change)
		return inode->change;
	*ret_new = change_new(inode, inode->key);
	inode->change = *ret_new;
	return *ret_new;
}

/*
 * Give the part to a change that has not begun, or to a new one (*ret_new, to
 * be started).  Applies it at once to a local inode: then *part is still the
 * caller's.
 */
static int place_part(struct inode *inode, struct part **part,
                      struct change **ret_new)
{
	WITH_LOCK(&inode->lock);
	struct change *change;

	if (inode->local || inode->unlinked) {
		(*part)->status = change_apply(&inode->attr, &(*part)->plan);
		if (inode->local && inode_extra_locked(inode))
			inode->extra->changes++;
		return 0;
	}
	change = waiting_locked(inode, ret_new);
	if (!change)
		return -ENOMEM;
	list_append(&change->parts, &(*part)->link);
	*part = NULL;
	return 0;
}

/* A part with texts of its own; NULL: out of memory. */
static struct part *part_new(const struct inode *inode,
                             const struct change_plan *plan)
{
	cleanup(part_freep) struct part *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	part->plan = *plan;
	if (plan->set & FS_SET_MTIME_NOW) {
		part->plan.set |= FS_SET_MTIME;
		part->plan.attr.mtime =
			clock_wall(inode->table->fs->parts.clock);
	}
	part->name = plan->name ? strdup(plan->name) : NULL;
	part->value = plan->value ? strdup(plan->value) : NULL;
	if ((plan->name && !part->name) || (plan->value && !part->value))
		return NULL;
	part->plan.name = part->name;
	part->plan.value = part->value;
	return take(&part);
}

/* Start a new change, whose inode is referenced by it from now on. */
static void change_start(struct inode *inode, struct change *change)
{
	change->inode = inode_ref(inode);
	errand_start(&change->errand, NULL, change->key);
}

/* Answer a part that was applied at once, or could not be placed. */
static void answer_now(struct inode *inode, struct fs_call *call,
                       const struct part *part, int status)
{
	if (status == 0)
		status = part->status;
	if (status == 0 && part->want_attr)
		inode_entry(inode, &call->entry);
	call_answer(call, status);
}

void change_inode(struct inode *inode, struct fs_call *call,
                  const struct change_plan *plan, bool want_attr)
{
	struct fs *fs = inode->table->fs;
	struct part *part = part_new(inode, plan);
	struct change *change = NULL;
	int r;

	if (!part) {
		call_answer(call, -ENOMEM);
		return;
	}
	part->want_attr = want_attr;
	if (!call_park(fs, call, &part->call)) {
		part_free(part);
		call_answer(call, -EINTR);
		return;
	}
	r = place_part(inode, &part, &change);
	if (change)
		change_start(inode, change);
	if (!part)
		return;
	call = call_claim(fs, &part->call);
	if (call)
		answer_now(inode, call, part, r);
	part_free(part);
}

void change_resend(struct inode *inode)
{
	struct change *started = NULL;
	struct change *change;

	(void)pthread_mutex_lock(&inode->lock);
	change = waiting_locked(inode, &started);
	if (change)
		change->resend = true;
	(void)pthread_mutex_unlock(&inode->lock);
	if (!change)
		log_error("cannot send the metadata of nodeid %llu in bucket "
		          "\"%s\": out of memory",
		          (unsigned long long)inode->nodeid,
		          inode->bucket->name);
	if (started)
		change_start(inode, started);
}
