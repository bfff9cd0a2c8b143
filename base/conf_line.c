/* SPDX-License-Identifier: MIT */
/* What the command line sets: -o key=value. */
#include "conf_values.h"

#include <string.h>

/* A word of -o, taken apart: [SECTION.NAME.]KEY[=VALUE]. */
struct word {
	enum conf_scope scope;
	char *name;        /* owned: bucket or connection, "" = none */
	char *key;         /* owned: the option's name */
	const char *value; /* NULL: there was no '=' */
};

static void word_release(struct word *word)
{
	free(word->name);
	free(word->key);
}

/* "bucket.NAME.KEY": the last dot ends the name, which may have dots. */
static int split_word(const char *text, struct word *ret)
{
	size_t len = strcspn(text, "=");
	const char *key = text;
	const char *name = text;
	struct word word = {.scope = CONF_GENERAL};

	if (str_starts(text, "bucket."))
		word.scope = CONF_BUCKET;
	else if (str_starts(text, "mysql."))
		word.scope = CONF_CONNECTION;

	if (word.scope != CONF_GENERAL) {
		const char *dot = memrchr(text, '.', len);

		name = strchr(text, '.') + 1;
		key = dot + 1;
		word.name = dot < name ? strdup("")
		                       : strndup(name, (size_t)(dot - name));
	} else {
		word.name = strdup("");
	}
	word.key = strndup(key, len - (size_t)(key - text));
	word.value = text[len] == '=' ? text + len + 1 : NULL;

	if (!word.name || !word.key) {
		word_release(&word);
		return -ENOMEM;
	}
	*ret = word;
	return 0;
}

/* What must not come this way, and what is missing. */
static int check_word(const struct word *word, const struct conf_option *option,
                      const struct conf_from *from, struct err *reterr)
{
	if (conf_is_secret(option, word->value ? word->value : ""))
		return err_set(reterr, -EPERM,
		               "%s: %s: a secret is refused on the command "
		               "line, where every user can read it: put it "
		               "into the environment, a .env file or "
		               "porterfs.conf",
		               from->where, from->key);

	if (!word->value && option->type != CONF_BOOL)
		return err_set(reterr, -EINVAL,
		               "%s: %s: the value is missing, write %s=%s",
		               from->where, from->key, from->key,
		               option->preset ? option->preset : "VALUE");

	if (word->scope == CONF_BUCKET && !*word->name)
		return err_set(reterr, -EINVAL,
		               "%s: %s: the bucket's directory is missing, "
		               "write bucket.NAME.%s",
		               from->where, from->key, from->key);
	if (conf_check_form(CONF_FORM_DIRECTORY, word->name, reterr) < 0) {
		if (reterr)
			(void)err_wrap(reterr, "%s: %s", from->where,
			               from->key);
		return -EINVAL;
	}
	return 0;
}

int conf_set_command_line(struct conf *conf, const char *text,
                          struct err *reterr)
{
	cleanup(word_release) struct word word = {0};
	struct conf_section *section;
	int r = split_word(text, &word);

	if (r < 0)
		return err_set(reterr, r, "-o: out of memory");

	const struct conf_from from = {CONF_FROM_COMMAND_LINE, 0, "-o",
	                               word.key};
	const struct conf_option *option = conf_find(word.scope, word.key);

	if (!*word.key)
		return err_set(reterr, -EINVAL,
		               "-o: the key is missing, write key=value");
	if (!option)
		return conf_unknown_key(word.scope, &from, reterr);

	r = check_word(&word, option, &from, reterr);
	if (r < 0)
		return r;
	if (conf_section_get(conf, word.scope, word.name, &section) < 0)
		return err_set(reterr, -ENOMEM, "-o: out of memory");
	return conf_put(section, option, word.value ? word.value : "on", &from,
	                reterr);
}
