/* SPDX-License-Identifier: MIT */
/*
 * Threads with a name that ps shows and no signals: those are the main
 * thread's, so that no worker is ever interrupted by one.
 */
#ifndef PORTER_BASE_THREAD_H
#define PORTER_BASE_THREAD_H

#include <pthread.h>

#define THREAD_NAME_MAX 15 /* bytes that Linux keeps; longer names are cut */

/* Start run(arg). Returns 0 or the negative errno of pthread_create(). */
int thread_start(const char *name, void *(*run)(void *arg), void *arg,
                 pthread_t *ret);

#endif
