/* SPDX-License-Identifier: MIT */
/* Verbs of the embedded store on objects. */
#include "base/digest.h"
#include "local_store.h"

#include <errno.h>
#include <string.h>

/* Open the object of a read, its conditions checked against what is open. */
static int open_for_read(struct local_op *op, struct local_meta **ret_meta)
{
	const struct store_req *req = op->req;
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(closep) int fd = -1;
	char key[STORE_KEY_MAX + 1];
	int r = local_full_key(op, op->local, req->key, key);

	if (r < 0)
		return r;
	fd = local_open_key(op->local, key);
	if (fd == -ENOENT)
		return local_fail(op, -ENOENT, "there is no such object");
	if (fd < 0)
		return local_fail_errno(op, fd, "opening it");
	r = local_meta_read(fd, &meta);
	if (r < 0)
		return local_fail_errno(op, r, "reading its metadata");
	if (req->if_match && !local_etag_match(req->if_match, meta->etag))
		return local_fail(op, -ESTALE, "the object has changed");
	if (req->if_none_match &&
	    local_etag_match(req->if_none_match, meta->etag))
		return local_fail(op, -EEXIST, "the object has not changed");

	*ret_meta = take(&meta);
	r = fd;
	fd = -1;
	return r;
}

int local_head(struct local_op *op)
{
	struct local_meta *meta;
	int fd = open_for_read(op, &meta);

	if (fd < 0)
		return fd;
	closep(&fd);
	local_fill_info(op, meta);
	return 0;
}

/* Whether a file put there by hand was written to while we read it. */
static int check_unchanged(struct local_op *op, int fd)
{
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	int r;

	if (!op->reply.meta->by_hand)
		return 0;
	r = local_meta_read(fd, &meta);
	if (r < 0)
		return local_fail_errno(op, r, "reading its metadata");
	if (strcmp(meta->etag, op->reply.meta->etag) != 0)
		return local_fail(op, -ESTALE, "the file is being written to");
	return 0;
}

int local_get(struct local_op *op)
{
	struct store_get *get = &op->req->get;
	struct local_meta *meta;
	cleanup(closep) int fd = open_for_read(op, &meta);
	uint64_t length;
	int r;

	get->received = 0;
	if (fd < 0)
		return fd;
	local_fill_info(op, meta);
	if (get->offset >= meta->size)
		return local_fail(op, -ESTALE,
		                  "the object ends before the range");
	length = meta->size - get->offset;
	if (length > get->length)
		length = get->length;

	if (get->progress)
		get->progress(op->req);
	r = local_read_chain(op, fd, length);
	if (r < 0)
		return local_fail_errno(op, r, "reading it");
	return check_unchanged(op, fd);
}

/* Give a file with all its bytes its attribute, and sync it. */
static int seal(struct local_op *op, int fd, const char *etag,
                const struct store_headers *headers)
{
	int r = local_meta_write(fd, etag, headers, NULL);

	if (r == -E2BIG)
		return local_fail(op, -ENOSPC,
		                  "its headers and metadata are more than "
		                  "this file system can keep");
	if (r < 0)
		return local_fail_errno(op, r, "writing its metadata");
	if (op->local->sync && fsync(fd) < 0)
		return local_fail_errno(op, -errno, "syncing it");
	return 0;
}

/* Publish a temporary file; its name is used up. */
static int publish(struct local_op *op, const char *key, const char *etag,
                   struct local_temp *temp)
{
	int r = local_publish(op, key, op->local->temp, temp->name);

	if (r < 0)
		return r;
	temp->name[0] = '\0';
	(void)str_copy(op->req->info.etag, sizeof(op->req->info.etag), etag);
	return 0;
}

int local_put(struct local_op *op)
{
	struct store_put *put = &op->req->put;
	const struct store_limits *limits = store_limits(&op->local->store);
	cleanup(local_temp_release) struct local_temp temp = LOCAL_TEMP_NONE;
	struct digest128 hash;
	char etag[STORE_ETAG_MAX];
	char key[STORE_KEY_MAX + 1];
	int r = local_full_key(op, op->local, op->req->key, key);

	if (r < 0)
		return r;
	if (chain_size(&put->body) > limits->put_max)
		return local_fail(op, -EFBIG, "too large for a single PUT");
	if (local_meta_size(&put->headers) > limits->meta_max)
		return local_fail(op, -EINVAL,
		                  "more than 2048 bytes of metadata");
	r = local_check_conditions(op, key);
	if (r < 0)
		return r;

	r = local_temp_new(op->local, &temp);
	if (r == 0)
		r = local_write_chain(op, &put->body, temp.fd, 0, &hash);
	if (r < 0)
		return local_fail_errno(op, r, "writing it");
	local_etag(hash, 0, etag);
	r = seal(op, temp.fd, etag, &put->headers);
	return r < 0 ? r : publish(op, key, etag, &temp);
}

/* The store, key and condition of a copy's source. */
struct source {
	struct object_store *store;
	const char *key;
	const char *if_match;
};

/* They are in different places for COPY and PART_COPY. */
static struct source source_of(const struct local_op *op)
{
	const struct store_req *req = op->req;

	if (req->verb == STORE_COPY)
		return (struct source){req->copy.source, req->copy.source_key,
		                       req->copy.source_if_match};
	return (struct source){req->part.source, req->part.source_key,
	                       req->part.source_if_match};
}

int local_open_source(struct local_op *op, struct local_meta **ret_meta)
{
	const struct source source = source_of(op);
	struct local_store *from = op->local;
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(closep) int fd = -1;
	char key[STORE_KEY_MAX + 1];
	int r;

	if (source.store && source.store->ops != op->local->store.ops)
		return local_fail(op, -EXDEV, "the source is no local store");
	if (source.store)
		from = container_of(source.store, struct local_store, store);
	r = local_full_key(op, from, source.key, key);
	if (r < 0)
		return r;
	fd = local_open_key(from, key);
	if (fd == -ENOENT)
		return local_fail(op, -ENOENT, "there is no such source");
	if (fd < 0)
		return local_fail_errno(op, fd, "opening the source");
	r = local_meta_read(fd, &meta);
	if (r < 0)
		return local_fail_errno(op, r, "reading the source's metadata");
	if (source.if_match && !local_etag_match(source.if_match, meta->etag))
		return local_fail(op, -ESTALE, "the source has changed");

	*ret_meta = take(&meta);
	r = fd;
	fd = -1;
	return r;
}

/* Same bytes, same ETag: nothing has to be read for it. */
int local_copy(struct local_op *op)
{
	const struct store_copy *copy = &op->req->copy;
	const struct store_limits *limits = store_limits(&op->local->store);
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(local_temp_release) struct local_temp temp = LOCAL_TEMP_NONE;
	cleanup(closep) int fd = -1;
	char key[STORE_KEY_MAX + 1];
	int r = local_full_key(op, op->local, op->req->key, key);

	if (r < 0)
		return r;
	if (copy->replace_headers &&
	    local_meta_size(&copy->headers) > limits->meta_max)
		return local_fail(op, -EINVAL,
		                  "more than 2048 bytes of metadata");
	r = local_check_conditions(op, key);
	if (r < 0)
		return r;
	fd = local_open_source(op, &meta);
	if (fd < 0)
		return fd;

	r = local_temp_new(op->local, &temp);
	if (r == 0)
		r = local_copy_range(op, fd, 0, temp.fd, 0, meta->size);
	if (r < 0)
		return local_fail_errno(op, r, "copying it");
	r = seal(op, temp.fd, meta->etag,
	         copy->replace_headers ? &copy->headers : &meta->headers);
	if (r == 0)
		r = publish(op, key, meta->etag, &temp);
	if (r == 0)
		op->req->info.size = meta->size;
	return r;
}

int local_delete(struct local_op *op)
{
	char key[STORE_KEY_MAX + 1];
	char dir[LOCAL_PATH_MAX];
	int r = local_full_key(op, op->local, op->req->key, key);

	if (r == 0)
		r = local_remove(op, key, dir);
	if (r < 0)
		return r;
	r = local_sync_path(op->local, dir);
	return r < 0 ? local_fail_errno(op, r, "syncing its directory") : 0;
}

/* The directories that a batch of deletes has to sync. */
struct batch {
	char now[LOCAL_PATH_MAX];
	char last[LOCAL_PATH_MAX]; /* "" = none yet */
};

/* Remove one key; syncs the directory before when this is another one. */
static int remove_one(struct local_op *op, const char *name,
                      struct batch *batch)
{
	char key[STORE_KEY_MAX + 1];
	int r = local_full_key(op, op->local, name, key);

	if (r == 0)
		r = local_remove(op, key, batch->now);
	if (r < 0 || strcmp(batch->last, batch->now) == 0)
		return r;
	if (*batch->last)
		r = local_sync_path(op->local, batch->last);
	(void)str_copy(batch->last, sizeof(batch->last), batch->now);
	return r < 0 ? local_fail_errno(op, r, "syncing a directory") : 0;
}

/* Neighbours are mostly in one directory: it is synced once, behind the last. */
int local_delete_many(struct local_op *op)
{
	const struct store_delete_many *many = &op->req->delete_many;
	cleanup(freep) struct batch *batch = calloc(1, sizeof(*batch));
	int r = 0;

	if (many->count < 1 || many->count > STORE_BATCH_MAX)
		return local_fail(op, -EINVAL, "a batch has 1 to 1000 keys");
	if (!batch)
		return -ENOMEM;

	for (size_t i = 0; i < many->count; i++)
		many->results[i] = remove_one(op, many->keys[i], batch);
	if (*batch->last)
		r = local_sync_path(op->local, batch->last);
	op->req->err = (struct err){0}; /* the keys' own are in results */
	return r < 0 ? local_fail_errno(op, r, "syncing a directory") : 0;
}
