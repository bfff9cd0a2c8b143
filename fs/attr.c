/* SPDX-License-Identifier: MIT */
/*
 * Attributes from replies, to stat, and to the headers of a commit.
 *
 * Metadata was written by anybody: each value is taken only when it is what it
 * should be, else the mount's defaults stand.
 */
#include "attr_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NSEC_PER_SEC 1000000000L

void attr_release(struct attr *attr)
{
	attr_meta_unref(attr->meta);
	*attr = (struct attr){0};
}

void attr_copy(struct attr *dst, const struct attr *src)
{
	struct attr_meta *old = dst->meta;

	*dst = *src;
	(void)attr_meta_ref(dst->meta);
	attr_meta_unref(old);
}

/* A whole text of decimal digits (or octal ones, base 8) up to max. */
static bool parse_number(const char *text, size_t len, unsigned base,
                         uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';

		if (digit >= base || n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	*ret = n;
	return true;
}

/* "1700000000" or "1700000000.123456789"; more decimals are cut. */
static bool parse_time(const char *text, struct timespec *ret)
{
	size_t whole = strcspn(text, ".");
	uint64_t sec;
	long nsec = 0;

	if (!parse_number(text, whole, 10, INT64_MAX / 2, &sec))
		return false;
	if (text[whole] == '.') {
		const char *digits = text + whole + 1;
		size_t len = strlen(digits);

		if (len == 0 || strspn(digits, "0123456789") != len)
			return false;
		for (size_t i = 0; i < 9; i++)
			nsec = nsec * 10 + (i < len ? digits[i] - '0' : 0);
	}
	*ret = (struct timespec){(time_t)sec, nsec};
	return true;
}

/* A mode as s3fs (decimal) or rclone (octal, leading 0) writes it. */
static bool parse_mode(const char *text, uint32_t *ret)
{
	unsigned base = text[0] == '0' ? 8 : 10;
	uint64_t mode;

	if (!parse_number(text, strlen(text), base, 0177777, &mode))
		return false;
	*ret = (uint32_t)mode;
	return true;
}

/* Take an owner's number into *id unless it is none. */
static void take_id(const char *value, uint32_t *id)
{
	uint64_t n;

	if (parse_number(value, strlen(value), 10, UINT32_MAX - 1, &n))
		*id = (uint32_t)n;
}

/* Take a mode's permissions; and its type, where a symlink may be one. */
static void take_mode(const char *value, uint32_t type, struct attr *attr)
{
	uint32_t mode;

	if (!parse_mode(value, &mode))
		return;
	if (type == S_IFREG && S_ISLNK(mode))
		type = S_IFLNK;
	attr->mode = type | (mode & 07777);
}

/* One pair of metadata, if it is ours. */
static void take_pair(const struct store_meta *pair, uint32_t type,
                      struct attr *attr)
{
	struct timespec mtime;

	if (strcmp(pair->name, "mode") == 0)
		take_mode(pair->value, type, attr);
	else if (strcmp(pair->name, "uid") == 0)
		take_id(pair->value, &attr->uid);
	else if (strcmp(pair->name, "gid") == 0)
		take_id(pair->value, &attr->gid);
	else if (strcmp(pair->name, "mtime") == 0 &&
	         parse_time(pair->value, &mtime))
		attr->mtime = mtime;
}

/* What stands for what is not said. */
static struct attr defaults(const struct fs_config *config, uint32_t type)
{
	uint32_t bits = type == S_IFDIR ? config->dir_mode : config->file_mode;

	return (struct attr){
		.mode = type | (bits & 07777),
		.uid = config->uid,
		.gid = config->gid,
	};
}

int attr_from_info(const struct fs_config *config,
                   const struct object_info *info, uint32_t type,
                   struct attr *ret)
{
	struct attr attr = defaults(config, type);
	int r = attr_meta_from_headers(&info->headers, &attr.meta);

	if (r < 0)
		return r;

	attr.known = ATTR_FROM_LIST | ATTR_FROM_HEAD;
	attr.size = info->size;
	attr.mtime = info->mtime;
	attr.modified = info->mtime;
	memcpy(attr.etag, info->etag, sizeof(attr.etag));
	for (size_t i = 0; i < info->headers.meta_count; i++)
		take_pair(&info->headers.meta[i], type, &attr);
	*ret = attr;
	return 0;
}

void attr_from_entry(const struct fs_config *config,
                     const struct store_entry *entry, struct attr *ret)
{
	*ret = defaults(config, S_IFREG);
	ret->known = ATTR_FROM_LIST;
	ret->size = entry->size;
	ret->mtime = entry->mtime;
	ret->modified = entry->mtime;
	if (entry->etag)
		(void)snprintf(ret->etag, sizeof(ret->etag), "%s", entry->etag);
}

void attr_of_dir(const struct fs_config *config, const struct timespec *mtime,
                 struct attr *ret)
{
	*ret = defaults(config, S_IFDIR);
	ret->mtime = *mtime;
	ret->modified = *mtime;
}

bool attr_same_version(const struct attr *a, const struct attr *b)
{
	return a->size == b->size && strcmp(a->etag, b->etag) == 0 &&
	       (a->etag[0] || a->modified.tv_sec == b->modified.tv_sec);
}

bool attr_same_object(const struct attr *a, const struct attr *b)
{
	return attr_same_version(a, b) &&
	       ((a->known | b->known) & ATTR_GUESSED ||
	        a->modified.tv_sec == b->modified.tv_sec);
}

void attr_to_stat(const struct attr *attr, uint64_t ino, struct fs_attr *ret)
{
	bool dir = S_ISDIR(attr->mode);

	*ret = (struct fs_attr){
		.ino = ino,
		.size = dir ? 0 : attr->size,
		.mode = attr->mode,
		.nlink = 1,
		.uid = attr->uid,
		.gid = attr->gid,
		.mtime = attr->mtime,
		.ctime = attr->modified,
	};
}

/* Content types by ending, for people who open the object in a browser. */
static const struct {
	const char *ending;
	const char *type;
} content_types[] = {
	{".bz2", "application/x-bzip2"},
	{".css", "text/css"},
	{".csv", "text/csv"},
	{".gif", "image/gif"},
	{".gz", "application/gzip"},
	{".htm", "text/html"},
	{".html", "text/html"},
	{".jpeg", "image/jpeg"},
	{".jpg", "image/jpeg"},
	{".js", "text/javascript"},
	{".json", "application/json"},
	{".jsonl", "application/jsonl"},
	{".md", "text/markdown"},
	{".mp3", "audio/mpeg"},
	{".mp4", "video/mp4"},
	{".pdf", "application/pdf"},
	{".png", "image/png"},
	{".sql", "application/sql"},
	{".svg", "image/svg+xml"},
	{".tar", "application/x-tar"},
	{".tgz", "application/gzip"},
	{".txt", "text/plain"},
	{".webp", "image/webp"},
	{".xml", "application/xml"},
	{".xz", "application/x-xz"},
	{".yaml", "application/yaml"},
	{".yml", "application/yaml"},
	{".zip", "application/zip"},
	{".zst", "application/zstd"},
};

/* The type for a name. */
static const char *content_type_of(const char *name)
{
	const char *ending = name ? strrchr(name, '.') : NULL;

	for (size_t i = 0;
	     ending && i < sizeof(content_types) / sizeof(*content_types); i++)
		if (strcasecmp(ending, content_types[i].ending) == 0)
			return content_types[i].type;
	return "application/octet-stream";
}

/* Where the headers' own texts are written. */
struct writer {
	struct attr_headers *headers;
	size_t used;  /* bytes of text */
	size_t count; /* pairs of meta */
};

/* Add a pair whose value is written into the text buffer. */
__attribute__((format(printf, 3, 4))) static void
add_text(struct writer *w, const char *name, const char *fmt, ...)
{
	char *value = w->headers->text + w->used;
	size_t room = sizeof(w->headers->text) - w->used;
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(value, room, fmt, args);

	va_end(args);
	assert(len >= 0 && (size_t)len < room);
	w->used += (size_t)len + 1;
	w->headers->meta[w->count++] = (struct store_meta){name, value};
}

/* mode, uid, gid, mtime and nonce. */
static void add_ours(struct writer *w, const struct attr *attr,
                     const char *nonce)
{
	add_text(w, "mode", "%u", attr->mode);
	add_text(w, "uid", "%u", attr->uid);
	add_text(w, "gid", "%u", attr->gid);
	if (attr->mtime.tv_nsec != 0)
		add_text(w, "mtime", "%lld.%09ld",
		         (long long)attr->mtime.tv_sec, attr->mtime.tv_nsec);
	else if (attr->mtime.tv_sec != 0)
		add_text(w, "mtime", "%lld", (long long)attr->mtime.tv_sec);
	if (nonce)
		add_text(w, "porter-commit", "%s", nonce);
}

/* Bytes of all names and values. */
static uint64_t meta_size(const struct store_meta *meta, size_t count)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += strlen(meta[i].name) + strlen(meta[i].value);
	return size;
}

int attr_to_headers(const struct attr *attr, const char *name,
                    const char *nonce, const struct store_limits *limits,
                    struct attr_headers *ret)
{
	const struct attr_meta *user = attr->meta;
	struct writer w = {.headers = ret};
	const size_t room = sizeof(ret->meta) / sizeof(*ret->meta);

	add_ours(&w, attr, nonce);
	if (attr_meta_count(user) > room - w.count)
		return -ENOSPC;
	for (size_t i = 0; i < attr_meta_count(user); i++)
		ret->meta[w.count++] = user->pairs[i];
	if (limits->meta_max &&
	    meta_size(ret->meta, w.count) > limits->meta_max)
		return -ENOSPC;

	ret->headers = (struct store_headers){
		.content_type = user && user->content_type
	                                ? user->content_type
	                                : content_type_of(name),
		.content_encoding = user ? user->content_encoding : NULL,
		.cache_control = user ? user->cache_control : NULL,
		.content_disposition = user ? user->content_disposition : NULL,
		.meta = ret->meta,
		.meta_count = w.count,
	};
	ret->user = attr_meta_ref(attr->meta);
	return 0;
}

void attr_headers_release(struct attr_headers *headers)
{
	attr_meta_unref(headers->user);
	headers->user = NULL;
}

const char *attr_nonce(const struct store_headers *headers)
{
	for (size_t i = 0; i < headers->meta_count; i++)
		if (strcmp(headers->meta[i].name, "porter-commit") == 0)
			return headers->meta[i].value;
	return NULL;
}
