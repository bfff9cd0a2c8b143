/* SPDX-License-Identifier: MIT */
/*
 * Rules are parsed word by word into a table of structs; matching walks the
 * table once per request.
 */
#include "s3peer_rule.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

enum trigger {
	ALWAYS,
	NTH,
	EVERY,
	PROBABLY,
};

struct rule {
	unsigned verb;  /* PEER_VERBS = all */
	char glob[256]; /* "" = all keys */
	enum trigger trigger;
	uint64_t n;         /* NTH, EVERY */
	double probability; /* PROBABLY */
	uint64_t times;     /* left; UINT64_MAX = without end */
	uint64_t seen;
	bool phase_given;
	struct peer_fault fault;
};

struct peer_rules {
	struct rule *items;
	size_t count;
	uint64_t random; /* state of the generator */
};

static const char *const phase_names[PEER_PHASES] = {
	[PEER_BEFORE] = "before",
	[PEER_MID_REQUEST] = "mid-request",
	[PEER_AFTER_COMMIT] = "after-commit",
	[PEER_MID_REPLY] = "mid-reply",
};

#define BIT(phase) (1U << (phase))
#define ALL_PHASES 0xfU

/* What an action needs, and where it can happen. */
static const struct action {
	const char *name;
	enum peer_phase usual;
	unsigned phases; /* bits */
	bool number;     /* wants a number behind the colon */
} actions[] = {
	[PEER_NOTHING] = {"nothing", PEER_BEFORE, 0, false},
	[PEER_STATUS] = {"status", PEER_BEFORE,
                         ALL_PHASES & ~BIT(PEER_MID_REPLY), true},
	[PEER_RESET] = {"reset", PEER_BEFORE, ALL_PHASES, false},
	[PEER_STALL] = {"stall", PEER_BEFORE, ALL_PHASES, false},
	[PEER_CUT] = {"cut", PEER_MID_REPLY, ALL_PHASES, false},
	[PEER_DELAY] = {"delay", PEER_BEFORE, ALL_PHASES, true},
	[PEER_DRIP] = {"drip", PEER_MID_REPLY,
                       BIT(PEER_MID_REPLY) | BIT(PEER_MID_REQUEST), true},
	[PEER_CUT_MATCHING_LENGTH] = {"cut-matching-length", PEER_MID_REPLY,
                                      BIT(PEER_MID_REPLY), false},
	[PEER_FLIP] = {"flip", PEER_MID_REPLY,
                       BIT(PEER_MID_REPLY) | BIT(PEER_MID_REQUEST), false},
	[PEER_WRONG_ETAG] = {"wrong-etag", PEER_AFTER_COMMIT,
                             BIT(PEER_AFTER_COMMIT), false},
	[PEER_OK_WITH_ERROR_BODY] = {"ok-with-error-body", PEER_BEFORE,
                                     BIT(PEER_BEFORE) | BIT(PEER_AFTER_COMMIT),
                                     false},
	[PEER_JUNK] = {"junk", PEER_AFTER_COMMIT,
                       BIT(PEER_AFTER_COMMIT) | BIT(PEER_MID_REPLY), false},
	[PEER_REDIRECT] = {"redirect", PEER_BEFORE,
                           BIT(PEER_BEFORE) | BIT(PEER_AFTER_COMMIT), false},
	[PEER_LOSE_REPLY] = {"lose-reply", PEER_AFTER_COMMIT,
                             BIT(PEER_AFTER_COMMIT), false},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

const char *peer_verb_name(unsigned verb)
{
	assert(verb < PEER_VERBS);
	if (verb == PEER_VERB_OTHER)
		return "OTHER";
	return store_verb_name((enum store_verb)verb);
}

const char *peer_phase_name(enum peer_phase phase)
{
	return phase_names[phase];
}

const char *peer_action_name(enum peer_action action)
{
	return actions[action].name;
}

/* "PUT:logs/?*" or "*" */
static int parse_request(struct rule *rule, char *value, struct err *reterr)
{
	char *colon = strchr(value, ':');

	if (colon) {
		*colon = '\0';
		if (!str_copy(rule->glob, sizeof(rule->glob), colon + 1))
			return err_set(reterr, -EINVAL, "the glob is too long");
	}
	rule->verb = PEER_VERBS;
	if (strcmp(value, "*") == 0)
		return 0;

	for (unsigned verb = 0; verb < PEER_VERBS; verb++) {
		if (strcmp(value, peer_verb_name(verb)) == 0) {
			rule->verb = verb;
			return 0;
		}
	}
	return err_set(reterr, -EINVAL,
	               "request '%s' is none of HEAD GET PUT COPY ... or *",
	               value);
}

static int parse_count(const char *value, const char *what, uint64_t *ret,
                       struct err *reterr)
{
	uint64_t n = 0;

	if (str_to_u64(value, &n) < 0 || n == 0)
		return err_set(reterr, -EINVAL, "%s '%s' is no number above 0",
		               what, value);
	*ret = n;
	return 0;
}

static int parse_probability(struct rule *rule, const char *value,
                             struct err *reterr)
{
	char *end = NULL;

	rule->trigger = PROBABLY;
	rule->probability = strtod(value, &end);
	if (end == value || *end || !(rule->probability >= 0) ||
	    rule->probability > 1)
		return err_set(reterr, -EINVAL,
		               "probability '%s' is not in 0 ... 1", value);
	return 0;
}

static int parse_phase(struct rule *rule, const char *value, struct err *reterr)
{
	for (unsigned i = 0; i < PEER_PHASES; i++) {
		if (strcmp(value, phase_names[i]) == 0) {
			rule->fault.phase = (enum peer_phase)i;
			rule->phase_given = true;
			return 0;
		}
	}
	return err_set(reterr, -EINVAL,
	               "phase '%s' is none of before mid-request after-commit "
	               "mid-reply",
	               value);
}

/* What stands behind the action's colon: "503", "503:SlowDown", a URL. */
static int parse_value(struct peer_fault *fault, char *value,
                       struct err *reterr)
{
	const struct action *action = &actions[fault->action];
	char *text = value;

	if (action->number) {
		char *colon = value ? strchr(value, ':') : NULL;

		text = NULL;
		if (colon && fault->action == PEER_STATUS) {
			*colon = '\0';
			text = colon + 1;
		}
		if (!value || str_to_u64(value, &fault->number) < 0 ||
		    fault->number == 0)
			return err_set(reterr, -EINVAL,
			               "action %s wants a number above 0",
			               action->name);
		if (fault->action == PEER_STATUS &&
		    (fault->number < 200 || fault->number > 599))
			return err_set(reterr, -EINVAL,
			               "a status is in 200 ... 599");
	} else if ((value != NULL) != (fault->action == PEER_REDIRECT)) {
		return err_set(reterr, -EINVAL, "action %s %s", action->name,
		               value ? "takes no value" : "wants a URL");
	}
	if (text && !str_copy(fault->text, sizeof(fault->text), text))
		return err_set(reterr, -EINVAL, "the value of %s is too long",
		               action->name);
	return 0;
}

static int parse_action(struct rule *rule, char *value, struct err *reterr)
{
	char *colon = strchr(value, ':');

	if (colon)
		*colon = '\0';

	for (unsigned i = PEER_NOTHING + 1; i < ACTIONS; i++) {
		if (strcmp(value, actions[i].name) == 0) {
			rule->fault.action = (enum peer_action)i;
			return parse_value(&rule->fault,
			                   colon ? colon + 1 : NULL, reterr);
		}
	}
	return err_set(reterr, -EINVAL, "there is no action '%s'", value);
}

/* One "name=value". */
static int parse_word(struct rule *rule, char *word, struct err *reterr)
{
	char *value = strchr(word, '=');

	if (!value)
		return err_set(reterr, -EINVAL, "'%s' is not name=value", word);
	*value++ = '\0';

	if (strcmp(word, "request") == 0)
		return parse_request(rule, value, reterr);
	if (strcmp(word, "phase") == 0)
		return parse_phase(rule, value, reterr);
	if (strcmp(word, "action") == 0)
		return parse_action(rule, value, reterr);
	if (strcmp(word, "probability") == 0)
		return parse_probability(rule, value, reterr);
	if (strcmp(word, "times") == 0)
		return parse_count(value, word, &rule->times, reterr);
	if (strcmp(word, "nth") == 0) {
		rule->trigger = NTH;
		return parse_count(value, word, &rule->n, reterr);
	}
	if (strcmp(word, "every") == 0) {
		rule->trigger = EVERY;
		return parse_count(value, word, &rule->n, reterr);
	}
	return err_set(reterr, -EINVAL, "there is no '%s='", word);
}

/* Whether the words of a line make sense together. */
static int check_rule(struct rule *rule, struct err *reterr)
{
	const struct action *action = &actions[rule->fault.action];

	if (rule->fault.action == PEER_NOTHING)
		return err_set(reterr, -EINVAL, "action= is missing");
	if (!rule->phase_given)
		rule->fault.phase = action->usual;
	if (!(action->phases & BIT(rule->fault.phase)))
		return err_set(reterr, -EINVAL,
		               "%s does not go with phase %s; right would be "
		               "phase=%s",
		               action->name, phase_names[rule->fault.phase],
		               phase_names[action->usual]);
	return 0;
}

/* One line without its newline; it is cut into pieces. 1 = a rule, 0 = none. */
static int parse_line(struct rule *rule, char *line, struct err *reterr)
{
	unsigned words = 0;
	char *rest = line;

	*rule = (struct rule){.verb = PEER_VERBS, .times = UINT64_MAX};
	line[strcspn(line, "#")] = '\0';
	for (char *word; (word = strsep(&rest, " \t\r")) != NULL;) {
		if (!*word)
			continue;

		int r = parse_word(rule, word, reterr);

		if (r < 0)
			return r;
		words++;
	}
	if (words == 0)
		return 0;

	int r = check_rule(rule, reterr);

	return r < 0 ? r : 1;
}

static int add_rule(struct peer_rules *rules, const struct rule *rule)
{
	struct rule *items =
		reallocarray(rules->items, rules->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	rules->items = items;
	items[rules->count++] = *rule;
	return 0;
}

int peer_rules_parse(const char *text, uint64_t seed, struct peer_rules **ret,
                     struct err *reterr)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		calloc(1, sizeof(*rules));
	cleanup(freep) char *copy = strdup(text);
	char *rest = copy;

	if (!rules || !copy)
		return err_set(reterr, -ENOMEM, "no memory for the rules");

	rules->random = seed;
	for (unsigned number = 1; rest; number++) {
		struct rule rule;
		struct err why;
		int r = parse_line(&rule, strsep(&rest, "\n"), &why);

		if (r < 0)
			return err_set(reterr, r, "rules, line %u: %s", number,
			               why.text);
		if (r > 0 && add_rule(rules, &rule) < 0)
			return err_set(reterr, -ENOMEM,
			               "no memory for the rules");
	}
	*ret = take(&rules);
	return 0;
}

void peer_rules_free(struct peer_rules *rules)
{
	if (!rules)
		return;
	free(rules->items);
	free(rules);
}

/* SplitMix64: the next number in 0 ... 1. */
static double next_random(struct peer_rules *rules)
{
	uint64_t z = rules->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) / (double)(UINT64_C(1) << 53);
}

/* Whether a rule, having matched, wants this one. */
static bool triggered(struct peer_rules *rules, struct rule *rule)
{
	bool now = true;

	rule->seen++;
	switch (rule->trigger) {
	case ALWAYS:
		break;
	case NTH:
		now = rule->seen == rule->n;
		break;
	case EVERY:
		now = rule->seen % rule->n == 0;
		break;
	case PROBABLY:
		now = next_random(rules) < rule->probability;
		break;
	}
	if (!now || rule->times == 0)
		return false;
	if (rule->times != UINT64_MAX)
		rule->times--;
	return true;
}

void peer_rules_match(struct peer_rules *rules, unsigned verb, const char *key,
                      struct peer_plan *ret)
{
	*ret = (struct peer_plan){0};
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];
		const struct peer_fault *fault = &rule->fault;

		if (rule->verb != PEER_VERBS && rule->verb != verb)
			continue;
		if (*rule->glob && fnmatch(rule->glob, key, 0) != 0)
			continue;
		if (!triggered(rules, rule))
			continue;
		if (fault->action == PEER_DELAY)
			ret->delay_ms[fault->phase] += fault->number;
		else if (ret->fault.action == PEER_NOTHING)
			ret->fault = *fault;
	}
}
