/* SPDX-License-Identifier: MIT */
/*
 * A write to a file of the control tree: one command.
 *
 *   write -> parse -> rules -> node->command() -> reply
 *                                   |
 *                                   +-> until a job ends, or all is settled
 *
 * What asks servers runs on the executor and what waits is parked.  When the
 * writer is interrupted meanwhile, the command goes on and only its answer is
 * lost.
 */
#include "base/log.h"
#include "control_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct writing {
	struct task task;
	struct parked parked;
	struct control_handle *handle; /* shares */
	struct fs_who who;
	uint64_t offset;
	struct str text; /* the command */

	struct job *job; /* shared: the answer is its end */
	struct job_waiter waiter;
	struct fs_call sync; /* or that of a fs_sync() */
};

static void writing_free(struct writing *writing)
{
	str_release(&writing->text);
	job_unref(writing->job);
	cfile_unref(writing->handle);
	free(writing);
}

/* The command has ended: note its failure, answer who waits. */
static void writing_end(struct writing *writing, int status, struct err *err)
{
	struct control *control = writing->handle->control;
	struct slice input = {(uint8_t *)writing->text.data, writing->text.len};
	struct fs_call *call;

	if (status < 0 && !err->text[0])
		(void)err_set(err, status, "%s", strerror(-status));
	if (status < 0)
		control_command_failed(control, &writing->who,
		                       writing->handle->cnode->path, input,
		                       err);
	call = control_claim(control, &writing->parked);
	if (call && status < 0) {
		control_fail(call, status, err);
	} else if (call) {
		call->count = writing->text.len;
		control_answer(call, 0);
	}
	writing_free(writing);
}

/* job_waiter.done */
static void job_ended(struct job_waiter *waiter, struct job *job)
{
	struct writing *writing = container_of(waiter, struct writing, waiter);
	struct err err = {0};
	int r = job_errno(job, &err);

	writing_end(writing, r, &err);
}

/* fs_call.done of the sync. */
static void settled(struct fs_call *sync)
{
	struct writing *writing = sync->owner;
	struct err err = sync->err;

	if (sync->status < 0)
		(void)err_set(&err, sync->status,
		              "something that was under way failed: the log "
		              "says what");
	writing_end(writing, sync->status, &err);
}

/* What can be read back from now on. Takes the text. */
static void set_reply(struct writing *writing, struct str *reply)
{
	struct control_handle *handle = writing->handle;
	WITH_LOCK(&handle->lock);

	str_release(&handle->text);
	handle->text = *reply;
	handle->base = writing->offset + writing->text.len;
	*reply = (struct str){0};
}

/* The name of the program that asks; "?" when it cannot be told. */
static void program_of(int tid, char ret[32])
{
	char path[64];
	cleanup(closep) int fd = -1;
	ssize_t n;

	(void)str_copy(ret, 32, "?");
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", tid);
	fd = tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	n = fd >= 0 ? read(fd, ret, 31) : 0;
	if (n <= 0)
		return;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

/* Each command is logged once, with who gave it. */
static void log_command(const struct writing *writing)
{
	char program[32];

	program_of(writing->who.tid, program);
	log_info("command to \"%s\" by uid %u, pid %d (%s): %.*s",
	         writing->handle->cnode->path, writing->who.uid,
	         writing->who.tid, program,
	         (int)strcspn(str_text(&writing->text), "\n"),
	         str_text(&writing->text));
}

/* Parse, check, and do it. */
static int run(struct writing *writing, struct node_command *command,
               struct err *reterr)
{
	const struct node *node = writing->handle->cnode->node;
	struct command words = {0};
	int r = command_parse(str_text(&writing->text), writing->text.len,
	                      &words, reterr);

	if (r == 0 && !node->job && node->rules)
		r = command_check(&words, node->rules, node->rule_count,
		                  reterr);
	command->command = &words;
	command->who = writing->who;
	if (r == 0)
		r = node->command(&writing->handle->at, command, reterr);
	command_release(&words);
	return r;
}

static void writing_go(struct writing *writing)
{
	struct str reply = {0};
	struct node_command command = {.reply = &reply};
	struct err err = {0};
	int r;

	log_command(writing);
	r = run(writing, &command, &err);
	if (r == 0)
		r = str_status(&reply);
	if (r == 0)
		set_reply(writing, &reply);
	str_release(&reply);
	if (r == 0 && command.until) {
		writing->job = command.until;
		writing->waiter.done = job_ended;
		job_notify(writing->job, &writing->waiter);
	} else if (r == 0 && command.until_settled) {
		writing->sync.done = settled;
		writing->sync.owner = writing;
		fs_sync(writing->handle->control->config.fs, &writing->sync);
	} else {
		job_unref(command.until);
		writing_end(writing, r, &err);
	}
}

static void write_run(struct task *task)
{
	writing_go(container_of(task, struct writing, task));
}

void cfile_command(struct control_handle *handle, struct fs_call *call,
                   uint64_t offset, struct slice data)
{
	struct control *control = handle->control;
	struct writing *writing = calloc(1, sizeof(*writing));

	if (!writing) {
		control_answer(call, -ENOMEM);
		return;
	}
	writing->handle = cfile_ref(handle);
	writing->who = call->who;
	writing->offset = offset;
	str_add_mem(&writing->text, data.data, data.len);
	if (str_status(&writing->text) < 0 ||
	    !control_park(control, call, &writing->parked)) {
		int r = str_status(&writing->text) < 0 ? -ENOMEM : -EINTR;

		writing_free(writing);
		control_answer(call, r);
		return;
	}
	if (handle->cnode->node->slow) {
		writing->task.run = write_run;
		exec_run(control->exec, &writing->task);
	} else {
		writing_go(writing);
	}
}
