/* SPDX-License-Identifier: MIT */
#include "conf_values.h"

#include <assert.h>
#include <string.h>

/* What is set nowhere. */
static const struct conf_value unset;

void conf_wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void value_release(struct conf_value *value)
{
	conf_wipe_free(value->text);
	free(value->where);
	*value = (struct conf_value){0};
}

static void section_free(struct conf_section *section)
{
	if (!section)
		return;

	for (size_t i = 0; section->values && i < conf_options_count; i++)
		value_release(&section->values[i]);
	free(section->values);
	free(section->where);
	free(section->name);
	free(section);
}
DEFINE_CLEANUP(struct conf_section *, section_free);

/* Give every option of the section's scope its default. */
static int set_presets(struct conf_section *section)
{
	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *option = &conf_options[i];
		struct conf_value *value = &section->values[i];

		if (option->scope != section->scope || !option->preset)
			continue;

		int r = conf_parse(option, option->preset, &value->text,
		                   &value->number, NULL);

		assert(r == 0 || r == -ENOMEM); /* the table is right */
		if (r < 0)
			return r;
	}
	return 0;
}

static int section_new(enum conf_scope scope, const char *name,
                       struct conf_section **ret)
{
	cleanup(section_freep) struct conf_section *section =
		calloc(1, sizeof(*section));

	if (!section)
		return -ENOMEM;

	section->scope = scope;
	section->name = strdup(name);
	section->values = calloc(conf_options_count, sizeof(*section->values));
	if (!section->name || !section->values)
		return -ENOMEM;

	int r = set_presets(section);

	if (r == 0)
		*ret = take(&section);
	return r;
}

/* Make a section and append it. */
static int section_add(struct conf *conf, enum conf_scope scope,
                       const char *name, struct conf_section **ret)
{
	struct conf_section **grown =
		reallocarray(conf->sections, conf->count + 1, sizeof(void *));

	if (!grown)
		return -ENOMEM;
	conf->sections = grown;

	int r = section_new(scope, name, &conf->sections[conf->count]);

	if (r < 0)
		return r;
	*ret = conf->sections[conf->count++];
	return 0;
}

int conf_new(struct conf **ret)
{
	static const enum conf_scope first[] = {CONF_GENERAL, CONF_BUCKET,
	                                        CONF_BUCKET, CONF_BUCKET,
	                                        CONF_CONNECTION};
	cleanup(conf_freep) struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return -ENOMEM;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct conf_section *section;
		int r = section_add(conf, first[i], "", &section);

		if (r < 0)
			return r;
	}
	*ret = take(&conf);
	return 0;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;

	for (size_t i = 0; i < conf->count; i++)
		section_free(conf->sections[i]);
	for (size_t i = 0; i < conf->guard_count; i++) {
		free(conf->guards[i].pattern);
		free(conf->guards[i].checker);
		free(conf->guards[i].where);
	}
	free(conf->sections);
	free(conf->guards);
	free(conf->dotenv_path);
	free(conf);
}

struct conf_section *conf_section_find(const struct conf *conf,
                                       enum conf_scope scope, const char *name)
{
	if (scope == CONF_GENERAL)
		return conf->sections[CONF_SECTION_GENERAL];

	for (size_t i = CONF_SECTION_MYSQL; i < conf->count; i++) {
		struct conf_section *section = conf->sections[i];

		if (section->scope == scope && strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

int conf_section_get(struct conf *conf, enum conf_scope scope, const char *name,
                     struct conf_section **ret)
{
	struct conf_section *section = conf_section_find(conf, scope, name);

	if (!section) {
		int r = section_add(conf, scope, name, &section);

		if (r < 0)
			return r;
	}
	section->declared = true;
	*ret = section;
	return 0;
}

/* Put the place in front of the sentence. Returns r. */
static int at_place(int r, const struct conf_from *from, struct err *reterr)
{
	if (reterr)
		(void)err_wrap(reterr, "%s: %s", from->where, from->key);
	return r;
}

/* The place for people, owned by the caller; NULL only without memory. */
static char *place(const struct conf_from *from)
{
	if (from->origin == CONF_FROM_ENV)
		return str_printf("%s %s", from->where, from->key);
	return strdup(from->where);
}

/* An empty text: no value where there is no default, else a mistake. */
static int parse_or_empty(const struct conf_option *option, const char *text,
                          struct conf_value *ret, struct err *reterr)
{
	if (*text)
		return conf_parse(option, text, &ret->text, &ret->number,
		                  reterr);
	if (!option->preset)
		return 0;
	return err_set(reterr, -EINVAL,
	               "the value is missing, the default is '%s'",
	               option->preset);
}

int conf_put(struct conf_section *section, const struct conf_option *option,
             const char *text, const struct conf_from *from, struct err *reterr)
{
	struct conf_value *old = &section->values[option - conf_options];
	cleanup(value_release) struct conf_value value = {
		.origin = from->origin,
		.load = from->load,
	};

	assert(option->scope == section->scope);
	if (from->load > 0 && old->load == from->load)
		return at_place(err_set(reterr, -EINVAL,
		                        "is given twice, first at %s",
		                        old->where),
		                from, reterr);

	int r = parse_or_empty(option, text, &value, reterr);

	if (r < 0)
		return at_place(r, from, reterr);
	if (old->origin > from->origin)
		return 0;

	if (from->origin != CONF_FROM_DEFAULT) {
		value.where = place(from);
		if (!value.where)
			return at_place(err_set(reterr, -ENOMEM,
			                        "out of memory"),
			                from, reterr);
	}
	value_release(old);
	*old = value;
	value = (struct conf_value){0};
	return 0;
}

int conf_unknown_key(enum conf_scope scope, const struct conf_from *from,
                     struct err *reterr)
{
	const char *meant = conf_suggest(scope, from->key);
	const char *key = from->key;
	int r = -EINVAL;

	if (meant)
		r = err_set(reterr, r,
		            "there is no such key, did you mean '%s'", meant);
	else if (scope != CONF_GENERAL && conf_find(CONF_GENERAL, key))
		r = err_set(reterr, r, "belongs into the section [general]");
	else if (scope != CONF_BUCKET && conf_find(CONF_BUCKET, key))
		r = err_set(reterr, r,
		            "belongs to one bucket, write it in [bucket.NAME] "
		            "or as -o bucket.NAME.%s",
		            key);
	else if (scope != CONF_CONNECTION && conf_find(CONF_CONNECTION, key))
		r = err_set(reterr, r,
		            "belongs to a database connection, write it in "
		            "[mysql] or [mysql.NAME]");
	else
		r = err_set(reterr, r,
		            "there is no such key, porterfs --help lists "
		            "all");
	return at_place(r, from, reterr);
}

int conf_set(struct conf *conf, const char *bucket, const char *name,
             const char *value, enum conf_origin origin, struct err *reterr)
{
	static const char *const places[] = {"default", "file", ".env",
	                                     "environment", "-o"};
	const struct conf_from from = {origin, 0, places[origin], name};
	enum conf_scope scope = bucket ? CONF_BUCKET : CONF_GENERAL;
	const struct conf_option *option = conf_find(scope, name);
	struct conf_section *section;

	if (!option)
		return conf_unknown_key(scope, &from, reterr);
	if (bucket && conf_check_form(CONF_FORM_DIRECTORY, bucket, reterr) < 0)
		return at_place(-EINVAL, &from, reterr);

	int r = conf_section_get(conf, scope, bucket ? bucket : "", &section);

	if (r < 0)
		return at_place(err_set(reterr, r, "out of memory"), &from,
		                reterr);
	return conf_put(section, option, value, &from, reterr);
}

const char *conf_role_name(const struct conf *conf, unsigned role)
{
	static const char *const options[CONF_ROLES] = {
		"primary_name", "source_name", "alt_export_name"};

	assert(role < CONF_ROLES);
	return conf_text(conf, NULL, options[role]);
}

int conf_role(const struct conf *conf, const char *bucket)
{
	for (unsigned role = 0; role < CONF_ROLES; role++)
		if (strcmp(conf_role_name(conf, role), bucket) == 0)
			return (int)role;
	return -1;
}

/* Of two values the one that is set and of higher origin. */
static const struct conf_value *stronger(const struct conf_value *a,
                                         const struct conf_value *b)
{
	if (!a->text || !b->text)
		return a->text ? a : b;
	return a->origin >= b->origin ? a : b;
}

const struct conf_value *conf_own(const struct conf *conf, const char *bucket,
                                  const char *name)
{
	const struct conf_option *option = conf_find(CONF_BUCKET, name);
	const struct conf_section *section =
		conf_section_find(conf, CONF_BUCKET, bucket);
	const struct conf_value *value = &unset;
	int role = conf_role(conf, bucket);

	if (!option)
		return NULL;

	size_t index = (size_t)(option - conf_options);

	if (section)
		value = &section->values[index];
	if (role >= 0)
		value = stronger(value,
		                 &conf->sections[CONF_SECTION_ROLE + role]
		                          ->values[index]);
	return value->text ? value : NULL;
}

const struct conf_value *conf_effective(const struct conf *conf,
                                        const char *bucket, const char *name)
{
	const struct conf_option *general = conf_find(CONF_GENERAL, name);

	if (bucket) {
		const struct conf_value *own = conf_own(conf, bucket, name);

		assert(general || conf_find(CONF_BUCKET, name));
		if (own)
			return own;
		if (!general)
			return &unset;
	}

	assert(general);
	return &conf->sections[CONF_SECTION_GENERAL]
	                ->values[general - conf_options];
}
