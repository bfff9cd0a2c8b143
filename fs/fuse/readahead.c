/* SPDX-License-Identifier: MIT */
/*
 * The kernel's read-ahead for this mount.
 *
 * The kernel takes the smaller of what INIT agreed on and what the backing
 * device says, 128 KiB by default; the latter is a file in sysfs that root may
 * write.  See Documentation/ABI/testing/sysfs-class-bdi in the kernel.
 */
#include "base/log.h"
#include "session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void raise_readahead(struct session *session)
{
	char device[32];
	char path[128];

	if (!mountinfo_find(session->mountpoint, device, sizeof(device)))
		return;

	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb",
	               device);

	cleanup(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 ||
	    dprintf(fd, "%llu\n",
	            (unsigned long long)session->kernel_readahead >> 10) < 0)
		log_debug("the kernel's read-ahead stays as it is: %s: %s",
		          path, strerror(errno));
}
