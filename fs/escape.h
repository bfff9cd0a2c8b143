/* SPDX-License-Identifier: MIT */
/*
 * Keys that POSIX cannot name, as names (pure).
 *
 * A path is a key as the mount shows it.  Most keys are their own path.  In the
 * others each thing that no name can hold becomes "%x" and two upper-case hex
 * digits:
 *
 *   an empty component ("a//b", "/b")          %x2F     as the whole name
 *   "." and ".."                               %x2E, %x2E%x2E
 *   a byte that is not UTF-8                   %xE9     in its place
 *   "%" before "x" and two such digits         %x25     for the "%"
 *   a file that is a directory too ("a", "a/b") a%x00   for the file
 *
 * So "100%.txt", "a%20b" and "caf%C3%A9" stay as they are.  Every key has one
 * path and every path one key; a name that no key has (bytes that are not
 * UTF-8, an escape that nothing asks for) is refused.
 *
 * A path that ends with "/" is a directory's: so is its key.  The mark %x00
 * stands only at the end of a file's path: the key is that of the path without
 * it, and who makes the path says that a directory stands beside.
 */
#ifndef PORTER_FS_ESCAPE_H
#define PORTER_FS_ESCAPE_H

#include "s3/store.h"

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_PATH_MAX STORE_KEY_MAX /* bytes of a path */
#define ESCAPE_EMPTY    "%x2F"        /* the name of an empty component */
#define ESCAPE_ASIDE    "%x00"        /* behind a file's name */

/* Whether the path of a key is another text than the key. */
bool escape_key_is_odd(const char *key, size_t len);

/* Whether the key of a path may be another text than the path. */
bool escape_path_is_odd(const char *path);

/*
 * The path of a key (or prefix) of len bytes, with a NUL. 0, or -ENAMETOOLONG:
 * longer than ESCAPE_PATH_MAX.
 */
int escape_path(const char *key, size_t len, char ret[ESCAPE_PATH_MAX + 1]);

/*
 * The key of a path. 0; -ENOENT: none (a file with an empty name, a directory
 * with the mark, a name that is no component's); -ENAMETOOLONG.
 */
int escape_to_key(const char *path, char ret[STORE_KEY_MAX + 1]);

/*
 * Whether a name can stand in a path: 0; -EILSEQ: it is not UTF-8; -EINVAL: an
 * escape that nothing asks for; empty, ".", "..", with "/".
 */
int escape_check_name(const char *name);

/* Whether a path ends with the mark of a file beside a directory. */
bool escape_is_aside(const char *path);

#endif
