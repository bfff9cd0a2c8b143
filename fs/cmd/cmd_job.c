/* SPDX-License-Identifier: MIT */
/*
 * porter clone, copy, move, delete, verify: start such a job and follow it.
 *
 * With a mount the job is the daemon's, and lives on when porter is stopped.
 * Where buckets are named instead (-c, --env-file, -o; or the environment, when
 * nothing is mounted), the same library does it here, and a signal ends it.
 */
#include "cmd_job.h"

#include "base/clock.h"
#include "base/log.h"
#include "fs/command.h"
#include "fs/control.h"
#include "fs/job.h"
#include "fs/porter.h"
#include "options.h"
#include "porter.h"
#include "tool_mount.h"
#include "tool_progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS   200
#define WORDS_MAX 64

/* What was asked for, and where it is done. */
struct tool {
	const char *mount;
	bool json;
	bool quiet;
	bool detach;           /* start it, print its id, leave */
	bool mountless;        /* buckets were named */
	char *conf[WORDS_MAX]; /* for porterfs's command line; borrowed */
	int conf_count;
	char *words[WORDS_MAX]; /* the command; borrowed */
	int word_count;

	char *control; /* owned; of the mount, or NULL */
	struct options options;
	struct porter *porter; /* without a mount */
	struct job *job;       /* the same: shared */
	char id[JOB_ID_MAX];
	uint64_t began_ms;
	bool drawn; /* a line stands on the terminal */
};

static void tool_release(struct tool *tool)
{
	job_unref(tool->job);
	porter_free(tool->porter);
	options_release(&tool->options);
	free(tool->control);
}

/* ---- words ---- */

/* An option of porter's own; how many words it took, 0 = it is none. */
static int take_option(struct tool *tool, char **argv, int left)
{
	if (strcmp(argv[0], "--json") == 0)
		tool->json = true;
	else if (strcmp(argv[0], "--quiet") == 0 || strcmp(argv[0], "-q") == 0)
		tool->quiet = true;
	else if (strcmp(argv[0], "--detach") == 0)
		tool->detach = true;
	else if (strcmp(argv[0], "--mount") == 0 && left > 1)
		tool->mount = argv[1];
	else
		return 0;
	return strcmp(argv[0], "--mount") == 0 ? 2 : 1;
}

/* -c FILE, -o KEY=VALUE, --env-file FILE: for the configuration. */
static int take_conf(struct tool *tool, char **argv, int left)
{
	if ((strcmp(argv[0], "-c") != 0 && strcmp(argv[0], "-o") != 0 &&
	     strcmp(argv[0], "--env-file") != 0) ||
	    left < 2 || tool->conf_count + 4 > WORDS_MAX)
		return 0;
	tool->conf[tool->conf_count++] = argv[0];
	tool->conf[tool->conf_count++] = argv[1];
	tool->mountless = true;
	return 2;
}

static int take_words(struct tool *tool, int argc, char **argv)
{
	static char program[] = "porterfs";

	tool->conf[tool->conf_count++] = program;
	for (int i = 1; i < argc;) {
		int n = take_option(tool, argv + i, argc - i);

		if (n == 0)
			n = take_conf(tool, argv + i, argc - i);
		if (n == 0 && tool->word_count == WORDS_MAX)
			return -E2BIG;
		if (n == 0)
			tool->words[tool->word_count++] = argv[i++];
		i += n;
	}
	return 0;
}

/* ---- the two places ---- */

/* porter_config.broken: told when it is used. */
static void broken(void *ctx, const char *directory, const struct err *err)
{
	(void)ctx;
	log_warning("%s: %s", directory, err->text);
}

/* Everything that a daemon has but the mount; no journal, so no state_dir. */
static int build(struct tool *tool, struct err *reterr)
{
	static char foreground[] = "-f";
	static char nowhere[] = "/nonexistent";
	struct porter_config config = {.broken = broken};
	int r;

	tool->conf[tool->conf_count++] = foreground;
	tool->conf[tool->conf_count++] = nowhere;
	tool->conf[tool->conf_count] = NULL;
	r = options_parse(tool->conf_count, tool->conf, environ, &tool->options,
	                  reterr);
	if (r == 0)
		r = conf_set(tool->options.conf, NULL, "state_dir", "",
		             CONF_FROM_COMMAND_LINE, reterr);
	if (r == 0)
		r = conf_set(tool->options.conf, NULL, "cache_dir", "",
		             CONF_FROM_COMMAND_LINE, reterr);
	if (r < 0)
		return r;
	config.conf = tool->options.conf;
	return porter_new(&config, &tool->porter, reterr);
}

/* Start it here. */
static int start_here(struct tool *tool, const char *kind, const char *text,
                      struct err *reterr)
{
	struct control *control = porter_control(tool->porter);
	struct command command = {0};
	struct job_request request = {
		.command = &command, .uid = getuid(), .pid = getpid()};
	int r = 0;

	if (!control)
		return err_set(reterr, -EOPNOTSUPP, "control = off");
	if (text[0])
		r = command_parse(text, strlen(text), &command, reterr);
	request.ops = jobs_kind(control_jobs(control), kind);
	if (r == 0)
		r = jobs_start(control_jobs(control), &request, &tool->job,
		               reterr);
	command_release(&command);
	if (r == 0)
		(void)str_copy(tool->id, sizeof(tool->id), job_id(tool->job));
	return r;
}

/* Start it in the daemon. */
static int start_there(struct tool *tool, const char *kind, const char *text,
                       struct err *reterr)
{
	struct str reply = {0};
	/* the tree takes no empty command: this says nothing */
	int r = tool_mount_write(tool->control, kind, text[0] ? text : "sync=0",
	                         &reply, reterr);

	(void)str_copy(tool->id, sizeof(tool->id), str_text(&reply));
	tool->id[strcspn(tool->id, "\n")] = '\0';
	str_release(&reply);
	return r;
}

static int start(struct tool *tool, const char *kind, struct err *reterr)
{
	struct str text = {0};
	int r = tool_join(tool->words, tool->word_count, false, &text);

	if (r < 0)
		r = err_set(reterr, r, "out of memory");
	else if (tool->porter)
		r = start_here(tool, kind, str_text(&text), reterr);
	else
		r = start_there(tool, kind, str_text(&text), reterr);
	str_release(&text);
	return r;
}

/* ---- following ---- */

/* The job's status now, and its line as it is. */
static int look(struct tool *tool, struct str *line, struct jval **ret,
                struct err *reterr)
{
	cleanup(freep) char *file = NULL;
	int r;

	if (tool->job) {
		r = job_status_json(tool->job, line);
	} else {
		file = str_printf("jobs/%s/status.json", tool->id);
		r = file ? tool_mount_read(tool->control, file, line, reterr)
		         : -ENOMEM;
	}
	if (r < 0)
		return r;
	return jval_parse(str_text(line), line->len, ret, reterr);
}

static unsigned terminal_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10
	               ? size.ws_col - 1U
	               : 79;
}

/* Draw the line over the one before. */
static void draw(struct tool *tool, const struct jval *status)
{
	struct str line = {0};
	uint64_t ms = clock_ms(clock_system()) - tool->began_ms;

	tool_progress_line(status, (unsigned)(ms / 1000), terminal_width(),
	                   &line);
	(void)fprintf(stderr, "\r\033[K%s", str_text(&line));
	(void)fflush(stderr);
	tool->drawn = true;
	str_release(&line);
}

/* Whether that state is an end. */
static bool has_ended(const struct jval *status)
{
	const char *state = jval_get_text(status, "state");

	return !state ||
	       (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0);
}

/* What porter leaves with for a job's last status. */
static int exit_of(const struct jval *status)
{
	const char *state = jval_get_text(status, "state");
	const char *name = jval_get_text(status, "errno");
	uint64_t failures = 0;
	uint64_t objects = 0;

	(void)jval_get_u64(status, "failures", &failures);
	(void)jval_get_u64(status, "objects", &objects);
	if (state && strcmp(state, "done") == 0)
		return PORTER_OK;
	if (failures > 0 && objects > failures)
		return PORTER_PARTLY;
	for (int code = 1; name && code < 200; code++)
		if (strcmp(err_name(-code), name) == 0)
			return tool_exit(-code);
	return PORTER_FAILED;
}

/* Say how it ended. */
static void tell_end(struct tool *tool, const struct jval *status)
{
	const char *error = jval_get_text(status, "error");
	struct str line = {0};
	uint64_t ms = clock_ms(clock_system()) - tool->began_ms;

	if (tool->drawn)
		(void)fprintf(stderr, "\r\033[K");
	if (error)
		log_error("%s", error);
	if (!tool->quiet && !tool->json && !error) {
		tool_progress_line(status, (unsigned)(ms / 1000), 200, &line);
		(void)printf("%s\n", str_text(&line));
	}
	str_release(&line);
}

/* Look again and again until it has ended. */
static int follow(struct tool *tool, struct err *reterr)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	bool show = !tool->quiet && !tool->json && isatty(STDERR_FILENO);

	for (;;) {
		cleanup(jval_freep) struct jval *status = NULL;
		struct str line = {0};
		int r = look(tool, &line, &status, reterr);

		if (r < 0) {
			str_release(&line);
			return tool_fail(r, reterr);
		}
		if (tool->json)
			(void)printf("%s%s", str_text(&line),
			             str_ends(str_text(&line), "\n") ? ""
			                                             : "\n");
		str_release(&line);
		if (has_ended(status)) {
			tell_end(tool, status);
			return exit_of(status);
		}
		if (show)
			draw(tool, status);
		(void)nanosleep(&pause, NULL);
	}
}

/* Where the job is done: a mount, or here. */
static int choose_place(struct tool *tool, struct err *reterr)
{
	int r = -ENOENT;

	if (!tool->mountless || tool->mount)
		r = tool_mount_find(tool->mount, &tool->control, reterr);
	if (r == -ENOENT && !tool->mount)
		r = build(tool, reterr);
	return r;
}

int cmd_job(int argc, char **argv)
{
	struct tool tool = {.began_ms = clock_ms(clock_system())};
	struct err err = {0};
	int status;
	int r = take_words(&tool, argc, argv);

	if (r < 0)
		(void)err_set(&err, r, "too many words");
	if (r == 0)
		r = choose_place(&tool, &err);
	if (r == 0)
		r = start(&tool, argv[0], &err);
	if (r < 0)
		status = tool_fail(r, &err);
	else if (tool.detach && tool.control)
		status =
			printf("%s\n", tool.id) > 0 ? PORTER_OK : PORTER_FAILED;
	else
		status = follow(&tool, &err);
	tool_release(&tool);
	return status;
}

int cmd_job_follow(const char *control, const char *id, bool json, bool quiet)
{
	struct tool tool = {
		.began_ms = clock_ms(clock_system()),
		.json = json,
		.quiet = quiet,
		.control = strdup(control),
	};
	struct err err = {0};
	int status;

	(void)str_copy(tool.id, sizeof(tool.id), id);
	status = tool.control ? follow(&tool, &err) : PORTER_FAILED;
	tool_release(&tool);
	return status;
}
