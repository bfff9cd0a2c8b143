/* SPDX-License-Identifier: MIT */
/*
 * What a failed reply means.
 *
 * THE table: S3's codes, and those of its imitators, to an errno, an advice, a
 * phrase and a hint.  A reply whose code is not in it, or that has none (a
 * HEAD, a proxy's HTML), is judged by its HTTP status; one that never came by
 * the transport's errno.
 */
#include "reply.h"

#include "base/str.h"
#include "date.h"
#include "reply_text.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

/* One code, or one HTTP status. */
struct meaning {
	const char *s3_code; /* NULL: a status */
	int status;          /* 0: a code */
	int code;
	enum reply_advice advice;
};

/* THE table. */
static const struct meaning meanings[] = {
	/* Who may not. */
	{"AccessDenied", 0, -EACCES, REPLY_FINAL},
	{"AccountProblem", 0, -EACCES, REPLY_FINAL},
	{"AllAccessDisabled", 0, -EACCES, REPLY_FINAL},
	{"InvalidObjectState", 0, -EACCES, REPLY_FINAL},
	{"InvalidPayer", 0, -EACCES, REPLY_FINAL},
	{"UserSuspended", 0, -EACCES, REPLY_FINAL},
	{"InvalidAccessKeyId", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"SignatureDoesNotMatch", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"ExpiredToken", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"ExpiredTokenException", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"InvalidToken", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"InvalidTokenId", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"TokenRefreshRequired", 0, -EACCES, REPLY_REFRESH_KEYS},
	{"RequestTimeTooSkewed", 0, -EACCES, REPLY_CLOCK},

	/* What is not there. */
	{"NoSuchKey", 0, -ENOENT, REPLY_FINAL},
	{"NoSuchVersion", 0, -ENOENT, REPLY_FINAL},
	{"NoSuchBucket", 0, -ENOENT, REPLY_FINAL},
	{"NoSuchUpload", 0, -ENOENT, REPLY_FINAL},

	/* What changed meanwhile. */
	{"PreconditionFailed", 0, -ESTALE, REPLY_FINAL},
	{"InvalidRange", 0, -ESTALE, REPLY_FINAL},
	{"ConditionalRequestConflict", 0, -EBUSY, REPLY_RETRY},
	{"OperationAborted", 0, -EBUSY, REPLY_RETRY},

	/* What is too much. */
	{"EntityTooLarge", 0, -EFBIG, REPLY_FINAL},
	{"MaxPartsExceeded", 0, -EFBIG, REPLY_FINAL},
	{"KeyTooLongError", 0, -ENAMETOOLONG, REPLY_FINAL},
	{"KeyTooLong", 0, -ENAMETOOLONG, REPLY_FINAL},
	{"MetadataTooLarge", 0, -E2BIG, REPLY_FINAL},
	{"QuotaExceeded", 0, -EDQUOT, REPLY_FINAL},
	{"XMinioAdminBucketQuotaExceeded", 0, -EDQUOT, REPLY_FINAL},
	{"XMinioStorageFull", 0, -ENOSPC, REPLY_FINAL},

	/* Names that a store built on directories refuses. */
	{"XMinioParentIsObject", 0, -ENOTDIR, REPLY_FINAL},
	{"XMinioObjectExistsAsDirectory", 0, -EISDIR, REPLY_FINAL},
	{"ObjectParentIsFile", 0, -ENOTDIR, REPLY_FINAL},
	{"ExistingObjectIsDirectory", 0, -EISDIR, REPLY_FINAL},

	/* What cannot be. */
	{"InvalidPart", 0, -EIO, REPLY_FINAL},
	{"InvalidPartOrder", 0, -EINVAL, REPLY_FINAL},
	{"EntityTooSmall", 0, -EINVAL, REPLY_FINAL},
	{"InvalidBucketName", 0, -EINVAL, REPLY_FINAL},
	{"InvalidObjectName", 0, -EINVAL, REPLY_FINAL},
	{"XMinioInvalidObjectName", 0, -EINVAL, REPLY_FINAL},
	{"NotImplemented", 0, -EOPNOTSUPP, REPLY_FINAL},
	{"MethodNotAllowed", 0, -EOPNOTSUPP, REPLY_FINAL},

	/* Damage on the way: the bytes are sent again. */
	{"BadDigest", 0, -EIO, REPLY_RETRY},
	{"IncompleteBody", 0, -EIO, REPLY_RETRY},
	{"XAmzContentSHA256Mismatch", 0, -EIO, REPLY_RETRY},
	{"XAmzContentChecksumMismatch", 0, -EIO, REPLY_RETRY},
	{"RequestTimeout", 0, -ETIMEDOUT, REPLY_RETRY},

	/* The store's own trouble. */
	{"InternalError", 0, -EIO, REPLY_RETRY},
	{"SlowDown", 0, -EIO, REPLY_SLOW_DOWN},
	{"SlowDownRead", 0, -EIO, REPLY_SLOW_DOWN},
	{"SlowDownWrite", 0, -EIO, REPLY_SLOW_DOWN},
	{"ServiceUnavailable", 0, -EIO, REPLY_SLOW_DOWN},
	{"Throttling", 0, -EIO, REPLY_SLOW_DOWN},
	{"ThrottlingException", 0, -EIO, REPLY_SLOW_DOWN},
	{"RequestLimitExceeded", 0, -EIO, REPLY_SLOW_DOWN},
	{"RequestThrottled", 0, -EIO, REPLY_SLOW_DOWN},
	{"TooManyRequests", 0, -EIO, REPLY_SLOW_DOWN},
	{"BandwidthLimitExceeded", 0, -EIO, REPLY_SLOW_DOWN},
	{"Busy", 0, -EIO, REPLY_SLOW_DOWN},

	/* The bucket is elsewhere. */
	{"PermanentRedirect", 0, -EIO, REPLY_REGION},
	{"TemporaryRedirect", 0, -EIO, REPLY_REGION},
	{"AuthorizationHeaderMalformed", 0, -EIO, REPLY_REGION},
	{"IllegalLocationConstraintException", 0, -EIO, REPLY_REGION},

	/* Without a known code: by status. */
	{NULL, 301, -EIO, REPLY_REGION},
	{NULL, 302, -EIO, REPLY_REGION},
	{NULL, 304, -EEXIST, REPLY_FINAL},
	{NULL, 307, -EIO, REPLY_REGION},
	{NULL, 308, -EIO, REPLY_REGION},
	{NULL, 400, -EINVAL, REPLY_FINAL},
	{NULL, 401, -EACCES, REPLY_FINAL},
	{NULL, 403, -EACCES, REPLY_FINAL},
	{NULL, 404, -ENOENT, REPLY_FINAL},
	{NULL, 405, -EOPNOTSUPP, REPLY_FINAL},
	{NULL, 408, -ETIMEDOUT, REPLY_RETRY},
	{NULL, 409, -EBUSY, REPLY_RETRY},
	{NULL, 412, -ESTALE, REPLY_FINAL},
	{NULL, 413, -EFBIG, REPLY_FINAL},
	{NULL, 414, -ENAMETOOLONG, REPLY_FINAL},
	{NULL, 416, -ESTALE, REPLY_FINAL},
	{NULL, 429, -EIO, REPLY_SLOW_DOWN},
	{NULL, 431, -E2BIG, REPLY_FINAL},
	{NULL, 501, -EOPNOTSUPP, REPLY_FINAL},
	{NULL, 503, -EIO, REPLY_SLOW_DOWN},
	{NULL, 507, -ENOSPC, REPLY_FINAL},
};

#define MEANINGS (sizeof(meanings) / sizeof(meanings[0]))

/* The row of a code; NULL when there is none. */
static const struct meaning *find_code(const char *s3_code)
{
	for (size_t i = 0; i < MEANINGS; i++) {
		if (meanings[i].s3_code &&
		    strcmp(meanings[i].s3_code, s3_code) == 0)
			return &meanings[i];
	}
	return NULL;
}

/* The row of a status; any other 5xx may pass, any other 4xx will not. */
static struct meaning find_status(int status)
{
	for (size_t i = 0; i < MEANINGS; i++) {
		if (meanings[i].status == status && status != 0)
			return meanings[i];
	}
	if (status >= 500 || status < 300) /* a 200 with an unknown error */
		return (struct meaning){.code = -EIO, .advice = REPLY_RETRY};
	return (struct meaning){.code = -EINVAL, .advice = REPLY_FINAL};
}

int reply_code_errno(const char *s3_code)
{
	const struct meaning *meaning = find_code(s3_code);

	return meaning ? meaning->code : -EIO;
}

/* ---- the error document ---- */

/* Copy an element's text when it is the wanted one. */
static void keep(const struct xml_element *element, const char *name, char *ret,
                 size_t size)
{
	if (strcmp(element->name, name) == 0)
		(void)str_copy(ret, size, element->text);
}

static int on_element(void *data, const struct xml_element *element)
{
	struct reply_error *error = data;

	if (element->depth != 2)
		return 0;
	keep(element, "Code", error->s3_code, sizeof(error->s3_code));
	keep(element, "Message", error->message, sizeof(error->message));
	keep(element, "RequestId", error->request_id,
	     sizeof(error->request_id));
	keep(element, "HostId", error->host_id, sizeof(error->host_id));
	keep(element, "Region", error->region, sizeof(error->region));
	return 0;
}

/*
 * Whatever of <Error> can be read: one that was cut still tells more than none.
 */
static void read_document(const struct http_reply *reply,
                          struct reply_error *ret)
{
	const struct xml_events events = {.end = on_element, .forgiving = true};

	(void)xml_parse(str_text(&reply->text), reply->text.len, "Error",
	                &events, ret);
}

/* A header's value, when there is one. */
static void read_header(const struct http_reply *reply, const char *name,
                        char *ret, size_t size)
{
	const char *value = http_headers_get(&reply->headers, name);

	if (value)
		(void)str_copy(ret, size, value);
}

/* Ids, region and date; ids in headers are surer than those in bodies. */
static void read_headers(const struct http_reply *reply,
                         struct reply_error *ret)
{
	const char *date = http_headers_get(&reply->headers, "date");

	read_header(reply, "x-amz-request-id", ret->request_id,
	            sizeof(ret->request_id));
	read_header(reply, "x-amz-id-2", ret->host_id, sizeof(ret->host_id));
	read_header(reply, "x-amz-bucket-region", ret->region,
	            sizeof(ret->region));
	if (!date || date_parse_http(date, &ret->server_time) < 0)
		ret->server_time = 0;
}

/* ---- judging ---- */

/* No whole reply came. */
static void judge_transport(const struct http_reply *reply,
                            struct reply_error *ret)
{
	ret->code = reply->error;
	(void)str_copy(ret->message, sizeof(ret->message), reply->err.text);

	switch (-reply->error) {
	case ETIMEDOUT:
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
		ret->advice = REPLY_RETRY;
		break;
	case ECONNRESET:
	case EPROTO:
	case EPIPE:
	case EIO:
		ret->advice = REPLY_RETRY;
		ret->code = -EIO;
		break;
	default: /* cancelled, not trusted, stale, out of memory */
		ret->advice = REPLY_FINAL;
	}
}

/* A region is only worth trying when one was named. */
static void judge_region(const struct http_reply *reply,
                         struct reply_error *ret)
{
	if (ret->advice == REPLY_REGION && !ret->region[0])
		ret->advice = reply->status == 307 ? REPLY_RETRY : REPLY_FINAL;
	if (reply->status == 400 && ret->region[0] && !ret->s3_code[0]) {
		ret->code = -EIO; /* a HEAD has no code to say so */
		ret->advice = REPLY_REGION;
	}
}

/*
 * What depends on the request: 412 when nothing may be there yet; and the 400
 * of a HEAD, which cannot say that the token expired.
 */
static void judge_request(const struct store_req *req,
                          const struct http_reply *reply,
                          struct reply_error *ret)
{
	bool must_be_new =
		req->if_none_match && strcmp(req->if_none_match, "*") == 0;

	if (reply->status == 412 && must_be_new)
		ret->code = -EEXIST;
	if (reply->status == 400 && !ret->s3_code[0] &&
	    ret->advice == REPLY_FINAL && req->verb == STORE_HEAD) {
		ret->code = -EACCES;
		ret->advice = REPLY_REFRESH_KEYS;
	}
}

void reply_explain(const struct store_req *req, const struct http_reply *reply,
                   bool in_200, struct reply_error *ret)
{
	*ret = (struct reply_error){.status = reply->status};
	if (reply->error < 0) {
		judge_transport(reply, ret);
		return;
	}

	if (in_200 || reply->status < 200 || reply->status > 299)
		read_document(reply, ret);
	read_headers(reply, ret);

	const struct meaning *known = find_code(ret->s3_code);
	struct meaning meaning = known ? *known : find_status(reply->status);

	ret->code = meaning.code;
	ret->advice = meaning.advice;
	judge_region(reply, ret);
	judge_request(req, reply, ret);
}

/* Stop at the root: its name is all that is asked. */
static int on_root(void *data, const char *name, unsigned depth)
{
	bool *is_error = data;

	(void)depth;
	*is_error = strcmp(name, "Error") == 0;
	return -ECANCELED;
}

static int ignore_element(void *data, const struct xml_element *element)
{
	(void)data;
	(void)element;
	return 0;
}

bool reply_has_error_inside(const struct http_reply *reply)
{
	const struct xml_events events = {.begin = on_root,
	                                  .end = ignore_element};
	bool is_error = false;

	if (reply->text.len == 0)
		return false;
	(void)xml_parse(str_text(&reply->text), reply->text.len, NULL, &events,
	                &is_error);
	return is_error;
}

int reply_story(const struct store_req *req, const struct reply_error *error,
                const char *bucket, struct err *reterr)
{
	cleanup(str_release) struct str text = {0};

	reply_text(req, error, bucket, &text);
	return err_set(reterr, error->code, "%s", str_text(&text));
}
