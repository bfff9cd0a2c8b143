/* SPDX-License-Identifier: MIT */
/*
 * Words of one SQL statement, for those who must know a little of what it
 * says.
 *
 * Comments are passed over; executable ones are transparent: what is inside of
 * them is read as if their marks were not there, whatever version they ask
 * for.  Nothing is judged: any bytes give some tokens and an end.
 */
#ifndef PORTER_DUMPER_SQL_TOKEN_H
#define PORTER_DUMPER_SQL_TOKEN_H

#include "lead.h"

#include <stdbool.h>
#include <stddef.h>

/* How the server reads text at the moment. */
struct sql_dialect {
	bool no_backslash_escapes;
	bool ansi_quotes;
	enum lead lead; /* of character_set_client */
};

enum sql_token_type {
	SQL_END,    /* of the statement */
	SQL_WORD,   /* keyword or plain name; bytes above 0x7F are letters */
	SQL_QUOTED, /* name in backticks, or in " under ANSI_QUOTES */
	SQL_STRING, /* in ', or in " */
	SQL_NUMBER, /* begins with a digit or a dot and a digit */
	SQL_AT,     /* @name, @'name', @@name: text is behind the marks */
	SQL_OTHER,  /* one byte of punctuation */
};

/* Borrows the statement's text. */
struct sql_token {
	enum sql_token_type type;
	const char *text; /* with quotes, without @ */
	size_t len;       /* bytes */
	unsigned at;      /* SQL_AT: 1 or 2 */
};

struct sql_lexer {
	const char *next;
	const char *end;
	struct sql_dialect dialect;
};

/* Borrows text until the last token was looked at. */
void sql_lexer_init(struct sql_lexer *lexer, const char *text, size_t len,
                    const struct sql_dialect *dialect);
void sql_lexer_next(struct sql_lexer *lexer, struct sql_token *ret);

/* Whether it is that keyword (upper case), not quoted. */
bool sql_token_is(const struct sql_token *token, const char *word);
/* Whether it is that byte of punctuation. */
bool sql_token_mark(const struct sql_token *token, char c);

/*
 * The token without its quotes: doubled ones once, backslash escapes undone in
 * strings (the quotes and the backslash itself; others lose the backslash).
 * Returns false when it does not fit into size bytes with its NUL, or holds a
 * NUL.
 */
bool sql_token_copy(const struct sql_token *token, char *dst, size_t size);

#endif
