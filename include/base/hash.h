/* SPDX-License-Identifier: MIT */
/*
 * Hash tables: uthash, told to report an exhausted memory instead of exiting.
 *
 * After HASH_ADD* with an element whose hh.tbl is NULL the table could not
 * take it: test that and return -ENOMEM.
 */
#ifndef PORTER_BASE_HASH_H
#define PORTER_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
