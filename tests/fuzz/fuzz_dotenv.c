/* SPDX-License-Identifier: MIT */
/* .env files: what is reported has a name, a place and bounded size. */
#include "base/dotenv.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *ctx, const struct dotenv_entry *entry, struct err *reterr)
{
	unsigned *line = ctx;

	(void)reterr;
	assert(entry->name[0]);
	assert(!strpbrk(entry->name, " \t\n='\"#$"));
	assert(entry->line > *line); /* no two begin in one line */
	*line = entry->line;
	if (entry->value)
		assert(strlen(entry->value) <= DOTENV_VALUE_MAX);
	if (entry->unresolved)
		assert(entry->value && strstr(entry->value, entry->unresolved));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	unsigned line = 0;
	int r = dotenv_parse("fuzz.env", (const char *)data, size, look, &line,
	                     &err);

	assert(r <= 0 && r == err.code);
	assert(r == 0 || (err.text[0] && !strchr(err.text, '\n')));
	return 0;
}
