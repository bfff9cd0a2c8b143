/* SPDX-License-Identifier: MIT */
/*
 * The splitter on any bytes: what it gives does not depend on how the text is
 * cut, statements lie behind each other in the text and are its very bytes, and
 * every twin of skip() gives the same.  The first byte says how to cut.
 */
#include "split.h"

#include <assert.h>
#include <string.h>

#define STATEMENTS_MAX 512 /* of one input that are compared */

/* What came of one run. */
struct result {
	struct split_statement statements[STATEMENTS_MAX]; /* text is not kept */
	size_t count;
	int status;
};

/* Note statements; in a text that is not converted they are its bytes. */
static int take_all(struct split *split, const uint8_t *text, bool plain,
                    struct result *ret)
{
	struct split_statement st;
	int r;

	while ((r = split_next(split, &st, NULL)) == 1) {
		if (plain)
			assert(memcmp(st.text, text + st.offset, st.len) == 0);
		if (ret->count < STATEMENTS_MAX)
			ret->statements[ret->count++] = st;
	}
	return r;
}

/* Bytes of the next feed, by the cutting byte: at most 1 to 64, or all. */
static size_t piece(uint8_t how, size_t at, size_t left)
{
	size_t n = how % 65;

	if (how > 128)
		n = 1 + (at * 7 + how) % 11;
	return n == 0 || n > left ? left : n;
}

static void run(skip_fn *skip, const uint8_t *text, size_t size, uint8_t how,
                struct result *ret)
{
	cleanup(split_freep) struct split *split = NULL;
	struct split_config config = {.skip = skip};
	bool plain = size < 2 || (text[0] && text[1] && text[0] < 0xF0);
	size_t at = 0;
	int r = split_new(&config, &split);

	ret->count = 0;
	while (r == 0 && at < size) {
		size_t n = piece(how, at, size - at);

		r = split_feed(split, text + at, n, NULL);
		if (r == 0)
			r = take_all(split, text, plain, ret);
		at += n;
	}
	if (r == 0)
		r = split_end(split, NULL);
	if (r == 0)
		r = take_all(split, text, plain, ret);
	ret->status = r;
}

static void same(const struct result *a, const struct result *b)
{
	uint64_t end = 0;

	assert(a->status == b->status && a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct split_statement *x = &a->statements[i];
		const struct split_statement *y = &b->statements[i];

		assert(x->len == y->len && x->offset == y->offset);
		assert(x->line == y->line && x->end == y->end);
		assert(x->number == i + 1 && x->len > 0);
		assert(x->offset >= end && x->end > x->offset);
		end = x->end;
	}
}

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result *whole = malloc(sizeof(*whole));
	struct result *cut = malloc(sizeof(*cut));

	if (size > 0 && whole && cut) {
		run(skip_best(), data + 1, size - 1, 0, whole);
		run(skip_best(), data + 1, size - 1, data[0], cut);
		same(whole, cut);
		run(skip_scalar, data + 1, size - 1, data[0], cut);
		same(whole, cut);
	}
	free(whole);
	free(cut);
	return 0;
}
