/* SPDX-License-Identifier: MIT */
/*
 * The head of a CREATE statement, taken apart.
 */
#include "ddl.h"

#include "base/digest.h"

#include <ctype.h>
#include <string.h>

/* Where things are in a statement; NULL = not there. */
struct head {
	const char *definer;     /* "DEFINER" */
	const char *definer_end; /* behind it and its blanks */
	const char *object_end;  /* behind TABLE, VIEW, PACKAGE BODY, ... */
};

/* Behind blanks and comments that hold no code. */
static const char *skip_blanks(const char *at)
{
	for (;;) {
		while (isspace((unsigned char)*at))
			at++;
		if (at[0] == '/' && at[1] == '*' && at[2] != '!' &&
		    at[2] != 'M') {
			const char *end = strstr(at + 2, "*/");

			if (!end)
				return at;
			at = end + 2;
		} else {
			return at;
		}
	}
}

/* Behind word, when text begins with it as a whole word; else NULL. */
static const char *word(const char *at, const char *word)
{
	size_t len = strlen(word);

	if (strncasecmp(at, word, len) != 0 ||
	    isalnum((unsigned char)at[len]) || at[len] == '_')
		return NULL;
	return at + len;
}

/* Behind a name, quoted or not. */
static const char *skip_name(const char *at)
{
	char quote = *at;

	if (quote != '`' && quote != '"' && quote != '\'') {
		while (*at && !isspace((unsigned char)*at) && *at != '@')
			at++;
		return at;
	}
	for (at++; *at; at++) {
		if (*at == quote && at[1] != quote)
			return at + 1;
		if (*at == quote)
			at++;
	}
	return at;
}

/* Behind "= value" or "= user@host". */
static const char *skip_value(const char *at)
{
	at = skip_blanks(at);
	if (*at == '=')
		at = skip_blanks(at + 1);
	at = skip_name(at);
	if (*at == '@')
		at = skip_name(at + 1);
	return at;
}

/* The words that name what is created; the longer first. */
static const char *object_word(const char *at)
{
	static const char *const objects[] = {
		"TABLE",    "VIEW",  "SEQUENCE", "TRIGGER", "PROCEDURE",
		"FUNCTION", "EVENT", "DATABASE", "PACKAGE"};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		const char *end = word(at, objects[i]);

		if (!end)
			continue;

		const char *body = word(skip_blanks(end), "BODY");

		return i == 8 && body ? body : end;
	}
	return NULL;
}

/* Behind one of the words that may stand before the object's; else NULL. */
static const char *modifier(const char *at, struct head *head)
{
	const char *end = word(at, "DEFINER");

	if (end) {
		head->definer = at;
		head->definer_end = skip_blanks(skip_value(end));
		return head->definer_end;
	}
	end = word(at, "ALGORITHM");
	if (end)
		return skip_value(end);
	end = word(at, "SECURITY");
	if (end)
		return skip_name(skip_blanks(end));
	if (!isalpha((unsigned char)*at))
		return NULL;
	return skip_name(at); /* CREATE, OR, REPLACE, SQL, AGGREGATE */
}

static struct head parse(const char *text)
{
	struct head head = {0};
	const char *at = skip_blanks(text);

	for (unsigned words = 0; at && words < 12; words++) {
		head.object_end = object_word(at);
		if (head.object_end)
			return head;
		at = modifier(at, &head);
		if (at)
			at = skip_blanks(at);
	}
	return head;
}

/* A quoted or plain name without its quotes. */
static const char *plain_name(const char *at, struct str *ret)
{
	const char *end = skip_name(at);
	char quote = *at;

	if (quote != '`' && quote != '"' && quote != '\'') {
		str_add_mem(ret, at, (size_t)(end - at));
		return end;
	}
	for (at++; at < end - 1; at++) {
		if (*at == quote)
			at++;
		str_add_char(ret, *at);
	}
	return end;
}

/* Whether the definer is the one the policy maps. */
static bool is_mapped(const char *definer, const char *from)
{
	cleanup(str_release) struct str user = {0};
	const char *at = skip_blanks(definer + strlen("DEFINER"));

	if (*at == '=')
		at = skip_blanks(at + 1);
	at = plain_name(at, &user);
	if (!strchr(from, '@'))
		return strcmp(str_text(&user), from) == 0;
	if (*at == '@') {
		str_add_char(&user, '@');
		(void)plain_name(at + 1, &user);
	}
	return strcmp(str_text(&user), from) == 0;
}

/* A name in quotes that every sql_mode takes for names: backticks. */
static void add_quoted(struct str *out, const char *name, size_t len)
{
	str_add_char(out, '`');
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '`')
			str_add_char(out, '`');
		str_add_char(out, name[i]);
	}
	str_add_char(out, '`');
}

static void add_mapped(struct str *out, const char *to)
{
	const char *host = strrchr(to, '@');
	size_t len = host ? (size_t)(host - to) : strlen(to);

	str_add(out, "DEFINER=");
	add_quoted(out, to, len);
	str_add_char(out, '@');
	add_quoted(out, host ? host + 1 : "%", host ? strlen(host + 1) : 1);
	str_add_char(out, ' ');
}

static void add_definer(struct str *out, const struct head *head,
                        const struct ddl_policy *policy)
{
	if (policy->definer == DDL_DEFINER_STRIP)
		return;
	if (policy->definer == DDL_DEFINER_MAP &&
	    is_mapped(head->definer, policy->map_from))
		add_mapped(out, policy->map_to);
	else
		str_add_mem(out, head->definer,
		            (size_t)(head->definer_end - head->definer));
}

void ddl_add_definer(struct str *out, const char *text,
                     const struct ddl_policy *policy)
{
	struct head head = parse(text);

	if (head.object_end && head.definer)
		add_definer(out, &head, policy);
}

void ddl_add(struct str *out, const char *text, const struct ddl_policy *policy)
{
	struct head head = parse(text);
	const char *at = text;

	if (!head.object_end) {
		str_add(out, text);
		return;
	}
	if (head.definer) {
		str_add_mem(out, at, (size_t)(head.definer - at));
		add_definer(out, &head, policy);
		at = head.definer_end;
	}
	str_add_mem(out, at, (size_t)(head.object_end - at));
	if (policy->if_not_exists && !word(skip_blanks(head.object_end), "IF"))
		str_add(out, " IF NOT EXISTS");
	str_add(out, head.object_end);
}

uint64_t ddl_fingerprint(const char *text)
{
	/* The table's options stand behind the last ") ". */
	const char *options = strstr(text, "\n) ");
	const char *mark = options ? strstr(options, " AUTO_INCREMENT=") : NULL;
	uint64_t hash;

	if (!mark)
		return digest_xxh64(text, strlen(text), 0);

	hash = digest_xxh64(text, (size_t)(mark - text), 0);
	mark += strlen(" AUTO_INCREMENT=");
	while (*mark >= '0' && *mark <= '9')
		mark++;
	return digest_xxh64(mark, strlen(mark), hash);
}
