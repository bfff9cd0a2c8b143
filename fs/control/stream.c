/* SPDX-License-Identifier: MIT */
/*
 * Files that may block: a read with nothing to read is parked in the feed's
 * list of waits, a poll leaves the kernel's poll handle there.
 *
 * The offset of a read says where in the feed it is, counted from where the
 * file was opened, so a shell that reads more than a line and seeks back finds
 * the rest again.  What the feed no longer keeps is left out: the offsets then
 * go on from the oldest line.
 */
#include "control_impl.h"

#include <poll.h>
#include <string.h>

/* ---- reading ---- */

struct reading {
	struct feed_wait wait;
	struct parked parked;
	struct control_handle *handle; /* shares */
	uint64_t offset;
	size_t size;
};

/* Read now: bytes, 0, -EAGAIN or the closing errno. */
static ssize_t try_read(struct control_handle *handle, uint64_t offset,
                        void *dst, size_t size)
{
	WITH_LOCK(&handle->lock);
	struct feed_reader reader = {
		.at = handle->feed_start + offset,
		.told = handle->told,
	};
	ssize_t n = feed_read(handle->feed, &reader, dst, size);

	handle->told = reader.told;
	handle->read_to = reader.at;
	if (n > 0)
		handle->feed_start = reader.at - (uint64_t)n - offset;
	return n;
}

/* Answer with n bytes, or with the errno that it is. */
static void answer_read(struct fs_call *call, void *data, ssize_t n)
{
	struct slice slice = {.data = data, .len = n > 0 ? (size_t)n : 0};

	if (n < 0) {
		control_answer(call, (int)n);
		return;
	}
	call->data = (struct chain){&slice, n > 0};
	control_answer(call, 0);
}

static void reading_end(struct parked *parked)
{
	struct reading *reading = container_of(parked, struct reading, parked);

	cfile_unref(reading->handle);
	free(reading);
}

/* The reader was interrupted: out of the feed's list, if it is there still. */
static bool reading_drop(struct parked *parked)
{
	struct reading *reading = container_of(parked, struct reading, parked);

	return feed_wait_cancel(reading->handle->feed, &reading->wait);
}

static void reading_go(struct reading *reading);

/* feed_wait.ready */
static void reading_ready(struct feed_wait *wait)
{
	reading_go(container_of(wait, struct reading, wait));
}

/* The reader as the feed sees it. */
static struct feed_reader reader_of(struct control_handle *handle,
                                    uint64_t offset)
{
	WITH_LOCK(&handle->lock);

	return (struct feed_reader){.at = handle->feed_start + offset};
}

/* Read, or wait for more; over again until somebody has the call. */
static void reading_go(struct reading *reading)
{
	struct control_handle *handle = reading->handle;
	cleanup(freep) void *data = malloc(reading->size);
	struct fs_call *call;
	struct feed_reader reader;
	ssize_t n = data ? -EAGAIN : -ENOMEM;

	while (n == -EAGAIN) {
		n = try_read(handle, reading->offset, data, reading->size);
		if (n != -EAGAIN)
			break;
		reader = reader_of(handle, reading->offset);
		if (feed_wait(handle->feed, &reader, &reading->wait))
			return;
	}
	call = control_claim(handle->control, &reading->parked);
	if (call)
		answer_read(call, data, n);
	reading_end(&reading->parked);
}

void cfile_read_feed(struct control_handle *handle, struct fs_call *call,
                     uint64_t offset, size_t size)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading) {
		control_answer(call, -ENOMEM);
		return;
	}
	reading->handle = cfile_ref(handle);
	reading->offset = offset;
	reading->size = size;
	reading->wait.ready = reading_ready;
	reading->parked.drop = reading_drop;
	reading->parked.end = reading_end;
	if (!control_park(handle->control, call, &reading->parked)) {
		reading_end(&reading->parked);
		control_answer(call, -EINTR);
		return;
	}
	reading_go(reading);
}

/* ---- poll ---- */

/* Give the poll handle back, told or not. */
static void end_poll(struct control_handle *handle, bool told)
{
	const struct control_kernel *kernel = &handle->control->kernel;
	void *poll;

	{
		WITH_LOCK(&handle->lock);
		poll = handle->poll;
		handle->poll = NULL;
	}
	if (poll && told)
		kernel->ready(poll);
	if (poll)
		kernel->drop(poll);
}

/* feed_wait.ready of a poll. */
static void poll_ready(struct feed_wait *wait)
{
	struct control_handle *handle =
		container_of(wait, struct control_handle, poll_wait);

	{
		WITH_LOCK(&handle->lock);
		handle->poll_waits = false;
	}
	end_poll(handle, true);
	cfile_unref(handle);
}

void cfile_end_poll(struct control_handle *handle)
{
	end_poll(handle, false);
	if (handle->feed && feed_wait_cancel(handle->feed, &handle->poll_wait))
		cfile_unref(handle);
}

/*
 * Where a poll looks: the file's position is not told, so what was read last
 * counts (feed_start moves with it), and the end of what is there.
 */
static bool is_ready(struct control_handle *handle, struct feed_reader *reader)
{
	WITH_LOCK(&handle->lock);

	*reader = (struct feed_reader){
		.at = handle->read_to ? handle->read_to : handle->feed_start};
	return feed_ready(handle->feed, reader);
}

unsigned cfile_poll_feed(struct control_handle *handle, void *poll)
{
	struct feed_reader reader;
	bool ready = is_ready(handle, &reader);
	bool begin;

	if (!poll)
		return ready ? POLLIN : 0;
	end_poll(handle, false);
	{
		WITH_LOCK(&handle->lock);
		handle->poll = poll;
		begin = !handle->poll_waits;
		handle->poll_waits = true;
		handle->poll_wait.ready = poll_ready;
	}
	if (!begin)
		return ready ? POLLIN : 0;
	(void)cfile_ref(handle);
	if (feed_wait(handle->feed, &reader, &handle->poll_wait))
		return 0;
	poll_ready(&handle->poll_wait);
	return POLLIN;
}
