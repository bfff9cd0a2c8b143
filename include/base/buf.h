/* SPDX-License-Identifier: MIT */
/*
 * Ranges of memory: how data bytes travel without being copied.
 *
 * A chain is an array of slices that together are one run of bytes.  Neither
 * owns the bytes: whoever hands out a chain says how long they stay.
 */
#ifndef PORTER_BASE_BUF_H
#define PORTER_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct slice {
	uint8_t *data;
	size_t len; /* bytes */
};

struct chain {
	const struct slice *slices; /* borrowed */
	size_t count;               /* slices */
};

/* Bytes in all slices together. */
uint64_t chain_size(const struct chain *chain);

/*
 * Copy len bytes at offset out of, or into, a chain.  Returns how many bytes
 * were copied: less than len only at the chain's end.
 */
size_t chain_read(const struct chain *chain, uint64_t offset, void *dst,
                  size_t len);
size_t chain_write(const struct chain *chain, uint64_t offset, const void *src,
                   size_t len);

#endif
