/* SPDX-License-Identifier: MIT */
/*
 * The target is split at '?', both sides are decoded, and a short table of
 * questions tells the verb.
 */
#include "s3peer_route.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void peer_route_release(struct peer_route *route)
{
	for (size_t i = 0; i < route->count; i++) {
		free(route->params[i].name);
		free(route->params[i].value);
	}
	free(route->bucket);
	free(route->key);
	free(route->path);
	*route = (struct peer_route){0};
}

const char *peer_route_get(const struct peer_route *route, const char *name)
{
	for (size_t i = 0; i < route->count; i++) {
		if (strcmp(route->params[i].name, name) == 0)
			return route->params[i].value;
	}
	return NULL;
}

/* A decoded text for the caller; NUL bytes are refused. */
static int decode(const char *text, size_t len, bool plus_is_blank, char **ret)
{
	cleanup(str_release) struct str s = {0};
	int r = str_uri_decode(text, len, plus_is_blank, &s);

	if (r < 0)
		return r;
	if (s.len && memchr(s.data, '\0', s.len))
		return -EINVAL;

	*ret = strdup(str_text(&s));
	return *ret ? 0 : -ENOMEM;
}

/* One "name[=value]" of the query. */
static int parse_param(struct peer_route *route, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;

	if (route->count == PEER_PARAMS_MAX)
		return -EINVAL;

	struct peer_param *param = &route->params[route->count++];
	int r = decode(text, name_len, true, &param->name);

	if (r < 0)
		return r;
	return equals ? decode(equals + 1, len - name_len - 1, true,
	                       &param->value)
	              : decode("", 0, false, &param->value);
}

static int parse_query(struct peer_route *route, const char *query)
{
	while (*query) {
		size_t len = strcspn(query, "&");

		if (len > 0) {
			int r = parse_param(route, query, len);

			if (r < 0)
				return r;
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

/* Length of the bucket's name in front of ".domain[:port]"; 0 = none there. */
static size_t bucket_in_host(const char *host, const char *domain)
{
	if (!host || !domain)
		return 0;

	size_t len = strcspn(host, ":");
	size_t tail = strlen(domain);

	if (len < tail + 2 || host[len - tail - 1] != '.' ||
	    strncasecmp(host + len - tail, domain, tail) != 0)
		return 0;
	return len - tail - 1;
}

/* Who is meant: from the host, or the path's first segment. */
static int parse_names(struct peer_route *route, const char *host,
                       const char *domain)
{
	const char *path = route->path + 1;
	size_t len = bucket_in_host(host, domain);

	if (len > 0) {
		route->bucket = strndup(host, len);
		route->key = strdup(path);
	} else {
		len = strcspn(path, "/");
		route->bucket = strndup(path, len);
		route->key = strdup(path[len] ? path + len + 1 : "");
	}
	return route->bucket && route->key ? 0 : -ENOMEM;
}

/* GET and HEAD. */
static unsigned verb_of_read(const struct peer_route *route, bool head)
{
	if (!*route->bucket)
		return PEER_VERB_OTHER;
	if (head)
		return *route->key ? STORE_HEAD : PEER_VERB_OTHER;
	if (*route->key)
		return peer_route_get(route, "uploadId") ? STORE_MPU_LIST_PARTS
		                                         : STORE_GET;
	if (peer_route_get(route, "uploads"))
		return STORE_MPU_LIST;
	if (peer_route_get(route, "location") ||
	    peer_route_get(route, "versioning"))
		return PEER_VERB_OTHER;
	return STORE_LIST;
}

/* PUT of an object or a part, with bytes or by copying. */
static unsigned verb_of_put(const struct peer_route *route, bool copies)
{
	if (!*route->key || peer_route_get(route, "acl") ||
	    peer_route_get(route, "tagging"))
		return PEER_VERB_OTHER;
	if (peer_route_get(route, "uploadId"))
		return copies ? STORE_MPU_PART_COPY : STORE_MPU_PART;
	return copies ? STORE_COPY : STORE_PUT;
}

static unsigned verb_of_post(const struct peer_route *route)
{
	if (!*route->key)
		return peer_route_get(route, "delete") ? STORE_DELETE_MANY
		                                       : PEER_VERB_OTHER;
	if (peer_route_get(route, "uploads"))
		return STORE_MPU_CREATE;
	return peer_route_get(route, "uploadId") ? STORE_MPU_COMPLETE
	                                         : PEER_VERB_OTHER;
}

static unsigned verb_of_delete(const struct peer_route *route)
{
	if (!*route->key)
		return PEER_VERB_OTHER;
	return peer_route_get(route, "uploadId") ? STORE_MPU_ABORT
	                                         : STORE_DELETE;
}

static unsigned verb_of(const struct peer_head *head,
                        const struct peer_route *route)
{
	const char *method = head->method;

	if (strcmp(method, "GET") == 0)
		return verb_of_read(route, false);
	if (strcmp(method, "HEAD") == 0)
		return verb_of_read(route, true);
	if (strcmp(method, "PUT") == 0)
		return verb_of_put(route,
		                   peer_head_get(head, "x-amz-copy-source"));
	if (strcmp(method, "POST") == 0)
		return verb_of_post(route);
	if (strcmp(method, "DELETE") == 0)
		return verb_of_delete(route);
	return PEER_VERB_OTHER;
}

int peer_route_parse(const struct peer_head *head, const char *domain,
                     struct peer_route *ret)
{
	struct peer_route route = {0};
	size_t len = strcspn(head->target, "?");
	int r = decode(head->target, len, false, &route.path);

	if (r == 0)
		r = parse_names(&route, peer_head_get(head, "host"), domain);
	if (r == 0 && head->target[len])
		r = parse_query(&route, head->target + len + 1);
	if (r < 0) {
		peer_route_release(&route);
		return r;
	}
	route.verb = verb_of(head, &route);
	*ret = route;
	return 0;
}

int peer_route_source(const char *value, char **ret_bucket, char **ret_key)
{
	if (*value == '/')
		value++;

	size_t len = strcspn(value, "/");
	cleanup(freep) char *bucket = NULL;
	cleanup(freep) char *key = NULL;

	if (len == 0 || !value[len] || !value[len + 1] || strchr(value, '?'))
		return -EINVAL;

	int r = decode(value, len, false, &bucket);

	if (r == 0)
		r = decode(value + len + 1, strlen(value + len + 1), false,
		           &key);
	if (r < 0)
		return r;
	*ret_bucket = take(&bucket);
	*ret_key = take(&key);
	return 0;
}

/* Bytes of the character at text, or 0: length, continuation, not overlong. */
static size_t character(const unsigned char *text)
{
	size_t len = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
	unsigned code = len == 1 ? *text : *text & (0x7fU >> len);
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};

	if ((*text >= 0x80 && *text < 0xc2) || *text > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return len;
}

bool peer_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t len = character(at);

		if (len == 0)
			return false;
		at += len;
	}
	return true;
}
