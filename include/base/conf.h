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
 * The file has sections: [general]; [bucket.NAME], one per bucket, NAME being
 * its directory; [mysql] and [mysql.NAME], database connections; [guard], file
 * patterns with their checkers.  Three buckets need no section: the guide's
 * primary, source and alt-export come to be when their environment name is
 * there (AWS_BUCKET, AWS_SOURCE_BUCKET, EXPORT_ALT_AWS_BUCKET together with
 * EXPORT_ALT_AWS_ENABLED=true) or their section is.  Their directories are
 * called what primary_name, source_name and alt_export_name say.
 *
 * An empty value, and Laravel's null and empty in an environment, are no value.
 *
 * A value that cannot be right stops with file, line, key and what would be
 * right; nothing is ever ignored but environment names that are not ours.  Not
 * thread safe; read-only once loaded.
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
	CONF_CHOICE, /* one of choices; on and off have a bool's other names */
	CONF_PATH,   /* text that must be an absolute path ("~/" allowed) */
	CONF_MODE,   /* octal permission bits */
	CONF_URL, /* a URL or word of choices; a password in it is a secret */
};

enum conf_scope {
	CONF_GENERAL,
	CONF_BUCKET,
	CONF_CONNECTION, /* to a database: [mysql.NAME] */
};

/* What a text must look like beyond its type. */
enum conf_form {
	CONF_FORM_ANY,       /* no control bytes */
	CONF_FORM_DIRECTORY, /* a name in the mount's root */
	CONF_FORM_BUCKET,
	CONF_FORM_PREFIX,   /* of keys: "a/b/" or "a/b", not "/a" */
	CONF_FORM_WORD,     /* visible ASCII without blanks */
	CONF_FORM_ACCOUNT,  /* twelve digits */
	CONF_FORM_BARE_URL, /* without user, query and fragment */
};

enum conf_origin {
	CONF_FROM_DEFAULT,
	CONF_FROM_FILE,
	CONF_FROM_DOTENV,
	CONF_FROM_ENV,
	CONF_FROM_COMMAND_LINE,
};

struct conf_option {
	const char *name;  /* "part_size" */
	const char *group; /* heading above it in print; NULL = the former */
	enum conf_scope scope;
	enum conf_type type;
	enum conf_form form;
	const char *preset;  /* default as text; NULL = none */
	const char *choices; /* CONF_CHOICE: "rw|ro|wo"; CONF_URL: words and
	                        schemes, "aws|http:|file:" */
	uint64_t min;        /* numbers: bytes, ms or count */
	uint64_t max;        /* 0 = no upper limit */

	/*
	 * Names in the environment and in .env, NULL = none.  Alternatives are
	 * separated by '|', the first that has a value wins.  Buckets: three
	 * such groups separated by ',', for primary, source and alt-export.
	 * A general option without names of its own is PORTERFS_NAME.
	 */
	const char *env;
	const char *help; /* one sentence for --help and the manual */
	const char *cost; /* what it costs, for porterfs.conf; may be NULL */
};

/* The table, in the order it is printed. */
extern const struct conf_option conf_options[];
extern const size_t conf_options_count;

/* The option of that name and scope, or NULL. */
const struct conf_option *conf_find(enum conf_scope scope, const char *name);

/* The name in that scope that somebody who wrote name meant, or NULL. */
const char *conf_suggest(enum conf_scope scope, const char *name);

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
/*
 * environ-style array.  Unknown names are not ours and are passed over.
 * Secrets are overwritten in the array's strings, which must be writable, and
 * taken out of it: neither children nor /proc/PID/environ show them.
 */
int conf_load_env(struct conf *conf, char **environment, struct err *reterr);
/*
 * "key=value", "bucket.NAME.key=value", "mysql.NAME.key=value", or a bare
 * boolean "key".  A secret is -EPERM: every user can read a command line.
 * Given twice, the later counts.
 */
int conf_set_command_line(struct conf *conf, const char *text,
                          struct err *reterr);
/*
 * The option by name, general when bucket is NULL, as if from that origin
 * (tests, mount helper, defaults that depend on the mount point).
 */
int conf_set(struct conf *conf, const char *bucket, const char *name,
             const char *value, enum conf_origin origin, struct err *reterr);

/*
 * What single values cannot tell: no bucket at all, a bucket without a bucket,
 * two that write to the same keys, keys that do not belong together, memory
 * too small for the part size, ...  Call once, after all sources.
 */
int conf_check(const struct conf *conf, struct err *reterr);

/*
 * Bucket directories that are enabled, in the order primary, source,
 * alt-export, others.
 */
size_t conf_bucket_count(const struct conf *conf);
const char *conf_bucket_name(const struct conf *conf, size_t index);

/* "AWS_", "AWS_SOURCE_", "EXPORT_ALT_AWS_" for the guide's buckets, or NULL. */
const char *conf_bucket_env_prefix(const struct conf *conf, const char *bucket);

/* The .env file that was loaded (borrowed), or NULL. */
const char *conf_dotenv_path(const struct conf *conf);

/*
 * Values; bucket = NULL for general options, else the directory's name.  The
 * option must exist with that type (assert).  A bucket option that its bucket
 * does not set but that exists as general option too takes the general one.
 * Texts are borrowed from conf; NULL = not set and no default.
 */

/* CONF_TEXT, SECRET, CHOICE, PATH (with its "~" replaced), URL. */
const char *conf_text(const struct conf *conf, const char *bucket,
                      const char *name);
/* CONF_SIZE, DURATION (ms), COUNT, MODE; 0 when not set. */
uint64_t conf_number(const struct conf *conf, const char *bucket,
                     const char *name);
bool conf_bool(const struct conf *conf, const char *bucket, const char *name);

/* Whether it has a value, be it a default. */
bool conf_is_set(const struct conf *conf, const char *bucket, const char *name);

/* Whether the bucket sets it itself, so that it is not [general]'s. */
bool conf_is_own(const struct conf *conf, const char *bucket, const char *name);

/* Where a value came from. */
enum conf_origin conf_origin(const struct conf *conf, const char *bucket,
                             const char *name);
/* For people: "default", "environment AWS_BUCKET", "FILE:12", "-o". */
const char *conf_origin_text(const struct conf *conf, const char *bucket,
                             const char *name);

/*
 * Sections that belong to others: the key of entry index and its value, NULL
 * past the end.  "guard": in the order of the file.  "mysql", "mysql.NAME":
 * what is set (DB_* of the environment is "mysql"), in the table's order.
 */
const char *conf_extra(const struct conf *conf, const char *section,
                       size_t index, const char **ret_value);

/* --print-config, --help's option part, and porterfs.conf with comments. */
void conf_print(const struct conf *conf, struct str *ret);
void conf_print_help(struct str *ret);
void conf_print_template(struct str *ret);

/* The same as conf_print, as one JSON object: {"general":{"log":{"value":"info",
 * "from":"default"},...},"buckets":{NAME:{...}}}; secrets are "set":true. */
int conf_print_json(const struct conf *conf, struct str *ret);

/* Text to values (0, -EINVAL, -ERANGE), for others that take the same units (control commands). */
int conf_parse_size(const char *text, uint64_t *ret);
int conf_parse_duration_ms(const char *text, uint64_t *ret);

#endif
