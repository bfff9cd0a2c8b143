/* SPDX-License-Identifier: MIT */
/* Compression: both ways, cut anywhere, damaged, and many frames in a row. */
#include "base/codec.h"
#include "base/digest.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Both encoders. */
static const enum codec_kind both[] = {CODEC_ZSTD, CODEC_GZIP};

/* "plain text\n" as xz -0 writes it. */
static const uint8_t xz_text[] = {
	0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46,
	0x02, 0x00, 0x21, 0x01, 0x0c, 0x00, 0x00, 0x00, 0x8f, 0x98, 0x41, 0x9c,
	0x01, 0x00, 0x0a, 0x70, 0x6c, 0x61, 0x69, 0x6e, 0x20, 0x74, 0x65, 0x78,
	0x74, 0x0a, 0x00, 0x00, 0x21, 0x90, 0xc7, 0x25, 0xbf, 0x73, 0xc4, 0xda,
	0x00, 0x01, 0x23, 0x0b, 0xc2, 0x1b, 0xfd, 0x09, 0x1f, 0xb6, 0xf3, 0x7d,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};

/* Text that compresses somewhat, always the same. */
static void fill(uint8_t *data, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)('a' + (x >> 28));
	}
}

/* One frame of data, appended to out. */
static void encode(struct codec *codec, const void *data, size_t len,
                   struct str *out)
{
	uint8_t room[1000];
	struct codec_io io = {.in = data, .in_len = len};
	int r = 0;

	while (r == 0) {
		io.out = room;
		io.out_len = sizeof(room);
		r = codec_step(codec, &io, true);
		assert_true(r >= 0);
		str_add_mem(out, room, sizeof(room) - io.out_len);
	}
	assert_int_equal(io.in_len, 0);
}

/* Decode step bytes at a time; the last step's verdict. */
static int decode(enum codec_kind kind, const struct str *in, size_t step,
                  struct str *out)
{
	cleanup(codec_freep) struct codec *codec = NULL;
	uint8_t room[777];
	int r = 0;

	assert_int_equal(codec_decoder_new(kind, &codec), 0);
	for (size_t at = 0; at < in->len; at += step) {
		struct codec_io io = {
			.in = (const uint8_t *)in->data + at,
			.in_len = in->len - at < step ? in->len - at : step};

		do {
			io.out = room;
			io.out_len = sizeof(room);
			r = codec_step(codec, &io, false);
			if (r < 0)
				return r;
			str_add_mem(out, room, sizeof(room) - io.out_len);
		} while (io.in_len > 0 || io.out_len == 0);
	}
	return r;
}

static void frames_come_back_however_they_are_cut(void **state)
{
	(void)state;
	const size_t len = 100000;
	cleanup(freep) uint8_t *data = malloc(len);

	fill(data, len);
	for (size_t k = 0; k < 2; k++) {
		cleanup(codec_freep) struct codec *codec = NULL;
		cleanup(str_release) struct str packed = {0};

		assert_int_equal(codec_encoder_new(both[k], 0, &codec), 0);
		encode(codec, data, len / 2, &packed);
		encode(codec, "", 0, &packed);
		encode(codec, data + len / 2, len - len / 2, &packed);
		assert_true(packed.len < len);
		assert_int_equal(codec_sniff(packed.data, packed.len), both[k]);

		const size_t steps[] = {1, 7, 4096, len};
		for (size_t i = 0; i < 4; i++) {
			cleanup(str_release) struct str plain = {0};

			assert_int_equal(
				decode(both[k], &packed, steps[i], &plain), 1);
			assert_int_equal(plain.len, len);
			assert_memory_equal(plain.data, data, len);
		}
	}
}

static void a_cut_stream_is_not_at_its_end(void **state)
{
	(void)state;
	uint8_t data[5000];

	fill(data, sizeof(data));
	for (size_t k = 0; k < 2; k++) {
		cleanup(codec_freep) struct codec *codec = NULL;
		cleanup(str_release) struct str packed = {0};
		cleanup(str_release) struct str plain = {0};

		assert_int_equal(codec_encoder_new(both[k], 1, &codec), 0);
		encode(codec, data, sizeof(data), &packed);
		packed.len--;
		assert_int_equal(decode(both[k], &packed, 64, &plain), 0);
	}
}

static void a_flipped_bit_is_found(void **state)
{
	(void)state;
	uint8_t data[5000];

	fill(data, sizeof(data));
	for (size_t k = 0; k < 2; k++) {
		cleanup(codec_freep) struct codec *codec = NULL;
		cleanup(str_release) struct str packed = {0};
		cleanup(str_release) struct str plain = {0};

		assert_int_equal(codec_encoder_new(both[k], 0, &codec), 0);
		encode(codec, data, sizeof(data), &packed);
		packed.data[packed.len / 2] ^= 0x10;
		assert_int_equal(decode(both[k], &packed, 64, &plain),
		                 -EBADMSG);
	}
}

static void what_is_no_frame_is_refused(void **state)
{
	(void)state;
	const enum codec_kind kinds[] = {CODEC_ZSTD, CODEC_GZIP, CODEC_XZ};

	for (size_t k = 0; k < 3; k++) {
		struct str text = {.data = (char[]){"-- no frame at all"},
		                   .len = 18};
		cleanup(str_release) struct str plain = {0};

		assert_int_equal(decode(kinds[k], &text, 18, &plain), -EBADMSG);
	}
}

static void xz_is_read_with_its_padding_and_not_written(void **state)
{
	(void)state;
	struct codec *codec = NULL;
	cleanup(str_release) struct str in = {0};
	cleanup(str_release) struct str out = {0};

	assert_int_equal(codec_encoder_new(CODEC_XZ, 0, &codec), -EOPNOTSUPP);
	str_add_mem(&in, xz_text, sizeof(xz_text));
	str_add_mem(&in, "\0\0\0\0", 4);
	str_add_mem(&in, xz_text, sizeof(xz_text));
	assert_int_equal(codec_sniff(in.data, in.len), CODEC_XZ);
	assert_int_equal(decode(CODEC_XZ, &in, 5, &out), 1);
	assert_string_equal(str_text(&out), "plain text\nplain text\n");
}

static void plain_bytes_pass(void **state)
{
	(void)state;
	cleanup(codec_freep) struct codec *codec = NULL;
	cleanup(str_release) struct str a = {0};
	cleanup(str_release) struct str b = {0};

	assert_int_equal(codec_encoder_new(CODEC_PLAIN, 0, &codec), 0);
	encode(codec, "as it is", 8, &a);
	assert_int_equal(decode(CODEC_PLAIN, &a, 3, &b), 1);
	assert_string_equal(str_text(&b), "as it is");
}

static void levels_that_are_none_are_refused(void **state)
{
	(void)state;
	struct codec *codec = NULL;

	assert_int_equal(codec_encoder_new(CODEC_ZSTD, 20, &codec), -EDOM);
	assert_int_equal(codec_encoder_new(CODEC_GZIP, 10, &codec), -EDOM);
	assert_int_equal(codec_encoder_new(CODEC_GZIP, -1, &codec), -EDOM);
	assert_int_equal(codec_encoder_new(CODEC_PLAIN, 1, &codec), -EDOM);
	assert_null(codec);
}

static void kinds_are_known_by_name_and_by_bytes(void **state)
{
	(void)state;
	assert_int_equal(codec_by_name("a/b.sql.zst"), CODEC_ZSTD);
	assert_int_equal(codec_by_name("b.sql.gz"), CODEC_GZIP);
	assert_int_equal(codec_by_name("b.xz"), CODEC_XZ);
	assert_int_equal(codec_by_name("b.sql"), CODEC_PLAIN);
	assert_int_equal(codec_by_name("zst"), CODEC_PLAIN);
	assert_int_equal(codec_sniff("-- My", 5), CODEC_PLAIN);
	assert_int_equal(codec_sniff("\x1f", 1), CODEC_PLAIN);
	assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
	assert_string_equal(codec_name(CODEC_PLAIN), "none");
}

static void a_bound_holds_what_does_not_compress(void **state)
{
	(void)state;
	const size_t len = 70000;
	cleanup(freep) uint8_t *data = malloc(len);

	digest_random(data, len);
	for (size_t k = 0; k < 2; k++) {
		cleanup(codec_freep) struct codec *codec = NULL;
		size_t most = codec_bound(both[k], len);
		cleanup(freep) uint8_t *room = malloc(most);
		struct codec_io io = {.in = data,
		                      .in_len = len,
		                      .out = room,
		                      .out_len = most};

		assert_int_equal(codec_encoder_new(both[k], 0, &codec), 0);
		assert_int_equal(codec_step(codec, &io, true), 1);
		assert_int_equal(io.in_len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_however_they_are_cut),
		cmocka_unit_test(a_cut_stream_is_not_at_its_end),
		cmocka_unit_test(a_flipped_bit_is_found),
		cmocka_unit_test(what_is_no_frame_is_refused),
		cmocka_unit_test(xz_is_read_with_its_padding_and_not_written),
		cmocka_unit_test(plain_bytes_pass),
		cmocka_unit_test(levels_that_are_none_are_refused),
		cmocka_unit_test(kinds_are_known_by_name_and_by_bytes),
		cmocka_unit_test(a_bound_holds_what_does_not_compress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
