/* SPDX-License-Identifier: MIT */
/*
 * Claims (who, when, which headers, which signature) are read from the
 * Authorization header or from the query; then the signature is made again
 * and compared.
 */
#include "s3peer_auth.h"

#include "base/digest.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define SKEW_MAX_S (15 * 60)
#define WEEK_S     (7 * 24 * 3600)

/* What the request says about its signature; fixed sizes, cut texts fail. */
struct claims {
	char key_id[128];
	char day[16]; /* 20260131 */
	char region[64];
	char service[16];
	char terminator[16];
	char signed_headers[1024];
	char signature[72];
	char date[24]; /* 20260131T235959Z */
	const char *payload;
	const char *token;
	uint64_t expires_s; /* query only */
	bool in_query;
};

void peer_error_set(struct peer_error *error, int status, const char *code,
                    const char *fmt, ...)
{
	va_list args;

	*error = (struct peer_error){.status = status, .code = code};
	va_start(args, fmt);
	(void)vsnprintf(error->message, sizeof(error->message), fmt, args);
	va_end(args);
}

/* Copy up to a stop character; moves *text behind it. */
static bool cut(const char **text, char stop, char *dst, size_t size)
{
	const char *end = strchrnul(*text, stop);
	size_t len = (size_t)(end - *text);

	if (len == 0 || len >= size || (stop && !*end))
		return false;
	memcpy(dst, *text, len);
	dst[len] = '\0';
	*text = *end ? end + 1 : end;
	return true;
}

/* "AKID/20260131/us-east-1/s3/aws4_request" */
static bool parse_credential(struct claims *claims, const char *text)
{
	return cut(&text, '/', claims->key_id, sizeof(claims->key_id)) &&
	       cut(&text, '/', claims->day, sizeof(claims->day)) &&
	       cut(&text, '/', claims->region, sizeof(claims->region)) &&
	       cut(&text, '/', claims->service, sizeof(claims->service)) &&
	       cut(&text, '\0', claims->terminator,
	           sizeof(claims->terminator)) &&
	       strcmp(claims->service, "s3") == 0 &&
	       strcmp(claims->terminator, "aws4_request") == 0;
}

/* Copy the value of "name=value" from a comma-separated list. */
static bool find_part(const char *list, const char *name, char *dst,
                      size_t size)
{
	size_t len = strlen(name);

	while (list) {
		list += strspn(list, ", ");
		if (strncmp(list, name, len) == 0 && list[len] == '=') {
			size_t n = strcspn(list + len + 1, ", ");

			if (n >= size)
				return false;
			memcpy(dst, list + len + 1, n);
			dst[n] = '\0';
			return true;
		}
		list = strchr(list, ',');
	}
	return false;
}

/* The Authorization header. */
static bool parse_header(struct claims *claims, const struct peer_head *head,
                         const char *authorization)
{
	char credential[300];
	const char *date = peer_head_get(head, "x-amz-date");

	claims->payload = peer_head_get(head, "x-amz-content-sha256");
	claims->token = peer_head_get(head, "x-amz-security-token");
	if (strncmp(authorization, ALGORITHM " ", strlen(ALGORITHM) + 1) != 0)
		return false;
	authorization += strlen(ALGORITHM) + 1;

	return claims->payload && date &&
	       str_copy(claims->date, sizeof(claims->date), date) &&
	       find_part(authorization, "Credential", credential,
	                 sizeof(credential)) &&
	       parse_credential(claims, credential) &&
	       find_part(authorization, "SignedHeaders", claims->signed_headers,
	                 sizeof(claims->signed_headers)) &&
	       find_part(authorization, "Signature", claims->signature,
	                 sizeof(claims->signature));
}

/* The presigned query. */
static bool parse_query(struct claims *claims, const struct peer_route *route)
{
	const char *algorithm = peer_route_get(route, "X-Amz-Algorithm");
	const char *credential = peer_route_get(route, "X-Amz-Credential");
	const char *date = peer_route_get(route, "X-Amz-Date");
	const char *expires = peer_route_get(route, "X-Amz-Expires");
	const char *headers = peer_route_get(route, "X-Amz-SignedHeaders");
	const char *signature = peer_route_get(route, "X-Amz-Signature");

	claims->in_query = true;
	claims->payload = "UNSIGNED-PAYLOAD";
	claims->token = peer_route_get(route, "X-Amz-Security-Token");
	return algorithm && strcmp(algorithm, ALGORITHM) == 0 && credential &&
	       parse_credential(claims, credential) && date && expires &&
	       headers && signature &&
	       str_to_u64(expires, &claims->expires_s) == 0 &&
	       str_copy(claims->date, sizeof(claims->date), date) &&
	       str_copy(claims->signed_headers, sizeof(claims->signed_headers),
	                headers) &&
	       str_copy(claims->signature, sizeof(claims->signature),
	                signature);
}

/* Percent-encode as the specification's UriEncode. */
static void add_encoded(struct str *s, const char *text, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c) ||
		    (c == '/' && keep_slash)) {
			str_add_char(s, (char)c);
		} else {
			str_add_char(s, '%');
			str_add_char(s, hex[c >> 4]);
			str_add_char(s, hex[c & 15]);
		}
	}
}

/* Rank of a byte of "name=value": a shorter name comes first, so '=' does. */
static int rank(char c)
{
	return c == '=' ? 1 : (unsigned char)c;
}

/* By name, then by value. */
static int compare_pairs(const void *a, const void *b)
{
	const char *x = *(char *const *)a;
	const char *y = *(char *const *)b;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	return rank(*x) - rank(*y);
}

/* All parameters but the signature, encoded "name=value", sorted. */
static int add_query(struct str *s, const struct peer_route *route)
{
	char *pairs[PEER_PARAMS_MAX];
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < route->count; i++) {
		struct str pair = {0};

		if (strcmp(route->params[i].name, "X-Amz-Signature") == 0)
			continue;
		add_encoded(&pair, route->params[i].name, false);
		str_add_char(&pair, '=');
		add_encoded(&pair, route->params[i].value, false);
		pairs[count] = str_take(&pair);
		if (!pairs[count]) {
			r = -ENOMEM;
			break;
		}
		count++;
	}
	qsort(pairs, count, sizeof(char *), compare_pairs);
	for (size_t i = 0; i < count; i++) {
		str_add(s, i ? "&" : "");
		str_add(s, pairs[i]);
		free(pairs[i]);
	}
	return r;
}

/* A header's value with runs of blanks made one. */
static void add_squeezed(struct str *s, const char *value)
{
	for (; *value; value++) {
		if (*value != ' ' || value[1] != ' ')
			str_add_char(s, *value);
	}
}

/* "name:value,value\n" for one signed header; false when it is not there. */
static bool add_header(struct str *s, const struct peer_head *head,
                       const char *name)
{
	bool found = false;

	str_addf(s, "%s:", name);
	for (size_t i = 0; i < head->count; i++) {
		if (strcasecmp(head->fields[i].name, name) != 0)
			continue;
		if (found)
			str_add_char(s, ',');
		add_squeezed(s, head->fields[i].value);
		found = true;
	}
	str_add_char(s, '\n');
	return found;
}

int peer_auth_canonical(const struct peer_head *head,
                        const struct peer_route *route,
                        const char *signed_headers, const char *payload,
                        struct str *ret)
{
	const char *rest = signed_headers;
	char name[128];

	str_addf(ret, "%s\n", head->method);
	add_encoded(ret, route->path, true);
	str_add_char(ret, '\n');
	if (add_query(ret, route) < 0)
		return -ENOMEM;
	str_add_char(ret, '\n');
	while (*rest) {
		size_t len = strcspn(rest, ";");

		if (len == 0 || len >= sizeof(name))
			return -EINVAL;
		memcpy(name, rest, len);
		name[len] = '\0';
		if (!add_header(ret, head, name))
			return -EINVAL;
		rest += len + (rest[len] == ';');
	}
	str_addf(ret, "\n%s\n%s", signed_headers, payload);
	return str_status(ret);
}

/* Whether a name stands in the list of signed headers. */
static bool is_signed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ";");

		if (n == len && strncasecmp(list, name, len) == 0)
			return true;
		list += n + (list[n] == ';');
	}
	return false;
}

/* AWS wants Host and every x-amz-* header signed. Names the first that is not. */
static const char *find_unsigned(const struct peer_head *head,
                                 const struct claims *claims)
{
	if (!is_signed(claims->signed_headers, "host"))
		return "host";
	for (size_t i = 0; i < head->count; i++) {
		const char *name = head->fields[i].name;

		if (strncasecmp(name, "x-amz-", 6) != 0)
			continue;
		if (!is_signed(claims->signed_headers, name))
			return name;
	}
	return NULL;
}

/* The signature that the claims should have had, in hex. */
static int make_signature(const struct peer_auth *auth,
                          const struct claims *claims, const char *canonical,
                          char ret[2 * SHA256_SIZE + 1])
{
	const char *steps[] = {claims->day, claims->region, "s3",
	                       "aws4_request"};
	cleanup(str_release) struct str text = {0};
	cleanup(str_release) struct str secret = {0};
	uint8_t key[SHA256_SIZE];
	char hash[2 * SHA256_SIZE + 1];

	int r = digest_sha256(canonical, strlen(canonical), key);

	digest_hex(key, sizeof(key), hash);
	str_addf(&text, ALGORITHM "\n%s\n%s/%s/s3/aws4_request\n%s",
	         claims->date, claims->day, claims->region, hash);
	str_addf(&secret, "AWS4%s", auth->secret_access_key);
	if (r < 0 || str_status(&text) < 0 || str_status(&secret) < 0)
		return -ENOMEM;

	for (unsigned i = 0; r == 0 && i < 4; i++) {
		uint8_t next[SHA256_SIZE];

		r = digest_hmac_sha256(i ? (const void *)key : secret.data,
		                       i ? sizeof(key) : secret.len, steps[i],
		                       strlen(steps[i]), next);
		memcpy(key, next, sizeof(key));
	}
	if (r == 0) {
		uint8_t signature[SHA256_SIZE];

		r = digest_hmac_sha256(key, sizeof(key), text.data, text.len,
		                       signature);
		digest_hex(signature, sizeof(signature), ret);
	}
	return r;
}

/* "20260131T235959Z" to seconds; -1 for anything else. */
static time_t parse_date(const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &tm);

	return end && !*end ? timegm(&tm) : -1;
}

/* Is it the right moment? */
static void check_time(const struct peer_auth *auth,
                       const struct claims *claims, struct peer_error *ret)
{
	time_t date = parse_date(claims->date);

	if (date < 0 || strncmp(claims->date, claims->day, 8) != 0) {
		peer_error_set(ret, 403, "AccessDenied",
		               "the date is not that of the credential");
	} else if (claims->in_query) {
		if (claims->expires_s < 1 || claims->expires_s > WEEK_S)
			peer_error_set(ret, 400,
			               "AuthorizationQueryParametersError",
			               "X-Amz-Expires must be in 1 ... %d",
			               WEEK_S);
		else if (auth->now > date + (time_t)claims->expires_s)
			peer_error_set(ret, 403, "AccessDenied",
			               "Request has expired");
	} else if (auth->now - date > SKEW_MAX_S ||
	           date - auth->now > SKEW_MAX_S) {
		peer_error_set(ret, 403, "RequestTimeTooSkewed",
		               "The difference between the request time and "
		               "the current time is too large.");
	}
}

/* Are these our key, token and region? */
static void check_names(const struct peer_auth *auth,
                        const struct claims *claims, struct peer_error *ret)
{
	const char *token = claims->token ? claims->token : "";

	if (strcmp(claims->key_id, auth->access_key_id) != 0) {
		peer_error_set(ret, 403, "InvalidAccessKeyId",
		               "The AWS Access Key Id you provided does not "
		               "exist in our records.");
	} else if (strcmp(token, auth->session_token ? auth->session_token
	                                             : "") != 0) {
		peer_error_set(ret, 400, "InvalidToken",
		               "The provided token is malformed or otherwise "
		               "invalid.");
	} else if (auth->region && strcmp(claims->region, auth->region) != 0) {
		peer_error_set(ret, 400, "AuthorizationHeaderMalformed",
		               "The authorization header is malformed; the "
		               "region '%s' is wrong; expecting '%s'",
		               claims->region, auth->region);
		(void)str_copy(ret->region, sizeof(ret->region), auth->region);
	}
}

/* Is it signed by our secret? */
static void check_signature(const struct peer_auth *auth,
                            const struct peer_head *head,
                            const struct peer_route *route,
                            const struct claims *claims, struct peer_error *ret)
{
	cleanup(str_release) struct str canonical = {0};
	char signature[2 * SHA256_SIZE + 1] = "";
	const char *missing = find_unsigned(head, claims);

	if (missing) {
		peer_error_set(ret, 403, "AccessDenied",
		               "There were headers present in the request "
		               "which were not signed: %s",
		               missing);
		return;
	}
	if (peer_auth_canonical(head, route, claims->signed_headers,
	                        claims->payload, &canonical) < 0 ||
	    make_signature(auth, claims, str_text(&canonical), signature) < 0 ||
	    strcmp(signature, claims->signature) != 0)
		peer_error_set(ret, 403, "SignatureDoesNotMatch",
		               "The request signature we calculated does not "
		               "match the signature you provided.");
}

/* Whether a text is the hex of a SHA-256. */
static bool is_hash(const char *text)
{
	return strlen(text) == 2 * SHA256_SIZE &&
	       strspn(text, "0123456789abcdef") == 2 * SHA256_SIZE;
}

void peer_auth_check(const struct peer_auth *auth, const struct peer_head *head,
                     const struct peer_route *route, const char **ret_payload,
                     struct peer_error *ret)
{
	const char *authorization = peer_head_get(head, "authorization");
	struct claims claims = {0};

	*ret = (struct peer_error){0};
	*ret_payload = NULL;
	if (!authorization && !peer_route_get(route, "X-Amz-Signature")) {
		peer_error_set(ret, 403, "AccessDenied", "Access Denied");
		return;
	}
	if (authorization ? !parse_header(&claims, head, authorization)
	                  : !parse_query(&claims, route)) {
		peer_error_set(ret, 400, "AuthorizationHeaderMalformed",
		               "The authorization is malformed");
		return;
	}

	check_names(auth, &claims, ret);
	if (ret->status == 0)
		check_time(auth, &claims, ret);
	if (ret->status == 0)
		check_signature(auth, head, route, &claims, ret);
	if (ret->status == 0 && is_hash(claims.payload))
		*ret_payload = claims.payload;
	else if (ret->status == 0 &&
	         strcmp(claims.payload, "UNSIGNED-PAYLOAD") != 0)
		peer_error_set(ret, 501, "NotImplemented",
		               "payload '%s' is not understood",
		               claims.payload);
}
