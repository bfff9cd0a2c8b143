/* SPDX-License-Identifier: MIT */
/* See split_words.h. */
#include "split_words.h"

#include <string.h>
#include <strings.h>

/* A sentence behind the word. */
#define CLIENT "is a command of the mysql client, not SQL; it is not run"

/* None of these begins a statement of SQL, so nothing is lost. */
static const struct {
	const char *word;
	const char *why;
} refused[] = {
	{"charset", CLIENT},
	{"clear", CLIENT},
	{"connect", CLIENT},
	{"copy", "is PostgreSQL's; this is no dump of MySQL or MariaDB"},
	{"edit", CLIENT},
	{"ego", CLIENT},
	{"exit", CLIENT},
	{"go", CLIENT},
	{"nopager", CLIENT},
	{"notee", CLIENT},
	{"nowarning", CLIENT},
	{"pager", CLIENT},
	{"pragma", "is SQLite's; this is no dump of MySQL or MariaDB"},
	{"print", CLIENT},
	{"prompt", CLIENT},
	{"query_attributes", CLIENT},
	{"quit", CLIENT},
	{"rehash", CLIENT},
	{"resetconnection", CLIENT},
	{"sandbox", CLIENT},
	{"source", CLIENT},
	{"status", CLIENT},
	{"system", CLIENT},
	{"tee", CLIENT},
	{"warnings", CLIENT},
};

size_t split_word_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n <= SPLIT_WORD_MAX &&
	       ((text[n] >= 'a' && text[n] <= 'z') ||
	        (text[n] >= 'A' && text[n] <= 'Z') || text[n] == '_'))
		n++;
	return n;
}

static bool same(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && strncasecmp(word, text, len) == 0;
}

bool split_is_delimiter(const char *word, size_t len)
{
	return same("delimiter", word, len);
}

const char *split_refused(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (same(refused[i].word, word, len))
			return refused[i].why;
	}
	return NULL;
}
