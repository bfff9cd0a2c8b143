/* SPDX-License-Identifier: MIT */
/* Calls of the control tree that wait, and their interruption. */
#include "control_impl.h"

void control_answer(struct fs_call *call, int status)
{
	call->status = status;
	call->done(call);
}

void control_fail(struct fs_call *call, int status, const struct err *err)
{
	if (err)
		call->err = *err;
	control_answer(call, status);
}

bool control_park(struct control *control, struct fs_call *call,
                  struct parked *parked)
{
	WITH_LOCK(&control->call_lock);

	if (call->cancelled)
		return false;
	parked->call = call;
	call->private = parked;
	return true;
}

struct fs_call *control_claim(struct control *control, struct parked *parked)
{
	WITH_LOCK(&control->call_lock);
	struct fs_call *call = parked->call;

	parked->call = NULL;
	if (call)
		call->private = NULL;
	return call;
}

void control_cancel(struct control *control, struct fs_call *call)
{
	struct parked *parked;
	bool stopped = false;

	(void)pthread_mutex_lock(&control->call_lock);
	call->cancelled = true;
	parked = call->private;
	if (parked) {
		parked->call = NULL;
		call->private = NULL;
		stopped = parked->drop && parked->drop(parked);
	}
	(void)pthread_mutex_unlock(&control->call_lock);

	if (stopped)
		parked->end(parked);
	if (parked)
		control_answer(call, -EINTR);
}
