/* SPDX-License-Identifier: MIT */
/* What names and URLs must look like (pure). */
#include "conf_values.h"

#include <string.h>

#define BUCKET_MIN    3
#define BUCKET_MAX    255 /* bytes; new buckets have at most 63 */
#define DIRECTORY_MAX 255
#define PREFIX_MAX    1000 /* keys have at most 1,024 */
#define PORT_MAX      65535

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool only_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len > 0;
}

/* Old buckets may have capitals and underscores, so both pass. */
static int check_bucket(const char *text, struct err *reterr)
{
	size_t len = strlen(text);
	bool good = len >= BUCKET_MIN && len <= BUCKET_MAX &&
	            is_alnum(text[0]) && is_alnum(text[len - 1]) &&
	            !strstr(text, "..");

	if (strstr(text, "://"))
		return err_set(reterr, -EINVAL,
		               "'%.64s' is a URL, write the bucket's name "
		               "alone",
		               text);
	if (memchr(text, '/', len))
		return err_set(reterr, -EINVAL,
		               "'%.64s' has a '/', write the bucket's name "
		               "alone and the rest as prefix",
		               text);

	for (size_t i = 0; i < len; i++)
		good = good && (is_alnum(text[i]) || strchr(".-_", text[i]));
	if (good)
		return 0;
	return err_set(reterr, -EINVAL,
	               "'%.64s' cannot be a bucket, names have 3 to 63 "
	               "letters, digits, '.' and '-' and begin and end with "
	               "a letter or digit",
	               text);
}

static int check_directory(const char *text, struct err *reterr)
{
	if (text[0] == '.')
		return err_set(reterr, -EINVAL,
		               "'%.64s' cannot be a directory of the mount, "
		               "names do not begin with '.'",
		               text);
	if (strchr(text, '/'))
		return err_set(reterr, -EINVAL,
		               "'%.64s' cannot be a directory of the mount, "
		               "names have no '/'",
		               text);
	if (strlen(text) > DIRECTORY_MAX)
		return err_set(reterr, -EINVAL,
		               "a directory's name has at most 255 bytes");
	return 0;
}

/* No part of it may be empty, "." or "..". */
static int check_prefix(const char *text, struct err *reterr)
{
	if (text[0] == '/')
		return err_set(reterr, -EINVAL,
		               "'%.64s' begins with '/', keys do not: write "
		               "'%.64s'",
		               text, text + strspn(text, "/"));
	if (strlen(text) > PREFIX_MAX)
		return err_set(reterr, -EINVAL,
		               "a prefix has at most 1000 bytes");

	for (const char *part = text; *part;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return err_set(reterr, -EINVAL,
			               "'%.64s' has a part that is empty, '.' "
			               "or '..'",
			               text);
		part += len;
		part += *part == '/';
	}
	return 0;
}

/* Keys, tokens, regions: visible ASCII. The text may be a secret. */
static int check_word(const char *text, struct err *reterr)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ')
			return err_set(reterr, -EINVAL,
			               "the value has a blank, which none of "
			               "these has");
		if (text[i] < ' ' || text[i] > '~')
			return err_set(reterr, -EINVAL,
			               "the value has a byte that is not "
			               "ASCII, which none of these has");
	}
	if (len > 1 && text[0] == text[len - 1] && strchr("\"'", text[0]))
		return err_set(reterr, -EINVAL,
		               "the value has quotes around it, write it "
		               "without");
	return 0;
}

static int check_account(const char *text, struct err *reterr)
{
	if (strlen(text) == 12 && only_digits(text, 12))
		return 0;
	return err_set(reterr, -EINVAL,
	               "'%.64s' is no account, write its twelve digits", text);
}

int conf_check_form(enum conf_form form, const char *text, struct err *reterr)
{
	switch (form) {
	case CONF_FORM_ANY:
	case CONF_FORM_BARE_URL: /* conf_check_url() sees to it */
		return 0;
	case CONF_FORM_DIRECTORY:
		return check_directory(text, reterr);
	case CONF_FORM_BUCKET:
		return check_bucket(text, reterr);
	case CONF_FORM_PREFIX:
		return check_prefix(text, reterr);
	case CONF_FORM_WORD:
		return check_word(text, reterr);
	case CONF_FORM_ACCOUNT:
		return check_account(text, reterr);
	}
	return 0;
}

/* For a sentence: "aws, http://HOST, file:///PATH". */
static void add_forms(struct str *s, const char *choices)
{
	for (const char *c = choices; *c;) {
		size_t len = strcspn(c, "|");

		str_add(s, s->len > 0 ? ", " : "");
		str_add_mem(s, c, len);
		if (c[len - 1] == ':')
			str_add(s, memcmp(c, "file", 4) == 0 ||
			                           memcmp(c, "unix", 4) == 0
			                   ? "///PATH"
			                   : "//HOST");
		c += len;
		c += *c == '|';
	}
}

/* Behind "//" of a URL with a host: [user[:password]@]host[:port][/path]. */
static int check_authority(const char *text, struct err *reterr)
{
	size_t len = strcspn(text, "/?#");
	const char *at = memrchr(text, '@', len);
	const char *host = at ? at + 1 : text;
	size_t host_len = len - (size_t)(host - text);
	const char *end = host + host_len;
	const char *port = NULL;

	if (host_len > 0 && host[0] == '[') {
		const char *bracket = memchr(host, ']', host_len);

		if (!bracket)
			return err_set(reterr, -EINVAL,
			               "the URL's address misses its ']'");
		port = bracket + 1 < end ? bracket + 1 : NULL;
	} else {
		port = memchr(host, ':', host_len);
	}

	if (host_len == 0 || port == host)
		return err_set(reterr, -EINVAL, "the URL has no host");
	if (!port)
		return 0;

	size_t digits = (size_t)(end - port) - 1;
	char number[6] = "";

	if (*port != ':' || digits > 5 || !only_digits(port + 1, digits))
		return err_set(reterr, -EINVAL,
		               "the URL's port is no number from 1 to 65535");
	memcpy(number, port + 1, digits);

	uint64_t value = 0;

	if (str_to_u64(number, &value) < 0 || value < 1 || value > PORT_MAX)
		return err_set(reterr, -EINVAL,
		               "the URL's port is no number from 1 to 65535");
	return 0;
}

/* A path behind "file://" or "unix://". */
static int check_url_path(const char *text, const char *path,
                          struct err *reterr)
{
	if (path[0] == '/' && path[1])
		return 0;
	return err_set(reterr, -EINVAL,
	               "'%.64s' needs an absolute path, such as "
	               "%.4s:///srv/porterfs",
	               text, text);
}

/* What a URL with a host may have depends on what it is for. */
static int check_url_parts(enum conf_form form, const char *rest,
                           struct err *reterr)
{
	for (const char *c = rest; *c; c++)
		if (*c == ' ' || strchr("\"'\\<>", *c))
			return err_set(reterr, -EINVAL,
			               "the URL has a blank, quote or other "
			               "sign that none has");

	if (form == CONF_FORM_BARE_URL && strpbrk(rest, "@?#"))
		return err_set(reterr, -EINVAL,
		               "the URL has a '@', '?' or '#', write only "
		               "scheme, host, port and path");
	return check_authority(rest, reterr);
}

int conf_check_url(const struct conf_option *option, const char *text,
                   struct err *reterr)
{
	const char *mark = strstr(text, "://");
	size_t len = mark ? (size_t)(mark - text) + 1 : strlen(text);

	if (!conf_in_choices(option->choices, text, len) ||
	    (!mark && str_ends(text, ":"))) {
		cleanup(str_release) struct str forms = {0};

		add_forms(&forms, option->choices);
		if (strchr(text, '@'))
			return err_set(reterr, -EINVAL, "must be one of %s",
			               str_text(&forms));
		return err_set(reterr, -EINVAL, "'%.64s' must be one of %s",
		               text, str_text(&forms));
	}

	if (!mark)
		return 0;
	if (str_starts(text, "file:") || str_starts(text, "unix:"))
		return check_url_path(text, mark + 3, reterr);
	return check_url_parts(option->form, mark + 3, reterr);
}
