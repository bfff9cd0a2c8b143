/* SPDX-License-Identifier: MIT */
/*
 * The door to zstd, zlib and liblzma.
 *
 * Each kind is a row of functions over one union of states.  Decoders go from
 * frame to frame by themselves: `between` says that one has ended and the next
 * has not begun; NUL bytes there are padding (tapes, xz) and passed over.
 */
#include "base/codec.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define DECODER_MEMORY_MAX ((uint64_t)128 << 20) /* bytes */
#define DECODER_WINDOW_LOG 27                    /* zstd: 128 MiB */

struct codec {
	enum codec_kind kind;
	bool encodes;
	bool between; /* decoder: at the border of two frames */
	union {
		ZSTD_CCtx *zstd_out;
		ZSTD_DCtx *zstd_in;
		z_stream gzip;
		lzma_stream xz;
	};
};

enum codec_kind codec_by_name(const char *name)
{
	if (str_ends(name, ".zst"))
		return CODEC_ZSTD;
	if (str_ends(name, ".gz"))
		return CODEC_GZIP;
	if (str_ends(name, ".xz"))
		return CODEC_XZ;
	return CODEC_PLAIN;
}

enum codec_kind codec_sniff(const void *data, size_t len)
{
	if (len >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0)
		return CODEC_ZSTD;
	if (len >= 3 && memcmp(data, "\x1f\x8b\x08", 3) == 0)
		return CODEC_GZIP;
	if (len >= 6 && memcmp(data, "\xfd\x37zXZ\0", 6) == 0)
		return CODEC_XZ;
	return CODEC_PLAIN;
}

const char *codec_name(enum codec_kind kind)
{
	/* By kind. */
	static const char *const names[] = {"none", "zstd", "gzip", "xz"};

	return names[kind];
}

/* Make the kind's encoder in codec. */
static int start_encoder(struct codec *codec, int level)
{
	switch (codec->kind) {
	case CODEC_ZSTD:
		codec->zstd_out = ZSTD_createCCtx();
		if (!codec->zstd_out)
			return -ENOMEM;
		(void)ZSTD_CCtx_setParameter(codec->zstd_out,
		                             ZSTD_c_compressionLevel,
		                             level ? level : 3);
		(void)ZSTD_CCtx_setParameter(codec->zstd_out,
		                             ZSTD_c_checksumFlag, 1);
		return 0;
	case CODEC_GZIP:
		if (deflateInit2(&codec->gzip,
		                 level ? level : Z_DEFAULT_COMPRESSION,
		                 Z_DEFLATED, MAX_WBITS + 16, 8,
		                 Z_DEFAULT_STRATEGY) != Z_OK)
			return -ENOMEM;
		return 0;
	case CODEC_XZ:
		return -EOPNOTSUPP;
	case CODEC_PLAIN:
	default:
		return 0;
	}
}

/* Make the kind's decoder in codec. */
static int start_decoder(struct codec *codec)
{
	switch (codec->kind) {
	case CODEC_ZSTD:
		codec->zstd_in = ZSTD_createDCtx();
		if (!codec->zstd_in)
			return -ENOMEM;
		(void)ZSTD_DCtx_setParameter(codec->zstd_in,
		                             ZSTD_d_windowLogMax,
		                             DECODER_WINDOW_LOG);
		return 0;
	case CODEC_GZIP:
		return inflateInit2(&codec->gzip, MAX_WBITS + 16) == Z_OK
		               ? 0
		               : -ENOMEM;
	case CODEC_XZ:
		return lzma_stream_decoder(&codec->xz, DECODER_MEMORY_MAX, 0) ==
		                       LZMA_OK
		               ? 0
		               : -ENOMEM;
	case CODEC_PLAIN:
	default:
		return 0;
	}
}

static bool level_exists(enum codec_kind kind, int level)
{
	int most = kind == CODEC_ZSTD ? 19 : kind == CODEC_GZIP ? 9 : 0;

	return level >= 0 && level <= most;
}

int codec_encoder_new(enum codec_kind kind, int level, struct codec **ret)
{
	cleanup(freep) struct codec *codec = calloc(1, sizeof(*codec));
	int r;

	if (!codec)
		return -ENOMEM;
	if (kind != CODEC_XZ && !level_exists(kind, level))
		return -EDOM;

	codec->kind = kind;
	codec->encodes = true;
	r = start_encoder(codec, level);
	if (r < 0)
		return r;

	*ret = take(&codec);
	return 0;
}

int codec_decoder_new(enum codec_kind kind, struct codec **ret)
{
	cleanup(freep) struct codec *codec = calloc(1, sizeof(*codec));
	int r;

	if (!codec)
		return -ENOMEM;

	codec->kind = kind;
	codec->between = true;
	r = start_decoder(codec);
	if (r < 0)
		return r;

	*ret = take(&codec);
	return 0;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;

	if (codec->kind == CODEC_ZSTD && codec->encodes)
		(void)ZSTD_freeCCtx(codec->zstd_out);
	else if (codec->kind == CODEC_ZSTD)
		(void)ZSTD_freeDCtx(codec->zstd_in);
	else if (codec->kind == CODEC_GZIP && codec->encodes)
		(void)deflateEnd(&codec->gzip);
	else if (codec->kind == CODEC_GZIP)
		(void)inflateEnd(&codec->gzip);
	else if (codec->kind == CODEC_XZ)
		lzma_end(&codec->xz);
	free(codec);
}

/* What a step of the library took and gave. */
static void advance(struct codec_io *io, size_t taken, size_t given)
{
	io->in += taken;
	io->in_len -= taken;
	io->out += given;
	io->out_len -= given;
}

static int copy_plain(struct codec_io *io, bool ends)
{
	size_t n = io->in_len < io->out_len ? io->in_len : io->out_len;

	if (n > 0)
		memcpy(io->out, io->in, n);
	advance(io, n, n);
	return ends && io->in_len == 0;
}

static int zstd_encode(struct codec *codec, struct codec_io *io, bool finish)
{
	ZSTD_inBuffer in = {.src = io->in, .size = io->in_len};
	ZSTD_outBuffer out = {.dst = io->out, .size = io->out_len};
	size_t left =
		ZSTD_compressStream2(codec->zstd_out, &out, &in,
	                             finish ? ZSTD_e_end : ZSTD_e_continue);

	if (ZSTD_isError(left))
		return -ENOMEM;
	advance(io, in.pos, out.pos);
	return finish && left == 0;
}

static int zstd_decode(struct codec *codec, struct codec_io *io)
{
	ZSTD_inBuffer in = {.src = io->in, .size = io->in_len};
	ZSTD_outBuffer out = {.dst = io->out, .size = io->out_len};
	size_t left = ZSTD_decompressStream(codec->zstd_in, &out, &in);

	if (ZSTD_isError(left))
		return -EBADMSG;
	advance(io, in.pos, out.pos);
	codec->between = left == 0;
	return 0;
}

/* zlib counts in unsigned. */
static unsigned bite(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

static int gzip_encode(struct codec *codec, struct codec_io *io, bool finish)
{
	z_stream *z = &codec->gzip;
	unsigned in = bite(io->in_len), out = bite(io->out_len);
	bool last = finish && in == io->in_len;
	int r;

	z->next_in = (uint8_t *)(uintptr_t)io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	r = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
	if (r == Z_STREAM_ERROR)
		return -EBADMSG;
	advance(io, in - z->avail_in, out - z->avail_out);
	if (r != Z_STREAM_END)
		return 0;
	(void)deflateReset(z);
	return 1;
}

static int gzip_decode(struct codec *codec, struct codec_io *io)
{
	z_stream *z = &codec->gzip;
	unsigned in = bite(io->in_len), out = bite(io->out_len);
	int r;

	z->next_in = (uint8_t *)(uintptr_t)io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	r = inflate(z, Z_NO_FLUSH);
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return -EBADMSG;
	advance(io, in - z->avail_in, out - z->avail_out);
	codec->between = r == Z_STREAM_END;
	if (codec->between)
		(void)inflateReset(z);
	return 0;
}

static int xz_decode(struct codec *codec, struct codec_io *io)
{
	lzma_stream *x = &codec->xz;
	size_t in = io->in_len, out = io->out_len;
	lzma_ret r;

	x->next_in = io->in;
	x->avail_in = in;
	x->next_out = io->out;
	x->avail_out = out;
	r = lzma_code(x, LZMA_RUN);
	if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR)
		return -ENOMEM;
	if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
		return -EBADMSG;
	advance(io, in - x->avail_in, out - x->avail_out);
	codec->between = r == LZMA_STREAM_END;
	if (codec->between &&
	    lzma_stream_decoder(x, DECODER_MEMORY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	return 0;
}

/* One frame, or as much of it as input and room allow. */
static int decode_frame(struct codec *codec, struct codec_io *io)
{
	if (codec->kind == CODEC_ZSTD)
		return zstd_decode(codec, io);
	if (codec->kind == CODEC_GZIP)
		return gzip_decode(codec, io);
	return xz_decode(codec, io);
}

/* Pass over the padding behind a frame. */
static void skip_padding(const struct codec *codec, struct codec_io *io)
{
	if (!codec->between || codec->kind == CODEC_ZSTD)
		return;
	while (io->in_len > 0 && io->in[0] == 0)
		advance(io, 1, 0);
}

static int decode(struct codec *codec, struct codec_io *io)
{
	for (;;) {
		size_t in = io->in_len, out = io->out_len;

		skip_padding(codec, io);
		if (codec->between && io->in_len == 0)
			return 1;

		int r = decode_frame(codec, io);

		if (r < 0)
			return r;
		if (io->in_len == in && io->out_len == out)
			return 0;
	}
}

int codec_step(struct codec *codec, struct codec_io *io, bool finish)
{
	if (codec->kind == CODEC_PLAIN)
		return copy_plain(io, !codec->encodes || finish);
	if (!codec->encodes)
		return decode(codec, io);
	if (codec->kind == CODEC_ZSTD)
		return zstd_encode(codec, io, finish);

	assert(codec->kind == CODEC_GZIP);
	return gzip_encode(codec, io, finish);
}

size_t codec_bound(enum codec_kind kind, size_t len)
{
	if (kind == CODEC_ZSTD)
		return ZSTD_compressBound(len) + 64;
	if (kind == CODEC_GZIP)
		return compressBound(len) + 64;
	return len;
}
