/* SPDX-License-Identifier: MIT */
/*
 * Sentences of one shape:
 *
 *   VERB 'KEY': WHAT (CODE, request ID, N attempts): HINT
 *
 * Keys and messages come from users and servers, so they are escaped and cut.
 */
#include "reply_text.h"

#include "op.h"
#include "utf8.h"

#include <errno.h>
#include <string.h>

#define KEY_BYTES     160 /* of a key, before it is cut */
#define MESSAGE_BYTES 200 /* of the server's message */

/* What happened, by code, and what a person may do about it. */
struct phrase {
	const char *s3_code;
	const char *what;
	const char *hint; /* NULL = none, or one that depends on the verb */
};

/* Codes without a phrase are told in the server's own words. */
static const struct phrase phrases[] = {
	{"AccessDenied", "access denied", NULL},
	{"AllAccessDisabled", "access denied", "the bucket was disabled"},
	{"AccountProblem", "access denied", "the account has a problem"},
	{"UserSuspended", "access denied", "the user is suspended"},
	{"InvalidPayer", "access denied", "the payer's account is no good"},
	{"InvalidObjectState", "the object is archived",
         "restore it before it can be read"},
	{"InvalidAccessKeyId", "the store does not know the access key",
         "check access_key_id and endpoint"},
	{"SignatureDoesNotMatch", "the signature is wrong",
         "check secret_access_key, region and path_style"},
	{"ExpiredToken", "the keys have expired", "get new ones"},
	{"InvalidToken", "the session token is wrong", "check session_token"},
	{"RequestTimeTooSkewed", "this machine's clock is wrong",
         "set it, best by NTP"},
	{"NoSuchKey", "no such object", NULL},
	{"NoSuchVersion", "no such version", NULL},
	{"NoSuchBucket", "no such bucket",
         "check bucket, endpoint and path_style"},
	{"NoSuchUpload", "no such multipart upload",
         "it was completed, or aborted, perhaps by a lifecycle rule"},
	{"PreconditionFailed", "the object is not what was expected", NULL},
	{"InvalidRange", "the object is shorter than expected", NULL},
	{"ConditionalRequestConflict", "somebody else writes the object now",
         NULL},
	{"OperationAborted", "somebody else changes the object now", NULL},
	{"EntityTooLarge", "larger than the store allows", NULL},
	{"MaxPartsExceeded", "more parts than the store allows",
         "a larger part_size needs fewer"},
	{"EntityTooSmall", "a part is smaller than the store allows",
         "a larger part_size helps"},
	{"InvalidPart", "the store has lost a part that was sent", NULL},
	{"KeyTooLongError", "the key is longer than the store allows", NULL},
	{"MetadataTooLarge", "more metadata than the store allows", NULL},
	{"QuotaExceeded", "the quota is used up", NULL},
	{"XMinioAdminBucketQuotaExceeded", "the bucket's quota is used up",
         NULL},
	{"XMinioStorageFull", "the store is full", NULL},
	{"XMinioParentIsObject", "part of the path is an object",
         "this store cannot have both a and a/b"},
	{"ObjectParentIsFile", "part of the path is an object",
         "this store cannot have both a and a/b"},
	{"BadDigest", "the bytes were damaged on the way", NULL},
	{"IncompleteBody", "the bytes did not come whole", NULL},
	{"XAmzContentSHA256Mismatch", "the bytes were damaged on the way",
         NULL},
	{"RequestTimeout", "the store waited too long for the bytes", NULL},
	{"InternalError", "the store failed", NULL},
	{"SlowDown", "the store asks for fewer requests", NULL},
	{"ServiceUnavailable", "the store is overloaded", NULL},
	{"InvalidObjectName", "the store takes no such name",
         "RGW wants names in UTF-8"},
	{"XMinioInvalidObjectName", "the store takes no such name", NULL},
	{"NotImplemented", "the store cannot do that", NULL},
	{"MethodNotAllowed", "the store does not allow that", NULL},
	{"PermanentRedirect", "the bucket is at another endpoint", NULL},
	{"TemporaryRedirect", "the bucket is at another endpoint for now",
         NULL},
	{"AuthorizationHeaderMalformed", "the region is wrong", NULL},
};

/* What a status says that came without a code we know. */
static const char *status_text(int status)
{
	switch (status) {
	case 304:
		return "the object is what it was";
	case 401:
	case 403:
		return "access denied";
	case 404:
		return "no such object or bucket";
	case 405:
		return "the store does not allow that";
	case 408:
		return "the store waited too long for the bytes";
	case 409:
		return "somebody else changes the object now";
	case 412:
		return "the object is not what was expected";
	case 413:
		return "larger than the store allows";
	case 416:
		return "the object is shorter than expected";
	case 429:
		return "the store asks for fewer requests";
	case 503:
		return "the store is overloaded";
	case 507:
		return "the store is full";
	default:
		break;
	}
	if (status >= 500)
		return "the store failed";
	return status >= 300 && status < 400
	               ? "the bucket is at another endpoint"
	               : "the store refused the request";
}

/* Without s3:ListBucket AWS says 403 of an object that is not there. */
#define HEAD_PERMISSION                                            \
	"s3:GetObject (and s3:ListBucket, or absent objects look " \
	"forbidden)"

/* The IAM permission that a verb needs. */
static const char *permission(enum store_verb verb)
{
	static const char *const names[STORE_VERBS] = {
		[STORE_HEAD] = HEAD_PERMISSION,
		[STORE_GET] = "s3:GetObject",
		[STORE_PUT] = "s3:PutObject",
		[STORE_COPY] = "s3:PutObject, and s3:GetObject on the source",
		[STORE_DELETE] = "s3:DeleteObject",
		[STORE_DELETE_MANY] = "s3:DeleteObject",
		[STORE_LIST] = "s3:ListBucket",
		[STORE_MPU_CREATE] = "s3:PutObject",
		[STORE_MPU_PART] = "s3:PutObject",
		[STORE_MPU_PART_COPY] =
			"s3:PutObject, and s3:GetObject on the source",
		[STORE_MPU_COMPLETE] = "s3:PutObject",
		[STORE_MPU_ABORT] = "s3:AbortMultipartUpload",
		[STORE_MPU_LIST_PARTS] = "s3:ListMultipartUploadParts",
		[STORE_MPU_LIST] = "s3:ListBucketMultipartUploads",
	};

	return names[verb];
}

/*
 * The phrase of an error; NULL when there is none.  RGW says NoSuchKey of an
 * upload too.
 */
static const struct phrase *find_phrase(const struct store_req *req,
                                        const struct reply_error *error)
{
	const char *s3_code = error->s3_code;

	if (req->verb == STORE_MPU_LIST_PARTS &&
	    strcmp(s3_code, "NoSuchKey") == 0)
		s3_code = "NoSuchUpload";
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strcmp(phrases[i].s3_code, s3_code) == 0)
			return &phrases[i];
	}
	return NULL;
}

/* At most max bytes of text, without anything that a terminal would obey. */
static void add_escaped(struct str *out, const char *text, size_t max)
{
	size_t len = strlen(text);
	size_t end = len < max ? len : max;

	for (size_t i = 0; i < end;) {
		uint32_t code = 0;
		size_t n = utf8_next(text + i, len - i, &code);

		if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
			str_addf(out, "\\x%02x", (unsigned)(uint8_t)text[i]);
			i++;
			continue;
		}
		str_add_mem(out, text + i, n);
		i += n;
	}
	if (len > max)
		str_add(out, "...");
}

/* VERB and what it was about. */
static void add_subject(struct str *out, const struct store_req *req,
                        const char *bucket)
{
	str_add(out, op_get(req->verb)->name);
	if (req->key)
		str_add(out, " '");
	else
		str_add(out, " of bucket '");
	add_escaped(out, req->key ? req->key : bucket, KEY_BYTES);
	str_add(out, "': ");
}

/* What happened, in our words where we have some, else in the server's. */
static void add_what(struct str *out, const struct store_req *req,
                     const struct reply_error *error, const char *bucket)
{
	const struct phrase *phrase = find_phrase(req, error);

	if (error->code == -EEXIST && req->if_none_match) {
		str_add(out, "it exists already");
	} else if (phrase) {
		str_add(out, phrase->what);
		if (strcmp(phrase->s3_code, "NoSuchBucket") == 0) {
			str_add(out, " '");
			add_escaped(out, bucket, KEY_BYTES);
			str_add(out, "'");
		}
	} else if (error->message[0]) {
		add_escaped(out, error->message, MESSAGE_BYTES);
	} else {
		str_add(out, error->status ? status_text(error->status)
		                           : "the store did not answer");
	}
}

/* " (CODE, request ID, N attempts)": what support asks for. */
static void add_details(struct str *out, const struct store_req *req,
                        const struct reply_error *error)
{
	const char *between = " (";

	if (error->s3_code[0]) {
		str_add(out, between);
		add_escaped(out, error->s3_code, sizeof(error->s3_code));
		between = ", ";
	} else if (error->status) {
		str_addf(out, "%sHTTP %d", between, error->status);
		between = ", ";
	}
	if (error->request_id[0]) {
		str_addf(out, "%srequest ", between);
		add_escaped(out, error->request_id, sizeof(error->request_id));
		between = ", ";
	}
	if (req->attempts > 1) {
		str_addf(out, "%s%u attempts", between, req->attempts);
		between = ", ";
	}
	if (strcmp(between, ", ") == 0)
		str_add_char(out, ')');
}

/* ": HINT" */
static void add_hint(struct str *out, const struct store_req *req,
                     const struct reply_error *error)
{
	const struct phrase *phrase = find_phrase(req, error);
	bool denied = strcmp(error->s3_code, "AccessDenied") == 0 ||
	              (!error->s3_code[0] && error->status == 403);

	if (denied) {
		str_addf(out, ": the key needs %s", permission(req->verb));
	} else if (error->region[0] && error->code == -EIO &&
	           (error->status < 500)) {
		str_add(out, ": the bucket's region is ");
		add_escaped(out, error->region, sizeof(error->region));
	} else if (phrase && phrase->hint) {
		str_addf(out, ": %s", phrase->hint);
	} else if (error->code == -ECONNREFUSED) {
		str_add(out, ": is it running? check endpoint");
	} else if (error->code == -EKEYREJECTED) {
		str_add(out, ": check ca_bundle and endpoint");
	}
}

void reply_text(const struct store_req *req, const struct reply_error *error,
                const char *bucket, struct str *ret)
{
	add_subject(ret, req, bucket);
	add_what(ret, req, error, bucket);
	add_details(ret, req, error);
	add_hint(ret, req, error);
}
