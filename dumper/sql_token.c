/* SPDX-License-Identifier: MIT */
/* See sql_token.h. */
#include "sql_token.h"

#include <string.h>
#include <strings.h>

void sql_lexer_init(struct sql_lexer *lexer, const char *text, size_t len,
                    const struct sql_dialect *dialect)
{
	*lexer = (struct sql_lexer){
		.next = text, .end = text + len, .dialect = *dialect};
}

static inline size_t left(const struct sql_lexer *l)
{
	return (size_t)(l->end - l->next);
}

/* The byte n further on; 0 behind the end. */
static inline unsigned char peek(const struct sql_lexer *l, size_t n)
{
	return n < left(l) ? (unsigned char)l->next[n] : 0;
}

static inline bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '$' || c >= 0x80;
}

static inline bool is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_line(struct sql_lexer *l)
{
	const char *nl = memchr(l->next, '\n', left(l));

	l->next = nl ? nl + 1 : l->end;
}

/* Behind the end of a comment whose first two bytes were passed. */
static void skip_comment(struct sql_lexer *l)
{
	while (l->next < l->end && (peek(l, 0) != '*' || peek(l, 1) != '/'))
		l->next++;
	l->next += left(l) < 2 ? left(l) : 2;
}

/* The marks of an executable comment and its version. */
static bool skip_exec(struct sql_lexer *l)
{
	size_t n = peek(l, 2) == 'M' ? 3 : 2;

	if (peek(l, n) != '!')
		return false;
	for (n++; is_digit(peek(l, n)); n++)
		;
	l->next += n;
	return true;
}

/* One blank, comment or mark of one. Returns false at a token or the end. */
static bool skip_one(struct sql_lexer *l)
{
	unsigned char c = peek(l, 0);

	if (l->next == l->end)
		return false;
	if (is_blank(c)) {
		l->next++;
		return true;
	}
	if (c == '#' || (c == '-' && peek(l, 1) == '-' && peek(l, 2) <= ' ')) {
		skip_line(l);
		return true;
	}
	if (c == '*' && peek(l, 1) == '/') { /* ends an executable one */
		l->next += 2;
		return true;
	}
	if (c == '/' && peek(l, 1) == '*') {
		if (!skip_exec(l)) {
			l->next += 2;
			skip_comment(l);
		}
		return true;
	}
	return false;
}

/* One character of more bytes in the statement's character set, else one. */
static size_t step(const struct sql_lexer *l)
{
	size_t n =
		lead_char(l->dialect.lead, (const uint8_t *)l->next, left(l));

	return n > 0 ? n : 1;
}

/* Behind the closing quote, from behind the opening one. */
static void skip_quoted(struct sql_lexer *l, unsigned char quote, bool escapes)
{
	while (l->next < l->end) {
		unsigned char c = peek(l, 0);

		if (c == quote && peek(l, 1) != quote) {
			l->next++;
			return;
		}
		if (c == quote || (c == '\\' && escapes))
			l->next += left(l) < 2 ? left(l) : 2;
		else
			l->next += step(l);
	}
}

/* A token in quotes. */
static enum sql_token_type quoted(struct sql_lexer *l, unsigned char quote)
{
	bool name = quote == '`' || (quote == '"' && l->dialect.ansi_quotes);

	l->next++;
	skip_quoted(l, quote, !name && !l->dialect.no_backslash_escapes);
	return name ? SQL_QUOTED : SQL_STRING;
}

static void skip_word(struct sql_lexer *l)
{
	while (l->next < l->end &&
	       (is_letter(peek(l, 0)) || is_digit(peek(l, 0))))
		l->next += step(l);
}

/* @name or @@name; a name may have dots in it, or quotes around it. */
static void variable(struct sql_lexer *l, struct sql_token *ret)
{
	ret->at = peek(l, 1) == '@' ? 2 : 1;
	l->next += ret->at;
	ret->text = l->next;

	unsigned char c = peek(l, 0);

	if (c == '`' || c == '\'' || c == '"') {
		(void)quoted(l, c);
		return;
	}
	while (l->next < l->end && (is_letter(peek(l, 0)) ||
	                            is_digit(peek(l, 0)) || peek(l, 0) == '.'))
		l->next += step(l);
}

void sql_lexer_next(struct sql_lexer *l, struct sql_token *ret)
{
	while (skip_one(l))
		;

	unsigned char c = peek(l, 0);

	*ret = (struct sql_token){.text = l->next};
	if (l->next == l->end) {
		ret->type = SQL_END;
	} else if (c == '`' || c == '\'' || c == '"') {
		ret->type = quoted(l, c);
	} else if (c == '@') {
		ret->type = SQL_AT;
		variable(l, ret);
	} else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
		ret->type = SQL_NUMBER;
		l->next++;
		while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)) ||
		       peek(l, 0) == '.')
			l->next++;
	} else if (is_letter(c)) {
		ret->type = SQL_WORD;
		skip_word(l);
	} else {
		ret->type = SQL_OTHER;
		l->next++;
	}
	ret->len = (size_t)(l->next - ret->text);
}

bool sql_token_is(const struct sql_token *token, const char *word)
{
	return token->type == SQL_WORD && strlen(word) == token->len &&
	       strncasecmp(token->text, word, token->len) == 0;
}

bool sql_token_mark(const struct sql_token *token, char c)
{
	return token->type == SQL_OTHER && token->text[0] == c;
}

bool sql_token_copy(const struct sql_token *token, char *dst, size_t size)
{
	const char *p = token->text;
	const char *end = p + token->len;
	char quote = 0;
	size_t n = 0;

	if (p < end && (*p == '`' || *p == '\'' || *p == '"')) {
		quote = *p++;
		end -= end > p && end[-1] == quote;
	}

	for (; p < end; p++) {
		bool doubled = *p == quote && quote && p + 1 < end;
		bool escape = *p == '\\' && token->type == SQL_STRING;

		if (doubled || (escape && p + 1 < end))
			p++;
		if (*p == '\0' || n + 1 >= size)
			return false;
		dst[n++] = *p;
	}
	if (size == 0)
		return false;
	dst[n] = '\0';
	return true;
}
