/* SPDX-License-Identifier: MIT */
#include "date.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOVEMBER_1994 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void assert_http(const char *text, time_t want)
{
	time_t t = 0;

	assert_int_equal(date_parse_http(text, &t), 0);
	assert_int_equal(t, want);
}

static void assert_iso(const char *text, time_t want)
{
	time_t t = 0;

	assert_int_equal(date_parse_iso(text, &t), 0);
	assert_int_equal(t, want);
}

static void all_three_forms_of_http_mean_the_same(void **state)
{
	(void)state;
	assert_http("Sun, 06 Nov 1994 08:49:37 GMT", NOVEMBER_1994);
	assert_http("Sunday, 06-Nov-94 08:49:37 GMT", NOVEMBER_1994);
	assert_http("Sun Nov  6 08:49:37 1994", NOVEMBER_1994);
}

static void names_may_be_in_any_case(void **state)
{
	(void)state;
	assert_http("SUN, 06 nov 1994 08:49:37 gmt", NOVEMBER_1994);
}

static void two_digit_years_turn_at_seventy(void **state)
{
	(void)state;
	assert_http("Thursday, 01-Jan-70 00:00:00 GMT", 0);
	assert_http("Tuesday, 31-Dec-69 23:59:59 GMT", INT64_C(3155759999));
}

static void a_two_digit_day_of_asctime_has_no_blank(void **state)
{
	(void)state;
	assert_http("Wed Nov 16 08:49:37 1994", NOVEMBER_1994 + 10 * 86400);
}

static void a_leap_second_is_the_next_second(void **state)
{
	(void)state;
	assert_http("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
}

static void listings_have_iso_dates(void **state)
{
	(void)state;
	assert_iso("2009-10-12T17:50:30.000Z", 1255369830);
	assert_iso("2009-10-12T17:50:30.999999Z", 1255369830);
	assert_iso("2009-10-12T17:50:30Z", 1255369830);
	assert_iso("2009-10-12T19:50:30+02:00", 1255369830);
	assert_iso("2009-10-12T12:20:30-05:30", 1255369830);
	assert_iso("1969-12-31T23:59:59Z", -1);
}

static void february_29_is_where_it_belongs(void **state)
{
	time_t t = 42;

	(void)state;
	assert_iso("2000-02-29T00:00:00Z", 951782400);
	assert_int_equal(date_parse_iso("1900-02-29T00:00:00Z", &t), -EINVAL);
	assert_int_equal(date_parse_iso("2023-02-29T00:00:00Z", &t), -EINVAL);
	assert_int_equal(t, 42);
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"Sun",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 0000 08:49:37 GMT",
		"Sun, -6 Nov 1994 08:49:37 GMT",
		"Xyz, 06 Nov 1994 08:49:37 GMT",
		"1994-11-06T08:49:37Z",
		"Sun Nov 06 08:49:37 94",
	};
	time_t t = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(date_parse_http(wrong[i], &t), -EINVAL);
	assert_int_equal(t, 42);
}

static void what_is_no_iso_date_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"2009",
		"2009-10-12",
		"2009-10-12T17:50:30",
		"2009-10-12 17:50:30Z",
		"2009-10-12T17:50:30.Z",
		"2009-10-12T17:50:30Zx",
		"2009-13-12T17:50:30Z",
		"2009-00-12T17:50:30Z",
		"2009-10-32T17:50:30Z",
		"09-10-12T17:50:30Z",
		"2009-10-12T17:50:30+2:00",
		"2009-10-12T17:50:30+24:00",
		"2009-10-12T17:50:30+",
		"Sun, 06 Nov 1994 08:49:37 GMT",
	};
	time_t t = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(date_parse_iso(wrong[i], &t), -EINVAL);
	assert_int_equal(t, 42);
}

static void a_stamp_is_what_signatures_want(void **state)
{
	char stamp[DATE_STAMP_MAX];

	(void)state;
	date_stamp(1369353600, stamp);
	assert_string_equal(stamp, "20130524T000000Z");
	date_stamp(NOVEMBER_1994, stamp);
	assert_string_equal(stamp, "19941106T084937Z");
	date_stamp(-1, stamp);
	assert_string_equal(stamp, "19691231T235959Z");
}

static void a_stamp_stays_within_four_digit_years(void **state)
{
	char stamp[DATE_STAMP_MAX];

	(void)state;
	date_stamp(INT64_MAX, stamp);
	assert_string_equal(stamp, "99991231T235959Z");
	date_stamp(INT64_MIN, stamp);
	assert_string_equal(stamp, "00010101T000000Z");
}

/* libc's calendar, which knows no time zones here either. */
static void every_week_of_ten_thousand_years_agrees_with_libc(void **state)
{
	(void)state;
	for (int64_t t = INT64_C(-62135596800); t <= INT64_C(253402300799);
	     t += 7 * 86400 + 12345) {
		time_t at = (time_t)t;
		time_t back = 0;
		struct tm tm;
		char iso[64];
		char want[64];
		char stamp[DATE_STAMP_MAX];

		assert_non_null(gmtime_r(&at, &tm));
		tm.tm_year += 1900;
		(void)snprintf(iso, sizeof(iso),
		               "%04u-%02u-%02uT%02u:%02u:%02uZ",
		               (unsigned)tm.tm_year, (unsigned)tm.tm_mon + 1,
		               (unsigned)tm.tm_mday, (unsigned)tm.tm_hour,
		               (unsigned)tm.tm_min, (unsigned)tm.tm_sec);
		(void)snprintf(want, sizeof(want), "%04u%02u%02uT%02u%02u%02uZ",
		               (unsigned)tm.tm_year, (unsigned)tm.tm_mon + 1,
		               (unsigned)tm.tm_mday, (unsigned)tm.tm_hour,
		               (unsigned)tm.tm_min, (unsigned)tm.tm_sec);
		date_stamp(at, stamp);
		assert_string_equal(stamp, want);
		assert_int_equal(date_parse_iso(iso, &back), 0);
		assert_int_equal(back, at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_three_forms_of_http_mean_the_same),
		cmocka_unit_test(names_may_be_in_any_case),
		cmocka_unit_test(two_digit_years_turn_at_seventy),
		cmocka_unit_test(a_two_digit_day_of_asctime_has_no_blank),
		cmocka_unit_test(a_leap_second_is_the_next_second),
		cmocka_unit_test(listings_have_iso_dates),
		cmocka_unit_test(february_29_is_where_it_belongs),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(what_is_no_iso_date_is_refused),
		cmocka_unit_test(a_stamp_is_what_signatures_want),
		cmocka_unit_test(a_stamp_stays_within_four_digit_years),
		cmocka_unit_test(
			every_week_of_ten_thousand_years_agrees_with_libc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
