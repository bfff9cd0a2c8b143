/* SPDX-License-Identifier: MIT */
/* The answers of the fake store to verbs on multipart uploads. */
#include "base/digest.h"
#include "fake_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fails a request with a sentence of its upload. */
#define FAIL(req, code, text)                                               \
	err_set(&(req)->err, (code), "%s '%s': %s",                         \
	        store_verb_name((req)->verb), (req)->key ? (req)->key : "", \
	        text)

void fake_upload_free(struct fake_upload *upload)
{
	if (!upload)
		return;
	for (size_t i = 0; i < upload->count; i++)
		free(upload->parts[i].data);
	free(upload->parts);
	fake_headers_release(&upload->headers);
	free(upload->key);
	free(upload);
}

/* The upload a request names, borrowed, or NULL. Needs the lock. */
static struct fake_upload *find_locked(struct fake_store *fake,
                                       const struct store_req *req,
                                       const char *id)
{
	list_for_each(node, &fake->uploads) {
		struct fake_upload *upload =
			container_of(node, struct fake_upload, link);

		if (!strcmp(upload->id, id) && !strcmp(upload->key, req->key))
			return upload;
	}
	return NULL;
}

int fake_mpu_create(struct fake_store *fake, struct store_req *req,
                    struct fake_reply *reply)
{
	struct fake_upload *upload;
	int r = fake_check_key(fake, req);

	(void)reply;
	if (r < 0)
		return r;
	upload = calloc(1, sizeof(*upload));
	if (!upload)
		return -ENOMEM;
	upload->key = strdup(req->key);
	if (!upload->key ||
	    fake_headers_copy(&upload->headers, &req->create.headers) < 0) {
		fake_upload_free(upload);
		return -ENOMEM;
	}

	WITH_LOCK(&fake->lock);
	(void)snprintf(upload->id, sizeof(upload->id), "upload-%u",
	               ++fake->uploads_made);
	upload->initiated = fake_now_locked(fake);
	list_append(&fake->uploads, &upload->link);
	(void)str_copy(req->create.upload_id, sizeof(req->create.upload_id),
	               upload->id);
	return 0;
}

/* Where part number is, or would be, among an upload's parts. */
static size_t part_index(const struct fake_upload *upload, unsigned number)
{
	size_t i = 0;

	while (i < upload->count && upload->parts[i].number < number)
		i++;
	return i;
}

/* Put or replace a part; takes part->data unless it fails. */
static int upload_put(struct fake_upload *upload, const struct fake_part *part)
{
	size_t i = part_index(upload, part->number);
	struct fake_part *parts;

	if (i < upload->count && upload->parts[i].number == part->number) {
		free(upload->parts[i].data);
		upload->parts[i] = *part;
		return 0;
	}
	parts = realloc(upload->parts, (upload->count + 1) * sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	memmove(parts + i + 1, parts + i, (upload->count - i) * sizeof(*parts));
	parts[i] = *part;
	upload->parts = parts;
	upload->count++;
	return 0;
}

/* Store data as the part that req names; takes data. */
static int store_part(struct fake_store *fake, struct store_req *req,
                      uint8_t *data, uint64_t size)
{
	struct fake_part part = {
		.number = req->part.number,
		.data = data,
		.size = size,
	};
	struct fake_upload *upload;
	int r = data ? digest_md5(data, size, part.md5) : -ENOMEM;

	fake_etag(part.md5, 0, part.etag);
	WITH_LOCK(&fake->lock);
	upload = find_locked(fake, req, req->part.upload_id);
	if (r == 0 && !upload)
		r = FAIL(req, -ENOENT, "no such upload");
	if (r == 0)
		r = upload_put(upload, &part);
	if (r < 0)
		free(data);
	else
		(void)str_copy(req->info.etag, sizeof(req->info.etag),
		               part.etag);
	return r;
}

/* Number and size that any part must have. */
static int check_part(const struct fake_store *fake, struct store_req *req,
                      uint64_t size)
{
	if (req->part.number < 1 || req->part.number > fake->limits.parts_max)
		return FAIL(req, -EINVAL, "no such part number");
	if (size > fake->limits.part_max)
		return FAIL(req, -EFBIG, "the part is too large");
	return 0;
}

int fake_mpu_part(struct fake_store *fake, struct store_req *req,
                  struct fake_reply *reply)
{
	uint64_t size = chain_size(&req->part.body);
	int r = check_part(fake, req, size);

	(void)reply;
	if (r < 0)
		return r;
	return store_part(fake, req, fake_flatten(&req->part.body, &size),
	                  size);
}

int fake_mpu_part_copy(struct fake_store *fake, struct store_req *req,
                       struct fake_reply *reply)
{
	const struct store_part *part = &req->part;
	cleanup(fake_object_unrefp) struct fake_object *source = NULL;
	int r = check_part(fake, req, part->source_length);

	(void)reply;
	if (r == 0)
		r = fake_copy_source(fake, req, &source);
	if (r < 0)
		return r;
	if (part->source_length == 0 || part->source_offset > source->size ||
	    part->source_length > source->size - part->source_offset)
		return FAIL(req, -EINVAL, "the source has no such range");

	r = store_part(fake, req,
	               fake_bytes(source, part->source_offset,
	                          part->source_length),
	               part->source_length);
	if (r == 0) {
		WITH_LOCK(&fake->lock);
		fake->stats.bytes_copied += part->source_length;
	}
	return r;
}

/* Whether the list of parts is one that S3 would accept; sums their sizes. */
static int check_parts(const struct fake_store *fake, struct store_req *req,
                       const struct fake_upload *upload, uint64_t *ret_size)
{
	const struct store_complete *complete = &req->complete;
	uint64_t first = 0;
	uint64_t size = 0;

	if (complete->count == 0)
		return FAIL(req, -EINVAL, "no parts");
	for (size_t i = 0; i < complete->count; i++) {
		const struct store_part_info *info = &complete->parts[i];
		size_t at = part_index(upload, info->number);
		const struct fake_part *part = &upload->parts[at];

		if (i > 0 && info->number <= complete->parts[i - 1].number)
			return FAIL(req, -EINVAL, "parts out of order");
		if (at == upload->count || part->number != info->number ||
		    strcmp(part->etag, info->etag) != 0)
			return FAIL(req, -EIO, "invalid part");
		if (i == 0)
			first = part->size;
		if (i + 1 < complete->count &&
		    part->size < fake->limits.part_min)
			return FAIL(req, -EINVAL, "a part is too small");
		if (fake->limits.equal_parts && i + 1 < complete->count &&
		    part->size != first)
			return FAIL(req, -EINVAL, "parts of unequal size");
		size += part->size;
	}
	if (size > fake->limits.object_max)
		return FAIL(req, -EFBIG, "the object would be too large");
	*ret_size = size;
	return 0;
}

/* Concatenate the parts that req lists and digest their digests. */
static int join(const struct store_complete *complete,
                const struct fake_upload *upload, uint8_t *data,
                uint8_t ret_md5[MD5_SIZE])
{
	struct digest *digest = NULL;
	int r = digest_new(DIGEST_MD5, &digest);

	if (r < 0)
		return r;
	for (size_t i = 0; i < complete->count; i++) {
		const struct fake_part *part = &upload->parts[part_index(
			upload, complete->parts[i].number)];

		memcpy(data, part->data, part->size);
		data += part->size;
		digest_update(digest, part->md5, MD5_SIZE);
	}
	r = digest_finish(digest, ret_md5);
	digest_free(digest);
	return r;
}

/* The object that an upload becomes; NULL when out of memory. */
static struct fake_object *assemble(const struct store_req *req,
                                    const struct fake_upload *upload,
                                    uint64_t size)
{
	uint8_t *data = malloc(size + 1);
	uint8_t md5[MD5_SIZE];
	char etag[STORE_ETAG_MAX];

	if (!data || join(&req->complete, upload, data, md5) < 0) {
		free(data);
		return NULL;
	}
	fake_etag(md5, (unsigned)req->complete.count, etag);
	return fake_object_new(req->key, data, size, &upload->headers, etag);
}

int fake_mpu_complete(struct fake_store *fake, struct store_req *req,
                      struct fake_reply *reply)
{
	const struct store_limits *limits = &fake->limits;
	struct fake_upload *upload;
	struct fake_object *object;
	uint64_t size = 0;
	int r;

	(void)reply;
	WITH_LOCK(&fake->lock);
	upload = find_locked(fake, req, req->complete.upload_id);
	if (!upload)
		return FAIL(req, -ENOENT, "no such upload");
	r = check_parts(fake, req, upload, &size);
	if (r < 0)
		return r;
	r = fake_check_write(req, fake_table_get(&fake->table, req->key),
	                     limits->complete_conditions,
	                     limits->complete_conditions);
	if (r < 0)
		return FAIL(req, r, "precondition failed");

	object = assemble(req, upload, size);
	if (!object)
		return -ENOMEM;
	object->mtime = fake_now_locked(fake);
	if (limits->complete_gives_etag)
		(void)str_copy(req->info.etag, sizeof(req->info.etag),
		               object->etag);
	r = fake_table_put(&fake->table, object);
	if (r == 0) {
		list_remove(&upload->link);
		fake_upload_free(upload);
	}
	return r;
}

int fake_mpu_abort(struct fake_store *fake, struct store_req *req,
                   struct fake_reply *reply)
{
	struct fake_upload *upload;

	(void)reply;
	WITH_LOCK(&fake->lock);
	upload = find_locked(fake, req, req->abort.upload_id);
	if (!upload)
		return FAIL(req, -ENOENT, "no such upload");

	list_remove(&upload->link);
	fake_upload_free(upload);
	return 0;
}

int fake_mpu_list_parts(struct fake_store *fake, struct store_req *req,
                        struct fake_reply *reply)
{
	struct store_list_parts *list = &req->list_parts;
	struct store_part_info *rows = calloc(1000, sizeof(*rows));
	struct fake_upload *upload;

	reply->rows = rows;
	if (!rows)
		return -ENOMEM;

	WITH_LOCK(&fake->lock);
	upload = find_locked(fake, req, list->upload_id);
	if (!upload)
		return FAIL(req, -ENOENT, "no such upload");

	list->parts = rows;
	list->count = 0;
	list->next = 0;
	for (size_t i = part_index(upload, list->after + 1);
	     i < upload->count && list->count < 1000; i++) {
		const struct fake_part *part = &upload->parts[i];
		struct store_part_info *row = &rows[list->count++];

		row->number = part->number;
		row->size = part->size;
		(void)str_copy(row->etag, sizeof(row->etag), part->etag);
		list->next = i + 1 < upload->count ? part->number : 0;
	}
	return 0;
}

/* By key, then by age, as S3 lists uploads. */
static int compare_uploads(const void *a, const void *b)
{
	const struct fake_upload *x = *(struct fake_upload *const *)a;
	const struct fake_upload *y = *(struct fake_upload *const *)b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		order = (x->initiated > y->initiated) -
		        (x->initiated < y->initiated);
	return order ? order : strcmp(x->id, y->id);
}

/* All uploads with the prefix, sorted; owned array. Needs the lock. */
static struct fake_upload **sorted_locked(const struct fake_store *fake,
                                          const char *prefix, size_t *ret_count)
{
	struct fake_upload **sorted;
	size_t count = 0;

	list_for_each(node, &fake->uploads)
		count++;
	sorted = calloc(count + 1, sizeof(struct fake_upload *));
	if (!sorted)
		return NULL;

	count = 0;
	list_for_each(node, &fake->uploads) {
		struct fake_upload *upload =
			container_of(node, struct fake_upload, link);

		if (str_starts(upload->key, prefix ? prefix : ""))
			sorted[count++] = upload;
	}
	qsort(sorted, count, sizeof(struct fake_upload *), compare_uploads);
	*ret_count = count;
	return sorted;
}

/* The first upload after the markers. */
static size_t skip_uploads(struct fake_upload **sorted, size_t count,
                           const struct store_list_uploads *list)
{
	size_t i = 0;

	if (!list->key_marker)
		return 0;
	while (i < count && strcmp(sorted[i]->key, list->key_marker) < 0)
		i++;
	for (; i < count && !strcmp(sorted[i]->key, list->key_marker); i++) {
		if (list->id_marker && !strcmp(sorted[i]->id, list->id_marker))
			return i + 1;
	}
	return i;
}

/* One line of MPU_LIST; its texts live in reply. */
static int fill_upload(struct store_upload_info *row,
                       const struct fake_upload *upload,
                       struct fake_reply *reply)
{
	row->key = fake_reply_keep(reply, upload->key, strlen(upload->key));
	row->upload_id = fake_reply_keep(reply, upload->id, strlen(upload->id));
	row->initiated.tv_sec = upload->initiated;
	return row->key && row->upload_id ? 0 : -ENOMEM;
}

int fake_mpu_list(struct fake_store *fake, struct store_req *req,
                  struct fake_reply *reply)
{
	struct store_list_uploads *list = &req->list_uploads;
	struct store_upload_info *rows = calloc(1000, sizeof(*rows));
	cleanup(freep) struct fake_upload **sorted = NULL;
	size_t count = 0;

	reply->rows = rows;
	WITH_LOCK(&fake->lock);
	sorted = sorted_locked(fake, list->prefix, &count);
	if (!rows || !sorted)
		return -ENOMEM;

	list->uploads = rows;
	list->count = 0;
	list->next_key = NULL;
	list->next_id = NULL;
	for (size_t i = skip_uploads(sorted, count, list); i < count; i++) {
		struct store_upload_info *row = &rows[list->count];

		if (list->count == 1000) {
			list->next_key = row[-1].key;
			list->next_id = row[-1].upload_id;
			break;
		}
		if (fill_upload(row, sorted[i], reply) < 0)
			return -ENOMEM;
		list->count++;
	}
	return 0;
}
