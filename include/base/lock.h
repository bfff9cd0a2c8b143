/* SPDX-License-Identifier: MIT */
/*
 * Locks that let go by themselves.
 *
 *   WITH_LOCK(&inode->lock);      held until the end of the scope
 *
 * Shared fields stand under their lock in a struct with the lock's name as
 * comment; functions that expect it held end in _locked.  Order everywhere:
 * inode, content, upload, pool; none is held across a store's submit, a
 * pool_take or a reply to the kernel.
 */
#ifndef PORTER_BASE_LOCK_H
#define PORTER_BASE_LOCK_H

#include "base/cleanup.h"

#include <pthread.h>

static inline pthread_mutex_t *lock_hold(pthread_mutex_t *lock)
{
	(void)pthread_mutex_lock(lock); /* fails only for a broken mutex */
	return lock;
}

static inline void lock_dropp(pthread_mutex_t **lock)
{
	if (*lock)
		(void)pthread_mutex_unlock(*lock);
}

#define LOCK_JOIN(a, b) a##b
#define LOCK_NAME(line) LOCK_JOIN(with_lock_, line)
#define WITH_LOCK(lock)                                                         \
	cleanup(lock_dropp) __attribute__((unused)) pthread_mutex_t *LOCK_NAME( \
		__LINE__) = lock_hold(lock)

#endif
