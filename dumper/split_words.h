/* SPDX-License-Identifier: MIT */
/*
 * First words that a splitter must know: the mysql client's own commands, and
 * what tells that a text is not MySQL's at all.  Pure.
 */
#ifndef PORTER_DUMPER_SPLIT_WORDS_H
#define PORTER_DUMPER_SPLIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define SPLIT_WORD_MAX 32 /* bytes; longer words are nothing special */

/* Makes the mysql client refuse its own commands; others choke on it. */
#define SPLIT_SANDBOX "/*M!999999\\-"

/* What pg_dump writes into its second line. */
#define SPLIT_POSTGRES "-- PostgreSQL database"

/* Bytes of the word that text begins with; 0 when with none. */
size_t split_word_len(const char *text, size_t len);

bool split_is_delimiter(const char *word, size_t len);

/* NULL, or why a statement that begins with this word is not run. */
const char *split_refused(const char *word, size_t len);

#endif
