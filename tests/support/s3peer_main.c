/* SPDX-License-Identifier: MIT */
/* The peer as a program: options in, a peer until SIGTERM or SIGINT. */
#include "base/exec.h"
#include "fake_store.h"
#include "s3/local.h"
#include "s3peer.h"
#include "s3peer_habit.h"
#include "s3peer_log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BUCKETS_MAX 16

static const char usage[] =
	"usage: s3peer [OPTION]... --memory --bucket NAME...\n"
	"       s3peer [OPTION]... --store file:///DIR --bucket NAME...\n"
	"       s3peer [OPTION]... --forward http://HOST:PORT\n"
	"\n"
	"An S3 server for tests, or a forwarder to a real one that leaves "
	"requests\nas they are; either fails, lies and waits as it is told.\n"
	"\n"
	"  --port N          of 127.0.0.1; 0 = a free one (default)\n"
	"  --port-file FILE  write the port there once it listens\n"
	"  --delay TIME      wait so long before every request: 20ms, 500us, 1s\n"
	"  --rules FILE      faults and delays, one rule a line:\n"
	"                    request=VERB[:KEY-GLOB] nth=N|every=N|"
	"probability=P\n"
	"                    times=N phase=PHASE action=ACTION[:VALUE]\n"
	"  --rule RULE       the same, as one argument; can be repeated\n"
	"  --seed N          of probability=\n"
	"  --log FILE        every request as a line of JSON\n"
	"  --oracle FILE     what was committed and acknowledged, likewise\n"
	"\n"
	"Server only:\n"
	"  --memory          keep objects in memory\n"
	"  --store URL       keep them in a directory, as porterfs does\n"
	"  --bucket NAME     there is this bucket; can be repeated\n"
	"  --habits NAME     of aws (default), rgw16 or minio\n"
	"  --access-key KEY  default AKPEER\n"
	"  --secret-key KEY  default SKPEER\n"
	"  --region NAME     default us-east-1\n"
	"  --domain NAME     BUCKET.NAME is a bucket, too\n"
	"  --clock-offset S  how many seconds the clock is wrong\n"
	"\n"
	"While it runs: PUT or DELETE /.s3peer/rules, GET or DELETE "
	"/.s3peer/stats\n";

/* All that the options say, and what is built from it. */
struct program {
	struct s3peer_config config;
	struct s3peer_bucket buckets[BUCKETS_MAX];
	const char *directory; /* "file:///DIR", or NULL: in memory */
	struct exec *exec;     /* of the stores in a directory */
	bool memory;
	const char *port_file;
	const char *rules_file;
	struct str rules;
	FILE *log;
	FILE *oracle;
};

/* The peer's thread: write the lines. */
static void observe(void *ctx, const struct s3peer_event *event)
{
	struct program *program = ctx;
	cleanup(str_release) struct str line = {0};

	if (program->log) {
		peer_log_request(&line, event);
		(void)fputs(str_text(&line), program->log);
		str_reset(&line);
	}
	if (program->oracle) {
		peer_log_oracle(&line, event);
		(void)fputs(str_text(&line), program->oracle);
	}
}

/* A number, or the end of the program. */
static int parse_number(const char *text, const char *what, uint64_t max,
                        uint64_t *ret)
{
	if (str_to_u64(text, ret) == 0 && *ret <= max)
		return 0;
	(void)fprintf(stderr, "s3peer: --%s: '%s' is no number up to %ju\n",
	              what, text, (uintmax_t)max);
	return -EINVAL;
}

/* "20ms", "1s", "500us" to microseconds. */
static int parse_delay(const char *text, uint64_t *ret_us)
{
	char *end = NULL;
	double number = strtod(text, &end);
	double unit = strcmp(end, "us") == 0   ? 1
	              : strcmp(end, "ms") == 0 ? 1e3
	              : strcmp(end, "s") == 0  ? 1e6
	                                       : 0;

	if (end == text || unit == 0 || !(number >= 0) || number > 1e6) {
		(void)fprintf(stderr,
		              "s3peer: --delay: '%s' is no time like 20ms\n",
		              text);
		return -EINVAL;
	}
	*ret_us = (uint64_t)(number * unit + 0.5);
	return 0;
}

/* A log file, each line at once. */
static int open_log(const char *path, FILE **ret)
{
	*ret = fopen(path, "ae");
	if (!*ret) {
		(void)fprintf(stderr, "s3peer: '%s': %s\n", path,
		              strerror(errno));
		return -EINVAL;
	}
	(void)setvbuf(*ret, NULL, _IOLBF, 64 << 10);
	return 0;
}

enum option_id {
	OPT_PORT = 256,
	OPT_PORT_FILE,
	OPT_DELAY,
	OPT_RULES,
	OPT_RULE,
	OPT_SEED,
	OPT_LOG,
	OPT_ORACLE,
	OPT_MEMORY,
	OPT_STORE,
	OPT_BUCKET,
	OPT_FORWARD,
	OPT_HABITS,
	OPT_ACCESS_KEY,
	OPT_SECRET_KEY,
	OPT_REGION,
	OPT_DOMAIN,
	OPT_CLOCK_OFFSET,
	OPT_HELP,
};

static const struct option options[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"port-file", required_argument, NULL, OPT_PORT_FILE},
	{"delay", required_argument, NULL, OPT_DELAY},
	{"rules", required_argument, NULL, OPT_RULES},
	{"rule", required_argument, NULL, OPT_RULE},
	{"seed", required_argument, NULL, OPT_SEED},
	{"log", required_argument, NULL, OPT_LOG},
	{"oracle", required_argument, NULL, OPT_ORACLE},
	{"memory", no_argument, NULL, OPT_MEMORY},
	{"store", required_argument, NULL, OPT_STORE},
	{"bucket", required_argument, NULL, OPT_BUCKET},
	{"forward", required_argument, NULL, OPT_FORWARD},
	{"habits", required_argument, NULL, OPT_HABITS},
	{"access-key", required_argument, NULL, OPT_ACCESS_KEY},
	{"secret-key", required_argument, NULL, OPT_SECRET_KEY},
	{"region", required_argument, NULL, OPT_REGION},
	{"domain", required_argument, NULL, OPT_DOMAIN},
	{"clock-offset", required_argument, NULL, OPT_CLOCK_OFFSET},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

/* One more bucket, whose store is made later. */
static int add_bucket(struct program *program, const char *name)
{
	if (program->config.bucket_count == BUCKETS_MAX) {
		(void)fprintf(stderr, "s3peer: at most %d buckets\n",
		              BUCKETS_MAX);
		return -EINVAL;
	}
	program->buckets[program->config.bucket_count++].name = name;
	return 0;
}

static int set_habits(struct program *program, const char *name)
{
	if (peer_habit_parse(name, &program->config.habits) == 0)
		return 0;
	(void)fprintf(stderr, "s3peer: --habits: aws, rgw16 or minio\n");
	return -EINVAL;
}

/* Options that are more than a text to be kept. */
static int take_other(struct program *program, int id, const char *value)
{
	struct s3peer_config *config = &program->config;
	uint64_t number = 0;
	int r;

	switch (id) {
	case OPT_PORT:
		r = parse_number(value, "port", UINT16_MAX, &number);
		config->port = (uint16_t)number;
		return r;
	case OPT_SEED:
		return parse_number(value, "seed", UINT64_MAX, &config->seed);
	case OPT_DELAY:
		return parse_delay(value, &config->delay_us);
	case OPT_RULE:
		str_addf(&program->rules, "%s\n", value);
		return str_status(&program->rules);
	case OPT_LOG:
		return open_log(value, &program->log);
	case OPT_ORACLE:
		return open_log(value, &program->oracle);
	case OPT_BUCKET:
		return add_bucket(program, value);
	case OPT_HABITS:
		return set_habits(program, value);
	case OPT_CLOCK_OFFSET:
		config->clock_offset_s = strtoll(value, NULL, 10);
		return 0;
	default:
		return -EINVAL;
	}
}

static int take_option(struct program *program, int id, const char *value)
{
	struct s3peer_config *config = &program->config;
	const struct {
		int id;
		const char **text;
	} texts[] = {
		{OPT_PORT_FILE, &program->port_file},
		{OPT_STORE, &program->directory},
		{OPT_RULES, &program->rules_file},
		{OPT_FORWARD, &config->forward},
		{OPT_ACCESS_KEY, &config->access_key_id},
		{OPT_SECRET_KEY, &config->secret_access_key},
		{OPT_REGION, &config->region},
		{OPT_DOMAIN, &config->domain},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].id == id) {
			*texts[i].text = value;
			return 0;
		}
	}
	if (id == OPT_MEMORY) {
		program->memory = true;
		return 0;
	}
	return take_other(program, id, value);
}

/* Append a whole file. */
static int read_rules(struct program *program)
{
	char piece[4096];
	FILE *file;
	size_t n;

	if (!program->rules_file)
		return 0;
	file = fopen(program->rules_file, "re");
	if (!file) {
		(void)fprintf(stderr, "s3peer: '%s': %s\n", program->rules_file,
		              strerror(errno));
		return -EINVAL;
	}
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		str_add_mem(&program->rules, piece, n);
	(void)fclose(file);
	str_add_char(&program->rules, '\n');
	return str_status(&program->rules);
}

/* One bucket in the directory that the options name. */
static int open_directory(struct program *program, const char *bucket,
                          struct object_store **ret)
{
	const struct local_store_config config = {
		.root = program->directory + strlen("file://"),
		.bucket = bucket,
		.create_bucket = true,
		.sync = false, /* what a crash of this machine takes is gone */
		.exec = program->exec,
	};
	struct err why;
	int r = local_store_new(&config, ret, &why);

	if (r < 0)
		(void)fprintf(stderr, "s3peer: %s\n", why.text);
	return r;
}

/* One bucket in memory. */
static int open_memory(struct object_store **ret)
{
	struct fake_store *fake = fake_store_new(NULL);

	if (!fake)
		return -ENOMEM;
	*ret = fake_store_object_store(fake);
	return 0;
}

/* Whether the options say one thing: memory, directory or server. */
static bool is_clear(const struct program *program)
{
	bool serves = program->memory || program->directory;

	if (program->memory && program->directory)
		return false;
	if (program->directory && !str_starts(program->directory, "file:///"))
		return false;
	return serves != (program->config.forward != NULL) &&
	       serves == (program->config.bucket_count > 0);
}

/* A store for every bucket. */
static int make_stores(struct program *program)
{
	int r = 0;

	if (!is_clear(program)) {
		(void)fputs(usage, stderr);
		return -EINVAL;
	}
	if (program->directory)
		r = exec_new("work", 4, &program->exec);
	for (size_t i = 0; r == 0 && i < program->config.bucket_count; i++) {
		struct s3peer_bucket *bucket = &program->buckets[i];

		r = program->memory ? open_memory(&bucket->store)
		                    : open_directory(program, bucket->name,
		                                     &bucket->store);
	}
	return r;
}

/* Tell the port: whole or not at all, for who waits for the file. */
static int write_port(const struct program *program, uint16_t port)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u\n", port);
	cleanup(freep) char *temporary = NULL;
	cleanup(closep) int fd = -1;

	if (!program->port_file) {
		(void)printf("%s", text);
		return fflush(stdout) ? -EIO : 0;
	}
	temporary = str_printf("%s.new", program->port_file);
	if (!temporary)
		return -ENOMEM;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, (size_t)len) != len ||
	    rename(temporary, program->port_file) < 0) {
		(void)fprintf(stderr, "s3peer: '%s': %s\n", program->port_file,
		              strerror(errno));
		return -EIO;
	}
	return 0;
}

/* Serve until a signal that asks for the end. */
static int serve(struct program *program)
{
	cleanup(s3peer_freep) struct s3peer *peer = NULL;
	struct err why;
	sigset_t ends;
	int signal_number;

	program->config.buckets = program->buckets;
	program->config.rules = str_text(&program->rules);
	program->config.observe = observe;
	program->config.ctx = program;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);

	int r = s3peer_new(&program->config, &peer, &why);

	if (r < 0) {
		(void)fprintf(stderr, "s3peer: %s\n", why.text);
		return r;
	}
	r = write_port(program, s3peer_port(peer));
	if (r == 0)
		(void)sigwait(&ends, &signal_number);
	return r;
}

static void program_release(struct program *program)
{
	for (size_t i = 0; i < BUCKETS_MAX; i++)
		store_destroy(program->buckets[i].store);
	exec_free(program->exec);
	str_release(&program->rules);
	if (program->log)
		(void)fclose(program->log);
	if (program->oracle)
		(void)fclose(program->oracle);
}

int main(int argc, char **argv)
{
	cleanup(program_release) struct program program = {0};
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == OPT_HELP) {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (take_option(&program, id, optarg) < 0)
			return 2;
	}
	if (optind < argc) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (read_rules(&program) < 0 || make_stores(&program) < 0)
		return 2;
	return serve(&program) < 0 ? 1 : 0;
}
