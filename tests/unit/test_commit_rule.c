/* SPDX-License-Identifier: MIT */
#include "commit_rule.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct commit_policy preset = {
	.killed = FS_FATE_KEEP,
	.failed = FS_FATE_PUBLISH,
	.unknown = FS_FATE_PUBLISH,
};

/* Two distinct answers, and neither the normal one. */
static const struct commit_policy strict = {
	.killed = FS_FATE_ABORT,
	.failed = FS_FATE_KEEP,
	.unknown = FS_FATE_KEEP,
};

#define EXIT_1 (1 << 8)

static const struct rule_case {
	const char *what;
	struct commit_facts facts;
	enum commit_verdict preset;
	enum commit_verdict strict;
} cases[] = {
	{"the opener closes its only descriptor",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true},
         COMMIT_NOW,
         COMMIT_NOW},
	{"nothing new",
         {.caller_known = true, .caller_opened = true},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"nothing new, though it was killed",
         {.caller_known = true, .caller_opened = true, .exit_code = SIGKILL},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"nothing new at the last release",
         {.last = true},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"cmd > f: the shell's child closes, the shell lives",
         {.fresh = true, .caller_known = true, .opener_alive = true},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"the same, though that child was killed",
         {.fresh = true,
          .caller_known = true,
          .opener_alive = true,
          .exit_code = SIGKILL},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"the opener is gone, a child with the descriptor closes it",
         {.fresh = true, .caller_known = true},
         COMMIT_NOW,
         COMMIT_NOW},
	{"the opener is gone, but the child has another copy",
         {.fresh = true, .caller_known = true, .descriptors = 1},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"the opener closes a copy (dup)",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .descriptors = 1},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"what it still holds cannot be told",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .descriptors = -EACCES},
         COMMIT_NOW,
         COMMIT_NOW},
	{"the writer was killed by SIGKILL",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .exit_code = SIGKILL},
         COMMIT_KEEP,
         COMMIT_ABORT},
	{"by SIGSEGV, with a core, and a copy open",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .exit_code = SIGSEGV | 0x80,
          .descriptors = 3},
         COMMIT_KEEP,
         COMMIT_ABORT},
	{"an orphaned writer was killed",
         {.fresh = true, .caller_known = true, .exit_code = SIGTERM},
         COMMIT_KEEP,
         COMMIT_ABORT},
	{"the writer failed with status 1",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .exit_code = EXIT_1},
         COMMIT_NOW,
         COMMIT_KEEP},
	{"how it ends cannot be told",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .exit_code = -EACCES},
         COMMIT_NOW,
         COMMIT_KEEP},
	{"the same with a copy open: it is no end",
         {.fresh = true,
          .caller_known = true,
          .caller_opened = true,
          .opener_alive = true,
          .exit_code = -EACCES,
          .descriptors = 1},
         COMMIT_NOT_YET,
         COMMIT_NOT_YET},
	{"nobody can be asked: every flush commits",
         {.fresh = true},
         COMMIT_NOW,
         COMMIT_NOW},
	{"the caller cannot be told",
         {.fresh = true, .exit_code = -ESRCH},
         COMMIT_NOW,
         COMMIT_KEEP},
	{"release commits what is left",
         {.fresh = true, .last = true},
         COMMIT_NOW,
         COMMIT_NOW},
	{"whoever else lives",
         {.fresh = true, .last = true, .opener_alive = true, .descriptors = 2},
         COMMIT_NOW,
         COMMIT_NOW},
};

static void every_row_of_the_table_holds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (commit_rule(&cases[i].facts, &preset) != cases[i].preset)
			fail_msg("by default: %s", cases[i].what);
		if (commit_rule(&cases[i].facts, &strict) != cases[i].strict)
			fail_msg("strictly: %s", cases[i].what);
	}
}

/* Whatever the facts are, nothing is done without fresh bytes. */
static void without_fresh_bytes_nothing_ever_happens(void **state)
{
	static const int codes[] = {0, SIGKILL, EXIT_1, -EACCES};

	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		for (unsigned i = 0; i < 16; i++) {
			const struct commit_facts facts = {
				.last = bits & 1,
				.caller_known = bits & 2,
				.caller_opened = bits & 4,
				.opener_alive = bits & 8,
				.descriptors = (int)(i / 4) - 1,
				.exit_code = codes[i % 4],
			};

			assert_int_equal(commit_rule(&facts, &strict),
			                 COMMIT_NOT_YET);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds),
		cmocka_unit_test(without_fresh_bytes_nothing_ever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
