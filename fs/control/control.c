/* SPDX-License-Identifier: MIT */
/* The control tree: birth and end, who may, and what went wrong. */
#include "base/json.h"
#include "base/log.h"
#include "control_impl.h"

#include <string.h>

#define EVENTS_KEPT (64 << 10) /* bytes */

/* jobs_config.busy: what runs keeps the mount from being unmounted. */
static void jobs_busy(void *ctx, bool busy)
{
	struct control *control = ctx;

	if (busy)
		fs_hold(control->config.fs);
	else
		fs_let_go(control->config.fs);
}

/* Everything that can fail. */
static int make_parts(struct control *control, struct err *reterr)
{
	const struct jobs_config jobs = {
		.fs = control->config.fs,
		.conf = control->config.conf,
		.clock = control->config.clock,
		.journal = control->config.journal,
		.kinds = job_kinds,
		.busy = jobs_busy,
		.ctx = control,
	};
	struct jobs_config with_events = jobs;
	int r = feed_new(EVENTS_KEPT, &control->events);

	if (r == 0 && control->config.threads > 0) {
		r = exec_new("control", control->config.threads,
		             &control->exec_owned);
		control->exec = control->exec_owned;
	}
	if (r < 0)
		return err_set(reterr, r, "no control tree: %s", strerror(-r));
	if (!control->exec)
		control->exec = exec_inline();
	with_events.events = control->events;
	return jobs_new(&with_events, &control->jobs, reterr);
}

int control_new(const struct control_config *config, struct control **ret,
                struct err *reterr)
{
	cleanup(control_freep) struct control *control =
		calloc(1, sizeof(*control));
	int r;

	if (!control)
		return err_set(reterr, -ENOMEM, "out of memory");
	control->config = *config;
	control->started = clock_wall(config->clock);
	control->started_ms = clock_ms(config->clock);
	(void)pthread_mutex_init(&control->lock, NULL);
	(void)pthread_mutex_init(&control->call_lock, NULL);
	(void)pthread_mutex_init(&control->errors_lock, NULL);
	r = make_parts(control, reterr);
	if (r < 0)
		return r;
	(void)jobs_recover(control->jobs); /* each was told in the log */
	*ret = take(&control);
	return 0;
}

/* What the kernel never forgot. */
static void free_nodes(struct control *control)
{
	struct cnode *cnode;
	struct cnode *next;

	HASH_ITER(by_id, control->by_id, cnode, next)
	{
		cnode->lookups = 0;
		cnode->refs = 1;
		cnode_unref(control, cnode);
	}
}

void control_free(struct control *control)
{
	if (!control)
		return;
	jobs_free(control->jobs);
	exec_free(control->exec_owned);
	free_nodes(control);
	feed_unref(control->events);
	for (unsigned i = 0; i < ERRORS_KEPT; i++)
		free(control->errors[i]);
	(void)pthread_mutex_destroy(&control->errors_lock);
	(void)pthread_mutex_destroy(&control->call_lock);
	(void)pthread_mutex_destroy(&control->lock);
	free(control);
}

struct jobs *control_jobs(struct control *control)
{
	return control->jobs;
}

void control_set_kernel(struct control *control,
                        const struct control_kernel *kernel)
{
	control->kernel = *kernel;
}

/*
 * The mounting user and root; others only with control_group, and then the
 * kernel has looked at their groups (default_permissions, 0750).
 */
int control_may(const struct control *control, const struct fs_who *who)
{
	return who->uid == control->config.uid || who->uid == 0 ||
	                       control->config.group
	               ? 0
	               : -EACCES;
}

/* ---- errors ---- */

/* A text as JSON takes it: up to a presigned URL's secrets, UTF-8. */
static void set_safe(struct jval *object, const char *name, const char *text)
{
	const char *secret = strstr(text, "X-Amz-");
	cleanup(freep) char *copy =
		secret ? strndup(text, (size_t)(secret - text)) : strdup(text);

	if (!copy)
		return;
	copy[strcspn(copy, "\n")] = '\0';
	if (jval_set_text(object, name, copy) == -EINVAL)
		(void)jval_set_text(object, name, "(not UTF-8)");
}

/* What the story says behind a mark, up to the next delimiter. */
static void set_behind(struct jval *object, const char *name, const char *text,
                       const char *mark)
{
	const char *at = strstr(text, mark);
	char value[128];
	size_t len;

	if (!at)
		return;
	at += strlen(mark);
	len = strcspn(at, ",;) ");
	len = len < sizeof(value) - 1 ? len : sizeof(value) - 1;
	memcpy(value, at, len);
	value[len] = '\0';
	(void)jval_set_text(object, name, value);
}

/* One line of errors. */
static char *error_line(struct control *control, const struct fs_who *who,
                        const char *file, const char *input,
                        const struct err *err)
{
	cleanup(jval_freep) struct jval *object = jval_new_object();
	struct timespec now = clock_wall(control->config.clock);
	struct str text = {0};
	char ts[JOB_TS_MAX];

	if (!object)
		return NULL;
	job_timestamp(&now, ts);
	(void)jval_set_text(object, "ts", ts);
	(void)jval_set_u64(object, "pid",
	                   who->tid > 0 ? (uint64_t)who->tid : 0);
	(void)jval_set_u64(object, "uid", who->uid);
	if (file)
		set_safe(object, "file", file);
	if (input)
		set_safe(object, "input", input);
	(void)jval_set_text(object, "errno", err_name(err->code));
	set_safe(object, "msg", err->text);
	set_behind(object, "request_id", err->text, ", request ");
	if (jval_dump(object, &text) < 0) {
		str_release(&text);
		return NULL;
	}
	return str_take(&text);
}

/* Into the ring, the oldest goes. Takes line. */
static void keep_error(struct control *control, char *line)
{
	WITH_LOCK(&control->errors_lock);
	char **slot = &control->errors[control->errors_next % ERRORS_KEPT];

	if (!line)
		return;
	free(*slot);
	*slot = line;
	control->errors_next++;
}

void control_command_failed(struct control *control, const struct fs_who *who,
                            const char *file, struct slice input,
                            const struct err *err)
{
	cleanup(freep) char *text =
		input.len > 0 ? strndup((const char *)input.data, input.len)
			      : strdup("");

	keep_error(control, error_line(control, who, file, text, err));
}

void control_note_failure(struct control *control, const struct fs_who *who,
                          int status, const struct err *err)
{
	struct err story = *err;

	if (!story.text[0])
		(void)err_set(&story, status, "%s", strerror(-status));
	story.code = status;
	keep_error(control, error_line(control, who, NULL, NULL, &story));

	WITH_LOCK(&control->errors_lock);
	control->failed_ms = clock_ms(control->config.clock);
	(void)str_copy(control->failed_text, sizeof(control->failed_text),
	               story.text);
}

void control_event(struct control *control, const char *members)
{
	struct timespec now = clock_wall(control->config.clock);
	char ts[JOB_TS_MAX];
	cleanup(freep) char *line = NULL;

	job_timestamp(&now, ts);
	line = str_printf("{\"ts\":\"%s\",%s}", ts, members);
	if (line)
		feed_add(control->events, line);
}
