/* SPDX-License-Identifier: MIT */
/*
 * A guard keeps the last bytes of what goes by, as it is and, when it is
 * compressed and somebody wants to know what is inside, decompressed too.  All
 * checks are made at the end, on those last bytes.
 */
#include "guard.h"

#include "base/codec.h"
#include "guard_ends.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSIDE_CHUNK 65536 /* bytes decompressed at once */

/* Checks that look at what is inside a compressed stream. */
#define CHECKS_INSIDE (GUARD_MYSQLDUMP | GUARD_PG_DUMP | GUARD_TAR)
/* Checks that need the frames whole. */
#define CHECKS_FRAMES (GUARD_GZIP | GUARD_ZSTD | GUARD_XZ)

/* ---- rules ---- */

struct word {
	const char *name;
	enum guard_check check;
};

/* What a rule may say. */
static const struct word words[] = {
	{"mysqldump", GUARD_MYSQLDUMP},
	{"pg_dump", GUARD_PG_DUMP},
	{"gzip", GUARD_GZIP},
	{"zstd", GUARD_ZSTD},
	{"xz", GUARD_XZ},
	{"zip", GUARD_ZIP},
	{"tar", GUARD_TAR},
};

/* "0.5" after "min_ratio=" as thousandths; more than three digits are cut. */
static int parse_ratio(const char *text, size_t len, unsigned *ret)
{
	unsigned value = 0;
	unsigned unit = 1000;
	bool point = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && !point && i > 0 && i + 1 < len) {
			point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (point)
			unit /= 10;
		if (!point)
			value = value * 10 + (unsigned)(text[i] - '0') * 1000;
		else
			value += (unsigned)(text[i] - '0') * unit;
		if (value > 1000)
			return -EINVAL;
	}
	*ret = value;
	return value > 0 ? 0 : -EINVAL;
}

/* One word of a rule. */
static int parse_word(const char *text, size_t len, struct guard_rule *rule)
{
	static const char ratio[] = "min_ratio=";

	if (len > sizeof(ratio) - 1 &&
	    strncmp(text, ratio, sizeof(ratio) - 1) == 0)
		return parse_ratio(text + sizeof(ratio) - 1,
		                   len - (sizeof(ratio) - 1), &rule->min_ratio);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) != len ||
		    strncmp(words[i].name, text, len) != 0)
			continue;
		rule->checks |= words[i].check;
		return 0;
	}
	return -EINVAL;
}

int guard_rule_parse(const char *text, struct guard_rule *ret,
                     struct err *reterr)
{
	struct guard_rule rule = {0};

	for (;;) {
		size_t len;

		text += strspn(text, " \t");
		len = strcspn(text, " \t");
		if (len == 0)
			break;
		if (parse_word(text, len, &rule) < 0)
			return err_set(
				reterr, -EINVAL,
				"there is no check '%.*s', only mysqldump, "
				"pg_dump, gzip, zstd, xz, zip, tar and "
				"min_ratio=R with R from 0.001 to 1",
				(int)len, text);
		text += len;
	}
	if (rule.checks == 0 && rule.min_ratio == 0)
		return err_set(reterr, -EINVAL,
		               "the check is missing, such as mysqldump or "
		               "gzip");
	*ret = rule;
	return 0;
}

bool guard_matches(const char *pattern, const char *bucket, const char *key)
{
	const char *base = strrchr(key, '/');
	char path[2048];
	int len;

	if (!strchr(pattern, '/'))
		return fnmatch(pattern, base ? base + 1 : key, 0) == 0;
	len = snprintf(path, sizeof(path), "%s/%s", bucket, key);
	return len > 0 && (size_t)len < sizeof(path) &&
	       fnmatch(pattern, path, FNM_PATHNAME) == 0;
}

/* ---- the last bytes ---- */

/*
 * The last bytes of a run, and how many went by.  Bytes are appended until there
 * is no room; then the newest GUARD_ENDS_MAX move to the beginning.
 */
struct ends {
	uint8_t bytes[2 * GUARD_ENDS_MAX];
	size_t len;
	uint64_t total;
};

/* Remember the newest bytes. */
static void ends_add(struct ends *ends, const uint8_t *data, size_t len)
{
	ends->total += len;
	if (len > GUARD_ENDS_MAX) {
		data += len - GUARD_ENDS_MAX;
		len = GUARD_ENDS_MAX;
	}
	if (len > sizeof(ends->bytes) - ends->len) {
		memmove(ends->bytes, ends->bytes + ends->len - GUARD_ENDS_MAX,
		        GUARD_ENDS_MAX);
		ends->len = GUARD_ENDS_MAX;
	}
	memcpy(ends->bytes + ends->len, data, len);
	ends->len += len;
}

/* The last bytes, at most GUARD_ENDS_MAX of them. */
static const uint8_t *ends_last(const struct ends *ends, size_t *ret_len)
{
	*ret_len = ends->len < GUARD_ENDS_MAX ? ends->len : GUARD_ENDS_MAX;
	return ends->bytes + ends->len - *ret_len;
}

/* ---- one file ---- */

struct guard {
	struct guard_rule rule;
	uint8_t start[CODEC_SNIFF_MAX]; /* the first bytes */
	size_t start_len;
	enum codec_kind kind; /* by them, once there are enough */
	bool sniffed;
	struct codec *codec; /* looks inside; NULL = need not, or cannot */
	int status;          /* of that; 1 = a frame has just ended */
	uint8_t *chunk;      /* INSIDE_CHUNK bytes, with codec */
	struct ends plain;   /* as it is */
	struct ends inside;  /* decompressed */
};

int guard_new(const struct guard_rule *rule, struct guard **ret)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return -ENOMEM;
	guard->rule = *rule;
	*ret = guard;
	return 0;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	codec_free(guard->codec);
	free(guard->chunk);
	free(guard);
}

/* Decompress the next bytes and remember the end of what comes out. */
static void look_inside(struct guard *guard, const uint8_t *data, size_t len)
{
	struct codec_io io = {.in = data, .in_len = len};

	if (!guard->codec || guard->status < 0)
		return;
	do {
		io.out = guard->chunk;
		io.out_len = INSIDE_CHUNK;
		guard->status = codec_step(guard->codec, &io, false);
		if (guard->status >= 0)
			ends_add(&guard->inside, guard->chunk,
			         INSIDE_CHUNK - io.out_len);
	} while (guard->status >= 0 && (io.in_len > 0 || io.out_len == 0));
}

/* The first bytes say what it is: prepare to look inside. */
static void sniff(struct guard *guard)
{
	guard->sniffed = true;
	guard->kind = codec_sniff(guard->start, guard->start_len);
	if (guard->kind == CODEC_PLAIN ||
	    !(guard->rule.checks & (CHECKS_INSIDE | CHECKS_FRAMES)))
		return;
	guard->status = codec_decoder_new(guard->kind, &guard->codec);
	if (guard->status < 0)
		return;
	guard->chunk = malloc(INSIDE_CHUNK);
	if (!guard->chunk) {
		guard->status = -ENOMEM;
		return;
	}
	look_inside(guard, guard->start, guard->start_len);
}

void guard_feed(struct guard *guard, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	ends_add(&guard->plain, bytes, len);
	if (!guard->sniffed) {
		size_t room = sizeof(guard->start) - guard->start_len;
		size_t take = len < room ? len : room;

		memcpy(guard->start + guard->start_len, bytes, take);
		guard->start_len += take;
		if (guard->start_len < sizeof(guard->start))
			return;
		sniff(guard);
		bytes += take;
		len -= take;
	}
	if (len > 0)
		look_inside(guard, bytes, len);
}

/* ---- the end ---- */

/* The compressed stream must have ended with a frame. */
static int check_frames(const struct guard *guard, struct err *reterr)
{
	const char *name = codec_name(guard->kind);

	if (guard->status == -ENOMEM)
		return err_set(reterr, -ENOMEM,
		               "out of memory while checking the %s stream",
		               name);
	if (guard->status < 0)
		return err_set(reterr, -EIO, "the %s stream is damaged", name);
	if (guard->status != 1)
		return err_set(reterr, -EIO, "the %s stream ends in its middle",
		               name);
	return 0;
}

/* It must be compressed as the rule says. */
static int check_kind(const struct guard *guard, struct err *reterr)
{
	static const struct {
		enum guard_check check;
		enum codec_kind kind;
	} kinds[] = {
		{GUARD_GZIP, CODEC_GZIP},
		{GUARD_ZSTD, CODEC_ZSTD},
		{GUARD_XZ, CODEC_XZ},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (guard->rule.checks & kinds[i].check &&
		    guard->kind != kinds[i].kind)
			return err_set(reterr, -EIO,
			               "it does not begin as %s does",
			               codec_name(kinds[i].kind));
	}
	return 0;
}

/* What the ends say. */
static int check_ends(const struct guard *guard, struct err *reterr)
{
	unsigned checks = guard->rule.checks;
	const char *where = guard->codec ? " inside" : "";
	const struct ends *ends = guard->codec ? &guard->inside : &guard->plain;
	size_t len;
	size_t plain_len;
	const uint8_t *last = ends_last(ends, &len);
	const uint8_t *plain = ends_last(&guard->plain, &plain_len);

	if (checks & GUARD_MYSQLDUMP && !guard_ends_mysqldump(last, len))
		return err_set(reterr, -EIO,
		               "its last line%s is not \"-- Dump completed\": "
		               "the dump is cut",
		               where);
	if (checks & GUARD_PG_DUMP && !guard_ends_pg_dump(last, len))
		return err_set(reterr, -EIO,
		               "its end%s is not \"-- PostgreSQL database dump "
		               "complete\": the dump is cut",
		               where);
	if (checks & GUARD_TAR && !guard_ends_tar(last, len, ends->total))
		return err_set(reterr, -EIO,
		               "it%s does not end with a tar archive's two "
		               "blocks of zeros",
		               where);
	if (checks & GUARD_ZIP &&
	    !guard_ends_zip(plain, plain_len, guard->plain.total))
		return err_set(reterr, -EIO,
		               "it does not end with a zip archive's central "
		               "directory");
	return 0;
}

/* Large enough beside its previous version? */
static int check_size(const struct guard *guard, uint64_t previous,
                      struct err *reterr)
{
	uint64_t size = guard->plain.total;
	unsigned ratio = guard->rule.min_ratio;

	if (ratio == 0 || previous == 0 ||
	    (double)size >= (double)previous * ratio / 1000.0)
		return 0;
	return err_set(reterr, -EIO,
	               "it has %llu bytes, less than %u.%03u of the %llu of "
	               "the version before",
	               (unsigned long long)size, ratio / 1000, ratio % 1000,
	               (unsigned long long)previous);
}

int guard_end(struct guard *guard, uint64_t previous, struct err *reterr)
{
	int r;

	if (!guard->sniffed)
		sniff(guard);
	r = check_kind(guard, reterr);
	if (r == 0 && guard->kind != CODEC_PLAIN &&
	    guard->rule.checks & (CHECKS_INSIDE | CHECKS_FRAMES))
		r = check_frames(guard, reterr);
	if (r == 0)
		r = check_ends(guard, reterr);
	return r == 0 ? check_size(guard, previous, reterr) : r;
}
