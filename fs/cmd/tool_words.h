/* SPDX-License-Identifier: MIT */
/*
 * The command line of a subcommand that needs no mount: the configuration's
 * options among words of its own.
 */
#ifndef PORTER_CMD_TOOL_WORDS_H
#define PORTER_CMD_TOOL_WORDS_H

#include "base/err.h"
#include "options.h"

#include <stdbool.h>

#define TOOL_WORDS_MAX 32 /* of the configuration's options */

struct tool_words {
	struct options options;         /* by tool_words_load() */
	char *argv[TOOL_WORDS_MAX + 4]; /* for options_parse(); borrowed */
	int argc;
};

/* Zeroed is empty too. */
void tool_words_release(struct tool_words *words);

/*
 * Keep -c FILE, -o KEY=VALUE and --env-file FILE, hand every other word to
 * accept(), which returns 0 or negative errno with a sentence and ends it so.
 */
typedef int tool_take_fn(void *ctx, const char *word, struct err *reterr);
int tool_words_take(struct tool_words *words, char **argv, tool_take_fn *accept,
                    void *ctx, struct err *reterr);

/* The configuration; without buckets where none is needed. */
int tool_words_load(struct tool_words *words, bool buckets, struct err *reterr);

/* A path ("./x", "/x") or "-", not a bucket's key. */
bool tool_is_file(const char *place);

#endif
