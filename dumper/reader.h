/* SPDX-License-Identifier: MIT */
/*
 * A reader: one session, one thread, one writer of blocks.
 */
#ifndef PORTER_DUMPER_READER_H
#define PORTER_DUMPER_READER_H

#include "dump_run.h"
#include "tasks.h"

struct reader {
	struct dump *dump;
	struct tasks *tasks;
	struct db_session *session;
	struct outlet_writer *writer;
	unsigned number;

	/* Of the piece at hand. */
	struct task_piece *piece;
	struct sql_insert insert;
	struct str sql;
	struct str key;       /* literals of the last row's key */
	struct str first_key; /* of the block's first row */
	uint64_t counted;     /* rows not yet in the block's count */
	uint64_t limit;       /* rows of the next step */
};

/* row.c: print a row into the block; the key's literals with it. */
int reader_row(struct reader *reader, const struct db_row *row,
               struct err *reterr);
/* End the statement and put the block out. */
int reader_flush(struct reader *reader, struct err *reterr);
/* The key of a row as a point. 0 or -ENOMEM. */
int reader_point(const struct dump_table *table, const struct db_row *row,
                 struct chunk_point *ret);

/* steal.c: give the upper half of the piece away, if it can be halved. */
int reader_share(struct reader *reader, struct err *reterr);

#endif
