/* SPDX-License-Identifier: MIT */
/*
 * Open files of the control tree: rendered at open, read by offset.
 *
 * What a command replies takes the place of the rendered text, and begins at
 * the offset where the write ended: so "echo ... >&5; read id <&5" reads the
 * answer to its own command.
 */
#include "control_impl.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* ---- handles ---- */

struct control_handle *cfile_ref(struct control_handle *handle)
{
	atomic_fetch_add(&handle->refs, 1);
	return handle;
}

void cfile_unref(struct control_handle *handle)
{
	if (!handle || atomic_fetch_sub(&handle->refs, 1) > 1)
		return;
	feed_unref(handle->feed);
	str_release(&handle->text);
	node_at_release(&handle->at);
	cnode_unref(handle->control, handle->cnode);
	(void)pthread_mutex_destroy(&handle->lock);
	free(handle);
}

int cfile_make(struct control *control, struct cnode *cnode,
               struct control_handle **ret)
{
	struct control_handle *handle = calloc(1, sizeof(*handle));

	if (!handle) {
		cnode_unref(control, cnode);
		return -ENOMEM;
	}
	handle->control = control;
	handle->cnode = cnode;
	atomic_init(&handle->refs, 1);
	(void)pthread_mutex_init(&handle->lock, NULL);
	handle->at.control = control;
	if (!node_find(cnode->path, &handle->at)) {
		cfile_unref(handle);
		return -ENOMEM;
	}
	*ret = handle;
	return 0;
}

void control_release(struct control *control, struct control_handle *handle)
{
	(void)control;
	cfile_end_poll(handle);
	cfile_unref(handle);
}

/* ---- opening ---- */

/* An open that has something to render first. */
struct opening {
	struct task task;
	struct parked parked;
	struct control_handle *handle;
};

/* The opener was interrupted: whoever renders may stop. */
static bool opening_drop(struct parked *parked)
{
	struct opening *opening = container_of(parked, struct opening, parked);

	atomic_store(&opening->handle->dropped, true);
	return false;
}

/* Answer with the handle, which is the caller's then. */
static void answer_open(struct fs_call *call, struct control_handle *handle)
{
	call->control = handle;
	call->direct_io = true;
	call->keep_cache = false;
	control_answer(call, 0);
}

/* Make the text of a file, or find its feed. */
static int fill(struct control_handle *handle, struct err *reterr)
{
	const struct node *node = handle->cnode->node;
	int r = 0;

	handle->at.dropped = &handle->dropped;
	if (node->follow) {
		handle->feed = node->follow(&handle->at, &handle->feed_start);
		return handle->feed ? 0 : -ENOENT;
	}
	if (node->render)
		r = node->render(&handle->at, &handle->text, reterr);
	return r < 0 ? r : str_status(&handle->text);
}

static void finish_open(struct opening *opening, int status,
                        const struct err *err)
{
	struct control *control = opening->handle->control;
	struct fs_call *call = control_claim(control, &opening->parked);

	if (call && status == 0) {
		answer_open(call, opening->handle);
	} else {
		control_release(control, opening->handle);
		if (call)
			control_fail(call, status, err);
	}
	free(opening);
}

/* Task: what asks servers. */
static void open_run(struct task *task)
{
	struct opening *opening = container_of(task, struct opening, task);
	struct err err = {0};
	int r = fill(opening->handle, &err);

	finish_open(opening, r, &err);
}

/* Render on a thread that may block. Takes handle. */
static void open_slowly(struct control *control, struct fs_call *call,
                        struct control_handle *handle)
{
	struct opening *opening = calloc(1, sizeof(*opening));

	if (opening) {
		opening->handle = handle;
		opening->parked.drop = opening_drop;
	}
	if (opening && control_park(control, call, &opening->parked)) {
		opening->task.run = open_run;
		exec_run(control->exec, &opening->task);
		return;
	}
	control_release(control, handle);
	control_answer(call, opening ? -EINTR : -ENOMEM);
	free(opening);
}

void control_open(struct control *control, struct fs_call *call,
                  uint64_t nodeid, int flags)
{
	struct cnode *cnode = NULL;
	struct control_handle *handle;
	struct err err = {0};
	bool reads = (flags & O_ACCMODE) != O_WRONLY;
	int r = control_may(control, &call->who);

	if (r == 0) {
		cnode = cnode_get(control, nodeid);
		r = cnode ? cfile_make(control, cnode, &handle) : -ESTALE;
	}
	if (r < 0) {
		control_answer(call, r);
		return;
	}
	if (!reads) {
		answer_open(call, handle);
		return;
	}
	if (cnode->node->slow && cnode->node->render) {
		open_slowly(control, call, handle);
		return;
	}
	r = fill(handle, &err);
	if (r == 0) {
		answer_open(call, handle);
		return;
	}
	control_release(control, handle);
	control_fail(call, r, &err);
}

/* ---- reading and writing ---- */

/* A part of the text, from where it begins. */
static void read_text(struct control_handle *handle, struct fs_call *call,
                      uint64_t offset, size_t size)
{
	struct slice slice = {0};
	cleanup(freep) char *copy = NULL;

	{
		WITH_LOCK(&handle->lock);
		size_t len = handle->text.len;
		uint64_t at =
			offset >= handle->base ? offset - handle->base : offset;

		if (at < len) {
			slice.len = len - (size_t)at < size ? len - (size_t)at
			                                    : size;
			copy = malloc(slice.len);
			if (copy)
				memcpy(copy, handle->text.data + at, slice.len);
		}
	}
	if (slice.len > 0 && !copy) {
		control_answer(call, -ENOMEM);
		return;
	}
	slice.data = (uint8_t *)copy;
	call->data = (struct chain){&slice, slice.len > 0};
	control_answer(call, 0);
}

void control_read(struct control *control, struct fs_call *call,
                  struct control_handle *handle, uint64_t offset, size_t size)
{
	(void)control;
	if (handle->feed)
		cfile_read_feed(handle, call, offset, size);
	else
		read_text(handle, call, offset, size);
}

void control_write(struct control *control, struct fs_call *call,
                   struct control_handle *handle, uint64_t offset,
                   struct slice data)
{
	int r = control_may(control, &call->who);

	if (r == 0 && !handle->cnode->node->command)
		r = -EBADF;
	if (r < 0)
		control_answer(call, r);
	else
		cfile_command(handle, call, offset, data);
}

unsigned control_poll(struct control *control, struct control_handle *handle,
                      void *poll)
{
	if (handle->feed)
		return cfile_poll_feed(handle, poll);
	if (poll && control->kernel.drop)
		control->kernel.drop(poll);
	return POLLIN | POLLOUT;
}
