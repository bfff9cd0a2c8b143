/* SPDX-License-Identifier: MIT */
/*
 * CRC32C and CRC64-NVME, each by tables, eight bytes a step, and by the
 * processor's instructions where it has them.
 *
 * CRC32C: SSE 4.2's crc32 takes 8 bytes, can start one every cycle, and takes
 * three to finish; so three neighbouring blocks run at once and their
 * remainders are put together.  The remainder of block A must be moved past B
 * and C: multiplied by x^(8 * bytes).  A carry-less product of two reflected 32
 * bit words, read as 64 bits, is the product times x, and crc32 of that
 * multiplies by x^32: hence the constants x^(8 * bytes - 33).
 *
 * CRC64-NVME: folding (Gopal et al., "Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ Instruction", Intel 2009).  Four lanes of 16
 * bytes each are moved 64 bytes ahead and added to what is there.  A lane is
 * low * x^64 + high, so to move it by n bits they are multiplied by x^(n + 64)
 * and x^n; the reflected product is times x, hence one less.  The last 16 bytes
 * go through the tables, which divides them by the polynomial.
 */
#include "crc.h"

#include "base/digest.h"
#include "crc_tables.h"

#include <endian.h>
#include <string.h>

/* Eight bytes as a little-endian number. */
static uint64_t load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* Without the inversions at both ends, as the functions below. */
static uint32_t crc32c_tables(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = load64(p) ^ crc;

		crc = 0;
		for (unsigned i = 0; i < 8; i++)
			crc ^= crc32c_table[7 - i][word >> 8 * i & 255];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ crc32c_table[0][(crc ^ *p) & 255];
	return crc;
}

static uint64_t crc64nvme_tables(uint64_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = load64(p) ^ crc;

		crc = 0;
		for (unsigned i = 0; i < 8; i++)
			crc ^= crc64nvme_table[7 - i][word >> 8 * i & 255];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ crc64nvme_table[0][(crc ^ *p) & 255];
	return crc;
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	return ~crc32c_tables(~crc, data, len);
}

uint64_t crc64nvme_portable(uint64_t crc, const void *data, size_t len)
{
	return ~crc64nvme_tables(~crc, data, len);
}

#ifdef __x86_64__
#include <immintrin.h>

#define BLOCK ((size_t)1024) /* bytes; crc_tables.c knows it too */

/* Carry-less product of two 32 bit words. */
__attribute__((target("pclmul"))) static uint64_t multiply32(uint32_t a,
                                                             uint64_t b)
{
	return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
		_mm_cvtsi64_si128(a), _mm_cvtsi64_si128((int64_t)b), 0));
}

/* Three blocks at once. */
__attribute__((target("sse4.2,pclmul"))) static uint32_t
crc32c_blocks(uint32_t crc, const uint8_t *p)
{
	uint64_t a = crc;
	uint64_t b = 0;
	uint64_t c = 0;

	for (size_t i = 0; i < BLOCK; i += 8) {
		a = _mm_crc32_u64(a, load64(p + i));
		b = _mm_crc32_u64(b, load64(p + BLOCK + i));
		c = _mm_crc32_u64(c, load64(p + 2 * BLOCK + i));
	}

	uint64_t moved = multiply32((uint32_t)a, CRC32C_X_16351) ^
	                 multiply32((uint32_t)b, CRC32C_X_8159);

	return (uint32_t)(_mm_crc32_u64(0, moved) ^ c);
}

/* By the processor. */
__attribute__((target("sse4.2,pclmul"))) static uint32_t
crc32c_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 3 * BLOCK; len -= 3 * BLOCK, p += 3 * BLOCK)
		crc = crc32c_blocks(crc, p);
	for (; len >= 8; len -= 8, p += 8)
		crc = (uint32_t)_mm_crc32_u64(crc, load64(p));
	for (; len > 0; len--, p++)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}

/* Sixteen bytes, anywhere. */
static __m128i load128(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Move a lane ahead by what the two powers say, and add what is there. */
__attribute__((target("pclmul"))) static __m128i
fold(__m128i lane, __m128i powers, __m128i there)
{
	__m128i low = _mm_clmulepi64_si128(lane, powers, 0x00);
	__m128i high = _mm_clmulepi64_si128(lane, powers, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* By the processor; len is at least 64. */
__attribute__((target("pclmul"))) static uint64_t
crc64nvme_pclmul(uint64_t crc, const uint8_t *p, size_t len)
{
	const __m128i by_64_bytes = _mm_set_epi64x((int64_t)CRC64NVME_X_511,
	                                           (int64_t)CRC64NVME_X_575);
	const __m128i by_16_bytes = _mm_set_epi64x((int64_t)CRC64NVME_X_127,
	                                           (int64_t)CRC64NVME_X_191);
	__m128i start = _mm_set_epi64x(0, (int64_t)crc);
	__m128i lane0 = _mm_xor_si128(load128(p), start);
	__m128i lane1 = load128(p + 16);
	__m128i lane2 = load128(p + 32);
	__m128i lane3 = load128(p + 48);
	uint8_t last[16];

	for (p += 64, len -= 64; len >= 64; p += 64, len -= 64) {
		lane0 = fold(lane0, by_64_bytes, load128(p));
		lane1 = fold(lane1, by_64_bytes, load128(p + 16));
		lane2 = fold(lane2, by_64_bytes, load128(p + 32));
		lane3 = fold(lane3, by_64_bytes, load128(p + 48));
	}
	lane1 = fold(lane0, by_16_bytes, lane1);
	lane2 = fold(lane1, by_16_bytes, lane2);
	lane3 = fold(lane2, by_16_bytes, lane3);
	for (; len >= 16; p += 16, len -= 16)
		lane3 = fold(lane3, by_16_bytes, load128(p));

	_mm_storeu_si128((__m128i *)(void *)last, lane3);
	return crc64nvme_tables(crc64nvme_tables(0, last, sizeof(last)), p,
	                        len);
}

uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2") &&
	    __builtin_cpu_supports("pclmul"))
		return ~crc32c_sse42(~crc, data, len);
	return crc32c_portable(crc, data, len);
}

uint64_t digest_crc64nvme(uint64_t crc, const void *data, size_t len)
{
	if (len >= 64 && __builtin_cpu_supports("pclmul"))
		return ~crc64nvme_pclmul(~crc, data, len);
	return crc64nvme_portable(crc, data, len);
}

#else

uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len)
{
	return crc32c_portable(crc, data, len);
}

uint64_t digest_crc64nvme(uint64_t crc, const void *data, size_t len)
{
	return crc64nvme_portable(crc, data, len);
}

#endif
