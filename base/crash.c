/* SPDX-License-Identifier: MIT */
/* Compiled in test builds only; the counter is the one global it needs. */
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Points passed so far. */
static atomic_long passed;

/* At the end: how many there were. */
static void report(void)
{
	(void)fprintf(stderr, "crash points: %ld\n", atomic_load(&passed));
}

void crash_point(void)
{
	const char *text = getenv("PORTERFS_CRASH_AT");
	long at = text ? strtol(text, NULL, 10) : -1;
	long count;

	if (at < 0)
		return;
	count = atomic_fetch_add(&passed, 1) + 1;
	if (at == 0 && count == 1)
		(void)atexit(report);
	if (count == at)
		(void)kill(getpid(), SIGKILL);
}
