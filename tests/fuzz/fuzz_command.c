/* SPDX-License-Identifier: MIT */
/* Commands: what parses dumps to JSON that parses to the same words. */
#include "fs/command.h"

#include <assert.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A rule of each type, so that values are parsed too. */
static const struct command_rule rules[] = {
	{.key = "", .many = true},
	{.key = "a", .many = true},
	{.key = "flag", .type = COMMAND_FLAG},
	{.key = "n", .type = COMMAND_COUNT, .min = 1, .max = 9},
	{.key = "size", .type = COMMAND_SIZE},
	{.key = "ttl", .type = COMMAND_DURATION, .max = 604800000},
	{.key = "when", .type = COMMAND_MOMENT},
	{.key = "if", .type = COMMAND_CHOICE, .choices = "newer|missing"},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command first = {0};
	struct command second = {0};
	struct str json = {0};
	struct err err = {0};
	int r = command_parse((const char *)data, size, &first, &err);

	assert(r <= 0 && r == err.code);
	if (r < 0) {
		assert(err.text[0] && !first.words);
		return 0;
	}
	assert(first.count > 0 && first.count <= COMMAND_WORDS_MAX);
	(void)command_check(&first, rules, sizeof(rules) / sizeof(rules[0]),
	                    NULL);
	assert(command_dump(&first, &json) == 0);
	if (json.len <= COMMAND_MAX) {
		assert(command_parse(str_text(&json), json.len, &second,
		                     NULL) == 0);
		assert(second.count == first.count);
	}
	for (size_t i = 0; i < second.count; i++)
		assert(command_text(&first, second.words[i].key, 0));
	command_release(&first);
	command_release(&second);
	str_release(&json);
	return 0;
}
