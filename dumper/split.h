/* SPDX-License-Identifier: MIT */
/*
 * SQL text to statements, as the mysql client cuts it, but nothing else of
 * what that client does.
 *
 *   feed bytes, cut anywhere           split_feed(), split_end()
 *   take statements                    split_next() until it returns 0
 *
 * Known: strings in ' and ", names in `, # and -- and block comments (kept
 * inside of a statement, dropped before one), executable comments (text like
 * any other, in which no delimiter ends a statement), DELIMITER; sql_mode's
 * NO_BACKSLASH_ESCAPES and ANSI_QUOTES and the character set, as SET statements
 * change them; byte order marks and UTF-16, turned into UTF-8; MariaDB's sandbox
 * line, passed over.
 *
 * Refused with a sentence, -EINVAL: commands of the client (\! source system
 * and all others but DELIMITER), dumps of PostgreSQL and SQLite, text that ends
 * inside of a string, name, comment or statement, where only part would be run.
 *
 *          ┌─────── delimiter ────────┐
 *          ▼                          │
 *       between ── first byte ──▶ statement ◀──▶ string, name
 *        ▲ │ ▲                        ▲
 *        │ ▼ └─ block, line           └────▶ block, line (kept)
 *     DELIMITER
 *
 * The result does not depend on how the text is cut into feeds.  Memory: the
 * statement being read and one feed, at most statement_max in all, given back
 * after a large one.  Not thread safe.
 */
#ifndef PORTER_DUMPER_SPLIT_H
#define PORTER_DUMPER_SPLIT_H

#include "base/cleanup.h"
#include "base/err.h"
#include "session_track.h"
#include "skip.h"

#define SPLIT_STATEMENT_MAX ((size_t)1 << 30) /* what a server can take */

struct split_config {
	size_t statement_max; /* bytes; 0 = SPLIT_STATEMENT_MAX */
	skip_fn *skip;        /* NULL = skip_best() */
};

/* One statement; text is borrowed until the next split_feed(). */
struct split_statement {
	const char *text; /* without delimiter, blanks and comments around it */
	size_t len;       /* bytes */
	uint64_t number;  /* from 1 on */
	uint64_t line;    /* where it begins, from 1 on */
	uint64_t offset; /* where it begins, bytes; of the UTF-8 if the text was
	                     UTF-16, else of what was fed */
	uint64_t end;    /* behind its delimiter */
};

struct split;

int split_new(const struct split_config *config, struct split **ret);
void split_free(struct split *split);
DEFINE_CLEANUP(struct split *, split_free);

/*
 * Add text.  Returns 0, -ENOMEM, -EINVAL (not SQL at all), -EILSEQ (broken
 * UTF-16), or -EMSGSIZE when the statement it belongs to is above
 * statement_max.  Call only when split_next() returned 0.
 */
int split_feed(struct split *split, const void *data, size_t len,
               struct err *reterr);

/* No more text will come. */
int split_end(struct split *split, struct err *reterr);

/*
 * Returns 1 and a statement, 0 when more text is needed (or, after split_end(),
 * when all was seen), or -EINVAL.  After an error it returns that again.
 */
int split_next(struct split *split, struct split_statement *ret,
               struct err *reterr);

/*
 * How text is read at the moment; after a statement whose effect only the
 * server knows (session_track.h) it may be corrected before the next
 * split_next().
 */
struct session_track *split_session(struct split *split);

#endif
