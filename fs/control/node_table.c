/* SPDX-License-Identifier: MIT */
/*
 * The table of the control tree: a new file is a row.  README is made from it.
 *
 * The first row is .porter itself; of two rows that match one path the first
 * counts, so names stand before stars.
 */
#include "control_impl.h"
#include "job_copy.h"
#include "job_export.h"
#include "job_import.h"

#include <sys/stat.h>

#define FOLDER (S_IFDIR | 0500)
#define READ   (S_IFREG | 0400)
#define WRITE  (S_IFREG | 0200)
#define BOTH   (S_IFREG | 0600)

#define RULES(array) \
	.rules = (array), .rule_count = sizeof(array) / sizeof((array)[0])

/* A file that starts a job of that kind; the job's id can be read back. */
#define JOB_NODE(ops)                                                 \
	.mode = BOTH, .slow = true, .command = do_job, .job = &(ops), \
	.help = "start a job"

/* loglevel's word. */
static const struct command_rule level_rules[] = {
	{.key = "", .needed = true, .help = "error, warning, info or debug"},
};

/* A place and nothing else. */
static const struct command_rule path_rules[] = {
	{.key = "", .needed = true, .help = "DIRECTORY/KEY, or / for all"},
};

/* invalidate's words. */
static const struct command_rule invalidate_rules[] = {
	{.key = "", .needed = true, .help = "DIRECTORY/KEY, or / for all"},
	{.key = "recursive",
         .type = COMMAND_FLAG,
         .help = "1: and everything below"},
};

/* presign/new's words. */
static const struct command_rule presign_rules[] = {
	{.key = "",
         .many = true,
         .needed = true,
         .help = "get or put, and DIRECTORY/KEY"},
	{.key = "ttl",
         .type = COMMAND_DURATION,
         .min = 1000,
         .max = UINT64_C(604800000),
         .help = "how long it works; 1h, at most 7d"},
};

/* mpu/abort's words. */
static const struct command_rule abort_rules[] = {
	{.key = "bucket", .needed = true, .help = "its directory"},
	{.key = "upload_id", .help = "one upload"},
	{.key = "older",
         .type = COMMAND_DURATION,
         .help = "or all that were begun longer ago, 48h"},
	{.key = "ours",
         .type = COMMAND_FLAG,
         .help = "1: but only those of this mount"},
};

/* mpu/publish's words. */
static const struct command_rule publish_rules[] = {
	{.key = "bucket", .needed = true, .help = "its directory"},
	{.key = "upload_id", .needed = true, .help = "of the upload"},
};

/* ctl's word. */
static const struct command_rule ctl_rules[] = {
	{.key = "",
         .needed = true,
         .help = "cancel, pause, resume, retry or forget"},
};

/* clang-format off */
const struct node node_table[] = {
	{.path = "", .mode = FOLDER},

	/* ---- how it is ---- */
	{.path = "README", .mode = READ, .render = show_readme,
	 .help = "this text"},
	{.path = "version", .mode = READ, .render = show_version,
	 .help = "of porterfs"},
	{.path = "pid", .mode = READ, .render = show_pid,
	 .help = "of the daemon"},
	{.path = "uptime", .mode = READ, .moving = true, .render = show_uptime,
	 .help = "seconds since the mount"},
	{.path = "config.json", .mode = READ, .render = show_config,
	 .help = "effective configuration and where each value came from, "
		 "without secrets"},
	{.path = "health", .mode = READ, .render = show_health,
	 .help = "ok, degraded or failing; then why"},
	{.path = "stats.json", .mode = READ, .render = show_stats,
	 .help = "counters as JSON"},
	{.path = "metrics", .mode = READ, .render = show_metrics,
	 .help = "counters as Prometheus scrapes them"},
	{.path = "errors", .mode = READ, .render = show_errors,
	 .help = "the last 100 failures, of commands and of data, one JSON "
		 "object each"},
	{.path = "events.stream", .mode = READ, .follow = follow_events,
	 .help = "what happens from now on: jobs; blocks"},
	{.path = "loglevel", .mode = BOTH, .render = show_loglevel,
	 .command = do_loglevel, RULES(level_rules),
	 .help = "how much is logged"},

	/* ---- what is under way ---- */
	{.path = "sync", .mode = WRITE, .command = do_sync, RULES(path_rules),
	 .help = "returns when all closed files are at their servers"},
	{.path = "invalidate", .mode = WRITE, .command = do_invalidate,
	 RULES(invalidate_rules),
	 .help = "forget what is cached of names and attributes"},
	{.path = "uploads.jsonl", .mode = READ, .render = show_uploads,
	 .help = "files open for writing: path, pid, bytes, state"},

	/* ---- databases ---- */
	{.path = "conn", .mode = FOLDER, .help = "database connections"},
	{.path = "conn/*", .mode = READ, .slow = true, .moving = true,
	 .exists = conn_is_there, .render = show_conn,
	 .help = "whether [mysql.NAME] works (default: [mysql] and DB_*), and "
		 "what is there"},
	/* ---- objects ---- */
	{.path = "head", .mode = FOLDER, .help = "of each bucket"},
	{.path = "head/*", .mode = FOLDER, .exists = bucket_is_there,
	 .list = list_buckets},
	{.path = "head/*/**", .mode = READ, .slow = true, .moving = true,
	 .exists = bucket_is_there, .render = show_head,
	 .help = "BUCKET/KEY: the object's metadata as JSON"},
	{.path = "sum", .mode = FOLDER, .help = "sha256, md5, crc32c, crc64nvme"},
	{.path = "sum/*", .mode = FOLDER, .exists = sum_is_there,
	 .list = list_sums},
	{.path = "sum/*/*", .mode = FOLDER, .exists = sum_is_there,
	 .list = list_buckets},
	{.path = "sum/*/*/**", .mode = READ, .slow = true, .moving = true,
	 .exists = sum_is_there, .render = show_sum,
	 .help = "ALGORITHM/BUCKET/KEY: HEX and the name, for sha256sum -c"},
	{.path = "presign", .mode = FOLDER,
	 .help = "URLs that let their bearer in; KEY with its slashes or as "
		 "one component with them as %2F"},
	{.path = "presign/new", .mode = BOTH, .slow = true,
	 .command = do_presign, RULES(presign_rules),
	 .help = "the URL is read back on the same descriptor"},
	{.path = "presign/get", .mode = FOLDER},
	{.path = "presign/put", .mode = FOLDER},
	{.path = "presign/get/*", .mode = FOLDER, .exists = ttl_is_right},
	{.path = "presign/put/*", .mode = FOLDER, .exists = ttl_is_right},
	{.path = "presign/get/*/*", .mode = FOLDER, .exists = ttl_is_right,
	 .list = list_buckets},
	{.path = "presign/put/*/*", .mode = FOLDER, .exists = ttl_is_right,
	 .list = list_buckets},
	{.path = "presign/get/*/*/**", .mode = READ, .slow = true,
	 .moving = true, .exists = ttl_is_right, .render = show_url,
	 .help = "TTL/BUCKET/KEY: a URL to read it for 15m, 1h, 7d"},
	{.path = "presign/put/*/*/**", .mode = READ, .slow = true,
	 .moving = true, .exists = ttl_is_right, .render = show_url,
	 .help = "TTL/BUCKET/KEY: a URL to write it"},

	{.path = "mpu", .mode = FOLDER,
	 .help = "multipart uploads that are open at the store"},
	{.path = "mpu/abort", .mode = BOTH, .slow = true,
	 .command = do_mpu_abort, RULES(abort_rules),
	 .help = "give uploads up; replies with how many"},
	{.path = "mpu/publish", .mode = WRITE, .slow = true,
	 .command = do_mpu_publish, RULES(publish_rules),
	 .help = "complete an upload that this mount kept, after all"},
	{.path = "mpu/*.jsonl", .mode = READ, .slow = true,
	 .exists = mpu_is_there, .list = list_mpu, .render = show_mpu,
	 .help = "of a bucket: key, upload_id, initiated, age_s, ours, state"},

	/* ---- jobs ---- */
	{.path = "clone", JOB_NODE(job_clone)},
	{.path = "copy", JOB_NODE(job_copy)},
	{.path = "delete", JOB_NODE(job_delete)},
	{.path = "move", JOB_NODE(job_move)},
	{.path = "verify", JOB_NODE(job_verify)},
	{.path = "export", JOB_NODE(job_export)},
	{.path = "import", JOB_NODE(job_import)},
	{.path = "dryrun", .mode = BOTH, .slow = true, .command = do_dryrun,
	 .help = "COMMAND key=value...: what such a job would do; replies "
		 "with its counts"},
	{.path = "jobs", .mode = FOLDER, .help = "all jobs"},
	{.path = "jobs/index.jsonl", .mode = READ, .render = show_jobs,
	 .help = "one line each"},
	{.path = "jobs/*", .mode = FOLDER, .moving = true,
	 .exists = job_is_there, .list = list_jobs,
	 .help = "a job, by its id"},
	{.path = "jobs/*/spec.json", .mode = READ, .moving = true,
	 .exists = job_is_there, .render = show_job_spec,
	 .help = "the command as it was given"},
	{.path = "jobs/*/type", .mode = READ, .moving = true,
	 .exists = job_is_there, .render = show_job_type,
	 .help = "clone, export, ..."},
	{.path = "jobs/*/state", .mode = READ, .moving = true,
	 .exists = job_is_there, .render = show_job_state,
	 .help = "queued, running, done, failed or cancelled"},
	{.path = "jobs/*/status.json", .mode = READ, .moving = true,
	 .exists = job_is_there, .render = show_job_status,
	 .help = "counts, totals, rate, eta_s, percent, errno, error"},
	{.path = "jobs/*/progress.stream", .mode = READ, .moving = true,
	 .exists = job_is_there, .follow = follow_progress,
	 .help = "status.json again and again until the job ends; blocks"},
	{.path = "jobs/*/wait", .mode = READ, .moving = true,
	 .exists = job_is_there, .follow = follow_wait,
	 .help = "blocks until the job ends; then its status, and the job's "
		 "errno if it failed"},
	{.path = "jobs/*/log", .mode = READ, .moving = true,
	 .exists = job_is_there, .render = show_job_log,
	 .help = "what the job says, each object that failed in a line"},
	{.path = "jobs/*/ctl", .mode = WRITE, .moving = true,
	 .exists = job_is_there, .command = do_job_control, RULES(ctl_rules),
	 .help = "steer it"},
};
/* clang-format on */

const size_t node_table_count = sizeof(node_table) / sizeof(node_table[0]);
