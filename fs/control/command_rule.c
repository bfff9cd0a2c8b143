/* SPDX-License-Identifier: MIT */
/* What a command may say: its words against the rules of its node or job. */
#include "base/conf.h"
#include "fs/command.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* 1, 0, or -EINVAL. */
static int parse_flag(const char *text)
{
	static const char *const words[] = {"0",  "1",   "false", "true",
	                                    "no", "yes", "off",   "on"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return (int)(i & 1);
	return -EINVAL;
}

/* "2026-11-22" or "2026-11-22T19:55:03Z" as seconds since 1970. */
static int parse_date(const char *text, uint64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t t;

	if (end && *end == 'T')
		end = strptime(end, "T%H:%M:%SZ", &tm);
	if (!end || *end)
		return -EINVAL;
	t = timegm(&tm);
	if (t < 0)
		return -ERANGE;
	*ret = (uint64_t)t;
	return 0;
}

/* A duration before now, or a date. */
static int parse_moment(const char *text, uint64_t now_s, uint64_t *ret)
{
	uint64_t ms;
	int r = conf_parse_duration_ms(text, &ms);

	if (r == -EINVAL)
		return parse_date(text, ret);
	if (r == 0)
		*ret = ms / 1000 < now_s ? now_s - ms / 1000 : 0;
	return r;
}

/* Whether value is one of "a|b|c". */
static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = choices; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (strncmp(p, value, len) == 0 && len > 0 &&
		    (p[len] == '|' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* The value as a number where its type has one. */
static int parse_value(const struct command_rule *rule, const char *text,
                       uint64_t now_s, uint64_t *ret)
{
	int flag;

	*ret = 0;
	switch (rule->type) {
	case COMMAND_TEXT:
		return 0;
	case COMMAND_FLAG:
		flag = parse_flag(text);
		*ret = flag > 0;
		return flag < 0 ? flag : 0;
	case COMMAND_COUNT:
		return str_to_u64(text, ret);
	case COMMAND_SIZE:
		return conf_parse_size(text, ret);
	case COMMAND_DURATION:
		return conf_parse_duration_ms(text, ret);
	case COMMAND_MOMENT:
		return parse_moment(text, now_s, ret);
	case COMMAND_CHOICE:
		return is_choice(rule->choices, text) ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* What would be right, for a sentence. */
static const char *wanted(const struct command_rule *rule)
{
	static const char *const texts[] = {
		[COMMAND_TEXT] = "a text",
		[COMMAND_FLAG] = "1 or 0",
		[COMMAND_COUNT] = "a whole number",
		[COMMAND_SIZE] = "a size such as 8M",
		[COMMAND_DURATION] = "a duration such as 90s or 2h",
		[COMMAND_MOMENT] =
			"a duration before now or 2026-11-22T19:55:03Z",
		[COMMAND_CHOICE] = "a choice",
	};

	return rule->choices ? rule->choices : texts[rule->type];
}

/* One word against its rule. */
static int check_word(const struct command_word *word,
                      const struct command_rule *rule, struct err *reterr)
{
	const char *name = word->key[0] ? word->key : "word";
	bool is_number = rule->type != COMMAND_TEXT &&
	                 rule->type != COMMAND_CHOICE &&
	                 rule->type != COMMAND_FLAG;
	uint64_t n;
	int r = parse_value(rule, word->value, UINT32_MAX, &n);

	if (r == -ERANGE)
		return err_set(reterr, -EDOM, "%s='%s' is out of range", name,
		               word->value);
	if (r < 0)
		return err_set(reterr, -EINVAL, "%s='%s' is not %s", name,
		               word->value, wanted(rule));
	if (is_number && (n < rule->min || (rule->max && n > rule->max)))
		return err_set(reterr, -EDOM, "%s='%s' is out of range", name,
		               word->value);
	if (rule->needed && !word->value[0])
		return err_set(reterr, -EINVAL, "%s is empty", name);
	return 0;
}

/* Whether a rule is about the key. */
static bool is_about(const struct command_rule *rule, const char *key)
{
	size_t len = strlen(rule->key);

	if (rule->dashes && str_starts(key, "--"))
		key += 2;
	if (len > 0 && rule->key[len - 1] == '*')
		return strncmp(rule->key, key, len - 1) == 0;
	return strcmp(rule->key, key) == 0;
}

static const struct command_rule *find_rule(const struct command_rule *rules,
                                            size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (is_about(&rules[i], key))
			return &rules[i];
	return NULL;
}

/* Every word has a rule, and only those that may are there twice. */
static int check_words(const struct command *command,
                       const struct command_rule *rules, size_t count,
                       struct err *reterr)
{
	for (size_t i = 0; i < command->count; i++) {
		const struct command_word *word = &command->words[i];
		const struct command_rule *rule =
			find_rule(rules, count, word->key);
		int r;

		if (!rule && word->key[0])
			return err_set(reterr, -EINVAL, "there is no key '%s'",
			               word->key);
		if (!rule)
			return err_set(reterr, -EINVAL, "'%s' is no key=value",
			               word->value);
		if (!rule->many && command_text(command, word->key, 1))
			return err_set(reterr, -EINVAL, "'%s' is given twice",
			               word->key[0] ? word->key
			                            : "the plain word");
		r = check_word(word, rule, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int command_check(const struct command *command,
                  const struct command_rule *rules, size_t count,
                  struct err *reterr)
{
	int r = check_words(command, rules, count, reterr);

	for (size_t i = 0; r == 0 && i < count; i++)
		if (rules[i].needed && !command_text(command, rules[i].key, 0))
			r = err_set(reterr, -EINVAL, "'%s' is missing",
			            rules[i].key[0] ? rules[i].key
			                            : rules[i].help);
	return r;
}

bool command_flag(const struct command *command, const char *key)
{
	const char *text = command_text(command, key, 0);

	return text && parse_flag(text) > 0;
}

uint64_t command_number(const struct command *command,
                        const struct command_rule *rule, uint64_t now_s,
                        uint64_t preset)
{
	const char *text = command_text(command, rule->key, 0);
	uint64_t n;

	if (!text || parse_value(rule, text, now_s, &n) < 0)
		return preset;
	return n;
}
