/* SPDX-License-Identifier: MIT */
/* Asking a loaded configuration. */
#include "conf_values.h"

#include <assert.h>
#include <string.h>

/* The row of an option that may be asked for. */
static const struct conf_option *row(const char *bucket, const char *name)
{
	const struct conf_option *option =
		bucket ? conf_find(CONF_BUCKET, name) : NULL;

	if (!option)
		option = conf_find(CONF_GENERAL, name);
	assert(option);
	return option;
}

const char *conf_text(const struct conf *conf, const char *bucket,
                      const char *name)
{
	enum conf_type type = row(bucket, name)->type;

	assert(type == CONF_TEXT || type == CONF_SECRET ||
	       type == CONF_CHOICE || type == CONF_PATH || type == CONF_URL);
	return conf_effective(conf, bucket, name)->text;
}

uint64_t conf_number(const struct conf *conf, const char *bucket,
                     const char *name)
{
	enum conf_type type = row(bucket, name)->type;

	assert(type == CONF_SIZE || type == CONF_DURATION ||
	       type == CONF_COUNT || type == CONF_MODE);
	return conf_effective(conf, bucket, name)->number;
}

bool conf_bool(const struct conf *conf, const char *bucket, const char *name)
{
	assert(row(bucket, name)->type == CONF_BOOL);
	return conf_effective(conf, bucket, name)->number != 0;
}

bool conf_is_set(const struct conf *conf, const char *bucket, const char *name)
{
	return conf_effective(conf, bucket, name)->text != NULL;
}

bool conf_is_own(const struct conf *conf, const char *bucket, const char *name)
{
	assert(conf_find(CONF_BUCKET, name));
	return conf_own(conf, bucket, name) != NULL;
}

enum conf_origin conf_origin(const struct conf *conf, const char *bucket,
                             const char *name)
{
	return conf_effective(conf, bucket, name)->origin;
}

const char *conf_origin_text(const struct conf *conf, const char *bucket,
                             const char *name)
{
	const char *where = conf_effective(conf, bucket, name)->where;

	return where ? where : "default";
}

/* Whether the environment alone makes the bucket of that role. */
static bool role_wanted(const struct conf *conf, unsigned role)
{
	const struct conf_value *values =
		conf->sections[CONF_SECTION_ROLE + role]->values;
	const struct conf_value *enabled =
		&values[conf_find(CONF_BUCKET, "enabled") - conf_options];

	/* EXPORT_ALT_AWS_ENABLED decides alone, and is false by default. */
	if (role == CONF_ROLES - 1)
		return enabled->origin != CONF_FROM_DEFAULT &&
		       enabled->number != 0;
	return values[conf_find(CONF_BUCKET, "bucket") - conf_options].text !=
	       NULL;
}

/* The directory of that role, or NULL when there is none. */
static const char *role_bucket(const struct conf *conf, unsigned role)
{
	const char *name = conf_role_name(conf, role);

	if (!conf_section_find(conf, CONF_BUCKET, name) &&
	    !role_wanted(conf, role))
		return NULL;
	return conf_bool(conf, name, "enabled") ? name : NULL;
}

/* The directory of a section, or NULL when it is none or a role's. */
static const char *section_bucket(const struct conf *conf,
                                  const struct conf_section *section)
{
	if (section->scope != CONF_BUCKET ||
	    conf_role(conf, section->name) >= 0 ||
	    !conf_bool(conf, section->name, "enabled"))
		return NULL;
	return section->name;
}

const char *conf_bucket_name(const struct conf *conf, size_t index)
{
	for (unsigned role = 0; role < CONF_ROLES; role++) {
		const char *name = role_bucket(conf, role);

		if (name && index-- == 0)
			return name;
	}
	for (size_t i = CONF_SECTION_MYSQL; i < conf->count; i++) {
		const char *name = section_bucket(conf, conf->sections[i]);

		if (name && index-- == 0)
			return name;
	}
	return NULL;
}

size_t conf_bucket_count(const struct conf *conf)
{
	size_t count = 0;

	while (conf_bucket_name(conf, count))
		count++;
	return count;
}

const char *conf_bucket_env_prefix(const struct conf *conf, const char *bucket)
{
	static const char *const prefixes[CONF_ROLES] = {"AWS_", "AWS_SOURCE_",
	                                                 "EXPORT_ALT_AWS_"};
	int role = conf_role(conf, bucket);

	return role < 0 ? NULL : prefixes[role];
}

const char *conf_dotenv_path(const struct conf *conf)
{
	return conf->dotenv_path;
}

/* The index-th value that somebody set, not a default. */
static const char *set_value(const struct conf_section *section, size_t index,
                             const char **ret_value)
{
	for (size_t i = 0; i < conf_options_count; i++) {
		if (!section->values[i].text ||
		    section->values[i].origin == CONF_FROM_DEFAULT ||
		    index-- > 0)
			continue;
		*ret_value = section->values[i].text;
		return conf_options[i].name;
	}
	return NULL;
}

const char *conf_extra(const struct conf *conf, const char *section,
                       size_t index, const char **ret_value)
{
	if (strcmp(section, "guard") == 0) {
		if (index >= conf->guard_count)
			return NULL;
		*ret_value = conf->guards[index].checker;
		return conf->guards[index].pattern;
	}

	if (!str_starts(section, "mysql"))
		return NULL;

	const char *name = section + strlen("mysql");
	const struct conf_section *found = conf_section_find(
		conf, CONF_CONNECTION, *name == '.' ? name + 1 : name);

	return found ? set_value(found, index, ret_value) : NULL;
}
