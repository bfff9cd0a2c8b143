/* SPDX-License-Identifier: MIT */
/*
 * The signer of s3/ and the checker of the peer share no line: what they agree
 * on, for all bytes that a key can hold, is probably right.
 */
#include "s3peer_auth.h"
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REQUESTS 10000
#define NOW      ((time_t)1800000000)

/* A repeatable sequence of numbers below limit. */
static unsigned draw(uint64_t *seed, unsigned limit)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(*seed >> 33) % limit;
}

/* A text of any bytes but NUL; at least min. */
static void draw_text(uint64_t *seed, char *ret, size_t min, size_t max)
{
	size_t len = min + draw(seed, (unsigned)(max - min + 1));

	for (size_t i = 0; i < len; i++)
		ret[i] = (char)(1 + draw(seed, 255));
	ret[len] = '\0';
}

/* A header's value: printable, with blanks inside, but none around it. */
static void draw_value(uint64_t *seed, char *ret, size_t max)
{
	size_t len = 1 + draw(seed, (unsigned)max);

	for (size_t i = 0; i < len; i++)
		ret[i] = draw(seed, 5) ? (char)(' ' + 1 + draw(seed, 94)) : ' ';
	ret[0] = 'v';
	ret[len - 1] = 'v';
	ret[len] = '\0';
}

/* The peer's verdict on rendered bytes. */
static const char *verdict(const struct str *bytes, const char *token)
{
	const struct peer_auth auth = {.access_key_id = "AKPEER",
	                               .secret_access_key = "SKPEER",
	                               .session_token = token,
	                               .region = "us-east-1",
	                               .now = NOW};
	struct peer_head head;
	struct peer_route route;
	struct peer_error error;
	const char *payload;

	assert_int_equal(
		peer_head_parse_request(&head, bytes->data, bytes->len), 0);
	assert_int_equal(peer_route_parse(&head, NULL, &route), 0);
	peer_auth_check(&auth, &head, &route, &payload, &error);
	peer_route_release(&route);
	peer_head_release(&head);
	return error.status ? error.code : "";
}

static void signer_and_checker_agree_on_ten_thousand_requests(void **state)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "POST",
	                                      "DELETE"};
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < REQUESTS; i++) {
		cleanup(str_release) struct str bytes = {0};
		char key[64];
		char name[16];
		char value[32];
		char meta[64];
		char token[40];

		draw_text(&seed, key, 1, sizeof(key) - 1);
		draw_text(&seed, name, 1, sizeof(name) - 1);
		draw_text(&seed, value, 0, sizeof(value) - 1);
		draw_value(&seed, meta, sizeof(meta) - 1);
		draw_value(&seed, token, sizeof(token) - 1);

		const struct talk_request request = {
			.method = methods[draw(&seed, 5)],
			.bucket = "bucket",
			.key = key,
			/* S3's names: they have an order. */
			.query = {{draw(&seed, 2) ? name : NULL, value}},
			.headers = {{"x-amz-meta-note", meta}},
			.body = "body",
			.body_len = 4,
			.token = draw(&seed, 2) ? token : NULL,
			.presigned = draw(&seed, 4) == 0,
			.signed_payload = draw(&seed, 2),
			.now = NOW,
		};
		struct talk_request sent = request;

		if (sent.presigned) /* only Host is signed */
			sent.headers[0].name = NULL;
		talk_render(&sent, 80, &bytes);
		if (*verdict(&bytes, sent.token))
			fail_msg("request %u: %s\n%s", i,
			         verdict(&bytes, sent.token), bytes.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			signer_and_checker_agree_on_ten_thousand_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
