/* SPDX-License-Identifier: MIT */
#include "fake_http.h"

#include "base/lock.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

struct fake_http {
	struct http_transport base;
	pthread_mutex_t lock;
	struct list calls; /* lock */
	size_t count;      /* lock */
	size_t started;    /* lock */
	struct str line;
};

static void start(struct http_transport *base, struct http_call *call)
{
	struct fake_http *fake = (struct fake_http *)base;

	call->reply = (struct http_reply){.error = 0};
	call->cancelled = false;

	WITH_LOCK(&fake->lock);
	list_append(&fake->calls, &call->link);
	fake->count++;
	fake->started++;
}

static void cancel(struct http_transport *base, struct http_call *call)
{
	(void)base;
	call->cancelled = true;
}

static void destroy(struct http_transport *base)
{
	struct fake_http *fake = (struct fake_http *)base;

	assert(list_empty(&fake->calls));
	str_release(&fake->line);
	(void)pthread_mutex_destroy(&fake->lock);
	free(fake);
}

static const struct http_transport_ops fake_ops = {
	.start = start,
	.cancel = cancel,
	.destroy = destroy,
};

struct fake_http *fake_http_new(void)
{
	struct fake_http *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	fake->base.ops = &fake_ops;
	(void)pthread_mutex_init(&fake->lock, NULL);
	list_init(&fake->calls);
	return fake;
}

struct http_transport *fake_http_transport(struct fake_http *fake)
{
	return &fake->base;
}

size_t fake_http_count(struct fake_http *fake)
{
	WITH_LOCK(&fake->lock);
	return fake->count;
}

size_t fake_http_started(struct fake_http *fake)
{
	WITH_LOCK(&fake->lock);
	return fake->started;
}

/* The n-th call under way; a test that asks for more is wrong. */
static struct http_call *nth(struct fake_http *fake, size_t n)
{
	WITH_LOCK(&fake->lock);
	list_for_each(pos, &fake->calls) {
		if (n-- == 0)
			return container_of(pos, struct http_call, link);
	}
	abort();
}

const struct http_request *fake_http_request(struct fake_http *fake, size_t n)
{
	return nth(fake, n)->request;
}

const char *fake_http_header(struct fake_http *fake, size_t n, const char *name)
{
	const char *value =
		http_headers_get(&nth(fake, n)->request->headers, name);

	return value ? value : "";
}

const char *fake_http_line(struct fake_http *fake, size_t n)
{
	const struct http_request *request = nth(fake, n)->request;

	str_reset(&fake->line);
	str_addf(&fake->line, "%s %s", request->method,
	         str_text(&request->path));
	if (request->query.len > 0)
		str_addf(&fake->line, "?%s", str_text(&request->query));
	return str_text(&fake->line);
}

/* "name: value\n…" into the reply. */
static void add_headers(struct http_reply *reply, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len);
		char *colon = strchr(line, ':');

		assert(colon && colon[1] == ' ');
		*colon = '\0';
		for (char *p = line; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		http_headers_add(&reply->headers, line, colon + 2);
		free(line);
		text += len + (text[len] == '\n');
	}
}

/* Body bytes to where the request wants them. */
static void add_body(struct http_call *call, const char *body)
{
	const struct http_request *request = call->request;
	struct http_reply *reply = &call->reply;
	size_t len = strlen(body);

	if (reply->status / 100 != 2 || request->into.count == 0) {
		str_add(&reply->text, body);
		return;
	}
	assert(len <= request->into_length);
	reply->received +=
		chain_write(&request->into, request->into_offset, body, len);
	if (call->progress && len > 0)
		call->progress(call);
}

static void end(struct fake_http *fake, struct http_call *call, int error,
                const char *text)
{
	{
		WITH_LOCK(&fake->lock);
		list_remove(&call->link);
		fake->count--;
	}
	call->reply.error = error;
	if (error && call->reply.err.code == 0)
		(void)err_set(&call->reply.err, error, "%s", text);
	call->done(call);
}

/* Headers, body, and how it ended. */
static void play(struct fake_http *fake, size_t n, int status,
                 const char *headers, const char *body, int error)
{
	struct http_call *call = nth(fake, n);

	call->reply.sent = true;
	call->reply.status = status;
	add_headers(&call->reply, headers);

	int r = call->headers ? call->headers(call) : 0;

	if (r < 0) {
		end(fake, call, r, "the headers do not fit");
		return;
	}
	add_body(call, body ? body : "");
	end(fake, call, error, "the line broke");
}

void fake_http_reply(struct fake_http *fake, size_t n, int status,
                     const char *headers, const char *body)
{
	play(fake, n, status, headers, body, 0);
}

void fake_http_cut(struct fake_http *fake, size_t n, int status,
                   const char *headers, const char *body)
{
	play(fake, n, status, headers, body, -ECONNRESET);
}

void fake_http_fail(struct fake_http *fake, size_t n, int error, bool sent)
{
	struct http_call *call = nth(fake, n);

	call->reply.sent = sent;
	end(fake, call, error, "no reply");
}

size_t fake_http_settle(struct fake_http *fake)
{
	size_t ended = 0;

	for (size_t n = 0; n < fake_http_count(fake);) {
		struct http_call *call = nth(fake, n);

		if (!call->cancelled) {
			n++;
			continue;
		}
		call->reply.sent = true;
		end(fake, call, -ECANCELED, "cancelled");
		ended++;
	}
	return ended;
}
