/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void every_verb_has_its_row(void **state)
{
	static const char *const names[STORE_VERBS] = {
		[STORE_HEAD] = "HeadObject",
		[STORE_GET] = "GetObject",
		[STORE_PUT] = "PutObject",
		[STORE_COPY] = "CopyObject",
		[STORE_DELETE] = "DeleteObject",
		[STORE_DELETE_MANY] = "DeleteObjects",
		[STORE_LIST] = "ListObjectsV2",
		[STORE_MPU_CREATE] = "CreateMultipartUpload",
		[STORE_MPU_PART] = "UploadPart",
		[STORE_MPU_PART_COPY] = "UploadPartCopy",
		[STORE_MPU_COMPLETE] = "CompleteMultipartUpload",
		[STORE_MPU_ABORT] = "AbortMultipartUpload",
		[STORE_MPU_LIST_PARTS] = "ListParts",
		[STORE_MPU_LIST] = "ListMultipartUploads",
	};

	(void)state;
	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		const struct op *op = op_get((enum store_verb)verb);

		assert_string_equal(op->name, names[verb]);
		assert_non_null(op->encode);
		assert_non_null(op->decode);
		assert_int_equal(op->check_headers != NULL, verb == STORE_GET);
		assert_true(op->idempotent);
		assert_int_equal(op->mutates, op->is_write);
		assert_int_equal(op->long_running,
		                 verb == STORE_COPY ||
		                         verb == STORE_MPU_PART_COPY ||
		                         verb == STORE_MPU_COMPLETE);
	}
}

static void results_live_in_their_store(void **state)
{
	struct op_store store = {0};
	const char *texts[100];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		texts[i] = op_store_text(&store, "abc", i % 4);
		assert_non_null(texts[i]);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(strlen(texts[i]), i % 4);

	const uint8_t *zeros = op_store_alloc(&store, 10);

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(zeros[i], 0);
	assert_non_null(op_store_alloc(&store, 0));
	assert_null(op_store_take(&store, NULL));
	op_store_release(&store);
	assert_int_equal(store.count, 0);
}

static void small_bodies_are_hashed_and_large_ones_are_not(void **state)
{
	uint8_t bytes[] = "123456789";
	const struct slice slice = {bytes, 9};
	char payload[OP_PAYLOAD_MAX];
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_HEAD;
	f.req.key = "a";
	assert_int_equal(fixture_encode(&f), 0);
	assert_int_equal(op_payload(&f.request, payload), 0);
	assert_string_equal(payload, EMPTY_SHA256);

	f.req.verb = STORE_PUT;
	assert_int_equal(fixture_encode(&f), 0);
	assert_int_equal(op_payload(&f.request, payload), 0);
	assert_string_equal(payload, EMPTY_SHA256);

	f.req.put.body = (struct chain){&slice, 1};
	assert_int_equal(fixture_encode(&f), 0);
	assert_int_equal(op_payload(&f.request, payload), 0);
	assert_string_equal(payload, "UNSIGNED-PAYLOAD");

	/* The hash is there anyway: any store can check it. */
	f.context.checksum = S3_CHECKSUM_SHA256;
	assert_int_equal(fixture_encode(&f), 0);
	assert_int_equal(op_payload(&f.request, payload), 0);
	assert_string_equal(payload,
	                    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc"
	                    "8c3312448eb225");

	http_request_release(&f.request);
	str_add(&f.request.text, "123456789");
	assert_int_equal(op_payload(&f.request, payload), 0);
	assert_string_equal(payload,
	                    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc"
	                    "8c3312448eb225");
	fixture_release(&f);
}

/* A second attempt is signed over the same payload as the first. */
static void a_payload_stays_what_it_was(void **state)
{
	uint8_t bytes[] = "123456789";
	const struct slice slice = {bytes, 9};
	const struct s3_keys keys = {"id", "secret", NULL};
	char payload[OP_PAYLOAD_MAX];
	struct fixture f;

	(void)state;
	fixture_init(&f, "aws");
	f.req.verb = STORE_PUT;
	f.req.key = "a";
	f.req.put.body = (struct chain){&slice, 1};
	assert_int_equal(fixture_encode(&f), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(op_payload(&f.request, payload), 0);
		assert_string_equal(payload, "UNSIGNED-PAYLOAD");
		assert_int_equal(
			sign_headers(&f.request, &keys, "r", payload, 1), 0);
	}
	fixture_release(&f);
}

/* ---- presigned URLs ---- */

static const struct s3_keys example_keys = {
	.access_key_id = "AKIAIOSFODNN7EXAMPLE",
	.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/* AWS's example, or a variation of it. */
static struct op_presign example(void)
{
	return (struct op_presign){
		.keys = &example_keys,
		.verb = STORE_GET,
		.key = "test.txt",
		.ttl_s = 86400,
		.now = 1369353600,
	};
}

static void begin_presign(struct fixture *f)
{
	fixture_init(f, "aws");
	f->endpoint = (struct s3_endpoint){
		.tls = true,
		.host = "examplebucket.s3.amazonaws.com",
		.region = "us-east-1",
	};
	f->context.bucket = "examplebucket";
}

#define EXAMPLE_QUERY                                                  \
	"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="          \
	"AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"          \
	"aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400" \
	"&X-Amz-SignedHeaders=host&X-Amz-Signature="

static void a_url_is_presigned_as_aws_says(void **state)
{
	const struct op_presign what = example();
	struct fixture f;
	char *url = NULL;

	(void)state;
	begin_presign(&f);
	assert_int_equal(op_presign(&f.context, &what, &url, NULL), 0);
	assert_string_equal(
		url,
		"https://examplebucket.s3.amazonaws.com/test.txt" EXAMPLE_QUERY
		"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c26595"
		"7d157751f604d404");
	free(url);
	fixture_release(&f);
}

/* What is signed is the public host, which is what the server will see. */
static void a_url_can_have_the_buckets_public_name(void **state)
{
	struct op_presign what = example();
	struct fixture f;
	char *url = NULL;

	(void)state;
	begin_presign(&f);
	f.endpoint.path_style = true;
	f.context.prefix = "mnt/";
	what.key = "a b";
	what.url_base = "http://localhost:9000/local/";
	assert_int_equal(op_presign(&f.context, &what, &url, NULL), 0);
	assert_true(str_starts(
		url, "http://localhost:9000/local/mnt/a%20b" EXAMPLE_QUERY));
	free(url);

	/* The same as if it were the endpoint. */
	what.url_base = "https://examplebucket.s3.amazonaws.com";
	what.key = "test.txt";
	f.context.prefix = "";
	assert_int_equal(op_presign(&f.context, &what, &url, NULL), 0);
	assert_true(str_ends(url, "=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c"
	                          "265957d157751f604d404"));
	free(url);

	struct err err = {0};

	what.url_base = "files.example.com";
	assert_int_equal(op_presign(&f.context, &what, &url, &err), -EINVAL);
	assert_non_null(strstr(err.text, "https://"));
	fixture_release(&f);
}

static void a_url_carries_token_and_payer(void **state)
{
	struct s3_keys keys = example_keys;
	struct op_presign what = example();
	struct fixture f;
	char *url = NULL;

	(void)state;
	begin_presign(&f);
	f.context.requester_pays = true;
	keys.session_token = "to/ken+=";
	what.keys = &keys;
	what.verb = STORE_PUT;
	assert_int_equal(op_presign(&f.context, &what, &url, NULL), 0);
	assert_non_null(strstr(url, "?x-amz-request-payer=requester&"));
	assert_non_null(strstr(url, "&X-Amz-Security-Token=to%2Fken%2B%3D&"));
	free(url);
	fixture_release(&f);
}

static void what_no_url_can_do_is_refused(void **state)
{
	struct op_presign what = example();
	struct fixture f;
	struct err err = {0};
	char *url = NULL;

	(void)state;
	begin_presign(&f);
	what.verb = STORE_DELETE;
	assert_int_equal(op_presign(&f.context, &what, &url, &err),
	                 -EOPNOTSUPP);
	what = example();
	what.ttl_s = 604801;
	assert_int_equal(op_presign(&f.context, &what, &url, &err), -EDOM);
	assert_non_null(strstr(err.text, "7 days"));
	what.ttl_s = 0;
	assert_int_equal(op_presign(&f.context, &what, &url, &err), -EDOM);
	what = example();
	what.key = "";
	assert_int_equal(op_presign(&f.context, &what, &url, &err), -EINVAL);
	what = example();
	f.context.sse_c_key = "x";
	assert_int_equal(op_presign(&f.context, &what, &url, &err),
	                 -EOPNOTSUPP);
	assert_null(url);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_has_its_row),
		cmocka_unit_test(results_live_in_their_store),
		cmocka_unit_test(
			small_bodies_are_hashed_and_large_ones_are_not),
		cmocka_unit_test(a_payload_stays_what_it_was),
		cmocka_unit_test(a_url_is_presigned_as_aws_says),
		cmocka_unit_test(a_url_can_have_the_buckets_public_name),
		cmocka_unit_test(a_url_carries_token_and_payer),
		cmocka_unit_test(what_no_url_can_do_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
