/* SPDX-License-Identifier: MIT */
/*
 * What each kind of store can hold and what it heeds.
 *
 * "Measured" means: tried on a real server of that version.  The rest is what
 * its makers document, and where they say nothing the answer is no: a
 * condition that is not sent costs a HEAD, one that is sent and not heeded
 * costs data.
 */
#include "profile.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
#define MB  UINT64_C(1000000)
#define GB  UINT64_C(1000000000)
#define TB  UINT64_C(1000000000000)

/* THE table; the last row is for whom nothing is known of. */
static const struct s3_profile profiles[] = {
	/*
	 * S3 user guide: "Amazon S3 multipart upload limits" (10,000 parts of
	 * 5 MiB to 5 GiB, 48.8 TiB together), "Uploading objects" (PUT 5 GB),
	 * "Copying objects" (5 GB), "Working with object metadata" (2 KB),
	 * "Add preconditions to S3 operations with conditional requests".
	 */
	{
		.limits =
			{
				.profile = "aws",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 10000 * 5 * GIB,
				.meta_max = 2 * KIB,
				.put_if_none_match = true,
				.put_if_match = true,
				.complete_conditions = true,
				.copy_conditions = true,
				.copy_source_match = true,
				.delete_if_match = true,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_CRC32C,
	},
	/*
	 * Ceph RGW 16.2, measured.  Its own limits are options:
	 * rgw_max_put_size 5 GiB, rgw_multipart_part_upload_limit 10,000 (which
	 * 16.2 does not check), rgw_max_attr_size unlimited but for the 8 KiB
	 * that its HTTP front takes per header; 2 KiB is what all clients keep.
	 * The first reply to Complete has an empty ETag.
	 */
	{
		.limits =
			{
				.profile = "rgw",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
				.put_if_none_match = true,
				.put_if_match = true,
			},
		.if_match_unquoted = true,
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
		.rgw_copy_if_match = true,
		.uploads_coded = true,
	},
	/*
	 * MinIO: conditions, checksums and keys measured on its newest version;
	 * sizes from "Thresholds and Limits" of its documentation, but no larger
	 * than other stores' so that objects can move.
	 */
	{
		.limits =
			{
				.profile = "minio",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
				.put_if_none_match = true,
				.put_if_match = true,
				.complete_conditions = true,
				.copy_source_match = true,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_CRC32C,
	},
	/* versitygw on a POSIX file system, newest version, measured. */
	{
		.limits =
			{
				.profile = "versitygw",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
				.put_if_none_match = true,
				.put_if_match = true,
				.complete_conditions = true,
				.copy_source_match = true,
				.delete_if_match = true,
				.complete_gives_etag = true,
				.plain_key_tree = true,
			},
		.list_url_encoding = false,
		.checksum = S3_CHECKSUM_CRC32C,
	},
	/*
	 * Cloudflare R2, "Limits" (object 5 TiB less 5 GiB, upload 5 GiB less
	 * 5 MiB, metadata 8,192 bytes), "Upload objects" (all parts but the last
	 * of one size), "S3 API compatibility" (conditions of PutObject and of a
	 * copy's source).
	 */
	{
		.limits =
			{
				.profile = "r2",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB - 5 * MIB,
				.put_max = 5 * GIB - 5 * MIB,
				.copy_max = 5 * GIB - 5 * MIB,
				.object_max = 5 * TIB - 5 * GIB,
				.meta_max = 8 * KIB,
				.put_if_none_match = true,
				.put_if_match = true,
				.copy_source_match = true,
				.complete_gives_etag = true,
				.equal_parts = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
	/*
	 * Backblaze B2, "S3-Compatible API" and "Large files": parts of 5 MB to
	 * 5 GB, 10 TB together, decimal; 7,000 bytes of headers, of which 2,048
	 * for metadata.  No conditional writes.
	 */
	{
		.limits =
			{
				.profile = "b2",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GB,
				.put_max = 5 * GB,
				.copy_max = 5 * GB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
	/*
	 * Wasabi, "What are the maximum size limits" (object 5 TB, PUT 5 GB).
	 * Its conditional writes are not documented.
	 */
	{
		.limits =
			{
				.profile = "wasabi",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GB,
				.put_max = 5 * GB,
				.copy_max = 5 * GB,
				.object_max = 5 * TB,
				.meta_max = 2 * KIB,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
	/*
	 * Scaleway, "Object Storage: organization quotas and limits": 1,000
	 * parts, 5 MB to 5 GB each, objects of 5 TB.
	 */
	{
		.limits =
			{
				.profile = "scaleway",
				.parts_max = 1000,
				.part_min = 5 * MIB,
				.part_max = 5 * GB,
				.put_max = 5 * GB,
				.copy_max = 5 * GB,
				.object_max = 1000 * 5 * GB,
				.meta_max = 2 * KIB,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
	/*
	 * Garage, "S3 Compatibility status": multipart and copies, a copy's
	 * source conditions; no conditional writes, versions or ACLs.
	 */
	{
		.limits =
			{
				.profile = "garage",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
				.copy_source_match = true,
				.complete_gives_etag = true,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
	/* Everybody else: what S3 had from the beginning, and nothing more. */
	{
		.limits =
			{
				.profile = "generic",
				.parts_max = 10000,
				.part_min = 5 * MIB,
				.part_max = 5 * GIB,
				.put_max = 5 * GIB,
				.copy_max = 5 * GIB,
				.object_max = 5 * TIB,
				.meta_max = 2 * KIB,
			},
		.list_url_encoding = true,
		.checksum = S3_CHECKSUM_NONE,
	},
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

const struct s3_profile *profile_find(const char *name)
{
	for (size_t i = 0; i < PROFILES; i++) {
		if (strcmp(profiles[i].limits.profile, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

const struct s3_profile *profile_generic(void)
{
	return &profiles[PROFILES - 1];
}

/* What gives a kind of store away. */
struct sign {
	const char *text;
	const char *profile;
};

/* Ends of hosts. */
static const struct sign hosts[] = {
	{".amazonaws.com", "aws"},           {".amazonaws.com.cn", "aws"},
	{".r2.cloudflarestorage.com", "r2"}, {".backblazeb2.com", "b2"},
	{".wasabisys.com", "wasabi"},        {".scw.cloud", "scaleway"},
};

/* Beginnings of Server headers. */
static const struct sign servers[] = {
	{"AmazonS3", "aws"},
	{"MinIO", "minio"},
	{"VERSITYGW", "versitygw"},
	{"WasabiS3", "wasabi"},
	{"Ceph Object Gateway", "rgw"},
	{"Garage", "garage"},
};

/* host ends with text, whatever the case, port aside. */
static bool host_ends(const char *host, const char *text)
{
	size_t len = strcspn(host, ":");
	size_t end = strlen(text);

	return len > end && strncasecmp(host + len - end, text, end) == 0;
}

static const struct s3_profile *from_host(const char *host)
{
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (host_ends(host, hosts[i].text))
			return profile_find(hosts[i].profile);
	}
	return NULL;
}

static const struct s3_profile *from_server(const char *server)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		if (strncasecmp(server, servers[i].text,
		                strlen(servers[i].text)) == 0)
			return profile_find(servers[i].profile);
	}
	return NULL;
}

const struct s3_profile *profile_learn(const char *host, const char *server)
{
	const struct s3_profile *ret = host ? from_host(host) : NULL;

	return ret || !server ? ret : from_server(server);
}

/* RGW's "tx" HEX "-" HEX "-" HEX "-" ZONE. */
static bool is_rgw_request_id(const char *id)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (!str_starts(id, "tx"))
		return false;
	id += 2;
	for (unsigned i = 0; i < 3; i++) {
		size_t len = strspn(id, hex);

		if (len == 0 || id[len] != '-')
			return false;
		id += len + 1;
	}
	return *id != '\0';
}

const struct s3_profile *profile_learn_reply(const char *host,
                                             const struct http_headers *headers)
{
	const char *server = http_headers_get(headers, "server");
	const char *id = http_headers_get(headers, "x-amz-request-id");
	const struct s3_profile *ret = profile_learn(host, server);

	return ret || !id || !is_rgw_request_id(id) ? ret : profile_find("rgw");
}
