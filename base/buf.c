/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <string.h>

uint64_t chain_size(const struct chain *chain)
{
	uint64_t size = 0;

	for (size_t i = 0; i < chain->count; i++)
		size += chain->slices[i].len;
	return size;
}

/* Which way chain_copy() moves bytes. */
enum direction {
	OUT_OF_CHAIN,
	INTO_CHAIN,
};

/* Copy between flat memory and the chain's bytes from offset on. */
static size_t chain_copy(const struct chain *chain, uint64_t offset,
                         uint8_t *flat, size_t len, enum direction direction)
{
	size_t done = 0;

	for (size_t i = 0; i < chain->count && done < len; i++) {
		const struct slice *slice = &chain->slices[i];

		if (offset >= slice->len) {
			offset -= slice->len;
			continue;
		}

		size_t n = slice->len - (size_t)offset;

		n = n < len - done ? n : len - done;
		if (direction == OUT_OF_CHAIN)
			memcpy(flat + done, slice->data + offset, n);
		else
			memcpy(slice->data + offset, flat + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t chain_read(const struct chain *chain, uint64_t offset, void *dst,
                  size_t len)
{
	return chain_copy(chain, offset, dst, len, OUT_OF_CHAIN);
}

size_t chain_write(const struct chain *chain, uint64_t offset, const void *src,
                   size_t len)
{
	/* The cast is safe: this direction only reads the flat side. */
	return chain_copy(chain, offset, (uint8_t *)(uintptr_t)src, len,
	                  INTO_CHAIN);
}
