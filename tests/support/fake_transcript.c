/* SPDX-License-Identifier: MIT */
/* A request as one line of the fake store's transcript. */
#include "fake_data.h"

#include <inttypes.h>

/* " " and a name, printable. */
static void add_name(struct str *s, const char *lead, const char *name)
{
	str_add(s, lead);
	for (; *name; name++) {
		if (*name > ' ' && *name < 0x7f && *name != '\\')
			str_add_char(s, *name);
		else
			str_addf(s, "\\x%02x", (unsigned char)*name);
	}
}

/* " first-last", as a Range header counts. */
static void add_range(struct str *s, uint64_t offset, uint64_t length)
{
	str_addf(s, " %" PRIu64 "-%" PRIu64, offset, offset + length - 1);
}

/* lead and value, when there is a value. */
static void add_option(struct str *s, const char *lead, const char *value)
{
	if (value && *value)
		add_name(s, lead, value);
}

/* The parameters of a listing. */
static void add_list(struct str *s, const struct store_list *list)
{
	add_option(s, " prefix=", list->prefix);
	add_option(s, " delimiter=", list->delimiter);
	add_option(s, " start-after=", list->start_after);
	add_option(s, " token=", list->token);
	if (list->max_keys)
		str_addf(s, " max-keys=%u", list->max_keys);
}

/* The parameters of a part, sent or copied. */
static void add_part(struct str *s, const struct store_req *req)
{
	const struct store_part *part = &req->part;

	if (req->verb == STORE_MPU_PART) {
		str_addf(s, " %u %" PRIu64, part->number,
		         chain_size(&part->body));
		return;
	}
	str_addf(s, " %u", part->number);
	add_name(s, " from ", part->source_key);
	add_range(s, part->source_offset, part->source_length);
	add_option(s, " source-if-match=", part->source_if_match);
}

/* What a verb has besides its key and conditions. */
static void add_parameters(struct str *s, const struct store_req *req)
{
	switch (req->verb) {
	case STORE_GET:
		add_range(s, req->get.offset, req->get.length);
		break;
	case STORE_PUT:
		str_addf(s, " %" PRIu64, chain_size(&req->put.body));
		break;
	case STORE_COPY:
		add_name(s, " from ", req->copy.source_key);
		add_option(s, " source-if-match=", req->copy.source_if_match);
		if (req->copy.replace_headers)
			str_add(s, " replace-headers");
		break;
	case STORE_DELETE_MANY:
		for (size_t i = 0; i < req->delete_many.count; i++)
			add_name(s, " ", req->delete_many.keys[i]);
		break;
	case STORE_LIST:
		add_list(s, &req->list);
		break;
	case STORE_MPU_PART:
	case STORE_MPU_PART_COPY:
		add_part(s, req);
		break;
	case STORE_MPU_COMPLETE:
		str_addf(s, " %zu parts", req->complete.count);
		break;
	case STORE_MPU_LIST:
		add_option(s, " prefix=", req->list_uploads.prefix);
		add_option(s, " key-marker=", req->list_uploads.key_marker);
		break;
	case STORE_HEAD:
	case STORE_DELETE:
	case STORE_MPU_CREATE:
	case STORE_MPU_ABORT:
	case STORE_MPU_LIST_PARTS:
		break;
	}
}

void fake_write_line(struct str *s, const struct store_req *req)
{
	str_add(s, store_verb_name(req->verb));
	if (req->key)
		add_name(s, " ", req->key);
	add_parameters(s, req);
	add_option(s, " if-match=", req->if_match);
	add_option(s, " if-none-match=", req->if_none_match);
	str_add_char(s, '\n');
}
