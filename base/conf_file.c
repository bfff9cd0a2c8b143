/* SPDX-License-Identifier: MIT */
#include "conf_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Fill file->data up to CONF_FILE_MAX bytes. Returns 0 or -errno. */
static int read_all(int fd, struct conf_file *file)
{
	for (;;) {
		ssize_t n = read(fd, file->data + file->len,
		                 CONF_FILE_MAX + 1 - file->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		file->len += (size_t)n;
		if (file->len > CONF_FILE_MAX)
			return -EFBIG;
	}
}

/* Open path, look at it and read it. Returns 0 or -errno. */
static int open_and_read(const char *path, struct conf_file *file)
{
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;

	/* In one piece, so that no grown copy of a secret is left behind. */
	file->data = malloc(CONF_FILE_MAX + 2);
	if (!file->data)
		return -ENOMEM;

	file->uid = st.st_uid;
	file->mode = st.st_mode;

	int r = read_all(fd, file);

	if (r == 0)
		file->data[file->len] = '\0';
	return r;
}

int conf_file_read(const char *path, struct conf_file *ret, struct err *reterr)
{
	struct conf_file file = {0};
	int r = open_and_read(path, &file);

	if (r == 0) {
		*ret = file;
		return 0;
	}

	conf_file_release(&file);
	if (r == -EFBIG)
		return err_set(reterr, r,
		               "%s: is larger than 1M, so it is no "
		               "configuration file",
		               path);
	return err_set(reterr, r, "%s: cannot be read: %s", path,
	               strerrordesc_np(-r));
}

int conf_file_private(const struct conf_file *file, const char *path,
                      struct err *reterr)
{
	if (file->uid != 0 && file->uid != geteuid())
		return err_set(reterr, -EACCES,
		               "holds secrets but belongs to user %u, it must "
		               "be yours or root's: chown %u %s",
		               (unsigned)file->uid, (unsigned)geteuid(), path);

	if (file->mode & (S_IRWXG | S_IRWXO))
		return err_set(reterr, -EACCES,
		               "holds secrets but is open to others (mode "
		               "%04o): chmod 600 %s",
		               (unsigned)file->mode & 07777U, path);
	return 0;
}

void conf_file_release(struct conf_file *file)
{
	if (file->data)
		explicit_bzero(file->data, file->len);
	free(file->data);
	*file = (struct conf_file){0};
}
