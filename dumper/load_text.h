/* SPDX-License-Identifier: MIT */
/*
 * A source as statements: read, unpacked by what its first bytes say, split;
 * and what the beginning and the end tell about the whole.
 */
#ifndef PORTER_DUMPER_LOAD_TEXT_H
#define PORTER_DUMPER_LOAD_TEXT_H

#include "base/codec.h"
#include "dumper/source.h"
#include "split.h"

#define LOAD_HEAD ((size_t)1 << 20) /* bytes that are looked at before */
#define LOAD_TAIL 512               /* bytes in which a dump's last line is */

struct load_text {
	struct load_source *source; /* borrowed */
	enum codec_kind kind;
	struct codec *codec; /* owned; NULL = plain */
	struct split *split; /* owned */
	uint8_t *raw;        /* owned; what was read last */
	uint8_t *plain;      /* owned; what it unpacks to */
	struct codec_io io;  /* the rest of raw */
	bool source_ended;
	bool frame_ended; /* the stream may end here */

	size_t head_len;  /* bytes of plain that are the text's beginning */
	bool head_is_all; /* there is no more text */
	bool head_fed;
	bool announced; /* it says that it is a dump with a last line */
	uint8_t tail[LOAD_TAIL];
	size_t tail_len;
	uint64_t bytes; /* read from the source */
	uint64_t fed;   /* of text */
};

/* Reads the beginning, at most LOAD_HEAD bytes of text: t->plain. */
int load_text_open(struct load_text *t, struct load_source *source,
                   struct err *reterr);
void load_text_release(struct load_text *t);

/*
 * Whether the end is there, before all is read: 1 it is, or nothing was
 * announced, 0 it can be told at the end only, -EBADMSG with a sentence that
 * begins with TRUNCATED.
 */
int load_text_check_end(struct load_text *t, struct err *reterr);

/*
 * As split_next(), but 0 is the end of the whole; then the end was checked:
 * -EBADMSG.
 */
int load_text_next(struct load_text *t, struct split_statement *ret,
                   struct err *reterr);

/* Whether text begins as a dump that ends with "-- Dump completed" (pure). */
bool load_announces(const uint8_t *head, size_t len);
/* Whether its last bytes have that line (pure). */
bool load_completed(const uint8_t *tail, size_t len);

#endif
