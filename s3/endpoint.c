/* SPDX-License-Identifier: MIT */
/*
 * Where a bucket is.
 *
 * An address is cut into scheme, host, port and path; the region is what was
 * given, what the host's name says, or us-east-1; then the bucket's name goes
 * into the host or into the path.  Amazon's hosts have one shape,
 *
 *     [BUCKET.]s3[-fips][.dualstack][.REGION][.vpce].amazonaws.com[.cn]
 *
 * read from the end, so that a bucket's dots do not matter.
 */
#include "endpoint.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REGION_UNKNOWN   "us-east-1" /* what S3-alikes take, as a rule */
#define AWS_SUFFIX       ".amazonaws.com"
#define AWS_SUFFIX_CHINA ".amazonaws.com.cn"
#define BUCKET_MAX       255 /* bytes; AWS's oldest buckets have that many */
#define BUCKET_DNS_MAX   63  /* bytes of a host's label */

/* Whether text is not empty and made of these bytes only. */
static bool made_of(const char *text, const char *bytes)
{
	return text[0] != '\0' && text[strspn(text, bytes)] == '\0';
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* ---- addresses ---- */

/* Cut the scheme off; NULL when it is neither http nor https. */
static const char *cut_scheme(const char *url, bool *tls)
{
	*tls = strncasecmp(url, "https://", 8) == 0;
	if (*tls)
		return url + 8;
	return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

/* A dotted quad or a bracketed IPv6 address, with or without a port. */
static bool is_address(const char *host)
{
	char name[INET_ADDRSTRLEN];
	size_t len = strcspn(host, ":");
	struct in_addr any;

	if (host[0] == '[')
		return true;
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return inet_pton(AF_INET, name, &any) == 1;
}

/* localhost and its sub-domains (RFC 6761), 127/8, ::1. */
static bool is_loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcmp(host, "localhost") == 0 || str_ends(host, ".localhost") ||
	       strcmp(host, "[::1]") == 0;
}

/* A host's name or address, lower case, without its port. */
static bool is_host(const char *host)
{
	size_t len = strlen(host);
	char inside[INET6_ADDRSTRLEN];
	struct in6_addr v6;

	if (host[0] != '[')
		return made_of(host, LOWER DIGITS "-._") && host[0] != '.' &&
		       host[0] != '-' && !strstr(host, "..");
	if (len < 4 || len - 2 >= sizeof(inside) || host[len - 1] != ']')
		return false;
	memcpy(inside, host + 1, len - 2);
	inside[len - 2] = '\0';
	return inet_pton(AF_INET6, inside, &v6) == 1;
}

/* Where the port begins in "host:port" or "[::1]:port": at ':' or the end. */
static char *port_of(char *authority)
{
	char *bracket = strrchr(authority, ']');
	char *colon = strchr(bracket ? bracket : authority, ':');

	if (!colon || (authority[0] == '[' && !bracket))
		return authority + strlen(authority);
	return colon;
}

/* Check host and port in ret->host; drop a port that is the scheme's own. */
static int check_authority(struct s3_endpoint *ret, struct err *reterr)
{
	char *port = port_of(ret->host);
	uint64_t number = 0;
	bool given = *port == ':';

	for (char *p = ret->host; *p; p++)
		*p = (char)tolower((unsigned char)*p);

	if (given &&
	    (str_to_u64(port + 1, &number) < 0 || number < 1 || number > 65535))
		return err_set(reterr, -EINVAL,
		               "the port of an endpoint must be 1 to 65535");
	*port = '\0';
	if (!is_host(ret->host))
		return err_set(reterr, -EINVAL,
		               "an endpoint needs a host: https://host[:port]");

	ret->loopback = is_loopback(ret->host);
	ret->aws = str_ends(ret->host, AWS_SUFFIX) ||
	           str_ends(ret->host, AWS_SUFFIX_CHINA);
	if (given && number != (ret->tls ? 443 : 80)) {
		ret->aws = false; /* S3 itself has no other ports */
		(void)snprintf(port,
		               (size_t)(ret->host + sizeof(ret->host) - port),
		               ":%u", (unsigned)number);
	}
	return 0;
}

/* Bytes of a path that need no coding, and codings as SigV4 writes them. */
static bool is_encoded_path(const char *path)
{
	for (const char *p = path; *p; p++) {
		if (*p == '%' && isxdigit((unsigned char)p[1]) &&
		    isxdigit((unsigned char)p[2]))
			p += 2;
		else if (!strchr(UPPER LOWER DIGITS "-._~/", *p))
			return false;
	}
	return true;
}

int endpoint_parse_url(const char *url, struct s3_endpoint *ret,
                       struct err *reterr)
{
	struct s3_endpoint endpoint = {0};
	const char *rest = cut_scheme(url, &endpoint.tls);

	if (!rest)
		return err_set(reterr, -EINVAL,
		               "an endpoint begins with https:// or http://");

	size_t len = strcspn(rest, "/?#");
	size_t path_len = strlen(rest + len);

	if (memchr(rest, '@', len))
		return err_set(
			reterr, -EINVAL,
			"an endpoint holds no user or password: keys are "
			"options of their own");
	if (len >= sizeof(endpoint.host) - sizeof(":65535"))
		return err_set(reterr, -EINVAL,
		               "the endpoint's host is too "
		               "long: at most 240 bytes");

	memcpy(endpoint.host, rest, len);
	int r = check_authority(&endpoint, reterr);

	if (r < 0)
		return r;

	while (path_len > 0 && rest[len + path_len - 1] == '/')
		path_len--;
	if (path_len >= sizeof(endpoint.base_path))
		return err_set(reterr, -EINVAL,
		               "the endpoint's path is too "
		               "long: at most 255 bytes");
	memcpy(endpoint.base_path, rest + len, path_len);
	if (!is_encoded_path(endpoint.base_path))
		return err_set(reterr, -EINVAL,
		               "an endpoint's path is letters, digits, - . _ ~ "
		               "/ and %%XX only, with no query");

	*ret = endpoint;
	return 0;
}

/* ---- regions ---- */

static bool is_region(const char *region)
{
	return made_of(region, LOWER UPPER DIGITS "-_") &&
	       strlen(region) < sizeof(((struct s3_endpoint *)0)->region);
}

/* "eu-west-1", "us-gov-west-1": Amazon's regions, and nothing else of theirs. */
static bool is_aws_region(const char *label, size_t len)
{
	unsigned dashes = 0;

	if (len < 5 || !islower((unsigned char)label[0]) ||
	    !isdigit((unsigned char)label[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = label[i];

		if (!islower((unsigned char)c) && !isdigit((unsigned char)c) &&
		    c != '-')
			return false;
		dashes += c == '-';
	}
	return dashes >= 2;
}

/* What the labels before Amazon's suffix say. */
struct aws_host {
	size_t suffix_at; /* where ".amazonaws.com" begins */
	size_t region_at; /* the region's name; its length 0: none */
	size_t region_len;
	bool global;       /* "s3" without a region */
	bool private_link; /* a VPC endpoint: the same host in any case */
};

/* Take the label that ends at *end off; *end is then its dot or 0. */
static size_t last_label(const char *host, size_t *end)
{
	size_t at = *end;

	while (at > 0 && host[at - 1] != '.')
		at--;
	*end = at > 0 ? at - 1 : 0;
	return at;
}

static struct aws_host aws_host(const char *host)
{
	size_t suffix = strlen(str_ends(host, AWS_SUFFIX) ? AWS_SUFFIX
	                                                  : AWS_SUFFIX_CHINA);
	struct aws_host ret = {.suffix_at = strlen(host) - suffix};
	size_t end = ret.suffix_at;
	size_t len = end;
	size_t at = last_label(host, &end);

	if (len - at == 4 && memcmp(host + at, "vpce", 4) == 0) {
		ret.private_link = true;
		len = end;
		at = last_label(host, &end);
	}
	if (len - at > 3 && memcmp(host + at, "s3-", 3) == 0)
		at += 3; /* the old way: s3-eu-west-1 */
	if (is_aws_region(host + at, len - at)) {
		ret.region_at = at;
		ret.region_len = len - at;
	}
	ret.global = len - at == 2 && memcmp(host + at, "s3", 2) == 0;
	return ret;
}

/* Providers whose hosts are s3.REGION.SUFFIX and who insist on the region. */
static const char *const regional_suffixes[] = {
	".scw.cloud",     ".backblazeb2.com",  ".wasabisys.com",
	".cloud.ovh.net", ".io.cloud.ovh.net",
};

/* The region between "s3." and suffix; false when there is not one label. */
static bool region_before(const char *host, const char *suffix, char *ret,
                          size_t size)
{
	if (!str_starts(host, "s3.") || !str_ends(host, suffix) ||
	    strlen(host) < 4 + strlen(suffix))
		return false;

	size_t len = strlen(host) - 3 - strlen(suffix);

	if (len >= size || memchr(host + 3, '.', len))
		return false;
	memcpy(ret, host + 3, len);
	ret[len] = '\0';
	return true;
}

/* The region that the host's name gives away. */
static void region_from_host(struct s3_endpoint *endpoint)
{
	const char *host = endpoint->host;
	size_t size = sizeof(endpoint->region);

	(void)str_copy(endpoint->region, size, REGION_UNKNOWN);
	if (endpoint->aws) {
		struct aws_host aws = aws_host(host);

		if (aws.region_len == 0 || aws.region_len >= size)
			return;
		memcpy(endpoint->region, host + aws.region_at, aws.region_len);
		endpoint->region[aws.region_len] = '\0';
		endpoint->region_known = true;
		return;
	}
	if (str_ends(host, ".r2.cloudflarestorage.com")) {
		(void)str_copy(endpoint->region, size, "auto");
		return;
	}
	for (size_t i = 0; i < sizeof(regional_suffixes) / sizeof(char *);
	     i++) {
		if (region_before(host, regional_suffixes[i], endpoint->region,
		                  size))
			return;
	}
}

/* The given region, or what the host's name says. */
static int settle_region(struct s3_endpoint *endpoint, const char *region,
                         struct err *reterr)
{
	if (!region || region[0] == '\0') {
		region_from_host(endpoint);
		return 0;
	}
	if (!is_region(region))
		return err_set(reterr, -EINVAL,
		               "a region is letters, digits, - and _, at most "
		               "63 bytes, such as eu-central-1");
	(void)str_copy(endpoint->region, sizeof(endpoint->region), region);
	endpoint->region_known = true;
	return 0;
}

/* ---- buckets ---- */

/* Whether the bucket may be a label (or several) of a host. */
static bool is_dns_bucket(const char *bucket)
{
	size_t len = strlen(bucket);
	struct in_addr v4;

	return len >= 3 && len <= BUCKET_DNS_MAX &&
	       made_of(bucket, LOWER DIGITS "-.") && bucket[0] != '-' &&
	       bucket[0] != '.' && bucket[len - 1] != '-' &&
	       bucket[len - 1] != '.' && !strstr(bucket, "..") &&
	       inet_pton(AF_INET, bucket, &v4) != 1;
}

/* What no server calls a bucket; ':' is for RGW's TENANT:BUCKET. */
static int check_bucket(const char *bucket, struct err *reterr)
{
	if (!bucket || bucket[0] == '\0')
		return err_set(reterr, -EINVAL, "the bucket's name is missing");
	if (str_starts(bucket, "arn:"))
		return err_set(reterr, -EINVAL,
		               "a bucket is given by its name or alias, not by "
		               "an ARN");
	if (strlen(bucket) > BUCKET_MAX ||
	    !made_of(bucket, LOWER UPPER DIGITS "-._:") ||
	    strcmp(bucket, ".") == 0 || strcmp(bucket, "..") == 0)
		return err_set(
			reterr, -EINVAL,
			"a bucket's name is letters, digits, - . and _, at "
			"most 255 bytes, without '/'");
	return 0;
}

/* What "auto" means here: the host only where it can surely work. */
static bool wants_path_style(const struct s3_endpoint *endpoint,
                             const char *bucket)
{
	const char *host = endpoint->host;

	return host[strcspn(host, ":[")] != '\0' || is_address(host) ||
	       !strchr(host, '.') || endpoint->loopback ||
	       endpoint->base_path[0] != '\0' || strchr(bucket, '.') ||
	       !is_dns_bucket(bucket);
}

/* Decide the style and put the bucket's name in front of the host. */
static int place_bucket(struct s3_endpoint *endpoint, enum s3_path_style style,
                        const char *bucket, struct err *reterr)
{
	char host[sizeof(endpoint->host)];

	endpoint->path_style =
		style == S3_PATH_ON ||
		(style == S3_PATH_AUTO && wants_path_style(endpoint, bucket));
	if (endpoint->path_style)
		return 0;

	if (is_address(endpoint->host))
		return err_set(reterr, -EINVAL,
		               "a bucket's name cannot stand in front of an "
		               "address: path_style = on");
	if (!is_dns_bucket(bucket))
		return err_set(reterr, -EINVAL,
		               "the bucket's name cannot be part of a host: "
		               "path_style = on");

	int n = snprintf(host, sizeof(host), "%s.%s", bucket, endpoint->host);

	if (n < 0 || (size_t)n >= sizeof(host))
		return err_set(reterr, -EINVAL,
		               "bucket and endpoint together "
		               "are longer than a host may be");
	memcpy(endpoint->host, host, (size_t)n + 1);
	return 0;
}

/* A region that becomes part of one of Amazon's hosts. */
static int check_aws_region(const char *region, struct err *reterr)
{
	if (made_of(region, LOWER DIGITS "-"))
		return 0;
	return err_set(reterr, -EINVAL,
	               "a region of AWS is lower-case letters, digits and -, "
	               "such as eu-central-1");
}

/* Amazon's own host for a region. */
static int aws_endpoint(struct s3_endpoint *endpoint, const char *region,
                        struct err *reterr)
{
	bool china = str_starts(region, "cn-");
	int r = check_aws_region(region, reterr);

	if (r < 0)
		return r;
	endpoint->tls = true;
	endpoint->aws = true;
	(void)snprintf(endpoint->host, sizeof(endpoint->host), "s3.%s%s",
	               region, china ? AWS_SUFFIX_CHINA : AWS_SUFFIX);
	return 0;
}

int endpoint_parse(const char *endpoint, const char *region,
                   enum s3_path_style style, const char *bucket,
                   struct s3_endpoint *ret, struct err *reterr)
{
	struct s3_endpoint e = {0};
	bool own = endpoint && endpoint[0] != '\0';
	int r = check_bucket(bucket, reterr);

	if (r == 0 && own)
		r = endpoint_parse_url(endpoint, &e, reterr);
	if (r == 0)
		r = settle_region(&e, region, reterr);
	if (r == 0 && !own)
		r = aws_endpoint(&e, e.region, reterr);
	if (r == 0)
		r = place_bucket(&e, style, bucket, reterr);
	if (r < 0)
		return r;

	*ret = e;
	return 0;
}

/* ---- moving ---- */

/* Write the region into an Amazon host. */
static int move_aws_host(struct s3_endpoint *endpoint, const char *region,
                         struct err *reterr)
{
	char host[sizeof(endpoint->host)];
	struct aws_host aws = aws_host(endpoint->host);
	size_t at = aws.region_len > 0 ? aws.region_at : aws.suffix_at;
	bool china = str_ends(endpoint->host, AWS_SUFFIX_CHINA);

	if (china != str_starts(region, "cn-"))
		return err_set(reterr, -EPERM,
		               "the bucket is in region %s, of another "
		               "partition than the endpoint: set endpoint and "
		               "region",
		               region);
	if (aws.private_link && strcmp(region, endpoint->region) != 0)
		return err_set(reterr, -EPERM,
		               "the bucket is in region %s, which this VPC "
		               "endpoint does not reach",
		               region);
	if (aws.private_link)
		return 0;
	if (aws.region_len == 0 && !aws.global)
		return 0; /* s3-accelerate and others: one host for all */

	/* The dot of a global host, or of the old "s3-REGION". */
	size_t head = aws.region_len > 0 ? at - 1 : at;
	int n = snprintf(host, sizeof(host), "%.*s.%s%s", (int)head,
	                 endpoint->host, region,
	                 china ? AWS_SUFFIX_CHINA : AWS_SUFFIX);

	if (n < 0 || (size_t)n >= sizeof(host))
		return err_set(reterr, -EINVAL,
		               "the host of region %s would "
		               "be too long",
		               region);
	memcpy(endpoint->host, host, (size_t)n + 1);
	return 0;
}

int endpoint_set_region(struct s3_endpoint *endpoint, const char *region,
                        struct err *reterr)
{
	if (!is_region(region))
		return err_set(reterr, -EINVAL,
		               "the server named a region that cannot be one");

	int r = endpoint->aws ? check_aws_region(region, reterr) : 0;

	if (r == 0 && endpoint->aws)
		r = move_aws_host(endpoint, region, reterr);
	if (r < 0)
		return r;
	(void)str_copy(endpoint->region, sizeof(endpoint->region), region);
	endpoint->region_known = true;
	return 0;
}
