/* SPDX-License-Identifier: MIT */
/* The contract of multipart uploads. */
#include "contract.h"

#define contract_ok(status) assert_int_equal(status, 0)

/* An upload with its parts; freed by upload_free(). */
struct upload {
	struct object_store *store;
	const char *key;
	char id[STORE_UPLOAD_ID_MAX];
	uint8_t *data; /* all parts behind one another */
	size_t len;
	struct store_part_info parts[8];
	size_t count;
};

/* Begin an upload. */
static struct upload *upload_new(struct object_store *store, const char *key)
{
	struct upload *upload = calloc(1, sizeof(*upload));

	assert_non_null(upload);
	upload->store = store;
	upload->key = key;
	contract_create(store, key, upload->id);
	return upload;
}

/* Add a part of len bytes as the next of its data. */
static void upload_add(struct upload *upload, unsigned number, size_t len)
{
	struct store_part_info *info = &upload->parts[upload->count++];
	uint8_t *bytes = contract_bytes(len, number);

	upload->data = realloc(upload->data, upload->len + len + 1);
	memcpy(upload->data + upload->len, bytes, len);
	upload->len += len;
	free(bytes);
	info->number = number;
	contract_ok(contract_part(upload->store, upload->key, upload->id,
	                          upload->data + upload->len - len, len, info));
}

/* Complete it with all its parts. */
static int upload_complete(struct upload *upload)
{
	return contract_complete(upload->store, upload->key, upload->id,
	                         upload->parts, upload->count);
}

static void upload_free(struct upload *upload)
{
	free(upload->data);
	free(upload);
}

/* Uploads that are open, as text: "KEY\n". */
struct uploads_call {
	struct store_req req; /* first */
	struct str text;
};

/* Writes down a page. */
static void take_uploads(struct store_req *req)
{
	struct uploads_call *call = (struct uploads_call *)(void *)req;

	if (req->status < 0)
		return;
	for (size_t i = 0; i < req->list_uploads.count; i++) {
		str_add(&call->text, req->list_uploads.uploads[i].key);
		if (!req->list_uploads.uploads[i].upload_id[0])
			str_add(&call->text, " WITHOUT ID");
		str_add_char(&call->text, '\n');
	}
}

/* Asserts which uploads are open. */
static void uploads_are(struct object_store *store, const char *prefix,
                        const char *expected)
{
	struct uploads_call call = {
		.req = {.verb = STORE_MPU_LIST,
	                .list_uploads.prefix = prefix,
	                .done = take_uploads},
	};

	str_add(&call.text, "");
	assert_int_equal(store_call(store, &call.req), 0);
	assert_string_equal(str_text(&call.text), expected);
	str_release(&call.text);
}

/* Parts of an upload, as text: "NUMBER SIZE\n"; checks ETags by a list. */
struct parts_call {
	struct store_req req; /* first */
	struct str text;
	const struct upload *upload;
	unsigned next;
};

/* Writes down a page. */
static void take_parts(struct store_req *req)
{
	struct parts_call *call = (struct parts_call *)(void *)req;

	if (req->status < 0)
		return;
	for (size_t i = 0; i < req->list_parts.count; i++) {
		const struct store_part_info *info = &req->list_parts.parts[i];

		str_addf(&call->text, "%u %llu\n", info->number,
		         (unsigned long long)info->size);
		for (size_t k = 0; k < call->upload->count; k++) {
			if (call->upload->parts[k].number == info->number &&
			    strcmp(call->upload->parts[k].etag, info->etag) !=
			            0)
				str_add(&call->text, "WRONG ETAG\n");
		}
	}
	call->next = req->list_parts.next;
}

/* Asserts the parts above a number. */
static void parts_are(const struct upload *upload, unsigned after,
                      const char *expected)
{
	struct parts_call call = {
		.req = {.verb = STORE_MPU_LIST_PARTS,
	                .key = upload->key,
	                .list_parts = {.upload_id = upload->id, .after = after},
	                .done = take_parts},
		.upload = upload,
	};

	str_add(&call.text, "");
	assert_int_equal(store_call(upload->store, &call.req), 0);
	assert_int_equal(call.next, 0);
	assert_string_equal(str_text(&call.text), expected);
	str_release(&call.text);
}

static void an_upload_is_invisible_until_complete(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "d/big");
	struct object_info info;
	size_t part = (size_t)env->limits->part_min;

	upload_add(up, 1, part);
	upload_add(up, 2, 1);
	contract_lists(env->store, &(struct store_list){0}, "");
	assert_int_equal(contract_head(env->store, "d/big", &info), -ENOENT);
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "d/big", up->data, up->len);
	assert_int_equal(contract_head(env->store, "d/big", &info), 0);
	assert_int_equal(info.size, part + 1);
	assert_int_equal(info.parts, 2);
	uploads_are(env->store, "", "");
	upload_free(up);
}

static void complete_tells_the_etag(struct contract_env *env)
{
	contract_need(env, env->limits->complete_gives_etag);

	struct upload *up = upload_new(env->store, "big");
	char etag[STORE_ETAG_MAX];

	upload_add(up, 1, 3);
	struct store_req req = {
		.verb = STORE_MPU_COMPLETE,
		.key = "big",
		.complete = {.upload_id = up->id,
	                     .parts = up->parts,
	                     .count = 1},
	};
	assert_int_equal(store_call(env->store, &req), 0);
	contract_etag(env->store, "big", etag);
	assert_string_equal(req.info.etag, etag);
	assert_non_null(strstr(etag, "-1\""));
	upload_free(up);
}

static void an_upload_replaces_what_was_there(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "a");

	assert_int_equal(contract_put_text(env->store, "a", "old"), 0);
	upload_add(up, 1, 10);
	contract_has_text(env->store, "a", "old");
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "a", up->data, 10);
	upload_free(up);
}

static void parts_may_come_in_any_order(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "big");
	size_t part = (size_t)env->limits->part_min;
	uint8_t *last = contract_bytes(7, 99);
	struct store_part_info info = {.number = 30};

	assert_int_equal(
		contract_part(env->store, "big", up->id, last, 7, &info), 0);
	upload_add(up, 2, part);
	upload_add(up, 10, part);
	up->parts[up->count++] = info;
	assert_int_equal(upload_complete(up), 0);

	up->data = realloc(up->data, up->len + 7);
	memcpy(up->data + up->len, last, 7);
	contract_has(env->store, "big", up->data, up->len + 7);
	free(last);
	upload_free(up);
}

static void a_part_can_be_sent_again(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "big");
	struct store_part_info old = {.number = 1};

	contract_ok(contract_part(env->store, "big", up->id,
	                          (const uint8_t *)"old", 3, &old));
	upload_add(up, 1, 5);
	assert_int_equal(contract_complete(env->store, "big", up->id, &old, 1),
	                 -EIO);
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "big", up->data, 5);
	upload_free(up);
}

static void complete_may_leave_parts_out(struct contract_env *env)
{
	contract_need(env, !contract_is(env, CONTRACT_ALL_PARTS));

	struct upload *up = upload_new(env->store, "big");

	upload_add(up, 1, 5);
	upload_add(up, 2, 6);
	upload_add(up, 3, 7);
	contract_ok(
		contract_complete(env->store, "big", up->id, &up->parts[1], 1));
	contract_has(env->store, "big", up->data + 5, 6);
	uploads_are(env->store, "", "");
	upload_free(up);
}

static void a_small_part_before_the_last_is_refused(struct contract_env *env)
{
	contract_need(env, env->limits->part_min > 1);

	struct upload *up = upload_new(env->store, "big");

	upload_add(up, 1, (size_t)env->limits->part_min - 1);
	upload_add(up, 2, 1);
	assert_int_equal(upload_complete(up), -EINVAL);
	contract_lists(env->store, &(struct store_list){0}, "");

	/* It is still open, and can be put right. */
	up->count = up->len = 0;
	upload_add(up, 1, (size_t)env->limits->part_min);
	upload_add(up, 2, 1);
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "big", up->data, up->len);
	upload_free(up);
}

static void a_wrong_list_of_parts_is_refused(struct contract_env *env)
{
	size_t part = (size_t)env->limits->part_min;
	struct upload *up = upload_new(env->store, "big");
	struct store_part_info list[2];

	upload_add(up, 1, part);
	upload_add(up, 2, part);
	list[0] = up->parts[1];
	list[1] = up->parts[0];
	assert_int_equal(contract_complete(env->store, "big", up->id, list, 2),
	                 -EINVAL);
	list[0] = up->parts[0];
	list[1] = up->parts[1];
	list[1].number = 3;
	assert_int_equal(contract_complete(env->store, "big", up->id, list, 2),
	                 -EIO);
	memcpy(list[1].etag, list[0].etag, sizeof(list[1].etag));
	list[1].number = 2;
	assert_int_equal(contract_complete(env->store, "big", up->id, list, 2),
	                 -EIO);
	assert_int_equal(contract_complete(env->store, "big", up->id, list, 0),
	                 -EINVAL);
	contract_lists(env->store, &(struct store_list){0}, "");
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "big", up->data, up->len);
	upload_free(up);
}

static void an_empty_upload_is_an_empty_object(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "empty");
	struct object_info info;

	upload_add(up, 1, 0);
	assert_int_equal(upload_complete(up), 0);
	assert_int_equal(contract_head(env->store, "empty", &info), 0);
	assert_int_equal(info.size, 0);
	upload_free(up);
}

static void part_numbers_have_bounds(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "big");
	struct store_part_info info = {.number = 0};
	const uint8_t *data = (const uint8_t *)"x";

	assert_int_equal(contract_part(env->store, "big", up->id, data, 1,
	                               &info),
	                 -EINVAL);
	info.number = env->limits->parts_max;
	assert_int_equal(
		contract_part(env->store, "big", up->id, data, 1, &info), 0);
	if (!contract_is(env, CONTRACT_LOOSE_NUMBERS)) {
		info.number = env->limits->parts_max + 1;
		assert_int_equal(contract_part(env->store, "big", up->id, data,
		                               1, &info),
		                 -EINVAL);
	}
	upload_free(up);
}

/* Complete of what is no upload: -ENOENT, or what the store makes of it. */
static void assert_no_upload(const struct contract_env *env, int r)
{
	if (r == -EIO && contract_is(env, CONTRACT_LOST_UPLOADS))
		return;
	assert_int_equal(r, -ENOENT);
}

static void an_aborted_upload_is_gone(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "big");
	struct store_part_info info = {.number = 2};

	upload_add(up, 1, 10);
	assert_int_equal(contract_abort(env->store, "big", up->id), 0);
	uploads_are(env->store, "", "");
	assert_int_equal(contract_part(env->store, "big", up->id, up->data, 1,
	                               &info),
	                 -ENOENT);
	assert_no_upload(env, upload_complete(up));
	assert_int_equal(contract_abort(env->store, "big", up->id), -ENOENT);
	contract_lists(env->store, &(struct store_list){0}, "");
	upload_free(up);
}

static void an_unknown_upload_is_enoent(struct contract_env *env)
{
	static const char *const ids[] = {
		"nonsense",
		"../../etc",
		"0123456789abcdef0123456789abcdef",
	};
	const struct store_part_info part = {.number = 1, .etag = "\"x\""};

	for (size_t i = 0; i < 3; i++) {
		assert_no_upload(env, contract_complete(env->store, "a", ids[i],
		                                        &part, 1));
		assert_int_equal(contract_abort(env->store, "a", ids[i]),
		                 -ENOENT);
	}
}

static void a_second_complete_finds_no_upload(struct contract_env *env)
{
	contract_need(env, !contract_is(env, CONTRACT_COMPLETES_TWICE));

	struct upload *up = upload_new(env->store, "big");

	upload_add(up, 1, 10);
	assert_int_equal(upload_complete(up), 0);
	assert_int_equal(upload_complete(up), -ENOENT);
	contract_has(env->store, "big", up->data, 10);
	upload_free(up);
}

static void uploads_and_their_parts_are_listed(struct contract_env *env)
{
	struct upload *a = upload_new(env->store, "d/a");
	struct upload *b = upload_new(env->store, "b");

	upload_add(a, 1, 10);
	upload_add(a, 7, 20);
	upload_add(a, 3, 30);
	uploads_are(env->store, "", "b\nd/a\n");
	uploads_are(env->store, "d/", "d/a\n");
	uploads_are(env->store, "x", "");
	parts_are(a, 0, "1 10\n3 30\n7 20\n");
	parts_are(a, 1, "3 30\n7 20\n");
	parts_are(a, 7, "");
	parts_are(b, 0, "");
	assert_int_equal(contract_abort(env->store, "d/a", a->id), 0);
	uploads_are(env->store, "", "b\n");
	upload_free(a);
	upload_free(b);
}

/* Copies a range of source as a part; the data is the caller's to check. */
static int copy_part(struct upload *up, unsigned number,
                     const struct store_part *from)
{
	struct store_part_info *info = &up->parts[up->count];
	struct store_req req = {
		.verb = STORE_MPU_PART_COPY,
		.key = up->key,
		.part = *from,
	};
	int r;

	req.part.upload_id = up->id;
	req.part.number = number;
	r = store_call(up->store, &req);
	if (r < 0)
		return r;
	info->number = number;
	info->size = from->source_length;
	memcpy(info->etag, req.info.etag, sizeof(info->etag));
	up->count++;
	return 0;
}

static void a_part_can_be_a_range_of_an_object(struct contract_env *env)
{
	size_t part = (size_t)env->limits->part_min;
	uint8_t *data = contract_bytes(2 * part, 5);
	struct upload *up = upload_new(env->store, "b");
	struct store_part from = {
		.source = env->store,
		.source_key = "d/a",
		.source_offset = 3,
		.source_length = part,
	};

	assert_int_equal(contract_put(env->store, "d/a", data, 2 * part), 0);
	assert_int_equal(copy_part(up, 1, &from), 0);
	from.source_offset = part + 3;
	from.source_length = part - 3;
	assert_int_equal(copy_part(up, 2, &from), 0);
	assert_int_equal(upload_complete(up), 0);
	contract_has(env->store, "b", data + 3, 2 * part - 3);
	free(data);
	upload_free(up);
}

static void a_copied_part_has_its_conditions(struct contract_env *env)
{
	struct upload *up = upload_new(env->store, "b");
	char etag[STORE_ETAG_MAX];
	struct store_part from = {
		.source = env->store,
		.source_key = "a",
		.source_if_match = etag,
		.source_length = 3,
	};

	(void)str_copy(etag, sizeof(etag), "\"x\"");
	assert_int_equal(copy_part(up, 1, &from), -ENOENT);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", etag);
	assert_int_equal(copy_part(up, 1, &from), 0);
	from.source_length = 4;
	assert_true(copy_part(up, 2, &from) < 0);
	from.source_length = 3;
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	if (env->limits->copy_source_match)
		assert_int_equal(copy_part(up, 2, &from), -ESTALE);
	assert_int_equal(upload_complete(up), 0);
	contract_has_text(env->store, "b", "one");
	upload_free(up);
}

static void a_part_can_come_from_another_bucket(struct contract_env *env)
{
	struct object_store *other = contract_other(env);
	struct upload *up = upload_new(other, "b");
	struct store_part from = {
		.source = env->store,
		.source_key = "a",
		.source_offset = 1,
		.source_length = 3,
	};

	assert_int_equal(contract_put_text(env->store, "a", "12345"), 0);
	assert_int_equal(copy_part(up, 1, &from), 0);
	assert_int_equal(upload_complete(up), 0);
	contract_has_text(other, "b", "234");
	upload_free(up);
}

/* Complete under conditions. */
static int complete_if(struct upload *up, const char *if_match,
                       const char *if_none_match)
{
	struct store_req req = {
		.verb = STORE_MPU_COMPLETE,
		.key = up->key,
		.if_match = if_match,
		.if_none_match = if_none_match,
		.complete = {.upload_id = up->id,
	                     .parts = up->parts,
	                     .count = up->count},
	};

	return store_call(up->store, &req);
}

static void complete_heeds_conditions(struct contract_env *env)
{
	contract_need(env, env->limits->complete_conditions);

	struct upload *up = upload_new(env->store, "a");
	char first[STORE_ETAG_MAX];
	char second[STORE_ETAG_MAX];
	int r;

	upload_add(up, 1, 10);
	assert_int_equal(contract_put_text(env->store, "a", "one"), 0);
	contract_etag(env->store, "a", first);
	assert_int_equal(contract_put_text(env->store, "a", "two"), 0);
	contract_etag(env->store, "a", second);
	r = complete_if(up, NULL, "*");
	assert_true(r == -EEXIST || r == -ESTALE);
	assert_int_equal(complete_if(up, first, NULL), -ESTALE);
	contract_has_text(env->store, "a", "two");
	uploads_are(env->store, "", "a\n");
	parts_are(up, 0, "1 10\n");
	assert_int_equal(complete_if(up, second, NULL), 0);
	contract_has(env->store, "a", up->data, 10);
	upload_free(up);
}

/* The headers of a HEAD, looked at while they are there. */
static void has_the_type(struct store_req *req)
{
	const struct store_headers *headers = &req->info.headers;

	if (!headers->content_type ||
	    strcmp(headers->content_type, "text/x-test") != 0 ||
	    headers->meta_count != 1 ||
	    strcmp(headers->meta[0].value, "value") != 0)
		req->status = -EBADMSG;
}

static void the_headers_of_create_are_the_objects(struct contract_env *env)
{
	const struct store_meta meta = {"name", "value"};
	struct store_req create = {
		.verb = STORE_MPU_CREATE,
		.key = "a",
		.create.headers = {.content_type = "text/x-test",
	                           .meta = &meta,
	                           .meta_count = 1},
	};
	struct store_req head = {
		.verb = STORE_HEAD,
		.key = "a",
		.done = has_the_type,
	};
	struct store_part_info part = {.number = 1};
	const char *id = create.create.upload_id;
	const uint8_t x = 'x';

	contract_ok(store_call(env->store, &create));
	contract_ok(contract_part(env->store, "a", id, &x, 1, &part));
	contract_ok(contract_complete(env->store, "a", id, &part, 1));
	contract_ok(store_call(env->store, &head));
}

const struct contract_test contract_upload_tests[] = {
	CONTRACT_TEST(an_upload_is_invisible_until_complete),
	CONTRACT_TEST(complete_tells_the_etag),
	CONTRACT_TEST(an_upload_replaces_what_was_there),
	CONTRACT_TEST(parts_may_come_in_any_order),
	CONTRACT_TEST(a_part_can_be_sent_again),
	CONTRACT_TEST(complete_may_leave_parts_out),
	CONTRACT_TEST(a_small_part_before_the_last_is_refused),
	CONTRACT_TEST(a_wrong_list_of_parts_is_refused),
	CONTRACT_TEST(an_empty_upload_is_an_empty_object),
	CONTRACT_TEST(part_numbers_have_bounds),
	CONTRACT_TEST(an_aborted_upload_is_gone),
	CONTRACT_TEST(an_unknown_upload_is_enoent),
	CONTRACT_TEST(a_second_complete_finds_no_upload),
	CONTRACT_TEST(uploads_and_their_parts_are_listed),
	CONTRACT_TEST(a_part_can_be_a_range_of_an_object),
	CONTRACT_TEST(a_copied_part_has_its_conditions),
	CONTRACT_TEST(a_part_can_come_from_another_bucket),
	CONTRACT_TEST(complete_heeds_conditions),
	CONTRACT_TEST(the_headers_of_create_are_the_objects),
};
const size_t contract_upload_count =
	sizeof(contract_upload_tests) / sizeof(contract_upload_tests[0]);
