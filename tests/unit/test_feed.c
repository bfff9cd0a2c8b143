/* SPDX-License-Identifier: MIT */
/* Feeds: lines, those who wait for them, and the end. */
#include "feed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What a read gives, as text. */
static void reads(struct feed *feed, struct feed_reader *reader,
                  const char *expected)
{
	char text[64] = "";
	ssize_t n = feed_read(feed, reader, text, sizeof(text) - 1);

	assert_int_equal(n, strlen(expected));
	assert_string_equal(text, expected);
}

static void lines_are_read_in_pieces(void **state)
{
	cleanup(feed_unrefp) struct feed *feed = NULL;
	struct feed_reader reader = {0};
	char two[2];

	(void)state;
	assert_int_equal(feed_new(1000, &feed), 0);
	assert_int_equal(feed_read(feed, &reader, two, 2), -EAGAIN);
	feed_add(feed, "abc");
	assert_int_equal(feed_read(feed, &reader, two, 2), 2);
	assert_memory_equal(two, "ab", 2);
	feed_add(feed, "d");
	reads(feed, &reader, "c\nd\n");
	assert_int_equal(feed_read(feed, &reader, two, 2), -EAGAIN);
}

static void the_end_is_told_with_its_errno_once(void **state)
{
	cleanup(feed_unrefp) struct feed *feed = NULL;
	struct feed_reader good = {0};
	struct feed_reader bad = {0};
	char byte;

	(void)state;
	assert_int_equal(feed_new(1000, &feed), 0);
	feed_add(feed, "x");
	feed_close(feed, 0);
	reads(feed, &good, "x\n");
	reads(feed, &good, "");
	feed_reopen(feed);
	assert_int_equal(feed_read(feed, &good, &byte, 1), -EAGAIN);
	feed_close(feed, -EIO);
	reads(feed, &bad, "x\n");
	assert_int_equal(feed_read(feed, &bad, &byte, 1), -EIO);
	assert_int_equal(feed_read(feed, &bad, &byte, 1), 0);
}

static void the_oldest_lines_go(void **state)
{
	cleanup(feed_unrefp) struct feed *feed = NULL;
	struct feed_reader reader = {0};

	(void)state;
	assert_int_equal(feed_new(8, &feed), 0);
	feed_add(feed, "aaa");
	feed_add(feed, "bbb");
	feed_add(feed, "ccc");
	reads(feed, &reader, "bbb\nccc\n");
	feed_add(feed, "a line longer than all that is kept");
	assert_int_equal(feed_begin(feed), 12);
	reads(feed, &reader, "a line longer than all that is kept\n");
}

struct watch {
	struct feed_wait wait;
	unsigned told;
};

static void note_ready(struct feed_wait *wait)
{
	container_of(wait, struct watch, wait)->told++;
}

static void who_waits_is_told_once(void **state)
{
	cleanup(feed_unrefp) struct feed *feed = NULL;
	struct feed_reader reader = {0};
	struct watch watch = {.wait.ready = note_ready};

	(void)state;
	assert_int_equal(feed_new(100, &feed), 0);
	assert_true(feed_wait(feed, &reader, &watch.wait));
	feed_add(feed, "x");
	feed_add(feed, "y");
	assert_int_equal(watch.told, 1);
	assert_false(feed_wait(feed, &reader, &watch.wait));
	assert_false(feed_wait_cancel(feed, &watch.wait));
	reader.at = feed_end(feed);
	assert_true(feed_wait(feed, &reader, &watch.wait));
	assert_true(feed_wait_cancel(feed, &watch.wait));
	feed_close(feed, 0);
	assert_int_equal(watch.told, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_in_pieces),
		cmocka_unit_test(the_end_is_told_with_its_errno_once),
		cmocka_unit_test(the_oldest_lines_go),
		cmocka_unit_test(who_waits_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
