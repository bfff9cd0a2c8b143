/* SPDX-License-Identifier: MIT */
/*
 * What makes a process a daemon: detaching, signals, hygiene.
 */
#include "daemon.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The parent: leave as soon as the child is ready or dead. */
static _Noreturn void wait_for_child(int fd)
{
	char word;
	ssize_t n;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

int daemon_detach(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;

	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0) {
		int r = -errno;

		(void)close(fds[0]);
		(void)close(fds[1]);
		return r;
	}
	if (pid > 0) {
		(void)close(fds[1]);
		wait_for_child(fds[0]);
	}
	/* who interrupts the command wants no mount a minute later */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(1);
	(void)close(fds[0]);
	(void)setsid();
	return fds[1];
}

void daemon_ready(int ready_fd)
{
	if (ready_fd < 0)
		return;

	cleanup(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0) {
		/* a directory stays busy; nothing else is wrong with that */
	}
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
	}
	(void)prctl(PR_SET_PDEATHSIG, 0); /* the parent leaves now */
	if (write(ready_fd, "+", 1) < 0) {
		/* the parent was killed meanwhile; the mount is there */
	}
	(void)close(ready_fd);
}

void daemon_harden(void)
{
	(void)umask(077);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* a sanitizer needs ptrace of its own process to find leaks */
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

void daemon_close_on_exec(void)
{
	/* an older kernel does not know it: fusermount3 is all we ever run */
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* What daemon_wait_signal() hears. */
static void signal_set(sigset_t *ret)
{
	(void)sigemptyset(ret);
	(void)sigaddset(ret, SIGTERM);
	(void)sigaddset(ret, SIGINT);
	(void)sigaddset(ret, SIGHUP);
}

void daemon_block_signals(void)
{
	sigset_t set;

	signal_set(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int daemon_wait_signal(int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};
	sigset_t set;

	signal_set(&set);
	for (;;) {
		int sig = timeout_ms < 0 ? sigwaitinfo(&set, NULL)
		                         : sigtimedwait(&set, NULL, &timeout);

		if (sig == SIGTERM || sig == SIGINT)
			return sig;
		if (sig < 0 && errno == EAGAIN)
			return 0;
	}
}
