/* SPDX-License-Identifier: MIT */
/*
 * Signatures for a second implementation to compare with: one request a line
 * on standard input, one answer a line on standard output.
 *
 * A line is words NAME=HEX, where HEX are the bytes of the value:
 *
 *   mode=header|query    method=  url=https://host[:port]  key=  region=
 *   id=  secret=  token= (absent: none)  time= (decimal)  ttl= (decimal)
 *   body= (absent: UNSIGNED-PAYLOAD)
 *   q=NAME:VALUE or q=NAME, h=NAME:VALUE     any number, in order; both in hex
 *
 * The answer is the Authorization header, or the URL's query.  With the
 * argument "canonical" it is the canonical request in hex instead, to look
 * into a difference.
 */
#include "base/digest.h"
#include "endpoint.h"
#include "request.h"
#include "sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One request as it is read. */
struct job {
	struct http_request request;
	struct str texts[10]; /* by enum text */
	bool has_token;
	bool has_body;
};

enum text {
	MODE,
	METHOD,
	URL,
	KEY,
	REGION,
	ID,
	SECRET,
	TOKEN,
	TIME,
	TTL,
};

static const char *const text_names[] = {
	[MODE] = "mode",     [METHOD] = "method", [URL] = "url",
	[KEY] = "key",       [REGION] = "region", [ID] = "id",
	[SECRET] = "secret", [TOKEN] = "token",   [TIME] = "time",
	[TTL] = "ttl",
};

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Bytes from hex up to a byte that is none. */
static void unhex(const char *hex, struct str *ret)
{
	while (hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0) {
		str_add_char(ret, (char)(hex_digit(hex[0]) << 4 |
		                         hex_digit(hex[1])));
		hex += 2;
	}
}

/* q=NAME[:VALUE] */
static void add_parameter(struct job *job, const char *hex)
{
	cleanup(str_release) struct str name = {0};
	cleanup(str_release) struct str value = {0};
	struct str *query = &job->request.query;
	const char *colon = strchr(hex, ':');

	unhex(hex, &name);
	if (colon)
		unhex(colon + 1, &value);
	if (query->len > 0)
		str_add_char(query, '&');
	str_add_uri(query, str_text(&name), name.len, false);
	if (colon)
		str_add_char(query, '=');
	str_add_uri(query, str_text(&value), value.len, false);
}

/* h=NAME:VALUE */
static void add_header(struct job *job, const char *hex)
{
	cleanup(str_release) struct str name = {0};
	cleanup(str_release) struct str value = {0};
	const char *colon = strchr(hex, ':');

	unhex(hex, &name);
	if (colon)
		unhex(colon + 1, &value);
	http_headers_add(&job->request.headers, str_text(&name),
	                 str_text(&value));
}

/* One word of a line. */
static int read_word(struct job *job, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : 0;

	if (!equals)
		return -EINVAL;
	if (str_starts(word, "q=")) {
		add_parameter(job, equals + 1);
		return 0;
	}
	if (str_starts(word, "h=")) {
		add_header(job, equals + 1);
		return 0;
	}
	if (str_starts(word, "body=")) {
		job->has_body = true;
		unhex(equals + 1, &job->request.text);
		return 0;
	}
	for (size_t i = 0; i < sizeof(text_names) / sizeof(char *); i++) {
		if (strncmp(text_names[i], word, len) != 0 ||
		    text_names[i][len])
			continue;
		unhex(equals + 1, &job->texts[i]);
		job->has_token |= i == TOKEN;
		return 0;
	}
	return -EINVAL;
}

/* Host and path, as the client would make them. */
static int place(struct job *job)
{
	struct s3_endpoint endpoint;
	struct err err;
	int r = endpoint_parse_url(str_text(&job->texts[URL]), &endpoint, &err);

	if (r < 0)
		return r;
	job->request.method = str_text(&job->texts[METHOD]);
	job->request.host = strdup(endpoint.host);
	str_add(&job->request.path, endpoint.base_path);
	request_add_key(&job->request.path, "", str_text(&job->texts[KEY]));
	return 0;
}

/* Sign; the answer goes to out. */
static int answer(struct job *job, bool canonical, struct str *out)
{
	const struct str *texts = job->texts;
	const struct s3_keys keys = {
		.access_key_id = str_text(&texts[ID]),
		.secret_access_key = str_text(&texts[SECRET]),
		.session_token =
			job->has_token ? str_text(&texts[TOKEN]) : NULL,
	};
	const char *region = str_text(&texts[REGION]);
	char payload[OP_PAYLOAD_MAX] = SIGN_UNSIGNED_PAYLOAD;
	uint64_t time = 0;
	uint64_t ttl = 0;
	int r = str_to_u64(str_text(&texts[TIME]), &time);

	if (r == 0 && job->has_body)
		r = op_payload(&job->request, payload);
	if (r < 0)
		return r;

	if (strcmp(str_text(&texts[MODE]), "query") == 0) {
		r = str_to_u64(str_text(&texts[TTL]), &ttl);
		if (r == 0)
			r = sign_query(&job->request, &keys, region, ttl,
			               (time_t)time);
		str_add(out, str_text(&job->request.query));
		return r;
	}

	r = sign_headers(&job->request, &keys, region, payload, (time_t)time);
	if (r < 0)
		return r;
	if (canonical)
		return sign_canonical(&job->request, payload, out);
	str_add(out, http_headers_get(&job->request.headers, "authorization"));
	return 0;
}

/* One line. */
static int run(char *line, bool canonical)
{
	struct job job = {0};
	cleanup(str_release) struct str out = {0};
	int r = 0;

	for (char *word = line; r == 0 && *word;) {
		size_t len = strcspn(word, " \n");
		bool last = word[len] == '\0';

		word[len] = '\0';
		if (len > 0)
			r = read_word(&job, word);
		word += len + !last;
	}
	if (r == 0)
		r = place(&job);
	if (r == 0)
		r = answer(&job, canonical, &out);

	if (r < 0)
		(void)printf("error %d\n", r);
	else if (!canonical)
		(void)printf("%s\n", str_text(&out));
	for (size_t i = 0; r == 0 && canonical && i < out.len; i++)
		(void)printf("%02x%s", (unsigned)(uint8_t)out.data[i],
		             i + 1 == out.len ? "\n" : "");

	http_request_release(&job.request);
	for (size_t i = 0; i < 10; i++)
		str_release(&job.texts[i]);
	return r;
}

int main(int argc, char **argv)
{
	bool canonical = argc > 1 && strcmp(argv[1], "canonical") == 0;
	char *line = NULL;
	size_t cap = 0;
	int r = 0;

	while (getline(&line, &cap, stdin) > 0) {
		if (run(line, canonical) < 0)
			r = 1;
	}
	free(line);
	return r;
}
