/* SPDX-License-Identifier: MIT */
/*
 * Replies of a hostile store: a line with verb and status, header lines, an
 * empty line, a body.  Each is understood as an error, and told in one line;
 * and as a success, which is believed only when it hangs together.
 */
#include "op.h"
#include "reply.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cut "name: value" lines off up to the empty one. */
static void read_headers(char **text, struct http_headers *ret)
{
	while (**text) {
		size_t len = strcspn(*text, "\n");
		char *line = *text;
		char *colon = memchr(line, ':', len);

		*text += len + (line[len] == '\n');
		line[len] = '\0';
		if (len == 0)
			return;
		if (!colon)
			continue;
		*colon = '\0';
		http_headers_add(ret, line, colon + 1 + strspn(colon + 1, " "));
	}
}

/* The reply as a failure. */
static void check_error(const struct store_req *req,
                        const struct http_reply *reply)
{
	struct reply_error error;
	struct err err = {0};

	reply_explain(req, reply, reply->status / 100 == 2, &error);
	assert(error.code < 0);
	assert(error.advice != REPLY_REGION || error.region[0]);
	assert(reply_story(req, &error, "bucket", &err) == error.code);
	assert(err.text[0]);
	for (const char *p = err.text; *p; p++)
		assert((uint8_t)*p >= 0x20 && *p != 0x7f);
}

/* The reply as a success: a GET of 50 bytes from 8, or a HEAD. */
static void check_success(struct store_req *req, struct http_reply *reply)
{
	const struct op_context context = {.profile = profile_generic(),
	                                   .prefix = ""};
	const struct op *op = op_get(req->verb);
	struct op_store store = {0};
	int r = 0;

	if (op->check_headers)
		r = op->check_headers(&context, req, reply);
	if (r == 0 && op->check_headers && reply->status / 100 == 2) {
		assert(req->info.etag[0]);
		assert(req->info.size > 8);
		reply->received =
			req->info.size - 8 < 50 ? req->info.size - 8 : 50;
	}
	if (r == 0 && reply->status / 100 == 2)
		r = op->decode(&context, req, reply, &store);
	if (r == 0 && reply->status / 100 == 2 && op->check_headers)
		assert(req->get.received == reply->received);
	op_store_release(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *rest = text;
	struct http_reply reply = {0};
	struct store_req req = {.verb = STORE_GET, .key = "a\n\xff"};

	assert(text);
	if (strlen(text) > 4) {
		req.verb = rest[0] == 'h' ? STORE_HEAD : STORE_GET;
		reply.status = 200 + (uint8_t)rest[1] % 4 * 100 +
		               (uint8_t)rest[2] % 32;
		if (rest[3] == '*')
			req.if_none_match = "*";
		rest += strcspn(rest, "\n");
		rest += *rest == '\n';
	}
	read_headers(&rest, &reply.headers);
	str_add(&reply.text, rest);

	check_error(&req, &reply);
	if (req.verb == STORE_GET) {
		req.get.offset = 8;
		req.get.length = 50;
	}
	(void)reply_has_error_inside(&reply);
	(void)profile_learn_reply("host", &reply.headers);
	check_success(&req, &reply);
	http_reply_release(&reply);
	free(text);
	return 0;
}
