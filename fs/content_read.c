/* SPDX-License-Identifier: MIT */
/* Reading what a stream still holds in its buffers. */
#include "content_state.h"

void content_read_back(struct content *content, struct fs_call *call,
                       uint64_t offset, size_t size)
{
	cleanup(freep) uint8_t *bytes = NULL;
	struct slice slice = {0};
	int r = 0;

	{
		WITH_LOCK(&content->lock);
		/* Writes that have not ended are not there yet. */
		uint64_t end = content->up ? upload_size(content->up) : 0;

		if (content->forgotten)
			r = err_set(&call->err, -EIO,
			            "these bytes were dropped when the file "
			            "was deleted: nobody could read them then");
		if (offset >= end)
			size = 0;
		else if (size > end - offset)
			size = (size_t)(end - offset);
		if (r == 0 && size > 0) {
			bytes = malloc(size);
			r = bytes ? 0 : -ENOMEM;
		}
		if (r == 0 && size > 0)
			r = upload_read(content->up, offset, bytes, size);
		if (r == -EBUSY)
			(void)err_set(&call->err, r,
			              "these bytes were sent already; they can "
			              "be read when the file is closed");
	}
	slice.data = bytes;
	slice.len = size;
	call->data.slices = &slice;
	call->data.count = r == 0 && size > 0 ? 1 : 0;
	call_answer(call, r);
}
