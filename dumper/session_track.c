/* SPDX-License-Identifier: MIT */
/*
 * See session_track.h.  A SET is a list of assignments; of each, what stands
 * left tells whether we care, and of what stands right we understand exactly
 * one token.
 */
#include "session_track.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

/* Bits of sql_mode given as a number. */
#define MODE_ANSI_QUOTES          ((uint64_t)4)
#define MODE_NO_BACKSLASH_ESCAPES ((uint64_t)1 << 20)
#define MODE_TEXT_MAX             1024 /* bytes of a list of modes */

/* What an assignment is about. */
enum subject {
	SUBJECT_OTHER,
	SUBJECT_MODE,
	SUBJECT_CHARSET,
	SUBJECT_USER
};

/* The right side of an assignment. */
struct value {
	struct sql_token token; /* the first */
	bool single;            /* and there is no other */
};

static bool same(const char *a, const char *b, size_t len)
{
	return strlen(a) == len && strncasecmp(a, b, len) == 0;
}

/* The two modes that matter, in a list of them or a number. */
static void mode_parse(const char *text, struct sql_dialect *ret)
{
	/* those that are ANSI_QUOTES among other things */
	static const char *const ansi[] = {
		"ANSI_QUOTES", "ANSI",   "DB2",        "MAXDB",
		"MSSQL",       "ORACLE", "POSTGRESQL",
	};
	uint64_t bits;

	ret->ansi_quotes = false;
	ret->no_backslash_escapes = false;
	if (*text && str_to_u64(text, &bits) == 0) {
		ret->ansi_quotes = bits & MODE_ANSI_QUOTES;
		ret->no_backslash_escapes = bits & MODE_NO_BACKSLASH_ESCAPES;
		return;
	}

	while (*text) {
		size_t len = strcspn(text, ",");

		for (size_t i = 0; i < sizeof(ansi) / sizeof(ansi[0]); i++)
			ret->ansi_quotes |= same(ansi[i], text, len);
		ret->no_backslash_escapes |=
			same("NO_BACKSLASH_ESCAPES", text, len);
		text += len + (text[len] == ',');
	}
}

/* Behind @@: the name without its scope. Global ones are not the session's. */
static void strip_scope(struct sql_token *token, bool *global)
{
	static const struct {
		const char *prefix;
		bool global;
	} scopes[] = {
		{"session.", false},
		{"local.", false},
		{"global.", true},
	};

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		size_t len = strlen(scopes[i].prefix);

		if (token->len > len &&
		    strncasecmp(token->text, scopes[i].prefix, len) == 0) {
			token->text += len;
			token->len -= len;
			*global |= scopes[i].global;
			return;
		}
	}
}

/* Whether the name of a system variable is one of ours. */
static enum subject system_subject(const char *name, size_t len)
{
	if (same("sql_mode", name, len))
		return SUBJECT_MODE;
	if (same("character_set_client", name, len))
		return SUBJECT_CHARSET;
	return SUBJECT_OTHER;
}

static struct track_saved *find(struct session_track *t,
                                const struct sql_token *token)
{
	char name[TRACK_NAME_MAX];

	if (!sql_token_copy(token, name, sizeof(name)))
		return NULL;
	for (size_t i = 0; i < t->saved_count; i++) {
		if (strcasecmp(t->saved[i].name, name) == 0)
			return &t->saved[i];
	}
	return NULL;
}

/* A mode or charset assigned from something else than a literal. */
static void from_variable(struct session_track *t, const struct value *v,
                          enum subject subject)
{
	const struct track_saved *saved =
		v->single && v->token.at == 1 ? find(t, &v->token) : NULL;

	if (!saved || saved->is_mode != (subject == SUBJECT_MODE)) {
		t->unsure = true;
		return;
	}
	if (saved->is_mode) {
		t->dialect.ansi_quotes = saved->dialect.ansi_quotes;
		t->dialect.no_backslash_escapes =
			saved->dialect.no_backslash_escapes;
	} else {
		t->dialect.lead = saved->dialect.lead;
	}
	t->unsure |= saved->unsure;
}

static void assign_mode(struct session_track *t, const struct value *v)
{
	char text[MODE_TEXT_MAX];
	bool literal = v->token.type == SQL_STRING ||
	               v->token.type == SQL_NUMBER ||
	               v->token.type == SQL_QUOTED ||
	               (v->token.type == SQL_WORD &&
	                !sql_token_is(&v->token, "DEFAULT"));

	if (v->token.type == SQL_AT)
		from_variable(t, v, SUBJECT_MODE);
	else if (literal && v->single &&
	         sql_token_copy(&v->token, text, sizeof(text)))
		mode_parse(text, &t->dialect);
	else
		t->unsure = true;
}

static void assign_charset(struct session_track *t, const struct value *v)
{
	char name[TRACK_NAME_MAX];

	if (v->token.type == SQL_AT)
		from_variable(t, v, SUBJECT_CHARSET);
	else if (v->single && !sql_token_is(&v->token, "DEFAULT") &&
	         sql_token_copy(&v->token, name, sizeof(name)))
		t->dialect.lead = lead_of(name, strlen(name));
	else
		t->unsure = true;
}

/* SET @name = @@sql_mode, or = @@character_set_client, or = @other. */
static void assign_user(struct session_track *t, const struct sql_token *name,
                        const struct value *v)
{
	struct track_saved *saved = find(t, name);
	struct sql_token right = v->token;
	struct track_saved new = {.dialect = t->dialect, .unsure = t->unsure};
	const struct track_saved *other = NULL;
	bool global = false;
	enum subject subject = SUBJECT_OTHER;

	if (v->single && right.type == SQL_AT && right.at == 2) {
		strip_scope(&right, &global);
		subject = system_subject(right.text, right.len);
	} else if (v->single && right.type == SQL_AT) {
		other = find(t, &right);
	}

	new.is_mode = subject == SUBJECT_MODE;
	new.unsure |= global;
	if (other)
		new = *other;
	if (subject == SUBJECT_OTHER && !other) {
		if (saved) /* holds something else now: forget it */
			*saved = t->saved[--t->saved_count];
		return;
	}
	if (!sql_token_copy(name, new.name, sizeof(new.name)))
		return;
	if (saved)
		*saved = new;
	else if (t->saved_count < TRACK_SAVED)
		t->saved[t->saved_count++] = new;
}

/* The value up to a comma outside of parentheses; token: what follows it. */
static void read_value(struct sql_lexer *l, struct value *ret,
                       struct sql_token *token)
{
	unsigned depth = 0;
	unsigned count = 0;

	while (token->type != SQL_END &&
	       (depth > 0 || !sql_token_mark(token, ','))) {
		if (sql_token_mark(token, '('))
			depth++;
		else if (sql_token_mark(token, ')') && depth > 0)
			depth--;
		if (count++ == 0)
			ret->token = *token;
		sql_lexer_next(l, token);
	}
	ret->single = count == 1;
}

/* NAMES x, CHARACTER SET x, CHARSET x. Returns false when it is none. */
static bool names(struct session_track *t, struct sql_lexer *l,
                  struct sql_token *token)
{
	bool is_names =
		sql_token_is(token, "NAMES") || sql_token_is(token, "CHARSET");
	struct value value = {0};

	if (sql_token_is(token, "CHARACTER")) {
		sql_lexer_next(l, token);
		is_names = sql_token_is(token, "SET");
	}
	if (!is_names)
		return false;

	sql_lexer_next(l, &value.token);
	value.single = true;
	assign_charset(t, &value);
	while (token->type != SQL_END && !sql_token_mark(token, ','))
		sql_lexer_next(l, token); /* COLLATE y */
	return true;
}

/* The left side: what is it about, and is it of this session. */
static enum subject left_side(struct sql_lexer *l, struct sql_token *token,
                              struct sql_token *name, bool *global)
{
	if (sql_token_is(token, "GLOBAL") || sql_token_is(token, "SESSION") ||
	    sql_token_is(token, "LOCAL")) {
		*global = sql_token_is(token, "GLOBAL");
		sql_lexer_next(l, token);
	}
	*name = *token;
	sql_lexer_next(l, token);
	if (name->type == SQL_AT && name->at == 1)
		return SUBJECT_USER;
	if (name->type == SQL_AT)
		strip_scope(name, global);
	return system_subject(name->text, name->len);
}

/* One assignment; token is its first and afterwards the comma or the end. */
static void assignment(struct session_track *t, struct sql_lexer *l,
                       struct sql_token *token)
{
	struct sql_token name;
	struct value value = {0};
	bool global = false;

	if (names(t, l, token))
		return;

	enum subject subject = left_side(l, token, &name, &global);

	if (sql_token_mark(token, ':'))
		sql_lexer_next(l, token);
	if (sql_token_mark(token, '='))
		sql_lexer_next(l, token);
	read_value(l, &value, token);

	if (subject == SUBJECT_USER)
		assign_user(t, &name, &value);
	else if (subject == SUBJECT_MODE && !global)
		assign_mode(t, &value);
	else if (subject == SUBJECT_CHARSET && !global)
		assign_charset(t, &value);
}

void session_track_apply(struct session_track *track, const char *text,
                         size_t len)
{
	struct sql_lexer lexer;
	struct sql_token token;

	sql_lexer_init(&lexer, text, len, &track->dialect);
	sql_lexer_next(&lexer, &token);
	if (!sql_token_is(&token, "SET"))
		return;
	sql_lexer_next(&lexer, &token);
	if (sql_token_is(&token, "STATEMENT")) /* for one statement only */
		return;

	while (token.type != SQL_END) {
		assignment(track, &lexer, &token);
		if (token.type != SQL_END)
			sql_lexer_next(&lexer, &token);
	}
}

void session_track_tell(struct session_track *track, const char *sql_mode,
                        const char *charset)
{
	mode_parse(sql_mode, &track->dialect);
	track->dialect.lead = lead_of(charset, strlen(charset));
	track->unsure = false;
}
