/* SPDX-License-Identifier: MIT */
/*
 * Keys of the embedded store as paths of files, and back (pure).
 *
 * A key is cut at its slashes; each piece between them is a component of the
 * path as it stands, but for what a file name cannot be:
 *
 *   %                  %25
 *   nothing            %          "dir/" is dir/%, "a//b" is a/%/b
 *   . and ..           %2E and %2E%2E
 *   > 254 bytes        cut into directories of about 250 bytes, each with "%+"
 *                      at its end, and a rest
 *
 * An object whose own name is taken by a directory (`a` beside `a/b`) lies
 * aside, at its path with one more "%".  So a "%" at the end always is a mark,
 * and every file name means one component or is not ours: a name that somebody
 * made by hand with a "%" in any other way is no object.
 *
 * Every key of 1 to 1,024 bytes without NUL has a path, no two the same, and
 * none leaves its directory.
 */
#ifndef PORTER_S3_LOCAL_PATH_H
#define PORTER_S3_LOCAL_PATH_H

#include "s3/store.h"

#include <stddef.h>

#define LOCAL_PATH_MAX 4096 /* bytes with NUL; no key needs more */
#define LOCAL_NAME_MAX 255  /* bytes of a file name */

enum local_name {
	LOCAL_NAME_WHOLE,   /* a component */
	LOCAL_NAME_ASIDE,   /* a component, the file beside its directory */
	LOCAL_NAME_PART,    /* the beginning of one that goes on inside */
	LOCAL_NAME_FOREIGN, /* not ours */
};

/*
 * The path of a key, relative to its bucket's directory.  Returns 0, -EINVAL
 * for an empty key or -ENAMETOOLONG beyond STORE_KEY_MAX bytes.
 */
int local_path_of_key(const char *key, char ret[LOCAL_PATH_MAX]);

/*
 * The path of the directory that a key prefix ending in "/" names; "." for "".
 * Errors as above.
 */
int local_path_of_dir(const char *prefix, char ret[LOCAL_PATH_MAX]);

/* The key whose path that is, or -EINVAL when it is none's. */
int local_path_to_key(const char *path, char ret[STORE_KEY_MAX + 1]);

/*
 * What one file name means: writes the bytes of its component, or of the
 * beginning of one, without NUL (a name may not be longer than LOCAL_NAME_MAX
 * bytes) and their count.
 */
enum local_name local_name_decode(const char *name, char ret[LOCAL_NAME_MAX],
                                  size_t *ret_len);

/* Whether a component has to be cut, and so may begin with a LOCAL_NAME_PART. */
bool local_name_is_long(const char *component, size_t len);

#endif
