/* SPDX-License-Identifier: MIT */
/*
 * From names to keys and back (pure).
 *
 * What the file system calls a key is its path in the bucket: components joined
 * by "/"; a directory's placeholder object has a trailing "/".  Where POSIX
 * cannot name the object's true key, the path is another text (escape.h), and
 * the bucket's store changes one for the other (named_store.h).
 */
#ifndef PORTER_FS_KEY_H
#define PORTER_FS_KEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The key of name in the directory of key dir ("" = root), malloc'ed for the
 * caller.  0, -ENAMETOOLONG, -EILSEQ and -EINVAL (a name that cannot be:
 * escape_check_name()), -ENOMEM.
 */
int key_join(const char *dir, const char *name, char **ret);

/*
 * Whether something new may have that name, which key_join() took: -EINVAL for
 * a file with an empty name, which has no object, and for the name of a file
 * beside a directory, which only others can make.
 */
int key_check_new(const char *name, bool dir);

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
 * bytes without a trailing slash.  False: not shown (dir's own placeholder).
 */
bool key_name(size_t prefix_len, const char *key, size_t len, const char **ret,
              size_t *ret_len);

/* Whether key lies below directory dir ("" = everything). */
bool key_below(const char *key, const char *dir);

#endif
