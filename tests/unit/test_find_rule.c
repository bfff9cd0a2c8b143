/* SPDX-License-Identifier: MIT */
/* What is asked about one name, and what the answers mean: as a table. */
#include "find_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define H FIND_HEAD
#define P FIND_PAGE
#define X FIND_PREFIX
#define D FIND_DIR_HEAD

struct row {
	const char *what;
	struct find_facts facts;
	struct find_verdict verdict;
};

static const struct row rows[] = {
	/* What goes out first. */
	{"nothing known", {.attrs_head = true}, {.ask = H | P}},
	{"nothing known, big directory",
         {.attrs_head = true, .big = true},
         {.ask = H | X}},
	{"nothing known, no metadata wanted", {0}, {.ask = P}},
	{"the same, big directory", {.big = true}, {.ask = H | X}},
	{"listed file",
         {.attrs_head = true, .hint = META_FILE, .hint_fresh = true},
         {.ask = H}},
	{"listed a while ago",
         {.attrs_head = true, .hint = META_FILE},
         {.ask = H}},
	{"known file, stale",
         {.attrs_head = true, .hint = META_FILE, .hint_head = true},
         {.ask = P}},
	{"the same, in a big directory",
         {.attrs_head = true, .hint = META_FILE, .hint_head = true, .big = true},
         {.ask = H | X}},
	{"it is that version still",
         {.attrs_head = true,
          .hint = META_FILE,
          .hint_head = true,
          .listed = FIND_YES,
          .same = true,
          .dir = FIND_NO},
         {.kind = META_FILE}},
	{"it is another one",
         {.attrs_head = true,
          .hint = META_FILE,
          .hint_head = true,
          .listed = FIND_YES,
          .dir = FIND_NO},
         {.ask = H}},
	{"the same, alone",
         {.attrs_head = true,
          .hint = META_FILE,
          .hint_head = true,
          .alone = true},
         {.ask = H}},
	{"listed directory",
         {.attrs_head = true, .hint = META_DIR, .hint_fresh = true},
         {.ask = D}},
	{"known directory, stale",
         {.attrs_head = true, .hint = META_DIR, .hint_head = true},
         {.ask = P}},
	{"the same, in a big one",
         {.attrs_head = true, .hint = META_DIR, .hint_head = true, .big = true},
         {.ask = X}},
	{"absent, stale",
         {.attrs_head = true, .hint = META_ABSENT},
         {.ask = H | P}},

	/* A file. */
	{"HEAD says yes, page no",
         {.attrs_head = true,
          .head = FIND_YES,
          .listed = FIND_YES,
          .dir = FIND_NO},
         {.kind = META_FILE}},
	{"HEAD says yes, page ended before",
         {.attrs_head = true,
          .head = FIND_YES,
          .listed = FIND_UNDECIDED,
          .dir = FIND_UNDECIDED},
         {.kind = META_FILE}},
	{"HEAD says yes, LIST fails",
         {.attrs_head = true,
          .head = FIND_YES,
          .listed = FIND_FAILED,
          .dir = FIND_FAILED},
         {.kind = META_FILE}},
	{"HEAD alone says yes",
         {.attrs_head = true, .hint = META_FILE, .head = FIND_YES},
         {.kind = META_FILE}},
	{"listed, no metadata wanted",
         {.listed = FIND_YES, .dir = FIND_NO},
         {.kind = META_FILE}},

	/* A directory, whatever else. */
	{"page shows it, attributes unknown",
         {.attrs_head = true,
          .head = FIND_NO,
          .listed = FIND_NO,
          .dir = FIND_YES},
         {.ask = D}},
	{"page shows it, attributes known",
         {.attrs_head = true,
          .hint = META_DIR,
          .hint_head = true,
          .listed = FIND_NO,
          .dir = FIND_YES},
         {.kind = META_DIR}},
	{"a file too", {.head = FIND_YES, .dir = FIND_YES}, {.kind = META_DIR}},
	{"HEAD of the file fails",
         {.head = FIND_FAILED, .dir = FIND_YES},
         {.kind = META_DIR}},
	{"it has an object",
         {.attrs_head = true, .dir = FIND_YES, .dir_head = FIND_YES},
         {.kind = META_DIR}},
	{"it has none",
         {.attrs_head = true, .dir = FIND_YES, .dir_head = FIND_NO},
         {.kind = META_DIR}},
	{"its HEAD fails",
         {.attrs_head = true, .dir = FIND_YES, .dir_head = FIND_FAILED},
         {.failed = true}},

	/* Absent: both were denied. */
	{"both denied",
         {.attrs_head = true,
          .head = FIND_NO,
          .listed = FIND_NO,
          .dir = FIND_NO},
         {.kind = META_ABSENT}},
	{"deleted between the two",
         {.attrs_head = true,
          .head = FIND_NO,
          .listed = FIND_YES,
          .dir = FIND_NO},
         {.kind = META_ABSENT}},
	{"page denies both, no metadata wanted",
         {.listed = FIND_NO, .dir = FIND_NO},
         {.kind = META_ABSENT}},
	{"page denies a directory and its file",
         {.attrs_head = true,
          .hint = META_DIR,
          .listed = FIND_NO,
          .dir = FIND_NO},
         {.kind = META_ABSENT}},

	/* Not yet known. */
	{"HEAD alone says no",
         {.attrs_head = true, .hint = META_FILE, .head = FIND_NO},
         {.ask = P}},
	{"the same in a big directory",
         {.attrs_head = true, .hint = META_FILE, .head = FIND_NO, .big = true},
         {.ask = X}},
	{"page ended before it",
         {.attrs_head = true,
          .head = FIND_NO,
          .listed = FIND_UNDECIDED,
          .dir = FIND_UNDECIDED},
         {.ask = X}},
	{"page ended before it, no HEAD yet",
         {.listed = FIND_UNDECIDED, .dir = FIND_UNDECIDED},
         {.ask = H | X}},
	{"no directory any more: a file?",
         {.attrs_head = true, .hint = META_DIR, .big = true, .dir = FIND_NO},
         {.ask = H}},

	/* A failing store is never absence. */
	{"HEAD fails",
         {.attrs_head = true,
          .head = FIND_FAILED,
          .listed = FIND_NO,
          .dir = FIND_NO},
         {.failed = true}},
	{"HEAD fails, though the page has it",
         {.attrs_head = true,
          .head = FIND_FAILED,
          .listed = FIND_YES,
          .dir = FIND_NO},
         {.failed = true}},
	{"LIST fails",
         {.attrs_head = true,
          .head = FIND_NO,
          .listed = FIND_FAILED,
          .dir = FIND_FAILED},
         {.failed = true}},
	{"both fail",
         {.attrs_head = true,
          .head = FIND_FAILED,
          .listed = FIND_FAILED,
          .dir = FIND_FAILED},
         {.failed = true}},
};

static void every_row_is_decided_as_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct find_verdict v = find_rule(&rows[i].facts);
		const struct find_verdict *e = &rows[i].verdict;

		if (v.ask != e->ask || v.failed != e->failed ||
		    v.kind != e->kind)
			fail_msg("%s: ask %x, failed %d, kind %d", rows[i].what,
			         v.ask, v.failed, (int)v.kind);
	}
}

/* Facts number n of all there can be. */
static struct find_facts facts_of(unsigned n)
{
	struct find_facts facts = {.attrs_head = n & 1,
	                           .big = n & 2,
	                           .alone = n & 4,
	                           .hint_head = n & 8,
	                           .hint_fresh = n & 16};

	n >>= 5;
	facts.hint = n % 4;
	n /= 4;
	facts.head = n % 5;
	n /= 5;
	facts.listed = n % 5;
	n /= 5;
	facts.dir = n % 5;
	n /= 5;
	facts.dir_head = n % 5;
	return facts;
}

static void nothing_is_asked_twice_and_failure_is_never_absence(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 32 * 4 * 5 * 5 * 5 * 5; n++) {
		struct find_facts facts = facts_of(n);
		struct find_verdict v = find_rule(&facts);

		if (v.ask & FIND_HEAD)
			assert_int_equal(facts.head, FIND_NOT_ASKED);
		if (v.ask & FIND_DIR_HEAD)
			assert_int_equal(facts.dir_head, FIND_NOT_ASKED);
		if (v.ask & FIND_PAGE)
			assert_int_equal(facts.dir, FIND_NOT_ASKED);
		if (!v.ask && !v.failed)
			assert_int_not_equal(v.kind, META_UNKNOWN);
		if (!v.ask && v.kind == META_ABSENT) {
			assert_int_not_equal(facts.head, FIND_FAILED);
			assert_int_equal(facts.dir, FIND_NO);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_decided_as_it_says),
		cmocka_unit_test(
			nothing_is_asked_twice_and_failure_is_never_absence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
