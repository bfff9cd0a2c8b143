/* SPDX-License-Identifier: MIT */
/*
 * porterfs: the daemon, and mount(8)'s helper under the name mount.porterfs.
 *
 *   parse -> detach -> build (every bucket is asked) -> mount -> ready
 *         -> serve until unmounted -> settle -> end
 *
 * Whatever goes wrong before "ready" is one sentence on standard error and a
 * non-zero exit of the command that the user typed.
 */
#include "base/conf.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon.h"
#include "fs/fs.h"
#include "fs/porter.h"
#include "fs/recover.h"
#include "fs/session.h"
#include "mapped.h"
#include "options.h"
#include "own_dir.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE       2
#define KERNEL_READAHEAD (UINT64_C(1) << 20) /* bytes */
#define UNMOUNT_RETRY_MS 200
#define STILL_WAITING_MS 10000 /* between two lines about open files */

/* What a signal means depends on how far we are. */
enum stage {
	STAGE_BUILDING, /* nothing is there yet: leave at once */
	STAGE_MOUNTING, /* remember it */
	STAGE_SERVING,  /* finish what is being written, then unmount */
	STAGE_ENDING,   /* the kernel ended the session, or we do */
};

/* One mount, from start to end. */
struct daemon {
	const struct options *options;
	struct porter *porter;
	struct session *session;
	struct fs_callers callers;
	int state_lock; /* held to the end; -1 = no state_dir */
	int cache_lock; /* likewise; -1 = no cache on disk */
	int ready_fd;
	pthread_t signals;   /* hears them from the start to the end */
	atomic_int stage;    /* enum stage */
	atomic_bool aborted; /* a second signal: not everything was finished */
};

static bool is_ending(struct daemon *daemon)
{
	return atomic_load(&daemon->stage) == STAGE_ENDING;
}

/* fs_parts.unsettled: keep the mount busy meanwhile. */
static void unsettled(void *ctx, bool busy)
{
	struct daemon *daemon = ctx;

	if (daemon->session)
		session_unsettled(daemon->session, busy);
}

/* porter_config.broken: one sentence per bucket that does not work. */
static void broken(void *ctx, const char *directory, const struct err *err)
{
	(void)ctx;
	log_error("%s: %s", directory, err->text);
}

/* ---- signals ---- */

/* A second signal: abort uploads, detach, leave with 1. */
static void abort_now(struct daemon *daemon)
{
	log_error("stopped by a second signal: %u files were not finished",
	          fs_writing(porter_fs(daemon->porter)));
	atomic_store(&daemon->aborted, true);
	fs_abort(porter_fs(daemon->porter));
	session_detach(daemon->session);
}

/* The first signal: unmount as soon as nothing is written any more. */
static void finish_up(struct daemon *daemon)
{
	struct fs *fs = porter_fs(daemon->porter);
	unsigned waited = 0;

	while (!is_ending(daemon)) {
		unsigned writing = fs_writing(fs);

		if (session_unmount(daemon->session) == 0)
			return;
		if (writing == 0) {
			log_warning("the mount is still in use and is "
			            "detached: nothing is left to be written");
			session_detach(daemon->session);
			return;
		}
		if (waited % STILL_WAITING_MS == 0)
			log_info("waiting for %u files that are being written "
			         "(a second signal gives them up)",
			         writing);
		waited += UNMOUNT_RETRY_MS;
		if (daemon_wait_signal(UNMOUNT_RETRY_MS) &&
		    !is_ending(daemon)) {
			abort_now(daemon);
			return;
		}
	}
}

/*
 * Until the mount is there.  A server that does not answer may hold the start
 * for a while, and nothing of ours is anywhere yet.  Returns whether a signal
 * came when it was too late to just leave.
 */
static bool hear_early(struct daemon *daemon)
{
	bool heard = false;

	for (;;) {
		int stage = STAGE_BUILDING;

		if (heard && atomic_compare_exchange_strong(
				     &daemon->stage, &stage, STAGE_ENDING)) {
			log_error("stopped by a signal before anything was "
			          "mounted");
			_exit(EXIT_FAILURE);
		}
		stage = atomic_load(&daemon->stage);
		if (stage == STAGE_SERVING || stage == STAGE_ENDING)
			return heard;
		if (daemon_wait_signal(UNMOUNT_RETRY_MS))
			heard = true;
	}
}

/* The "signals" thread. */
static void *hear_signals(void *arg)
{
	struct daemon *daemon = arg;

	(void)pthread_setname_np(pthread_self(), "signals");

	bool heard = hear_early(daemon);

	while (!is_ending(daemon)) {
		if (!heard && !daemon_wait_signal(UNMOUNT_RETRY_MS))
			continue;
		finish_up(daemon);
		break;
	}
	/* unmounted, but what was closed last may still be on its way */
	while (!is_ending(daemon)) {
		if (!daemon_wait_signal(UNMOUNT_RETRY_MS) || is_ending(daemon))
			continue; /* the second one may be stop_hearing()'s */
		abort_now(daemon);
		break;
	}
	return NULL;
}

/* Let the thread go: a signal of our own ends its waiting. */
static void stop_hearing(struct daemon *daemon)
{
	atomic_store(&daemon->stage, STAGE_ENDING);
	/* NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): it waits for it */
	(void)pthread_kill(daemon->signals, SIGTERM);
	(void)pthread_join(daemon->signals, NULL);
}

/* ---- one mount ---- */

/*
 * Lock cache_dir.  A disk that takes nothing only costs time: then names are
 * kept in memory.
 */
static int open_cache(struct daemon *daemon, struct err *reterr)
{
	const struct options *options = daemon->options;
	int r;

	if (!conf_bool(options->conf, NULL, "cache"))
		return 0;
	r = own_dir_open(options->conf, "cache_dir", options->mountpoint,
	                 &daemon->cache_lock, reterr);
	if (r != -EROFS && r != -ENOSPC && r != -EDQUOT)
		return r;
	log_warning("names and attributes are not kept on disk: %s",
	            reterr->text);
	*reterr = (struct err){0};
	return 0;
}

static int build(struct daemon *daemon, struct err *reterr)
{
	struct porter_config config = {
		.conf = daemon->options->conf,
		.callers = &daemon->callers,
		.has_cache_dir = daemon->cache_lock >= 0,
		.unsettled = unsettled,
		.ctx = daemon,
		.broken = broken,
	};

	daemon->callers = session_callers();

	int r = porter_new(&config, &daemon->porter, reterr);

	if (r == 0)
		fs_recover(porter_fs(daemon->porter));
	return r;
}

static int mount_it(struct daemon *daemon, struct err *reterr)
{
	const struct options *options = daemon->options;
	struct session_config config = {
		.mountpoint = options->mountpoint,
		.source = options->source,
		.options = options->kernel_options,
		.allow_other = conf_bool(options->conf, NULL, "allow_other"),
		.threads = (unsigned)conf_number(options->conf, NULL,
	                                         "fuse_threads"),
		.kernel_readahead = KERNEL_READAHEAD,
		.kernel_writeback =
			conf_bool(options->conf, NULL, "kernel_writeback"),
	};
	int stage = STAGE_BUILDING;

	/* a signal was faster: its thread is about to leave the process */
	if (!atomic_compare_exchange_strong(&daemon->stage, &stage,
	                                    STAGE_MOUNTING))
		return err_set(reterr, -EINTR, "stopped by a signal");

	daemon_close_on_exec();

	int r = session_new(&config, &daemon->session, reterr);

	if (r == 0)
		session_set_control(daemon->session,
		                    porter_control(daemon->porter));
	if (r == 0)
		r = session_start(daemon->session, porter_fs(daemon->porter),
		                  reterr);
	return r;
}

/* Serve until the end. Returns the exit status. */
static int serve(struct daemon *daemon)
{
	atomic_store(&daemon->stage, STAGE_SERVING);
	if (daemon->ready_fd >= 0)
		log_to_syslog("porterfs");
	daemon_ready(daemon->ready_fd);
	log_info("mounted on '%s'", daemon->options->mountpoint);

	int r = session_wait(daemon->session);
	int settled = fs_settle(porter_fs(daemon->porter));

	stop_hearing(daemon);
	if (r < 0)
		log_error("the kernel's side failed: %s", strerror(-r));
	log_info("unmounted '%s'", daemon->options->mountpoint);
	return r < 0 || settled < 0 || atomic_load(&daemon->aborted)
	               ? EXIT_FAILURE
	               : EXIT_SUCCESS;
}

static int run_daemon(const struct options *options)
{
	struct daemon daemon = {.options = options,
	                        .state_lock = -1,
	                        .cache_lock = -1,
	                        .ready_fd = -1};
	struct err err = {0};
	int status = EXIT_FAILURE;

	if (!options->foreground) {
		daemon.ready_fd = daemon_detach();
		if (daemon.ready_fd < 0) {
			log_error("cannot detach: %s",
			          strerror(-daemon.ready_fd));
			return EXIT_FAILURE;
		}
	}
	daemon_block_signals();
	mapped_watch();

	int r = pthread_create(&daemon.signals, NULL, hear_signals, &daemon);

	if (r != 0) {
		log_error("no thread to hear signals: %s", strerror(r));
		return EXIT_FAILURE;
	}
	if (own_dir_open(options->conf, "state_dir", options->mountpoint,
	                 &daemon.state_lock, &err) < 0 ||
	    open_cache(&daemon, &err) < 0 || build(&daemon, &err) < 0 ||
	    mount_it(&daemon, &err) < 0) {
		log_error("%s", err.text);
		stop_hearing(&daemon);
	} else {
		status = serve(&daemon);
	}
	session_free(daemon.session);
	daemon.session = NULL;
	porter_free(daemon.porter);
	own_dir_close(daemon.cache_lock);
	own_dir_close(daemon.state_lock);
	return status;
}

/* Print a text that one of the three printing actions made. */
static int print(struct str *text)
{
	int status = str_status(text) == 0 &&
	                             fputs(str_text(text), stdout) >= 0 &&
	                             fflush(stdout) == 0
	                     ? EXIT_SUCCESS
	                     : EXIT_FAILURE;

	str_release(text);
	return status;
}

static int run(const struct options *options)
{
	struct str text = {0};
	enum log_level level;

	switch (options->action) {
	case OPTIONS_HELP:
		options_help(&text);
		return print(&text);
	case OPTIONS_VERSION:
		str_add(&text, "porterfs " PORTERFS_VERSION "\n");
		return print(&text);
	case OPTIONS_PRINT_CONFIG:
		conf_print(options->conf, &text);
		return print(&text);
	case OPTIONS_CHECK:
		return EXIT_SUCCESS;
	case OPTIONS_MOUNT:
		break;
	}
	if (log_level_parse(conf_text(options->conf, NULL, "log"), &level) == 0)
		log_set_level(options->debug ? LOG_LEVEL_DEBUG : level);
	return run_daemon(options);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct err err = {0};

	daemon_harden();

	int r = options_parse(argc, argv, environ, &options, &err);
	int status;

	if (r == 0) {
		status = run(&options);
	} else {
		log_error("%s", err.text);
		status = options.usage_error ? EXIT_USAGE : EXIT_FAILURE;
	}
	options_release(&options);
	return status;
}
