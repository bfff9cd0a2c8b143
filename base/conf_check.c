/* SPDX-License-Identifier: MIT */
/* What only all values together tell (pure). */
#include "conf_values.h"

#include <string.h>

/* Parts of one upload that must fit into memory at once. */
#define PARTS_IN_MEMORY  4
#define PARTS_IN_STAGING 2

/* Two roles cannot be one directory. */
static int check_role_names(const struct conf *conf, struct err *reterr)
{
	for (unsigned a = 0; a < CONF_ROLES; a++) {
		for (unsigned b = a + 1; b < CONF_ROLES; b++) {
			const char *name = conf_role_name(conf, a);

			if (strcmp(name, conf_role_name(conf, b)) == 0)
				return err_set(
					reterr, -EINVAL,
					"two of primary_name, source_name and "
					"alt_export_name are '%s', each must "
					"be a name of its own",
					name);
		}
	}
	return 0;
}

/* The environment name that gives that bucket its bucket, or NULL. */
static const char *bucket_env(const struct conf *conf, const char *bucket)
{
	static const char *const names[CONF_ROLES] = {
		"AWS_BUCKET", "AWS_SOURCE_BUCKET", "EXPORT_ALT_AWS_BUCKET"};
	int role = conf_role(conf, bucket);

	return role < 0 ? NULL : names[role];
}

static int check_has_bucket(const struct conf *conf, const char *bucket,
                            struct err *reterr)
{
	const char *env = bucket_env(conf, bucket);

	if (conf_is_set(conf, bucket, "bucket"))
		return 0;
	if (env)
		return err_set(reterr, -EINVAL,
		               "[bucket.%s]: bucket: is not set, write it "
		               "there or set %s",
		               bucket, env);
	return err_set(reterr, -EINVAL,
	               "[bucket.%s]: bucket: is not set, write the name that "
	               "the server knows it by",
	               bucket);
}

/* A place in the sentence and the value's own place behind it. */
static int complain(const struct conf *conf, const char *bucket,
                    const char *key, const char *what, struct err *reterr)
{
	const char *origin = conf_origin_text(conf, bucket, key);

	return err_set(reterr, -EINVAL, "%s: [bucket.%s]: %s: %s", origin,
	               bucket, key, what);
}

/* Whether the bucket has a value of its own or of [general], in that order. */
static int check_keys(const struct conf *conf, const char *bucket,
                      struct err *reterr)
{
	bool own = bucket != NULL;
	const struct conf_value *id =
		own ? conf_own(conf, bucket, "access_key_id")
		    : conf_effective(conf, NULL, "access_key_id");
	const struct conf_value *secret =
		own ? conf_own(conf, bucket, "secret_access_key")
		    : conf_effective(conf, NULL, "secret_access_key");
	const struct conf_value *token =
		own ? conf_own(conf, bucket, "session_token")
		    : conf_effective(conf, NULL, "session_token");
	bool has_id = id && id->text;
	bool has_secret = secret && secret->text;
	const char *where = own ? bucket : "general";
	const char *prefix = own ? "bucket." : "";

	if (has_id && !has_secret)
		return err_set(reterr, -EINVAL,
		               "%s: [%s%s]: secret_access_key: is missing "
		               "beside access_key_id",
		               id->where, prefix, where);
	if (has_secret && !has_id)
		return err_set(reterr, -EINVAL,
		               "%s: [%s%s]: access_key_id: is missing beside "
		               "secret_access_key",
		               secret->where, prefix, where);
	if (!token || !token->text)
		return 0;
	if (!has_id)
		return err_set(reterr, -EINVAL,
		               "%s: [%s%s]: session_token: belongs to a key, "
		               "but access_key_id is not set",
		               token->where, prefix, where);
	if (token->origin != secret->origin)
		return err_set(reterr, -EINVAL,
		               "%s: [%s%s]: session_token: comes from "
		               "elsewhere than its key (%s), both belong "
		               "together",
		               token->where, prefix, where, secret->where);
	return 0;
}

static int check_encryption(const struct conf *conf, const char *bucket,
                            struct err *reterr)
{
	const char *sse = conf_text(conf, bucket, "sse");

	if (conf_is_set(conf, bucket, "sse_kms_key_id") &&
	    strcmp(sse, "aws:kms") != 0)
		return complain(conf, bucket, "sse_kms_key_id",
		                "is only used with sse = aws:kms", reterr);
	if (conf_is_set(conf, bucket, "sse_c_key_file") &&
	    strcmp(sse, "none") != 0)
		return complain(conf, bucket, "sse_c_key_file",
		                "cannot be used together with sse, the server "
		                "encrypts with one key only",
		                reterr);
	return 0;
}

/* An endpoint as it is compared: no default port, no slash at the end. */
static char *plain_endpoint(const char *endpoint)
{
	const char *port = str_starts(endpoint, "https:")  ? ":443"
	                   : str_starts(endpoint, "http:") ? ":80"
	                                                   : "";
	char *plain = strdup(endpoint);
	size_t len = plain ? strlen(plain) : 0;

	while (len > 0 && plain[len - 1] == '/')
		plain[--len] = '\0';
	if (len > 0 && *port && str_ends(plain, port))
		plain[len - strlen(port)] = '\0';
	return plain;
}

/* 1: same server, 0: not, -ENOMEM. */
static int same_endpoint(const struct conf *conf, const char *a, const char *b)
{
	cleanup(freep) char *one =
		plain_endpoint(conf_text(conf, a, "endpoint"));
	cleanup(freep) char *other =
		plain_endpoint(conf_text(conf, b, "endpoint"));

	if (!one || !other)
		return -ENOMEM;
	return strcasecmp(one, other) == 0;
}

/* Whether one prefix lies in the other. */
static bool prefixes_meet(const struct conf *conf, const char *a, const char *b)
{
	const char *one = conf_text(conf, a, "prefix");
	const char *other = conf_text(conf, b, "prefix");

	return !one || !other || str_starts(one, other) ||
	       str_starts(other, one);
}

/*
 * Two directories that both write to the same keys would not see each other's
 * changes.  One may write and others read.
 */
static int check_pair(const struct conf *conf, const char *a, const char *b,
                      struct err *reterr)
{
	if (strcmp(conf_text(conf, a, "mode"), "ro") == 0 ||
	    strcmp(conf_text(conf, b, "mode"), "ro") == 0 ||
	    strcmp(conf_text(conf, a, "bucket"),
	           conf_text(conf, b, "bucket")) != 0 ||
	    !prefixes_meet(conf, a, b))
		return 0;

	int r = same_endpoint(conf, a, b);

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (r == 0)
		return 0;
	return err_set(reterr, -EINVAL,
	               "[bucket.%s] and [bucket.%s]: bucket: both write to "
	               "the same keys of '%s', set mode = ro for one or give "
	               "them prefixes apart",
	               a, b, conf_text(conf, a, "bucket"));
}

static int check_buckets(const struct conf *conf, struct err *reterr)
{
	size_t count = conf_bucket_count(conf);
	int r = 0;

	if (count == 0)
		return err_set(reterr, -EINVAL,
		               "there is no bucket: set AWS_BUCKET, or write "
		               "[bucket.NAME] with bucket = … into "
		               "porterfs.conf");

	for (size_t i = 0; i < count; i++) {
		const char *bucket = conf_bucket_name(conf, i);

		r = check_has_bucket(conf, bucket, reterr);
		if (r == 0)
			r = check_keys(conf, bucket, reterr);
		if (r == 0)
			r = check_encryption(conf, bucket, reterr);
		for (size_t j = 0; r == 0 && j < i; j++)
			r = check_pair(conf, conf_bucket_name(conf, j), bucket,
			               reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A first part fits into memory, or is filled on disk. */
static int check_memory(const struct conf *conf, struct err *reterr)
{
	cleanup(str_release) struct str need = {0};
	cleanup(str_release) struct str disk = {0};
	cleanup(str_release) struct str part = {0};
	uint64_t part_size = conf_number(conf, NULL, "part_size");

	if (conf_number(conf, NULL, "memory_limit") / PARTS_IN_MEMORY >=
	            part_size ||
	    conf_number(conf, NULL, "staging_max") / PARTS_IN_STAGING >=
	            part_size)
		return 0;

	conf_format_size(&part, part_size);
	conf_format_size(&need, part_size * PARTS_IN_MEMORY);
	conf_format_size(&disk, part_size * PARTS_IN_STAGING);
	return err_set(reterr, -EINVAL,
	               "%s: memory_limit: '%s' is too small for a part_size "
	               "of %s, it must be at least %s, or staging_max %s",
	               conf_origin_text(conf, NULL, "memory_limit"),
	               conf_effective(conf, NULL, "memory_limit")->text,
	               str_text(&part), str_text(&need), str_text(&disk));
}

static int check_directories(const struct conf *conf, struct err *reterr)
{
	const char *cache = conf_text(conf, NULL, "cache_dir");
	const char *state = conf_text(conf, NULL, "state_dir");

	if (!cache || !state || strcmp(cache, state) != 0)
		return 0;
	return err_set(reterr, -EINVAL,
	               "%s: state_dir: is the cache_dir too, they must be two "
	               "directories",
	               conf_origin_text(conf, NULL, "state_dir"));
}

static int check_consistency(const struct conf *conf, struct err *reterr)
{
	if (strcmp(conf_text(conf, NULL, "consistency"), "push") != 0 ||
	    strcmp(conf_text(conf, NULL, "cache_store"), "lmdb") != 0)
		return 0;
	return err_set(reterr, -EINVAL,
	               "%s: consistency: 'push' needs cache_store = "
	               "redis://HOST, which tells of changes",
	               conf_origin_text(conf, NULL, "consistency"));
}

int conf_check(const struct conf *conf, struct err *reterr)
{
	int r = check_role_names(conf, reterr);

	if (r == 0)
		r = check_memory(conf, reterr);
	if (r == 0)
		r = check_directories(conf, reterr);
	if (r == 0)
		r = check_consistency(conf, reterr);
	if (r == 0)
		r = check_keys(conf, NULL, reterr);
	if (r == 0)
		r = check_buckets(conf, reterr);
	return r;
}
