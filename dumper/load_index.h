/* SPDX-License-Identifier: MIT */
/*
 * The index beside an export (KEY.idx, SPEC.md): which bytes of the object a
 * few tables need (pure).
 *
 * Blocks hold whole statements and are frames of their own, so any of them
 * behind each other are a dump: of these tables, with the settings it begins
 * with and the line it ends with.
 */
#ifndef PORTER_DUMPER_LOAD_INDEX_H
#define PORTER_DUMPER_LOAD_INDEX_H

#include "filter.h"

#include <stddef.h>
#include <stdint.h>

struct load_span {
	uint64_t offset, length; /* bytes of the object */
};

/*
 * What an object of size bytes must be read of for the tables.  Returns 0 and
 * spans in ascending order, apart, owned by the caller; -EBADMSG when it is no
 * index, not whole, or of another object; -ENOMEM.
 */
int load_index_select(const char *text, size_t len, uint64_t size,
                      const struct filter *tables, struct load_span **ret,
                      size_t *ret_count);

#endif
