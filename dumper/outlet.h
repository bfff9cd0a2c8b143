/* SPDX-License-Identifier: MIT */
/*
 * The way out: many writers of whole statements, one run of bytes.
 *
 * Each writer (a thread's own) fills a block of text with complete statements.
 * A full block is compressed on its thread, as a frame of its own, and put into
 * the sink in one piece, in whatever order blocks come.  For each block the
 * index gets a line: where it is, what is in it, its CRC.
 *
 * What must not be interrupted and is too long for a block (a row of 64 MB) is
 * put in piece by piece while the sink is held: it is one block of the index.
 *
 * The first failure stays: every later call returns it.
 */
#ifndef PORTER_DUMPER_OUTLET_H
#define PORTER_DUMPER_OUTLET_H

#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "dumper/dump.h"

#include <stdbool.h>
#include <stdint.h>

struct outlet;
struct outlet_writer;

/* Bytes of text after which a block is full, at the next statement's end. */
#define OUTLET_BLOCK ((size_t)2 << 20)

struct outlet_config {
	struct dump_sink *sink;  /* borrowed */
	struct dump_sink *index; /* borrowed; NULL = none */
	enum codec_kind codec;
	int level;
	struct dump_progress *progress; /* borrowed */
};

int outlet_new(const struct outlet_config *config, struct outlet **ret);
void outlet_free(struct outlet *outlet);
DEFINE_CLEANUP(struct outlet *, outlet_free);

/* Returns 0, -ENOMEM, or what codec_encoder_new() says. */
int outlet_writer_new(struct outlet *outlet, struct outlet_writer **ret);
void outlet_writer_free(struct outlet_writer *writer);
DEFINE_CLEANUP(struct outlet_writer *, outlet_writer_free);

/* What the blocks from here on hold. */
struct outlet_label {
	const char *part;  /* "head", "rows", "tail"; static */
	const char *db;    /* copied; NULL = of none */
	const char *table; /* copied */
	const char *kind; /* "table", "view", ...; static; NULL = rows or none */
};
/* Flushes what was written under another label. */
int outlet_label(struct outlet_writer *writer,
                 const struct outlet_label *label);

/* Where to append statements. */
struct str *outlet_text(struct outlet_writer *writer);

/* Rows in the block at hand; first and last key, for the index (may be NULL). */
void outlet_rows(struct outlet_writer *writer, uint64_t rows, const char *first,
                 const char *last);

/* Put out what there is. */
int outlet_flush(struct outlet_writer *writer);

/*
 * Put out what there is and hold the sink until the next outlet_flush(): what
 * is between belongs together.  No other writer gets in meanwhile.
 */
int outlet_hold(struct outlet_writer *writer);

/* Note a failure that stands for all. Returns the first one's code. */
int outlet_fail(struct outlet *outlet, int code, const struct err *err);
/* The failure so far, or 0. */
int outlet_status(struct outlet *outlet, struct err *reterr);

/* No writer is used any more. Publish, the index behind the dump. */
int outlet_finish(struct outlet *outlet, bool *ret_indexed, struct err *reterr);

#endif
