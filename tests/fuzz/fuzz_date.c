/* SPDX-License-Identifier: MIT */
/* Dates: whatever is taken for one comes back from its stamp. */
#include "date.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 20130524T000000Z, read again as 2013-05-24T00:00:00Z. */
static void check(time_t t)
{
	char stamp[DATE_STAMP_MAX];
	char iso[32];
	time_t back = 0;

	date_stamp(t, stamp);
	(void)snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ",
	               stamp, stamp + 4, stamp + 6, stamp + 9, stamp + 11,
	               stamp + 13);
	assert(date_parse_iso(iso, &back) == 0);

	/* Zones and leap seconds may lead a day beyond the years we have. */
	assert(back == t || llabs((long long)(back - t)) <= 86400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	time_t t = 42;
	int r = 0;

	assert(text);
	r = date_parse_http(text, &t);
	assert(r == 0 || (r == -EINVAL && t == 42));
	if (r == 0)
		check(t);

	t = 42;
	r = date_parse_iso(text, &t);
	assert(r == 0 || (r == -EINVAL && t == 42));
	if (r == 0)
		check(t);
	free(text);
	return 0;
}
