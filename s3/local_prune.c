/* SPDX-License-Identifier: MIT */
/*
 * Directories go with their last key.
 *
 * rmdir() of a directory that once was large costs a look at all of its blocks,
 * full or not, which would make removing its n files a matter of n * n.  So a
 * name that was seen in the directory is remembered, picked at random: as long
 * as that one is there, the directory is not empty.  When it goes, another one
 * is picked; that is about log(n) times, whatever the order of removal.
 */
#include "base/digest.h"
#include "local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define PICK_FROM 4096 /* names that are looked at */

/* Any of the first names in a directory; false when it is empty. */
static bool pick(int dir, char ret[LOCAL_NAME_MAX + 1])
{
	int fd = openat(dir, ".", DIR_FLAGS);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t random;
	unsigned seen = 0;

	if (!stream) {
		closep(&fd);
		return false;
	}
	digest_random(&random, sizeof(random));
	while (seen < PICK_FROM && (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		random = random * UINT64_C(6364136223846793005) +
		         UINT64_C(1442695040888963407);
		if ((random >> 32) % ++seen == 0)
			(void)str_copy(ret, LOCAL_NAME_MAX + 1, entry->d_name);
	}
	(void)closedir(stream);
	return seen > 0;
}

/* Whether the name remembered for the directory at path is there. */
static bool witness_is_there(const struct local_store *local, int dir,
                             const char *path)
{
	return strcmp(local->witness_dir, path) == 0 &&
	       faccessat(dir, local->witness, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether the directory at path has any name in it. */
static bool is_used(struct local_store *local, const char *path)
{
	cleanup(closep) int dir = local_open(local->bucket, path, DIR_FLAGS, 0);

	if (dir < 0)
		return false;
	if (witness_is_there(local, dir, path))
		return true;
	if (!pick(dir, local->witness))
		return false;
	(void)str_copy(local->witness_dir, sizeof(local->witness_dir), path);
	return true;
}

void local_prune_locked(struct local_store *local, char *path)
{
	while (strcmp(path, ".") != 0 && !is_used(local, path)) {
		const char *parent;
		const char *name = local_split(path, &parent);
		cleanup(closep) int fd =
			local_open(local->bucket, parent, DIR_FLAGS, 0);

		if (fd < 0 || unlinkat(fd, name, AT_REMOVEDIR) < 0) {
			/* Put the slash back: this one stays. */
			if (parent == path)
				path[strlen(path)] = '/';
			return;
		}
		if (parent != path)
			memcpy(path, ".", 2);
	}
}
