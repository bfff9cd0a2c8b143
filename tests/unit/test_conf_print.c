/* SPDX-License-Identifier: MIT */
/* --print-config, --help and porterfs.conf. */
#include "conf_fixture.h"

static void print_shows_values_and_origins_and_no_secret(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	cleanup(str_release) struct str out = {0};
	const char *text;

	(void)state;
	load_file(conf, "[general]\npart_size = 9M\n"
	                "proxy = http://me:hush@proxy:3128\n"
	                "cache_store = redis://:hush@h\n"
	                "[bucket.x]\nbucket = data-1\naccess_key_id = AK\n"
	                "secret_access_key = hush\n"
	                "[mysql.prod]\npassword = hush\n"
	                "[guard]\n*.sql = mysqldump\n");
	load_env(conf, "AWS_BUCKET=env-data", "DB_PASSWORD=hush");
	load_line(conf, "log=debug");
	conf_print(conf, &out);
	assert_int_equal(str_status(&out), 0);
	text = str_text(&out);

	assert_null(strstr(text, "hush"));
	assert_non_null(
		strstr(text, "part_size = 9M                                   "
	                     "# p.conf:2\n"));
	assert_non_null(
		strstr(text, "log = debug                                      "
	                     "# -o\n"));
	assert_non_null(
		strstr(text, "memory_limit = 256M                              "
	                     "# default\n"));
	assert_non_null(
		strstr(text, "proxy = (set)                                    "
	                     "# p.conf:3\n"));
	assert_non_null(
		strstr(text, "\n[bucket.primary]\n"
	                     "bucket = env-data                                "
	                     "# environment AWS_BUCKET\n"));
	assert_non_null(strstr(text, "\n[bucket.x]\n"));
	assert_non_null(
		strstr(text, "secret_access_key = (set)                        "
	                     "# p.conf:8\n"));
	assert_non_null(
		strstr(text, "session_token = (not set)                        "
	                     "# default\n"));
	assert_non_null(strstr(text, "\n[mysql]\n"));
	assert_non_null(strstr(text, "\n[mysql.prod]\n"));
	assert_non_null(strstr(text, "\n[guard]\n*.sql = mysqldump"));

	for (size_t i = 0; i < conf_options_count; i++) {
		cleanup(freep) char *line =
			str_printf("\n%s = ", conf_options[i].name);

		assert_non_null(strstr(text, line));
	}
}

static void help_names_every_option_but_secrets(void **state)
{
	cleanup(str_release) struct str out = {0};

	(void)state;
	conf_print_help(&out);
	for (size_t i = 0; i < conf_options_count; i++) {
		cleanup(freep) char *line =
			str_printf("\n  %s=", conf_options[i].name);

		if (conf_options[i].type != CONF_SECRET)
			assert_non_null(strstr(str_text(&out), line));
	}
}

/* ---- porterfs.conf ---- */

/* Take the '#' away from every key and section of the template. */
static char *uncomment(const char *template)
{
	cleanup(str_release) struct str out = {0};

	for (const char *line = template; *line;) {
		size_t len = strcspn(line, "\n");
		bool comment =
			line[0] == '#' && (line[1] == ' ' || line[1] == '\n');

		if (line[0] == '#' && !comment)
			str_add_mem(&out, line + 1, len - 1);
		else
			str_add_mem(&out, line, len);
		str_add_char(&out, '\n');
		line += len + (line[len] == '\n');
	}
	return str_take(&out);
}

/* Whether both have the same value, whatever its type. */
static void assert_same(const struct conf *a, const struct conf *b,
                        const char *bucket, const struct conf_option *o)
{
	const char *one;
	const char *other;

	assert_int_equal(conf_is_set(a, bucket, o->name),
	                 conf_is_set(b, bucket, o->name));
	switch (o->type) {
	case CONF_BOOL:
		assert_int_equal(conf_bool(a, bucket, o->name),
		                 conf_bool(b, bucket, o->name));
		break;
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_COUNT:
	case CONF_MODE:
		assert_int_equal(conf_number(a, bucket, o->name),
		                 conf_number(b, bucket, o->name));
		break;
	case CONF_TEXT:
	case CONF_SECRET:
	case CONF_CHOICE:
	case CONF_PATH:
	case CONF_URL:
		one = conf_text(a, bucket, o->name);
		other = conf_text(b, bucket, o->name);
		assert_string_equal(one ? one : "-", other ? other : "-");
		break;
	}
}

static void the_template_uncommented_is_the_defaults(void **state)
{
	cleanup(conf_freep) struct conf *defaults = empty();
	cleanup(conf_freep) struct conf *conf = empty();
	cleanup(str_release) struct str template = {0};

	(void)state;
	conf_print_template(&template);

	cleanup(freep) char *text = uncomment(str_text(&template));

	load_file(conf, text);
	load_file(defaults, "[bucket.primary]");
	assert_buckets(conf, "primary");

	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *o = &conf_options[i];
		cleanup(freep) char *line = str_printf("\n%s =", o->name);

		assert_non_null(strstr(text, line));
		if (o->scope == CONF_GENERAL) {
			assert_same(conf, defaults, NULL, o);
			assert_int_equal(conf_origin(conf, NULL, o->name),
			                 CONF_FROM_FILE);
		} else if (o->scope == CONF_BUCKET) {
			assert_same(conf, defaults, "primary", o);
		}
	}
}

static void the_template_as_it_is_loads_and_sets_nothing(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	cleanup(str_release) struct str template = {0};

	(void)state;
	conf_print_template(&template);
	load_file(conf, str_text(&template));
	assert_buckets(conf, "");
	for (size_t i = 0; i < conf_options_count; i++)
		if (conf_options[i].scope == CONF_GENERAL)
			assert_int_equal(conf_origin(conf, NULL,
			                             conf_options[i].name),
			                 CONF_FROM_DEFAULT);
}

static void the_repository_has_the_template_as_porterfs_conf(void **state)
{
	const char *path = getenv("PORTERFS_CONF_IN_TREE");
	cleanup(str_release) struct str template = {0};
	static char text[128 << 10];

	(void)state;
	assert_non_null(path);

	FILE *file = fopen(path, "re");

	assert_non_null(file);

	size_t len = fread(text, 1, sizeof(text) - 1, file);

	assert_int_equal(fclose(file), 0);
	text[len] = '\0';
	conf_print_template(&template);
	assert_string_equal(text, str_text(&template));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_shows_values_and_origins_and_no_secret),
		cmocka_unit_test(help_names_every_option_but_secrets),
		cmocka_unit_test(the_template_uncommented_is_the_defaults),
		cmocka_unit_test(the_template_as_it_is_loads_and_sets_nothing),
		cmocka_unit_test(
			the_repository_has_the_template_as_porterfs_conf),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
