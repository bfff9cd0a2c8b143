/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4.
 *
 * A request becomes one text that client and server both can write (the
 * canonical request); its hash, the time and the scope are signed by a key
 * derived from the secret for one day, region and service.  In S3's form the
 * path is taken as it travels: encoded once, nothing normalised.
 */
#include "sign.h"

#include "base/digest.h"
#include "date.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SERVICE   "s3"
#define TTL_MAX_S 604800 /* seven days: AWS's limit */

/* One signature's place and time. */
struct scope {
	char stamp[DATE_STAMP_MAX]; /* 20130524T000000Z */
	const char *region;
};

/* ---- the canonical request ---- */

/* A name and its value, both parts of other texts. */
struct pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	size_t rank; /* order of arrival, so that sorting is stable */
};

struct pairs {
	struct pair *items; /* owned */
	size_t count;
};

static void pairs_release(struct pairs *pairs)
{
	free(pairs->items);
}

/* Bytes first, then length: the order of strcmp(). */
static int compare_bytes(const char *a, size_t a_len, const char *b,
                         size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* Order of a query: by name, then by value. */
static int by_name_and_value(const void *a, const void *b)
{
	const struct pair *x = a;
	const struct pair *y = b;
	int c = compare_bytes(x->name, x->name_len, y->name, y->name_len);

	return c ? c
	         : compare_bytes(x->value, x->value_len, y->value,
	                         y->value_len);
}

/* Order of headers: by name in lower case, then as they came. */
static int by_header(const void *a, const void *b)
{
	const struct pair *x = a;
	const struct pair *y = b;
	int c = strcasecmp(x->name, y->name);

	return c ? c : (x->rank > y->rank) - (x->rank < y->rank);
}

/* How many parameters a query has at most. */
static size_t count_parameters(const char *query)
{
	size_t count = 1;

	for (const char *p = query; *p; p++)
		count += *p == '&';
	return count;
}

/* Cut "a=b&c" into pairs; empty pieces ("a&&b") are none. */
static int query_pairs(const char *query, struct pairs *ret)
{
	ret->items = calloc(count_parameters(query), sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;

	while (*query) {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		size_t name_len = equals ? (size_t)(equals - query) : len;
		size_t skip = equals ? name_len + 1 : len;

		if (len > 0)
			ret->items[ret->count++] = (struct pair){
				.name = query,
				.name_len = name_len,
				.value = query + skip,
				.value_len = len - skip,
			};
		query += len + (query[len] == '&');
	}
	return 0;
}

/* The query with its parameters in order, each with its '='. */
static int add_query(struct str *out, const char *query)
{
	cleanup(pairs_release) struct pairs pairs = {0};
	int r = query_pairs(query, &pairs);

	if (r < 0)
		return r;
	if (pairs.count > 1)
		qsort(pairs.items, pairs.count, sizeof(*pairs.items),
		      by_name_and_value);

	for (size_t i = 0; i < pairs.count; i++) {
		const struct pair *pair = &pairs.items[i];

		if (i > 0)
			str_add_char(out, '&');
		str_add_mem(out, pair->name, pair->name_len);
		str_add_char(out, '=');
		str_add_mem(out, pair->value, pair->value_len);
	}
	return 0;
}

/* The headers to sign: all but Authorization, and Host in any case. */
static int header_pairs(const struct http_request *request, bool host_only,
                        struct pairs *ret)
{
	const struct http_headers *h = &request->headers;
	bool host = http_headers_get(h, "host");

	ret->items = calloc(h->count + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;

	for (size_t i = 0; i < h->count; i++) {
		const char *name = h->items[i].name;

		if (strcasecmp(name, "authorization") == 0 ||
		    (host_only && strcasecmp(name, "host") != 0))
			continue;
		ret->items[ret->count++] = (struct pair){
			.name = name,
			.value = h->items[i].value,
			.rank = i,
		};
	}
	if (!host)
		ret->items[ret->count++] = (struct pair){
			.name = "host",
			.value = request->host,
		};
	qsort(ret->items, ret->count, sizeof(*ret->items), by_header);
	return 0;
}

static void add_lower(struct str *out, const char *text)
{
	for (; *text; text++)
		str_add_char(out, (char)tolower((unsigned char)*text));
}

/* A header's value: no blanks around it, runs of them as one. */
static void add_squeezed(struct str *out, const char *value)
{
	bool first = true;

	while (*(value += strspn(value, " \t")) != '\0') {
		size_t len = strcspn(value, " \t");

		if (!first)
			str_add_char(out, ' ');
		str_add_mem(out, value, len);
		value += len;
		first = false;
	}
}

/* "name:value\n" per name, values of one name joined; and "a;b;c". */
static void add_headers(struct str *out, struct str *names,
                        const struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		bool again =
			i > 0 && strcasecmp(pair->name, pair[-1].name) == 0;

		if (again) {
			str_add_char(out, ',');
		} else {
			if (i > 0)
				str_add(out, "\n");
			if (i > 0)
				str_add(names, ";");
			add_lower(names, pair->name);
			add_lower(out, pair->name);
			str_add_char(out, ':');
		}
		add_squeezed(out, pair->value);
	}
	str_add_char(out, '\n');
}

/* The canonical request, and the names of what it signs. */
static int canonical(const struct http_request *request, const char *payload,
                     bool host_only, struct str *ret, struct str *names)
{
	cleanup(pairs_release) struct pairs headers = {0};
	int r = header_pairs(request, host_only, &headers);

	if (r < 0)
		return r;

	str_addf(ret, "%s\n", request->method);
	str_add(ret, request->path.len > 0 ? str_text(&request->path) : "/");
	str_add_char(ret, '\n');
	r = add_query(ret, str_text(&request->query));
	if (r < 0)
		return r;
	str_add_char(ret, '\n');
	add_headers(ret, names, &headers);
	str_addf(ret, "\n%s\n%s", str_text(names), payload);
	return str_status(names) < 0 ? str_status(names) : str_status(ret);
}

int sign_canonical(const struct http_request *request, const char *payload,
                   struct str *ret)
{
	cleanup(str_release) struct str names = {0};

	return canonical(request, payload, false, ret, &names);
}

/* ---- the signature ---- */

/* Free a text that held a secret. */
static void secret_release(struct str *s)
{
	if (s->data)
		explicit_bzero(s->data, s->cap);
	str_release(s);
}

/* The key of one day, region and service: a chain of four MACs. */
static int signing_key(const struct scope *scope, const char *secret,
                       uint8_t ret[SHA256_SIZE])
{
	const char *links[] = {scope->region, SERVICE, "aws4_request"};
	cleanup(secret_release) struct str first = {0};
	uint8_t key[SHA256_SIZE];

	/* Room at once: a buffer that moves would leave the secret behind. */
	if (str_reserve(&first, strlen("AWS4") + strlen(secret)) < 0)
		return -ENOMEM;
	str_add(&first, "AWS4");
	str_add(&first, secret);

	int r = digest_hmac_sha256(first.data, first.len, scope->stamp, 8, ret);

	for (unsigned i = 0; r == 0 && i < 3; i++) {
		memcpy(key, ret, sizeof(key));
		r = digest_hmac_sha256(key, sizeof(key), links[i],
		                       strlen(links[i]), ret);
	}
	explicit_bzero(key, sizeof(key));
	return r;
}

static void add_scope(struct str *out, const struct scope *scope)
{
	str_addf(out, "%.8s/%s/" SERVICE "/aws4_request", scope->stamp,
	         scope->region);
}

/* The signature, as hex, of a canonical request. */
static int signature(const struct scope *scope, const char *secret,
                     const struct str *text, char ret[2 * SHA256_SIZE + 1])
{
	cleanup(str_release) struct str to_sign = {0};
	uint8_t hash[SHA256_SIZE];
	uint8_t key[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	int r = digest_sha256(text->data, text->len, hash);

	if (r < 0)
		return r;
	digest_hex(hash, sizeof(hash), hex);
	str_addf(&to_sign, ALGORITHM "\n%s\n", scope->stamp);
	add_scope(&to_sign, scope);
	str_addf(&to_sign, "\n%s", hex);
	if (str_status(&to_sign) < 0)
		return -ENOMEM;

	r = signing_key(scope, secret, key);
	if (r == 0)
		r = digest_hmac_sha256(key, sizeof(key), to_sign.data,
		                       to_sign.len, hash);
	explicit_bzero(key, sizeof(key));
	if (r == 0)
		digest_hex(hash, sizeof(hash), ret);
	return r;
}

/* What sign_headers() adds before the signature, all of it signed. */
static int add_amz_headers(struct http_request *request,
                           const struct s3_keys *keys, const char *payload,
                           const struct scope *scope)
{
	struct http_headers *h = &request->headers;

	http_headers_remove(h, "Authorization");
	http_headers_remove(h, "X-Amz-Security-Token");
	http_headers_set(h, "X-Amz-Date", scope->stamp);
	http_headers_set(h, "X-Amz-Content-Sha256", payload);
	if (keys->session_token)
		http_headers_add(h, "X-Amz-Security-Token",
		                 keys->session_token);
	return h->status;
}

int sign_headers(struct http_request *request, const struct s3_keys *keys,
                 const char *region, const char *payload, time_t now)
{
	cleanup(str_release) struct str text = {0};
	cleanup(str_release) struct str names = {0};
	cleanup(str_release) struct str header = {0};
	char hex[2 * SHA256_SIZE + 1];
	struct scope scope = {.region = region};

	date_stamp(now, scope.stamp);
	int r = add_amz_headers(request, keys, payload, &scope);

	if (r == 0)
		r = canonical(request, payload, false, &text, &names);
	if (r == 0)
		r = signature(&scope, keys->secret_access_key, &text, hex);
	if (r < 0)
		return r;

	str_addf(&header, ALGORITHM " Credential=%s/", keys->access_key_id);
	add_scope(&header, &scope);
	str_addf(&header, ", SignedHeaders=%s, Signature=%s", str_text(&names),
	         hex);
	if (str_status(&header) < 0)
		return -ENOMEM;
	http_headers_set(&request->headers, "Authorization", str_text(&header));
	return request->headers.status;
}

/* "&X-Amz-NAME=VALUE", the value encoded. */
static void add_parameter(struct str *query, const char *name,
                          const char *value)
{
	if (query->len > 0)
		str_add_char(query, '&');
	str_addf(query, "X-Amz-%s=", name);
	str_add_uri(query, value, strlen(value), false);
}

int sign_query(struct http_request *request, const struct s3_keys *keys,
               const char *region, uint64_t ttl_s, time_t now)
{
	cleanup(str_release) struct str text = {0};
	cleanup(str_release) struct str names = {0};
	cleanup(str_release) struct str credential = {0};
	struct str *query = &request->query;
	char hex[2 * SHA256_SIZE + 1];
	struct scope scope = {.region = region};

	if (ttl_s < 1 || ttl_s > TTL_MAX_S)
		return -EDOM;

	date_stamp(now, scope.stamp);
	str_addf(&credential, "%s/", keys->access_key_id);
	add_scope(&credential, &scope);
	if (str_status(&credential) < 0)
		return -ENOMEM;

	add_parameter(query, "Algorithm", ALGORITHM);
	add_parameter(query, "Credential", str_text(&credential));
	add_parameter(query, "Date", scope.stamp);
	str_addf(query, "&X-Amz-Expires=%u", (unsigned)ttl_s);
	if (keys->session_token)
		add_parameter(query, "Security-Token", keys->session_token);
	add_parameter(query, "SignedHeaders", "host");

	int r = str_status(query);

	if (r == 0)
		r = canonical(request, SIGN_UNSIGNED_PAYLOAD, true, &text,
		              &names);
	if (r == 0)
		r = signature(&scope, keys->secret_access_key, &text, hex);
	if (r < 0)
		return r;
	add_parameter(query, "Signature", hex);
	return str_status(query);
}
