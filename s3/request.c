/* SPDX-License-Identifier: MIT */
#include "request.h"

#include "base/str.h"
#include "meta.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS    5000
#define FIRST_BYTE_MS 30000

/* What may stand in a header's name: "token" of RFC 9110, lower case. */
#define TOKEN "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"

/* Address, limits of time, and the headers that every request has. */
static void begin(const struct op_context *context, struct store_req *req,
                  const char *method, struct http_request *request)
{
	const struct s3_endpoint *endpoint = context->endpoint;
	const struct op *op = op_get(req->verb);

	request->method = method;
	request->scheme = strdup(endpoint->tls ? "https" : "http");
	request->host = strdup(endpoint->host);
	request->connect_ms = CONNECT_MS;
	request->first_byte_ms = op->long_running ? 0 : FIRST_BYTE_MS;
	request->may_idle = op->long_running;
	request->text_max = HTTP_ERROR_BYTES_MAX;

	str_add(&request->path, endpoint->base_path);
	if (endpoint->path_style) {
		str_add_char(&request->path, '/');
		str_add_uri(&request->path, context->bucket,
		            strlen(context->bucket), false);
	}
	if (context->requester_pays)
		request_header(request, "x-amz-request-payer", "requester");
	request_header(request, "x-amz-expected-bucket-owner",
	               context->expected_owner);
}

void request_add_key(struct str *path, const char *prefix, const char *key)
{
	str_add_char(path, '/');
	str_add_uri(path, prefix, strlen(prefix), true);
	str_add_uri(path, key, strlen(key), true);
}

int request_object(const struct op_context *context, struct store_req *req,
                   const char *method, struct http_request *request)
{
	if (!req->key || req->key[0] == '\0')
		return err_set(&req->err, -EINVAL,
		               "an object's key must not be empty");
	if (strlen(context->prefix) + strlen(req->key) > STORE_KEY_MAX)
		return err_set(&req->err, -ENAMETOOLONG,
		               "the key is longer than %d bytes, the bucket's "
		               "prefix included",
		               STORE_KEY_MAX);

	begin(context, req, method, request);
	request_add_key(&request->path, context->prefix, req->key);
	return 0;
}

int request_bucket(const struct op_context *context, struct store_req *req,
                   const char *method, struct http_request *request)
{
	begin(context, req, method, request);
	if (!context->endpoint->path_style)
		str_add_char(&request->path, '/');
	return 0;
}

void request_query(struct http_request *request, const char *name,
                   const char *value)
{
	struct str *query = &request->query;

	if (query->len > 0)
		str_add_char(query, '&');
	str_addf(query, "%s=", name);
	str_add_uri(query, value, strlen(value), false);
}

void request_query_number(struct http_request *request, const char *name,
                          uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
	request_query(request, name, text);
}

/* Whether a header can carry value: visible ASCII, blanks, tabs. */
static bool is_header_value(const char *value)
{
	for (; *value; value++) {
		uint8_t c = (uint8_t)*value;

		if ((c < 0x20 && c != '\t') || c >= 0x7f)
			return false;
	}
	return true;
}

void request_header(struct http_request *request, const char *name,
                    const char *value)
{
	if (!value || value[0] == '\0')
		return;
	if (is_header_value(value))
		http_headers_add(&request->headers, name, value);
	else if (request->headers.status == 0)
		request->headers.status = -EINVAL;
}

void request_conditions(const struct store_req *req,
                        struct http_request *request)
{
	request_header(request, "If-Match", req->if_match);
	request_header(request, "If-None-Match", req->if_none_match);
}

void request_new_object(const struct op_context *context,
                        struct http_request *request)
{
	request_header(request, "x-amz-server-side-encryption", context->sse);
	request_header(request, "x-amz-server-side-encryption-aws-kms-key-id",
	               context->sse_kms_key_id);
	request_header(request, "x-amz-storage-class", context->storage_class);
	request_header(request, "x-amz-acl", context->acl);
}

void request_sse_c(const struct op_context *context, bool source,
                   struct http_request *request)
{
	static const char *const names[2][3] = {
		{
			"x-amz-server-side-encryption-customer-algorithm",
			"x-amz-server-side-encryption-customer-key",
			"x-amz-server-side-encryption-customer-key-MD5",
		},
		{
			"x-amz-copy-source-server-side-encryption-customer-"
			"algorithm",
			"x-amz-copy-source-server-side-encryption-customer-key",
			"x-amz-copy-source-server-side-encryption-customer-"
			"key-MD5",
		},
	};

	if (!context->sse_c_key)
		return;
	request_header(request, names[source][0], "AES256");
	request_header(request, names[source][1], context->sse_c_key);
	request_header(request, names[source][2], context->sse_c_key_md5);
}

/* x-amz-meta-NAME: the value, coded where a header cannot hold it. */
static int add_meta(struct store_req *req, const struct store_meta *meta,
                    struct http_request *request)
{
	cleanup(str_release) struct str name = {0};
	cleanup(str_release) struct str value = {0};

	if (meta->name[0] == '\0' || meta->name[strspn(meta->name, TOKEN)])
		return err_set(&req->err, -EINVAL,
		               "a metadata name must be lower-case letters, "
		               "digits and - . _");

	str_addf(&name, "x-amz-meta-%s", meta->name);
	meta_encode(meta->value, &value);
	if (str_status(&name) < 0 || str_status(&value) < 0)
		return -ENOMEM;
	http_headers_add(&request->headers, str_text(&name), str_text(&value));
	return 0;
}

int request_stored_headers(struct store_req *req,
                           const struct store_headers *headers,
                           struct http_request *request)
{
	const char *type = headers->content_type;

	request_header(request, "Content-Type",
	               type && type[0] ? type : "application/octet-stream");
	request_header(request, "Content-Encoding", headers->content_encoding);
	request_header(request, "Cache-Control", headers->cache_control);
	request_header(request, "Content-Disposition",
	               headers->content_disposition);
	for (size_t i = 0; i < headers->meta_count; i++) {
		int r = add_meta(req, &headers->meta[i], request);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- checksums ---- */

/* One algorithm: its name in requests, and in the header. */
struct algorithm {
	const char *name;
	const char *header;
};

/* By enum s3_checksum. */
static const struct algorithm algorithms[] = {
	[S3_CHECKSUM_AUTO] = {NULL, NULL},
	[S3_CHECKSUM_NONE] = {NULL, NULL},
	[S3_CHECKSUM_CRC32C] = {"CRC32C", "x-amz-checksum-crc32c"},
	[S3_CHECKSUM_CRC64NVME] = {"CRC64NVME", "x-amz-checksum-crc64nvme"},
	[S3_CHECKSUM_SHA256] = {"SHA256", "x-amz-checksum-sha256"},
};

const char *request_checksum_name(enum s3_checksum checksum)
{
	return algorithms[checksum].name;
}

/* A number as bytes, the highest first. */
static void big_endian(uint64_t value, size_t size, uint8_t *ret)
{
	for (size_t i = size; i > 0; i--) {
		ret[i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

/* SHA-256 of a chain. */
static int chain_sha256(const struct chain *chain, uint8_t ret[SHA256_SIZE])
{
	struct digest *digest = NULL;
	int r = digest_new(DIGEST_SHA256, &digest);

	if (r < 0)
		return r;
	for (size_t i = 0; i < chain->count; i++)
		digest_update(digest, chain->slices[i].data,
		              chain->slices[i].len);
	r = digest_finish(digest, ret);
	digest_free(digest);
	return r;
}

/* The checksum's bytes of a chain; returns how many, or -errno. */
static int chain_checksum(enum s3_checksum checksum, const struct chain *chain,
                          uint8_t ret[SHA256_SIZE])
{
	uint32_t crc32c = 0;
	uint64_t crc64 = 0;

	if (checksum == S3_CHECKSUM_SHA256) {
		int r = chain_sha256(chain, ret);

		return r < 0 ? r : SHA256_SIZE;
	}

	for (size_t i = 0; i < chain->count; i++) {
		const struct slice *s = &chain->slices[i];

		if (checksum == S3_CHECKSUM_CRC32C)
			crc32c = digest_crc32c(crc32c, s->data, s->len);
		else
			crc64 = digest_crc64nvme(crc64, s->data, s->len);
	}
	if (checksum == S3_CHECKSUM_CRC32C) {
		big_endian(crc32c, sizeof(crc32c), ret);
		return sizeof(crc32c);
	}
	big_endian(crc64, sizeof(crc64), ret);
	return sizeof(crc64);
}

int request_checksum(const struct op_context *context,
                     struct http_request *request, char ret[STORE_CHECKSUM_MAX])
{
	struct slice text = {(uint8_t *)request->text.data, request->text.len};
	const struct chain own = {&text, 1};
	const struct chain *chain = request->body.count ? &request->body : &own;
	const char *header = algorithms[context->checksum].header;
	char hex[2 * SHA256_SIZE + 1];
	uint8_t bytes[SHA256_SIZE];

	ret[0] = '\0';
	if (!header)
		return 0;

	int n = chain_checksum(context->checksum, chain, bytes);

	if (n < 0)
		return n;
	digest_base64(bytes, (size_t)n, ret);
	request_header(request, header, ret);
	if (n == SHA256_SIZE) {
		/* It is there: sign it too, for stores that know no checksum. */
		digest_hex(bytes, sizeof(bytes), hex);
		request_header(request, "X-Amz-Content-Sha256", hex);
	}
	return 0;
}

int request_verify_checksum(const struct op_context *context, const char *sent,
                            const struct http_reply *reply, struct err *reterr)
{
	const char *header = algorithms[context->checksum].header;
	const char *got =
		header ? http_headers_get(&reply->headers, header) : NULL;

	if (!got || strcmp(got, sent) == 0)
		return 0;
	return err_set(reterr, -EIO,
	               "the store got bytes with the checksum %.64s, sent was "
	               "%s",
	               got, sent);
}

int request_end(struct store_req *req, const struct http_request *request)
{
	int status = request->headers.status;

	if (status == -EINVAL)
		return err_set(&req->err, -EINVAL,
		               "a header's value must be printable ASCII");
	if (status == 0)
		status = str_status(&request->path);
	if (status == 0)
		status = str_status(&request->query);
	if (status == 0)
		status = str_status(&request->text);
	if (status == 0 && (!request->scheme || !request->host))
		status = -ENOMEM;
	return status < 0 ? err_set(&req->err, status, "out of memory") : 0;
}
