/* SPDX-License-Identifier: MIT */
/*
 * Compression as streams: zstd and gzip both ways, xz for reading.
 *
 * A stream is one or more frames (gzip: members) behind each other.  An encoder
 * writes one frame until it is told to finish, then the next; a decoder reads
 * them all as one run of bytes.  Frames are independent, so many threads may
 * compress parts of one object, and one part can be read without the others.
 *
 * A codec belongs to one thread at a time.  Memory: about 2 MiB for an encoder
 * at the default level; decoders refuse frames that want more than 128 MiB.
 */
#ifndef PORTER_BASE_CODEC_H
#define PORTER_BASE_CODEC_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum codec_kind {
	CODEC_PLAIN, /* bytes as they are */
	CODEC_ZSTD,
	CODEC_GZIP,
	CODEC_XZ,
};

#define CODEC_SNIFF_MAX 6 /* bytes that codec_sniff() wants to see */

struct codec;

/* What a step reads and writes; moved forward by what it did. */
struct codec_io {
	const uint8_t *in; /* borrowed */
	size_t in_len;     /* bytes left to read */
	uint8_t *out;      /* borrowed */
	size_t out_len;    /* bytes of room left */
};

/* By a file's name: ".zst", ".gz", ".xz", else CODEC_PLAIN. */
enum codec_kind codec_by_name(const char *name);

/* By its first bytes, at least CODEC_SNIFF_MAX of them where there are. */
enum codec_kind codec_sniff(const void *data, size_t len);

/* "zstd", "gzip", "xz", "none". Static text. */
const char *codec_name(enum codec_kind kind);

/*
 * level 0 is the kind's default; zstd has 1 to 19, gzip 1 to 9.  Returns 0,
 * -EDOM for a level that is none, -EOPNOTSUPP for xz, -ENOMEM.
 */
int codec_encoder_new(enum codec_kind kind, int level, struct codec **ret);
int codec_decoder_new(enum codec_kind kind, struct codec **ret);
void codec_free(struct codec *codec);
DEFINE_CLEANUP(struct codec *, codec_free);

/*
 * Go on until the input is taken or the room is used.
 *
 * Encoder: with finish, 1 once the frame is whole (the next step begins another
 * one); 0: give more input or more room and call again.
 * Decoder (finish is not looked at): 1 when all input is taken and a frame has
 * just ended, so that the stream may end here; 0 in the middle of one.  While
 * the room is used up there may be more to come without further input.
 *
 * -EBADMSG: the input is damaged or no such frame; -ENOMEM.  The codec can only
 * be freed then.
 */
int codec_step(struct codec *codec, struct codec_io *io, bool finish);

/*
 * The most bytes that one frame of len bytes takes, so that a single step with
 * finish does it.
 */
size_t codec_bound(enum codec_kind kind, size_t len);

#endif
