/* SPDX-License-Identifier: MIT */
/*
 * Values from the environment and from .env: the table's names are looked up,
 * everything else there is not ours.
 */
#include "base/dotenv.h"
#include "conf_values.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* of an environment name, with NUL */

/* What a source has under a name. */
struct found {
	const char *value;      /* NULL: a name without '=' */
	const char *unresolved; /* a ${NAME} that stayed in it, or NULL */
	unsigned line;
};

/* A name of a .env file. */
struct entry {
	char *name; /* all owned */
	char *value;
	char *unresolved;
	unsigned line;
};

/* Either of the two; the other one's fields are empty. */
struct source {
	struct conf *conf;
	enum conf_origin origin;
	char **environment;
	const char *path;
	struct entry *entries; /* owned */
	size_t count;
};

static void source_release(struct source *source)
{
	for (size_t i = 0; i < source->count; i++) {
		free(source->entries[i].name);
		conf_wipe_free(source->entries[i].value);
		free(source->entries[i].unresolved);
	}
	free(source->entries);
}

/* The text behind "NAME=" in an environ-style string, or NULL. */
static char *value_of(char *string, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(string, name, len) != 0 || string[len] != '=')
		return NULL;
	return string + len + 1;
}

/* Look name up. In .env the last one counts, in an environment the first. */
static bool find(const struct source *source, const char *name,
                 struct found *ret)
{
	for (char **e = source->environment; e && *e; e++) {
		const char *value = value_of(*e, name);

		if (value) {
			*ret = (struct found){.value = value};
			return true;
		}
	}

	for (size_t i = source->count; i > 0; i--) {
		const struct entry *entry = &source->entries[i - 1];

		if (strcmp(entry->name, name) == 0) {
			*ret = (struct found){entry->value, entry->unresolved,
			                      entry->line};
			return true;
		}
	}
	return false;
}

/* What Laravel's env() turns into nothing. */
static bool is_nothing(const char *value)
{
	static const char *const nothing[] = {"", "null", "(null)", "empty",
	                                      "(empty)"};

	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		if (strcasecmp(value, nothing[i]) == 0)
			return true;
	return false;
}

/* What no value of ours may be, in words; else 0. */
static int refuse(const struct source *source, const struct conf_option *option,
                  const struct found *found, const struct conf_from *from,
                  struct err *reterr)
{
	if (!found->value)
		return err_set(reterr, -EINVAL, "%s: %s: the '=' is missing",
		               from->where, from->key);
	if (found->unresolved)
		return err_set(reterr, -EINVAL,
		               "%s: %s: ${%s} is neither in the environment "
		               "nor further up in the file",
		               from->where, from->key, found->unresolved);
	if (source->origin == CONF_FROM_DOTENV &&
	    strcmp(option->name, "env_file") == 0)
		return err_set(reterr, -EINVAL,
		               "%s: %s: a .env file cannot name another one",
		               from->where, from->key);
	return 0;
}

/* Take name's value if the source has one: 1, 0, or -errno. */
static int try_name(const struct source *source, struct conf_section *section,
                    const struct conf_option *option, const char *name,
                    struct err *reterr)
{
	cleanup(str_release) struct str where = {0};
	struct found found;

	if (!find(source, name, &found) ||
	    (found.value && is_nothing(found.value)))
		return 0;

	if (source->origin == CONF_FROM_ENV)
		str_add(&where, "environment");
	else
		str_addf(&where, "%s:%u", source->path, found.line);

	if (str_status(&where) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");

	const struct conf_from from = {source->origin, 0, str_text(&where),
	                               name};
	int r = refuse(source, option, &found, &from, reterr);

	if (r == 0)
		r = conf_put(section, option, found.value, &from, reterr);
	return r < 0 ? r : 1;
}

/* Cut the next of "A|B" off *names into name, NUL-terminated. */
static bool next_name(const char **names, const char *end, char *name)
{
	size_t len = strcspn(*names, "|,");

	if (*names >= end || len == 0 || len >= NAME_MAX_BYTES)
		return false;

	memcpy(name, *names, len);
	name[len] = '\0';
	*names += len;
	if (**names == '|')
		(*names)++;
	return true;
}

/* The first of the alternatives "A|B" (up to a ',') that has a value. */
static int try_names(const struct source *source, struct conf_section *section,
                     const struct conf_option *option, const char *names,
                     struct err *reterr)
{
	const char *end = names + strcspn(names, ",");
	char name[NAME_MAX_BYTES];
	int r = 0;

	while (r == 0 && next_name(&names, end, name))
		r = try_name(source, section, option, name, reterr);
	return r;
}

/* "PORTERFS_PART_SIZE" of part_size. */
static void own_name(const struct conf_option *option,
                     char name[NAME_MAX_BYTES])
{
	(void)snprintf(name, NAME_MAX_BYTES, "PORTERFS_%s", option->name);
	for (char *c = name; *c; c++)
		*c = conf_upper(*c);
}

/* One option, wherever it may stand: 0, 1 or -errno. */
static int try_option(const struct source *source,
                      const struct conf_option *option, struct err *reterr)
{
	struct conf_section **sections = source->conf->sections;
	const char *names = option->env ? option->env : "";
	char name[NAME_MAX_BYTES];
	int r;

	if (option->scope == CONF_CONNECTION)
		return try_names(source, sections[CONF_SECTION_MYSQL], option,
		                 names, reterr);

	if (option->scope == CONF_GENERAL && !option->env) {
		own_name(option, name);
		return try_name(source, sections[CONF_SECTION_GENERAL], option,
		                name, reterr);
	}
	if (option->scope == CONF_GENERAL)
		return try_names(source, sections[CONF_SECTION_GENERAL], option,
		                 names, reterr);

	for (unsigned role = 0; role < CONF_ROLES; role++) {
		r = try_names(source, sections[CONF_SECTION_ROLE + role],
		              option, names, reterr);
		if (r < 0)
			return r;
		names += strcspn(names, ",");
		names += *names == ',';
	}
	return 0;
}

static int try_all(const struct source *source, struct err *reterr)
{
	for (size_t i = 0; i < conf_options_count; i++) {
		int r = try_option(source, &conf_options[i], reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Overwrite and take out name when its value is one of option's secrets. */
static void hide_name(char **environment, const struct conf_option *option,
                      const char *name)
{
	char **to = environment;

	for (char **e = environment; *e; e++) {
		char *value = value_of(*e, name);

		if (value && conf_is_secret(option, value))
			explicit_bzero(value, strlen(value));
		else
			*to++ = *e;
	}
	*to = NULL;
}

/* Let no secret stay in the environment. */
static void hide_secrets(char **environment)
{
	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *option = &conf_options[i];
		const char *names = option->env ? option->env : "";
		const char *end = names + strlen(names);
		char name[NAME_MAX_BYTES];

		if (option->type != CONF_SECRET && option->type != CONF_URL)
			continue;
		if (option->scope == CONF_GENERAL && !option->env) {
			own_name(option, name);
			hide_name(environment, option, name);
		}
		while (names < end) {
			if (next_name(&names, end, name))
				hide_name(environment, option, name);
			names += *names == ',';
		}
	}
}

int conf_load_env(struct conf *conf, char **environment, struct err *reterr)
{
	const struct source source = {
		.conf = conf,
		.origin = CONF_FROM_ENV,
		.environment = environment,
	};
	int r = try_all(&source, reterr);

	hide_secrets(environment);
	return r;
}

/* Keep an entry of the .env file. */
static int collect(void *ctx, const struct dotenv_entry *entry,
                   struct err *reterr)
{
	struct source *source = ctx;
	struct entry *grown = reallocarray(source->entries, source->count + 1,
	                                   sizeof(*grown));

	if (!grown)
		return err_set(reterr, -ENOMEM, "out of memory");
	source->entries = grown;

	struct entry *e = &source->entries[source->count++];

	*e = (struct entry){.line = entry->line};
	e->name = strdup(entry->name);
	if (entry->value)
		e->value = strdup(entry->value);
	if (entry->unresolved)
		e->unresolved = strdup(entry->unresolved);
	if (!e->name || (entry->value && !e->value) ||
	    (entry->unresolved && !e->unresolved))
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

int conf_load_dotenv(struct conf *conf, const char *path, struct err *reterr)
{
	cleanup(source_release) struct source source = {
		.conf = conf,
		.origin = CONF_FROM_DOTENV,
		.path = path,
	};
	int r = dotenv_read(path, collect, &source, reterr);

	if (r == 0)
		r = try_all(&source, reterr);
	if (r < 0)
		return r;

	char *copy = strdup(path);

	if (!copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	free(conf->dotenv_path);
	conf->dotenv_path = copy;
	return 0;
}
