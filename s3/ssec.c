/* SPDX-License-Identifier: MIT */
#include "ssec.h"

#include "base/cleanup.h"
#include "base/digest.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_SIZE 32 /* bytes: AES-256 */

/* The value of a base64 digit, -1 for none. */
static int digit(char c)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
			     "xyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* 44 base64 characters to 32 bytes: ten groups of three and one of two. */
static int decode(const char *text, uint8_t key[KEY_SIZE])
{
	size_t at = 0;

	for (size_t i = 0; i < 44; i += 4) {
		size_t digits = i < 40 ? 4 : 3;
		unsigned bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? digit(text[i + k]) : 0;

			if (d < 0)
				return -EINVAL;
			bits = bits << 6 | (unsigned)d;
		}
		for (size_t k = 0; k < digits - 1; k++)
			key[at++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	return text[43] == '=' ? 0 : -EINVAL;
}

/* The file's bytes, at most size; how many there were, or -errno. */
static int read_file(const char *path, char *data, size_t size,
                     struct err *reterr)
{
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(reterr, -errno,
		               "cannot read the SSE-C key file '%s': %s", path,
		               strerrordesc_np(errno));
	if ((st.st_uid != geteuid() && st.st_uid != 0) || st.st_mode & 077)
		return err_set(reterr, -EACCES,
		               "the SSE-C key file '%s' must be yours alone: "
		               "chmod 600 '%s'",
		               path, path);

	ssize_t n = read(fd, data, size);

	if (n < 0)
		return err_set(reterr, -errno,
		               "cannot read the SSE-C key file '%s': %s", path,
		               strerrordesc_np(errno));
	return (int)n;
}

int ssec_read(const char *path, char ret_key[SSEC_KEY_TEXT],
              char ret_md5[SSEC_MD5_TEXT], struct err *reterr)
{
	char data[64];
	uint8_t key[KEY_SIZE], md5[MD5_SIZE];
	int n = read_file(path, data, sizeof(data), reterr);
	int r = n < 0 ? n : 0;

	if (n == KEY_SIZE) {
		(void)memcpy(key, data, KEY_SIZE);
	} else if (n >= 0) {
		while (n > 0 && isspace((unsigned char)data[n - 1]))
			n--;
		r = n == 44 ? decode(data, key) : -EINVAL;
		if (r < 0)
			(void)err_set(reterr, r,
			              "the SSE-C key file '%s' must hold 32 "
			              "bytes, or their base64",
			              path);
	}
	if (r == 0 && digest_md5(key, KEY_SIZE, md5) < 0)
		r = err_set(reterr, -EIO, "cannot compute an MD5");
	if (r == 0) {
		digest_base64(key, KEY_SIZE, ret_key);
		digest_base64(md5, MD5_SIZE, ret_md5);
	}
	explicit_bzero(data, sizeof(data));
	explicit_bzero(key, sizeof(key));
	return r;
}
