/* SPDX-License-Identifier: MIT */
/*
 * A bucket's store spoken to in paths instead of keys (escape.h): requests go
 * down with the key of their path, lists come back with the paths of their
 * keys.  So nothing above knows that some keys are shown under other names.
 *
 * Requests whose path is the key itself are passed on as they are.  A path that
 * no object can have is answered here: reading is -ENOENT, a list is empty,
 * anything else -EINVAL.  A list stays in the order of keys; an entry whose path
 * would be too long is left out.  The source of a copy may be a store of this
 * kind or not.
 */
#ifndef PORTER_FS_NAMED_STORE_H
#define PORTER_FS_NAMED_STORE_H

#include "s3/store.h"

/* 0 or -ENOMEM. below is borrowed. destroy() leaves it alone. */
int named_store_new(struct object_store *below, struct object_store **ret);

#endif
