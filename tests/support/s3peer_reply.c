/* SPDX-License-Identifier: MIT */
/*
 * A reply stays a struct as long as possible, so that a fault can bend it
 * before it becomes bytes.
 */
#include "s3peer_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void peer_reply_release(struct peer_reply *reply)
{
	str_release(&reply->fields);
	str_release(&reply->body);
	*reply = (struct peer_reply){0};
}

void peer_reply_field(struct peer_reply *reply, const char *name,
                      const char *fmt, ...)
{
	char value[4096];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	str_addf(&reply->fields, "%s: ", name);
	str_add(&reply->fields, value);
	str_add(&reply->fields, "\r\n");
}

/* Forget what the reply was; keep its memory. */
static void start_over(struct peer_reply *reply, int status)
{
	str_reset(&reply->fields);
	str_reset(&reply->body);
	reply->status = status;
	reply->no_body = false;
	reply->no_length = false;
	reply->chunked = false;
}

void peer_reply_error(struct peer_reply *reply, const struct peer_error *error,
                      const char *resource, bool no_body)
{
	struct str *body = &reply->body;

	start_over(reply, error->status);
	if (*error->region)
		peer_reply_field(reply, "x-amz-bucket-region", "%s",
		                 error->region);
	peer_reply_field(reply, "Content-Type", "application/xml");
	str_add(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
	str_addf(body, "<Code>%s</Code><Message>", error->code);
	peer_xml_add(body, error->message, strlen(error->message));
	str_add(body, "</Message>");
	if (*error->region)
		str_addf(body, "<Region>%s</Region>", error->region);
	str_add(body, "<Resource>");
	peer_xml_add(body, resource, strlen(resource));
	str_add(body, "</Resource></Error>");
	if (no_body) {
		reply->no_body = true;
		reply->length = body->len;
		str_reset(body);
	}
}

void peer_xml_add(struct str *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '<')
			str_add(s, "&lt;");
		else if (c == '>')
			str_add(s, "&gt;");
		else if (c == '&')
			str_add(s, "&amp;");
		else if (c == '"')
			str_add(s, "&quot;");
		else if (c < ' ')
			str_addf(s, "&#x%02x;", c);
		else
			str_add_char(s, (char)c);
	}
}

const char *peer_xml_find(const char *xml, size_t len, const char *name,
                          size_t *ret_len)
{
	char open[64];
	char close[64];

	(void)snprintf(open, sizeof(open), "<%s>", name);
	(void)snprintf(close, sizeof(close), "</%s>", name);
	if (len == 0)
		return NULL;

	const char *start = memmem(xml, len, open, strlen(open));

	if (!start)
		return NULL;
	start += strlen(open);

	const char *end = memmem(start, len - (size_t)(start - xml), close,
	                         strlen(close));

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - start);
	return start;
}

/* Append the byte that an entity, "&amp;" or "&#x0a;", means; its length. */
static size_t decode_entity(struct str *s, const char *text, size_t len)
{
	static const struct {
		const char *name;
		char byte;
	} entities[] = {{"&lt;", '<'},
	                {"&gt;", '>'},
	                {"&amp;", '&'},
	                {"&quot;", '"'},
	                {"&apos;", '\''}};
	char number[12] = "";

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		size_t n = strlen(entities[i].name);

		if (n <= len && memcmp(text, entities[i].name, n) == 0) {
			str_add_char(s, entities[i].byte);
			return n;
		}
	}

	const char *end = memchr(text, ';', len);
	size_t n = end ? (size_t)(end - text) : 0;

	if (n < 3 || n - 2 >= sizeof(number) || text[1] != '#')
		return 0;
	memcpy(number, text + 2, n - 2);

	bool hex = number[0] == 'x';
	unsigned long byte = strtoul(number + hex, NULL, hex ? 16 : 10);

	if (byte == 0 || byte > 127)
		return 0;
	str_add_char(s, (char)byte);
	return n + 1;
}

char *peer_xml_decode(const char *text, size_t len)
{
	cleanup(str_release) struct str s = {0};

	for (size_t i = 0; i < len;) {
		if (text[i] != '&') {
			str_add_char(&s, text[i++]);
			continue;
		}

		size_t n = decode_entity(&s, text + i, len - i);

		if (n == 0)
			return NULL;
		i += n;
	}
	if (str_status(&s) < 0)
		return NULL;
	return strdup(str_text(&s));
}

void peer_flip(char *data, size_t len)
{
	if (len > 0)
		data[len / 2] = (char)(data[len / 2] ^ 0x10);
}

/* Another hex digit in place of the first one behind at. */
static void spoil_digit(char *at)
{
	at += strspn(at, "\"& ;quot"); /* in quotes, or with their entities */
	if (*at && *at != '\r' && *at != '<')
		*at = *at == '0' ? '1' : '0';
}

/* ETags in the head and in result documents. */
static void spoil_etags(struct peer_reply *reply)
{
	char *field = reply->fields.data
	                      ? strcasestr(reply->fields.data, "etag:")
	                      : NULL;
	char *element = reply->body.data ? memmem(reply->body.data,
	                                          reply->body.len, "<ETag>", 6)
	                                 : NULL;

	if (field)
		spoil_digit(field + 5);
	if (element)
		spoil_digit(element + 6);
}

/* Junk from the middle of the body on, or junk for everything. */
static void spoil_with_junk(struct peer_reply *reply, bool all)
{
	static const char junk[] =
		"\x16\x03\x01<<<&\xff\x80 not what you think ";
	size_t from = reply->body.len / 2;

	if (all) {
		start_over(reply, 200);
		reply->not_http = true;
		reply->close = true;
		str_add(&reply->body, junk);
		return;
	}
	for (size_t i = from; i < reply->body.len; i++)
		reply->body.data[i] = junk[(i - from) % (sizeof(junk) - 1)];
}

/* The usual code of an HTTP status, when a rule names none. */
static const char *usual_code(uint64_t status)
{
	switch (status) {
	case 400:
		return "InvalidRequest";
	case 403:
		return "AccessDenied";
	case 404:
		return "NoSuchKey";
	case 409:
		return "OperationAborted";
	case 412:
		return "PreconditionFailed";
	case 429:
		return "TooManyRequests";
	case 503:
		return "SlowDown";
	default:
		return "InternalError";
	}
}

/* An error, with the status a rule names or inside a 200. */
static void spoil_with_error(struct peer_reply *reply,
                             const struct peer_fault *fault)
{
	bool in_200 = fault->action == PEER_OK_WITH_ERROR_BODY;
	struct peer_error error;

	peer_error_set(&error, in_200 ? 200 : (int)fault->number,
	               *fault->text ? fault->text : usual_code(fault->number),
	               "injected by s3peer");
	peer_reply_error(reply, &error, "", reply->no_body);
}

void peer_reply_spoil(struct peer_reply *reply, const struct peer_fault *fault)
{
	switch (fault->action) {
	case PEER_STATUS:
	case PEER_OK_WITH_ERROR_BODY:
		spoil_with_error(reply, fault);
		break;
	case PEER_REDIRECT:
		start_over(reply, 307);
		peer_reply_field(reply, "Location", "%s", fault->text);
		break;
	case PEER_JUNK:
		spoil_with_junk(reply, fault->phase == PEER_AFTER_COMMIT);
		break;
	case PEER_FLIP:
		if (reply->body.data)
			peer_flip(reply->body.data, reply->body.len);
		break;
	case PEER_WRONG_ETAG:
		spoil_etags(reply);
		break;
	case PEER_CUT_MATCHING_LENGTH:
		reply->body.len /= 2;
		break;
	case PEER_NOTHING:
	case PEER_RESET:
	case PEER_STALL:
	case PEER_CUT:
	case PEER_DELAY:
	case PEER_DRIP:
	case PEER_LOSE_REPLY:
		break;
	}
}

void peer_http_date(time_t time, char ret[PEER_DATE_MAX])
{
	struct tm tm;

	(void)gmtime_r(&time, &tm);
	(void)strftime(ret, PEER_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* The words behind a status; clients must not care, people do. */
static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 206:
		return "Partial Content";
	case 304:
		return "Not Modified";
	case 404:
		return "Not Found";
	case 412:
		return "Precondition Failed";
	case 416:
		return "Requested Range Not Satisfiable";
	case 503:
		return "Slow Down";
	default:
		return status < 300   ? "OK"
		       : status < 400 ? "Redirect"
		       : status < 500 ? "Bad Request"
		                      : "Internal Server Error";
	}
}

/* The fields that every reply has, and the frame. */
static void render_head(const struct peer_reply *reply,
                        const struct peer_manner *manner, struct str *ret)
{
	char date[PEER_DATE_MAX];

	peer_http_date(manner->now, date);
	str_addf(ret, "HTTP/1.1 %d %s\r\n", reply->status,
	         reason(reply->status));
	str_add_mem(ret, str_text(&reply->fields), reply->fields.len);
	if (manner->server)
		str_addf(ret, "Server: %s\r\n", manner->server);
	if (manner->id)
		str_addf(ret, "x-amz-request-id: %s\r\nDate: %s\r\n",
		         manner->id, date);
	if (reply->chunked)
		str_add(ret, "Transfer-Encoding: chunked\r\n");
	else if (!reply->no_length && reply->status != 204 &&
	         reply->status != 304)
		str_addf(ret, "Content-Length: %ju\r\n",
		         (uintmax_t)(reply->no_body ? reply->length
		                                    : reply->body.len));
	if (reply->close)
		str_add(ret, "Connection: close\r\n");
	str_add(ret, "\r\n");
}

int peer_reply_render(const struct peer_reply *reply,
                      const struct peer_manner *manner, struct peer_wire *ret)
{
	const struct str *body = &reply->body;
	struct str *head = &ret->head;

	ret->body = body;
	ret->tail = "";
	if (!reply->not_http)
		render_head(reply, manner, head);
	if (reply->chunked && body->len > 0)
		str_addf(head, "%zx\r\n", body->len);
	if (reply->chunked)
		ret->tail = body->len ? "\r\n0\r\n\r\n" : "0\r\n\r\n";

	ret->size = head->len + body->len + strlen(ret->tail);
	ret->half = body->len ? head->len + body->len / 2 : head->len / 2;
	if (str_status(head) < 0 || str_status(body) < 0)
		return -ENOMEM;
	return str_status(&reply->fields);
}

void peer_wire_release(struct peer_wire *wire)
{
	str_release(&wire->head);
	*wire = (struct peer_wire){0};
}
