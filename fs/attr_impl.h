/* SPDX-License-Identifier: MIT */
/* What attr.c and attr_meta.c share: the inside of struct attr_meta. */
#ifndef PORTER_FS_ATTR_IMPL_H
#define PORTER_FS_ATTR_IMPL_H

#include "attr.h"

#include <stdatomic.h>

struct attr_meta {
	atomic_uint refs;
	const char *content_type; /* these four: NULL = not said */
	const char *content_encoding;
	const char *cache_control;
	const char *content_disposition;
	const char *target; /* of a symlink; NULL = not known */
	size_t count;
	struct store_meta pairs[]; /* in order of names; texts behind them */
};

/* What is not ours of a reply's headers; *ret is NULL when there is nothing. */
int attr_meta_from_headers(const struct store_headers *from,
                           struct attr_meta **ret);
/* The same with a symlink's target (may be NULL). */
int attr_meta_build(const struct store_headers *from, const char *target,
                    struct attr_meta **ret);

#endif
