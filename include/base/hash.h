/* SPDX-License-Identifier: MIT */
/*
 * Hash tables: uthash, told to report an exhausted memory instead of exiting,
 * and to hash with XXH64, which is faster than its own on long names.
 *
 * After HASH_ADD* with an element whose hh.tbl is NULL the table could not
 * take it: test that and return -ENOMEM.
 */
#ifndef PORTER_BASE_HASH_H
#define PORTER_BASE_HASH_H

#include "base/digest.h"

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) \
	((hash) = (unsigned)digest_xxh64((key), (len), 0))
#include <uthash.h>

#endif
