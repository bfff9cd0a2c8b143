/* SPDX-License-Identifier: MIT */
/*
 * Asking for what the policy thinks will be read: GETs into PREFETCH memory.
 */
#ifndef PORTER_FS_PREFETCH_H
#define PORTER_FS_PREFETCH_H

#include "block_cache.h"

#include <stdint.h>

/*
 * Begin GETs of at most get bytes for what is missing of [from, to).  Ends
 * early where memory does: returns how far it came.  Never waits.
 */
uint64_t prefetch_start(struct stored *stored, uint64_t from, uint64_t to,
                        uint64_t get);

#endif
