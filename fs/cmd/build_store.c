/* SPDX-License-Identifier: MIT */
#include "build_store.h"

#include "base/str.h"
#include "s3/client.h"
#include "s3/local.h"

#include <errno.h>
#include <string.h>

#define FILE_SCHEME "file://"

/* The value, or NULL when it is the word that stands for nothing. */
static const char *unless(const char *value, const char *nothing)
{
	return value && strcmp(value, nothing) != 0 ? value : NULL;
}

/* A switch with "auto". */
static enum s3_path_style path_style(const char *value)
{
	if (strcmp(value, "on") == 0)
		return S3_PATH_ON;
	return strcmp(value, "off") == 0 ? S3_PATH_OFF : S3_PATH_AUTO;
}

/*
 * Whose keys: the bucket's own, else [general]'s, unless the bucket has a
 * profile of its own.  A key and its token go together, so never are two
 * halves from two places.
 */
static void fill_keys(const struct conf *conf, const char *directory,
                      struct s3_creds_config *creds)
{
	bool own = conf_is_own(conf, directory, "access_key_id");
	const char *bucket = own ? directory : NULL;

	if (!own && conf_is_own(conf, directory, "profile"))
		return;

	creds->access_key_id = conf_text(conf, bucket, "access_key_id");
	creds->secret_access_key = conf_text(conf, bucket, "secret_access_key");
	if (!own || conf_is_own(conf, directory, "session_token"))
		creds->session_token = conf_text(conf, bucket, "session_token");

	if (conf_origin(conf, bucket, "secret_access_key") != CONF_FROM_DOTENV)
		return;
	creds->dotenv_file = conf_dotenv_path(conf);
	creds->dotenv_prefix =
		own ? conf_bucket_env_prefix(conf, directory) : "AWS_";
}

/* Texts are borrowed from conf. */
static void fill_s3(const struct conf *conf, const char *dir,
                    struct s3_client_config *config)
{
	*config = (struct s3_client_config){
		.name = dir,
		.bucket = conf_text(conf, dir, "bucket"),
		.prefix = conf_text(conf, dir, "prefix"),
		.endpoint = unless(conf_text(conf, dir, "endpoint"), "aws"),
		.region = conf_text(conf, dir, "region"),
		.path_style = path_style(conf_text(conf, dir, "path_style")),
		.profile = unless(conf_text(conf, dir, "s3_profile"), "auto"),
		.url = conf_text(conf, dir, "url"),
		.creds =
			{
				.profile = conf_text(conf, dir, "profile"),
				.config_file = conf_text(conf, NULL,
	                                                 "aws_config_file"),
				.credentials_file = conf_text(
					conf, NULL, "aws_credentials_file"),
			},
		.sse = unless(conf_text(conf, dir, "sse"), "none"),
		.sse_kms_key_id = conf_text(conf, dir, "sse_kms_key_id"),
		.sse_c_key_file = conf_text(conf, dir, "sse_c_key_file"),
		.storage_class = conf_text(conf, dir, "storage_class"),
		.acl = unless(conf_text(conf, dir, "acl"), "none"),
		.requester_pays = conf_bool(conf, dir, "requester_pays"),
		.expected_owner = conf_text(conf, dir, "expected_owner"),
		.checksum = conf_text(conf, dir, "checksum"),
		.retry_attempts =
			(unsigned)conf_number(conf, NULL, "retry_attempts"),
		.op_deadline_ms = conf_number(conf, NULL, "op_deadline"),
		.write_deadline_ms = conf_number(conf, NULL, "write_deadline"),
	};
	fill_keys(conf, dir, &config->creds);
}

static int build_s3(const struct conf *conf, const char *directory,
                    const struct store_parts *parts, struct object_store **ret,
                    struct err *reterr)
{
	struct s3_client_config config;
	struct object_store *store;

	fill_s3(conf, directory, &config);

	int r = s3_client_new(parts->net, &config, &store, reterr);

	if (r < 0)
		return r;
	if (parts->probe)
		r = s3_client_probe(store, reterr);
	if (r < 0)
		store_destroy(store);
	else
		*ret = store;
	return r;
}

/* The path of file:///dir without slashes at its end, malloc'ed. */
static char *local_root(const char *endpoint)
{
	char *root = strdup(endpoint + strlen(FILE_SCHEME));
	size_t len = root ? strlen(root) : 0;

	while (len > 1 && root[len - 1] == '/')
		root[--len] = '\0';
	return root;
}

/* A bucket that may be written to is made when it is not there. */
static int build_local(const struct conf *conf, const char *directory,
                       struct exec *exec, struct object_store **ret,
                       struct err *reterr)
{
	cleanup(freep) char *root =
		local_root(conf_text(conf, directory, "endpoint"));
	struct local_store_config config = {
		.root = root,
		.bucket = conf_text(conf, directory, "bucket"),
		.prefix = conf_text(conf, directory, "prefix"),
		.create_bucket = false, /* a misspelt name is an error */
		.sync = true,
		.exec = exec,
	};

	if (!root)
		return err_set(reterr, -ENOMEM, "out of memory");
	return local_store_new(&config, ret, reterr);
}

int build_store(const struct conf *conf, const char *directory,
                const struct store_parts *parts, struct object_store **ret,
                struct err *reterr)
{
	if (str_starts(conf_text(conf, directory, "endpoint"), FILE_SCHEME))
		return build_local(conf, directory, parts->exec, ret, reterr);
	return build_s3(conf, directory, parts, ret, reterr);
}

char *build_identity(const struct conf *conf, const char *directory)
{
	const char *prefix = conf_text(conf, directory, "prefix");

	return str_printf("%s/%s/%s", conf_text(conf, directory, "endpoint"),
	                  conf_text(conf, directory, "bucket"),
	                  prefix ? prefix : "");
}
