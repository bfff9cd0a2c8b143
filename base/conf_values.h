/* SPDX-License-Identifier: MIT */
/*
 * Inside struct conf: sections of values, one value per row of the table.
 *
 *   sections[0]     [general]
 *   sections[1..3]  what the environment says of primary, source, alt-export
 *   sections[4]     [mysql], also DB_* of the environment
 *   sections[5..]   [bucket.NAME] and [mysql.NAME] as they come
 *
 * A bucket of the guide may have two sections: the environment's and its own.
 * They meet when a value is asked for, as only then it is known which name the
 * directory has; the value of higher precedence wins.
 */
#ifndef PORTER_BASE_CONF_VALUES_H
#define PORTER_BASE_CONF_VALUES_H

#include "base/conf.h"

#define CONF_VALUE_MAX ((size_t)16 << 10) /* bytes of a value, without NUL */
#define CONF_ROLES     3                  /* primary, source, alt-export */

enum {
	CONF_SECTION_GENERAL = 0,
	CONF_SECTION_ROLE = 1, /* the first of CONF_ROLES */
	CONF_SECTION_MYSQL = 4,
};

struct conf_value {
	char *text;      /* owned, wiped; NULL = not set */
	uint64_t number; /* bytes, ms, count, bits, or 0 and 1 */
	enum conf_origin origin;
	unsigned load; /* the call that set it: tells duplicates */
	char *where;   /* owned, for people; NULL = default */
};

struct conf_section {
	enum conf_scope scope;
	char *name;    /* owned: directory or connection; "" without one */
	bool declared; /* by the file or -o: a bucket even without env */
	unsigned load; /* the call whose file has its header */
	char *where;   /* owned: that header's place */
	struct conf_value *values; /* owned: conf_options_count */
};

/* A line of [guard]. */
struct conf_guard {
	char *pattern; /* all owned */
	char *checker;
	char *where;
};

struct conf {
	struct conf_section **sections; /* owned, as are its items */
	size_t count;
	struct conf_guard *guards; /* owned */
	size_t guard_count;
	char *dotenv_path; /* owned; NULL = none was loaded */
	unsigned loads;    /* calls that set values so far */
};

/* Who sets a value, for precedence, duplicates and messages. */
struct conf_from {
	enum conf_origin origin;
	unsigned load;     /* 0: never a duplicate */
	const char *where; /* "FILE:12", "environment", "-o" */
	const char *key;   /* as that source calls it */
};

/* ---- conf_values.c ---- */

/* The section of that name, or NULL. */
struct conf_section *conf_section_find(const struct conf *conf,
                                       enum conf_scope scope, const char *name);

/* The same, made when it is not there. Returns 0, -ENOMEM. */
int conf_section_get(struct conf *conf, enum conf_scope scope, const char *name,
                     struct conf_section **ret);

/*
 * Check text and set it, unless a source of higher precedence was here.  An
 * empty text is no value.  Errors begin with "WHERE: KEY: ".
 */
int conf_put(struct conf_section *section, const struct conf_option *option,
             const char *text, const struct conf_from *from,
             struct err *reterr);

/*
 * The value that counts: the bucket's (of both its sections), else the general
 * one of that name.  Never NULL; text is NULL when it is not set anywhere.
 */
const struct conf_value *conf_effective(const struct conf *conf,
                                        const char *bucket, const char *name);

/* The bucket's own, without the general one; NULL when not set. */
const struct conf_value *conf_own(const struct conf *conf, const char *bucket,
                                  const char *name);

/* The directory's name of a role (0..2), and the role of a name or -1. */
const char *conf_role_name(const struct conf *conf, unsigned role);
int conf_role(const struct conf *conf, const char *bucket);

/* "there is no such key, did you mean 'x'": for the place of that scope. */
int conf_unknown_key(enum conf_scope scope, const struct conf_from *from,
                     struct err *reterr);

void conf_wipe_free(char *text);

/* ---- conf_parse.c ---- */

/*
 * Check text against option's type, limits and form.  Returns 0 with the text
 * to keep (owned) and its number, or -EINVAL, -ERANGE, -E2BIG, -ENOMEM with a
 * sentence that never shows a secret.
 */
int conf_parse(const struct conf_option *option, const char *text,
               char **ret_text, uint64_t *ret_number, struct err *reterr);

/* Whether this value must not be seen: a secret, a URL with a password. */
bool conf_is_secret(const struct conf_option *option, const char *text);

/* ASCII only, whatever the locale. */
char conf_upper(char c);

/* 8388608 as "8M", 300000 as "5m": the largest unit without a rest. */
void conf_format_size(struct str *s, uint64_t size);
void conf_format_duration(struct str *s, uint64_t ms);
/* By the option's type. */
void conf_format(struct str *s, const struct conf_option *option,
                 uint64_t number);

/* Is word one of "a|b|c"? A word that ends with ':' matches its scheme. */
bool conf_in_choices(const char *choices, const char *word, size_t len);

/* ---- conf_form.c ---- */

/* Is text of that form? 0, or -EINVAL with what would be right. */
int conf_check_form(enum conf_form form, const char *text, struct err *reterr);

/* Is it a word of the option's choices, or a URL with one of its schemes? */
int conf_check_url(const struct conf_option *option, const char *text,
                   struct err *reterr);

/* ---- conf.c ---- */

/* conf_load_file() without the file; private: may it hold secrets? */
struct conf_file;
int conf_load_text(struct conf *conf, const char *path,
                   const struct conf_file *file, struct err *reterr);

#endif
