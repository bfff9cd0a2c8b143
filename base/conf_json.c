/* SPDX-License-Identifier: MIT */
/* The effective configuration as JSON, without secrets. */
#include "base/json.h"
#include "conf_values.h"

#include <errno.h>

/* {"value":...,"from":...}; of a secret only that it is set. */
static int add_option(struct jval *section, const struct conf_option *option,
                      const struct conf_value *value)
{
	struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0 && value->text && conf_is_secret(option, value->text))
		r = jval_set_bool(object, "set", true);
	else if (r == 0 && value->text)
		r = jval_set_text(object, "value", value->text);
	if (r == 0)
		r = jval_set_text(object, "from",
		                  value->where ? value->where : "default");
	if (r < 0) {
		jval_free(object);
		return r;
	}
	return jval_set(section, option->name, object);
}

/* Every option of a scope; bucket is NULL for the general ones. */
static int add_section(const struct conf *conf, enum conf_scope scope,
                       const char *bucket, struct jval *into, const char *name)
{
	struct jval *section = jval_new_object();
	int r = section ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < conf_options_count; i++)
		if (conf_options[i].scope == scope)
			r = add_option(section, &conf_options[i],
			               conf_effective(conf, bucket,
			                              conf_options[i].name));
	if (r < 0) {
		jval_free(section);
		return r;
	}
	return jval_set(into, name, section);
}

int conf_print_json(const struct conf *conf, struct str *ret)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	struct jval *buckets = jval_new_object();
	int r = object ? add_section(conf, CONF_GENERAL, NULL, object,
	                             "general")
	               : -ENOMEM;

	for (size_t i = 0; r == 0 && i < conf_bucket_count(conf); i++) {
		const char *name = conf_bucket_name(conf, i);

		r = add_section(conf, CONF_BUCKET, name, buckets, name);
	}
	if (r < 0) {
		jval_free(buckets);
		return r;
	}
	r = jval_set(object, "buckets", buckets);
	return r < 0 ? r : jval_dump(object, ret);
}
