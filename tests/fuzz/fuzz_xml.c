/* SPDX-License-Identifier: MIT */
/*
 * XML of a hostile store: the parser keeps its caps, and what the lists'
 * decoders believe is in order, complete and free of NULs.
 */
#include "op.h"
#include "xml.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An element is within the caps that the header promises. */
static int look(void *data, const struct xml_element *element)
{
	unsigned *ended = data;

	assert(element->depth >= 1 && element->depth <= XML_DEPTH_MAX);
	assert(element->len <= XML_TEXT_MAX);
	assert(strlen(element->text) == element->len);
	assert(strlen(element->name) < XML_NAME_MAX);
	assert((element->depth == 1) == (element->parent[0] == '\0'));
	assert(xml_can_hold(element->text, element->len));
	(*ended)++;
	return 0;
}

/* Entries ascend and are what was asked for. */
static void check_list(const struct store_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct store_entry *e = &list->entries[i];

		assert(e->key_len > 0 && strlen(e->key) == e->key_len);
		assert(i == 0 || strcmp(e[-1].key, e->key) <= 0);
		assert(e->is_prefix || (e->etag && e->storage_class));
	}
	assert(!list->next_token || list->next_token[0]);
}

/* Parts ascend and have an ETag. */
static void check_parts(const struct store_list_parts *list)
{
	for (size_t i = 0; i < list->count; i++) {
		assert(list->parts[i].number >
		       (i ? list->parts[i - 1].number : 0));
		assert(list->parts[i].etag[0]);
	}
}

static void check_uploads(const struct store_list_uploads *list)
{
	for (size_t i = 0; i < list->count; i++)
		assert(list->uploads[i].key && list->uploads[i].upload_id);
	assert(!list->next_key == !list->next_id);
}

/* The input as the reply to a verb. */
static void decode(enum store_verb verb, const struct http_reply *reply)
{
	static const char *const keys[] = {"a", "b/c"};
	const struct op_context context = {
		.prefix = reply->text.len % 2 ? "" : "p/",
		.profile =
			profile_find(reply->text.len % 4 < 2 ? "rgw" : "aws"),
		.checksum = S3_CHECKSUM_CRC32C,
	};
	struct store_req req = {.verb = verb};
	struct op_store store = {0};
	int results[2];

	if (verb == STORE_DELETE_MANY) {
		req.delete_many.keys = keys;
		req.delete_many.count = 2;
		req.delete_many.results = results;
	}

	int r = op_get(verb)->decode(&context, &req, reply, &store);

	assert(r <= 0);
	assert(r == 0 || req.err.text[0]);
	if (verb == STORE_LIST)
		check_list(&req.list);
	if (verb == STORE_MPU_LIST_PARTS)
		check_parts(&req.list_parts);
	if (verb == STORE_MPU_LIST)
		check_uploads(&req.list_uploads);
	if (verb == STORE_MPU_CREATE && r == 0)
		assert(req.create.upload_id[0]);
	if (verb == STORE_COPY && r == 0)
		assert(req.info.etag[0]);
	op_store_release(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum store_verb verbs[] = {
		STORE_LIST,        STORE_MPU_LIST, STORE_MPU_LIST_PARTS,
		STORE_MPU_CREATE,  STORE_COPY,     STORE_MPU_COMPLETE,
		STORE_DELETE_MANY,
	};
	const struct xml_events events = {.end = look};
	struct http_reply reply = {.status = 200};
	unsigned ended = 0;
	int r = xml_parse((const char *)data, size, NULL, &events, &ended);

	assert(r == 0 || r == -EPROTO);
	assert(r < 0 || ended > 0);

	/* Who forgives reads all that the others read, and the same. */
	const struct xml_events forgiving = {.end = look, .forgiving = true};
	unsigned again = 0;
	int forgiven =
		xml_parse((const char *)data, size, NULL, &forgiving, &again);

	assert(forgiven == 0 || (forgiven == -EPROTO && r == -EPROTO));
	assert(r < 0 || again == ended);

	str_add_mem(&reply.text, data, size);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		decode(verbs[i], &reply);
	http_reply_release(&reply);
	return 0;
}
