/* SPDX-License-Identifier: MIT */
/*
 * The dates of HTTP headers and S3 listings (pure, no locale, no time zone
 * database).  All times are UTC, years 1 … 9999.
 */
#ifndef PORTER_S3_DATE_H
#define PORTER_S3_DATE_H

#include <time.h>

/*
 * An HTTP date, RFC 9110 section 5.6.7, in each of its three forms:
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT     what everybody should send
 *   Sunday, 06-Nov-94 08:49:37 GMT    RFC 850; years 70 … 99 are 19xx
 *   Sun Nov  6 08:49:37 1994          asctime(3)
 *
 * Names are taken in any case, the name of the day is not compared with the
 * date.  -EINVAL for anything else.
 */
int date_parse_http(const char *text, time_t *ret);

/*
 * A date of a listing, ISO 8601 as S3 writes it: 2009-10-12T17:50:30.000Z.
 * The fraction may be missing and is dropped: HEAD has whole seconds too.  An
 * offset (+02:00) may stand for Z.  -EINVAL for anything else.
 */
int date_parse_iso(const char *text, time_t *ret);

/*
 * "20130524T000000Z": the date of a signature; a day is its first 8 bytes.  A
 * time beyond the years above is taken for the nearest one within.
 */
#define DATE_STAMP_MAX 17 /* bytes with the NUL */
void date_stamp(time_t t, char ret[DATE_STAMP_MAX]);

#endif
