/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one exchange.
 *
 * The good way: "HTTP/1.1 200 OK", header lines, a blank line (the caller
 * judges the headers), body bytes copied once into the caller's chain.  A 1xx
 * block is forgotten when the next status line comes.  Whatever is too long,
 * malformed or too slow ends the exchange with the first reason found.
 */
#include "exchange.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Move past len bytes, copying them from src into the chain, or to dst. */
static size_t cursor_move(struct chain_cursor *c, void *dst, const void *src,
                          size_t len)
{
	size_t done = 0;

	while (done < len && c->slice < c->chain->count) {
		const struct slice *s = &c->chain->slices[c->slice];
		size_t n = s->len - c->at;

		if (n > len - done)
			n = len - done;
		if (src)
			(void)memcpy(s->data + c->at, (const char *)src + done,
			             n);
		if (dst)
			(void)memcpy((char *)dst + done, s->data + c->at, n);
		done += n;
		c->at += n;
		if (c->at == s->len) {
			c->slice++;
			c->at = 0;
		}
	}
	return done;
}

/* Put the cursor at offset. False when the chain is shorter. */
static bool cursor_set(struct chain_cursor *c, const struct chain *chain,
                       uint64_t offset)
{
	*c = (struct chain_cursor){.chain = chain};
	while (c->slice < chain->count &&
	       offset >= chain->slices[c->slice].len) {
		offset -= chain->slices[c->slice].len;
		c->slice++;
	}
	if (c->slice == chain->count)
		return offset == 0;
	c->at = (size_t)offset;
	return true;
}

/* The chain that the request's body comes from. */
static const struct chain *body_of(struct exchange *ex)
{
	const struct http_request *request = ex->call->request;

	if (request->body.count > 0)
		return &request->body;

	ex->text.data = (uint8_t *)request->text.data;
	ex->text.len = request->text.len;
	ex->text_chain.slices = &ex->text;
	ex->text_chain.count = ex->text.len > 0;
	return &ex->text_chain;
}

void exchange_begin(struct exchange *ex, struct http_call *call)
{
	const struct http_request *request = call->request;
	struct str name = ex->name, value = ex->value;

	*ex = (struct exchange){.call = call, .name = name, .value = value};
	const struct chain *body = body_of(ex);

	ex->out_size = chain_size(body);
	(void)cursor_set(&ex->out, body, 0);
	if (!cursor_set(&ex->in, &request->into, request->into_offset))
		assert(request->into.count == 0);
	ex->phase = ex->out_size > 0 ? EXCHANGE_SENDING : EXCHANGE_WAITING;
}

void exchange_release(struct exchange *ex)
{
	str_release(&ex->name);
	str_release(&ex->value);
}

int exchange_url(const struct exchange *ex, struct str *ret)
{
	const struct http_request *request = ex->call->request;

	str_reset(ret);
	str_add(ret, request->scheme);
	str_add(ret, "://");
	str_add(ret, request->host);
	str_add(ret, str_text(&request->path));
	if (request->query.len > 0) {
		str_add_char(ret, '?');
		str_add(ret, str_text(&request->query));
	}
	return str_status(ret);
}

int exchange_header_lines(const struct exchange *ex, struct str *ret)
{
	const struct http_headers *h = &ex->call->request->headers;

	str_reset(ret);
	for (size_t i = 0; i < h->count; i++) {
		const char *value = h->items[i].value;

		str_add(ret, h->items[i].name);
		str_add(ret, *value ? ": " : ";"); /* ";": sent, but empty */
		str_add(ret, value);
		str_add_char(ret, '\0');
	}
	str_add(ret, "Expect:");
	return str_status(ret);
}

int exchange_stop(struct exchange *ex, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (ex->stop)
		return ex->stop;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ex->stop = code;
	return err_set(&ex->call->reply.err, code, "%s", text);
}

static bool is_loopback(const char *ip)
{
	return str_starts(ip, "127.") || strcmp(ip, "::1") == 0 ||
	       str_starts(ip, "::ffff:127.");
}

int exchange_send(struct exchange *ex, const char *peer_ip,
                  bool allow_plaintext)
{
	const struct http_request *request = ex->call->request;

	if (!allow_plaintext && strcmp(request->scheme, "http") == 0 &&
	    !is_loopback(peer_ip))
		return exchange_stop(ex, -EPERM,
		                     "plain http to '%s' (%s) is not allowed: "
		                     "use https, or set allow_plaintext",
		                     request->host, peer_ip);
	if (ex->sends > 0 && request->once)
		return exchange_stop(ex, -ECONNRESET,
		                     "'%s' closed a kept connection as it was "
		                     "used again",
		                     request->host);
	ex->sends++;
	return 0;
}

/* "HTTP/1.1 206 Partial Content": a new block of headers begins. */
static int status_line(struct exchange *ex, const char *line, size_t len)
{
	const char *digits = memchr(line, ' ', len);
	size_t rest = digits ? len - (size_t)(digits - line) : 0;

	if (rest < 4 || !isdigit((unsigned char)digits[1]) ||
	    !isdigit((unsigned char)digits[2]) ||
	    !isdigit((unsigned char)digits[3]))
		return exchange_stop(ex, -EPROTO,
		                     "the server's status line is not HTTP");

	http_headers_release(&ex->call->reply.headers);
	ex->status = (digits[1] - '0') * 100 + (digits[2] - '0') * 10 +
	             (digits[3] - '0');
	return 0;
}

/* The blank line: a 1xx block is passed over, a final one is judged. */
static int block_end(struct exchange *ex)
{
	struct http_call *call = ex->call;

	if (ex->status < 200)
		return 0;
	if (call->reply.headers.status < 0)
		return exchange_stop(ex, call->reply.headers.status,
		                     "out of memory for the reply's headers");

	ex->final = true;
	call->reply.status = ex->status;

	int r = call->headers ? call->headers(call) : 0;

	if (r < 0 && call->reply.err.code == 0)
		return exchange_stop(
			ex, r, "the reply's headers do not fit the request");
	if (r < 0)
		ex->stop = r;
	return r;
}

/* ASCII only, whatever the locale. */
static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Add a name in lower case. */
static void add_lower(struct str *s, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		str_add_char(s, lower(name[i]));
}

/* "Name: value": lower-case the name, trim the value. */
static int header_line(struct exchange *ex, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	if (!colon || colon == line || isspace((unsigned char)line[0]))
		return exchange_stop(
			ex, -EPROTO,
			"the reply has a header line that is none");

	const char *value = colon + 1;
	const char *end = line + len;

	while (value < end && isspace((unsigned char)*value))
		value++;

	str_reset(&ex->name);
	str_reset(&ex->value);
	add_lower(&ex->name, line, (size_t)(colon - line));
	str_add_mem(&ex->value, value, (size_t)(end - value));
	if (str_status(&ex->name) < 0 || str_status(&ex->value) < 0)
		return exchange_stop(ex, -ENOMEM,
		                     "out of memory for the reply's headers");

	http_headers_add(&ex->call->reply.headers, str_text(&ex->name),
	                 str_text(&ex->value));
	return 0;
}

int exchange_header(struct exchange *ex, const char *line, size_t len)
{
	ex->header_bytes += len;
	if (ex->header_bytes > HTTP_HEADER_BYTES_MAX)
		return exchange_stop(ex, -EPROTO,
		                     "the reply's headers exceed %zu bytes",
		                     HTTP_HEADER_BYTES_MAX);
	if (ex->final)
		return 0; /* trailers of a chunked body say nothing to us */

	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len == 0)
		return block_end(ex);
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		return status_line(ex, line, len);
	return header_line(ex, line, len);
}

/* A 2xx body that the caller has a place for. */
static int place(struct exchange *ex, const void *data, size_t len)
{
	struct http_reply *reply = &ex->call->reply;
	uint64_t limit = ex->call->request->into_length;

	if (len > limit - reply->received ||
	    cursor_move(&ex->in, NULL, data, len) < len)
		return exchange_stop(ex, -EPROTO,
		                     "the server sent more than the %llu bytes "
		                     "that were asked for",
		                     (unsigned long long)limit);
	reply->received += len;
	ex->fresh = true;
	return 0;
}

int exchange_body(struct exchange *ex, const void *data, size_t len)
{
	const struct http_request *request = ex->call->request;
	struct http_reply *reply = &ex->call->reply;
	bool good = reply->status / 100 == 2;

	if (good && request->into.count > 0)
		return place(ex, data, len);

	/* Who expects no body still hears an <Error> in a 200. */
	size_t limit = good && request->text_max > 0 ? request->text_max
	                                             : HTTP_ERROR_BYTES_MAX;

	if (len > limit - reply->text.len)
		return exchange_stop(ex, -EPROTO,
		                     "the reply's body exceeds %zu bytes",
		                     limit);

	str_add_mem(&reply->text, data, len);
	if (str_status(&reply->text) < 0)
		return exchange_stop(ex, -ENOMEM,
		                     "out of memory for the reply's body");
	return 0;
}

size_t exchange_read(struct exchange *ex, void *data, size_t len)
{
	return cursor_move(&ex->out, data, NULL, len);
}

int exchange_seek(struct exchange *ex, uint64_t offset)
{
	return cursor_set(&ex->out, ex->out.chain, offset) ? 0 : -EINVAL;
}

/* Where the exchange stands, by what has moved. */
static enum exchange_phase phase_of(const struct exchange *ex, uint64_t sent)
{
	if (ex->header_bytes > 0)
		return EXCHANGE_RECEIVING;
	return sent < ex->out_size ? EXCHANGE_SENDING : EXCHANGE_WAITING;
}

/* Bytes have to move; fewer than the least in the time given is a stall. */
static int watch_speed(struct exchange *ex, uint64_t now_ms, uint64_t bytes)
{
	if (bytes >= ex->mark_bytes + EXCHANGE_STALL_BYTES) {
		ex->mark_ms = now_ms;
		ex->mark_bytes = bytes;
		return 0;
	}
	if (now_ms - ex->mark_ms < EXCHANGE_STALL_MS)
		return 0;
	return exchange_stop(ex, -ETIMEDOUT,
	                     "'%s' %s less than 1 KiB/s for %u s",
	                     ex->call->request->host,
	                     ex->phase == EXCHANGE_SENDING ? "took" : "sent",
	                     EXCHANGE_STALL_MS / 1000);
}

int exchange_watch(struct exchange *ex, uint64_t now_ms, uint64_t sent,
                   uint64_t got)
{
	const struct http_request *request = ex->call->request;
	enum exchange_phase phase = phase_of(ex, sent);
	uint64_t bytes = sent + got + ex->header_bytes;

	if (!ex->marked || phase != ex->phase) {
		ex->marked = true;
		ex->phase = phase;
		ex->mark_ms = now_ms;
		ex->mark_bytes = bytes;
		return 0;
	}
	if (phase != EXCHANGE_WAITING)
		return request->may_idle ? 0 : watch_speed(ex, now_ms, bytes);

	if (request->first_byte_ms == 0 ||
	    now_ms - ex->mark_ms < request->first_byte_ms)
		return 0;
	return exchange_stop(ex, -ETIMEDOUT,
	                     "'%s' has not answered for %llu ms", request->host,
	                     (unsigned long long)request->first_byte_ms);
}

int exchange_unconnected(const struct exchange *ex, int cause,
                         struct err *reterr)
{
	const char *host = ex->call->request->host;

	if (cause == ECONNREFUSED)
		return err_set(reterr, -ECONNREFUSED,
		               "connection to '%s' refused: nothing listens "
		               "there",
		               host);
	return err_set(reterr, cause == ETIMEDOUT ? -ETIMEDOUT : -EHOSTUNREACH,
	               "no connection to '%s'%s%s", host, cause ? ": " : "",
	               cause ? strerrordesc_np(cause) : "");
}

int exchange_timeout(const struct exchange *ex, uint64_t now_ms,
                     struct err *reterr)
{
	const struct http_call *call = ex->call;
	const struct http_request *request = call->request;
	bool in_time = call->due_ms == 0 || now_ms < call->due_ms;

	if (ex->sends == 0 && in_time)
		return err_set(reterr, -ETIMEDOUT,
		               "no connection to '%s' within %llu ms",
		               request->host,
		               (unsigned long long)request->connect_ms);
	return err_set(reterr, -ETIMEDOUT, "'%s' was not done within %llu ms",
	               request->host, (unsigned long long)request->total_ms);
}
