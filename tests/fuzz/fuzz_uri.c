/* SPDX-License-Identifier: MIT */
/*
 * Codings that must be undone exactly: percent-encoding of keys, and metadata
 * on its way through a header.
 */
#include "base/str.h"
#include "meta.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes survive coding and decoding. */
static void check_bytes(const char *data, size_t size, bool keep_slash)
{
	struct str coded = {0};
	struct str back = {0};

	str_add_uri(&coded, data, size, keep_slash);
	assert(str_uri_decode(str_text(&coded), coded.len, false, &back) == 0);
	assert(back.len == size);
	assert(size == 0 || memcmp(back.data, data, size) == 0);
	assert(!strpbrk(str_text(&coded), " +?#&=\"<>\\^`{|}"));
	str_release(&coded);
	str_release(&back);
}

/* Any text that can be decoded means the same when coded anew. */
static void check_text(const char *data, size_t size, bool plus)
{
	struct str bytes = {0};
	int r = str_uri_decode(data, size, plus, &bytes);

	assert(r == 0 || r == -EINVAL);
	assert(r < 0 || bytes.len <= size);
	if (r == 0)
		check_bytes(str_text(&bytes), bytes.len, plus);
	str_release(&bytes);
}

/* Any value survives a header, which gets printable ASCII only. */
static void check_meta(const char *value)
{
	struct str coded = {0};
	struct str back = {0};

	meta_encode(value, &coded);
	for (size_t i = 0; i < coded.len; i++)
		assert(coded.data[i] >= ' ' && coded.data[i] <= '~');
	meta_decode(str_text(&coded), &back);
	assert(strcmp(str_text(&back), value) == 0);

	/* What others send is read or left alone, and never holds a NUL. */
	str_reset(&back);
	meta_decode(value, &back);
	assert(str_status(&back) == 0 && strlen(str_text(&back)) == back.len);
	str_release(&coded);
	str_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	assert(text);
	check_bytes((const char *)data, size, false);
	check_bytes((const char *)data, size, true);
	check_text((const char *)data, size, false);
	check_text((const char *)data, size, true);
	check_meta(text);
	free(text);
	return 0;
}
