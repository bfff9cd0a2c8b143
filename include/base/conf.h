/* SPDX-License-Identifier: MIT */
/*
 * Configuration: one table of options, and the values that five sources give
 * them.
 *
 * The table (conf_table.c) is the only place that knows an option's name,
 * type, limits, default, environment names, unit and help; the file parser,
 * the .env parser, -o, --help, --print-config, porterfs.conf and the manual
 * page are made from it.  Precedence, highest first: -o, environment, .env
 * file, porterfs.conf, default.
 *
 * General options have one value; bucket options ([bucket.NAME]) have one per
 * bucket.  Four names are known to the table without a section: the guide's
 * buckets "primary", "source" and "alt-export" come to be when any of their
 * environment names (AWS_BUCKET, AWS_SOURCE_BUCKET, EXPORT_ALT_AWS_BUCKET with
 * EXPORT_ALT_AWS_ENABLED=true) or their section is there.
 *
 * A value that cannot be right stops with file, line, key and what would be
 * right; nothing is ever ignored.  Not thread safe; read-only once loaded.
 */
#ifndef PORTER_BASE_CONF_H
#define PORTER_BASE_CONF_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_TEXT,
	CONF_SECRET,   /* text that is never printed and is wiped when freed */
	CONF_BOOL,     /* on|off, also true|false, yes|no, 1|0 */
	CONF_SIZE,     /* bytes with K, M, G, T, P (1024s); "0" */
	CONF_DURATION, /* kept in ms; with ms, s, m, h, d; a bare number = s */
	CONF_COUNT,    /* a whole number */
	CONF_CHOICE,   /* one of choices */
	CONF_PATH,     /* text that must be an absolute path ("~/" allowed) */
	CONF_MODE,     /* octal permission bits */
};

enum conf_scope {
	CONF_GENERAL,
	CONF_BUCKET,
};

enum conf_origin {
	CONF_FROM_DEFAULT,
	CONF_FROM_FILE,
	CONF_FROM_DOTENV,
	CONF_FROM_ENV,
	CONF_FROM_COMMAND_LINE,
};

struct conf_option {
	const char *name; /* "part_size" */
	enum conf_scope scope;
	enum conf_type type;
	const char *preset;  /* default as text; NULL = none */
	const char *choices; /* CONF_CHOICE: "rw|ro|wo" */
	uint64_t min;        /* numbers: bytes, ms or count */
	uint64_t max;        /* 0 = no upper limit */
	const char *env;     /* general: "A,B" names, first wins; bucket: see
	                        conf_table.c; NULL = none */
	const char *help;    /* one sentence for --help and the manual */
	const char *cost;    /* what it costs, for porterfs.conf; may be NULL */
};

/* The table, in the order it is printed. */
extern const struct conf_option conf_options[];
extern const size_t conf_options_count;

/* The option of that name and scope, or NULL. */
const struct conf_option *conf_find(enum conf_scope scope, const char *name);

struct conf; /* all values and where each came from */

int conf_new(struct conf **ret);
void conf_free(struct conf *conf); /* wipes secrets */
DEFINE_CLEANUP(struct conf *, conf_free);

/*
 * The sources.  Each call sets values of its own origin; a value is only
 * replaced by an origin of the same or higher precedence, so the order of the
 * calls does not matter.  All return 0 or -errno with a sentence in reterr
 * ("/etc/porterfs/porterfs.conf:12: part_size: '4M' is too small, ...").
 *
 * A file with secrets (.env always; porterfs.conf when it holds one) must
 * belong to the caller or root and be mode 0600 or stricter, a symlink judged
 * by its target; else -EACCES and the chmod that helps.
 */
int conf_load_file(struct conf *conf, const char *path, struct err *reterr);
int conf_load_dotenv(struct conf *conf, const char *path, struct err *reterr);
/* environ-style array. Unknown names are not ours and are passed over. */
int conf_load_env(struct conf *conf, char **environment, struct err *reterr);
/* "key=value", "bucket.NAME.key=value", or a bare boolean "key". */
int conf_set_command_line(struct conf *conf, const char *text,
                          struct err *reterr);
/* The general option by name, as if from that origin (tests, mount helper). */
int conf_set(struct conf *conf, const char *bucket, const char *name,
             const char *value, enum conf_origin origin, struct err *reterr);

/*
 * What single values cannot tell: bucket names given twice, sse-c without a
 * key file, memory too small for the part size, ...  Call once, after all
 * sources.
 */
int conf_check(const struct conf *conf, struct err *reterr);

/* Bucket directories in the order primary, source, alt-export, others. */
size_t conf_bucket_count(const struct conf *conf);
const char *conf_bucket_name(const struct conf *conf, size_t index);

/*
 * Values; bucket = NULL for general options, else the directory's name.  The
 * option must exist with that type (assert).  A bucket option that its bucket
 * does not set but that exists as general option too takes the general one.
 * Texts are borrowed from conf; NULL = not set and no default.
 */
const char *conf_text(const struct conf *conf, const char *bucket,
                      const char *name);
uint64_t conf_number(const struct conf *conf, const char *bucket,
                     const char *name);
bool conf_bool(const struct conf *conf, const char *bucket, const char *name);

/* Where a value came from: "default", "environment AWS_BUCKET", "file:12". */
const char *conf_origin_text(const struct conf *conf, const char *bucket,
                             const char *name);

/*
 * Further sections that belong to others, such as [guard]: the number of
 * entries and each one. Returns NULL past the end.
 */
const char *conf_extra(const struct conf *conf, const char *section,
                       size_t index, const char **ret_value);

/* --print-config, --help's option part, and porterfs.conf with comments. */
void conf_print(const struct conf *conf, struct str *ret);
void conf_print_help(struct str *ret);
void conf_print_template(struct str *ret);

/* Text to values, for others that take the same units (control commands). */
int conf_parse_size(const char *text, uint64_t *ret);
int conf_parse_duration_ms(const char *text, uint64_t *ret);

#endif
