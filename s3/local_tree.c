/* SPDX-License-Identifier: MIT */
/*
 * The tree of files that are a bucket's objects.
 *
 * A key's file is found at its path or, where that is a directory, aside it
 * (local_path.h).  Directories come with the first key below them and go with
 * the last.  Whatever changes names does it under the tree lock, which other
 * processes respect too, so that a condition checked there holds at the rename
 * and no directory disappears under a newcomer.
 *
 * Two files of one key can be there only after a crash between the rename to
 * the plain path and the removal of the one aside; the plain one is newer, is
 * found first, and a removal takes it last.
 */
#include "local_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int local_open(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	                   RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : (int)fd;
}

int local_tree_lock(struct local_store *local)
{
	int r;

	(void)pthread_rwlock_wrlock(&local->tree);
	do
		r = flock(local->tree_lock_file, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;

	r = -errno;
	(void)pthread_rwlock_unlock(&local->tree);
	return r;
}

void local_tree_unlock(struct local_store *local)
{
	(void)flock(local->tree_lock_file, LOCK_UN);
	(void)pthread_rwlock_unlock(&local->tree);
}

/* Whether an errno says that a path leads to no file of ours. */
static bool is_absent(int code)
{
	return code == -ENOENT || code == -ENOTDIR || code == -ELOOP ||
	       code == -ENXIO;
}

/* Open a regular file; anything else is -ENOENT. */
static int open_regular(int dir, const char *path)
{
	int fd = local_open(dir, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0)
		return is_absent(fd) ? -ENOENT : fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd);
	return -ENOENT;
}

int local_open_key(struct local_store *local, const char *key)
{
	char path[LOCAL_PATH_MAX];
	int fd = local_path_of_key(key, path);

	if (fd < 0)
		return fd;
	fd = open_regular(local->bucket, path);
	if (fd != -ENOENT)
		return fd;
	(void)strncat(path, "%", sizeof(path) - strlen(path) - 1);
	return open_regular(local->bucket, path);
}

/* If-Match and If-None-Match against what is there now. */
static int check(struct local_op *op, const char *key)
{
	const struct store_req *req = op->req;
	cleanup(local_meta_freep) struct local_meta *meta = NULL;
	cleanup(closep) int fd = local_open_key(op->local, key);
	int r;

	if (fd < 0 && fd != -ENOENT)
		return local_fail_errno(op, fd, "looking at what is there");
	if (fd < 0)
		return req->if_match ? local_fail(op, -ENOENT,
		                                  "there is no such object to "
		                                  "match")
		                     : 0;
	r = local_meta_read(fd, &meta);
	if (r < 0)
		return local_fail_errno(op, r, "reading its metadata");
	if (req->if_match && !local_etag_match(req->if_match, meta->etag))
		return local_fail(op, -ESTALE, "the object has changed");
	if (req->if_none_match &&
	    local_etag_match(req->if_none_match, meta->etag))
		return local_fail(op, -EEXIST, "the object exists");
	return 0;
}

int local_check_conditions(struct local_op *op, const char *key)
{
	if (!op->req->if_match && !op->req->if_none_match)
		return 0;
	return check(op, key);
}

const char *local_split(char *path, const char **ret_dir)
{
	char *slash = strrchr(path, '/');

	if (!slash) {
		*ret_dir = ".";
		return path;
	}
	*slash = '\0';
	*ret_dir = path;
	return slash + 1;
}

/* Name with the mark of a file aside. */
static void aside_name(const char *name, char ret[LOCAL_NAME_MAX + 1])
{
	size_t len = strnlen(name, LOCAL_NAME_MAX - 1);

	memcpy(ret, name, len);
	memcpy(ret + len, "%", 2);
}

/*
 * Open directory name in dir, making it where it is missing and moving a file
 * that has its name aside.  *ret_made is set to true then.
 */
static int enter(int dir, const char *name, bool *ret_made)
{
	char aside[LOCAL_NAME_MAX + 1];
	struct stat st;
	int fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR) {
		aside_name(name, aside);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode))
			return -EACCES;
		if (renameat(dir, name, dir, aside) < 0)
			return -errno;
	} else if (errno != ENOENT) {
		return errno == ELOOP ? -EACCES : -errno;
	}
	if (mkdirat(dir, name, 0777) < 0)
		return -errno;
	*ret_made = true;
	fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/*
 * Open the directory at path, making what is missing.  *ret_kept is how many
 * bytes of path were there before.
 */
static int make_dirs(struct local_store *local, const char *path,
                     size_t *ret_kept)
{
	cleanup(closep) int dir = local_open(local->bucket, ".", DIR_FLAGS, 0);
	const char *name = path;
	char copy[LOCAL_NAME_MAX + 1];
	bool made = false;

	while (dir >= 0 && *name) {
		const char *end = strchrnul(name, '/');
		int next;

		memcpy(copy, name, (size_t)(end - name));
		copy[end - name] = '\0';
		if (!made)
			*ret_kept = (size_t)(name - path);
		next = enter(dir, copy, &made);
		if (next < 0)
			return next;
		closep(&dir);
		dir = next;
		name = *end ? end + 1 : end;
	}

	int fd = dir;

	dir = -1;
	return fd;
}

/* Open the directory for a key's file, to be made if need be. */
static int open_dir(struct local_store *local, const char *path,
                    size_t *ret_kept)
{
	int fd = local_open(local->bucket, path, DIR_FLAGS, 0);

	*ret_kept = strlen(path);
	if (fd != -ENOENT && fd != -ENOTDIR)
		return fd == -ELOOP ? -EACCES : fd;
	return make_dirs(local, path, ret_kept);
}

/* Rename a file to name in dir, or aside it where a directory is. */
static int put_in_place(int from_dir, const char *from, int dir,
                        const char *name)
{
	char aside[LOCAL_NAME_MAX + 1];
	struct stat st;

	aside_name(name, aside);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return renameat(from_dir, from, dir, aside) < 0 ? -errno : 0;

	if (renameat(from_dir, from, dir, name) < 0)
		return -errno;
	(void)unlinkat(dir, aside, 0); /* older; only there if it lay aside */
	return 0;
}

int local_sync_path(struct local_store *local, const char *path)
{
	cleanup(closep) int fd = -1;

	if (!local->sync)
		return 0;
	fd = local_open(local->bucket, path, DIR_FLAGS, 0);
	if (fd < 0)
		return is_absent(fd) ? 0 : fd;
	return fsync(fd) < 0 ? -errno : 0;
}

/* Sync the directory at path and, above it, up to the one of kept bytes. */
static int sync_dirs(struct local_store *local, char *path, size_t kept)
{
	for (;;) {
		int r = local_sync_path(local, path);
		char *slash = strrchr(path, '/');

		if (r < 0 || strlen(path) <= kept)
			return r;
		if (!slash)
			return local_sync_path(local, ".");
		*slash = '\0';
	}
}

int local_publish(struct local_op *op, const char *key, int dir,
                  const char *name)
{
	struct local_store *local = op->local;
	char path[LOCAL_PATH_MAX];
	const char *parent;
	const char *file;
	size_t kept = 0;
	int fd;
	int r = local_path_of_key(key, path);

	if (r < 0)
		return local_fail(op, r, "no path for this key");
	file = local_split(path, &parent);
	r = local_tree_lock(local);
	if (r < 0)
		return local_fail_errno(op, r, "locking the bucket");

	r = local_check_conditions(op, key);
	if (r < 0) {
		local_tree_unlock(local);
		return r;
	}
	fd = open_dir(local, parent, &kept);
	r = fd < 0 ? fd : put_in_place(dir, name, fd, file);
	closep(&fd);
	local_tree_unlock(local);
	if (r < 0)
		return local_fail_errno(op, r, "putting it into place");

	r = parent == path ? sync_dirs(local, path, kept)
	                   : local_sync_path(local, ".");
	op->req->maybe_applied = r < 0;
	return r < 0 ? local_fail_errno(op, r, "syncing its directory") : 0;
}

/* Remove a regular file. Returns 1, 0 when there is none, or -errno. */
static int remove_file(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	return unlinkat(dir, name, 0) < 0 ? -errno : 1;
}

/* Remove a key's file, wherever it is. */
static int remove_locked(struct local_store *local, const char *parent,
                         const char *name)
{
	cleanup(closep) int dir =
		local_open(local->bucket, parent, DIR_FLAGS, 0);
	char aside[LOCAL_NAME_MAX + 1];
	int removed;
	int r;

	if (dir < 0)
		return is_absent(dir) ? 0 : dir;
	aside_name(name, aside);
	removed = remove_file(dir, aside);
	if (removed < 0)
		return removed;
	r = remove_file(dir, name);
	return r < 0 ? r : removed + r;
}

int local_remove(struct local_op *op, const char *key,
                 char ret_dir[LOCAL_PATH_MAX])
{
	struct local_store *local = op->local;
	char path[LOCAL_PATH_MAX];
	const char *parent;
	const char *name;
	int r = local_path_of_key(key, path);

	if (r < 0)
		return local_fail(op, r, "no path for this key");
	name = local_split(path, &parent);
	(void)str_copy(ret_dir, LOCAL_PATH_MAX, parent);
	r = local_tree_lock(local);
	if (r < 0)
		return local_fail_errno(op, r, "locking the bucket");

	r = local_check_conditions(op, key);
	if (r == 0) {
		r = remove_locked(local, parent, name);
		if (r > 0)
			local_prune_locked(local, ret_dir);
		if (r < 0)
			r = local_fail_errno(op, r, "removing it");
	}
	local_tree_unlock(local);
	return r < 0 ? r : 0;
}
