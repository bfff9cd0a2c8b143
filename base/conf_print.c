/* SPDX-License-Identifier: MIT */
/* The table and the values as text: --print-config, --help, porterfs.conf. */
#include "conf_values.h"

#include <string.h>

#define WIDTH     78 /* columns of comments and help */
#define ORIGIN_AT 48 /* column where --print-config says where from */
#define HELP_AT   26 /* column where --help explains */
#define NO_COST   "none"

/* ---- wrapped text ---- */

/* Add text broken at blanks; each new line begins with indent. */
static void add_wrapped(struct str *s, const char *indent, size_t column,
                        const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (column + 1 + len > WIDTH) {
			str_add(s, "\n");
			str_add(s, indent);
			column = strlen(indent);
		} else if (column > strlen(indent)) {
			str_add_char(s, ' ');
			column++;
		}
		str_add_mem(s, text, len);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	str_add_char(s, '\n');
}

/* ---- the table in words ---- */

/* "a|b" as "a, b"; schemes with what follows them. */
static void add_choices(struct str *s, const char *choices)
{
	for (const char *c = choices; *c;) {
		size_t len = strcspn(c, "|");

		str_add(s, c > choices ? ", " : "");
		str_add_mem(s, c, len);
		str_add(s, c[len - 1] == ':' ? "//…" : "");
		c += len;
		c += *c == '|';
	}
}

/* "5M to 5G", "at least 1". */
static void add_limits(struct str *s, const struct conf_option *option)
{
	if (option->max == 0 && option->min == 0)
		return;
	if (option->max == 0) {
		str_add(s, ", at least ");
		conf_format(s, option, option->min);
		return;
	}
	str_add(s, ", ");
	conf_format(s, option, option->min);
	str_add(s, " to ");
	conf_format(s, option, option->max);
}

/* The unit and limits of an option, in words. */
static void add_unit(struct str *s, const struct conf_option *option)
{
	switch (option->type) {
	case CONF_BOOL:
		str_add(s, "on or off");
		break;
	case CONF_SIZE:
		str_add(s, "bytes, or with K, M, G, T, P");
		add_limits(s, option);
		break;
	case CONF_DURATION:
		str_add(s, "seconds, or with ms, s, m, h, d");
		add_limits(s, option);
		break;
	case CONF_COUNT:
		str_add(s, "a number");
		add_limits(s, option);
		break;
	case CONF_MODE:
		str_add(s, "octal");
		add_limits(s, option);
		break;
	case CONF_CHOICE:
	case CONF_URL:
		str_add(s, strchr(option->choices, '|') ? "one of " : "only ");
		add_choices(s, option->choices);
		break;
	case CONF_PATH:
		str_add(s, "an absolute path, \"~/\" is home");
		break;
	case CONF_TEXT:
		str_add(s, "text");
		break;
	case CONF_SECRET:
		str_add(s, "a secret");
		break;
	}
}

/* The names of the environment, "A, B". */
static void add_env(struct str *s, const struct conf_option *option)
{
	bool first = true;

	if (!option->env) {
		str_add(s, "PORTERFS_");
		for (const char *c = option->name; *c; c++)
			str_add_char(s, conf_upper(*c));
		return;
	}

	for (const char *c = option->env; *c;) {
		size_t len = strcspn(c, "|,");

		if (len > 0) {
			str_add(s, first ? "" : ", ");
			str_add_mem(s, c, len);
			first = false;
		}
		c += len;
		c += *c != '\0';
	}
}

/* ---- porterfs.conf ---- */

/* One option: help, unit, cost, environment, and the commented line. */
static void add_template_option(struct str *s, const struct conf_option *option)
{
	cleanup(str_release) struct str unit = {0};

	str_add(s, "#\n# ");
	str_addf(&unit, "%s: %s.", option->name, option->help);
	add_wrapped(s, "# ", 2, str_text(&unit));

	str_reset(&unit);
	str_add(&unit, "Default: ");
	str_add(&unit, option->preset ? option->preset : "not set");
	str_add(&unit, ". Unit: ");
	add_unit(&unit, option);
	str_addf(&unit, ". Cost: %s.", option->cost ? option->cost : NO_COST);
	str_add(s, "#   ");
	add_wrapped(s, "#   ", 4, str_text(&unit));

	if (option->env || option->scope == CONF_GENERAL) {
		str_reset(&unit);
		str_add(&unit, "Environment: ");
		add_env(&unit, option);
		str_add(s, "#   ");
		add_wrapped(s, "#   ", 4, str_text(&unit));
	}
	str_addf(s, "#%s =%s%s\n", option->name, option->preset ? " " : "",
	         option->preset ? option->preset : "");
}

/* All options of a scope under their section's header. */
static void add_template_section(struct str *s, enum conf_scope scope,
                                 const char *header)
{
	str_addf(s, "\n%s\n", header);
	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *option = &conf_options[i];

		if (option->scope != scope)
			continue;
		if (option->group)
			str_addf(s, "#\n# ---- %s ----\n", option->group);
		add_template_option(s, option);
	}
}

void conf_print_template(struct str *ret)
{
	str_add(ret,
	        "# porterfs.conf: every option, with its default, commented "
	        "out.\n"
	        "#\n"
	        "# Copy it to ~/.config/porterfs/porterfs.conf or "
	        "/etc/porterfs/porterfs.conf,\n"
	        "# remove the '#' in front of a key and change its value. "
	        "Stronger than this\n"
	        "# file are, in this order: -o on the command line, the "
	        "environment, the .env\n"
	        "# file. \"porterfs --print-config\" shows what comes out and "
	        "from where.\n"
	        "#\n"
	        "# Lines are 'key = value', '[section]' or '# comment'; a "
	        "comment needs a line of\n"
	        "# its own, and values are written without quotes. A file "
	        "with a key or password\n"
	        "# in it must be yours or root's and mode 0600.\n");

	add_template_section(ret, CONF_GENERAL, "[general]");
	str_add(ret,
	        "\n"
	        "# A section per bucket; NAME is its directory in the mount. "
	        "The three buckets of\n"
	        "# the environment (AWS_BUCKET, AWS_SOURCE_BUCKET, "
	        "EXPORT_ALT_AWS_BUCKET with\n"
	        "# EXPORT_ALT_AWS_ENABLED=true) need none; [bucket.primary], "
	        "[bucket.source] and\n"
	        "# [bucket.alt-export] add to what the environment says.\n");
	add_template_section(ret, CONF_BUCKET, "#[bucket.primary]");
	str_add(ret, "\n"
	             "# Databases for export and import: [mysql] is the one of "
	             "DB_* in the environment,\n"
	             "# [mysql.NAME] are further ones, conn=NAME.\n");
	add_template_section(ret, CONF_CONNECTION, "#[mysql]");
	str_add(ret,
	        "\n"
	        "# What a file must end with to be published, by patterns of "
	        "names, or with a\n"
	        "# slash of BUCKET/KEY: mysqldump pg_dump gzip zstd xz zip tar, "
	        "and min_ratio=R of\n"
	        "# the size before; several separated by blanks. Else close is "
	        "EIO and the upload\n"
	        "# is kept.\n"
	        "#[guard]\n"
	        "#*.sql = mysqldump\n");
}

/* ---- --help ---- */

/* "SIZE" for what stands behind '='. */
static const char *placeholder(enum conf_type type)
{
	switch (type) {
	case CONF_BOOL:
		return "on|off";
	case CONF_SIZE:
		return "SIZE";
	case CONF_DURATION:
		return "TIME";
	case CONF_COUNT:
		return "N";
	case CONF_MODE:
		return "MODE";
	case CONF_PATH:
		return "PATH";
	case CONF_URL:
		return "URL";
	case CONF_CHOICE:
	case CONF_TEXT:
	case CONF_SECRET:
		break;
	}
	return "TEXT";
}

/* "  part_size=SIZE   what it does (default 8M)". */
static void add_help_option(struct str *s, const struct conf_option *option)
{
	cleanup(str_release) struct str help = {0};
	size_t start = s->len;

	str_addf(s, "  %s=", option->name);
	if (option->type == CONF_CHOICE && strlen(option->choices) < 32)
		str_add(s, option->choices);
	else
		str_add(s, placeholder(option->type));

	str_add(&help, option->help);
	if (option->preset)
		str_addf(&help, " (default %s)", option->preset);

	if (s->len - start + 2 > HELP_AT)
		str_addf(s, "\n%*s", HELP_AT, "");
	else
		str_addf(s, "%*s", (int)(HELP_AT - (s->len - start)), "");
	add_wrapped(s, "                          ", HELP_AT, str_text(&help));
}

/* The options of a scope with their headings. */
static void add_help_scope(struct str *s, enum conf_scope scope)
{
	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *option = &conf_options[i];

		if (option->scope != scope || option->type == CONF_SECRET)
			continue;
		if (option->group)
			str_addf(s, "\n %s:\n", option->group);
		add_help_option(s, option);
	}
}

void conf_print_help(struct str *ret)
{
	str_add(ret, "Options for -o KEY=VALUE, or in [general] of "
	             "porterfs.conf:\n");
	add_help_scope(ret, CONF_GENERAL);
	str_add(ret, "\nOptions for -o bucket.NAME.KEY=VALUE, or in "
	             "[bucket.NAME]:\n");
	add_help_scope(ret, CONF_BUCKET);
	str_add(ret, "\nOptions for -o mysql.NAME.KEY=VALUE, or in "
	             "[mysql.NAME]:\n");
	add_help_scope(ret, CONF_CONNECTION);
	str_add(ret, "\nKeys and passwords are taken from the environment, a "
	             ".env file or porterfs.conf,\n"
	             "never from the command line.\n");
}

/* ---- --print-config ---- */

/* A value for people's eyes. */
static void add_value(struct str *s, const struct conf_option *option,
                      const char *text)
{
	if (!text)
		str_add(s, "(not set)");
	else if (conf_is_secret(option, text))
		str_add(s, "(set)");
	else
		str_add(s, text);
}

/* "key = value        # origin". */
static void add_line(struct str *s, const struct conf_option *option,
                     const struct conf_value *value)
{
	size_t start = s->len;

	str_addf(s, "%s = ", option->name);
	add_value(s, option, value->text);

	size_t width = s->len - start;

	str_addf(s, "%*s # %s\n",
	         width < ORIGIN_AT ? (int)(ORIGIN_AT - width) : 0, "",
	         value->where ? value->where : "default");
}

static void print_general(const struct conf *conf, struct str *s)
{
	str_add(s, "[general]\n");
	for (size_t i = 0; i < conf_options_count; i++)
		if (conf_options[i].scope == CONF_GENERAL)
			add_line(s, &conf_options[i],
			         conf_effective(conf, NULL,
			                        conf_options[i].name));
}

static void print_bucket(const struct conf *conf, const char *bucket,
                         struct str *s)
{
	str_addf(s, "\n[bucket.%s]\n", bucket);
	for (size_t i = 0; i < conf_options_count; i++)
		if (conf_options[i].scope == CONF_BUCKET)
			add_line(s, &conf_options[i],
			         conf_effective(conf, bucket,
			                        conf_options[i].name));
}

/* A connection, or nothing when nobody set anything of it. */
static void print_connection(const struct conf_section *section, struct str *s)
{
	bool used = section->declared;

	for (size_t i = 0; i < conf_options_count; i++)
		used = used || section->values[i].where;
	if (!used)
		return;

	str_addf(s, "\n[mysql%s%s]\n", *section->name ? "." : "",
	         section->name);
	for (size_t i = 0; i < conf_options_count; i++)
		if (conf_options[i].scope == CONF_CONNECTION)
			add_line(s, &conf_options[i], &section->values[i]);
}

void conf_print(const struct conf *conf, struct str *ret)
{
	const char *bucket;

	print_general(conf, ret);
	for (size_t i = 0; (bucket = conf_bucket_name(conf, i)); i++)
		print_bucket(conf, bucket, ret);
	for (size_t i = 0; i < conf->count; i++)
		if (conf->sections[i]->scope == CONF_CONNECTION)
			print_connection(conf->sections[i], ret);

	if (conf->guard_count > 0)
		str_add(ret, "\n[guard]\n");
	for (size_t i = 0; i < conf->guard_count; i++)
		str_addf(ret, "%s = %s # %s\n", conf->guards[i].pattern,
		         conf->guards[i].checker, conf->guards[i].where);
}
