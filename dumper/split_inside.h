/* SPDX-License-Identifier: MIT */
/*
 * Inside of the splitter, for its two halves: split_feed.c fills the buffer,
 * split.c walks through it.
 *
 *          start        scan             filled
 *   ├───────┼────────────┼────────────────┼─────┤ cap
 *    given   statement    not yet          room
 *    out     being read   looked at
 */
#ifndef PORTER_DUMPER_SPLIT_INSIDE_H
#define PORTER_DUMPER_SPLIT_INSIDE_H

#include "decode.h"
#include "split.h"

#define DELIMITER_MAX 16 /* bytes, as the mysql client has it */

/* What the byte at scan is in. */
enum where {
	BETWEEN,
	BODY,
	NAME,
	LINE,
	BLOCK
};

struct split {
	size_t statement_max;
	skip_fn *run;

	uint8_t *buf;
	size_t cap;
	size_t start;   /* of the statement; = scan between statements */
	size_t scan;    /* all before it is understood */
	size_t filled;  /* bytes in buf */
	uint64_t base;  /* offset in the text of buf[0] */
	size_t line_at; /* lines are counted up to here */
	uint64_t line;  /* of the byte at line_at */
	bool ended;     /* nothing more will be fed */
	int status;     /* first error, kept */
	int broken;     /* told once what was fed before is used up */
	struct err err;

	struct decode decode;
	uint8_t head[DECODE_HEAD];
	size_t head_len;
	bool detected;

	enum where where;
	bool in_statement;
	unsigned exec_depth; /* executable comments that are open */
	uint8_t name_quote;  /* of where = NAME */
	size_t opened;      /* where string, name or comment began, if inside */
	size_t exec_opened; /* the outermost executable comment, if inside */
	uint64_t opened_line; /* of a comment between statements */
	struct skip skip;
	char delim[DELIMITER_MAX + 1];
	size_t delim_len;
	uint64_t number; /* of the last statement */
	struct session_track session;
};

/* Keep the error in split->err for good and tell it. Returns code. */
int split_fail(struct split *split, int code, struct err *reterr);

/* The line of the byte at offset at of buf, at least line_at. */
uint64_t split_line_of(const struct split *split, size_t at);

/* Count the lines up to at; those before it will not be asked for again. */
void split_pass_lines(struct split *split, size_t at);

#endif
