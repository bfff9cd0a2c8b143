/* SPDX-License-Identifier: MIT */
/*
 * Numbers are LEB128, little end first; a time is its seconds, zigzag, and its
 * nanoseconds.  An ETag of 32 lower-case hex digits in quotes, with or without
 * "-N", takes 16 bytes and N.
 */
#include "meta_record.h"

#include "attr_impl.h"
#include "base/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUM_SIZE 8  /* bytes */
#define MD5_TEXT 34 /* an MD5 ETag with its quotes */

/* Kinds of records, so that none is taken for the other. */
enum record_type {
	TYPE_NAME = 'n',
	TYPE_RANGE = 'r',
};

/* How an ETag is written. */
enum etag_form {
	ETAG_NONE,
	ETAG_MD5,
	ETAG_MD5_PARTS,
	ETAG_TEXT,
};

/* ---- writing ---- */

static void put_number(struct str *out, uint64_t value)
{
	while (value >= 0x80) {
		str_add_char(out, (char)(value | 0x80));
		value >>= 7;
	}
	str_add_char(out, (char)value);
}

static void put_bytes(struct str *out, const void *data, size_t len)
{
	put_number(out, len);
	str_add_mem(out, data, len);
}

static void put_time(struct str *out, const struct timespec *time)
{
	int64_t seconds = time->tv_sec;

	put_number(out, ((uint64_t)seconds << 1) ^ (uint64_t)(seconds >> 63));
	put_number(out, (uint64_t)time->tv_nsec);
}

/* The value of a lower-case hex digit, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The 16 bytes of an MD5 ETag, and N behind it (0 = none); false: no such. */
static bool parse_etag(const char *etag, uint8_t md5[MD5_SIZE],
                       uint64_t *ret_parts)
{
	char again[STORE_ETAG_MAX];
	char hex[2 * MD5_SIZE + 1];
	char *end;

	if (strlen(etag) < MD5_TEXT || etag[0] != '"')
		return false;
	for (size_t i = 0; i < MD5_SIZE; i++) {
		int high = digit(etag[1 + 2 * i]);
		int low = digit(etag[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		md5[i] = (uint8_t)(high * 16 + low);
	}
	*ret_parts = 0;
	digest_hex(md5, MD5_SIZE, hex);
	if (etag[MD5_TEXT - 1] == '-') {
		*ret_parts = strtoull(etag + MD5_TEXT, &end, 10);
		(void)snprintf(again, sizeof(again), "\"%s-%llu\"", hex,
		               (unsigned long long)*ret_parts);
	} else {
		(void)snprintf(again, sizeof(again), "\"%s\"", hex);
	}
	return strcmp(again, etag) == 0 &&
	       (*ret_parts > 0 || etag[MD5_TEXT - 1] == '"');
}

static void put_etag(struct str *out, const char *etag)
{
	uint8_t md5[MD5_SIZE];
	uint64_t parts;

	if (!etag[0]) {
		str_add_char(out, ETAG_NONE);
	} else if (!parse_etag(etag, md5, &parts)) {
		str_add_char(out, ETAG_TEXT);
		put_bytes(out, etag, strlen(etag));
	} else {
		str_add_char(out, parts ? ETAG_MD5_PARTS : ETAG_MD5);
		str_add_mem(out, md5, sizeof(md5));
		if (parts)
			put_number(out, parts);
	}
}

/* A text that may be NULL: its length and 1, or 0. */
static void put_text(struct str *out, const char *text)
{
	put_number(out, text ? strlen(text) + 1 : 0);
	str_add(out, text ? text : "");
}

/* Metadata: headers, a symlink's target, pairs. */
static void put_meta(struct str *out, const struct attr_meta *meta)
{
	str_add_char(out, meta ? 1 : 0);
	if (!meta)
		return;
	put_text(out, meta->content_type);
	put_text(out, meta->content_encoding);
	put_text(out, meta->cache_control);
	put_text(out, meta->content_disposition);
	put_text(out, meta->target);
	put_number(out, meta->count);
	for (size_t i = 0; i < meta->count; i++) {
		put_text(out, meta->pairs[i].name);
		put_text(out, meta->pairs[i].value);
	}
}

/* The checksum of a record's bytes under its key. */
static uint64_t sum_of(const struct meta_key *key, const void *data, size_t len)
{
	uint64_t seed = digest_xxh64(key->path, strlen(key->path), key->bucket);

	return digest_xxh64(data, len, seed);
}

/* Append the checksum of what stands from start on. */
static void put_sum(struct str *out, size_t start, const struct meta_key *key)
{
	uint8_t bytes[SUM_SIZE];
	uint64_t sum;

	if (str_status(out) < 0)
		return;
	sum = sum_of(key, out->data + start, out->len - start);
	for (size_t i = 0; i < SUM_SIZE; i++)
		bytes[i] = (uint8_t)(sum >> (8 * i));
	str_add_mem(out, bytes, sizeof(bytes));
}

void meta_record_encode(const struct meta_key *key,
                        const struct meta_record *record, struct str *ret)
{
	const struct attr *attr = &record->attr;
	size_t start = ret->len;

	str_add_char(ret, META_RECORD_VERSION);
	str_add_char(ret, TYPE_NAME);
	str_add_char(ret, (char)record->kind);
	put_number(ret, record->asked_ms);
	if (record->kind != META_ABSENT) {
		put_number(ret, attr->known);
		put_number(ret, attr->mode);
		put_number(ret, attr->uid);
		put_number(ret, attr->gid);
		put_number(ret, attr->size);
		put_time(ret, &attr->mtime);
		put_time(ret, &attr->modified);
		put_etag(ret, attr->etag);
		put_meta(ret, attr->meta);
	}
	put_sum(ret, start, key);
}

/* ---- reading ---- */

/* Bytes being read; a failure is sticky. */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static uint64_t get_number(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->at == r->end)
			break;

		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

/* len bytes, borrowed; NULL: there are not so many. */
static const uint8_t *get_bytes(struct reader *r, uint64_t len)
{
	const uint8_t *bytes = r->at;

	if (r->bad || len > (uint64_t)(r->end - r->at)) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	return bytes;
}

static uint8_t get_byte(struct reader *r)
{
	const uint8_t *byte = get_bytes(r, 1);

	return byte ? *byte : 0;
}

static uint32_t get_u32(struct reader *r)
{
	uint64_t value = get_number(r);

	r->bad = r->bad || value > UINT32_MAX;
	return (uint32_t)value;
}

static struct timespec get_time(struct reader *r)
{
	uint64_t seconds = get_number(r);
	uint64_t nsec = get_number(r);

	r->bad = r->bad || nsec >= 1000000000;
	return (struct timespec){
		.tv_sec = (time_t)((seconds >> 1) ^ -(seconds & 1)),
		.tv_nsec = (long)nsec,
	};
}

/* The text of an MD5 ETag. */
static void get_md5(struct reader *r, bool with_parts, char ret[STORE_ETAG_MAX])
{
	const uint8_t *md5 = get_bytes(r, MD5_SIZE);
	uint64_t parts = with_parts ? get_number(r) : 0;
	char hex[2 * MD5_SIZE + 1];

	if (r->bad)
		return;
	digest_hex(md5, MD5_SIZE, hex);
	if (with_parts)
		(void)snprintf(ret, STORE_ETAG_MAX, "\"%s-%llu\"", hex,
		               (unsigned long long)parts);
	else
		(void)snprintf(ret, STORE_ETAG_MAX, "\"%s\"", hex);
}

static void get_etag(struct reader *r, char ret[STORE_ETAG_MAX])
{
	uint8_t form = get_byte(r);
	const uint8_t *text;
	uint64_t len;

	ret[0] = 0;
	if (form == ETAG_MD5 || form == ETAG_MD5_PARTS) {
		get_md5(r, form == ETAG_MD5_PARTS, ret);
	} else if (form == ETAG_TEXT) {
		len = get_number(r);
		text = get_bytes(r, len);
		r->bad = r->bad || len >= STORE_ETAG_MAX;
		if (r->bad)
			return;
		memcpy(ret, text, len);
		ret[len] = 0;
	} else {
		r->bad = r->bad || form != ETAG_NONE;
	}
}

/* A text of put_text(), copied to *at, which moves on. */
static const char *get_text(struct reader *r, char **at)
{
	uint64_t size = get_number(r);
	const uint8_t *text = size ? get_bytes(r, size - 1) : NULL;
	char *copy = *at;

	if (!text)
		return NULL;
	memcpy(copy, text, size - 1);
	copy[size - 1] = 0;
	r->bad = r->bad || memchr(copy, 0, size - 1);
	*at += size;
	return copy;
}

/* Metadata: every text takes a byte of the record for its length. */
static int get_meta(struct reader *r, struct attr_meta **ret)
{
	size_t room = (size_t)(r->end - r->at) + 1;
	size_t count_max = room / 2;
	cleanup(freep) char *texts = NULL;
	cleanup(freep) struct store_meta *pairs = NULL;
	struct store_headers headers = {0};
	const char *target;
	char *at;

	*ret = NULL;
	if (get_byte(r) == 0)
		return 0;
	texts = malloc(room);
	pairs = calloc(count_max + 1, sizeof(*pairs));
	if (!texts || !pairs)
		return -ENOMEM;
	at = texts;
	headers.content_type = get_text(r, &at);
	headers.content_encoding = get_text(r, &at);
	headers.cache_control = get_text(r, &at);
	headers.content_disposition = get_text(r, &at);
	target = get_text(r, &at);
	headers.meta = pairs;
	headers.meta_count = get_number(r);
	r->bad = r->bad || headers.meta_count > count_max;
	for (size_t i = 0; !r->bad && i < headers.meta_count; i++) {
		pairs[i].name = get_text(r, &at);
		pairs[i].value = get_text(r, &at);
		r->bad = r->bad || !pairs[i].name || !pairs[i].value;
	}
	return r->bad ? -EUCLEAN : attr_meta_build(&headers, target, ret);
}

/* Check head and checksum of a record; 0 and what stands between. */
static int open_record(const struct meta_key *key, struct slice data,
                       enum record_type type, struct reader *ret)
{
	const uint8_t *bytes = data.data;
	uint64_t sum = 0;

	if (data.len < 2 + SUM_SIZE)
		return -EUCLEAN;
	for (size_t i = 0; i < SUM_SIZE; i++)
		sum |= (uint64_t)bytes[data.len - SUM_SIZE + i] << (8 * i);
	if (sum != sum_of(key, bytes, data.len - SUM_SIZE) ||
	    bytes[0] != META_RECORD_VERSION || bytes[1] != type)
		return -EUCLEAN;
	*ret = (struct reader){bytes + 2, bytes + data.len - SUM_SIZE, false};
	return 0;
}

int meta_record_decode(const struct meta_key *key, struct slice data,
                       struct meta_record *ret)
{
	struct meta_record record = {0};
	struct reader r;
	int status = open_record(key, data, TYPE_NAME, &r);

	if (status < 0)
		return status;
	record.kind = (enum meta_kind)get_byte(&r);
	record.asked_ms = get_number(&r);
	if (record.kind == META_FILE || record.kind == META_DIR) {
		record.attr.known = get_u32(&r);
		record.attr.mode = get_u32(&r);
		record.attr.uid = get_u32(&r);
		record.attr.gid = get_u32(&r);
		record.attr.size = get_number(&r);
		record.attr.mtime = get_time(&r);
		record.attr.modified = get_time(&r);
		get_etag(&r, record.attr.etag);
		status = get_meta(&r, &record.attr.meta);
	} else if (record.kind != META_ABSENT) {
		status = -EUCLEAN;
	}
	if (status == 0 && (r.bad || r.at != r.end))
		status = -EUCLEAN;
	if (status < 0)
		attr_release(&record.attr);
	else
		*ret = record;
	return status;
}

/* ---- ranges ---- */

int meta_compare(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int r = common ? memcmp(a.data, b.data, common) : 0;

	return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

void meta_range_add(struct meta_range_writer *writer,
                    const struct meta_line *line)
{
	struct str *out = &writer->lines;
	const char *last = str_text(&writer->last);
	size_t shared = 0;

	while (shared < writer->last.len && shared < line->len &&
	       last[shared] == line->name[shared])
		shared++;
	put_number(out, shared);
	put_bytes(out, line->name + shared, line->len - shared);
	if (!line->is_dir) {
		put_number(out, line->size);
		put_time(out, &line->modified);
		put_etag(out, line->etag);
	}
	str_reset(&writer->last);
	str_add_mem(&writer->last, line->name, line->len);
	writer->count++;
}

void meta_range_release(struct meta_range_writer *writer)
{
	str_release(&writer->lines);
	str_release(&writer->last);
	writer->count = 0;
}

void meta_range_finish(struct meta_range_writer *writer,
                       const struct meta_key *key,
                       const struct meta_bounds *bounds, struct str *ret)
{
	size_t start = ret->len;

	str_add_char(ret, META_RECORD_VERSION);
	str_add_char(ret, TYPE_RANGE);
	put_number(ret, bounds->asked_ms);
	str_add_char(ret, bounds->to_end);
	put_bytes(ret, bounds->low.data, bounds->low.len);
	put_bytes(ret, bounds->high.data, bounds->high.len);
	put_number(ret, writer->count);
	str_add_mem(ret, str_text(&writer->lines), writer->lines.len);
	if (str_status(&writer->lines) < 0 || str_status(&writer->last) < 0)
		ret->status = -ENOMEM;
	put_sum(ret, start, key);
	meta_range_release(writer);
}

int meta_range_open(const struct meta_key *key, struct slice data,
                    struct meta_range *ret)
{
	struct reader r;
	int status = open_record(key, data, TYPE_RANGE, &r);
	struct slice *sides[] = {&ret->bounds.low, &ret->bounds.high};

	if (status < 0)
		return status;
	ret->bounds.asked_ms = get_number(&r);
	ret->bounds.to_end = get_byte(&r) != 0;
	for (size_t i = 0; i < 2; i++) {
		uint64_t len = get_number(&r);
		const uint8_t *bytes = get_bytes(&r, len);

		if (r.bad)
			return -EUCLEAN;
		/* never written to */
		*sides[i] = (struct slice){(uint8_t *)(uintptr_t)bytes, len};
	}
	ret->count = get_number(&r);
	ret->left = ret->count;
	ret->at = r.at;
	ret->end = r.end;
	ret->name_len = 0;
	return r.bad ? -EUCLEAN : 0;
}

/* The name of the next line, into range->name; 0 or -EUCLEAN. */
static int read_name(struct meta_range *range, struct reader *r)
{
	uint64_t shared = get_number(r);
	uint64_t len = get_number(r);
	const uint8_t *rest = get_bytes(r, len);

	if (r->bad || shared > range->name_len ||
	    len > STORE_KEY_MAX - shared || shared + len == 0)
		return -EUCLEAN;
	memcpy(range->name + shared, rest, len);
	range->name_len = shared + len;
	range->name[range->name_len] = 0;
	return 0;
}

/* What stands behind the name. */
static void read_facts(const struct meta_range *range, struct reader *r,
                       struct meta_line *ret)
{
	*ret = (struct meta_line){
		.name = range->name,
		.len = range->name_len,
		.is_dir = range->name[range->name_len - 1] == '/',
	};
	if (ret->is_dir)
		return;
	ret->size = get_number(r);
	ret->modified = get_time(r);
	get_etag(r, ret->etag);
}

/* The same, of a line that nobody wants. */
static void skip_facts(const struct meta_range *range, struct reader *r)
{
	uint8_t form;

	if (range->name[range->name_len - 1] == '/')
		return;
	(void)get_number(r);
	(void)get_time(r);
	form = get_byte(r);
	if (form == ETAG_MD5 || form == ETAG_MD5_PARTS)
		(void)get_bytes(r, MD5_SIZE);
	if (form == ETAG_MD5_PARTS)
		(void)get_number(r);
	if (form == ETAG_TEXT)
		(void)get_bytes(r, get_number(r));
}

int meta_range_next(struct meta_range *range, struct meta_line *ret)
{
	struct reader r = {range->at, range->end, false};
	int status;

	if (range->left == 0)
		return range->at == range->end ? 0 : -EUCLEAN;
	range->left--;
	status = read_name(range, &r);
	if (status < 0)
		return status;
	read_facts(range, &r, ret);
	range->at = r.at;
	return r.bad ? -EUCLEAN : 1;
}

int meta_range_find(struct meta_range *range, struct slice name,
                    struct meta_line *ret)
{
	struct reader r = {range->at, range->end, false};
	int order = -1;

	while (range->left > 0 && order < 0) {
		int status = read_name(range, &r);

		if (status < 0)
			return status;
		range->left--;
		order = meta_compare((struct slice){(uint8_t *)range->name,
		                                    range->name_len},
		                     name);
		if (order == 0)
			read_facts(range, &r, ret);
		else
			skip_facts(range, &r);
	}
	range->at = r.at;
	return r.bad ? -EUCLEAN : order == 0;
}
