/* SPDX-License-Identifier: MIT */
/*
 * A directory of our own.  The lock is flock()'s on DIR/lock: it goes with its
 * last descriptor, so with the process, however that ends; the pid in the file
 * is for the sentence only.
 */
#include "own_dir.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* File systems that are somewhere else (statfs(2)). */
static const struct {
	uint32_t type;
	const char *name;
} network_types[] = {
	{0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"},
	{0xfe534d42, "SMB2"}, {0x01021997, "9p"},     {0x5346414f, "AFS"},
	{0x73757245, "Coda"}, {0x00c36400, "CephFS"},
};

static int make_one(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* mkdir -p, for us alone. path is cut and mended on the way. */
static int make_all(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';

		int r = make_one(path);

		*slash = '/';
		if (r < 0)
			return r;
	}
	return make_one(path);
}

/* Whether nobody else can put something of his own there. */
static int check_private(int fd, const char *option, const char *path,
                         struct err *reterr)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(reterr, -errno, "%s '%s': %s", option, path,
		               strerrordesc_np(errno));
	if (st.st_uid != geteuid())
		return err_set(reterr, -EACCES,
		               "%s '%s' belongs to another user", option, path);
	if (st.st_mode & 077)
		return err_set(reterr, -EACCES,
		               "%s '%s' is open to others: chmod 700 '%s'",
		               option, path, path);
	return 0;
}

/* Whether it is on this machine. */
static int check_local(int fd, const char *option, const char *path,
                       struct err *reterr)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_set(reterr, -errno, "%s '%s': %s", option, path,
		               strerrordesc_np(errno));
	for (size_t i = 0; i < sizeof(network_types) / sizeof(*network_types);
	     i++)
		if ((uint32_t)fs.f_type == network_types[i].type)
			return err_set(reterr, -EINVAL,
			               "%s '%s' is on %s: it must be on a disk "
			               "of this machine",
			               option, path, network_types[i].name);
	return 0;
}

/*
 * The real name of a mount point, without looking at what is mounted there: it
 * may hang.  NULL: unknown.
 */
static char *real_mountpoint(const char *mountpoint)
{
	cleanup(freep) char *copy = strdup(mountpoint);
	cleanup(freep) char *parent = NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (!slash || slash == copy)
		return take(&copy);
	*slash = '\0';
	parent = realpath(copy, NULL);
	return parent ? str_printf("%s/%s", strcmp(parent, "/") ? parent : "",
	                           slash + 1)
	              : NULL;
}

/* Whether it is outside of what will be mounted over it. */
static int check_outside(const char *option, const char *path,
                         const char *mountpoint, struct err *reterr)
{
	cleanup(freep) char *real = realpath(path, NULL);
	cleanup(freep) char *mount =
		mountpoint ? real_mountpoint(mountpoint) : NULL;
	size_t len = mount ? strlen(mount) : 0;

	const char *here = real ? real : path; /* not made yet */

	if (!mount || strncmp(here, mount, len) != 0 ||
	    (here[len] != '/' && here[len] != '\0'))
		return 0;
	return err_set(reterr, -EINVAL,
	               "%s '%s' is inside the mount '%s': it would wait for "
	               "itself",
	               option, path, mountpoint);
}

/* Say who has it. */
static int tell_holder(int lock, const char *option, const char *path,
                       struct err *reterr)
{
	char pid[24] = "";
	ssize_t n = pread(lock, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return err_set(reterr, -EBUSY, "%s '%s' is in use by process %s",
	               option, path, pid[0] ? pid : "(unknown)");
}

/* Take the lock. */
static int lock_it(int dir, const char *option, const char *path, int *ret,
                   struct err *reterr)
{
	cleanup(closep) int lock = openat(
		dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char pid[24];
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	int r;

	if (lock < 0) {
		r = -errno;
		return err_set(reterr, r, "%s '%s' cannot be locked: %s",
		               option, path, strerrordesc_np(-r));
	}
	if (flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return tell_holder(lock, option, path, reterr);
	if (ftruncate(lock, 0) < 0 || pwrite(lock, pid, (size_t)len, 0) < 0) {
		/* a full disk: the lock holds, only its sentence is poorer */
	}
	*ret = lock;
	lock = -1;
	return 0;
}

int own_dir_open(const struct conf *conf, const char *option,
                 const char *mountpoint, int *ret_lock, struct err *reterr)
{
	const char *path = conf_text(conf, NULL, option);
	cleanup(freep) char *copy = path ? strdup(path) : NULL;
	cleanup(closep) int dir = -1;
	int r;

	*ret_lock = -1;
	if (!path)
		return 0;
	if (!copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = check_outside(option, path, mountpoint, reterr);
	if (r < 0)
		return r;
	r = make_all(copy);
	if (r < 0)
		return err_set(reterr, r, "%s '%s' cannot be made: %s", option,
		               path, strerrordesc_np(-r));

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0) {
		r = -errno;
		return err_set(reterr, r,
		               r == -ENOTDIR || r == -ELOOP
		                       ? "%s '%s' is a symbolic link, or no "
		                         "directory: name the directory itself"
		                       : "%s '%s' cannot be opened",
		               option, path);
	}
	r = check_private(dir, option, path, reterr);
	if (r == 0)
		r = check_local(dir, option, path, reterr);
	if (r == 0)
		r = check_outside(option, path, mountpoint, reterr);
	return r < 0 ? r : lock_it(dir, option, path, ret_lock, reterr);
}

void own_dir_close(int lock)
{
	if (lock >= 0)
		(void)close(lock);
}
