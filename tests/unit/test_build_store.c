/* SPDX-License-Identifier: MIT */
/* What the stores are told; the stores themselves are ours here. */
#include "base/str.h"
#include "build_store.h"
#include "s3/client.h"
#include "s3/local.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What the constructors below were given, and what they answer. */
static struct s3_client_config s3;
static struct local_store_config local;
static char local_root[64];
static int probe_answer;
static unsigned probed;
static unsigned destroyed;

static void fake_destroy(struct object_store *store)
{
	(void)store;
	destroyed++;
}

static const struct object_store_ops fake_ops = {
	.name = "fake",
	.destroy = fake_destroy,
};

static struct object_store fake_store = {.ops = &fake_ops};

int s3_client_new(struct s3_net *net, const struct s3_client_config *config,
                  struct object_store **ret, struct err *reterr)
{
	(void)net;
	(void)reterr;
	s3 = *config; /* its texts are the configuration's and live on */
	*ret = &fake_store;
	return 0;
}

int s3_client_probe(struct object_store *store, struct err *reterr)
{
	assert_ptr_equal(store, &fake_store);
	probed++;
	return probe_answer < 0 ? err_set(reterr, probe_answer, "no") : 0;
}

int local_store_new(const struct local_store_config *config,
                    struct object_store **ret, struct err *reterr)
{
	(void)reterr;
	local = *config;
	assert_true(str_copy(local_root, sizeof(local_root), config->root));
	*ret = &fake_store;
	return 0;
}

/* A configuration from a file's text and one environment name. */
static struct conf *load(const char *text, const char *env)
{
	cleanup(freep) char *name = strdup(env);
	char *environment[] = {name, NULL};
	struct conf *conf = NULL;
	struct err err = {0};
	int fd = open("p.conf", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	assert_int_equal(conf_new(&conf), 0);
	if (conf_load_file(conf, "p.conf", &err) < 0 ||
	    conf_load_env(conf, environment, &err) < 0)
		fail_msg("%s", err.text);
	return conf;
}

static void load_dotenv(struct conf *conf, const char *text)
{
	struct err err = {0};
	int fd = open(".env", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	if (conf_load_dotenv(conf, ".env", &err) < 0)
		fail_msg("%s", err.text);
}

static const struct store_parts quiet;
static const struct store_parts asking = {.probe = true};

static void build(const struct conf *conf, const char *directory)
{
	struct object_store *store = NULL;
	struct err err = {0};

	assert_int_equal(build_store(conf, directory, &quiet, &store, &err), 0);
	assert_ptr_equal(store, &fake_store);
}

static void what_is_not_set_is_left_to_the_client(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[bucket.x]\nbucket = data-1\n", "X=");

	(void)state;
	build(conf, "x");
	assert_string_equal(s3.name, "x");
	assert_string_equal(s3.bucket, "data-1");
	assert_null(s3.prefix);
	assert_null(s3.endpoint);
	assert_null(s3.region);
	assert_int_equal(s3.path_style, S3_PATH_AUTO);
	assert_null(s3.profile);
	assert_null(s3.url);
	assert_null(s3.sse);
	assert_null(s3.sse_kms_key_id);
	assert_null(s3.sse_c_key_file);
	assert_null(s3.storage_class);
	assert_null(s3.acl);
	assert_false(s3.requester_pays);
	assert_null(s3.expected_owner);
	assert_string_equal(s3.checksum, "auto");
	assert_int_equal(s3.retry_attempts, 8);
	assert_int_equal(s3.op_deadline_ms, 60000);
	assert_int_equal(s3.write_deadline_ms, 300000);
	assert_null(s3.creds.access_key_id);
	assert_null(s3.creds.secret_access_key);
	assert_null(s3.creds.session_token);
	assert_null(s3.creds.profile);
	assert_null(s3.creds.dotenv_file);
}

static void everything_that_is_set_arrives(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[general]\naws_config_file = /c\n"
	             "aws_credentials_file = /k\nretry_attempts = 3\n"
	             "op_deadline = 5s\nwrite_deadline = 6s\n"
	             "[bucket.x]\nbucket = data-1\nprefix = a\n"
	             "endpoint = https://h:1\nregion = r\npath_style = on\n"
	             "s3_profile = rgw\nurl = https://u\nsse = aws:kms\n"
	             "sse_kms_key_id = kms\nstorage_class = COLD\n"
	             "acl = private\nrequester_pays = on\n"
	             "expected_owner = 123456789012\nchecksum = sha256\n"
	             "access_key_id = AK\nsecret_access_key = SK\n"
	             "session_token = ST\nprofile = p\n"
	             "[bucket.y]\nsse_c_key_file = /c.key\npath_style = off\n",
	             "X=");

	(void)state;
	build(conf, "x");
	assert_string_equal(s3.prefix, "a/");
	assert_string_equal(s3.endpoint, "https://h:1");
	assert_string_equal(s3.region, "r");
	assert_int_equal(s3.path_style, S3_PATH_ON);
	assert_string_equal(s3.profile, "rgw");
	assert_string_equal(s3.url, "https://u");
	assert_string_equal(s3.sse, "aws:kms");
	assert_string_equal(s3.sse_kms_key_id, "kms");
	assert_string_equal(s3.storage_class, "COLD");
	assert_string_equal(s3.acl, "private");
	assert_true(s3.requester_pays);
	assert_string_equal(s3.expected_owner, "123456789012");
	assert_string_equal(s3.checksum, "sha256");
	assert_int_equal(s3.retry_attempts, 3);
	assert_int_equal(s3.op_deadline_ms, 5000);
	assert_int_equal(s3.write_deadline_ms, 6000);
	assert_string_equal(s3.creds.access_key_id, "AK");
	assert_string_equal(s3.creds.secret_access_key, "SK");
	assert_string_equal(s3.creds.session_token, "ST");
	assert_string_equal(s3.creds.profile, "p");
	assert_string_equal(s3.creds.config_file, "/c");
	assert_string_equal(s3.creds.credentials_file, "/k");
	assert_null(s3.creds.dotenv_file);

	build(conf, "y");
	assert_string_equal(s3.sse_c_key_file, "/c.key");
	assert_int_equal(s3.path_style, S3_PATH_OFF);
}

static void keys_of_two_places_are_never_mixed(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[general]\naccess_key_id = GK\nsecret_access_key = GS\n"
	             "session_token = GT\n"
	             "[bucket.own]\naccess_key_id = AK\n"
	             "secret_access_key = SK\n"
	             "[bucket.none]\n"
	             "[bucket.profile]\nprofile = p\n",
	             "X=");

	(void)state;
	build(conf, "own");
	assert_string_equal(s3.creds.access_key_id, "AK");
	assert_string_equal(s3.creds.secret_access_key, "SK");
	assert_null(s3.creds.session_token);

	build(conf, "none");
	assert_string_equal(s3.creds.access_key_id, "GK");
	assert_string_equal(s3.creds.secret_access_key, "GS");
	assert_string_equal(s3.creds.session_token, "GT");

	build(conf, "profile");
	assert_null(s3.creds.access_key_id);
	assert_null(s3.creds.secret_access_key);
	assert_null(s3.creds.session_token);
	assert_string_equal(s3.creds.profile, "p");
}

static void keys_of_a_dotenv_name_it_for_rotation(void **state)
{
	cleanup(conf_freep) struct conf *conf = load("[bucket.x]\n", "X=");

	(void)state;
	load_dotenv(conf, "AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=S\n"
	                  "AWS_SOURCE_ACCESS_KEY_ID=B\n"
	                  "AWS_SOURCE_SECRET_ACCESS_KEY=T\n");
	build(conf, "primary");
	assert_string_equal(s3.creds.dotenv_file, ".env");
	assert_string_equal(s3.creds.dotenv_prefix, "AWS_");
	assert_string_equal(s3.creds.access_key_id, "A");
	build(conf, "source");
	assert_string_equal(s3.creds.dotenv_prefix, "AWS_SOURCE_");
	assert_string_equal(s3.creds.access_key_id, "B");
	build(conf, "x");
	assert_string_equal(s3.creds.dotenv_prefix, "AWS_");
	assert_string_equal(s3.creds.access_key_id, "A");
}

static void keys_of_the_environment_do_not_rotate(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("", "AWS_SECRET_ACCESS_KEY=E");

	(void)state;
	load_dotenv(conf, "AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=S\n");
	build(conf, "primary");
	assert_string_equal(s3.creds.secret_access_key, "E");
	assert_null(s3.creds.dotenv_file);
}

static void a_file_endpoint_is_a_local_store(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[general]\nendpoint = file:///srv/a b//\n"
	             "[bucket.x]\nbucket = data-1\nprefix = p\n"
	             "[bucket.y]\nbucket = data-2\nmode = ro\n"
	             "endpoint = file:////\n",
	             "X=");
	int marker;
	const struct store_parts parts = {NULL, (struct exec *)&marker, true};

	(void)state;
	build(conf, "x");
	assert_string_equal(local_root, "/srv/a b");
	assert_string_equal(local.bucket, "data-1");
	assert_string_equal(local.prefix, "p/");
	assert_false(local.create_bucket);
	assert_true(local.sync);

	struct object_store *store = NULL;

	assert_int_equal(build_store(conf, "y", &parts, &store, NULL), 0);
	assert_string_equal(local_root, "/");
	assert_null(local.prefix);
	assert_false(local.create_bucket);
	assert_ptr_equal(local.exec, &marker);
	assert_int_equal(probed, 0);
}

static void a_bucket_that_does_not_answer_is_no_store(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[bucket.x]\nbucket = data-1\n", "X=");
	struct object_store *store = NULL;
	struct err err = {0};

	(void)state;
	probe_answer = -EACCES;
	assert_int_equal(build_store(conf, "x", &asking, &store, &err),
	                 -EACCES);
	assert_null(store);
	assert_string_equal(err.text, "no");
	assert_int_equal(destroyed, 1);
	probe_answer = 0;
	assert_int_equal(build_store(conf, "x", &asking, &store, &err), 0);
	assert_ptr_equal(store, &fake_store);
	assert_int_equal(probed, 2);
}

static void identities_tell_buckets_apart(void **state)
{
	cleanup(conf_freep) struct conf *conf =
		load("[bucket.x]\nbucket = data-1\n"
	             "[bucket.y]\nbucket = data-1\nprefix = a\n"
	             "endpoint = https://h\n",
	             "X=");
	cleanup(freep) char *x = build_identity(conf, "x");
	cleanup(freep) char *y = build_identity(conf, "y");

	(void)state;
	assert_string_equal(x, "aws/data-1/");
	assert_string_equal(y, "https://h/data-1/a/");
}

static int enter_directory(void **state)
{
	static char dir[] = "/tmp/test_build_store.XXXXXX";

	*state = dir;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
	(void)unlink("p.conf");
	(void)unlink(".env");
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_set_is_left_to_the_client),
		cmocka_unit_test(everything_that_is_set_arrives),
		cmocka_unit_test(keys_of_two_places_are_never_mixed),
		cmocka_unit_test(keys_of_a_dotenv_name_it_for_rotation),
		cmocka_unit_test(keys_of_the_environment_do_not_rotate),
		cmocka_unit_test(a_file_endpoint_is_a_local_store),
		cmocka_unit_test(a_bucket_that_does_not_answer_is_no_store),
		cmocka_unit_test(identities_tell_buckets_apart),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
