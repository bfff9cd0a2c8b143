/* SPDX-License-Identifier: MIT */
/*
 * Every part from the configuration, bottom up: clock, timers, executor, pool,
 * network, one store per bucket (all asked at the same time whether they are
 * there), and the file system on top.
 */
#include "base/clock.h"
#include "base/conf.h"
#include "base/exec.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/timer.h"
#include "build_store.h"
#include "fs/control.h"
#include "fs/fs.h"
#include "fs/journal.h"
#include "fs/porter.h"
#include "s3/client.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of the journal: room for a million pending deletes. */
#define JOURNAL_MAX  (UINT64_C(1) << 30)
#define WORK_THREADS 8    /* blocking things: local stores, start-up checks */
#define TRIM_MS      2000 /* between two looks at memory that nobody uses */

/* One bucket while it is being built. */
struct bucket_part {
	struct task task;
	struct porter *porter;
	const char *directory;      /* borrowed from the configuration */
	struct object_store *store; /* NULL: does not work */
	char *identity;
	struct err err; /* code 0 = works */
};

struct porter {
	const struct conf *conf; /* borrowed */
	struct timers *timers;
	struct exec *exec;
	struct pool *pool;
	struct timer trim;
	struct metrics *metrics;
	struct s3_net *net;
	struct journal *journal; /* NULL: no state_dir */
	struct fs *fs;
	struct control *control; /* NULL: control = off */

	struct bucket_part *buckets;
	size_t bucket_count;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	size_t pending; /* lock; buckets that have not answered */
};

/* The number of a value among choices written "a|b|c". */
static unsigned choice_index(const char *choices, const char *value)
{
	size_t len = strlen(value);
	unsigned index = 0;

	for (const char *p = choices; p; index++) {
		if (strncmp(p, value, len) == 0 &&
		    (p[len] == '|' || p[len] == '\0'))
			return index;
		p = strchr(p, '|');
		p = p ? p + 1 : NULL;
	}
	return 0; /* the option table let nothing else through */
}

/* An option of several words as an enum whose order is choices'. */
static unsigned conf_choice(const struct conf *conf, const char *bucket,
                            const char *name, const char *choices)
{
	return choice_index(choices, conf_text(conf, bucket, name));
}

/* ---- buckets ---- */

/* Task: make one store and ask it. */
static void bucket_open(struct task *task)
{
	struct bucket_part *part = container_of(task, struct bucket_part, task);
	struct porter *porter = part->porter;

	const struct store_parts parts = {porter->net, porter->exec, true};

	part->identity = build_identity(porter->conf, part->directory);
	if (!part->identity)
		(void)err_set(&part->err, -ENOMEM, "out of memory");
	else if (build_store(porter->conf, part->directory, &parts,
	                     &part->store, &part->err) == 0)
		part->err.code = 0;

	WITH_LOCK(&porter->lock);
	if (--porter->pending == 0)
		(void)pthread_cond_signal(&porter->answered);
}

/*
 * Open all buckets at once and wait.  They run on an executor of their own: a
 * local store may need the other one to answer.
 */
static int open_buckets(struct porter *porter, struct err *reterr)
{
	size_t count = conf_bucket_count(porter->conf);
	cleanup(exec_freep) struct exec *openers = NULL;

	if (count == 0)
		return err_set(reterr, -EINVAL,
		               "no bucket is configured: set AWS_BUCKET in the "
		               "environment or a .env file, or add a section "
		               "[bucket.NAME] to porterfs.conf");

	int r = exec_new("open", count < 16 ? (unsigned)count : 16, &openers);

	if (r < 0)
		return err_set(reterr, r, "no threads: %s", strerror(-r));

	porter->buckets = calloc(count, sizeof(*porter->buckets));
	if (!porter->buckets)
		return err_set(reterr, -ENOMEM, "out of memory");
	porter->bucket_count = count;
	porter->pending = count;
	for (size_t i = 0; i < count; i++) {
		struct bucket_part *part = &porter->buckets[i];

		part->porter = porter;
		part->directory = conf_bucket_name(porter->conf, i);
		part->task.run = bucket_open;
		exec_run(openers, &part->task);
	}

	WITH_LOCK(&porter->lock);
	while (porter->pending > 0)
		(void)pthread_cond_wait(&porter->answered, &porter->lock);
	return 0;
}

/* Say which buckets do not work, and whether that is fatal. */
static int judge_buckets(const struct porter *porter,
                         const struct porter_config *config, struct err *reterr)
{
	const struct bucket_part *bad = NULL;
	size_t broken = 0;

	for (size_t i = 0; i < porter->bucket_count; i++) {
		const struct bucket_part *part = &porter->buckets[i];

		if (part->err.code == 0)
			continue;
		bad = bad ? bad : part;
		broken++;
		if (config->broken)
			config->broken(config->ctx, part->directory,
			               &part->err);
	}
	if (broken == 0)
		return 0;
	if (broken == porter->bucket_count)
		return err_set(reterr, bad->err.code, "no bucket works");
	if (conf_bool(porter->conf, NULL, "strict_start"))
		return err_set(reterr, bad->err.code,
		               "%zu of %zu buckets do not work, and "
		               "strict_start is on",
		               broken, porter->bucket_count);
	return 0;
}

/* ---- the file system ---- */

static void fill_bucket(const struct conf *conf, const struct bucket_part *part,
                        struct fs_bucket_config *ret)
{
	const char *dir = part->directory;

	*ret = (struct fs_bucket_config){
		.name = dir,
		.store = part->store,
		.broken = part->err.code,
		.identity = part->identity,
		.mode = conf_choice(conf, dir, "mode", "rw|ro|wo"),
		.attrs = conf_choice(conf, dir, "attrs", "head|list"),
		.cache_ttl_ms = conf_number(conf, dir, "cache_ttl"),
	};
}

/* A user or group number that, not set, is the mounting user's. */
static uint32_t owner(const struct conf *conf, const char *name, uint32_t self)
{
	return conf_is_set(conf, NULL, name)
	               ? (uint32_t)conf_number(conf, NULL, name)
	               : self;
}

static bool control_is(const struct conf *conf, const char *word)
{
	return strcmp(conf_text(conf, NULL, "control"), word) == 0;
}

static void fill_fs(const struct conf *conf, struct fs_config *ret)
{
	static const char fates[] = "publish|keep|abort";
	uint32_t mask = (uint32_t)conf_number(conf, NULL, "umask");

	*ret = (struct fs_config){
		.uid = owner(conf, "uid", getuid()),
		.gid = owner(conf, "gid", getgid()),
		.file_mode =
			(uint32_t)conf_number(conf, NULL, "file_mode") & ~mask,
		.dir_mode =
			(uint32_t)conf_number(conf, NULL, "dir_mode") & ~mask,
		.root_extra = control_is(conf, "visible") ? CONTROL_NAME : NULL,
		.staging_dir = conf_text(conf, NULL, "state_dir"),
		.staging_max = conf_number(conf, NULL, "staging_max"),
		.negative_ttl_ms = conf_number(conf, NULL, "negative_ttl"),
		.part_size = conf_number(conf, NULL, "part_size"),
		.upload_concurrency =
			(unsigned)conf_number(conf, NULL, "upload_concurrency"),
		.copy_concurrency =
			(unsigned)conf_number(conf, NULL, "copy_concurrency"),
		.rename_dir_max =
			(unsigned)conf_number(conf, NULL, "rename_dir_max"),
		.read_ahead_max = conf_number(conf, NULL, "read_ahead_max"),
		.write_deadline_ms = conf_number(conf, NULL, "write_deadline"),
		.checkpoint = conf_bool(conf, NULL, "checkpoint"),
		.sparse_max = conf_number(conf, NULL, "sparse_max"),
		.on_killed_writer =
			conf_choice(conf, NULL, "on_killed_writer", fates),
		.on_failed_writer =
			conf_choice(conf, NULL, "on_failed_writer", fates),
		.on_unknown_writer =
			conf_choice(conf, NULL, "on_unknown_writer", fates),
	};
}

/* The lines of [guard], an array to be freed; NULL: out of memory. */
static struct fs_guard *make_guards(const struct conf *conf, size_t *ret_count)
{
	struct fs_guard *guards;
	const char *pattern;
	const char *checks;
	size_t count = 0;

	while (conf_extra(conf, "guard", count, &checks))
		count++;
	guards = calloc(count + 1, sizeof(*guards));
	for (size_t i = 0; guards && i < count; i++) {
		pattern = conf_extra(conf, "guard", i, &checks);
		guards[i] = (struct fs_guard){pattern, checks};
	}
	*ret_count = count;
	return guards;
}

static int build_fs(struct porter *porter, const struct porter_config *config,
                    struct err *reterr)
{
	struct fs_config fs;
	struct fs_parts parts = {
		.clock = clock_system(),
		.timers = porter->timers,
		.pool = porter->pool,
		.exec = porter->exec,
		.metrics = porter->metrics,
		.journal = porter->journal,
		.callers = config->callers,
		.unsettled = config->unsettled,
		.ctx = config->ctx,
	};
	cleanup(freep) struct fs_bucket_config *buckets =
		calloc(porter->bucket_count, sizeof(*buckets));

	if (!buckets)
		return err_set(reterr, -ENOMEM, "out of memory");

	for (size_t i = 0; i < porter->bucket_count; i++)
		fill_bucket(porter->conf, &porter->buckets[i], &buckets[i]);
	fill_fs(porter->conf, &fs);
	if (config->has_cache_dir)
		fs.cache_dir = conf_text(porter->conf, NULL, "cache_dir");
	fs.cache_max_size = conf_number(porter->conf, NULL, "cache_max_size");
	fs.buckets = buckets;
	fs.bucket_count = porter->bucket_count;

	cleanup(freep) struct fs_guard *guards =
		make_guards(porter->conf, &fs.guard_count);

	if (!guards)
		return err_set(reterr, -ENOMEM, "out of memory");
	fs.guards = guards;
	return fs_new(&fs, &parts, &porter->fs, reterr);
}

/* ---- the control tree ---- */

/* What may ask servers at the same time: commands, mpu lists, sums. */
#define CONTROL_THREADS 4

/* The group that may use it beside who mounts. */
static int find_group(const struct conf *conf, struct control_config *ret,
                      struct err *reterr)
{
	const char *name = conf_text(conf, NULL, "control_group");
	const struct group *group;

	if (!name)
		return 0;
	group = getgrnam(name);
	if (!group)
		return err_set(reterr, -EINVAL,
		               "control_group: there is no group '%s'", name);
	ret->group = true;
	ret->gid = group->gr_gid;
	return 0;
}

static int build_control(struct porter *porter, struct err *reterr)
{
	struct control_config config = {
		.fs = porter->fs,
		.conf = porter->conf,
		.clock = clock_system(),
		.journal = porter->journal,
		.metrics = porter->metrics,
		.pool = porter->pool,
		.threads = CONTROL_THREADS,
		.uid = getuid(),
		.gid = getgid(),
	};
	int r;

	if (control_is(porter->conf, "off"))
		return 0;
	r = find_group(porter->conf, &config, reterr);
	return r < 0 ? r : control_new(&config, &porter->control, reterr);
}

/* ---- all of it ---- */

/* Hand memory back that nobody used for a while, again and again. */
static void trim(struct timer *timer)
{
	struct porter *porter = container_of(timer, struct porter, trim);

	pool_trim_idle(porter->pool);
	timer_start(porter->timers, timer, TRIM_MS);
}

static int build_base(struct porter *porter, struct err *reterr)
{
	int r = timers_new(clock_system(), &porter->timers);

	if (r == 0)
		r = exec_new("work", WORK_THREADS, &porter->exec);
	if (r == 0)
		r = pool_new(conf_number(porter->conf, NULL, "memory_limit"),
		             &porter->pool);
	if (r == 0)
		r = metrics_new(&porter->metrics);
	return r < 0 ? err_set(reterr, r, "no threads or memory: %s",
	                       strerror(-r))
	             : 0;
}

static int build_journal(struct porter *porter, struct err *reterr)
{
	const char *dir = conf_text(porter->conf, NULL, "state_dir");
	cleanup(freep) char *path = NULL;
	struct journal_config config = {.size_max = JOURNAL_MAX,
	                                .metrics = porter->metrics};

	if (!dir)
		return 0;
	path = str_printf("%s/journal", dir);
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	config.dir = path;
	return journal_open(&config, &porter->journal, reterr);
}

static int build_net(struct porter *porter, struct err *reterr)
{
	const struct conf *conf = porter->conf;
	struct s3_net_config net = {
		.threads = (unsigned)conf_number(conf, NULL, "s3_threads"),
		.max_connections =
			(unsigned)conf_number(conf, NULL, "max_connections"),
		.ca_bundle = conf_text(conf, NULL, "ca_bundle"),
		.proxy = conf_text(conf, NULL, "proxy"),
		.allow_plaintext = conf_bool(conf, NULL, "allow_plaintext"),
		.clock = clock_system(),
		.timers = porter->timers,
		.metrics = porter->metrics,
	};

	return s3_net_new(&net, &porter->net, reterr);
}

int porter_new(const struct porter_config *config, struct porter **ret,
               struct err *reterr)
{
	cleanup(porter_freep) struct porter *porter =
		calloc(1, sizeof(*porter));

	if (!porter)
		return err_set(reterr, -ENOMEM, "out of memory");

	porter->conf = config->conf;
	(void)pthread_mutex_init(&porter->lock, NULL);
	(void)pthread_cond_init(&porter->answered, NULL);

	int r = build_base(porter, reterr);

	if (r == 0)
		r = build_journal(porter, reterr);
	if (r == 0)
		r = build_net(porter, reterr);
	if (r == 0)
		r = open_buckets(porter, reterr);
	if (r == 0)
		r = judge_buckets(porter, config, reterr);
	if (r == 0)
		r = build_fs(porter, config, reterr);
	if (r == 0)
		r = build_control(porter, reterr);
	if (r < 0)
		return r;

	porter->trim.fire = trim;
	timer_start(porter->timers, &porter->trim, TRIM_MS);
	*ret = take(&porter);
	return 0;
}

struct fs *porter_fs(struct porter *porter)
{
	return porter->fs;
}

struct control *porter_control(struct porter *porter)
{
	return porter->control;
}

void porter_free(struct porter *porter)
{
	if (!porter)
		return;

	control_free(porter->control);
	fs_free(porter->fs);
	journal_close(porter->journal);
	for (size_t i = 0; i < porter->bucket_count; i++) {
		store_destroy(porter->buckets[i].store);
		free(porter->buckets[i].identity);
	}
	free(porter->buckets);
	s3_net_free(porter->net);
	exec_free(porter->exec);
	if (porter->timers)
		(void)timer_cancel(porter->timers, &porter->trim);
	timers_free(porter->timers);
	pool_free(porter->pool);
	metrics_free(porter->metrics);
	(void)pthread_cond_destroy(&porter->answered);
	(void)pthread_mutex_destroy(&porter->lock);
	free(porter);
}
