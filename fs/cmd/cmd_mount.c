/* SPDX-License-Identifier: MIT */
/*
 * porter jobs, status, sync, invalidate, presign, umount: what a running mount
 * is asked or told.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd_job.h"
#include "porter.h"
#include "table.h"
#include "tool_mount.h"
#include "tool_progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The words behind a subcommand. */
struct asked {
	const char *mount;
	bool json;
	bool quiet;
	char *words[32];
	int count;
	char *control; /* owned */
};

/* Take --mount, --json and -q out; find the mount. */
static int ask(struct asked *asked, int argc, char **argv, struct err *reterr)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			asked->json = true;
		else if (strcmp(argv[i], "--quiet") == 0 ||
		         strcmp(argv[i], "-q") == 0)
			asked->quiet = true;
		else if (strcmp(argv[i], "--mount") == 0 && i + 1 < argc)
			asked->mount = argv[++i];
		else if (asked->count < 32)
			asked->words[asked->count++] = argv[i];
		else
			return err_set(reterr, -EINVAL, "too many words");
	}
	return tool_mount_find(asked->mount, &asked->control, reterr);
}

/* Print a file of the control tree as it is. */
static int print_file(const struct asked *asked, const char *file,
                      struct err *reterr)
{
	struct str text = {0};
	int r = tool_mount_read(asked->control, file, &text, reterr);

	if (r == 0)
		(void)fputs(str_text(&text), stdout);
	str_release(&text);
	return r;
}

/* ---- jobs ---- */

/* A number of a job's line, as text. */
static void number_text(const struct jval *job, const char *name, bool bytes,
                        char ret[24])
{
	uint64_t n = 0;

	(void)jval_get_u64(job, name, &n);
	if (bytes)
		tool_bytes(n, ret);
	else
		(void)snprintf(ret, 24, "%llu", (unsigned long long)n);
}

/* One line of index.jsonl as a row. */
static int add_job(struct table *table, const char *line, size_t len)
{
	cleanup(jval_freep) struct jval *job = NULL;
	char objects[24];
	char bytes[24];
	char failures[24];
	const char *cells[7];
	int r = jval_parse(line, len, &job, NULL);

	if (r < 0)
		return r;
	number_text(job, "objects", false, objects);
	number_text(job, "bytes", true, bytes);
	number_text(job, "failures", false, failures);
	cells[0] = jval_get_text(job, "id");
	cells[1] = jval_get_text(job, "type");
	cells[2] = jval_get_text(job, "state");
	cells[3] = objects;
	cells[4] = bytes;
	cells[5] = failures;
	cells[6] = jval_get_text(job, "error");
	for (unsigned i = 0; i < 7; i++)
		cells[i] = cells[i] ? cells[i] : "";
	return table_add(table, cells);
}

static int list_jobs(const struct asked *asked, struct err *reterr)
{
	static const struct table_column columns[] = {
		{"ID", false, false},    {"TYPE", false, false},
		{"STATE", false, false}, {"OBJECTS", true, false},
		{"BYTES", true, false},  {"FAILED", true, false},
		{"ERROR", false, true},
	};
	struct str text = {0};
	struct table *table;
	int r = tool_mount_read(asked->control, "jobs/index.jsonl", &text,
	                        reterr);

	if (r < 0)
		return r;
	table = table_new(columns, 7);
	for (const char *at = str_text(&text); table && *at;) {
		size_t len = strcspn(at, "\n");

		(void)add_job(table, at, len);
		at += len;
		at += *at == '\n';
	}
	str_release(&text);
	return table ? table_print(table) : -ENOMEM;
}

/* cancel, pause, ...: of one job. */
static int steer(const struct asked *asked, const char *word, const char *id,
                 struct err *reterr)
{
	cleanup(freep) char *file = str_printf("jobs/%s/ctl", id);

	return file ? tool_mount_write(asked->control, file, word, NULL, reterr)
	            : -ENOMEM;
}

int cmd_jobs(int argc, char **argv)
{
	struct asked asked = {0};
	struct err err = {0};
	const char *verb;
	const char *id;
	int status = PORTER_OK;
	int r = ask(&asked, argc, argv, &err);

	verb = asked.count > 0 ? asked.words[0] : "list";
	id = asked.count > 1 ? asked.words[1] : NULL;
	if (r == 0 && strcmp(verb, "list") == 0)
		r = asked.json ? print_file(&asked, "jobs/index.jsonl", &err)
		               : list_jobs(&asked, &err);
	else if (r == 0 && !id)
		r = err_set(&err, -EINVAL, "jobs %s: which one? Say its id",
		            verb);
	else if (r == 0 && strcmp(verb, "wait") == 0)
		status = cmd_job_follow(asked.control, id, asked.json,
		                        asked.quiet);
	else if (r == 0 && strcmp(verb, "log") == 0) {
		cleanup(freep) char *file = str_printf("jobs/%s/log", id);

		r = file ? print_file(&asked, file, &err) : -ENOMEM;
	} else if (r == 0) {
		r = steer(&asked, verb, id, &err);
	}
	free(asked.control);
	return r < 0 ? tool_fail(r, &err) : status;
}

/* ---- status ---- */

/* One file under its heading. */
static int print_part(const struct asked *asked, const char *heading,
                      const char *file, struct err *reterr)
{
	struct str text = {0};
	int r = tool_mount_read(asked->control, file, &text, reterr);

	if (r == 0 && text.len > 0)
		(void)printf("%s%s%s", heading, str_text(&text),
		             str_ends(str_text(&text), "\n") ? "" : "\n");
	str_release(&text);
	return r;
}

int cmd_status(int argc, char **argv)
{
	struct asked asked = {0};
	struct err err = {0};
	int r = ask(&asked, argc, argv, &err);

	if (r == 0 && asked.json) {
		r = print_file(&asked, "stats.json", &err);
	} else if (r == 0) {
		r = print_part(&asked, "health: ", "health", &err);
		if (r == 0)
			r = print_part(&asked, "up for (s): ", "uptime", &err);
		if (r == 0)
			r = print_part(&asked, "being written:\n",
			               "uploads.jsonl", &err);
		if (r == 0) {
			(void)puts("jobs:");
			(void)fflush(stdout);
			r = list_jobs(&asked, &err);
		}
	}
	free(asked.control);
	return r < 0 ? tool_fail(r, &err) : PORTER_OK;
}

/* ---- sync, invalidate, presign ---- */

/* The words as a command to a file; what it replies is printed. */
static int tell(const char *file, bool reply, int argc, char **argv)
{
	struct asked asked = {0};
	struct str text = {0};
	struct str answer = {0};
	struct err err = {0};
	int r = ask(&asked, argc, argv, &err);

	if (r == 0)
		r = tool_join(asked.words, asked.count, false, &text);
	if (r == 0)
		r = tool_mount_write(asked.control, file,
		                     text.len > 0 ? str_text(&text) : "/",
		                     reply ? &answer : NULL, &err);
	if (r == 0)
		(void)fputs(str_text(&answer), stdout);
	str_release(&answer);
	str_release(&text);
	free(asked.control);
	return r < 0 ? tool_fail(r, &err) : PORTER_OK;
}

int cmd_sync(int argc, char **argv)
{
	return tell("sync", false, argc, argv);
}

int cmd_invalidate(int argc, char **argv)
{
	return tell("invalidate", false, argc, argv);
}

int cmd_presign(int argc, char **argv)
{
	return tell("presign/new", true, argc, argv);
}

/* ---- umount ---- */

/* What an ordinary user must go through. */
static int run_fusermount(const char *dir)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)execlp("fusermount3", "fusermount3", "-uq", "--", dir,
		             (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

static int unmount(const char *dir)
{
	if (umount2(dir, UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EPERM ? run_fusermount(dir) : -errno;
}

/* How many lines a file has. */
static unsigned lines_of(const char *control, const char *file)
{
	struct str text = {0};
	unsigned n = 0;

	(void)tool_mount_read(control, file, &text, NULL);
	for (const char *at = str_text(&text); (at = strchr(at, '\n')); at++)
		n++;
	str_release(&text);
	return n;
}

/* Try until it works, or what keeps it busy is nothing of ours. */
static int wait_and_unmount(const struct asked *asked, const char *dir)
{
	const struct timespec pause = {.tv_nsec = 200000000};
	bool show = !asked->quiet && isatty(STDERR_FILENO);
	unsigned idle = 0;
	int r;

	while ((r = unmount(dir)) == -EBUSY) {
		unsigned writing = lines_of(asked->control, "uploads.jsonl");

		idle = writing == 0 ? idle + 1 : 0;
		if (show)
			(void)fprintf(stderr,
			              "\r\033[Kwaiting for %u files that are "
			              "being written",
			              writing);
		if (idle > 25)
			break; /* five seconds: somebody uses it otherwise */
		(void)nanosleep(&pause, NULL);
	}
	if (show)
		(void)fprintf(stderr, "\r\033[K");
	return r;
}

int cmd_umount(int argc, char **argv)
{
	struct asked asked = {0};
	struct err err = {0};
	char *dir = NULL;
	char option[] = "--mount";
	char *mount[] = {argv[0], option, NULL};
	int r;

	if (argc == 2 && argv[1][0] != '-') {
		mount[2] = argv[1];
		r = ask(&asked, 3, mount, &err);
	} else {
		r = ask(&asked, argc, argv, &err);
	}
	if (r == 0) {
		dir = strndup(asked.control,
		              strlen(asked.control) - strlen("/.porter"));
		r = dir ? wait_and_unmount(&asked, dir) : -ENOMEM;
		if (r < 0)
			(void)err_set(&err, r, "unmounting '%s': %s",
			              dir ? dir : "?", strerror(-r));
	}
	free(dir);
	free(asked.control);
	return r < 0 ? tool_fail(r, &err) : PORTER_OK;
}
