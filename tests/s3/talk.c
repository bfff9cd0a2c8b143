/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include "base/digest.h"
#include "s3peer_http.h"
#include "s3peer_loop.h"
#include "sign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* How long a reply may take before it counts as silence. */
#define PATIENCE_MS 400

/* "a=b&c" from the fields, coded and in order. */
static void add_query(struct str *s, const struct talk_field *fields)
{
	for (size_t i = 0; i < 8 && fields[i].name; i++) {
		str_add(s, i ? "&" : "");
		str_add_uri(s, fields[i].name, strlen(fields[i].name), false);
		str_add_char(s, '=');
		str_add_uri(s, fields[i].value, strlen(fields[i].value), false);
	}
}

/* What the signer needs to know. */
static struct http_request prepare(const struct talk_request *request,
                                   uint16_t port)
{
	struct http_request http = {.method = request->method};

	http.host = str_printf("127.0.0.1:%u", port);
	assert_non_null(http.host);
	str_add_char(&http.path, '/');
	if (request->bucket)
		str_add(&http.path, request->bucket);
	if (request->key) {
		str_add_char(&http.path, '/');
		str_add_uri(&http.path, request->key, strlen(request->key),
		            true);
	}
	add_query(&http.query, request->query);
	for (size_t i = 0; i < 8 && request->headers[i].name; i++)
		http_headers_add(&http.headers, request->headers[i].name,
		                 request->headers[i].value);
	return http;
}

/* Sign it as the request says. */
static void sign(const struct talk_request *request, struct http_request *http)
{
	const struct s3_keys keys = {
		.access_key_id = "AKPEER",
		.secret_access_key =
			request->secret ? request->secret : "SKPEER",
		.session_token = request->token,
	};
	time_t now = request->now ? request->now : time(NULL);
	uint8_t hash[SHA256_SIZE];
	char payload[2 * SHA256_SIZE + 1] = SIGN_UNSIGNED_PAYLOAD;

	if (request->presigned) {
		assert_int_equal(
			sign_query(http, &keys, "us-east-1", 3600, now), 0);
		return;
	}
	if (request->signed_payload) {
		assert_int_equal(digest_sha256(request->body ? request->body
		                                             : "",
		                               request->body_len, hash),
		                 0);
		digest_hex(hash, sizeof(hash), payload);
	}
	assert_int_equal(sign_headers(http, &keys, "us-east-1", payload, now),
	                 0);
}

void talk_render(const struct talk_request *request, uint16_t port,
                 struct str *ret)
{
	struct http_request http = prepare(request, port);

	sign(request, &http);
	str_addf(ret, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\n", http.method,
	         str_text(&http.path), http.query.len ? "?" : "",
	         str_text(&http.query), http.host);
	for (size_t i = 0; i < http.headers.count; i++)
		str_addf(ret, "%s: %s\r\n", http.headers.items[i].name,
		         http.headers.items[i].value);
	str_addf(ret, "Content-Length: %zu\r\n\r\n", request->body_len);
	if (request->body_len)
		str_add_mem(ret, request->body, request->body_len);
	assert_int_equal(str_status(ret), 0);
	http_request_release(&http);
}

int talk_connect(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

size_t talk_send(int fd, const void *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = send(fd, (const char *)data + at, len - at,
		                 MSG_NOSIGNAL);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	return at;
}

void talk_reply_release(struct talk_reply *reply)
{
	str_release(&reply->bytes);
}

/* Whether all that the head announces is there. */
static bool is_whole(struct talk_reply *reply, bool head)
{
	struct peer_head parsed;
	struct peer_chunked chunked = {0};
	size_t len = reply->bytes.len;
	size_t at = len ? peer_head_find(reply->bytes.data, len) : 0;
	bool whole;

	if (at == 0 ||
	    peer_head_parse_reply(&parsed, reply->bytes.data, at) < 0)
		return false;
	reply->status = parsed.status;
	reply->body_at = at;
	if (head || !peer_has_body("GET", parsed.status)) {
		whole = true;
	} else if (parsed.chunked) {
		(void)peer_chunked_feed(&chunked, reply->bytes.data + at,
		                        len - at, NULL);
		whole = chunked.done;
	} else {
		whole = len - at >= parsed.length && parsed.has_length;
	}
	peer_head_release(&parsed);
	return whole;
}

void talk_receive(int fd, bool head, int timeout_ms, struct talk_reply *ret)
{
	uint64_t start = loop_now_us();

	*ret = (struct talk_reply){0};
	while (!is_whole(ret, head)) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		char piece[4096];
		ssize_t n;

		if (poll(&ready, 1, timeout_ms) == 0) {
			ret->end = TALK_SILENT;
			break;
		}
		n = read(fd, piece, sizeof(piece));
		if (n <= 0) {
			ret->end = n == 0 ? TALK_CLOSED : TALK_RESET;
			break;
		}
		str_add_mem(&ret->bytes, piece, (size_t)n);
	}
	ret->took_ms = (loop_now_us() - start) / 1000;
}

void talk(uint16_t port, const struct talk_request *request,
          struct talk_reply *ret)
{
	cleanup(str_release) struct str bytes = {0};
	cleanup(closep) int fd = talk_connect(port);

	talk_render(request, port, &bytes);
	(void)talk_send(fd, bytes.data, bytes.len);
	talk_receive(fd, strcmp(request->method, "HEAD") == 0, PATIENCE_MS,
	             ret);
}

struct str talk_body(const struct talk_reply *reply)
{
	struct peer_chunked chunked = {0};
	struct str body = {0};
	const char *data = str_text(&reply->bytes) + reply->body_at;
	size_t len = reply->bytes.len - reply->body_at;

	if (strcasestr(str_text(&reply->bytes), "\r\nTransfer-Encoding:"))
		(void)peer_chunked_feed(&chunked, data, len, &body);
	else
		str_add_mem(&body, data, len);
	return body;
}
