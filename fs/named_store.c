/* SPDX-License-Identifier: MIT */
/*
 * A request that needs it gets a call beside it: what its owner put in, and the
 * keys that go down in their place.  The request itself goes down, so that
 * progress and cancel mean the same one below.
 *
 *   submit: remember, put keys in -> below -> done: put paths back -> owner
 */
#include "named_store.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"
#include "escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct named {
	struct object_store store;
	struct object_store *below;
	pthread_mutex_t lock;
	struct list calls; /* lock; of call: requests that are below */
};

/* One request and what stood in it. */
struct call {
	struct list link; /* named->lock */
	struct named *named;
	struct store_req *req;
	store_done_fn *done;
	void *owner;
	void (*progress)(struct store_req *req);
	const char *key;             /* or the prefix of a list */
	const char *other;           /* the source's key, or where to start */
	struct object_store *source; /* of a copy */
	const char *const *keys;     /* of a delete */
	char *many;                  /* the keys that went down for them */
	struct store_entry *entries; /* of a list, with paths */
	struct str texts;            /* which stand here */
	char key_text[STORE_KEY_MAX + 1];
	char other_text[STORE_KEY_MAX + 1];
};

/* Told apart from other kinds by their address; at the end of the file. */
static const struct object_store_ops named_ops;

static struct named *named_of(struct object_store *store)
{
	return container_of(store, struct named, store);
}

/* What a store of any kind is below. */
static struct object_store *bare(struct object_store *store)
{
	return store && store->ops == &named_ops ? named_of(store)->below
	                                         : store;
}

/* Whether a request needs a call, whatever its texts are now. */
static bool is_wrapped(const struct store_req *req)
{
	switch (req->verb) {
	case STORE_COPY:
	case STORE_MPU_PART_COPY:
	case STORE_DELETE_MANY:
	case STORE_LIST:
		return true;
	case STORE_HEAD:
	case STORE_GET:
	case STORE_PUT:
	case STORE_DELETE:
	case STORE_MPU_CREATE:
	case STORE_MPU_PART:
	case STORE_MPU_COMPLETE:
	case STORE_MPU_ABORT:
	case STORE_MPU_LIST_PARTS:
		return escape_path_is_odd(req->key);
	case STORE_MPU_LIST:
		break; /* names uploads by their keys */
	}
	return false;
}

/* The places of a request's one and other text. */
static const char **key_place(struct store_req *req)
{
	return req->verb == STORE_LIST ? &req->list.prefix : &req->key;
}

static const char **other_place(struct store_req *req)
{
	if (req->verb == STORE_LIST)
		return &req->list.start_after;
	if (req->verb == STORE_COPY)
		return &req->copy.source_key;
	return req->verb == STORE_MPU_PART_COPY ? &req->part.source_key : NULL;
}

static struct object_store **source_place(struct store_req *req)
{
	if (req->verb == STORE_COPY)
		return &req->copy.source;
	return req->verb == STORE_MPU_PART_COPY ? &req->part.source : NULL;
}

/* Put a key in place of the path in *place. */
static int translate(const char **place, char text[STORE_KEY_MAX + 1])
{
	int r;

	if (!*place || !escape_path_is_odd(*place))
		return 0;
	r = escape_to_key(*place, text);
	if (r == 0)
		*place = text;
	return r;
}

/* The same for the keys of a DELETE_MANY. */
static int translate_many(struct call *call, struct store_delete_many *many)
{
	size_t size = many->count * (sizeof(char *) + STORE_KEY_MAX + 1);
	const char **keys;
	char *text;

	for (size_t i = 0; i < many->count; i++)
		if (escape_path_is_odd(many->keys[i]))
			goto odd;
	return 0;

odd:
	call->many = malloc(size);
	if (!call->many)
		return -ENOMEM;
	keys = (const char **)(void *)call->many;
	text = call->many + many->count * sizeof(char *);
	for (size_t i = 0; i < many->count; i++, text += STORE_KEY_MAX + 1) {
		int r;

		keys[i] = many->keys[i];
		r = translate(&keys[i], text);
		if (r < 0)
			return r;
	}
	many->keys = keys;
	return 0;
}

/* Put the keys of all paths in. */
static int put_keys(struct call *call)
{
	struct store_req *req = call->req;
	const char **other = other_place(req);
	struct object_store **source = source_place(req);
	int r = translate(key_place(req), call->key_text);

	if (r == 0 && other)
		r = translate(other, call->other_text);
	if (r == 0 && source)
		*source = bare(*source);
	if (r == 0 && req->verb == STORE_DELETE_MANY)
		r = translate_many(call, &req->delete_many);
	return r;
}

/* Put back what the owner had put in. */
static void put_back(const struct call *call)
{
	struct store_req *req = call->req;
	const char **other = other_place(req);
	struct object_store **source = source_place(req);

	*key_place(req) = call->key;
	if (other)
		*other = call->other;
	if (source)
		*source = call->source;
	if (req->verb == STORE_DELETE_MANY)
		req->delete_many.keys = call->keys;
	if (req->verb == STORE_GET)
		req->get.progress = call->progress;
	req->done = call->done;
	req->owner = call->owner;
}

/* Add the path of one entry; false: left out. */
static bool add_path(struct call *call, struct store_entry *entry)
{
	char path[ESCAPE_PATH_MAX + 1];

	if (escape_path(entry->key, entry->key_len, path) < 0) {
		log_debug("key \"%.*s\" has a path of more than %d bytes, "
		          "skipped",
		          (int)entry->key_len, entry->key, ESCAPE_PATH_MAX);
		return false;
	}
	entry->key_len = strlen(path);
	str_add_mem(&call->texts, path, entry->key_len + 1);
	return true;
}

/* A list in which some key is odd, with paths instead. */
static int put_paths(struct call *call)
{
	struct store_list *list = &call->req->list;
	size_t count = 0;
	const char *text;

	call->entries = malloc(list->count * sizeof(*call->entries));
	if (!call->entries)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		call->entries[count] = list->entries[i];
		count += add_path(call, &call->entries[count]);
	}
	if (str_status(&call->texts) < 0)
		return -ENOMEM;
	text = str_text(&call->texts);
	for (size_t i = 0; i < count; i++) {
		call->entries[i].key = text;
		text += call->entries[i].key_len + 1;
	}
	list->entries = call->entries;
	list->count = count;
	return 0;
}

/* A list came: give it paths if need be. */
static void finish_list(struct call *call)
{
	struct store_req *req = call->req;
	const struct store_list *list = &req->list;
	size_t i = 0;

	while (i < list->count && !escape_key_is_odd(list->entries[i].key,
	                                             list->entries[i].key_len))
		i++;
	if (i == list->count)
		return;
	if (put_paths(call) < 0)
		req->status = err_set(&req->err, -ENOMEM, "out of memory");
}

static void call_free(struct call *call)
{
	free(call->many);
	free(call->entries);
	str_release(&call->texts);
	free(call);
}

/* More bytes are there: the owner may look at its request as it knows it. */
static void named_progress(struct store_req *req)
{
	struct call *call = req->owner;

	req->owner = call->owner;
	call->progress(req);
	req->owner = call;
}

/* Answered below. */
static void named_done(struct store_req *req)
{
	struct call *call = req->owner;
	struct named *named = call->named;

	(void)pthread_mutex_lock(&named->lock);
	list_remove(&call->link);
	put_back(call);
	(void)pthread_mutex_unlock(&named->lock);

	if (req->verb == STORE_LIST && req->status == 0)
		finish_list(call);
	req->done(req); /* may free it */
	call_free(call);
}

/* Answer a request for what no object can be. */
static void answer(struct store_req *req, int status)
{
	bool reads = req->verb == STORE_HEAD || req->verb == STORE_GET;

	if (status == -ENOENT && req->verb == STORE_LIST) {
		req->list.count = 0;
		req->list.entries = NULL;
		req->list.next_token = NULL;
		req->status = 0;
	} else if (status == -ENOENT) {
		req->status = err_set(&req->err, reads ? -ENOENT : -EINVAL,
		                      "no key can be called \"%s\"", req->key);
	} else {
		req->status =
			err_set(&req->err, status, "%s", strerror(-status));
	}
	req->done(req);
}

/* A call for a request, listed; NULL: out of memory. */
static struct call *call_new(struct named *named, struct store_req *req)
{
	struct call *call = calloc(1, sizeof(*call));
	const char **other = other_place(req);
	struct object_store **source = source_place(req);

	if (!call)
		return NULL;
	call->named = named;
	call->req = req;
	call->done = req->done;
	call->owner = req->owner;
	call->progress = req->verb == STORE_GET ? req->get.progress : NULL;
	call->key = *key_place(req);
	call->other = other ? *other : NULL;
	call->source = source ? *source : NULL;
	if (req->verb == STORE_DELETE_MANY)
		call->keys = req->delete_many.keys;
	list_init(&call->link);
	return call;
}

static void named_submit(struct object_store *store, struct store_req *req)
{
	struct named *named = named_of(store);
	struct call *call;
	int r;

	if (!is_wrapped(req)) {
		store_submit(named->below, req);
		return;
	}
	call = call_new(named, req);
	r = call ? put_keys(call) : -ENOMEM;
	if (r < 0) {
		if (call) {
			put_back(call);
			call_free(call);
		}
		answer(req, r);
		return;
	}
	(void)pthread_mutex_lock(&named->lock);
	list_append(&named->calls, &call->link);
	req->done = named_done;
	req->owner = call;
	if (call->progress)
		req->get.progress = named_progress;
	(void)pthread_mutex_unlock(&named->lock);
	store_submit(named->below, req);
}

static void named_cancel(struct object_store *store, struct store_req *req)
{
	struct named *named = named_of(store);
	WITH_LOCK(&named->lock);

	list_for_each(pos, &named->calls)
		if (container_of(pos, struct call, link)->req == req) {
			store_cancel(named->below, req);
			return;
		}
	if (!is_wrapped(req))
		store_cancel(named->below, req);
}

static const struct store_limits *named_limits(struct object_store *store)
{
	return store_limits(named_of(store)->below);
}

static int named_presign(struct object_store *store, enum store_verb verb,
                         const char *key, uint64_t ttl_s, char **ret,
                         struct err *reterr)
{
	struct object_store *below = named_of(store)->below;
	char text[STORE_KEY_MAX + 1];
	int r = translate(&key, text);

	if (r < 0)
		return err_set(reterr, r, "no key can be called \"%s\"", key);
	return below->ops->presign(below, verb, key, ttl_s, ret, reterr);
}

static bool named_copies_from(struct object_store *store,
                              struct object_store *source)
{
	return store_copies_from(bare(store), bare(source));
}

static void named_destroy(struct object_store *store)
{
	struct named *named = named_of(store);

	(void)pthread_mutex_destroy(&named->lock);
	free(named);
}

/* The table. */
static const struct object_store_ops named_ops = {
	.name = "named",
	.submit = named_submit,
	.cancel = named_cancel,
	.limits = named_limits,
	.presign = named_presign,
	.copies_from = named_copies_from,
	.destroy = named_destroy,
};

int named_store_new(struct object_store *below, struct object_store **ret)
{
	struct named *named = calloc(1, sizeof(*named));

	if (!named)
		return -ENOMEM;
	named->store.ops = &named_ops;
	named->below = below;
	(void)pthread_mutex_init(&named->lock, NULL);
	list_init(&named->calls);
	*ret = &named->store;
	return 0;
}
