/* SPDX-License-Identifier: MIT */
/*
 * Names, texts and comments as SQL has them (pure).
 *
 * What is written here is read by servers with sql_mode = '' or
 * 'NO_AUTO_VALUE_ON_ZERO': backticks quote names, backslashes escape.
 */
#ifndef PORTER_DUMPER_SQL_NAME_H
#define PORTER_DUMPER_SQL_NAME_H

#include "base/str.h"

#include <stdbool.h>

/* `name`, its backticks doubled. */
void sql_add_name(struct str *s, const char *name);

/* `db`.`name`; `name` alone when db is NULL. */
void sql_add_table(struct str *s, const char *db, const char *name);

/* 'text' with quotes, backslashes, NUL, newlines escaped. */
void sql_add_text(struct str *s, const char *text);

/*
 * Text inside a comment that began with "-- ": every newline in it is followed
 * by another "-- ", so that nothing of it is ever a statement.
 */
void sql_add_comment(struct str *s, const char *text);

#define SQL_DELIMITER_MAX 16 /* bytes with NUL */

/*
 * A delimiter that is nowhere in body: ";;", "$$", "//", else "//N//".  The
 * client looks for it everywhere but in what it takes for quotes.  It goes on a
 * line of its own, behind a last comment or half a delimiter of the body.
 */
void sql_delimiter(const char *body, char ret[SQL_DELIMITER_MAX]);

/*
 * The next of a list "a,`b,c`,!d*" into ret: names may be backtick-quoted, then
 * nothing in them is a pattern.  Returns what is behind it, or NULL at the end;
 * *ret_quoted tells whether it was quoted.  An unclosed backtick is a letter.
 */
const char *sql_next_name(const char *list, struct str *ret, bool *ret_quoted);

#endif
