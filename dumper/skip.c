/* SPDX-License-Identifier: MIT */
/*
 * See skip.h.  A block is 64 bytes as three masks of 64 bits: quotes,
 * backslashes, stops.  Quotes that a backslash escapes are taken out, the
 * running parity of the others tells which bytes are inside of strings, and if
 * no stop is outside, the block is done without a single branch on its text.
 *
 * A backslash outside of a string escapes nothing, but it is a stop, and what
 * lies behind the first stop does not matter.
 */
#include "skip.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define BLOCK 64 /* bytes, as many as a mask has bits */

/* Whether a byte outside of strings is a stop, given the one behind it. */
static inline bool is_stop(const struct skip *s, uint8_t c, int next)
{
	if (c == s->delim)
		return true;

	switch (c) {
	case '\'':
	case '"':
	case '`':
	case '#':
	case '\\':
		return true;
	case '-':
		return next == '-' || next < 0;
	case '/':
		return next == '*' || next < 0;
	case '*':
		return next == '/' || next < 0;
	default:
		return false;
	}
}

/* One byte inside of a string. */
static inline void string_byte(struct skip *s, uint8_t c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\' && s->escapes)
		s->escaped = true;
	else if (c == s->quote)
		s->in_string = false;
}

static inline void string_open(struct skip *s, size_t at)
{
	s->in_string = true;
	s->opened = at;
}

size_t skip_scalar(struct skip *s, const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = text[i];

		if (s->in_string)
			string_byte(s, c);
		else if (c == s->quote)
			string_open(s, i);
		else if (is_stop(s, c, i + 1 < len ? text[i + 1] : -1))
			return i;
	}
	return len;
}

#ifdef __x86_64__

/* What is left behind the last whole block, from at on. */
static size_t skip_tail(struct skip *s, const uint8_t *text, size_t at,
                        size_t len)
{
	size_t before = s->opened;

	s->opened = SIZE_MAX;
	len = skip_scalar(s, text + at, len - at);
	s->opened = s->opened == SIZE_MAX ? before : s->opened + at;
	return at + len;
}

/* What a block of text holds, one bit a byte, the first the lowest. */
struct masks {
	uint64_t quotes;
	uint64_t backslashes;
	uint64_t stops;
};

/* The bits of bytes that a backslash escapes; *carry: into the next block. */
static inline uint64_t escaped_bits(uint64_t backslashes, bool *carry)
{
	uint64_t escaped = *carry;

	backslashes &= ~escaped;
	*carry = false;
	while (backslashes) {
		uint64_t first = backslashes & -backslashes;
		uint64_t after = first << 1;

		escaped |= after;
		if (!after)
			*carry = true;
		backslashes &= ~(first | after);
	}
	return escaped;
}

/* The bits between quotes, the opening ones included. */
static inline uint64_t inside_bits(uint64_t quotes, bool in_string)
{
	quotes ^= quotes << 1;
	quotes ^= quotes << 2;
	quotes ^= quotes << 4;
	quotes ^= quotes << 8;
	quotes ^= quotes << 16;
	quotes ^= quotes << 32;
	return in_string ? ~quotes : quotes;
}

/* One block, at offset at. Returns its first stop, counted there, or BLOCK. */
static inline size_t block_step(struct skip *s, const struct masks *m,
                                size_t at)
{
	bool carry = s->escaped;
	uint64_t quotes = m->quotes;

	if (s->escapes && (carry || m->backslashes))
		quotes &= ~escaped_bits(m->backslashes, &carry);

	uint64_t inside = inside_bits(quotes, s->in_string);
	uint64_t stops = m->stops & ~inside & ~quotes;

	if (stops) {
		s->in_string = false;
		s->escaped = false;
		return (size_t)__builtin_ctzll(stops);
	}
	s->in_string = inside >> (BLOCK - 1);
	s->escaped = carry && s->in_string;
	if (s->in_string && quotes)
		s->opened = at + BLOCK - 1 - (size_t)__builtin_clzll(quotes);
	return BLOCK;
}

/* The masks of 16 bytes, next being the same one byte on. */
static inline void masks16(const struct skip *s, const uint8_t *text,
                           unsigned shift, struct masks *m)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)text);
	__m128i n = _mm_loadu_si128((const __m128i *)(const void *)(text + 1));
	__m128i slash = _mm_set1_epi8('/');
	__m128i star = _mm_set1_epi8('*');
	__m128i dash = _mm_set1_epi8('-');
	__m128i bs = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i one = _mm_cmpeq_epi8(v, _mm_set1_epi8('\''));
	__m128i two = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i stop = _mm_or_si128(one, two);

	stop = _mm_or_si128(stop, bs);
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8('`')));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(v, _mm_set1_epi8('#')));
	stop = _mm_or_si128(stop,
	                    _mm_cmpeq_epi8(v, _mm_set1_epi8((char)s->delim)));
	stop = _mm_or_si128(stop, _mm_and_si128(_mm_cmpeq_epi8(v, dash),
	                                        _mm_cmpeq_epi8(n, dash)));
	stop = _mm_or_si128(stop, _mm_and_si128(_mm_cmpeq_epi8(v, slash),
	                                        _mm_cmpeq_epi8(n, star)));
	stop = _mm_or_si128(stop, _mm_and_si128(_mm_cmpeq_epi8(v, star),
	                                        _mm_cmpeq_epi8(n, slash)));

	__m128i quote = s->quote == '"' ? two : one;

	m->quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(quote) << shift;
	m->backslashes |= (uint64_t)(uint32_t)_mm_movemask_epi8(bs) << shift;
	m->stops |= (uint64_t)(uint32_t)_mm_movemask_epi8(stop) << shift;
}

size_t skip_sse2(struct skip *s, const uint8_t *text, size_t len)
{
	size_t i = 0;

	for (; i + BLOCK < len; i += BLOCK) {
		struct masks m = {0};

		for (unsigned k = 0; k < BLOCK; k += 16)
			masks16(s, text + i + k, k, &m);

		size_t at = block_step(s, &m, i);

		if (at < BLOCK)
			return i + at;
	}
	return skip_tail(s, text, i, len);
}

/* The masks of 32 bytes. */
__attribute__((target("avx2"))) static inline void masks32(const struct skip *s,
                                                           const uint8_t *text,
                                                           unsigned shift,
                                                           struct masks *m)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)text);
	__m256i n =
		_mm256_loadu_si256((const __m256i *)(const void *)(text + 1));
	__m256i slash = _mm256_set1_epi8('/');
	__m256i star = _mm256_set1_epi8('*');
	__m256i dash = _mm256_set1_epi8('-');
	__m256i bs = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
	__m256i one = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\''));
	__m256i two = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	__m256i stop = _mm256_or_si256(one, two);

	stop = _mm256_or_si256(stop, bs);
	stop = _mm256_or_si256(stop,
	                       _mm256_cmpeq_epi8(v, _mm256_set1_epi8('`')));
	stop = _mm256_or_si256(stop,
	                       _mm256_cmpeq_epi8(v, _mm256_set1_epi8('#')));
	stop = _mm256_or_si256(
		stop, _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)s->delim)));
	stop = _mm256_or_si256(stop,
	                       _mm256_and_si256(_mm256_cmpeq_epi8(v, dash),
	                                        _mm256_cmpeq_epi8(n, dash)));
	stop = _mm256_or_si256(stop,
	                       _mm256_and_si256(_mm256_cmpeq_epi8(v, slash),
	                                        _mm256_cmpeq_epi8(n, star)));
	stop = _mm256_or_si256(stop,
	                       _mm256_and_si256(_mm256_cmpeq_epi8(v, star),
	                                        _mm256_cmpeq_epi8(n, slash)));

	__m256i quote = s->quote == '"' ? two : one;

	m->quotes |= (uint64_t)(uint32_t)_mm256_movemask_epi8(quote) << shift;
	m->backslashes |= (uint64_t)(uint32_t)_mm256_movemask_epi8(bs) << shift;
	m->stops |= (uint64_t)(uint32_t)_mm256_movemask_epi8(stop) << shift;
}

__attribute__((target("avx2"))) size_t
skip_avx2(struct skip *s, const uint8_t *text, size_t len)
{
	size_t i = 0;

	for (; i + BLOCK < len; i += BLOCK) {
		struct masks m = {0};

		masks32(s, text + i, 0, &m);
		masks32(s, text + i + 32, 32, &m);

		size_t at = block_step(s, &m, i);

		if (at < BLOCK)
			return i + at;
	}
	return skip_tail(s, text, i, len);
}

skip_fn *skip_best(void)
{
	return __builtin_cpu_supports("avx2") ? skip_avx2 : skip_sse2;
}

#else

skip_fn *skip_best(void)
{
	return skip_scalar;
}

#endif
