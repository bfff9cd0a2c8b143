/* SPDX-License-Identifier: MIT */
#include "info.h"

#include "base/str.h"
#include "date.h"
#include "meta.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define META_PREFIX "x-amz-meta-"

bool info_etag(const char *text, char ret[STORE_ETAG_MAX])
{
	size_t len = strlen(text);
	bool quoted = text[0] == '"' || str_starts(text, "W/\"");

	if (len == 0 || len + 2 >= STORE_ETAG_MAX)
		return false;
	ret[0] = '"';
	memcpy(ret + !quoted, text, len);
	if (!quoted)
		ret[len + 1] = '"';
	ret[len + (quoted ? 0 : 2)] = '\0';
	return true;
}

/* The N of "0123…-N", 0 when the ETag has no such end. */
static unsigned parts_of(const char *etag)
{
	const char *dash = strrchr(etag, '-');
	unsigned parts = 0;

	if (!dash)
		return 0;
	while (isdigit((unsigned char)*++dash) && parts < 100000)
		parts = parts * 10 + (unsigned)(*dash - '0');
	return strcmp(dash, "\"") == 0 ? parts : 0;
}

/* Last-Modified, if there. */
static int read_mtime(const struct http_reply *reply, struct object_info *ret,
                      struct err *reterr)
{
	const char *text = http_headers_get(&reply->headers, "last-modified");
	time_t t = 0;

	if (!text)
		return 0;
	if (date_parse_http(text, &t) < 0)
		return err_set(reterr, -EPROTO,
		               "the reply's Last-Modified is no date");
	ret->mtime = (struct timespec){.tv_sec = t};
	return 0;
}

int info_read(const struct http_reply *reply, struct object_info *ret,
              struct err *reterr)
{
	const struct http_headers *h = &reply->headers;
	const char *etag = http_headers_get(h, "etag");
	const char *version = http_headers_get(h, "x-amz-version-id");
	const char *class = http_headers_get(h, "x-amz-storage-class");

	if (etag && etag[0] && !info_etag(etag, ret->etag))
		return err_set(reterr, -EPROTO, "the reply's ETag is too long");
	ret->parts = parts_of(ret->etag);

	/* "null": the bucket has no versions, or had none then. */
	if (version && strcmp(version, "null") != 0 &&
	    !str_copy(ret->version, sizeof(ret->version), version))
		return err_set(reterr, -EPROTO,
		               "the reply's version id is too long");
	if (class)
		(void)str_copy(ret->storage_class, sizeof(ret->storage_class),
		               class);
	return read_mtime(reply, ret, reterr);
}

int info_length(const struct http_reply *reply, uint64_t *ret,
                struct err *reterr)
{
	const char *text = http_headers_get(&reply->headers, "content-length");

	if (!text || str_to_u64(text, ret) < 0)
		return err_set(reterr, -EPROTO,
		               "the reply's Content-Length is %s",
		               text ? "no number" : "missing");
	return 0;
}

/* A header's value, kept; *ret stays NULL when there is none. */
static int keep_header(const struct http_reply *reply, const char *name,
                       struct op_store *store, const char **ret)
{
	const char *value = http_headers_get(&reply->headers, name);

	*ret = value ? op_store_text(store, value, strlen(value)) : NULL;
	return value && !*ret ? -ENOMEM : 0;
}

/* How many headers of user metadata a reply has. */
static size_t count_meta(const struct http_headers *h)
{
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++)
		count += strncasecmp(h->items[i].name, META_PREFIX,
		                     strlen(META_PREFIX)) == 0;
	return count;
}

/* One x-amz-meta-NAME: value */
static int keep_meta(const struct http_header *header, struct op_store *store,
                     struct store_meta *ret)
{
	cleanup(str_release) struct str value = {0};
	const char *name = header->name + strlen(META_PREFIX);
	char *own = op_store_text(store, name, strlen(name));

	meta_decode(header->value, &value);
	ret->name = own;
	ret->value = op_store_take(store, str_take(&value));
	if (!own || !ret->value)
		return -ENOMEM;
	for (; *own; own++)
		*own = (char)tolower((unsigned char)*own);
	return 0;
}

int info_headers(const struct http_reply *reply, struct op_store *store,
                 struct object_info *info)
{
	const struct http_headers *h = &reply->headers;
	size_t count = count_meta(h);
	struct store_headers ret = {0};
	struct store_meta *meta = NULL;

	if (count > 0) {
		meta = op_store_alloc(store, count * sizeof(*meta));
		if (!meta)
			return -ENOMEM;
	}
	for (size_t i = 0; i < h->count; i++) {
		if (strncasecmp(h->items[i].name, META_PREFIX,
		                strlen(META_PREFIX)) != 0)
			continue;

		int r = keep_meta(&h->items[i], store, &meta[ret.meta_count++]);

		if (r < 0)
			return r;
	}
	ret.meta = meta;

	int r = keep_header(reply, "content-type", store, &ret.content_type);

	if (r == 0)
		r = keep_header(reply, "content-encoding", store,
		                &ret.content_encoding);
	if (r == 0)
		r = keep_header(reply, "cache-control", store,
		                &ret.cache_control);
	if (r == 0)
		r = keep_header(reply, "content-disposition", store,
		                &ret.content_disposition);
	if (r == 0)
		info->headers = ret;
	return r;
}
