/* SPDX-License-Identifier: MIT */
#include "tool_progress.h"

#include <stdio.h>
#include <string.h>

#define BAR_WIDTH 20

void tool_bytes(uint64_t bytes, char ret[16])
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
	                                    "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	unsigned unit = 0;

	while (n >= 1000 && unit < 6) {
		n /= 1024;
		unit++;
	}
	(void)snprintf(ret, 16, unit == 0 ? "%.0f %s" : "%.1f %s", n,
	               units[unit]);
}

/* A member of a status, 0 when it has none. */
static uint64_t number(const struct jval *status, const char *name)
{
	uint64_t n = 0;

	(void)jval_get_u64(status, name, &n);
	return n;
}

/* "0:14", "1:02:03" */
static void add_time(struct str *ret, uint64_t s)
{
	if (s >= 3600)
		str_addf(ret, "%u:%02u:%02u", (unsigned)(s / 3600),
		         (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		str_addf(ret, "%u:%02u", (unsigned)(s / 60),
		         (unsigned)(s % 60));
}

/* "[#####.....]  52%" when the job knows how much there is. */
static void add_bar(struct str *ret, uint64_t percent)
{
	unsigned full = (unsigned)(percent * BAR_WIDTH / 100);

	str_add_char(ret, '[');
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		str_add_char(ret, i < full ? '#' : '.');
	str_addf(ret, "] %3u%%  ", (unsigned)percent);
}

/* "  12 NAME" unless it is none. */
static void add_count(struct str *ret, const struct jval *status,
                      const char *member, const char *name)
{
	uint64_t n = number(status, member);

	if (n > 0)
		str_addf(ret, "  %llu %s", (unsigned long long)n, name);
}

void tool_progress_line(const struct jval *status, unsigned elapsed_s,
                        unsigned width, struct str *ret)
{
	const char *type = jval_get_text(status, "type");
	const char *state = jval_get_text(status, "state");
	bool paused = false;
	uint64_t percent = 0;
	uint64_t eta = 0;
	char bytes[16];
	size_t start = ret->len;

	str_addf(ret, "%s  ", type ? type : "job");
	if (jval_get_u64(status, "percent", &percent) == 0)
		add_bar(ret, percent);
	tool_bytes(number(status, "bytes"), bytes);
	str_addf(ret, "%llu objects  %s",
	         (unsigned long long)number(status, "objects"), bytes);
	tool_bytes(number(status, "rate"), bytes);
	str_addf(ret, "  %s/s", bytes);
	add_count(ret, status, "rows", "rows");
	add_count(ret, status, "skipped", "left");
	add_count(ret, status, "deleted", "removed");
	add_count(ret, status, "failures", "failed");
	if (jval_get_u64(status, "eta_s", &eta) == 0) {
		str_add(ret, "  eta ");
		add_time(ret, eta);
	} else {
		str_add(ret, "  ");
		add_time(ret, elapsed_s);
	}
	(void)jval_get_bool(status, "paused", &paused);
	if (paused)
		str_add(ret, "  paused");
	else if (state && strcmp(state, "queued") == 0)
		str_add(ret, "  queued");
	if (ret->len - start > width && str_status(ret) == 0) {
		ret->len = start + width;
		ret->data[ret->len] = '\0';
	}
}
