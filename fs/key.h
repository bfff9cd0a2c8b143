/* SPDX-License-Identifier: MIT */
/*
 * From names to object keys and back (pure).
 *
 * A key is its path in the bucket, components joined by "/"; a directory's
 * placeholder object has a trailing "/".  Every key that POSIX cannot name is
 * skipped for now: key_name() is the one place that decides, and will escape
 * them.
 */
#ifndef PORTER_FS_KEY_H
#define PORTER_FS_KEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The key of name in the directory of key dir ("" = root), malloc'ed for the
 * caller, with room for a trailing slash within the store's limit.  0,
 * -ENAMETOOLONG, -EINVAL (a name that cannot be: empty, ".", "..", with "/"),
 * -ENOMEM.
 */
int key_join(const char *dir, const char *name, char **ret);

/* key + "/", malloc'ed; "" stays "" (the prefix of a bucket's root). */
char *key_as_dir(const char *key);

/* The last component, inside key. */
const char *key_base(const char *key);

/* The length of the key's directory, 0 for one in the root. */
size_t key_parent_len(const char *key);

/* The key's directory, malloc'ed; "" for one in the root. */
char *key_parent(const char *key);

/*
 * The name under which a listed key or prefix (key, len bytes, starting with
 * its directory's prefix of prefix_len bytes) is shown: *ret inside key, *ret_len
 * bytes without a trailing slash.  False: not shown (dir's own placeholder, or
 * a name that POSIX cannot hold; *ret_odd tells which).
 */
bool key_name(size_t prefix_len, const char *key, size_t len, const char **ret,
              size_t *ret_len, bool *ret_odd);

/* Whether key lies below directory dir ("" = everything). */
bool key_below(const char *key, const char *dir);

#endif
