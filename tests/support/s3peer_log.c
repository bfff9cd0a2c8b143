/* SPDX-License-Identifier: MIT */
#include "s3peer_log.h"

#include <string.h>

/* ,"name":"text" with the text percent-encoded. */
static void add_key(struct str *s, const char *name, const char *text)
{
	str_addf(s, ",\"%s\":\"", name);
	str_add_uri(s, text, strlen(text), true);
	str_add_char(s, '"');
}

/* ,"name":"text", or nothing for an empty text; what JSON escapes is. */
static void add_text(struct str *s, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	str_addf(s, ",\"%s\":\"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			str_add_char(s, '\\');
		str_add_char(s, *text < ' ' ? '?' : *text);
	}
	str_add_char(s, '"');
}

/* Who and what. */
static void add_subject(struct str *s, const struct s3peer_event *event)
{
	str_addf(s, "{\"id\":%ju,\"verb\":\"%s\"", (uintmax_t)event->id,
	         event->verb);
	add_text(s, "bucket", event->bucket);
	if (*event->key)
		add_key(s, "key", event->key);
	add_text(s, "upload", event->upload_id);
	if (event->part)
		str_addf(s, ",\"part\":%u", event->part);
}

/* How it ended. */
static void add_fault(struct str *s, const struct s3peer_event *event)
{
	add_text(s, "fault", event->fault);
	add_text(s, "phase", event->phase);
}

void peer_log_request(struct str *s, const struct s3peer_event *event)
{
	add_subject(s, event);
	str_addf(s,
	         ",\"status\":%d,\"in\":%ju,\"out\":%ju,\"start_us\":%ju,"
	         "\"took_us\":%ju,\"nth\":%u",
	         event->status, (uintmax_t)event->bytes_in,
	         (uintmax_t)event->bytes_out, (uintmax_t)event->start_us,
	         (uintmax_t)event->took_us, event->nth_on_connection);
	add_fault(s, event);
	str_add(s, "}\n");
}

/* Whether a verb only looks. */
static bool only_reads(const char *verb)
{
	static const char *const reads[] = {
		"HEAD", "GET", "LIST", "MPU_LIST_PARTS", "MPU_LIST", "OTHER"};

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		if (strcmp(verb, reads[i]) == 0)
			return true;
	}
	return false;
}

void peer_log_oracle(struct str *s, const struct s3peer_event *event)
{
	if (only_reads(event->verb))
		return;
	add_subject(s, event);
	str_addf(s, ",\"status\":%d,\"committed\":%s,\"acknowledged\":%s",
	         event->status, event->committed ? "true" : "false",
	         event->acknowledged ? "true" : "false");
	add_text(s, "etag", event->etag);
	if (event->key_count > 0)
		str_add(s, ",\"gone\":[");
	for (size_t i = 0; i < event->key_count; i++) {
		str_add(s, i ? ",\"" : "\"");
		str_add_uri(s, event->keys[i], strlen(event->keys[i]), true);
		str_add_char(s, '"');
	}
	if (event->key_count > 0)
		str_add_char(s, ']');
	add_fault(s, event);
	str_add(s, "}\n");
}
