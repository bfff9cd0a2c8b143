/* SPDX-License-Identifier: MIT */
/*
 * The option table.  Adding a row is all it takes to have an option in the
 * file, the environment, -o, --help, --print-config, porterfs.conf and the
 * manual page.
 */
#include "base/conf.h"

#include <string.h>

#define KIB  (UINT64_C(1) << 10)
#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define TIB  (UINT64_C(1) << 40)
#define PIB  (UINT64_C(1) << 50)
#define SEC  UINT64_C(1000) /* ms */
#define HOUR (3600 * SEC)
#define DAY  (24 * HOUR)

/* clang-format off */
const struct conf_option conf_options[] = {
	/* ---- [general] ---- */
	{.name = "primary_name", .group = "Names", .type = CONF_TEXT,
	 .form = CONF_FORM_DIRECTORY, .preset = "primary",
	 .help = "directory of the bucket that AWS_BUCKET names"},
	{.name = "source_name", .type = CONF_TEXT,
	 .form = CONF_FORM_DIRECTORY, .preset = "source",
	 .help = "directory of the bucket that AWS_SOURCE_BUCKET names"},
	{.name = "alt_export_name", .type = CONF_TEXT,
	 .form = CONF_FORM_DIRECTORY, .preset = "alt-export",
	 .help = "directory of the bucket that EXPORT_ALT_AWS_BUCKET names"},
	{.name = "env_file", .type = CONF_PATH,
	 .help = "a .env file to read, as Laravel has it; none is read unless "
		 "it is named",
	 .cost = "read again when it changes, for keys that rotate; must be "
		 "mode 0600"},
	{.name = "log", .type = CONF_CHOICE, .preset = "info",
	 .choices = "error|warning|info|debug",
	 .help = "how much is logged",
	 .cost = "debug writes several lines per request"},

	{.name = "allow_other", .group = "Mount", .type = CONF_BOOL,
	 .preset = "off",
	 .help = "let other users in, by mode and owner of the files",
	 .cost = "unless root mounts, /etc/fuse.conf must have "
		 "user_allow_other"},
	{.name = "uid", .type = CONF_COUNT, .max = UINT32_MAX - 1,
	 .help = "numeric owner of what has none in its metadata; not set: "
		 "who mounts"},
	{.name = "gid", .type = CONF_COUNT, .max = UINT32_MAX - 1,
	 .help = "numeric group of what has none in its metadata; not set: "
		 "who mounts"},
	{.name = "file_mode", .type = CONF_MODE, .preset = "0644",
	 .max = 0777,
	 .help = "permissions of files that have none in their metadata"},
	{.name = "dir_mode", .type = CONF_MODE, .preset = "0755",
	 .max = 0777,
	 .help = "permissions of directories that have none in their metadata"},
	{.name = "umask", .type = CONF_MODE, .preset = "0000", .max = 0777,
	 .help = "permissions taken away from file_mode and dir_mode"},
	{.name = "fuse_threads", .type = CONF_COUNT, .preset = "2", .min = 1,
	 .max = 64,
	 .help = "threads that take requests from the kernel; waiting "
		 "requests hold none",
	 .cost = "a stack and a 1M request buffer each"},
	{.name = "strict_start", .type = CONF_BOOL, .preset = "off",
	 .help = "refuse to start when any bucket does not work; off: when "
		 "none does"},
	{.name = "kernel_writeback", .type = CONF_BOOL, .preset = "off",
	 .help = "let the kernel collect small writes",
	 .cost = "4K writes become several times faster, 1M ones slower, and "
		 "a failed write is told to nobody but close"},

	{.name = "region", .group = "Access", .type = CONF_TEXT,
	 .form = CONF_FORM_WORD, .env = "AWS_REGION|AWS_DEFAULT_REGION",
	 .help = "region of buckets that name none; not set: the server is "
		 "asked",
	 .cost = "a wrong or missing one costs one more request at the start"},
	{.name = "endpoint", .type = CONF_URL,
	 .form = CONF_FORM_BARE_URL, .preset = "aws",
	 .choices = "aws|http:|https:|file:",
	 .env = "AWS_ENDPOINT_URL_S3|AWS_ENDPOINT_URL",
	 .help = "server of buckets that name none: aws (by region), "
		 "https://HOST[:PORT], or file:///DIR, a directory of this "
		 "machine"},
	{.name = "profile", .type = CONF_TEXT,
	 .env = "AWS_PROFILE|AWS_DEFAULT_PROFILE",
	 .help = "profile of ~/.aws for buckets that name neither one nor "
		 "keys"},
	{.name = "access_key_id", .type = CONF_TEXT,
	 .form = CONF_FORM_WORD, .env = "AWS_ACCESS_KEY_ID",
	 .help = "name of the key of buckets that name neither one nor a "
		 "profile"},
	{.name = "secret_access_key", .type = CONF_SECRET,
	 .form = CONF_FORM_WORD, .env = "AWS_SECRET_ACCESS_KEY",
	 .help = "that key; the file must then be mode 0600"},
	{.name = "session_token", .type = CONF_SECRET,
	 .form = CONF_FORM_WORD, .env = "AWS_SESSION_TOKEN",
	 .help = "belongs to a temporary key"},
	{.name = "aws_config_file", .type = CONF_PATH,
	 .env = "AWS_CONFIG_FILE",
	 .help = "file with profiles; not set: ~/.aws/config"},
	{.name = "aws_credentials_file", .type = CONF_PATH,
	 .env = "AWS_SHARED_CREDENTIALS_FILE",
	 .help = "file with keys; not set: ~/.aws/credentials"},
	{.name = "ca_bundle", .type = CONF_PATH, .env = "AWS_CA_BUNDLE",
	 .help = "PEM file of the authorities that servers are checked "
		 "against; not set: the system's"},
	{.name = "proxy", .type = CONF_URL,
	 .choices = "http:|https:|socks5:|socks5h:",
	 .help = "proxy for all requests; not set: what HTTPS_PROXY, "
		 "HTTP_PROXY and NO_PROXY say"},
	{.name = "allow_plaintext", .type = CONF_BOOL, .preset = "off",
	 .help = "allow http:// endpoints beyond this machine",
	 .cost = "whoever is on the way can read and change what is sent"},

	{.name = "part_size", .group = "Transfers", .type = CONF_SIZE,
	 .preset = "8M", .min = 5 * MIB, .max = 5 * GIB,
	 .help = "first size of the parts of a large upload; they grow so "
		 "that the largest object fits",
	 .cost = "this much memory per part on the wire, or disk where it is "
		 "more than a quarter of memory_limit; smaller files are one "
		 "PUT"},
	{.name = "upload_concurrency", .type = CONF_COUNT, .preset = "16",
	 .min = 1, .max = 1000,
	 .help = "parts of one file on the wire at once",
	 .cost = "as far as memory_limit allows, part_size each"},
	{.name = "copy_concurrency", .type = CONF_COUNT, .preset = "64",
	 .min = 1, .max = 1000,
	 .help = "server-side copies under way at once",
	 .cost = "one connection each and no memory"},
	{.name = "max_connections", .type = CONF_COUNT, .preset = "128",
	 .min = 1, .max = 4096,
	 .help = "connections to all servers together",
	 .cost = "a socket and about 1M of buffers each while it transfers"},
	{.name = "s3_threads", .type = CONF_COUNT, .preset = "1", .min = 1,
	 .max = 2,
	 .help = "threads that move bytes to and from servers",
	 .cost = "a second one helps only where TLS needs more than one core"},
	{.name = "read_ahead_max", .type = CONF_SIZE, .preset = "64M",
	 .max = 64 * GIB,
	 .help = "what is read ahead of a sequential reader at most; 0 = "
		 "nothing",
	 .cost = "from memory_limit, and dropped first when memory is "
		 "wanted"},
	{.name = "memory_limit", .type = CONF_SIZE, .preset = "256M",
	 .min = 32 * MIB, .max = 1 * TIB,
	 .help = "memory for file data; who needs more waits",
	 .cost = "this much memory when all of it is in use"},
	{.name = "retry_attempts", .type = CONF_COUNT, .preset = "8",
	 .min = 1, .max = 100,
	 .help = "how often a request is tried, the first time included",
	 .cost = "with pauses that double from 0.1 s to 10 s"},
	{.name = "op_deadline", .type = CONF_DURATION, .preset = "60s",
	 .min = SEC, .max = HOUR,
	 .help = "what a read, a lookup or a listing may take in all before "
		 "it fails"},
	{.name = "write_deadline", .type = CONF_DURATION, .preset = "5m",
	 .min = SEC, .max = DAY,
	 .help = "how long a writer waits for a server that does not answer"},

	{.name = "cache", .group = "Cache", .type = CONF_BOOL,
	 .preset = "on",
	 .help = "keep names and attributes on this machine's disk",
	 .cost = "off: they are kept in memory, a part of them and until the "
		 "end of the mount"},
	{.name = "cache_dir", .type = CONF_PATH,
	 .help = "where; may be deleted at any time; not set: "
		 "/var/cache/porterfs/NAME as root, else "
		 "~/.cache/porterfs/NAME",
	 .cost = "up to cache_max_size of disk"},
	{.name = "cache_ttl", .type = CONF_DURATION, .preset = "1h",
	 .max = 365 * DAY,
	 .help = "how long names and attributes are believed; 0 = never",
	 .cost = "others' changes may stay unseen this long; contents are "
		 "checked at every open"},
	{.name = "negative_ttl", .type = CONF_DURATION, .preset = "60s",
	 .max = 365 * DAY,
	 .help = "how long it is believed that a name does not exist; 0 = "
		 "never"},
	{.name = "cache_max_size", .type = CONF_SIZE, .preset = "1G",
	 .min = 16 * MIB, .max = PIB,
	 .help = "size of the cache on disk; the oldest directories go "
		 "first"},
	{.name = "cache_store", .type = CONF_URL, .preset = "lmdb",
	 .choices = "lmdb|redis:|rediss:|unix:",
	 .help = "lmdb, or a Redis that tells several machines of each "
		 "other's changes: redis://HOST:PORT/DB, rediss://HOST, "
		 "unix:///SOCKET"},
	{.name = "consistency", .type = CONF_CHOICE, .preset = "ttl",
	 .choices = "ttl|push|open",
	 .help = "how others' changes are noticed: after cache_ttl, told by "
		 "cache_store, or asked at every open",
	 .cost = "open: one request per open"},
	{.name = "attrs", .type = CONF_CHOICE, .preset = "head",
	 .choices = "head|list",
	 .help = "where mode, owner and time come from: each object's "
		 "metadata, or the listing alone",
	 .cost = "head: one request per object the first time it is looked "
		 "at"},

	{.name = "state_dir", .group = "Writing", .type = CONF_PATH,
	 .help = "what must survive a crash: the journal and staged data; "
		 "not set: /var/lib/porterfs/NAME as root, else "
		 "~/.local/state/porterfs/NAME",
	 .cost = "up to staging_max of disk; never delete it while uploads "
		 "are unfinished"},
	{.name = "staging_max", .type = CONF_SIZE, .preset = "10G",
	 .min = MIB, .max = PIB,
	 .help = "disk for files that are written out of order and for parts "
		 "that memory has no room for, all together",
	 .cost = "a part is at most half of it: with less, the longest file "
		 "is shorter"},
	{.name = "sparse_max", .type = CONF_SIZE, .preset = "1T", .max = PIB,
	 .help = "zeros that a file with holes may have sent for it",
	 .cost = "holes are stored as zeros and paid for"},
	{.name = "commit", .type = CONF_CHOICE, .preset = "close",
	 .choices = "close",
	 .help = "when a written file becomes visible: at close, when it is "
		 "at the server"},
	{.name = "metadata", .type = CONF_CHOICE, .preset = "copy",
	 .choices = "copy|cache|off",
	 .help = "what chmod, chown and touch of a stored file do: change "
		 "the object, only the cache, or nothing",
	 .cost = "copy: one server-side copy of the object onto itself"},
	{.name = "unlink", .type = CONF_CHOICE, .preset = "batch",
	 .choices = "batch|sync",
	 .help = "how many deletes are sent: together within 0.1 s, or one "
		 "by one",
	 .cost = "sync: one request and its wait per file"},
	{.name = "checkpoint", .type = CONF_BOOL, .preset = "on",
	 .help = "publish a file early when its writer changes what was "
		 "sent already; off: that write fails"},
	{.name = "temp_names", .type = CONF_TEXT, .preset = "rsync",
	 .help = "names that are renamed before anybody needs them: rsync, "
		 "off, or patterns separated by blanks",
	 .cost = "such files are not at the server before their rename"},
	{.name = "rename_dir_max", .type = CONF_COUNT, .preset = "10000",
	 .max = 1000000,
	 .help = "objects of a directory that rename moves; beyond it says "
		 "EXDEV",
	 .cost = "other renames of the mount wait meanwhile; 1.6K of "
		 "memory an object"},
	{.name = "on_killed_writer", .type = CONF_CHOICE, .preset = "keep",
	 .choices = "keep|publish|abort",
	 .help = "what becomes of a file whose writer a signal killed",
	 .cost = "keep: the unfinished upload is stored and paid for until "
		 "somebody decides"},
	{.name = "on_failed_writer", .type = CONF_CHOICE,
	 .preset = "publish", .choices = "publish|keep",
	 .help = "what becomes of a file whose writer exited with a failure"},
	{.name = "on_unknown_writer", .type = CONF_CHOICE,
	 .preset = "publish", .choices = "publish|keep",
	 .help = "what becomes of a file when nobody can tell how its writer "
		 "ended"},

	{.name = "control", .group = "Control and exports",
	 .type = CONF_CHOICE, .preset = "hidden",
	 .choices = "hidden|visible|off",
	 .help = "the control directory .porter: there but not listed, "
		 "listed, or not there"},
	{.name = "control_group", .type = CONF_TEXT, .form = CONF_FORM_WORD,
	 .help = "group that may use .porter beside who mounts"},
	{.name = "export_expiration", .type = CONF_DURATION, .preset = "1h",
	 .max = 3650 * DAY,
	 .help = "exports are deleted after this long unless told "
		 "otherwise; 0 = never"},

	/* ---- [bucket.NAME] ---- */
	{.name = "bucket", .group = "Place", .scope = CONF_BUCKET,
	 .type = CONF_TEXT, .form = CONF_FORM_BUCKET,
	 .env = "AWS_BUCKET,AWS_SOURCE_BUCKET,EXPORT_ALT_AWS_BUCKET",
	 .help = "name of the bucket at its server"},
	{.name = "enabled", .scope = CONF_BUCKET, .type = CONF_BOOL,
	 .preset = "on", .env = ",,EXPORT_ALT_AWS_ENABLED",
	 .help = "off: there is no such directory"},
	{.name = "prefix", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .form = CONF_FORM_PREFIX,
	 .help = "directory of the bucket that is mounted; not set: all of "
		 "it"},
	{.name = "mode", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .preset = "rw", .choices = "rw|ro|wo",
	 .help = "rw, ro (nothing can be changed), or wo (new files only: no "
		 "overwriting, renaming, deleting)"},
	{.name = "endpoint", .scope = CONF_BUCKET, .type = CONF_URL,
	 .form = CONF_FORM_BARE_URL,
	 .choices = "aws|http:|https:|file:",
	 .env = "AWS_ENDPOINT|AWS_ENDPOINT_URL_S3|AWS_ENDPOINT_URL,"
		"AWS_SOURCE_ENDPOINT,EXPORT_ALT_AWS_ENDPOINT",
	 .help = "server, as in [general]"},
	{.name = "region", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .form = CONF_FORM_WORD,
	 .env = "AWS_DEFAULT_REGION|AWS_REGION,"
		"AWS_SOURCE_REGION|AWS_SOURCE_DEFAULT_REGION,"
		"EXPORT_ALT_AWS_REGION|EXPORT_ALT_AWS_DEFAULT_REGION",
	 .help = "region, as in [general]"},
	{.name = "path_style", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .preset = "auto", .choices = "auto|on|off",
	 .env = "AWS_USE_PATH_STYLE_ENDPOINT,"
		"AWS_SOURCE_USE_PATH_STYLE_ENDPOINT,"
		"EXPORT_ALT_AWS_USE_PATH_STYLE_ENDPOINT",
	 .help = "bucket in the path (on) or in the host name (off); auto: "
		 "what the endpoint can do"},
	{.name = "url", .scope = CONF_BUCKET, .type = CONF_URL,
	 .form = CONF_FORM_BARE_URL,
	 .choices = "http:|https:",
	 .env = "AWS_URL,AWS_SOURCE_URL,EXPORT_ALT_AWS_URL",
	 .help = "base of presigned URLs when users reach the server by "
		 "another name"},
	{.name = "s3_profile", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .preset = "auto", .choices = 
		"auto|aws|rgw|minio|versitygw|r2|b2|wasabi|scaleway|"
		"garage|generic",
	 .help = "kind of server, which decides limits and habits; auto: "
		 "learnt from its answers"},

	{.name = "access_key_id", .group = "Keys", .scope = CONF_BUCKET,
	 .type = CONF_TEXT, .form = CONF_FORM_WORD,
	 .env = "AWS_ACCESS_KEY_ID,AWS_SOURCE_ACCESS_KEY_ID,"
		"EXPORT_ALT_AWS_ACCESS_KEY_ID",
	 .help = "name of the key; not set: the profile's, else as in "
		 "[general], else ~/.aws has it"},
	{.name = "secret_access_key", .scope = CONF_BUCKET,
	 .type = CONF_SECRET, .form = CONF_FORM_WORD,
	 .env = "AWS_SECRET_ACCESS_KEY,AWS_SOURCE_SECRET_ACCESS_KEY,"
		"EXPORT_ALT_AWS_SECRET_ACCESS_KEY",
	 .help = "the key; the file must then be mode 0600"},
	{.name = "session_token", .scope = CONF_BUCKET, .type = CONF_SECRET,
	 .form = CONF_FORM_WORD,
	 .env = "AWS_SESSION_TOKEN,AWS_SOURCE_SESSION_TOKEN,"
		"EXPORT_ALT_AWS_SESSION_TOKEN",
	 .help = "belongs to a temporary key"},
	{.name = "profile", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .env = "AWS_PROFILE|AWS_DEFAULT_PROFILE,AWS_SOURCE_PROFILE,"
		"EXPORT_ALT_AWS_PROFILE",
	 .help = "profile of ~/.aws, as in [general]"},

	{.name = "sse", .group = "Objects", .scope = CONF_BUCKET,
	 .type = CONF_CHOICE, .preset = "none",
	 .choices = "none|AES256|aws:kms",
	 .help = "encryption by the server; none: the bucket's own default"},
	{.name = "sse_kms_key_id", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .form = CONF_FORM_WORD,
	 .help = "key of aws:kms; not set: the account's default key",
	 .cost = "requests to KMS are paid for"},
	{.name = "sse_c_key_file", .scope = CONF_BUCKET, .type = CONF_PATH,
	 .help = "file with the 32 bytes (or their base64) of a key that "
		 "only you have",
	 .cost = "objects cannot be read without it, by anybody, ever"},
	{.name = "storage_class", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .form = CONF_FORM_WORD,
	 .help = "class of new objects, such as STANDARD_IA; not set: the "
		 "server's default",
	 .cost = "cheaper ones may bill each read and a least time of "
		 "storage"},
	{.name = "acl", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .preset = "none",
	 .choices = "none|private|public-read|public-read-write|"
		    "authenticated-read|aws-exec-read|bucket-owner-read|"
		    "bucket-owner-full-control",
	 .help = "canned access list of new objects; none: not sent"},
	{.name = "requester_pays", .scope = CONF_BUCKET, .type = CONF_BOOL,
	 .preset = "off",
	 .help = "agree to pay for requests to a bucket of somebody else"},
	{.name = "expected_owner", .scope = CONF_BUCKET, .type = CONF_TEXT,
	 .form = CONF_FORM_ACCOUNT,
	 .help = "account that must own the bucket, twelve digits; else "
		 "every request fails"},
	{.name = "checksum", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .preset = "auto", .choices = "auto|none|crc32c|crc64nvme|sha256",
	 .help = "checksum sent with what is written; auto: what the server "
		 "heeds",
	 .cost = "sha256: up to 2 s of CPU per GiB; the others almost "
		 "nothing"},
	{.name = "cache_ttl", .scope = CONF_BUCKET, .type = CONF_DURATION,
	 .max = 365 * DAY, .help = "as in [general]"},
	{.name = "attrs", .scope = CONF_BUCKET, .type = CONF_CHOICE,
	 .choices = "head|list", .help = "as in [general]"},

	/* ---- [mysql], [mysql.NAME] ---- */
	{.name = "driver", .group = "Database", .scope = CONF_CONNECTION,
	 .type = CONF_TEXT, .form = CONF_FORM_WORD, .env = "DB_CONNECTION",
	 .help = "mysql or mariadb"},
	{.name = "host", .scope = CONF_CONNECTION, .type = CONF_TEXT,
	 .env = "DB_HOST", .help = "name or address of the server"},
	{.name = "port", .scope = CONF_CONNECTION, .type = CONF_COUNT,
	 .min = 1, .max = 65535, .env = "DB_PORT", .help = "its port"},
	{.name = "socket", .scope = CONF_CONNECTION, .type = CONF_PATH,
	 .env = "DB_SOCKET", .help = "Unix socket instead of host and port"},
	{.name = "database", .scope = CONF_CONNECTION, .type = CONF_TEXT,
	 .env = "DB_DATABASE", .help = "database when none is named"},
	{.name = "username", .scope = CONF_CONNECTION, .type = CONF_TEXT,
	 .env = "DB_USERNAME", .help = "user to log in as"},
	{.name = "password", .scope = CONF_CONNECTION, .type = CONF_SECRET,
	 .env = "DB_PASSWORD", .help = "the user's password"},
	{.name = "ssl_ca", .scope = CONF_CONNECTION, .type = CONF_PATH,
	 .env = "MYSQL_ATTR_SSL_CA",
	 .help = "PEM file of the authorities the server is checked "
		 "against; not set: the system's"},
	{.name = "ssl_cert", .scope = CONF_CONNECTION, .type = CONF_PATH,
	 .help = "PEM file of our certificate, where the server asks for one"},
	{.name = "ssl_key", .scope = CONF_CONNECTION, .type = CONF_PATH,
	 .help = "PEM file of its key"},
	{.name = "ssl_mode", .scope = CONF_CONNECTION, .type = CONF_CHOICE,
	 .choices = "disabled|preferred|required|verify-ca|verify-identity",
	 .help = "how much TLS is demanded, checked after connecting; not set: "
		 "verify-identity with ssl_ca, else preferred"},
};
/* clang-format on */

const size_t conf_options_count =
	sizeof(conf_options) / sizeof(conf_options[0]);

const struct conf_option *conf_find(enum conf_scope scope, const char *name)
{
	for (size_t i = 0; i < conf_options_count; i++)
		if (conf_options[i].scope == scope &&
		    strcmp(conf_options[i].name, name) == 0)
			return &conf_options[i];
	return NULL;
}

/* Longest name that is compared; longer ones are no near miss of any. */
#define SUGGEST_MAX 40

/* A letter as a near miss sees it: case, '-' and '_' do not matter. */
static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if (c == '-')
		return '_';
	return c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions and changes that make b from a. */
static unsigned distance(const char *a, const char *b)
{
	size_t len = strlen(b);
	unsigned row[SUGGEST_MAX + 1];

	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned)j;

	for (; *a; a++) {
		unsigned diagonal = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
			              diagonal + (fold(*a) != fold(b[j - 1])));
			diagonal = above;
		}
	}
	return row[len];
}

const char *conf_suggest(enum conf_scope scope, const char *name)
{
	size_t len = strlen(name);
	unsigned least = len < 5 ? 1 : len < 9 ? 2 : 3;
	const char *best = NULL;

	if (len > SUGGEST_MAX)
		return NULL;

	for (size_t i = 0; i < conf_options_count; i++) {
		if (conf_options[i].scope != scope)
			continue;

		unsigned d = distance(conf_options[i].name, name);

		if (d < least || (d == least && !best)) {
			least = d;
			best = conf_options[i].name;
		}
	}
	return best;
}
