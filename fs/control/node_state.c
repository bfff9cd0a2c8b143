/* SPDX-License-Identifier: MIT */
/* Files that say how the mount is: version, config, health, metrics, errors. */
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "control_impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FAILING_MS  60000  /* after a failure, how long health says so */
#define DEGRADED_MS 600000 /* and how long it is not forgotten */

int show_readme(const struct node_at *at, struct str *ret, struct err *reterr)
{
	(void)at, (void)reterr;
	node_readme(ret);
	return 0;
}

int show_version(const struct node_at *at, struct str *ret, struct err *reterr)
{
	(void)at, (void)reterr;
	str_add(ret, PORTERFS_VERSION "\n");
	return 0;
}

int show_pid(const struct node_at *at, struct str *ret, struct err *reterr)
{
	(void)at, (void)reterr;
	str_addf(ret, "%d\n", (int)getpid());
	return 0;
}

int show_uptime(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct control *control = at->control;

	(void)reterr;
	str_addf(ret, "%llu\n",
	         (unsigned long long)((clock_ms(control->config.clock) -
	                               control->started_ms) /
	                              1000));
	return 0;
}

int show_config(const struct node_at *at, struct str *ret, struct err *reterr)
{
	int r = 0;

	(void)reterr;
	if (at->control->config.conf)
		r = conf_print_json(at->control->config.conf, ret);
	else
		str_add(ret, "{}");
	str_add_char(ret, '\n');
	return r;
}

/* "degraded" or worse for buckets that did not work at the start. */
static void judge_buckets(const struct control *control, struct str *why,
                          size_t *ret_bad)
{
	size_t count = fs_bucket_count(control->config.fs);

	*ret_bad = 0;
	for (size_t i = 0; i < count; i++) {
		struct fs_bucket_view view;

		fs_bucket_at(control->config.fs, i, &view);
		if (!view.broken)
			continue;
		(*ret_bad)++;
		str_addf(why,
		         "bucket '%s' did not work when it was mounted "
		         "(%s)\n",
		         view.name, err_name(view.broken));
	}
}

int show_health(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct control *control = at->control;
	uint64_t now = clock_ms(control->config.clock);
	struct str why = {0};
	const char *word = "ok";
	size_t bad;

	(void)reterr;
	judge_buckets(control, &why, &bad);
	if (bad > 0)
		word = "degraded";
	{
		WITH_LOCK(&control->errors_lock);
		uint64_t ago = now - control->failed_ms;

		if (control->failed_ms && ago < DEGRADED_MS) {
			word = ago < FAILING_MS ? "failing" : "degraded";
			str_addf(&why, "%llu s ago: %s\n",
			         (unsigned long long)(ago / 1000),
			         control->failed_text);
		}
	}
	str_addf(ret, "%s\n%s", word, str_text(&why));
	str_release(&why);
	return 0;
}

/* ---- counters ---- */

/* What has no module that counts it: memory and jobs. */
static void add_gauges(struct control *control, struct str *ret)
{
	static const char *const classes[POOL_CLASSES] = {"read", "write",
	                                                  "prefetch"};
	struct pool_stats stats;

	str_addf(ret,
	         "# HELP porterfs_uptime_seconds Time since the mount.\n"
	         "# TYPE porterfs_uptime_seconds gauge\n"
	         "porterfs_uptime_seconds %llu\n"
	         "# HELP porterfs_writing_files Files being written or "
	         "committed.\n"
	         "# TYPE porterfs_writing_files gauge\n"
	         "porterfs_writing_files %u\n",
	         (unsigned long long)((clock_ms(control->config.clock) -
	                               control->started_ms) /
	                              1000),
	         fs_writing(control->config.fs));
	if (!control->config.pool)
		return;
	pool_get_stats(control->config.pool, &stats);
	str_add(ret, "# HELP porterfs_memory_bytes File data in memory, by "
	             "what it is for.\n"
	             "# TYPE porterfs_memory_bytes gauge\n");
	for (unsigned i = 0; i < POOL_CLASSES; i++)
		str_addf(ret, "porterfs_memory_bytes{class=\"%s\"} %llu\n",
		         classes[i], (unsigned long long)stats.held[i]);
	str_addf(ret,
	         "# HELP porterfs_memory_limit_bytes The budget for it.\n"
	         "# TYPE porterfs_memory_limit_bytes gauge\n"
	         "porterfs_memory_limit_bytes %llu\n"
	         "# HELP porterfs_memory_waits_total Requests that had to wait "
	         "for memory.\n"
	         "# TYPE porterfs_memory_waits_total counter\n"
	         "porterfs_memory_waits_total %llu\n",
	         (unsigned long long)stats.budget,
	         (unsigned long long)stats.waits);
}

/* jobs_each(): count by state. */
static void count_job(void *ctx, struct job *job)
{
	unsigned *counts = ctx;

	counts[job_state(job)]++;
}

static void add_jobs(struct control *control, struct str *ret)
{
	unsigned counts[JOB_CANCELLED + 1] = {0};

	jobs_each(control->jobs, count_job, counts);
	str_add(ret, "# HELP porterfs_jobs Jobs that are known, by state.\n"
	             "# TYPE porterfs_jobs gauge\n");
	for (unsigned i = 0; i <= JOB_CANCELLED; i++)
		str_addf(ret, "porterfs_jobs{state=\"%s\"} %u\n",
		         job_state_name(i), counts[i]);
}

int show_metrics(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct control *control = at->control;

	(void)reterr;
	if (control->config.metrics)
		metrics_render(control->config.metrics, ret);
	add_gauges(control, ret);
	add_jobs(control, ret);
	return 0;
}

/* One line of metrics as a member; histograms' buckets are left out. */
static int set_sample(struct jval *object, const char *line, size_t len)
{
	cleanup(freep) char *copy = strndup(line, len);
	char *blank = copy ? strrchr(copy, ' ') : NULL;
	uint64_t n;

	if (!copy)
		return -ENOMEM;
	if (!blank || copy[0] == '#' || strstr(copy, "_bucket{"))
		return 0;
	*blank = '\0';
	if (str_to_u64(blank + 1, &n) == 0)
		return jval_set_u64(object, copy, n);
	return jval_set_text(object, copy, blank + 1);
}

int show_stats(const struct node_at *at, struct str *ret, struct err *reterr)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	struct str text = {0};
	int r = object ? show_metrics(at, &text, reterr) : -ENOMEM;

	for (const char *line = str_text(&text); r == 0 && *line;) {
		size_t len = strcspn(line, "\n");

		r = set_sample(object, line, len);
		line += len;
		line += *line == '\n';
	}
	if (r == 0)
		r = jval_dump(object, ret);
	str_add_char(ret, '\n');
	str_release(&text);
	return r;
}

/* ---- errors, events, log ---- */

int show_errors(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct control *control = at->control;
	WITH_LOCK(&control->errors_lock);

	(void)reterr;
	for (unsigned i = 0; i < ERRORS_KEPT; i++) {
		unsigned slot = (control->errors_next + i) % ERRORS_KEPT;

		if (!control->errors[slot])
			continue;
		str_add(ret, control->errors[slot]);
		str_add_char(ret, '\n');
	}
	return 0;
}

struct feed *follow_events(const struct node_at *at, uint64_t *ret_from)
{
	*ret_from = feed_end(at->control->events);
	return feed_ref(at->control->events);
}

int show_loglevel(const struct node_at *at, struct str *ret, struct err *reterr)
{
	static const char *const names[] = {"error", "warning", "info",
	                                    "debug"};
	unsigned level = LOG_LEVEL_DEBUG;

	(void)at, (void)reterr;
	while (level > LOG_LEVEL_ERROR && !log_enabled(level))
		level--;
	str_addf(ret, "%s\n", names[level]);
	return 0;
}

int do_loglevel(const struct node_at *at, struct node_command *command,
                struct err *reterr)
{
	const char *word = command_text(command->command, "", 0);
	enum log_level level;

	(void)at;
	if (log_level_parse(word, &level) < 0)
		return err_set(reterr, -EINVAL,
		               "'%s' is not error, warning, info or debug",
		               word);
	log_set_level(level);
	return 0;
}

/* ---- what is under way ---- */

/* fs_writers_each(): a line of uploads.jsonl. */
static void add_writer(void *ctx, const struct fs_writer *writer)
{
	struct str *ret = ctx;
	cleanup(jval_freep) struct jval *object = jval_new_object();
	cleanup(freep) char *path =
		str_printf("%s/%s", writer->bucket, writer->key);

	if (!object || !path)
		return;
	if (jval_set_text(object, "path", path) < 0)
		(void)jval_set_text(object, "path", "(not UTF-8)");
	(void)jval_set_u64(object, "pid", (uint64_t)writer->pid);
	(void)jval_set_u64(object, "bytes", writer->bytes);
	(void)jval_set_text(object, "state", writer->state);
	if (jval_dump(object, ret) == 0)
		str_add_char(ret, '\n');
}

int show_uploads(const struct node_at *at, struct str *ret, struct err *reterr)
{
	(void)reterr;
	fs_writers_each(at->control->config.fs, add_writer, ret);
	return 0;
}

int do_sync(const struct node_at *at, struct node_command *command,
            struct err *reterr)
{
	struct control *control = at->control;
	const char *path = command_text(command->command, "", 0);
	cleanup(place_release) struct place place = {0};

	command->until_settled = true;
	if (strcmp(path, "/") == 0)
		return 0;
	return place_find(control->config.fs, control->config.conf, path,
	                  &place, reterr);
}

int do_invalidate(const struct node_at *at, struct node_command *command,
                  struct err *reterr)
{
	struct control *control = at->control;
	const char *path = command_text(command->command, "", 0);
	bool recursive = command_flag(command->command, "recursive");
	cleanup(place_release) struct place place = {0};
	int r;

	if (strcmp(path, "/") == 0) {
		fs_forget_names(control->config.fs, NULL, "", true);
		return 0;
	}
	r = place_find(control->config.fs, control->config.conf, path, &place,
	               reterr);
	if (r < 0)
		return r;
	place.key[strlen(place.key) - str_ends(place.key, "/")] = '\0';
	fs_forget_names(control->config.fs, place.bucket.name, place.key,
	                recursive);
	return 0;
}
