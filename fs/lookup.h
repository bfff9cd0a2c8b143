/* SPDX-License-Identifier: MIT */
/*
 * From what the store says of a name to its inode: shared by lookups and
 * listings.
 */
#ifndef PORTER_FS_LOOKUP_H
#define PORTER_FS_LOOKUP_H

#include "find.h"
#include "inode.h"

/*
 * The inode of a name of which meta is known since moment, referenced.  0,
 * -EAGAIN (the mount changed the name since), -ENOMEM.
 */
int lookup_see(struct bucket *bucket, const char *key, const struct meta *meta,
               uint64_t moment, struct inode **ret);

/* The inode of a nodeid, referenced, or NULL and the call is answered. */
struct inode *lookup_node(struct fs *fs, struct fs_call *call, uint64_t nodeid);

/*
 * Go on with an inode whose attributes are known and fresh: then(), at once or
 * when the store has answered, which fills and answers the call.  On failure
 * the call is answered here: -ESTALE when the name has another version now and
 * nobody has the inode open.  text is copied if need be; then() borrows it.
 */
typedef void lookup_then_fn(struct fs_call *call, struct inode *inode,
                            const char *text);
void lookup_fresh(struct fs_call *call, struct inode *inode,
                  lookup_then_fn *then, const char *text);

#endif
