/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "base/lock.h"
#include "core.h"

void call_answer(struct fs_call *call, int status)
{
	call->status = status;
	call->done(call);
}

void call_fail(struct fs_call *call, int status, const struct err *err)
{
	if (err)
		call->err = *err;
	call_answer(call, status);
}

/* Take the call out of its slot: fs_cancel() will answer it. */
static void detach(struct fs_call *call)
{
	struct fs_call **slot = call->private;

	*slot = NULL;
	call->private = NULL;
	call->on_cancel = NULL;
}

bool call_park_with(struct fs *fs, struct fs_call *call, struct fs_call **slot,
                    void (*on_cancel)(struct fs_call *call))
{
	WITH_LOCK(&fs->call_lock);

	if (call->cancelled)
		return false;
	*slot = call;
	call->private = slot;
	call->on_cancel = on_cancel;
	return true;
}

bool call_park(struct fs *fs, struct fs_call *call, struct fs_call **slot)
{
	return call_park_with(fs, call, slot, detach);
}

struct fs_call *call_claim(struct fs *fs, struct fs_call **slot)
{
	WITH_LOCK(&fs->call_lock);
	struct fs_call *call = *slot;

	if (call)
		detach(call);
	return call;
}

void fs_cancel(struct fs *fs, struct fs_call *call)
{
	bool ours = false;

	(void)pthread_mutex_lock(&fs->call_lock);
	call->cancelled = true;
	if (call->on_cancel) {
		void (*on_cancel)(struct fs_call *) = call->on_cancel;

		on_cancel(call);
		ours = !call->private;
	}
	(void)pthread_mutex_unlock(&fs->call_lock);

	if (ours)
		call_answer(call, -EINTR);
}
