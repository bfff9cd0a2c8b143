/* SPDX-License-Identifier: MIT */
/*
 * Commands: a text to words (blank-separated with sh's quoting, or one JSON
 * object), and words against rules.
 */
#include "fs/command.h"

#include "base/conf.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* ---- words ---- */

void command_release(struct command *command)
{
	if (!command)
		return;
	for (size_t i = 0; i < command->count; i++) {
		free(command->words[i].key);
		free(command->words[i].value);
	}
	free(command->words);
	*command = (struct command){0};
}

int command_add(struct command *command, const char *key, const char *value)
{
	struct command_word *words = reallocarray(
		command->words, command->count + 1, sizeof(*words));

	if (!words)
		return -ENOMEM;
	command->words = words;
	words[command->count].key = strdup(key);
	words[command->count].value = strdup(value);
	if (!words[command->count].key || !words[command->count].value) {
		free(words[command->count].key);
		free(words[command->count].value);
		return -ENOMEM;
	}
	command->count++;
	return 0;
}

/* One finished word: named, plain, or in the classic form. */
static int add_word(struct command *command, char *word, struct err *reterr)
{
	char *equals = strchr(word, '=');
	int r;

	if (command->count == COMMAND_WORDS_MAX)
		return err_set(reterr, -EINVAL, "more than %d words",
		               COMMAND_WORDS_MAX);
	if (str_starts(word, "--") && !equals) {
		r = command_add(command, word, "1");
	} else if (equals && equals != word && !str_starts(word, "s3://")) {
		*equals = '\0';
		r = command_add(command, word, equals + 1);
	} else if (equals == word) {
		return err_set(reterr, -EINVAL, "'%s' has no key before '='",
		               word);
	} else {
		r = command_add(command, "", word);
	}
	return r < 0 ? err_set(reterr, r, "out of memory") : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where a text is being split. */
struct splitter {
	const char *at;
	const char *end;
	struct str word;
};

/* What follows a backslash: outside of quotes, or inside "...". */
static int take_escape(struct splitter *s, bool quoted, struct err *reterr)
{
	if (++s->at == s->end)
		return err_set(reterr, -EINVAL, "a backslash at the end");
	if (quoted && *s->at != '"' && *s->at != '\\')
		str_add_char(&s->word, '\\');
	str_add_char(&s->word, *s->at++);
	return 0;
}

/* A quoted run; at is on the opening quote. */
static int take_quoted(struct splitter *s, struct err *reterr)
{
	char quote = *s->at++;

	while (s->at < s->end && *s->at != quote) {
		if (quote == '"' && *s->at == '\\') {
			int r = take_escape(s, true, reterr);

			if (r < 0)
				return r;
			continue;
		}
		str_add_char(&s->word, *s->at++);
	}
	if (s->at == s->end)
		return err_set(reterr, -EINVAL, "a %c that is not closed",
		               quote);
	s->at++;
	return 0;
}

/* The next word into s->word. 1, 0 = no more, or -EINVAL. */
static int next_word(struct splitter *s, struct err *reterr)
{
	int r = 0;

	while (s->at < s->end && is_blank(*s->at))
		s->at++;
	if (s->at == s->end)
		return 0;
	str_reset(&s->word);
	while (r == 0 && s->at < s->end && !is_blank(*s->at)) {
		if (*s->at == '\'' || *s->at == '"')
			r = take_quoted(s, reterr);
		else if (*s->at == '\\')
			r = take_escape(s, false, reterr);
		else
			str_add_char(&s->word, *s->at++);
	}
	return r < 0 ? r : 1;
}

static int parse_words(const char *text, size_t len, struct command *command,
                       struct err *reterr)
{
	struct splitter s = {.at = text, .end = text + len};
	int r;

	while ((r = next_word(&s, reterr)) > 0) {
		cleanup(freep) char *word = strdup(str_text(&s.word));

		if (!word || str_status(&s.word) < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
		else
			r = add_word(command, word, reterr);
		if (r < 0)
			break;
	}
	str_release(&s.word);
	return r;
}

/* ---- JSON ---- */

/* A text, number or truth as text; NULL: it is none of these. */
static char *json_scalar(const struct jval *value)
{
	struct str text = {0};
	const char *plain = jval_text(value);
	char *dumped;

	if (plain)
		return strdup(plain);
	if (jval_dump(value, &text) < 0) {
		str_release(&text);
		return NULL;
	}
	dumped = str_take(&text);
	if (!dumped || strcmp(dumped, "true") == 0 ||
	    strcmp(dumped, "false") == 0) {
		char *bit = strdup(dumped && dumped[0] == 't' ? "1" : "0");

		free(dumped);
		return bit;
	}
	if (strspn(dumped, "0123456789") != strlen(dumped)) {
		free(dumped);
		return NULL;
	}
	return dumped;
}

static int add_scalar(struct command *command, const char *name,
                      const struct jval *value, struct err *reterr)
{
	cleanup(freep) char *text = json_scalar(value);

	if (!text)
		return err_set(reterr, -EINVAL,
		               "%s: not a text, whole number, true or false",
		               name);
	if (command->count == COMMAND_WORDS_MAX)
		return err_set(reterr, -EINVAL, "more than %d words",
		               COMMAND_WORDS_MAX);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(reterr, -EINVAL,
			               "%s: a control character", name);
	return command_add(command, name, text) < 0
	               ? err_set(reterr, -ENOMEM, "out of memory")
	               : 0;
}

/* One member: a value, or an array of values. */
static int add_member(struct command *command, const char *name,
                      const struct jval *value, struct err *reterr)
{
	size_t count = jval_count(value);
	int r = 0;

	if (count == 0)
		return add_scalar(command, name, value, reterr);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_scalar(command, name, jval_at(value, i), reterr);
	return r;
}

static int parse_json(const char *text, size_t len, struct command *command,
                      struct err *reterr)
{
	cleanup(jval_freep) struct jval *object = NULL;
	const char *name = NULL;
	struct jval *value = NULL;
	void *iter = NULL;
	int r = jval_parse(text, len, &object, reterr);

	while (r == 0 &&
	       (iter = jval_next(object, iter, &name, &value)) != NULL)
		r = add_member(command, name, value, reterr);
	return r;
}

/* ---- the whole ---- */

/* UTF-8 without control characters but blanks and newlines? */
static int check_bytes(const char *text, size_t len, struct err *reterr)
{
	for (size_t i = 0; i < len;) {
		size_t n = str_utf8_char(text + i, len - i);

		if (n == 0)
			return err_set(reterr, -EINVAL, "byte %zu is no UTF-8",
			               i);
		if (((unsigned char)text[i] < 0x20 && !is_blank(text[i])) ||
		    text[i] == 0x7f)
			return err_set(reterr, -EINVAL,
			               "byte %zu is a control character", i);
		i += n;
	}
	return 0;
}

int command_parse(const char *text, size_t len, struct command *ret,
                  struct err *reterr)
{
	struct command command = {0};
	int r;

	if (len > COMMAND_MAX)
		return err_set(reterr, -EMSGSIZE,
		               "a command is at most %d bytes", COMMAND_MAX);
	r = check_bytes(text, len, reterr);
	while (r == 0 && len > 0 && is_blank(text[len - 1]))
		len--;
	if (r == 0 && len > 0 && text[0] == '{')
		r = parse_json(text, len, &command, reterr);
	else if (r == 0)
		r = parse_words(text, len, &command, reterr);
	if (r == 0 && command.count == 0)
		r = err_set(reterr, -EINVAL, "an empty command");
	if (r < 0) {
		command_release(&command);
		return r;
	}
	*ret = command;
	return 0;
}

/* Whether an earlier word has the same key. */
static bool is_repeated(const struct command *command, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(command->words[i].key, command->words[index].key) ==
		    0)
			return true;
	return false;
}

/* All values of a key: one text, or an array. */
static int dump_key(const struct command *command, size_t first,
                    struct jval *object)
{
	const char *key = command->words[first].key;
	cleanup(jval_freep) struct jval *array = NULL;
	int r = 0;

	if (!command_text(command, key, 1))
		return jval_set_text(object, key, command->words[first].value);
	array = jval_new_array();
	if (!array)
		return -ENOMEM;
	for (size_t i = first; r == 0 && i < command->count; i++)
		if (strcmp(command->words[i].key, key) == 0)
			r = jval_append(array,
			                jval_new_text(command->words[i].value));
	return r < 0 ? r : jval_set(object, key, take(&array));
}

int command_dump(const struct command *command, struct str *ret)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < command->count; i++)
		if (!is_repeated(command, i))
			r = dump_key(command, i, object);
	return r < 0 ? r : jval_dump(object, ret);
}

const char *command_text(const struct command *command, const char *key,
                         size_t index)
{
	for (size_t i = 0; i < command->count; i++)
		if (strcmp(command->words[i].key, key) == 0 && index-- == 0)
			return command->words[i].value;
	return NULL;
}
