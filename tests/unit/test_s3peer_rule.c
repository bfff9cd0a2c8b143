/* SPDX-License-Identifier: MIT */
#include "s3peer_rule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The rules of a text that must be right. */
static struct peer_rules *rules_of(const char *text)
{
	struct peer_rules *rules = NULL;
	struct err why = {0};

	if (peer_rules_parse(text, 42, &rules, &why) < 0)
		fail_msg("%s", why.text);
	return rules;
}

/* What the next request of this verb and key suffers. */
static enum peer_action next(struct peer_rules *rules, unsigned verb,
                             const char *key)
{
	struct peer_plan plan;

	peer_rules_match(rules, verb, key, &plan);
	return plan.fault.action;
}

static void no_rules_do_no_harm(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("\n# nothing\n   \n");
	struct peer_plan plan;

	(void)state;
	peer_rules_match(rules, STORE_PUT, "a", &plan);
	assert_int_equal(plan.fault.action, PEER_NOTHING);
	for (unsigned i = 0; i < PEER_PHASES; i++)
		assert_int_equal(plan.delay_ms[i], 0);
}

static void a_rule_hits_its_verb_and_keys_only(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=PUT:logs/* action=reset");

	(void)state;
	assert_int_equal(next(rules, STORE_GET, "logs/a"), PEER_NOTHING);
	assert_int_equal(next(rules, STORE_PUT, "data/a"), PEER_NOTHING);
	assert_int_equal(next(rules, STORE_PUT, "logs/2026/a"), PEER_RESET);
}

static void star_means_every_request(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=* action=cut");

	(void)state;
	for (unsigned verb = 0; verb < PEER_VERBS; verb++)
		assert_int_equal(next(rules, verb, ""), PEER_CUT);
}

static void nth_fires_once(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=GET nth=2 action=stall");

	(void)state;
	assert_int_equal(next(rules, STORE_GET, "a"), PEER_NOTHING);
	assert_int_equal(next(rules, STORE_HEAD, "a"), PEER_NOTHING);
	assert_int_equal(next(rules, STORE_GET, "b"), PEER_STALL);
	assert_int_equal(next(rules, STORE_GET, "a"), PEER_NOTHING);
}

static void every_fires_again_and_again(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=* every=3 action=flip");

	(void)state;
	for (unsigned i = 1; i <= 9; i++)
		assert_int_equal(next(rules, STORE_GET, "a"),
		                 i % 3 ? PEER_NOTHING : PEER_FLIP);
}

static void times_is_the_end_of_it(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=* times=2 action=junk");

	(void)state;
	assert_int_equal(next(rules, STORE_GET, "a"), PEER_JUNK);
	assert_int_equal(next(rules, STORE_GET, "a"), PEER_JUNK);
	assert_int_equal(next(rules, STORE_GET, "a"), PEER_NOTHING);
}

/* How often a probability hits in a thousand requests of one seed. */
static unsigned hits(const char *text, uint64_t seed, char *ret_pattern)
{
	struct peer_rules *rules = NULL;
	unsigned count = 0;

	assert_int_equal(peer_rules_parse(text, seed, &rules, NULL), 0);
	for (unsigned i = 0; i < 1000; i++) {
		bool hit = next(rules, STORE_GET, "a") != PEER_NOTHING;

		count += hit;
		ret_pattern[i] = hit ? '!' : '.';
	}
	ret_pattern[1000] = '\0';
	peer_rules_free(rules);
	return count;
}

static void probability_is_the_seeds(void **state)
{
	const char *text = "request=* probability=0.1 action=reset";
	char first[1001];
	char second[1001];

	(void)state;
	assert_in_range(hits(text, 1, first), 70, 130);
	(void)hits(text, 1, second);
	assert_string_equal(first, second);
	(void)hits(text, 2, second);
	assert_string_not_equal(first, second);
	assert_int_equal(hits("request=* probability=0 action=reset", 1, first),
	                 0);
	assert_int_equal(hits("request=* probability=1 action=reset", 1, first),
	                 1000);
}

static void delays_add_up_beside_the_one_fault(void **state)
{
	cleanup(peer_rules_freep) struct peer_rules *rules =
		rules_of("request=* action=delay:20\n"
	                 "request=GET action=delay:5\n"
	                 "request=GET action=delay:7 phase=mid-reply\n"
	                 "request=GET action=status:503:SlowDown\n"
	                 "request=GET action=reset\n");
	struct peer_plan plan;

	(void)state;
	peer_rules_match(rules, STORE_GET, "a", &plan);
	assert_int_equal(plan.delay_ms[PEER_BEFORE], 25);
	assert_int_equal(plan.delay_ms[PEER_MID_REPLY], 7);
	assert_int_equal(plan.fault.action, PEER_STATUS);
	assert_int_equal(plan.fault.number, 503);
	assert_string_equal(plan.fault.text, "SlowDown");
}

static void every_action_has_its_usual_phase(void **state)
{
	static const struct {
		const char *action;
		enum peer_action want;
		enum peer_phase phase;
	} cases[] = {
		{"status:500", PEER_STATUS, PEER_BEFORE},
		{"reset", PEER_RESET, PEER_BEFORE},
		{"stall", PEER_STALL, PEER_BEFORE},
		{"cut", PEER_CUT, PEER_MID_REPLY},
		{"drip:100", PEER_DRIP, PEER_MID_REPLY},
		{"cut-matching-length", PEER_CUT_MATCHING_LENGTH,
	         PEER_MID_REPLY},
		{"flip", PEER_FLIP, PEER_MID_REPLY},
		{"wrong-etag", PEER_WRONG_ETAG, PEER_AFTER_COMMIT},
		{"ok-with-error-body", PEER_OK_WITH_ERROR_BODY, PEER_BEFORE},
		{"junk", PEER_JUNK, PEER_AFTER_COMMIT},
		{"redirect:http://127.0.0.1:1/", PEER_REDIRECT, PEER_BEFORE},
		{"lose-reply", PEER_LOSE_REPLY, PEER_AFTER_COMMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		struct peer_plan plan;

		(void)snprintf(text, sizeof(text), "request=* action=%s",
		               cases[i].action);

		cleanup(peer_rules_freep) struct peer_rules *rules =
			rules_of(text);

		peer_rules_match(rules, STORE_PUT, "a", &plan);
		assert_int_equal(plan.fault.action, cases[i].want);
		assert_int_equal(plan.fault.phase, cases[i].phase);
		assert_int_equal(
			strncmp(cases[i].action,
		                peer_action_name(cases[i].want),
		                strlen(peer_action_name(cases[i].want))),
			0);
	}
}

static void mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text;
		const char *story;
	} cases[] = {
		{"\nrequest=FLY action=cut", "line 2: request 'FLY'"},
		{"action=fly", "line 1: there is no action 'fly'"},
		{"request=GET", "action= is missing"},
		{"request=GET cut", "'cut' is not name=value"},
		{"colour=blue", "there is no 'colour='"},
		{"nth=0 action=cut", "nth '0' is no number above 0"},
		{"nth=two action=cut", "nth 'two' is no number above 0"},
		{"probability=2 action=cut", "not in 0 ... 1"},
		{"probability=x action=cut", "not in 0 ... 1"},
		{"action=delay", "delay wants a number"},
		{"action=delay:x", "delay wants a number"},
		{"action=status:99", "a status is in 200 ... 599"},
		{"action=reset:5", "reset takes no value"},
		{"action=redirect", "redirect wants a URL"},
		{"phase=after action=cut", "phase 'after' is none of"},
		{"phase=mid-reply action=status:500",
	         "status does not go with phase mid-reply; right would be "
	         "phase=before"},
		{"phase=before action=lose-reply",
	         "right would be phase=after-commit"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer_rules *rules = NULL;
		struct err why = {0};

		assert_int_equal(peer_rules_parse(cases[i].text, 0, &rules,
		                                  &why),
		                 -EINVAL);
		assert_null(rules);
		if (!strstr(why.text, cases[i].story))
			fail_msg("'%s' is told as '%s'", cases[i].text,
			         why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_do_no_harm),
		cmocka_unit_test(a_rule_hits_its_verb_and_keys_only),
		cmocka_unit_test(star_means_every_request),
		cmocka_unit_test(nth_fires_once),
		cmocka_unit_test(every_fires_again_and_again),
		cmocka_unit_test(times_is_the_end_of_it),
		cmocka_unit_test(probability_is_the_seeds),
		cmocka_unit_test(delays_add_up_beside_the_one_fault),
		cmocka_unit_test(every_action_has_its_usual_phase),
		cmocka_unit_test(mistakes_are_told_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
