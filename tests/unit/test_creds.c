/* SPDX-License-Identifier: MIT */
#include "creds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A home of its own for each test. */
struct home {
	char dir[32];
	char env[48];
	char credentials[48];
	char config[48];
};

static int setup(void **state)
{
	struct home *h = calloc(1, sizeof(*h));

	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/porter-home.XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	(void)snprintf(h->env, sizeof(h->env), "%s/.env", h->dir);
	(void)snprintf(h->credentials, sizeof(h->credentials), "%s/cred",
	               h->dir);
	(void)snprintf(h->config, sizeof(h->config), "%s/conf", h->dir);
	(void)unsetenv("AWS_PROFILE");
	(void)unsetenv("AWS_SHARED_CREDENTIALS_FILE");
	(void)unsetenv("AWS_CONFIG_FILE");
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct home *h = *state;

	(void)unlink(h->env);
	(void)unlink(h->credentials);
	(void)unlink(h->config);
	assert_int_equal(rmdir(h->dir), 0);
	free(h);
	return 0;
}

static void write_file(const char *path, mode_t mode, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct s3_creds_config files(const struct home *h)
{
	return (struct s3_creds_config){.credentials_file = h->credentials,
	                                .config_file = h->config};
}

static struct creds *open_creds(const struct s3_creds_config *config)
{
	struct creds *creds = NULL;
	struct err err;

	if (creds_new(config, &creds, &err) < 0)
		fail_msg("%s", err.text);
	return creds;
}

/* What it found: "id/secret/token". */
static void assert_keys(struct creds *creds, const char *want)
{
	const struct creds_keys *k = creds_get(creds);
	char text[128];

	(void)snprintf(text, sizeof(text), "%s/%s/%s", k->access_key_id,
	               k->secret_access_key,
	               k->session_token ? k->session_token : "-");
	creds_keys_unref(k);
	assert_string_equal(text, want);
}

static void assert_origin(struct creds *creds, const char *want)
{
	const struct creds_keys *k = creds_get(creds);

	assert_string_equal(k->origin, want);
	creds_keys_unref(k);
}

static void assert_refused(const struct s3_creds_config *config, int code,
                           const char *part)
{
	struct creds *creds = NULL;
	struct err err = {.code = 0};

	assert_int_equal(creds_new(config, &creds, &err), code);
	assert_null(creds);
	if (!strstr(err.text, part))
		fail_msg("'%s' is not in '%s'", part, err.text);
}

static void static_values_come_first(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->credentials, 0600,
	           "[default]\naws_access_key_id=F\n"
	           "aws_secret_access_key=G\n");
	config.access_key_id = "A";
	config.secret_access_key = "B";
	config.session_token = "";

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A/B/-");
	assert_false(creds_may_change(creds));
	assert_int_equal(creds_refresh(creds, true, NULL), 0);
	creds_free(creds);

	config.session_token = "T";
	creds = open_creds(&config);
	assert_keys(creds, "A/B/T");
	creds_free(creds);
}

static void the_default_profile_is_default(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);
	char origin[64];

	write_file(h->credentials, 0600,
	           "# mine\n[other]\naws_access_key_id = X\n"
	           "aws_secret_access_key = Y\n\n"
	           "[default]\r\naws_access_key_id = A\r\n"
	           "aws_secret_access_key=B=/+\r\n; end\n"
	           "aws_session_token = T\n[more]\naws_session_token=Z\n");

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A/B=/+/T");
	(void)snprintf(origin, sizeof(origin), "%s [default]", h->credentials);
	assert_origin(creds, origin);
	creds_free(creds);
}

static void a_profile_is_named_by_option_or_environment(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->credentials, 0600,
	           "[one]\naws_access_key_id=A1\naws_secret_access_key=B1\n"
	           "[ two ]\naws_access_key_id=A2\naws_secret_access_key=B2\n");
	assert_int_equal(setenv("AWS_PROFILE", "two", 1), 0);

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A2/B2/-");
	creds_free(creds);
	config.profile = "one";
	creds = open_creds(&config);
	assert_keys(creds, "A1/B1/-");
	creds_free(creds);
}

static void the_config_file_has_profiles_too(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->config, 0600,
	           "[one]\naws_access_key_id=NO\naws_secret_access_key=NO\n"
	           "[profile one]\nregion = eu-west-1\ns3 =\n"
	           "  aws_access_key_id = NESTED\n"
	           "aws_access_key_id=A\naws_secret_access_key=B\n"
	           "[default]\naws_access_key_id=D\naws_secret_access_key=E\n");
	config.profile = "one";

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A/B/-");
	creds_free(creds);
	config.profile = NULL;
	creds = open_creds(&config);
	assert_keys(creds, "D/E/-");
	creds_free(creds);
}

static void a_config_without_keys_may_be_open_to_others(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->config, 0644, "[default]\nregion=eu-west-1\n");
	write_file(h->credentials, 0600,
	           "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A/B/-");
	creds_free(creds);
}

static void keys_that_others_can_read_are_refused(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->credentials, 0640,
	           "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");
	assert_refused(&config, -EACCES, "chmod 600");
}

static void a_named_profile_has_to_be_there(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	config.profile = "gone";
	assert_refused(&config, -ENOKEY, "profile 'gone' is neither in");
	write_file(h->config, 0600, "[profile gone]\nrole_arn=x\n");
	assert_refused(&config, -ENOKEY, "has no aws_access_key_id");
}

static void without_any_keys_it_says_where_to_put_them(void **state)
{
	struct s3_creds_config config = files(*state);

	assert_refused(&config, -ENOKEY, "~/.aws/credentials");
	config.access_key_id = "A";
	assert_refused(&config, -EINVAL, "secret_access_key is not");
	config.access_key_id = NULL;
	config.secret_access_key = "B";
	assert_refused(&config, -EINVAL, "access_key_id is not");
}

static void
a_dotenv_is_read_by_its_prefix_and_again_when_it_changes(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	config.access_key_id = "OLD";
	config.secret_access_key = "OLD";
	config.dotenv_file = h->env;
	config.dotenv_prefix = "AWS_SOURCE_";
	write_file(h->env, 0600,
	           "AWS_ACCESS_KEY_ID=no\nAWS_SECRET_ACCESS_KEY=no\n"
	           "AWS_SOURCE_ACCESS_KEY_ID=A\n"
	           "AWS_SOURCE_SECRET_ACCESS_KEY=\"B c\"\n");

	struct creds *creds = open_creds(&config);

	assert_keys(creds, "A/B c/-");
	assert_true(creds_may_change(creds));
	assert_int_equal(creds_refresh(creds, false, NULL), 0);

	write_file(h->env, 0600,
	           "AWS_SOURCE_ACCESS_KEY_ID=A2\n"
	           "AWS_SOURCE_SECRET_ACCESS_KEY=B2\n"
	           "AWS_SOURCE_SESSION_TOKEN=T2\n");

	const struct creds_keys *kept = creds_get(creds);

	assert_int_equal(creds_refresh(creds, false, NULL), 1);
	assert_keys(creds, "A2/B2/T2");
	assert_string_equal(kept->access_key_id,
	                    "A"); /* whoever signs with it */
	creds_keys_unref(kept);
	creds_free(creds);
}

static void a_file_that_cannot_be_read_leaves_the_old_keys(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);
	struct err err = {.code = 0};

	write_file(h->credentials, 0600,
	           "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");

	struct creds *creds = open_creds(&config);

	write_file(
		h->credentials, 0644,
		"[default]\naws_access_key_id=AA\naws_secret_access_key=B\n");
	assert_int_equal(creds_refresh(creds, false, &err), -EACCES);
	assert_keys(creds, "A/B/-");
	assert_int_equal(chmod(h->credentials, 0600), 0);
	assert_int_equal(creds_refresh(creds, true, &err), 1);
	assert_keys(creds, "AA/B/-");
	creds_free(creds);
}

static void the_file_may_come_later(void **state)
{
	struct home *h = *state;
	struct s3_creds_config config = files(h);

	write_file(h->config, 0600,
	           "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");

	struct creds *creds = open_creds(&config);

	write_file(h->credentials, 0600,
	           "[default]\naws_access_key_id=C\naws_secret_access_key=D\n");
	assert_int_equal(creds_refresh(creds, false, NULL), 1);
	assert_keys(creds, "C/D/-");
	creds_free(creds);
}

#define t(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(static_values_come_first),
		t(the_default_profile_is_default),
		t(a_profile_is_named_by_option_or_environment),
		t(the_config_file_has_profiles_too),
		t(a_config_without_keys_may_be_open_to_others),
		t(keys_that_others_can_read_are_refused),
		t(a_named_profile_has_to_be_there),
		t(without_any_keys_it_says_where_to_put_them),
		t(a_dotenv_is_read_by_its_prefix_and_again_when_it_changes),
		t(a_file_that_cannot_be_read_leaves_the_old_keys),
		t(the_file_may_come_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
