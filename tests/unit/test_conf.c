/* SPDX-License-Identifier: MIT */
/* What the sources of a configuration come to. */
#include "conf_fixture.h"

/* ---- defaults ---- */

struct number {
	const char *name;
	uint64_t value;
};

static void the_defaults_are_those_of_the_manual(void **state)
{
	static const struct number numbers[] = {
		{"part_size", 8 << 20},
		{"upload_concurrency", 16},
		{"copy_concurrency", 64},
		{"max_connections", 128},
		{"read_ahead_max", 64 << 20},
		{"memory_limit", 256 << 20},
		{"retry_attempts", 8},
		{"op_deadline", 60 * 1000},
		{"write_deadline", 5 * 60 * 1000},
		{"cache_ttl", 3600 * 1000},
		{"negative_ttl", 60 * 1000},
		{"cache_max_size", 1 << 30},
		{"staging_max", UINT64_C(10) << 30},
		{"sparse_max", UINT64_C(1) << 40},
		{"rename_dir_max", 10000},
		{"export_expiration", 3600 * 1000},
		{"file_mode", 0644},
		{"dir_mode", 0755},
		{"umask", 0},
	};
	static const char *const texts[][2] = {
		{"primary_name", "primary"},
		{"source_name", "source"},
		{"alt_export_name", "alt-export"},
		{"cache_store", "lmdb"},
		{"commit", "close"},
		{"metadata", "copy"},
		{"attrs", "head"},
		{"unlink", "batch"},
		{"temp_names", "rsync"},
		{"on_killed_writer", "keep"},
		{"on_failed_writer", "publish"},
		{"on_unknown_writer", "publish"},
		{"control", "hidden"},
		{"consistency", "ttl"},
		{"log", "info"},
		{"endpoint", "aws"},
	};
	static const char *const unset[] = {
		"cache_dir", "state_dir", "control_group", "env_file", "uid",
		"gid",       "region",    "ca_bundle",     "proxy",
	};
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(conf_number(conf, NULL, numbers[i].name),
		                 numbers[i].value);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(conf_text(conf, NULL, texts[i][0]),
		                    texts[i][1]);
	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
		assert_false(conf_is_set(conf, NULL, unset[i]));

	assert_true(conf_bool(conf, NULL, "cache"));
	assert_true(conf_bool(conf, NULL, "checkpoint"));
	assert_false(conf_bool(conf, NULL, "strict_start"));
	assert_false(conf_bool(conf, NULL, "kernel_writeback"));
	assert_false(conf_bool(conf, NULL, "allow_other"));
	assert_false(conf_bool(conf, NULL, "allow_plaintext"));

	assert_string_equal(conf_text(conf, "x", "endpoint"), "aws");
	load_file(conf, "[bucket.x]");
	assert_string_equal(conf_text(conf, "x", "mode"), "rw");
	assert_string_equal(conf_text(conf, "x", "checksum"), "auto");
	assert_string_equal(conf_text(conf, "x", "s3_profile"), "auto");
	assert_string_equal(conf_text(conf, "x", "path_style"), "auto");
	assert_string_equal(conf_text(conf, "x", "sse"), "none");
	assert_string_equal(conf_text(conf, "x", "acl"), "none");
	assert_false(conf_bool(conf, "x", "requester_pays"));
}

static void every_row_of_the_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_options_count; i++) {
		const struct conf_option *o = &conf_options[i];

		assert_ptr_equal(conf_find(o->scope, o->name), o);
		assert_non_null(o->help);
		assert_true(strlen(o->name) < 40);
		assert_null(strchr(o->help, '\n'));
		if (o->type == CONF_CHOICE || o->type == CONF_URL)
			assert_non_null(o->choices);
	}
}

/* ---- precedence ---- */

static void each_source_is_stronger_than_those_below(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	assert_string_equal(conf_origin_text(conf, NULL, "part_size"),
	                    "default");
	load_file(conf, "[general]\n\npart_size = 5M\n");
	assert_int_equal(conf_number(conf, NULL, "part_size"), 5 << 20);
	assert_string_equal(conf_origin_text(conf, NULL, "part_size"),
	                    "p.conf:3");
	load_dotenv(conf, "PORTERFS_PART_SIZE=6M");
	assert_int_equal(conf_number(conf, NULL, "part_size"), 6 << 20);
	assert_string_equal(conf_origin_text(conf, NULL, "part_size"),
	                    ".env:1");
	load_env(conf, "PORTERFS_PART_SIZE=7M", NULL);
	assert_int_equal(conf_number(conf, NULL, "part_size"), 7 << 20);
	assert_string_equal(conf_origin_text(conf, NULL, "part_size"),
	                    "environment PORTERFS_PART_SIZE");
	load_line(conf, "part_size=9M");
	assert_int_equal(conf_number(conf, NULL, "part_size"), 9 << 20);
	assert_string_equal(conf_origin_text(conf, NULL, "part_size"), "-o");
	assert_int_equal(conf_origin(conf, NULL, "part_size"),
	                 CONF_FROM_COMMAND_LINE);
}

/* Load all four sources in the order that the digits of order say. */
static void load_in_order(struct conf *conf, const char *order)
{
	for (; *order; order++) {
		if (*order == '1')
			load_file(conf, "[general]\nregion = file\n"
			                "[bucket.primary]\nregion = file\n");
		else if (*order == '2')
			load_dotenv(conf, "AWS_REGION=dotenv\n"
			                  "AWS_BUCKET=from-dotenv");
		else if (*order == '3')
			load_env(conf, "AWS_REGION=env",
			         "AWS_DEFAULT_REGION=env-default");
		else
			load_line(conf, "bucket.primary.region=line");
	}
}

static void the_order_of_loading_does_not_matter(void **state)
{
	static const char *const orders[] = {"1234", "4321", "2413",
	                                     "3142", "1324", "4132"};

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		cleanup(conf_freep) struct conf *conf = empty();

		load_in_order(conf, orders[i]);
		assert_string_equal(conf_text(conf, NULL, "region"), "env");
		assert_string_equal(conf_text(conf, "primary", "region"),
		                    "line");
		assert_string_equal(conf_text(conf, "primary", "bucket"),
		                    "from-dotenv");
		assert_string_equal(conf_text(conf, "other", "region"), "env");
	}
}

static void a_bucket_of_the_guide_meets_its_section(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "[bucket.primary]\nbucket = file-data\nmode = ro\n"
	                "region = eu-west-1\n");
	load_env(conf, "AWS_BUCKET=env-data", NULL);
	assert_buckets(conf, "primary");
	assert_string_equal(conf_text(conf, "primary", "bucket"), "env-data");
	assert_string_equal(conf_origin_text(conf, "primary", "bucket"),
	                    "environment AWS_BUCKET");
	assert_string_equal(conf_text(conf, "primary", "mode"), "ro");
	assert_string_equal(conf_text(conf, "primary", "region"), "eu-west-1");
	assert_string_equal(conf_origin_text(conf, "primary", "region"),
	                    "p.conf:4");
}

static void of_two_o_the_later_counts(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_line(conf, "part_size=5M");
	load_line(conf, "part_size=6M");
	assert_int_equal(conf_number(conf, NULL, "part_size"), 6 << 20);
	load_line(conf, "allow_other");
	assert_true(conf_bool(conf, NULL, "allow_other"));
	load_line(conf, "allow_other=off");
	assert_false(conf_bool(conf, NULL, "allow_other"));
}

static void an_empty_value_takes_back_what_is_weaker(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "[general]\nproxy = http://proxy:3128\n");
	assert_true(conf_is_set(conf, NULL, "proxy"));
	load_line(conf, "proxy=");
	assert_false(conf_is_set(conf, NULL, "proxy"));
	assert_string_equal(conf_origin_text(conf, NULL, "proxy"), "-o");
}

static void a_default_can_depend_on_the_mount_point(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();
	struct err err = {0};

	(void)state;
	assert_int_equal(conf_set(conf, NULL, "cache_dir", "/var/cache/x",
	                          CONF_FROM_DEFAULT, &err),
	                 0);
	assert_string_equal(conf_text(conf, NULL, "cache_dir"), "/var/cache/x");
	assert_string_equal(conf_origin_text(conf, NULL, "cache_dir"),
	                    "default");
	load_file(conf, "[general]\ncache_dir = /c");
	assert_int_equal(conf_set(conf, NULL, "cache_dir", "/var/cache/x",
	                          CONF_FROM_DEFAULT, &err),
	                 0);
	assert_string_equal(conf_text(conf, NULL, "cache_dir"), "/c");
}

/* ---- the guide ---- */

/* Every line of the guide's three examples. */
static const char guide[] = "APP_NAME=Laravel\n"
			    "APP_KEY=base64:AbC=\n"
			    "MAIL_FROM_NAME=\"${APP_NAME}\"\n"
			    "VITE_PUSHER_HOST=\"${PUSHER_HOST}\"\n"
			    "DB_CONNECTION=mysql\n"
			    "DB_HOST=127.0.0.1\n"
			    "DB_PORT=3306\n"
			    "DB_DATABASE=shop\n"
			    "DB_USERNAME=root\n"
			    "DB_PASSWORD=\n"
			    "AWS_ACCESS_KEY_ID=AKPRIMARY\n"
			    "AWS_SECRET_ACCESS_KEY=secret/primary+\n"
			    "AWS_DEFAULT_REGION=eu-central-1\n"
			    "AWS_BUCKET=primary-data\n"
			    "AWS_URL=https://${AWS_BUCKET}.example.com\n"
			    "AWS_ENDPOINT=\n"
			    "AWS_USE_PATH_STYLE_ENDPOINT=false\n"
			    "AWS_SOURCE_BUCKET=source-data\n"
			    "AWS_SOURCE_REGION=us-west-2\n"
			    "AWS_SOURCE_ACCESS_KEY_ID=AKSOURCE\n"
			    "AWS_SOURCE_SECRET_ACCESS_KEY='secretsource#'\n"
			    "AWS_SOURCE_URL=null\n"
			    "AWS_SOURCE_ENDPOINT=http://127.0.0.1:9000\n"
			    "EXPORT_ALT_AWS_ENABLED=true\n"
			    "EXPORT_ALT_AWS_BUCKET=alt-data\n"
			    "EXPORT_ALT_AWS_REGION=sa-east-1\n"
			    "EXPORT_ALT_AWS_ACCESS_KEY_ID=AKALT\n"
			    "EXPORT_ALT_AWS_SECRET_ACCESS_KEY=secretalt\n"
			    "EXPORT_ALT_AWS_URL=https://alt.example.com\n"
			    "EXPORT_ALT_AWS_ENDPOINT=https://s3.example.com\n"
			    "EXPORT_ALT_AWS_USE_PATH_STYLE_ENDPOINT=true\n";

/* Values of a bucket, in the order of the table below. */
static void assert_bucket(const struct conf *conf, const char *name,
                          const char *const expected[7])
{
	static const char *const keys[7] = {
		"bucket",   "region", "access_key_id", "secret_access_key",
		"endpoint", "url",    "path_style"};

	for (size_t i = 0; i < 7; i++) {
		const char *value = conf_text(conf, name, keys[i]);

		assert_string_equal(value ? value : "-", expected[i]);
	}
}

static void a_laravel_env_works_as_it_is(void **state)
{
	static const char *const primary[7] = {
		"primary-data", "eu-central-1",
		"AKPRIMARY",    "secret/primary+",
		"aws",          "https://primary-data.example.com",
		"off"};
	static const char *const source[7] = {"source-data",
	                                      "us-west-2",
	                                      "AKSOURCE",
	                                      "secretsource#",
	                                      "http://127.0.0.1:9000",
	                                      "-",
	                                      "auto"};
	static const char *const alt[7] = {"alt-data",
	                                   "sa-east-1",
	                                   "AKALT",
	                                   "secretalt",
	                                   "https://s3.example.com",
	                                   "https://alt.example.com",
	                                   "on"};
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_dotenv(conf, guide);
	check_ok(conf);
	assert_buckets(conf, "primary source alt-export");
	assert_bucket(conf, "primary", primary);
	assert_bucket(conf, "source", source);
	assert_bucket(conf, "alt-export", alt);
	assert_string_equal(conf_dotenv_path(conf), ".env");
	assert_string_equal(conf_bucket_env_prefix(conf, "source"),
	                    "AWS_SOURCE_");
	assert_int_equal(conf_origin(conf, "source", "secret_access_key"),
	                 CONF_FROM_DOTENV);
}

static void the_alternative_bucket_must_be_enabled(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_env(conf, "EXPORT_ALT_AWS_BUCKET=data", NULL);
	assert_buckets(conf, "");
	load_env(conf, "EXPORT_ALT_AWS_ENABLED=false", NULL);
	assert_buckets(conf, "");
	load_env(conf, "EXPORT_ALT_AWS_ENABLED=(true)", NULL);
	assert_buckets(conf, "alt-export");
}

static void a_section_can_be_switched_off_by_the_environment(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "[bucket.alt-export]\nbucket = data\n");
	assert_buckets(conf, "alt-export");
	load_env(conf, "EXPORT_ALT_AWS_ENABLED=false", NULL);
	assert_buckets(conf, "");
}

static void keys_of_aws_alone_make_no_bucket(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_env(conf, "AWS_ACCESS_KEY_ID=AK", "AWS_BUCKET=");
	assert_buckets(conf, "");
	load_env(conf, "AWS_BUCKET=null", "AWS_SOURCE_BUCKET=(empty)");
	assert_buckets(conf, "");
}

static void the_three_directories_can_be_renamed(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_env(conf, "AWS_BUCKET=one-data", "AWS_SOURCE_BUCKET=two-data");
	load_file(conf, "[bucket.live]\nmode = ro\n"
	                "[bucket.primary]\nbucket = third-data\n"
	                "[general]\nprimary_name = live\n");
	assert_buckets(conf, "live source primary");
	assert_string_equal(conf_text(conf, "live", "bucket"), "one-data");
	assert_string_equal(conf_text(conf, "live", "mode"), "ro");
	assert_string_equal(conf_text(conf, "primary", "bucket"), "third-data");
	assert_string_equal(conf_bucket_env_prefix(conf, "live"), "AWS_");
	assert_null(conf_bucket_env_prefix(conf, "primary"));
	check_ok(conf);
}

static void other_buckets_come_in_their_order(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_line(conf, "bucket.my.data.bucket=data-3");
	load_file(conf, "[bucket.b]\nbucket = data-1\n[bucket.off]\n"
	                "enabled = off\n[bucket.a]\nbucket = data-2\n");
	load_env(conf, "AWS_SOURCE_BUCKET=data", NULL);
	assert_buckets(conf, "source my.data b a");
	check_ok(conf);
}

/* ---- what falls back ---- */

static void a_bucket_takes_general_values_it_does_not_set(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_file(conf, "[general]\ncache_ttl = 10\nattrs = list\n"
	                "endpoint = https://s3.example.com\n"
	                "[bucket.a]\ncache_ttl = 0\n[bucket.b]\nattrs = head\n"
	                "endpoint = aws\n");
	assert_int_equal(conf_number(conf, NULL, "cache_ttl"), 10000);
	assert_int_equal(conf_number(conf, "a", "cache_ttl"), 0);
	assert_int_equal(conf_number(conf, "b", "cache_ttl"), 10000);
	assert_string_equal(conf_text(conf, "a", "attrs"), "list");
	assert_string_equal(conf_text(conf, "b", "attrs"), "head");
	assert_string_equal(conf_text(conf, "a", "endpoint"),
	                    "https://s3.example.com");
	assert_string_equal(conf_text(conf, "b", "endpoint"), "aws");
	assert_int_equal(conf_number(conf, "a", "part_size"), 8 << 20);
	assert_string_equal(conf_origin_text(conf, "b", "cache_ttl"),
	                    "p.conf:2");
}

static void names_of_aws_itself_hold_for_all_buckets(void **state)
{
	cleanup(conf_freep) struct conf *conf = empty();

	(void)state;
	load_env(conf, "AWS_ENDPOINT_URL=https://a.example.com",
	         "AWS_ENDPOINT_URL_S3=https://b.example.com");
	load_env(conf, "AWS_PROFILE=prod", "AWS_CA_BUNDLE=/ca.pem");
	load_env(conf, "AWS_SHARED_CREDENTIALS_FILE=/creds",
	         "AWS_CONFIG_FILE=/config");
	load_env(conf, "AWS_SOURCE_PROFILE=other", "AWS_SESSION_TOKEN=t");
	assert_string_equal(conf_text(conf, "x", "endpoint"),
	                    "https://b.example.com");
	assert_string_equal(conf_text(conf, "x", "profile"), "prod");
	assert_string_equal(conf_text(conf, "primary", "profile"), "prod");
	assert_string_equal(conf_text(conf, "source", "profile"), "other");
	assert_string_equal(conf_text(conf, "primary", "session_token"), "t");
	assert_string_equal(conf_text(conf, NULL, "ca_bundle"), "/ca.pem");
	assert_string_equal(conf_text(conf, NULL, "aws_credentials_file"),
	                    "/creds");
	assert_string_equal(conf_text(conf, NULL, "aws_config_file"),
	                    "/config");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_manual),
		cmocka_unit_test(every_row_of_the_table_is_sound),
		cmocka_unit_test(each_source_is_stronger_than_those_below),
		cmocka_unit_test(the_order_of_loading_does_not_matter),
		cmocka_unit_test(a_bucket_of_the_guide_meets_its_section),
		cmocka_unit_test(of_two_o_the_later_counts),
		cmocka_unit_test(an_empty_value_takes_back_what_is_weaker),
		cmocka_unit_test(a_default_can_depend_on_the_mount_point),
		cmocka_unit_test(a_laravel_env_works_as_it_is),
		cmocka_unit_test(the_alternative_bucket_must_be_enabled),
		cmocka_unit_test(
			a_section_can_be_switched_off_by_the_environment),
		cmocka_unit_test(keys_of_aws_alone_make_no_bucket),
		cmocka_unit_test(the_three_directories_can_be_renamed),
		cmocka_unit_test(other_buckets_come_in_their_order),
		cmocka_unit_test(a_bucket_takes_general_values_it_does_not_set),
		cmocka_unit_test(names_of_aws_itself_hold_for_all_buckets),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
