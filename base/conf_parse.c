/* SPDX-License-Identifier: MIT */
/* Text to typed values and back; pure but for "~" and out of memory. */
#include "conf_values.h"

#include <pwd.h>
#include <string.h>

#define SHOWN_MAX 48 /* bytes of a wrong value that a sentence shows */

/* A suffix and what it multiplies with. */
struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, for printing. */
static const struct unit size_units[] = {
	{"P", UINT64_C(1) << 50}, {"T", UINT64_C(1) << 40},
	{"G", UINT64_C(1) << 30}, {"M", UINT64_C(1) << 20},
	{"K", UINT64_C(1) << 10}, {"", 1},
};

/* A bare number is seconds. */
static const struct unit duration_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000},
	{"s", 1000},     {"ms", 1},      {"", 1000},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The factor of suffix, its case as given or upper; 0 = no such unit. */
static uint64_t unit_factor(const struct unit *units, size_t count,
                            const char *suffix)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(units[i].name, suffix) == 0)
			return units[i].factor;
	return 0;
}

/* Digits at the front of text; *ret_end is behind them. */
static int parse_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t number = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *c - '0', &number))
			return -ERANGE;
	if (c == text)
		return -EINVAL;

	*ret = number;
	*ret_end = c;
	return 0;
}

/* A number and perhaps a unit. */
static int parse_scaled(const char *text, const struct unit *units,
                        size_t count, uint64_t *ret)
{
	const char *suffix;
	uint64_t number;
	int r = parse_digits(text, &number, &suffix);

	if (r < 0)
		return r;

	uint64_t factor = unit_factor(units, count, suffix);

	if (factor == 0)
		return -EINVAL;
	if (__builtin_mul_overflow(number, factor, &number))
		return -ERANGE;

	*ret = number;
	return 0;
}

char conf_upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c;
}

int conf_parse_size(const char *text, uint64_t *ret)
{
	char upper[32];
	size_t len = strlen(text);

	if (len >= sizeof(upper))
		return -EINVAL;
	for (size_t i = 0; i <= len; i++)
		upper[i] = conf_upper(text[i]);

	return parse_scaled(upper, size_units, COUNT(size_units), ret);
}

int conf_parse_duration_ms(const char *text, uint64_t *ret)
{
	return parse_scaled(text, duration_units, COUNT(duration_units), ret);
}

/* The largest unit that leaves no rest. */
static void format_scaled(struct str *s, const struct unit *units,
                          uint64_t number)
{
	if (number == 0) {
		str_add(s, "0");
		return;
	}
	while (number % units->factor != 0)
		units++;
	str_addf(s, "%llu%s", (unsigned long long)(number / units->factor),
	         units->name);
}

void conf_format_size(struct str *s, uint64_t size)
{
	format_scaled(s, size_units, size);
}

void conf_format_duration(struct str *s, uint64_t ms)
{
	format_scaled(s, duration_units, ms);
}

void conf_format(struct str *s, const struct conf_option *option,
                 uint64_t number)
{
	if (option->type == CONF_SIZE)
		conf_format_size(s, number);
	else if (option->type == CONF_DURATION)
		conf_format_duration(s, number);
	else if (option->type == CONF_MODE)
		str_addf(s, "%04llo", (unsigned long long)number);
	else
		str_addf(s, "%llu", (unsigned long long)number);
}

bool conf_in_choices(const char *choices, const char *word, size_t len)
{
	for (const char *c = choices; c; c = strchr(c, '|')) {
		c += *c == '|';

		size_t n = strcspn(c, "|");

		if (n == len && memcmp(c, word, n) == 0)
			return true;
	}
	return false;
}

/* "rw|ro|wo" as "rw, ro, wo". */
static void add_choices(struct str *s, const char *choices)
{
	for (; *choices; choices++) {
		if (*choices == '|')
			str_add(s, ", ");
		else
			str_add_char(s, *choices);
	}
}

/* "'VALUE'", cut when it is long. */
static void add_shown(struct str *s, const char *text)
{
	size_t len = strlen(text);

	str_add_char(s, '\'');
	str_add_mem(s, text, len > SHOWN_MAX ? SHOWN_MAX : len);
	str_add(s, len > SHOWN_MAX ? "…'" : "'");
}

/* "'VALUE' WHAT". Returns code. */
static int complain(int code, const char *text, const char *what,
                    struct err *reterr)
{
	cleanup(str_release) struct str shown = {0};

	add_shown(&shown, text);
	return err_set(reterr, code, "%s %s", str_text(&shown), what);
}

static int check_limits(const struct conf_option *option, const char *text,
                        uint64_t number, struct err *reterr)
{
	cleanup(str_release) struct str what = {0};

	if (number < option->min) {
		str_add(&what, "is too small, it must be at least ");
		conf_format(&what, option, option->min);
	} else if (option->max > 0 && number > option->max) {
		str_add(&what, "is too large, it must be at most ");
		conf_format(&what, option, option->max);
	} else {
		return 0;
	}
	return complain(-ERANGE, text, str_text(&what), reterr);
}

/* Octal digits, nothing else. */
static int parse_mode(const char *text, uint64_t *ret)
{
	uint64_t mode = 0;

	if (!*text || strlen(text) > 6)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '7')
			return -EINVAL;
		mode = mode * 8 + (uint64_t)(*text - '0');
	}
	*ret = mode;
	return 0;
}

static int parse_count(const char *text, uint64_t *ret)
{
	const char *end;
	int r = parse_digits(text, ret, &end);

	return r < 0 || !*end ? r : -EINVAL;
}

/* 1, 0, or -EINVAL. "(true)" is Laravel's. */
static int parse_bool(const char *text)
{
	static const char *const on[] = {"on", "true", "yes", "1", "(true)"};
	static const char *const off[] = {"off", "false", "no", "0", "(false)"};

	for (size_t i = 0; i < COUNT(on); i++) {
		if (strcasecmp(text, on[i]) == 0)
			return 1;
		if (strcasecmp(text, off[i]) == 0)
			return 0;
	}
	return -EINVAL;
}

/* Any of the types that are numbers. */
static int parse_number(const struct conf_option *option, const char *text,
                        uint64_t *ret, struct err *reterr)
{
	const char *what;
	int r;

	if (option->type == CONF_SIZE) {
		r = conf_parse_size(text, ret);
		what = "is no size, write bytes or a number with K, M, G, T "
		       "or P such as 8M";
	} else if (option->type == CONF_DURATION) {
		r = conf_parse_duration_ms(text, ret);
		what = "is no duration, write seconds or a number with ms, "
		       "s, m, h or d such as 5m";
	} else if (option->type == CONF_MODE) {
		r = parse_mode(text, ret);
		what = "is no permission mode, write octal digits such as "
		       "0644";
	} else {
		r = parse_count(text, ret);
		what = "is no whole number, write digits such as 16";
	}

	if (r == -ERANGE)
		what = "is larger than any number can be";
	if (r < 0)
		return complain(r, text, what, reterr);
	return check_limits(option, text, *ret, reterr);
}

/* One of the choices; the other names of on and off where it has both. */
static int parse_choice(const struct conf_option *option, const char *text,
                        const char **ret, struct err *reterr)
{
	cleanup(str_release) struct str what = {0};
	int flag = parse_bool(text);

	if (conf_in_choices(option->choices, text, strlen(text))) {
		*ret = text;
		return 0;
	}
	if (flag >= 0 && conf_in_choices(option->choices, "on", 2) &&
	    conf_in_choices(option->choices, "off", 3)) {
		*ret = flag ? "on" : "off";
		return 0;
	}

	str_add(&what,
	        strchr(option->choices, '|') ? "must be one of " : "must be ");
	add_choices(&what, option->choices);
	return complain(-EINVAL, text, str_text(&what), reterr);
}

/* The caller's home directory, or NULL. */
static const char *home(void)
{
	const char *dir = getenv("HOME");

	if (dir && *dir == '/')
		return dir;

	const struct passwd *user = getpwuid(getuid());

	return user ? user->pw_dir : NULL;
}

/* Absolute, with "~/" replaced. */
static int parse_path(const char *text, char **ret, struct err *reterr)
{
	const char *dir = "";

	if (text[0] == '~' && (text[1] == '/' || !text[1])) {
		dir = home();
		text++;
		if (!dir)
			return err_set(reterr, -EINVAL,
			               "'~' is nowhere: HOME is not set, "
			               "write the path in full");
	} else if (text[0] != '/') {
		return complain(-EINVAL, text,
		                "is no absolute path, begin with '/' or '~/'",
		                reterr);
	}

	*ret = str_printf("%s%s", dir, text);
	return *ret ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/*
 * The text to keep: as it is, in one piece (it may be a secret), but a prefix
 * ends with a slash, whoever wrote it without.
 */
static char *keep(const struct conf_option *option, const char *text)
{
	if (option->form == CONF_FORM_PREFIX && !str_ends(text, "/"))
		return str_printf("%s/", text);
	return strdup(text);
}

/* The types that are texts. */
static int parse_text(const struct conf_option *option, const char *text,
                      char **ret, struct err *reterr)
{
	const char *kept = text;
	int r = 0;

	if (option->type == CONF_PATH)
		return parse_path(text, ret, reterr);
	if (option->type == CONF_URL)
		r = conf_check_url(option, text, reterr);
	else if (option->type == CONF_CHOICE)
		r = parse_choice(option, text, &kept, reterr);
	else
		r = conf_check_form(option->form, text, reterr);
	if (r < 0)
		return r;

	*ret = keep(option, kept);
	return *ret ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/* What no value may have. */
static int check_bytes(const char *text, struct err *reterr)
{
	if (strlen(text) > CONF_VALUE_MAX)
		return err_set(reterr, -E2BIG, "the value is longer than 16K");

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_set(reterr, -EINVAL,
			               "the value has a control byte (0x%02x), "
			               "which none may have",
			               (unsigned)(unsigned char)*c);
	return 0;
}

int conf_parse(const struct conf_option *option, const char *text,
               char **ret_text, uint64_t *ret_number, struct err *reterr)
{
	uint64_t number = 0;
	int r = check_bytes(text, reterr);

	if (r < 0)
		return r;

	switch (option->type) {
	case CONF_TEXT:
	case CONF_SECRET:
	case CONF_CHOICE:
	case CONF_PATH:
	case CONF_URL:
		*ret_number = 0;
		return parse_text(option, text, ret_text, reterr);
	case CONF_BOOL:
		r = parse_bool(text);
		if (r < 0)
			return complain(r, text, "is neither on nor off",
			                reterr);
		number = (uint64_t)r;
		text = r ? "on" : "off";
		break;
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_COUNT:
	case CONF_MODE:
		r = parse_number(option, text, &number, reterr);
		if (r < 0)
			return r;
		break;
	}

	char *copy = strdup(text);

	if (!copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	*ret_text = copy;
	*ret_number = number;
	return 0;
}

bool conf_is_secret(const struct conf_option *option, const char *text)
{
	if (option->type == CONF_SECRET)
		return true;
	if (option->type != CONF_URL)
		return false;

	/* scheme://user:password@host */
	const char *authority = strstr(text, "://");

	if (!authority)
		return false;
	authority += 3;

	size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);

	return at && memchr(authority, ':', (size_t)(at - authority));
}
