/* SPDX-License-Identifier: MIT */
/*
 * The words of an export.
 */
#include "base/codec.h"
#include "base/conf.h"
#include "base/str.h"
#include "dumper/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define THREADS    4
#define TTL_MAX_MS ((uint64_t)366 * 24 * 3600 * 1000)

/* Switches: name and place. */
static const struct {
	const char *name;
	size_t offset;
} switches[] = {
	{"all-databases", offsetof(struct dump_options, all_databases)},
	{"schema", offsetof(struct dump_options, schema)},
	{"data", offsetof(struct dump_options, data)},
	{"triggers", offsetof(struct dump_options, triggers)},
	{"routines", offsetof(struct dump_options, routines)},
	{"events", offsetof(struct dump_options, events)},
	{"views", offsetof(struct dump_options, views)},
	{"sequences", offsetof(struct dump_options, sequences)},
	{"drop-if-exists", offsetof(struct dump_options, drop_if_exists)},
	{"keep-if-exists", offsetof(struct dump_options, keep_if_exists)},
	{"consistent", offsetof(struct dump_options, consistent)},
	{"allow-partial", offsetof(struct dump_options, allow_partial)},
	{"no-expiration", offsetof(struct dump_options, no_expiration)},
	{"index", offsetof(struct dump_options, index)},
};

/* Texts: name and place. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{"out", offsetof(struct dump_options, out)},
	{"conn", offsetof(struct dump_options, conn)},
	{"db", offsetof(struct dump_options, databases)},
	{"tables", offsetof(struct dump_options, tables)},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct dump_options *dump_options_new(void)
{
	struct dump_options *options = calloc(1, sizeof(*options));

	if (!options)
		return NULL;
	options->schema = options->data = true;
	options->triggers = options->routines = options->events = true;
	options->views = options->sequences = true;
	options->consistent = true;
	options->index = true;
	options->threads = THREADS;
	return options;
}

void dump_options_free(struct dump_options *options)
{
	if (!options)
		return;
	for (size_t i = 0; i < options->where_count; i++) {
		free(options->wheres[i].table);
		free(options->wheres[i].condition);
	}
	free(options->wheres);
	free(options->out);
	free(options->conn);
	free(options->databases);
	free(options->tables);
	free(options->definer_from);
	free(options->definer_to);
	free(options);
}

static int set_text(char **place, const char *value, struct err *reterr)
{
	char *copy = strdup(value);

	if (!copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	free(*place);
	*place = copy;
	return 0;
}

static int set_switch(bool *place, const char *name, const char *value,
                      struct err *reterr)
{
	/* As in the configuration. */
	static const char *const on[] = {"on", "1", "true", "yes"};
	static const char *const off[] = {"off", "0", "false", "no"};

	for (size_t i = 0; i < COUNT(on); i++) {
		if (!value || strcmp(value, on[i]) == 0) {
			*place = true;
			return 0;
		}
		if (strcmp(value, off[i]) == 0) {
			*place = false;
			return 0;
		}
	}
	return err_set(reterr, -EINVAL, "%s: '%s' is neither on nor off", name,
	               value);
}

static int set_threads(struct dump_options *options, const char *value,
                       struct err *reterr)
{
	uint64_t threads;

	if (str_to_u64(value, &threads) == -EINVAL)
		return err_set(reterr, -EINVAL, "threads: '%s' is no number",
		               value);
	if (str_to_u64(value, &threads) < 0 || threads < 1 ||
	    threads > DUMP_THREADS_MAX)
		return err_set(reterr, -EDOM,
		               "threads: '%s' is out of range, 1 to %d", value,
		               DUMP_THREADS_MAX);
	options->threads = (unsigned)threads;
	return 0;
}

static int set_expires(struct dump_options *options, const char *value,
                       struct err *reterr)
{
	uint64_t ms;

	if (conf_parse_duration_ms(value, &ms) < 0)
		return err_set(reterr, -EINVAL,
		               "expires: '%s' is no duration; right would be "
		               "1h or 7d",
		               value);
	if (ms < 1000 || ms > TTL_MAX_MS)
		return err_set(reterr, -EDOM,
		               "expires: '%s' is out of range, 1s to 366d",
		               value);
	options->expires_ms = ms;
	return 0;
}

/* "zstd", "zstd:9", "gzip", "none" */
static int set_compress(struct dump_options *options, const char *value,
                        struct err *reterr)
{
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : strlen(value);
	uint64_t level = 0, most;

	if (len == 4 && strncmp(value, "zstd", len) == 0) {
		options->compress = DUMP_COMPRESS_ZSTD;
		most = 19;
	} else if (len == 4 && strncmp(value, "gzip", len) == 0) {
		options->compress = DUMP_COMPRESS_GZIP;
		most = 9;
	} else if (strcmp(value, "none") == 0) {
		options->compress = DUMP_COMPRESS_NONE;
		return 0;
	} else {
		return err_set(reterr, -EINVAL,
		               "compress: there are zstd, gzip and none, no "
		               "'%s'",
		               value);
	}
	if (colon &&
	    (str_to_u64(colon + 1, &level) < 0 || level < 1 || level > most))
		return err_set(reterr, -EDOM,
		               "compress: '%s': levels are 1 to %" PRIu64,
		               value, most);
	options->level = (int)level;
	return 0;
}

/* "keep", "strip", "map=old:new" as it came behind "definer=" */
static int set_definer(struct dump_options *options, const char *value,
                       struct err *reterr)
{
	const char *colon;

	if (strcmp(value, "keep") == 0) {
		options->definer = DUMP_DEFINER_KEEP;
		return 0;
	}
	if (strcmp(value, "strip") == 0) {
		options->definer = DUMP_DEFINER_STRIP;
		return 0;
	}
	colon = strchr(value, ':');
	if (!str_starts(value, "map=") || !colon || colon == value + 4 ||
	    !colon[1])
		return err_set(reterr, -EINVAL,
		               "definer: there are keep, strip and "
		               "map=OLD:NEW, no '%s'",
		               value);

	cleanup(freep) char *from =
		strndup(value + 4, (size_t)(colon - value - 4));

	if (!from)
		return err_set(reterr, -ENOMEM, "out of memory");
	options->definer = DUMP_DEFINER_MAP;
	int r = set_text(&options->definer_from, from, reterr);
	return r < 0 ? r : set_text(&options->definer_to, colon + 1, reterr);
}

static int add_where(struct dump_options *options, const char *table,
                     const char *condition, struct err *reterr)
{
	struct dump_where *more = reallocarray(
		options->wheres, options->where_count + 1, sizeof(*more));
	struct dump_where where = {0};

	if (!more)
		return err_set(reterr, -ENOMEM, "out of memory");
	options->wheres = more;
	if (!*table || !condition || !*condition)
		return err_set(reterr, -EINVAL,
		               "where.TABLE=CONDITION: one of them is empty");
	where.table = strdup(table);
	where.condition = strdup(condition);
	if (!where.table || !where.condition) {
		free(where.table);
		free(where.condition);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	more[options->where_count++] = where;
	return 0;
}

/* Words that are neither a switch nor a mere text. */
static int set_other(struct dump_options *options, const char *name,
                     const char *value, struct err *reterr)
{
	if (str_starts(name, "where."))
		return add_where(options, name + 6, value, reterr);
	if (str_starts(name, "mask."))
		return err_set(reterr, -EOPNOTSUPP,
		               "%s: masking is not built yet", name);
	if (!value &&
	    (strcmp(name, "threads") == 0 || strcmp(name, "expires") == 0 ||
	     strcmp(name, "compress") == 0 || strcmp(name, "definer") == 0))
		return err_set(reterr, -EINVAL, "%s: a value is missing", name);
	if (strcmp(name, "threads") == 0)
		return set_threads(options, value, reterr);
	if (strcmp(name, "expires") == 0)
		return set_expires(options, value, reterr);
	if (strcmp(name, "compress") == 0)
		return set_compress(options, value, reterr);
	if (strcmp(name, "definer") == 0)
		return set_definer(options, value, reterr);
	return err_set(reterr, -EINVAL, "an export has no word '%s'", name);
}

int dump_options_set(struct dump_options *options, const char *name,
                     const char *value, struct err *reterr)
{
	cleanup(freep) char *folded = strdup(name);

	if (!folded)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* "where.my_table" keeps its table. */
	for (char *c = folded; *c && *c != '.'; c++)
		if (*c == '_')
			*c = '-';

	for (size_t i = 0; i < COUNT(switches); i++)
		if (strcmp(switches[i].name, folded) == 0)
			return set_switch(
				(bool *)((char *)options + switches[i].offset),
				name, value, reterr);
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (strcmp(texts[i].name, folded) != 0)
			continue;
		if (!value || !*value)
			return err_set(reterr, -EINVAL,
			               "%s: a value is missing", name);
		return set_text((char **)((char *)options + texts[i].offset),
		                value, reterr);
	}
	return set_other(options, folded, value, reterr);
}

int dump_options_check(const struct dump_options *options, struct err *reterr)
{
	if (options->drop_if_exists && options->keep_if_exists)
		return err_set(reterr, -EINVAL,
		               "drop-if-exists and keep-if-exists exclude each "
		               "other");
	if (options->all_databases && options->databases)
		return err_set(reterr, -EINVAL,
		               "all-databases and db exclude each other");
	if (options->no_expiration && options->expires_ms > 0)
		return err_set(reterr, -EINVAL,
		               "expires and no-expiration exclude each other");
	if (!options->schema && !options->data)
		return err_set(reterr, -EINVAL,
		               "schema=off and data=off leave nothing");
	return 0;
}

void dump_options_expiry(const struct dump_options *options, int64_t now_s,
                         uint64_t default_ms, char ret[24])
{
	uint64_t ms = options->expires_ms ? options->expires_ms : default_ms;

	ret[0] = '\0';
	if (options->no_expiration || ms == 0)
		return;
	(void)snprintf(ret, 24, "%" PRId64,
	               now_s + (int64_t)((ms + 999) / 1000));
}

const char *dump_options_content_type(const struct dump_options *options,
                                      const char *key)
{
	enum codec_kind kind = codec_by_name(key);

	if (options->compress == DUMP_COMPRESS_ZSTD)
		kind = CODEC_ZSTD;
	else if (options->compress == DUMP_COMPRESS_GZIP)
		kind = CODEC_GZIP;
	else if (options->compress == DUMP_COMPRESS_NONE)
		kind = CODEC_PLAIN;
	if (kind == CODEC_ZSTD)
		return "application/zstd";
	return kind == CODEC_GZIP ? "application/gzip" : "application/sql";
}
