/* SPDX-License-Identifier: MIT */
/*
 * How requests are read from the kernel and answers written to it.
 *
 * libfuse 3.14 cannot ask for FUSE_HANDLE_KILLPRIV_V2, without which the kernel
 * sends a GETXATTR for security.capability before every write through the page
 * cache.  So the INIT exchange is edited on its way: if the request offers the
 * flag, the reply asks for it.  What the flag demands, dropping suid and sgid
 * bits on write and truncate, the file system does.  Layout: struct
 * fuse_init_in and fuse_init_out of <linux/fuse.h>.
 */
#include "session_impl.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Note whether the kernel's INIT request offers the flag. */
static void note_init(struct session *session, const char *buf, size_t len)
{
	struct fuse_in_header head;
	struct fuse_init_in init;
	size_t size = offsetof(struct fuse_init_in, flags2);

	if (len < sizeof(head) + size)
		return;

	(void)memcpy(&head, buf, sizeof(head));
	if (head.opcode != FUSE_INIT)
		return;

	(void)memcpy(&init, buf + sizeof(head), size);
	session->killpriv_offered = init.flags & FUSE_HANDLE_KILLPRIV_V2;
}

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	struct session *session = userdata;
	ssize_t n = read(fd, buf, len);

	if (n > 0 && !session->killpriv_set)
		note_init(session, buf, (size_t)n);
	return n;
}

/* Whether this is the answer to INIT: two pieces, the second a init_out. */
static bool is_init_reply(const struct iovec *iov, int count)
{
	struct fuse_init_out out;

	if (count != 2 || iov[0].iov_len != sizeof(struct fuse_out_header) ||
	    iov[1].iov_len != sizeof(out))
		return false;

	(void)memcpy(&out, iov[1].iov_base, sizeof(out));
	return out.major == FUSE_KERNEL_VERSION;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct session *session = userdata;

	if (session->killpriv_offered && !session->killpriv_set &&
	    is_init_reply(iov, count)) {
		struct fuse_init_out out;

		(void)memcpy(&out, iov[1].iov_base, sizeof(out));
		out.flags |= FUSE_HANDLE_KILLPRIV_V2;
		(void)memcpy(iov[1].iov_base, &out, sizeof(out));
		session->killpriv_set = true;
	}
	return writev(fd, iov, count);
}

const struct fuse_custom_io session_io = {
	.writev = io_writev,
	.read = io_read,
};
