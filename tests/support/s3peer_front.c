/* SPDX-License-Identifier: MIT */
/*
 * The front: who asks, is the body what it claims to be, which bucket; then the
 * verb's own function asks the store, and the store's done() writes the
 * answer, on whatever thread that is.
 */
#include "base/digest.h"
#include "s3peer_core.h"

#include <errno.h>
#include <string.h>

static peer_verb_fn *const verbs[PEER_VERBS] = {
	[STORE_HEAD] = peer_verb_head,
	[STORE_GET] = peer_verb_get,
	[STORE_PUT] = peer_verb_put,
	[STORE_COPY] = peer_verb_copy,
	[STORE_DELETE] = peer_verb_delete,
	[STORE_DELETE_MANY] = peer_verb_delete_many,
	[STORE_LIST] = peer_verb_list,
	[STORE_MPU_CREATE] = peer_verb_create,
	[STORE_MPU_PART] = peer_verb_part,
	[STORE_MPU_PART_COPY] = peer_verb_part_copy,
	[STORE_MPU_COMPLETE] = peer_verb_complete,
	[STORE_MPU_ABORT] = peer_verb_abort,
	[STORE_MPU_LIST_PARTS] = peer_verb_list_parts,
	[STORE_MPU_LIST] = peer_verb_list_uploads,
	[PEER_VERB_OTHER] = peer_verb_other,
};

void peer_front_error(struct peer_exchange *ex, const struct peer_error *error)
{
	peer_reply_error(&ex->reply, error, ex->route.path, ex->reply.no_body);
}

/* What an errno of a store is called in S3. */
static const struct translation {
	int code;
	int status;
	const char *name;
	const char *message;
} translations[] = {
	{-ESTALE, 412, "PreconditionFailed",
         "At least one of the pre-conditions you specified did not hold"},
	{-ENAMETOOLONG, 400, "KeyTooLongError", "Your key is too long"},
	{-EFBIG, 400, "EntityTooLarge",
         "Your proposed upload exceeds the maximum allowed size"},
	{-ENOSPC, 507, "XMinioStorageFull", "The disk is full"},
	{-EACCES, 403, "AccessDenied", "Access Denied"},
	{-EBUSY, 503, "SlowDown", "Please reduce your request rate."},
	{-EINVAL, 400, "InvalidArgument", "Invalid Argument"},
	{0, 500, "InternalError",
         "We encountered an internal error. Please try again."},
};

static bool is_multipart(const struct peer_exchange *ex)
{
	switch (ex->route.verb) {
	case STORE_MPU_PART:
	case STORE_MPU_PART_COPY:
	case STORE_MPU_COMPLETE:
	case STORE_MPU_ABORT:
	case STORE_MPU_LIST_PARTS:
		return true;
	default:
		return false;
	}
}

/* RGW thinks that somebody else is completing what it does not know. */
static bool is_rgw_complete(const struct peer_exchange *ex,
                            const struct store_req *req)
{
	return ex->peer->habit->complete_unknown_500 &&
	       req->verb == STORE_MPU_COMPLETE && req->status == -ENOENT;
}

/* What is wrong with the parts that a Complete lists. */
static void explain_parts(const struct store_req *req, struct peer_error *error)
{
	if (req->status == -EIO)
		peer_error_set(error, 400, "InvalidPart",
		               "One or more of the specified parts could not "
		               "be found.");
	else if (strstr(req->err.text, "order"))
		peer_error_set(error, 400, "InvalidPartOrder",
		               "The list of parts was not in ascending order.");
	else
		peer_error_set(error, 400, "EntityTooSmall",
		               "Your proposed upload is smaller than the "
		               "minimum allowed size");
}

void peer_front_fail(struct peer_exchange *ex, const struct store_req *req)
{
	const struct translation *t = translations;
	struct peer_error error;

	if (is_rgw_complete(ex, req)) {
		peer_error_set(&error, 500, "InternalError",
		               "This multipart completion is already in "
		               "progress");
	} else if (req->status == -ENOENT && req->if_match &&
	           ex->peer->habit->match_absent) {
		peer_error_set(&error, 412, "PreconditionFailed",
		               "At least one of the pre-conditions you "
		               "specified did not hold");
	} else if (req->status == -ENOENT && is_multipart(ex)) {
		peer_error_set(
			&error, 404, "NoSuchUpload",
			"The specified multipart upload does not exist.");
	} else if (req->status == -ENOENT) {
		peer_error_set(&error, 404, "NoSuchKey",
		               "The specified key does not exist.");
	} else if (req->status == -EEXIST && !req->if_none_match) {
		peer_error_set(&error, 400, "XMinioParentIsObject",
		               "Object-prefix is already an object");
	} else if (req->verb == STORE_MPU_COMPLETE &&
	           (req->status == -EINVAL || req->status == -EIO)) {
		explain_parts(req, &error);
	} else {
		int code = req->status == -EEXIST ? -ESTALE : req->status;

		while (t->code && t->code != code)
			t++;
		peer_error_set(&error, t->status, t->name, "%s", t->message);
	}
	peer_front_error(ex, &error);
}

struct object_store *peer_front_bucket(struct s3peer *peer, const char *name)
{
	for (size_t i = 0; i < peer->bucket_count; i++) {
		if (strcmp(peer->buckets[i].name, name) == 0)
			return peer->buckets[i].store;
	}
	return NULL;
}

void peer_front_submit(struct peer_exchange *ex, struct object_store *store,
                       store_done_fn *done)
{
	ex->op.req.done = done;
	ex->op.req.owner = ex;
	ex->op.req.status = 0;
	ex->op.req.err = (struct err){0};
	store_submit(store, &ex->op.req);
}

/* Is it signed? *ret_payload as peer_auth_check() gives it. */
static bool check_auth(struct peer_exchange *ex, const char **ret_payload,
                       struct peer_error *ret)
{
	struct s3peer *peer = ex->peer;

	WITH_LOCK(&peer->lock);
	const struct peer_auth auth = {
		.access_key_id = peer->access_key_id,
		.secret_access_key = peer->secret_access_key,
		.session_token = peer->session_token,
		.region = peer->habit->region_matters ? peer->region : NULL,
		.now = time(NULL) + (time_t)peer->clock_offset_s,
	};

	peer_auth_check(&auth, &ex->head, &ex->route, ret_payload, ret);
	return ret->status == 0;
}

/* Does the body hash to what was signed? */
static bool check_payload(struct peer_exchange *ex, const char *payload,
                          struct peer_error *ret)
{
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1] = "";

	if (!payload)
		return true;
	if (digest_sha256(str_text(&ex->body), ex->body.len, hash) == 0)
		digest_hex(hash, sizeof(hash), hex);
	if (strcmp(hex, payload) == 0)
		return true;
	peer_error_set(ret, 400, "XAmzContentSHA256Mismatch",
	               "The provided 'x-amz-content-sha256' header does not "
	               "match what was computed.");
	return false;
}

/* Bytes of a number, the highest first. */
static void big_endian(uint64_t value, unsigned count, uint8_t *ret)
{
	while (count-- > 0) {
		ret[count] = (uint8_t)value;
		value >>= 8;
	}
}

/* The body's checksum of the kind that the header's name ends with. */
static bool compute(const char *kind, const struct str *body, char *ret)
{
	uint8_t bytes[SHA256_SIZE];
	size_t len = 0;

	if (strcmp(kind, "crc32c") == 0) {
		len = 4;
		big_endian(digest_crc32c(0, str_text(body), body->len), 4,
		           bytes);
	} else if (strcmp(kind, "crc64nvme") == 0) {
		len = 8;
		big_endian(digest_crc64nvme(0, str_text(body), body->len), 8,
		           bytes);
	} else if (strcmp(kind, "sha256") == 0 &&
	           digest_sha256(str_text(body), body->len, bytes) == 0) {
		len = SHA256_SIZE;
	} else if (strcmp(kind, "md5") == 0 &&
	           digest_md5(str_text(body), body->len, bytes) == 0) {
		len = MD5_SIZE;
	}
	digest_base64(bytes, len, ret);
	return len > 0;
}

/* One checksum header, if it is there: is it that of the body? */
static bool check_digest(struct peer_exchange *ex, const char *header,
                         const char *kind, struct peer_error *ret)
{
	const char *claimed = peer_head_get(&ex->head, header);
	char computed[4 * SHA256_SIZE];

	if (!claimed)
		return true;
	if (!compute(kind, &ex->body, computed) ||
	    strcmp(claimed, computed) != 0) {
		peer_error_set(ret, 400, "BadDigest",
		               "The %s you specified did not match what we "
		               "received.",
		               header);
		return false;
	}
	if (strcmp(kind, "md5") != 0) {
		(void)str_copy(ex->op.checksum_name,
		               sizeof(ex->op.checksum_name), header);
		(void)str_copy(ex->op.checksum, sizeof(ex->op.checksum),
		               computed);
	}
	return true;
}

/* All checksums that came along; those that this server knows. */
static bool check_digests(struct peer_exchange *ex, struct peer_error *ret)
{
	if (!check_digest(ex, "content-md5", "md5", ret))
		return false;
	if (!ex->peer->habit->checksums)
		return true;
	return check_digest(ex, "x-amz-checksum-crc32c", "crc32c", ret) &&
	       check_digest(ex, "x-amz-checksum-crc64nvme", "crc64nvme", ret) &&
	       check_digest(ex, "x-amz-checksum-sha256", "sha256", ret);
}

/* Does DeleteObjects bring the digest that it must? */
static bool check_bulk(struct peer_exchange *ex, struct peer_error *ret)
{
	if (ex->route.verb != STORE_DELETE_MANY ||
	    !ex->peer->habit->bulk_needs_digest || *ex->op.checksum_name ||
	    peer_head_get(&ex->head, "content-md5"))
		return true;
	peer_error_set(ret, 400, "InvalidRequest",
	               "Missing required header for this request: Content-MD5 "
	               "OR x-amz-checksum-*");
	return false;
}

/* May a key be like this? */
static bool check_key(struct peer_exchange *ex, struct peer_error *ret)
{
	if (!ex->peer->habit->utf8_keys || peer_is_utf8(ex->route.key))
		return true;
	peer_error_set(ret, 400, "InvalidObjectName", "the key is no UTF-8");
	return false;
}

/* Is there such a bucket? Requests of no bucket in particular pass. */
static bool check_bucket(struct peer_exchange *ex, struct peer_error *ret)
{
	ex->op.store = peer_front_bucket(ex->peer, ex->route.bucket);
	if (ex->op.store || !*ex->route.bucket)
		return true;
	peer_error_set(ret, 404, "NoSuchBucket",
	               "The specified bucket does not exist");
	return false;
}

void peer_front_start(struct peer_exchange *ex)
{
	const char *payload = NULL;
	struct peer_error error = {0};

	ex->in_store = true;
	ex->peer->working++;
	if (!check_auth(ex, &payload, &error) ||
	    !check_payload(ex, payload, &error) || !check_digests(ex, &error) ||
	    !check_bulk(ex, &error) || !check_key(ex, &error) ||
	    !check_bucket(ex, &error)) {
		peer_front_error(ex, &error);
		peer_exchange_replied(ex);
		return;
	}
	ex->op.req = (struct store_req){
		.verb = (enum store_verb)ex->route.verb,
		.key = ex->route.key,
		.version = peer_route_get(&ex->route, "versionId"),
	};
	verbs[ex->route.verb](ex);
}
