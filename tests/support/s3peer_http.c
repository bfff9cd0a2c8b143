/* SPDX-License-Identifier: MIT */
/*
 * A head is copied once and cut into texts in place: every CRLF and every
 * colon becomes a NUL.
 */
#include "s3peer_http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void peer_head_release(struct peer_head *head)
{
	free(head->text);
	*head = (struct peer_head){0};
}

size_t peer_head_find(const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

const char *peer_head_get(const struct peer_head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++) {
		if (strcasecmp(head->fields[i].name, name) == 0)
			return head->fields[i].value;
	}
	return NULL;
}

/* Cut the next line off *rest; NULL at the blank line. */
static char *next_line(char **rest)
{
	char *line = *rest;
	char *end = strstr(line, "\r\n");

	if (!end || end == line)
		return NULL;
	*end = '\0';
	*rest = end + 2;
	return line;
}

/* Whether a comma-separated value names token, whatever its case. */
static bool lists(const char *value, const char *token)
{
	return strcasestr(value, token) != NULL;
}

/* Remember what a field says about the message's frame. */
static int note_frame(struct peer_head *head, const char *name,
                      const char *value)
{
	if (strcasecmp(name, "content-length") == 0) {
		uint64_t length = 0;

		if (str_to_u64(value, &length) < 0)
			return -EPROTO;
		if (head->has_length && head->length != length)
			return -EPROTO;
		head->has_length = true;
		head->length = length;
	} else if (strcasecmp(name, "transfer-encoding") == 0) {
		head->chunked = lists(value, "chunked");
	} else if (strcasecmp(name, "connection") == 0) {
		if (lists(value, "close"))
			head->close = true;
		else if (lists(value, "keep-alive"))
			head->close = false;
	} else if (strcasecmp(name, "expect") == 0) {
		head->expect = lists(value, "100-continue");
	}
	return 0;
}

/* One "Name: value" line. */
static int parse_field(struct peer_head *head, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line || colon[-1] == ' ')
		return -EPROTO;
	if (head->count == PEER_FIELDS_MAX)
		return -EPROTO;

	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strlen(value);

	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';

	head->fields[head->count++] = (struct peer_field){line, value};
	return note_frame(head, line, value);
}

/* Copy the head, cut off its first line, parse all others. */
static int parse(struct peer_head *head, const char *data, size_t len,
                 char **first)
{
	*head = (struct peer_head){0};
	if (memchr(data, '\0', len))
		return -EPROTO;

	head->text = strndup(data, len);
	if (!head->text)
		return -ENOMEM;

	char *rest = head->text;

	*first = next_line(&rest);
	if (!*first)
		return -EPROTO;

	const char *http = strstr(*first, "HTTP/1.");

	if (!http)
		return -EPROTO;
	head->close = http[7] == '0';

	for (char *line; (line = next_line(&rest)) != NULL;) {
		int r = parse_field(head, line);

		if (r < 0)
			return r;
	}
	return 0;
}

/* "PUT /bucket/key HTTP/1.1" */
static int parse_request_line(struct peer_head *head, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || strncmp(version, " HTTP/1.", 8) != 0)
		return -EPROTO;
	*target++ = '\0';
	*version = '\0';
	head->method = line;
	head->target = target;
	return *target == '/' ? 0 : -EPROTO;
}

int peer_head_parse_request(struct peer_head *head, const char *data,
                            size_t len)
{
	char *first = NULL;
	int r = parse(head, data, len, &first);

	if (r == 0)
		r = parse_request_line(head, first);
	if (r < 0)
		peer_head_release(head);
	return r;
}

/* "HTTP/1.1 206 Partial Content" */
static int parse_status_line(struct peer_head *head, const char *line)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 ||
	    line[8] != ' ')
		return -EPROTO;

	for (unsigned i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line[i]))
			return -EPROTO;
		head->status = head->status * 10 + (line[i] - '0');
	}
	return 0;
}

int peer_head_parse_reply(struct peer_head *head, const char *data, size_t len)
{
	char *first = NULL;
	int r = parse(head, data, len, &first);

	if (r == 0)
		r = parse_status_line(head, first);
	if (r < 0)
		peer_head_release(head);
	return r;
}

bool peer_has_body(const char *method, int status)
{
	return strcmp(method, "HEAD") != 0 && status >= 200 && status != 204 &&
	       status != 304;
}

/* A byte of the line that says how long the chunk is. */
static int feed_size(struct peer_chunked *c, char byte)
{
	if (byte == '\n') {
		if (c->digits == 0)
			return -EPROTO;
		c->last = c->left == 0;
		c->line = 0;
		c->state = c->last ? PEER_CHUNK_TRAILER : PEER_CHUNK_DATA;
		return 0;
	}
	if (byte == '\r' || c->state == PEER_CHUNK_EXTENSION)
		return 0;
	if (byte == ';' || byte == ' ') {
		c->state = PEER_CHUNK_EXTENSION;
		return 0;
	}
	if (!isxdigit((unsigned char)byte) || ++c->digits > 15)
		return -EPROTO;

	int lower = tolower((unsigned char)byte);

	c->left = c->left * 16 +
	          (unsigned)(lower <= '9' ? lower - '0' : lower - 'a' + 10);
	return 0;
}

/* A byte that is no data: sizes, ends of lines, the trailer. */
static int feed_frame(struct peer_chunked *c, char byte)
{
	switch (c->state) {
	case PEER_CHUNK_SIZE:
	case PEER_CHUNK_EXTENSION:
		return feed_size(c, byte);
	case PEER_CHUNK_DATA_END:
		if (byte == '\n') {
			c->state = PEER_CHUNK_SIZE;
			c->digits = 0;
			return 0;
		}
		return byte == '\r' ? 0 : -EPROTO;
	case PEER_CHUNK_TRAILER:
		if (byte == '\n') {
			c->done = c->line == 0;
			c->line = 0;
		} else if (byte != '\r') {
			c->line++;
		}
		return 0;
	case PEER_CHUNK_DATA:
		break;
	}
	return -EPROTO;
}

ssize_t peer_chunked_feed(struct peer_chunked *c, const char *data, size_t len,
                          struct str *decoded)
{
	size_t at = 0;

	while (at < len && !c->done) {
		if (c->state != PEER_CHUNK_DATA) {
			int r = feed_frame(c, data[at++]);

			if (r < 0)
				return r;
			continue;
		}

		size_t run = len - at < c->left ? len - at : (size_t)c->left;

		if (decoded)
			str_add_mem(decoded, data + at, run);
		at += run;
		c->left -= run;
		if (c->left == 0)
			c->state = PEER_CHUNK_DATA_END;
	}
	return (ssize_t)at;
}
