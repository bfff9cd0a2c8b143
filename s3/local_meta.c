/* SPDX-License-Identifier: MIT */
/*
 * What is stored beside the bytes: one extended attribute with JSON.
 *
 *   {"etag":"\"…\"","size":5,"mtime":1700000000123456789,
 *    "headers":{"content-type":"text/plain"},"meta":{"mode":"33188"}}
 *
 * A value that is not UTF-8, which JSON cannot hold, is {"uri":"%ff%01"}.
 * Size and time are the file's when the attribute was written: a file that
 * differs was changed by hand, its ETag no longer counts.
 */
#include "base/digest.h"
#include "local_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define ATTRIBUTE     "user.porterfs"
#define ATTRIBUTE_MAX ((size_t)64 << 10) /* bytes, the kernel's limit */
#define NS_PER_S      1000000000

void local_etag(struct digest128 hash, unsigned parts, char ret[STORE_ETAG_MAX])
{
	if (parts)
		(void)snprintf(ret, STORE_ETAG_MAX,
		               "\"%016" PRIx64 "%016" PRIx64 "-%u\"", hash.high,
		               hash.low, parts);
	else
		(void)snprintf(ret, STORE_ETAG_MAX,
		               "\"%016" PRIx64 "%016" PRIx64 "\"", hash.high,
		               hash.low);
}

bool local_etag_match(const char *condition, const char *etag)
{
	size_t len = strlen(condition);

	if (strcmp(condition, "*") == 0)
		return true;
	if (len >= 2 && condition[0] == '"' && condition[len - 1] == '"') {
		condition++;
		len -= 2;
	}
	return strlen(etag) == len + 2 && !memcmp(etag + 1, condition, len);
}

/* Set a text member, coded if JSON cannot hold it. */
static int set_value(struct jval *object, const char *name, const char *value)
{
	cleanup(str_release) struct str uri = {0};
	cleanup(jval_freep) struct jval *coded = NULL;
	int r = jval_set_text(object, name, value);

	if (r != -EINVAL)
		return r;

	coded = jval_new_object();
	str_add_uri(&uri, value, strlen(value), true);
	r = str_status(&uri);
	if (r == 0 && !coded)
		r = -ENOMEM;
	if (r == 0)
		r = jval_set_text(coded, "uri", str_text(&uri));
	if (r == 0)
		r = jval_set(object, name, take(&coded));
	return r;
}

/* Set a member, if there is a value. */
static int set_header(struct jval *object, const char *name, const char *value)
{
	return value ? set_value(object, name, value) : 0;
}

/* The four headers as an object's members. */
static int set_headers(struct jval *object, const struct store_headers *headers)
{
	int r = set_header(object, "content-type", headers->content_type);

	if (r == 0)
		r = set_header(object, "content-encoding",
		               headers->content_encoding);
	if (r == 0)
		r = set_header(object, "cache-control", headers->cache_control);
	if (r == 0)
		r = set_header(object, "content-disposition",
		               headers->content_disposition);
	return r;
}

int local_headers_to_json(const struct store_headers *headers,
                          struct jval *object)
{
	cleanup(jval_freep) struct jval *named = jval_new_object();
	cleanup(jval_freep) struct jval *meta = jval_new_object();
	int r = named && meta ? set_headers(named, headers) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < headers->meta_count; i++)
		r = set_value(meta, headers->meta[i].name,
		              headers->meta[i].value);
	if (r == 0)
		r = jval_set(object, "headers", take(&named));
	if (r == 0)
		r = jval_set(object, "meta", take(&meta));
	return r;
}

/* The text of a member as it was before set_value(); *ret_owned: to free. */
static const char *get_value(const struct jval *value, char **ret_owned)
{
	cleanup(str_release) struct str text = {0};
	const char *uri;

	if (!value || jval_text(value))
		return value ? jval_text(value) : NULL;

	uri = jval_get_text(value, "uri");
	if (!uri || str_uri_decode(uri, strlen(uri), false, &text) < 0)
		return NULL;
	return *ret_owned = str_take(&text);
}

/* Members of an object. */
static size_t count_members(struct jval *object)
{
	const char *name;
	struct jval *value;
	size_t count = 0;

	for (void *i = jval_next(object, NULL, &name, &value); i;
	     i = jval_next(object, i, &name, &value))
		count++;
	return count;
}

/* User metadata of an object's "meta" member. */
static int read_meta(struct jval *object, struct local_meta *ret)
{
	const char *name;
	struct jval *value;
	size_t n = 4; /* texts before are the headers' */

	for (void *i = jval_next(object, NULL, &name, &value); i;
	     i = jval_next(object, i, &name, &value)) {
		struct store_meta *meta = &ret->meta[n - 4];

		meta->name = name;
		meta->value = get_value(value, &ret->texts[n++]);
		if (!meta->value)
			return -EIO;
	}
	ret->headers.meta = ret->meta;
	ret->headers.meta_count = n - 4;
	return 0;
}

int local_headers_from_json(struct jval *object, struct local_meta *ret)
{
	struct jval *headers = jval_get(object, "headers");
	struct jval *meta = jval_get(object, "meta");
	size_t count = meta ? count_members(meta) : 0;

	ret->meta = calloc(count + 1, sizeof(*ret->meta));
	ret->texts = calloc(count + 5, sizeof(char *));
	if (!ret->meta || !ret->texts)
		return -ENOMEM;

	ret->headers.content_type =
		get_value(jval_get(headers, "content-type"), &ret->texts[0]);
	ret->headers.content_encoding = get_value(
		jval_get(headers, "content-encoding"), &ret->texts[1]);
	ret->headers.cache_control =
		get_value(jval_get(headers, "cache-control"), &ret->texts[2]);
	ret->headers.content_disposition = get_value(
		jval_get(headers, "content-disposition"), &ret->texts[3]);
	/* So that free() finds all of them, however far we come. */
	ret->headers.meta_count = count;
	return meta ? read_meta(meta, ret) : 0;
}

void local_meta_free(struct local_meta *meta)
{
	if (!meta)
		return;
	for (size_t i = 0; meta->texts && i < meta->headers.meta_count + 4; i++)
		free(meta->texts[i]);
	free(meta->texts);
	free(meta->meta);
	jval_free(meta->doc);
	free(meta);
}

/* The attribute's text; the caller owns it. -ENODATA: there is none. */
static int get_attribute(int fd, char **ret, size_t *ret_len)
{
	char small[1024];
	ssize_t len = fgetxattr(fd, ATTRIBUTE, small, sizeof(small));
	char *text;

	if (len < 0 && errno != ERANGE)
		return -errno;
	text = malloc(len < 0 ? ATTRIBUTE_MAX : (size_t)len + 1);
	if (!text)
		return -ENOMEM;
	if (len >= 0) {
		memcpy(text, small, (size_t)len);
	} else {
		len = fgetxattr(fd, ATTRIBUTE, text, ATTRIBUTE_MAX);
		if (len < 0) {
			free(text);
			return -errno;
		}
	}
	*ret = text;
	*ret_len = (size_t)len;
	return 0;
}

/* A file's time in one number. */
static uint64_t time_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

/* The ETag of a file that nobody gave one. */
static void derive_etag(const struct stat *st, char ret[STORE_ETAG_MAX])
{
	const uint64_t seed[3] = {
		(uint64_t)st->st_size,
		time_ns(&st->st_mtim),
		st->st_ino,
	};

	local_etag(digest_xxh128(seed, sizeof(seed)), 0, ret);
}

/* Whether the attribute speaks of the file as it is now; then its ETag. */
static bool is_current(const struct jval *doc, const struct stat *st,
                       char ret_etag[STORE_ETAG_MAX])
{
	const char *etag = jval_get_text(doc, "etag");
	uint64_t size;
	uint64_t mtime;

	return etag && strlen(etag) < STORE_ETAG_MAX &&
	       jval_get_u64(doc, "size", &size) == 0 &&
	       jval_get_u64(doc, "mtime", &mtime) == 0 &&
	       size == (uint64_t)st->st_size &&
	       mtime == time_ns(&st->st_mtim) &&
	       str_copy(ret_etag, STORE_ETAG_MAX, etag);
}

/* Size and time of a file, and the ETag that they make. */
static int read_bare(int fd, struct stat *ret_st, struct local_meta **ret)
{
	struct local_meta *meta = calloc(1, sizeof(*meta));

	if (!meta)
		return -ENOMEM;
	if (fstat(fd, ret_st) < 0) {
		free(meta);
		return -errno;
	}
	meta->size = (uint64_t)ret_st->st_size;
	meta->mtime.tv_sec = ret_st->st_mtim.tv_sec;
	meta->by_hand = true;
	derive_etag(ret_st, meta->etag);
	*ret = meta;
	return 0;
}

int local_meta_read_bare(int fd, struct local_meta **ret)
{
	struct stat st;

	return read_bare(fd, &st, ret);
}

int local_meta_read(int fd, struct local_meta **ret)
{
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(freep) char *text = NULL;
	size_t len = 0;
	struct stat st;
	int r = read_bare(fd, &st, &meta);

	if (r < 0)
		return r;
	r = get_attribute(fd, &text, &len);
	if (r == 0)
		r = jval_parse(text, len, &meta->doc, NULL);
	if (r == 0)
		r = local_headers_from_json(meta->doc, meta);
	if (r < 0 && r != -ENODATA)
		return r == -EINVAL ? -EIO : r;

	meta->by_hand = !meta->doc || !is_current(meta->doc, &st, meta->etag);
	*ret = take(&meta);
	return 0;
}

int local_part_read(int fd, struct local_part *ret)
{
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	const struct jval *part = NULL;
	const char *etag;
	uint64_t number;
	int r = local_meta_read(fd, &meta);

	if (r < 0)
		return r;
	if (meta->doc)
		part = jval_get(meta->doc, "part");
	if (!part)
		return -ENOENT;
	etag = jval_get_text(part, "etag");
	if (!etag || !str_copy(ret->etag, sizeof(ret->etag), etag) ||
	    jval_get_u64(part, "number", &number) < 0 ||
	    jval_get_u64(part, "size", &ret->size) < 0 ||
	    jval_get_bool(part, "in_slot", &ret->in_slot) < 0 ||
	    (!ret->in_slot && ret->size != meta->size))
		return -EIO;
	ret->number = (unsigned)number;
	return 0;
}

/* The "part" member. */
static int set_part(struct jval *doc, const struct local_part *part)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = jval_set_u64(object, "number", part->number);
	if (r == 0)
		r = jval_set_u64(object, "size", part->size);
	if (r == 0)
		r = jval_set_bool(object, "in_slot", part->in_slot);
	if (r == 0)
		r = jval_set_text(object, "etag", part->etag);
	if (r == 0)
		r = jval_set(doc, "part", take(&object));
	return r;
}

/* The whole attribute as a document. */
static int fill_doc(struct jval *doc, const struct stat *st, const char *etag,
                    const struct store_headers *headers,
                    const struct local_part *part)
{
	int r = jval_set_text(doc, "etag", etag);

	if (r == 0)
		r = jval_set_u64(doc, "size", (uint64_t)st->st_size);
	if (r == 0)
		r = jval_set_u64(doc, "mtime", time_ns(&st->st_mtim));
	if (r == 0 && headers)
		r = local_headers_to_json(headers, doc);
	if (r == 0 && part)
		r = set_part(doc, part);
	return r;
}

int local_meta_write(int fd, const char *etag,
                     const struct store_headers *headers,
                     const struct local_part *part)
{
	cleanup(jval_freep) struct jval *doc = jval_new_object();
	cleanup(str_release) struct str text = {0};
	struct stat st;
	int r;

	if (!doc)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = fill_doc(doc, &st, etag, headers, part);
	if (r == 0)
		r = jval_dump(doc, &text);
	if (r < 0)
		return r;
	if (fsetxattr(fd, ATTRIBUTE, text.data, text.len, 0) < 0)
		return errno == ENOSPC && text.len > 1024 ? -E2BIG : -errno;
	return 0;
}

uint64_t local_meta_size(const struct store_headers *headers)
{
	uint64_t size = 0;

	for (size_t i = 0; i < headers->meta_count; i++)
		size += strlen(headers->meta[i].name) +
		        strlen(headers->meta[i].value);
	return size;
}

void local_fill_info(struct local_op *op, struct local_meta *meta)
{
	struct object_info *info = &op->req->info;
	const char *dash = strchr(meta->etag, '-');

	info->size = meta->size;
	info->mtime = meta->mtime;
	info->headers = meta->headers;
	info->parts = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
	(void)str_copy(info->etag, sizeof(info->etag), meta->etag);
	op->reply.meta = meta;
}
