/* SPDX-License-Identifier: MIT */
/* Every mistake has one exact sentence. */
#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Where the mistake is made. */
enum source {
	FILE_TEXT, /* in p.conf */
	DOTENV,    /* in .env */
	ENV,       /* the only variable of the environment */
	LINE,      /* -o */
	CHECK,     /* in p.conf, which loads, but conf_check() objects */
};

struct mistake {
	enum source source;
	const char *text;
	int code;
	const char *sentence;
};

static const struct mistake mistakes[] = {
	{FILE_TEXT, "part_size = 8M", -EINVAL,
         "p.conf:1: part_size: stands outside of a section, write [general] above it"},
	{FILE_TEXT, "[general]\npart_size", -EINVAL,
         "p.conf:2: a line must be 'key = value', '[section]' or '# comment'"},
	{FILE_TEXT, "[general]\npart_size: 8M", -EINVAL,
         "p.conf:2: a line must be 'key = value', '[section]' or '# comment'"},
	{FILE_TEXT, "[general]\n = 8M", -EINVAL,
         "p.conf:2: the key before '=' is missing"},
	{FILE_TEXT, "[general", -EINVAL,
         "p.conf:1: a section must be a line '[name]' and nothing behind it"},
	{FILE_TEXT, "[general] # all", -EINVAL,
         "p.conf:1: a section must be a line '[name]' and nothing behind it"},
	{FILE_TEXT, "[]", -EINVAL,
         "p.conf:1: []: there is no such section, only [general], [bucket.NAME], [mysql], [mysql.NAME] and [guard]"},
	{FILE_TEXT, "[buckets.x]", -EINVAL,
         "p.conf:1: [buckets.x]: there is no such section, only [general], [bucket.NAME], [mysql], [mysql.NAME] and [guard]"},
	{FILE_TEXT, "[bucket]", -EINVAL,
         "p.conf:1: [bucket]: the bucket's directory is missing, write [bucket.NAME]"},
	{FILE_TEXT, "[bucket.]", -EINVAL,
         "p.conf:1: [bucket.]: the bucket's directory is missing, write [bucket.NAME]"},
	{FILE_TEXT, "[bucket..hidden]", -EINVAL,
         "p.conf:1: [bucket..hidden]: '.hidden' cannot be a directory of the mount, names do not begin with '.'"},
	{FILE_TEXT, "[bucket.a/b]", -EINVAL,
         "p.conf:1: [bucket.a/b]: 'a/b' cannot be a directory of the mount, names have no '/'"},
	{FILE_TEXT, "[bucket.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeee]",
         -EINVAL, "p.conf:1: the section's name is longer than 49 bytes"},
	{FILE_TEXT,
         "[bucket.x]\nbucket = data-1\n[bucket.x]\nbucket = data-1\n", -EINVAL,
         "p.conf:3: [bucket.x]: the section is there twice, first at p.conf:1"},
	{FILE_TEXT, "[general]\n\n[general]\n", -EINVAL,
         "p.conf:3: [general]: the section is there twice, first at p.conf:1"},
	{FILE_TEXT, "[mysql.a]\n[mysql.b]\n[mysql.a]", -EINVAL,
         "p.conf:3: [mysql.a]: the section is there twice, first at p.conf:1"},
	{FILE_TEXT, "[guard]\n[general]\n[guard]", -EINVAL,
         "p.conf:3: [guard]: the section is there twice, first at p.conf:1"},
	{FILE_TEXT, "[guard]\n*.sql = mysqldump\n*.sql = gzip", -EINVAL,
         "p.conf:3: *.sql: is given twice, first at p.conf:2"},
	{FILE_TEXT, "[guard]\n*.sql =", -EINVAL,
         "p.conf:2: *.sql: the checker is missing, such as mysqldump or gzip"},
	{FILE_TEXT, "[general]\npart_size = 8M\npart_size = 8M", -EINVAL,
         "p.conf:3: part_size: is given twice, first at p.conf:2"},
	{FILE_TEXT, "[general]\npart_size = 8M ; big", -EINVAL,
         "p.conf:2: part_size: ' ;' behind a value is neither comment nor value, write comments on lines of their own"},
	{FILE_TEXT, "[bucket.x]\nbucket = data-1\nprefix = a # all of it",
         -EINVAL,
         "p.conf:3: prefix: ' #' behind a value is neither comment nor value, write comments on lines of their own"},
	{FILE_TEXT, "[general]\nlog = \"debug\"", -EINVAL,
         "p.conf:2: log: the value has quotes around it, write it without"},
	{FILE_TEXT, "[general]\nlog = de\001bug", -EINVAL,
         "p.conf:2: has a control byte (0x01), the file must be plain text in UTF-8"},
	{FILE_TEXT, "[general]\nlog = info\rcache = off", -EINVAL,
         "p.conf:2: has a control byte (0x0d), the file must be plain text in UTF-8"},
	{FILE_TEXT, "[general]\nprat_size = 8M", -EINVAL,
         "p.conf:2: prat_size: there is no such key, did you mean 'part_size'"},
	{FILE_TEXT, "[general]\nPart-Size = 8M", -EINVAL,
         "p.conf:2: Part-Size: there is no such key, did you mean 'part_size'"},
	{FILE_TEXT, "[general]\nchunk = 8M", -EINVAL,
         "p.conf:2: chunk: there is no such key, porterfs --help lists all"},
	{FILE_TEXT, "[general]\nbucket = data", -EINVAL,
         "p.conf:2: bucket: belongs to one bucket, write it in [bucket.NAME] or as -o bucket.NAME.bucket"},
	{FILE_TEXT, "[general]\npassword = x", -EINVAL,
         "p.conf:2: password: belongs to a database connection, write it in [mysql] or [mysql.NAME]"},
	{FILE_TEXT, "[bucket.x]\nbucket = data-1\npart_size = 8M", -EINVAL,
         "p.conf:3: part_size: belongs into the section [general]"},
	{FILE_TEXT, "[bucket.x]\nbucket = data-1\nsecret_acces_key = x",
         -EINVAL,
         "p.conf:3: secret_acces_key: there is no such key, did you mean 'secret_access_key'"},
	{FILE_TEXT, "[mysql]\nuser = me", -EINVAL,
         "p.conf:2: user: there is no such key, porterfs --help lists all"},
	{FILE_TEXT, "[general]\npart_size =", -EINVAL,
         "p.conf:2: part_size: the value is missing, the default is '8M'"},
	{FILE_TEXT, "[general]\npart_size = 4M", -ERANGE,
         "p.conf:2: part_size: '4M' is too small, it must be at least 5M"},
	{FILE_TEXT, "[general]\npart_size = 5242879", -ERANGE,
         "p.conf:2: part_size: '5242879' is too small, it must be at least 5M"},
	{FILE_TEXT, "[general]\npart_size = 6G", -ERANGE,
         "p.conf:2: part_size: '6G' is too large, it must be at most 5G"},
	{FILE_TEXT, "[general]\npart_size = 8MB", -EINVAL,
         "p.conf:2: part_size: '8MB' is no size, write bytes or a number with K, M, G, T or P such as 8M"},
	{FILE_TEXT, "[general]\npart_size = 8 M", -EINVAL,
         "p.conf:2: part_size: '8 M' is no size, write bytes or a number with K, M, G, T or P such as 8M"},
	{FILE_TEXT, "[general]\npart_size = 1.5G", -EINVAL,
         "p.conf:2: part_size: '1.5G' is no size, write bytes or a number with K, M, G, T or P such as 8M"},
	{FILE_TEXT, "[general]\npart_size = -8M", -EINVAL,
         "p.conf:2: part_size: '-8M' is no size, write bytes or a number with K, M, G, T or P such as 8M"},
	{FILE_TEXT, "[general]\npart_size = 0x800000", -EINVAL,
         "p.conf:2: part_size: '0x800000' is no size, write bytes or a number with K, M, G, T or P such as 8M"},
	{FILE_TEXT, "[general]\npart_size = 99999999999999999999", -ERANGE,
         "p.conf:2: part_size: '99999999999999999999' is larger than any number can be"},
	{FILE_TEXT, "[general]\npart_size = 99999P", -ERANGE,
         "p.conf:2: part_size: '99999P' is larger than any number can be"},
	{FILE_TEXT, "[general]\nmemory_limit = 16M", -ERANGE,
         "p.conf:2: memory_limit: '16M' is too small, it must be at least 32M"},
	{FILE_TEXT, "[general]\ncache_ttl = soon", -EINVAL,
         "p.conf:2: cache_ttl: 'soon' is no duration, write seconds or a number with ms, s, m, h or d such as 5m"},
	{FILE_TEXT, "[general]\ncache_ttl = 1w", -EINVAL,
         "p.conf:2: cache_ttl: '1w' is no duration, write seconds or a number with ms, s, m, h or d such as 5m"},
	{FILE_TEXT, "[general]\nop_deadline = 10ms", -ERANGE,
         "p.conf:2: op_deadline: '10ms' is too small, it must be at least 1s"},
	{FILE_TEXT, "[general]\nop_deadline = 2h", -ERANGE,
         "p.conf:2: op_deadline: '2h' is too large, it must be at most 1h"},
	{FILE_TEXT, "[general]\nretry_attempts = 0", -ERANGE,
         "p.conf:2: retry_attempts: '0' is too small, it must be at least 1"},
	{FILE_TEXT, "[general]\nretry_attempts = ten", -EINVAL,
         "p.conf:2: retry_attempts: 'ten' is no whole number, write digits such as 16"},
	{FILE_TEXT, "[general]\nmax_connections = 1e3", -EINVAL,
         "p.conf:2: max_connections: '1e3' is no whole number, write digits such as 16"},
	{FILE_TEXT, "[general]\nupload_concurrency = 2000", -ERANGE,
         "p.conf:2: upload_concurrency: '2000' is too large, it must be at most 1000"},
	{FILE_TEXT, "[general]\nuid = root", -EINVAL,
         "p.conf:2: uid: 'root' is no whole number, write digits such as 16"},
	{FILE_TEXT, "[general]\numask = 0888", -EINVAL,
         "p.conf:2: umask: '0888' is no permission mode, write octal digits such as 0644"},
	{FILE_TEXT, "[general]\nfile_mode = 1777", -ERANGE,
         "p.conf:2: file_mode: '1777' is too large, it must be at most 0777"},
	{FILE_TEXT, "[general]\ncache = maybe", -EINVAL,
         "p.conf:2: cache: 'maybe' is neither on nor off"},
	{FILE_TEXT, "[general]\ncontrol = shown", -EINVAL,
         "p.conf:2: control: 'shown' must be one of hidden, visible, off"},
	{FILE_TEXT, "[general]\ncommit = writeback", -EINVAL,
         "p.conf:2: commit: 'writeback' must be close"},
	{FILE_TEXT, "[general]\non_failed_writer = abort", -EINVAL,
         "p.conf:2: on_failed_writer: 'abort' must be one of publish, keep"},
	{FILE_TEXT, "[general]\ncache_dir = cache", -EINVAL,
         "p.conf:2: cache_dir: 'cache' is no absolute path, begin with '/' or '~/'"},
	{FILE_TEXT, "[general]\nca_bundle = ~other/ca.pem", -EINVAL,
         "p.conf:2: ca_bundle: '~other/ca.pem' is no absolute path, begin with '/' or '~/'"},
	{FILE_TEXT, "[general]\ncache_store = memcached://h", -EINVAL,
         "p.conf:2: cache_store: 'memcached://h' must be one of lmdb, redis://HOST, rediss://HOST, unix:///PATH"},
	{FILE_TEXT, "[general]\ncache_store = unix://run/redis", -EINVAL,
         "p.conf:2: cache_store: 'unix://run/redis' needs an absolute path, such as unix:///srv/porterfs"},
	{FILE_TEXT, "[general]\nproxy = http://", -EINVAL,
         "p.conf:2: proxy: the URL has no host"},
	{FILE_TEXT, "[general]\nproxy = http://h:99999", -EINVAL,
         "p.conf:2: proxy: the URL's port is no number from 1 to 65535"},
	{FILE_TEXT, "[general]\nproxy = http://[::1:3128", -EINVAL,
         "p.conf:2: proxy: the URL's address misses its ']'"},
	{FILE_TEXT, "[general]\nsource_name = .source", -EINVAL,
         "p.conf:2: source_name: '.source' cannot be a directory of the mount, names do not begin with '.'"},
	{FILE_TEXT, "[bucket.x]\nmode = rx", -EINVAL,
         "p.conf:2: mode: 'rx' must be one of rw, ro, wo"},
	{FILE_TEXT, "[bucket.x]\nbucket = ab", -EINVAL,
         "p.conf:2: bucket: 'ab' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{FILE_TEXT, "[bucket.x]\nbucket = my bucket", -EINVAL,
         "p.conf:2: bucket: 'my bucket' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{FILE_TEXT, "[bucket.x]\nbucket = -data", -EINVAL,
         "p.conf:2: bucket: '-data' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{FILE_TEXT, "[bucket.x]\nbucket = a..b", -EINVAL,
         "p.conf:2: bucket: 'a..b' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{FILE_TEXT, "[bucket.x]\nbucket = data/dumps", -EINVAL,
         "p.conf:2: bucket: 'data/dumps' has a '/', write the bucket's name alone and the rest as prefix"},
	{FILE_TEXT, "[bucket.x]\nbucket = s3://data", -EINVAL,
         "p.conf:2: bucket: 's3://data' is a URL, write the bucket's name alone"},
	{FILE_TEXT, "[bucket.x]\nprefix = /dumps", -EINVAL,
         "p.conf:2: prefix: '/dumps' begins with '/', keys do not: write 'dumps'"},
	{FILE_TEXT, "[bucket.x]\nprefix = a//b", -EINVAL,
         "p.conf:2: prefix: 'a//b' has a part that is empty, '.' or '..'"},
	{FILE_TEXT, "[bucket.x]\nprefix = a/../b", -EINVAL,
         "p.conf:2: prefix: 'a/../b' has a part that is empty, '.' or '..'"},
	{FILE_TEXT, "[bucket.x]\nendpoint = minio:9000", -EINVAL,
         "p.conf:2: endpoint: 'minio:9000' must be one of aws, http://HOST, https://HOST, file:///PATH"},
	{FILE_TEXT, "[bucket.x]\nendpoint = ftp://minio", -EINVAL,
         "p.conf:2: endpoint: 'ftp://minio' must be one of aws, http://HOST, https://HOST, file:///PATH"},
	{FILE_TEXT, "[bucket.x]\nendpoint = http:", -EINVAL,
         "p.conf:2: endpoint: 'http:' must be one of aws, http://HOST, https://HOST, file:///PATH"},
	{FILE_TEXT, "[bucket.x]\nendpoint = https://h:0", -EINVAL,
         "p.conf:2: endpoint: the URL's port is no number from 1 to 65535"},
	{FILE_TEXT, "[bucket.x]\nendpoint = https://me@h", -EINVAL,
         "p.conf:2: endpoint: the URL has a '@', '?' or '#', write only scheme, host, port and path"},
	{FILE_TEXT, "[bucket.x]\nendpoint = https://h/?a=b", -EINVAL,
         "p.conf:2: endpoint: the URL has a '@', '?' or '#', write only scheme, host, port and path"},
	{FILE_TEXT, "[bucket.x]\nendpoint = https://h h", -EINVAL,
         "p.conf:2: endpoint: the URL has a blank, quote or other sign that none has"},
	{FILE_TEXT, "[bucket.x]\nendpoint = file://data", -EINVAL,
         "p.conf:2: endpoint: 'file://data' needs an absolute path, such as file:///srv/porterfs"},
	{FILE_TEXT, "[bucket.x]\nregion = eu west", -EINVAL,
         "p.conf:2: region: the value has a blank, which none of these has"},
	{FILE_TEXT, "[bucket.x]\nexpected_owner = 1234", -EINVAL,
         "p.conf:2: expected_owner: '1234' is no account, write its twelve digits"},
	{FILE_TEXT, "[bucket.x]\nchecksum = md5", -EINVAL,
         "p.conf:2: checksum: 'md5' must be one of auto, none, crc32c, crc64nvme, sha256"},
	{FILE_TEXT, "[bucket.x]\nsse = aes256", -EINVAL,
         "p.conf:2: sse: 'aes256' must be one of none, AES256, aws:kms"},
	{FILE_TEXT, "[bucket.x]\ns3_profile = azure", -EINVAL,
         "p.conf:2: s3_profile: 'azure' must be one of auto, aws, rgw, minio, versitygw, r2, b2, wasabi, scaleway, garage, generic"},
	{FILE_TEXT, "[bucket.x]\npath_style = perhaps", -EINVAL,
         "p.conf:2: path_style: 'perhaps' must be one of auto, on, off"},
	{FILE_TEXT, "[bucket.x]\nsecret_access_key = hush hush", -EINVAL,
         "p.conf:2: secret_access_key: the value has a blank, which none of these has"},
	{FILE_TEXT, "[mysql]\nport = 70000", -ERANGE,
         "p.conf:2: port: '70000' is too large, it must be at most 65535"},
	{DOTENV, "AWS_BUCKET=my bucket", -EINVAL,
         ".env:1: AWS_BUCKET: a value with blanks needs quotes"},
	{DOTENV, "APP=1\nAWS_BUCKET=\"my bucket\"", -EINVAL,
         ".env:2: AWS_BUCKET: 'my bucket' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{DOTENV, "AWS_BUCKET", -EINVAL,
         ".env:1: AWS_BUCKET: the '=' is missing"},
	{DOTENV, "AWS_BUCKET=${STAGE}-data", -EINVAL,
         ".env:1: AWS_BUCKET: ${STAGE} is neither in the environment nor further up in the file"},
	{DOTENV, "AWS_ENDPOINT=localhost:9000", -EINVAL,
         ".env:1: AWS_ENDPOINT: 'localhost:9000' must be one of aws, http://HOST, https://HOST, file:///PATH"},
	{DOTENV, "AWS_USE_PATH_STYLE_ENDPOINT=maybe", -EINVAL,
         ".env:1: AWS_USE_PATH_STYLE_ENDPOINT: 'maybe' must be one of auto, on, off"},
	{DOTENV, "EXPORT_ALT_AWS_ENABLED=soon", -EINVAL,
         ".env:1: EXPORT_ALT_AWS_ENABLED: 'soon' is neither on nor off"},
	{DOTENV, "AWS_SECRET_ACCESS_KEY=\"hush\nhush\"", -EINVAL,
         ".env:1: AWS_SECRET_ACCESS_KEY: the value has a control byte (0x0a), which none may have"},
	{DOTENV, "AWS_SOURCE_URL=cdn.example.com", -EINVAL,
         ".env:1: AWS_SOURCE_URL: 'cdn.example.com' must be one of http://HOST, https://HOST"},
	{DOTENV, "DB_PORT=mysql", -EINVAL,
         ".env:1: DB_PORT: 'mysql' is no whole number, write digits such as 16"},
	{DOTENV, "PORTERFS_ENV_FILE=/other", -EINVAL,
         ".env:1: PORTERFS_ENV_FILE: a .env file cannot name another one"},
	{DOTENV, "AWS_SECRET_ACCESS_KEY=\"hush", -EINVAL,
         ".env:1: AWS_SECRET_ACCESS_KEY: the quote that begins the value is never closed"},
	{ENV, "AWS_BUCKET=MY+BUCKET", -EINVAL,
         "environment: AWS_BUCKET: 'MY+BUCKET' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{ENV, "AWS_SOURCE_BUCKET=x", -EINVAL,
         "environment: AWS_SOURCE_BUCKET: 'x' cannot be a bucket, names have 3 to 63 letters, digits, '.' and '-' and begin and end with a letter or digit"},
	{ENV, "AWS_CA_BUNDLE=ca.pem", -EINVAL,
         "environment: AWS_CA_BUNDLE: 'ca.pem' is no absolute path, begin with '/' or '~/'"},
	{ENV, "AWS_ENDPOINT_URL=s3.example.com", -EINVAL,
         "environment: AWS_ENDPOINT_URL: 's3.example.com' must be one of aws, http://HOST, https://HOST, file:///PATH"},
	{ENV, "AWS_SECRET_ACCESS_KEY=\"hush\"", -EINVAL,
         "environment: AWS_SECRET_ACCESS_KEY: the value has quotes around it, write it without"},
	{ENV, "PORTERFS_PART_SIZE=1M", -ERANGE,
         "environment: PORTERFS_PART_SIZE: '1M' is too small, it must be at least 5M"},
	{ENV, "AWS_DEFAULT_REGION=eu-west-1\n", -EINVAL,
         "environment: AWS_DEFAULT_REGION: the value has a control byte (0x0a), which none may have"},
	{LINE, "part_size=4M", -ERANGE,
         "-o: part_size: '4M' is too small, it must be at least 5M"},
	{LINE, "part_size", -EINVAL,
         "-o: part_size: the value is missing, write part_size=8M"},
	{LINE, "prat_size=8M", -EINVAL,
         "-o: prat_size: there is no such key, did you mean 'part_size'"},
	{LINE, "=8M", -EINVAL, "-o: the key is missing, write key=value"},
	{LINE, "bucket=data", -EINVAL,
         "-o: bucket: belongs to one bucket, write it in [bucket.NAME] or as -o bucket.NAME.bucket"},
	{LINE, "bucket.x=data", -EINVAL,
         "-o: x: there is no such key, porterfs --help lists all"},
	{LINE, "bucket.x.buket=data", -EINVAL,
         "-o: buket: there is no such key, did you mean 'bucket'"},
	{LINE, "bucket.bucket=data", -EINVAL,
         "-o: bucket: the bucket's directory is missing, write bucket.NAME.bucket"},
	{LINE, "bucket.a/b.mode=ro", -EINVAL,
         "-o: mode: 'a/b' cannot be a directory of the mount, names have no '/'"},
	{LINE, "secret_access_key=hush", -EPERM,
         "-o: secret_access_key: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "bucket.x.secret_access_key=hush", -EPERM,
         "-o: secret_access_key: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "bucket.x.session_token", -EPERM,
         "-o: session_token: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "mysql.prod.password=hush", -EPERM,
         "-o: password: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "proxy=http://me:hush@proxy:3128", -EPERM,
         "-o: proxy: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "cache_store=redis://:hush@h/0", -EPERM,
         "-o: cache_store: a secret is refused on the command line, where every user can read it: put it into the environment, a .env file or porterfs.conf"},
	{LINE, "allow_other=perhaps", -EINVAL,
         "-o: allow_other: 'perhaps' is neither on nor off"},
	{CHECK, "", -EINVAL,
         "there is no bucket: set AWS_BUCKET, or write [bucket.NAME] with bucket = … into porterfs.conf"},
	{CHECK, "[bucket.x]", -EINVAL,
         "[bucket.x]: bucket: is not set, write the name that the server knows it by"},
	{CHECK, "[bucket.source]\nmode = ro", -EINVAL,
         "[bucket.source]: bucket: is not set, write it there or set AWS_SOURCE_BUCKET"},
	{CHECK, "[bucket.x]\nenabled = off\nbucket = data", -EINVAL,
         "there is no bucket: set AWS_BUCKET, or write [bucket.NAME] with bucket = … into porterfs.conf"},
	{CHECK, "[general]\nsource_name = primary", -EINVAL,
         "two of primary_name, source_name and alt_export_name are 'primary', each must be a name of its own"},
	{CHECK,
         "[general]\npart_size = 64M\nmemory_limit = 128M\nstaging_max = 127M\n[bucket.x]\nbucket = data-1\n",
         -EINVAL,
         "p.conf:3: memory_limit: '128M' is too small for a part_size of 64M, it must be at least 256M, or staging_max 128M"},
	{CHECK,
         "[general]\ncache_dir = /p\nstate_dir = /p\n[bucket.x]\nbucket = data-1\n",
         -EINVAL,
         "p.conf:3: state_dir: is the cache_dir too, they must be two directories"},
	{CHECK, "[general]\nconsistency = push\n[bucket.x]\nbucket = data-1\n",
         -EINVAL,
         "p.conf:2: consistency: 'push' needs cache_store = redis://HOST, which tells of changes"},
	{CHECK, "[bucket.x]\nbucket = data-1\naccess_key_id = AK", -EINVAL,
         "p.conf:3: [bucket.x]: secret_access_key: is missing beside access_key_id"},
	{CHECK, "[general]\naccess_key_id = AK\n[bucket.x]\nbucket = data-1\n",
         -EINVAL,
         "p.conf:2: [general]: secret_access_key: is missing beside access_key_id"},
	{CHECK, "[bucket.x]\nbucket = data-1\nsecret_access_key = hush",
         -EINVAL,
         "p.conf:3: [bucket.x]: access_key_id: is missing beside secret_access_key"},
	{CHECK, "[bucket.x]\nbucket = data-1\nsession_token = hush", -EINVAL,
         "p.conf:3: [bucket.x]: session_token: belongs to a key, but access_key_id is not set"},
	{CHECK, "[bucket.x]\nbucket = data-1\nsse_kms_key_id = k", -EINVAL,
         "p.conf:3: [bucket.x]: sse_kms_key_id: is only used with sse = aws:kms"},
	{CHECK,
         "[bucket.x]\nbucket = data-1\nsse = AES256\nsse_c_key_file = /k",
         -EINVAL,
         "p.conf:4: [bucket.x]: sse_c_key_file: cannot be used together with sse, the server encrypts with one key only"},
	{CHECK, "[bucket.x]\nbucket = data-1\n[bucket.y]\nbucket = data-1",
         -EINVAL,
         "[bucket.x] and [bucket.y]: bucket: both write to the same keys of 'data-1', set mode = ro for one or give them prefixes apart"},
	{CHECK,
         "[bucket.x]\nbucket = data-1\nprefix = a\n[bucket.y]\nbucket = data-1\nmode = wo\nprefix = a/b",
         -EINVAL,
         "[bucket.x] and [bucket.y]: bucket: both write to the same keys of 'data-1', set mode = ro for one or give them prefixes apart"},
	{CHECK,
         "[bucket.x]\nbucket = data-1\nendpoint = https://H/\n[bucket.y]\nbucket = data-1\nendpoint = https://h:443",
         -EINVAL,
         "[bucket.x] and [bucket.y]: bucket: both write to the same keys of 'data-1', set mode = ro for one or give them prefixes apart"},
};

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(close(fd), 0);
}

/* Load the text as its source has it. Returns what that says. */
static int load(struct conf *conf, enum source source, const char *text,
                struct err *err)
{
	cleanup(freep) char *copy = strdup(text);
	char *environment[] = {copy, NULL};

	switch (source) {
	case FILE_TEXT:
		write_file("p.conf", text);
		return conf_load_file(conf, "p.conf", err);
	case DOTENV:
		write_file(".env", text);
		return conf_load_dotenv(conf, ".env", err);
	case ENV:
		return conf_load_env(conf, environment, err);
	case LINE:
		return conf_set_command_line(conf, text, err);
	case CHECK:
		write_file("p.conf", text);
		assert_int_equal(conf_load_file(conf, "p.conf", err), 0);
		return conf_check(conf, err);
	}
	return 0;
}

static void each_mistake_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		cleanup(conf_freep) struct conf *conf = NULL;
		const struct mistake *m = &mistakes[i];
		struct err err = {0};

		assert_int_equal(conf_new(&conf), 0);
		assert_int_equal(load(conf, m->source, m->text, &err), m->code);
		assert_int_equal(err.code, m->code);
		assert_string_equal(err.text, m->sentence);
	}
}

static void no_sentence_shows_a_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		assert_null(strstr(mistakes[i].sentence, "hush"));
}

static void the_sentence_may_be_declined(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		cleanup(conf_freep) struct conf *conf = NULL;
		const struct mistake *m = &mistakes[i];

		assert_int_equal(conf_new(&conf), 0);
		assert_int_equal(load(conf, m->source, m->text, NULL), m->code);
	}
}

/* What bytes in a file say that text in a table cannot. */
static void check_bytes(const char *bytes, size_t len, const char *sentence)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	int fd = open("p.conf", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	struct err err = {0};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load_file(conf, "p.conf", &err), -EINVAL);
	assert_string_equal(err.text, sentence);
}

static void nul_bytes_and_utf_16_are_refused(void **state)
{
	(void)state;
	check_bytes("[general]\nlog = \0info\n", 22,
	            "p.conf:2: has a control byte (0x00), the file must be "
	            "plain text in UTF-8");
	check_bytes("\xff\xfe[\0g\0", 6,
	            "p.conf:1: has a control byte (0x00), the file must be "
	            "plain text in UTF-8");
}

static void a_line_over_16_kib_is_refused_and_not_cut(void **state)
{
	static char line[20000];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "[general]\nregion = ", 19);
	check_bytes(line, sizeof(line),
	            "p.conf:2: the line is longer than 16382 bytes");
}

/* Writes the text with that mode and loads it. */
static int load_mode(const char *text, unsigned mode, struct err *err)
{
	cleanup(conf_freep) struct conf *conf = NULL;

	write_file("p.conf", text);
	assert_int_equal(chmod("p.conf", mode), 0);

	assert_int_equal(conf_new(&conf), 0);
	int r = conf_load_file(conf, "p.conf", err);

	assert_int_equal(unlink("p.conf"), 0);
	return r;
}

static void a_file_with_a_secret_must_be_closed_to_others(void **state)
{
	static const char *const secrets[] = {
		"[bucket.x]\nsecret_access_key = hush\n",
		"[bucket.x]\n session_token = hush\n",
		"[general]\nsecret_access_key = hush\n",
		"[mysql.prod]\npassword = hush\n",
		"[general]\nproxy = http://me:hush@proxy:3128\n",
	};
	static const char *const keys[] = {"secret_access_key", "session_token",
	                                   "secret_access_key", "password",
	                                   "proxy"};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		cleanup(freep) char *sentence = str_printf(
			"p.conf:2: %s: the file: holds secrets but is open "
			"to others (mode 0644): chmod 600 p.conf",
			keys[i]);
		struct err err = {0};

		assert_int_equal(load_mode(secrets[i], 0644, &err), -EACCES);
		assert_string_equal(err.text, sentence);
		assert_int_equal(load_mode(secrets[i], 0600, &err), 0);
		assert_int_equal(load_mode(secrets[i], 0400, &err), 0);
	}
}

static void a_file_without_secrets_may_be_read_by_all(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(load_mode("[general]\npart_size = 8M\n"
	                           "proxy = http://me@proxy:3128\n"
	                           "[bucket.x]\nsecret_access_key =\n",
	                           0644, &err),
	                 0);
}

static void a_loose_symlink_to_a_closed_file_is_fine(void **state)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	struct err err = {0};

	(void)state;
	write_file("target.conf", "[mysql]\npassword = hush\n");
	assert_int_equal(symlink("target.conf", "link.conf"), 0);
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load_file(conf, "link.conf", &err), 0);

	assert_int_equal(chmod("target.conf", 0640), 0);
	assert_int_equal(conf_load_file(conf, "link.conf", &err), -EACCES);
	assert_string_equal(err.text,
	                    "link.conf:2: password: the file: holds secrets "
	                    "but is open to others (mode 0640): chmod 600 "
	                    "link.conf");
	assert_int_equal(unlink("link.conf"), 0);
	assert_int_equal(unlink("target.conf"), 0);
}

static void a_file_that_is_not_there_is_told(void **state)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load_file(conf, "none.conf", &err), -ENOENT);
	assert_string_equal(err.text, "none.conf: cannot be read: No such "
	                              "file or directory");
	assert_int_equal(conf_load_dotenv(conf, ".", &err), -EISDIR);
	assert_string_equal(err.text, ".: cannot be read: Is a directory");
	assert_null(conf_dotenv_path(conf));
}

/* A session token of another source than its key is a mix-up. */
static void a_token_must_come_with_its_key(void **state)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	char id[] = "AWS_SOURCE_ACCESS_KEY_ID=NEW";
	char secret[] = "AWS_SOURCE_SECRET_ACCESS_KEY=hush";
	char *environment[] = {id, secret, NULL};
	struct err err = {0};

	(void)state;
	write_file("p.conf", "[bucket.source]\nbucket = data\n"
	                     "access_key_id = OLD\nsecret_access_key = hush\n"
	                     "session_token = hush\n");
	assert_int_equal(conf_new(&conf), 0);
	assert_int_equal(conf_load_file(conf, "p.conf", &err), 0);
	assert_int_equal(conf_check(conf, &err), 0);
	assert_int_equal(conf_load_env(conf, environment, &err), 0);
	assert_int_equal(conf_check(conf, &err), -EINVAL);
	assert_string_equal(
		err.text,
		"p.conf:5: [bucket.source]: session_token: comes from "
		"elsewhere than its key (environment "
		"AWS_SOURCE_SECRET_ACCESS_KEY), both belong together");
}

/* All tests write into a directory of their own. */
static int enter_directory(void **state)
{
	static char dir[] = "/tmp/test_conf_errors.XXXXXX";

	*state = dir;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
	(void)unlink("p.conf");
	(void)unlink(".env");
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_sentence),
		cmocka_unit_test(no_sentence_shows_a_secret),
		cmocka_unit_test(the_sentence_may_be_declined),
		cmocka_unit_test(nul_bytes_and_utf_16_are_refused),
		cmocka_unit_test(a_line_over_16_kib_is_refused_and_not_cut),
		cmocka_unit_test(a_file_with_a_secret_must_be_closed_to_others),
		cmocka_unit_test(a_file_without_secrets_may_be_read_by_all),
		cmocka_unit_test(a_loose_symlink_to_a_closed_file_is_fine),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
		cmocka_unit_test(a_token_must_come_with_its_key),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
