/* SPDX-License-Identifier: MIT */
#include "tool_words.h"

#include "base/str.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

void tool_words_release(struct tool_words *words)
{
	options_release(&words->options);
}

/* -c FILE, -o KEY=VALUE, --env-file FILE: the configuration's. */
static bool is_conf_option(const char *word)
{
	return strcmp(word, "-c") == 0 || strcmp(word, "-o") == 0 ||
	       strcmp(word, "--env-file") == 0;
}

int tool_words_take(struct tool_words *words, char **argv, tool_take_fn *accept,
                    void *ctx, struct err *reterr)
{
	static char program[] = "porterfs";
	int r = 0;

	words->argv[words->argc++] = program;
	for (; *argv && r == 0; argv++) {
		if (!is_conf_option(*argv)) {
			r = accept(ctx, *argv, reterr);
			continue;
		}
		if (!argv[1])
			return err_set(reterr, -EINVAL,
			               "'%s': a value is missing", *argv);
		if (words->argc + 2 > TOOL_WORDS_MAX)
			return err_set(reterr, -EINVAL,
			               "'%s': there are too many options, put "
			               "them into the configuration file",
			               *argv);
		words->argv[words->argc++] = *argv++;
		words->argv[words->argc++] = *argv;
	}
	return r;
}

int tool_words_load(struct tool_words *words, bool buckets, struct err *reterr)
{
	static char print[] = "--print-config";
	static char nowhere[] = "/";

	if (!buckets)
		words->argv[words->argc++] = print;
	words->argv[words->argc++] = nowhere;
	optind = 0; /* another line: getopt begins anew */
	return options_parse(words->argc, words->argv, environ, &words->options,
	                     reterr);
}

bool tool_is_file(const char *place)
{
	return strcmp(place, "-") == 0 || place[0] == '/' ||
	       str_starts(place, "./") || str_starts(place, "../");
}
