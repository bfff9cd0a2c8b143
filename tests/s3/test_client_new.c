/* SPDX-License-Identifier: MIT */
/* What a client refuses at birth, what it says to presign and copies. */
#include "desk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Try to make a client that cannot be; the sentence in err. */
static int refused(struct desk *d, struct err *err)
{
	struct object_store *store = NULL;
	int r = s3_client_new(d->net, &d->config, &store, err);

	assert_null(store);
	return r;
}

/* A desk without a client is closed differently. */
static void close_bare(struct desk *d)
{
	s3_net_free(d->net);
	timers_free(d->timers);
	metrics_free(d->metrics);
}

static void plain_http_to_others_needs_leave(void **state)
{
	struct desk d;
	struct err err;

	(void)state;
	desk_open(&d, 8, NULL);
	d.config.endpoint = "http://s3.example.com";
	assert_int_equal(refused(&d, &err), -EINVAL);
	assert_non_null(strstr(err.text, "in the clear"));
	assert_non_null(strstr(err.text, "allow_plaintext"));
	close_bare(&d);
}

static void each_wrong_value_is_named(void **state)
{
	struct desk d;
	struct err err;

	(void)state;
	desk_open(&d, 8, NULL);

	struct s3_client_config good = d.config;

	d.config.endpoint = "ftp://x";
	assert_int_equal(refused(&d, &err), -EINVAL);
	assert_non_null(strstr(err.text, "https://"));

	d.config = good;
	d.config.checksum = "md4";
	assert_int_equal(refused(&d, &err), -EINVAL);
	assert_string_equal(err.text, "checksum 'md4' is unknown: auto, none, "
	                              "crc32c, crc64nvme or sha256");

	d.config = good;
	d.config.profile = "floppy";
	assert_int_equal(refused(&d, &err), -EINVAL);
	assert_string_equal(err.text, "store profile 'floppy' is unknown");

	d.config = good;
	d.config.creds.secret_access_key = NULL;
	assert_int_equal(refused(&d, &err), -EINVAL);
	assert_string_equal(err.text, "access_key_id is set but "
	                              "secret_access_key is not");

	d.config = good;
	d.config.bucket = NULL;
	assert_int_equal(refused(&d, &err), -EINVAL);
	close_bare(&d);
}

/* Write an SSE-C key file and try it. */
static int with_key_file(struct desk *d, const char *data, size_t len,
                         mode_t mode, struct err *err)
{
	char path[] = "/tmp/porter-ssec.XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
	d->config.sse_c_key_file = path;
	d->store = NULL;

	int r = s3_client_new(d->net, &d->config, &d->store, err);

	(void)unlink(path);
	return r;
}

static void an_sse_c_key_is_32_bytes_or_their_base64(void **state)
{
	const char *base64 = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n";
	const char *raw = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct desk d;
	struct err err;
	struct errand e;

	(void)state;
	desk_open(&d, 8, NULL);
	assert_int_equal(with_key_file(&d, raw, 31, 0600, &err), -EINVAL);
	assert_int_equal(with_key_file(&d, base64, 43, 0600, &err), -EINVAL);
	assert_int_equal(with_key_file(&d, raw, 32, 0644, &err), -EACCES);
	assert_non_null(strstr(err.text, "chmod 600"));
	for (unsigned i = 0; i < 2; i++) {
		const char *text = i ? base64 : raw;

		assert_int_equal(
			with_key_file(&d, text, strlen(text), 0600, &err), 0);
		errand_send(&d, &e, STORE_HEAD, "k");
		assert_string_equal(
			fake_http_header(
				d.http, 0,
				"x-amz-server-side-encryption-customer-key"),
			"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=");

		assert_string_equal(
			fake_http_header(
				d.http, 0,
				"x-amz-server-side-encryption-customer-key-MD5"),
			"UhbdzFjo2t5SVgded/ZC2g==");
		fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
		store_destroy(d.store);
	}
	close_bare(&d);
}

static void presigning_needs_no_server(void **state)
{
	struct desk d;
	struct err err;
	char *url = NULL;

	(void)state;
	desk_start(&d);
	assert_int_equal(d.store->ops->presign(d.store, STORE_GET, "a b", 3600,
	                                       &url, &err),
	                 0);
	assert_true(str_starts(url, "http://127.0.0.1:9000/bkt/a%20b?"));
	assert_non_null(strstr(url, "X-Amz-Expires=3600"));
	assert_non_null(strstr(url, "X-Amz-Signature="));
	free(url);
	url = NULL;
	assert_int_equal(d.store->ops->presign(d.store, STORE_GET, "k",
	                                       7 * 86400 + 1, &url, &err),
	                 -EDOM);
	assert_null(url);
	desk_close(&d);
}

static void no_server_copies_from_another_endpoint(void **state)
{
	struct desk d;
	struct errand e = {.req = {.verb = STORE_COPY, .key = "k"}};
	struct object_store *far;

	(void)state;
	desk_start(&d);
	far = d.store;
	d.config.endpoint = "http://127.0.0.1:9001";
	desk_client(&d);
	e.req.copy.source = far;
	e.req.copy.source_key = "s";
	errand_submit(&d, &e);
	assert_ended(&e, -EXDEV);
	assert_non_null(strstr(e.req.err.text, "another endpoint"));
	assert_int_equal(fake_http_started(d.http), 0);
	store_destroy(far);
	desk_close(&d);
}

/* Asks the bucket, as the mount does, from a thread of its own. */
static void *probe(void *arg)
{
	struct desk *d = arg;
	struct err err = {.code = 0};

	return (void *)(intptr_t)s3_client_probe(d->store, &err);
}

static void a_probe_asks_for_one_key_and_not_for_long(void **state)
{
	struct desk d;
	pthread_t thread;
	void *result = NULL;

	(void)state;
	desk_start(&d);
	assert_int_equal(pthread_create(&thread, NULL, probe, &d), 0);
	while (fake_http_count(d.http) == 0)
		(void)sched_yield();
	assert_string_equal(
		fake_http_line(d.http, 0),
		"GET /bkt?encoding-type=url&list-type=2&max-keys=1&prefix=");
	assert_int_equal(fake_http_request(d.http, 0)->total_ms, 15000);
	fake_http_reply(d.http, 0, 404, NULL, R_ERROR("NoSuchBucket"));
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, -ENOENT);
	desk_close(&d);
}

static void a_prefix_is_never_seen_by_callers(void **state)
{
	struct desk d;
	struct errand e;

	(void)state;
	desk_open(&d, 8, NULL);
	d.config.prefix = "some/where/";
	desk_client(&d);
	errand_send(&d, &e, STORE_HEAD, "k");
	assert_string_equal(fake_http_line(d.http, 0),
	                    "HEAD /bkt/some/where/k");
	fake_http_reply(d.http, 0, 200, R_HEAD, NULL);
	assert_ended(&e, 0);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_http_to_others_needs_leave),
		cmocka_unit_test(each_wrong_value_is_named),
		cmocka_unit_test(an_sse_c_key_is_32_bytes_or_their_base64),
		cmocka_unit_test(presigning_needs_no_server),
		cmocka_unit_test(no_server_copies_from_another_endpoint),
		cmocka_unit_test(a_probe_asks_for_one_key_and_not_for_long),
		cmocka_unit_test(a_prefix_is_never_seen_by_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
