/* SPDX-License-Identifier: MIT */
/*
 * .env files, read as Laravel reads them (vlucas/phpdotenv 5).
 *
 *   # a comment
 *   export NAME=value            "export" is optional
 *   NAME=                        empty
 *   NAME=a#b                     unquoted: ends at a blank or '#'
 *   NAME='as it is: $x \n'       nothing is special in single quotes
 *   NAME="a ${OTHER}\n"          escapes \\ \" \$ \f \n \r \t \v; may go on
 *                                over several lines
 *
 * ${OTHER} (unquoted or in double quotes) is what the environment has under
 * that name, else what stands above in the file, else it stays as it stands.
 * Other dollars are dollars.  A byte order mark and CRLF are accepted.  A name
 * given twice is reported twice: the later one counts.
 *
 * Stateless; any thread (the environment is read by getenv).
 */
#ifndef PORTER_BASE_DOTENV_H
#define PORTER_BASE_DOTENV_H

#include "base/err.h"

#include <stddef.h>

#define DOTENV_FILE_MAX  ((size_t)1 << 20)  /* bytes */
#define DOTENV_VALUE_MAX ((size_t)16 << 10) /* bytes, without NUL */

struct dotenv_entry {
	const char *name;
	const char *value;      /* NULL: the line had no '=' */
	unsigned line;          /* of the name, from 1 */
	const char *unresolved; /* a ${NAME} that nobody defined, else NULL */
};

/*
 * Takes one entry, borrowed until it returns.  0 goes on; anything else ends
 * the walk and becomes its result.
 */
typedef int dotenv_fn(void *ctx, const struct dotenv_entry *entry,
                      struct err *reterr);

/*
 * Walk through len bytes of text; path is for messages only.  Returns 0, what
 * fn returned, or -EINVAL, -E2BIG or -ENOMEM with a sentence that begins with
 * "PATH:LINE: ".  Sentences never show a value.
 */
int dotenv_parse(const char *path, const char *text, size_t len, dotenv_fn *fn,
                 void *ctx, struct err *reterr);

/*
 * The same for the file at path, which must belong to the caller or root and
 * be closed to everybody else (a symlink is judged by its target): else
 * -EACCES and the chmod that helps.  Its bytes are wiped from memory.
 */
int dotenv_read(const char *path, dotenv_fn *fn, void *ctx, struct err *reterr);

#endif
