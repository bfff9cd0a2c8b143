/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include "base/str.h"

#include <signal.h>

int thread_start(const char *name, void *(*run)(void *arg), void *arg,
                 pthread_t *ret)
{
	char cut[THREAD_NAME_MAX + 1];
	sigset_t all;
	sigset_t saved;
	pthread_t thread;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &saved);
	int r = pthread_create(&thread, NULL, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (r != 0)
		return -r;

	(void)str_copy(cut, sizeof(cut), name);
	(void)pthread_setname_np(thread, cut); /* a name is only for people */
	*ret = thread;
	return 0;
}
