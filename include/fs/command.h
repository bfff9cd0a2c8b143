/* SPDX-License-Identifier: MIT */
/*
 * Commands of the control tree: one text, as a script writes it (pure).
 *
 *   src=source/img/ dst=primary/img/ include=*.jpg "exclude=a b"
 *   {"src":"source/img/","include":["*.jpg","*.png"],"sync":true}
 *   s3://primary/db/shop.sql --drop-if-exists          the classic form
 *
 * Words are separated by blanks and quoted as in sh: '...' takes everything as
 * it is, "..." knows \" and \\, a backslash takes the next character as it is.
 * key=value is a named value; a word without '=' is a plain one, with the empty
 * key; --name and --name=value are named values whose key keeps its dashes, the
 * first one's value being "1".  JSON is one object: texts, whole numbers, true
 * and false ("1" and "0"), or arrays of these, which give the key several times.
 *
 * A command is at most COMMAND_MAX bytes of UTF-8 without control characters
 * but blanks; a newline at its end is not part of it.
 */
#ifndef PORTER_FS_COMMAND_H
#define PORTER_FS_COMMAND_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_MAX       4096 /* bytes */
#define COMMAND_WORDS_MAX 256

struct command_word {
	char *key;   /* owned; "" = a plain word */
	char *value; /* owned */
};

struct command { /* zeroed = none */
	struct command_word *words;
	size_t count;
};

/*
 * Returns 0, -EMSGSIZE, -EINVAL or -ENOMEM with a story; *ret must be zeroed
 * and is untouched on failure.
 */
int command_parse(const char *text, size_t len, struct command *ret,
                  struct err *reterr);
void command_release(struct command *command);

/* Add a word, copied. 0 or -ENOMEM. */
int command_add(struct command *command, const char *key, const char *value);

/* Append as one JSON object that parses to the same. 0, -ENOMEM, -EINVAL. */
int command_dump(const struct command *command, struct str *ret);

/* ---- what a command may say ---- */

enum command_type {
	COMMAND_TEXT,
	COMMAND_FLAG,     /* 1|0, true|false, yes|no, on|off */
	COMMAND_COUNT,    /* a whole number */
	COMMAND_SIZE,     /* bytes, with K, M, G, T, P */
	COMMAND_DURATION, /* kept in ms; ms, s, m, h, d; a bare number = s */
	COMMAND_MOMENT,   /* a duration before now, or 2026-11-22[T19:55:03Z];
	                     kept as seconds since 1970 */
	COMMAND_CHOICE,
};

struct command_rule {
	const char *key; /* "" = plain words; "where.*" = all that begin so */
	enum command_type type;
	const char *choices; /* COMMAND_CHOICE: "newer|missing|always" */
	uint64_t min;        /* numbers, in the unit kept */
	uint64_t max;        /* 0 = no limit */
	bool needed;
	bool many;        /* may be given more than once */
	bool dashes;      /* "--key" is the same */
	const char *help; /* for README and --help: what it says */
};

/*
 * Hold a command against its rules: 0; -EINVAL for an unknown, missing or
 * repeated key and for what is malformed; -EDOM for a number out of range.
 */
int command_check(const struct command *command,
                  const struct command_rule *rules, size_t count,
                  struct err *reterr);

/* The value of the index-th word of that key; NULL past the last. */
const char *command_text(const struct command *command, const char *key,
                         size_t index);

/*
 * Values of a command that was checked; preset when the key is not there.
 * command_number() knows the type by the rules; now_s is for COMMAND_MOMENT.
 */
bool command_flag(const struct command *command, const char *key);
uint64_t command_number(const struct command *command,
                        const struct command_rule *rule, uint64_t now_s,
                        uint64_t preset);

#endif
