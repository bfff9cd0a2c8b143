/* SPDX-License-Identifier: MIT */
/*
 * A signal handler has no memory of its own, so it asks the kernel:
 * /proc/self/maps has a line "FROM-TO PERMS OFFSET DEVICE INODE   PATH" for each
 * mapping.  Everything here is async-signal-safe.
 */
#include "mapped.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A file read byte by byte. */
struct bytes {
	int fd;
	size_t at;
	size_t len;
	char data[512];
};

/* The next byte, or -1. */
static int next_byte(struct bytes *b)
{
	if (b->at == b->len) {
		ssize_t len = read(b->fd, b->data, sizeof(b->data));

		if (len <= 0)
			return -1;
		b->len = (size_t)len;
		b->at = 0;
	}
	return (unsigned char)b->data[b->at++];
}

/* Read a hexadecimal number; *ret_end is the byte behind it. */
static uintptr_t read_hex(struct bytes *b, int *ret_end)
{
	uintptr_t value = 0;
	int c;

	while ((c = next_byte(b)) >= 0) {
		if (c >= '0' && c <= '9')
			value = value * 16 + (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (uintptr_t)(c - 'a' + 10);
		else
			break;
	}
	*ret_end = c;
	return value;
}

/* Read the rest of a line, of which ret gets what begins with a slash. */
static size_t read_path(struct bytes *b, char *ret, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = next_byte(b)) >= 0 && c != '\n')
		if ((len > 0 || c == '/') && len + 1 < size)
			ret[len++] = (char)c;
	ret[len] = 0;
	return len;
}

size_t mapped_file(const void *address, char *ret, size_t size)
{
	uintptr_t wanted = (uintptr_t)address;
	cleanup(closep) int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct bytes b = {.fd = fd};
	int end = 0;

	ret[0] = 0;
	if (fd < 0)
		return 0;
	while (end >= 0) {
		uintptr_t from = read_hex(&b, &end);
		uintptr_t to = end == '-' ? read_hex(&b, &end) : 0;
		size_t len = read_path(&b, ret, size);

		if (wanted >= from && wanted < to)
			return len;
	}
	return 0;
}

static void say(const char *text, size_t len)
{
	(void)!write(STDERR_FILENO, text, len);
}

/* The handler. */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
	static const char before[] = "porterfs: error: '";
	static const char after[] =
		"' cannot be read, the disk failed or the file was cut; the "
		"next start begins anew without it\n";
	static const char suffix[] = ".damaged";
	char path[4096];
	size_t len =
		mapped_file(info->si_addr, path, sizeof(path) - sizeof(suffix));

	(void)number, (void)context;
	if (len == 0) {
		static const char other[] = "porterfs: error: SIGBUS\n";

		say(other, sizeof(other) - 1);
		_exit(1);
	}
	say(before, sizeof(before) - 1);
	say(path, len);
	say(after, sizeof(after) - 1);
	memcpy(path + len, suffix, sizeof(suffix));
	(void)!open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	_exit(1);
}

void mapped_watch(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus,
	                           .sa_flags = SA_SIGINFO};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGBUS, &action, NULL); /* fails for bad numbers only */
}
