/* SPDX-License-Identifier: MIT */
/*
 * Dates as calendars and back.
 *
 * A scanner walks over the text; every step says whether what it wanted was
 * there, so each form reads as one chain of steps.
 */
#include "date.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define DAY_SECONDS 86400
#define TIME_MIN    INT64_C(-62135596800) /* 1 January of year 1 */
#define TIME_MAX    INT64_C(253402300799) /* last second of year 9999 */

/* A point in the proleptic Gregorian calendar. */
struct civil {
	unsigned year;
	unsigned month; /* 1 … 12 */
	unsigned day;
	unsigned hour;
	unsigned minute;
	unsigned second; /* 60 in a leap second */
};

/* Names as the dates have them, English always. */
static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};
/* Long forms; the short ones are their first three letters. */
static const char *const days[7] = {"Monday",   "Tuesday", "Wednesday",
                                    "Thursday", "Friday",  "Saturday",
                                    "Sunday"};

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30,
	                                          31, 31, 30, 31, 30, 31};

	return lengths[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1 January of year 1 to 1 January of year. */
static int64_t days_before_year(unsigned year)
{
	int64_t y = (int64_t)year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400;
}

/* Check every field, then count. */
static int civil_to_time(const struct civil *c, time_t *ret)
{
	if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > days_in_month(c->year, c->month) || c->hour > 23 ||
	    c->minute > 59 || c->second > 60)
		return -EINVAL;

	int64_t day = days_before_year(c->year) - days_before_year(1970);

	for (unsigned m = 1; m < c->month; m++)
		day += days_in_month(c->year, m);
	day += c->day - 1;

	*ret = day * DAY_SECONDS + c->hour * 3600 + c->minute * 60 + c->second;
	return 0;
}

/* Exactly count digits. */
static bool scan_digits(const char **p, unsigned count, unsigned *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		char c = (*p)[i];

		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (unsigned)(c - '0');
	}
	*p += count;
	*ret = value;
	return true;
}

static bool scan_text(const char **p, const char *want)
{
	size_t len = strlen(want);

	if (strncasecmp(*p, want, len) != 0)
		return false;
	*p += len;
	return true;
}

/* The three-letter name of a month. */
static bool scan_month(const char **p, unsigned *ret)
{
	for (unsigned i = 0; i < 12; i++) {
		if (scan_text(p, months[i])) {
			*ret = i + 1;
			return true;
		}
	}
	return false;
}

/* The name of a day, whole or (short_form) its first three letters. */
static bool scan_day_name(const char **p, bool short_form)
{
	for (unsigned i = 0; i < 7; i++) {
		size_t len = short_form ? 3 : strlen(days[i]);

		if (strncasecmp(*p, days[i], len) == 0) {
			*p += len;
			return true;
		}
	}
	return false;
}

/* hh:mm:ss */
static bool scan_clock(const char **p, struct civil *c)
{
	return scan_digits(p, 2, &c->hour) && scan_text(p, ":") &&
	       scan_digits(p, 2, &c->minute) && scan_text(p, ":") &&
	       scan_digits(p, 2, &c->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool scan_fixdate(const char *p, struct civil *c)
{
	return scan_day_name(&p, true) && scan_text(&p, ", ") &&
	       scan_digits(&p, 2, &c->day) && scan_text(&p, " ") &&
	       scan_month(&p, &c->month) && scan_text(&p, " ") &&
	       scan_digits(&p, 4, &c->year) && scan_text(&p, " ") &&
	       scan_clock(&p, c) && scan_text(&p, " GMT") && *p == '\0';
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool scan_rfc850(const char *p, struct civil *c)
{
	bool ok = scan_day_name(&p, false) && scan_text(&p, ", ") &&
	          scan_digits(&p, 2, &c->day) && scan_text(&p, "-") &&
	          scan_month(&p, &c->month) && scan_text(&p, "-") &&
	          scan_digits(&p, 2, &c->year) && scan_text(&p, " ") &&
	          scan_clock(&p, c) && scan_text(&p, " GMT") && *p == '\0';

	if (ok)
		c->year += c->year < 70 ? 2000 : 1900;
	return ok;
}

/* Sun Nov  6 08:49:37 1994 */
static bool scan_asctime(const char *p, struct civil *c)
{
	if (!scan_day_name(&p, true) || !scan_text(&p, " ") ||
	    !scan_month(&p, &c->month) || !scan_text(&p, " "))
		return false;

	unsigned digits = scan_text(&p, " ") ? 1 : 2;

	return scan_digits(&p, digits, &c->day) && scan_text(&p, " ") &&
	       scan_clock(&p, c) && scan_text(&p, " ") &&
	       scan_digits(&p, 4, &c->year) && *p == '\0';
}

int date_parse_http(const char *text, time_t *ret)
{
	struct civil c = {0};

	if (!scan_fixdate(text, &c) && !scan_rfc850(text, &c) &&
	    !scan_asctime(text, &c))
		return -EINVAL;
	return civil_to_time(&c, ret);
}

/* ".123": any number of digits, at least one; dropped. */
static bool scan_fraction(const char **p)
{
	if (!scan_text(p, "."))
		return true;

	size_t len = strspn(*p, "0123456789");

	*p += len;
	return len > 0;
}

/* "Z" or "+hh:mm" to seconds east of Greenwich. */
static bool scan_zone(const char **p, int *ret)
{
	unsigned hours = 0;
	unsigned minutes = 0;

	if (scan_text(p, "Z")) {
		*ret = 0;
		return true;
	}

	int sign = **p == '-' ? -1 : 1;

	if (!scan_text(p, "+") && !scan_text(p, "-"))
		return false;
	if (!scan_digits(p, 2, &hours) || !scan_text(p, ":") ||
	    !scan_digits(p, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = sign * (int)(hours * 3600 + minutes * 60);
	return true;
}

int date_parse_iso(const char *text, time_t *ret)
{
	struct civil c = {0};
	const char *p = text;
	time_t t = 0;
	int east = 0;

	if (!scan_digits(&p, 4, &c.year) || !scan_text(&p, "-") ||
	    !scan_digits(&p, 2, &c.month) || !scan_text(&p, "-") ||
	    !scan_digits(&p, 2, &c.day) || !scan_text(&p, "T") ||
	    !scan_clock(&p, &c) || !scan_fraction(&p) ||
	    !scan_zone(&p, &east) || *p != '\0')
		return -EINVAL;

	int r = civil_to_time(&c, &t);

	if (r < 0)
		return r;
	*ret = t - east;
	return 0;
}

/* The year that day (counted from 1 January of year 1) lies in. */
static unsigned year_of_day(int64_t day)
{
	unsigned year = (unsigned)(day / 366) + 1;

	while (days_before_year(year + 1) <= day)
		year++;
	return year;
}

/* Write value into width digits. */
static void put_digits(char *at, unsigned width, unsigned value)
{
	for (unsigned i = width; i > 0; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
}

void date_stamp(time_t t, char ret[DATE_STAMP_MAX])
{
	t = t < TIME_MIN ? TIME_MIN : t > TIME_MAX ? TIME_MAX : t;

	int64_t seconds = t + days_before_year(1970) * DAY_SECONDS;
	int64_t day = seconds / DAY_SECONDS;
	unsigned rest = (unsigned)(seconds % DAY_SECONDS);
	unsigned year = year_of_day(day);
	unsigned month = 1;

	day -= days_before_year(year);
	while (day >= days_in_month(year, month))
		day -= days_in_month(year, month++);

	put_digits(ret, 4, year);
	put_digits(ret + 4, 2, month);
	put_digits(ret + 6, 2, (unsigned)day + 1);
	ret[8] = 'T';
	put_digits(ret + 9, 2, rest / 3600);
	put_digits(ret + 11, 2, rest / 60 % 60);
	put_digits(ret + 13, 2, rest % 60);
	ret[15] = 'Z';
	ret[16] = '\0';
}
