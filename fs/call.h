/* SPDX-License-Identifier: MIT */
/*
 * Answering calls, parking them, and taking them away from their operation
 * when the caller is interrupted.
 *
 * A parked call sits in a slot: one pointer inside the operation's own struct.
 * Two can empty the slot, whoever comes first: the operation, which claims the
 * call and answers it, or fs_cancel(), which answers -EINTR and leaves the
 * operation running for nobody.  An operation that must not outlive its call
 * gives call_park_with() a function of its own to end itself early; the call
 * then stays in the slot and the operation answers it.
 *
 * All under fs->call_lock, which comes last in the order of locks but for the
 * pool's.
 */
#ifndef PORTER_FS_CALL_H
#define PORTER_FS_CALL_H

#include "fs/fs.h"

#include <stdbool.h>

/* Set the status and answer. Hold no lock. */
void call_answer(struct fs_call *call, int status);

/* The same with the story of err (may be NULL). */
void call_fail(struct fs_call *call, int status, const struct err *err);

/*
 * Put the call into the empty slot.  False: it was cancelled before; the
 * caller answers -EINTR and begins nothing.
 */
bool call_park(struct fs *fs, struct fs_call *call, struct fs_call **slot);

/*
 * The same, but when the caller is interrupted, on_cancel(call) runs under
 * fs->call_lock instead; call->private is the slot.  It must not block, answer
 * or take locks other than the pool's and a store's (store_cancel() is fine).
 */
bool call_park_with(struct fs *fs, struct fs_call *call, struct fs_call **slot,
                    void (*on_cancel)(struct fs_call *call));

/* Empty the slot. NULL: nobody waits any more. */
struct fs_call *call_claim(struct fs *fs, struct fs_call **slot);

#endif
