/* SPDX-License-Identifier: MIT */
/*
 * The mount: a kernel session and the threads that serve it.
 *
 * The loop is ours rather than libfuse's, for two reasons: a write that has to
 * wait for memory takes its request buffer along instead of copying it, and the
 * daemon has to know when the kernel ended the session without tearing it down
 * from a signal handler.
 */
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"
#include "op.h"
#include "session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WRITE      (1U << 20) /* bytes in one WRITE, the kernel's limit */
#define MAX_BACKGROUND 64 /* reads ahead that the kernel sends at once */

/* Capabilities we ask for where the kernel has them. SPEC.md has the reasons. */
static const unsigned wanted =
	FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS |
	FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |
	FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA;

/* And those that must be off though libfuse would switch them on. */
static const unsigned unwanted =
	FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
	FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_FLOCK_LOCKS |
	FUSE_CAP_POSIX_LOCKS | FUSE_CAP_HANDLE_KILLPRIV;

/* INIT: settle the terms with the kernel. */
static void ops_init(void *userdata, struct fuse_conn_info *conn)
{
	struct session *session = userdata;

	conn->want |= conn->capable & wanted;
	conn->want &= ~unwanted;
	if (session->kernel_writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	conn->max_write = MAX_WRITE;
	conn->max_read = MAX_WRITE; /* as the mount option says */
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND * 3 / 4;
	if (session->kernel_readahead)
		conn->max_readahead = (unsigned)session->kernel_readahead;
	conn->time_gran = 1;
}

/*
 * What libfuse has to say goes to our log; that an unmount failed is ours to
 * say, or no failure at all.
 */
__attribute__((format(printf, 2, 0))) static void
on_fuse_log(enum fuse_log_level level, const char *fmt, va_list args)
{
	char line[256];

	(void)vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (level > FUSE_LOG_ERR || str_starts(line, "fuse: failed to unmount"))
		log_debug("%s", line);
	else
		log_warning("%s", line);
}

/* ---- mounting ---- */

/* A comma ends an option, so one inside a value is escaped for libfuse. */
static void add_escaped(struct str *options, const char *value)
{
	for (const char *p = value; *p; p++) {
		if (*p == ',' || *p == '\\')
			str_add_char(options, '\\');
		str_add_char(options, *p);
	}
}

/* The mount options as one text. */
static char *mount_options(const struct session_config *config)
{
	struct str options = {0};

	str_addf(&options,
	         "default_permissions,nosuid,nodev,subtype=porterfs,"
	         "max_read=%u,fsname=",
	         MAX_WRITE);
	add_escaped(&options, config->source ? config->source : "porterfs");
	if (config->allow_other)
		str_add(&options, ",allow_other");
	if (config->options && *config->options)
		str_addf(&options, ",%s", config->options);
	return str_take(&options);
}

/* Why this cannot be mounted upon, or 0. */
static int check_mountpoint(const char *path, struct err *reterr)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		int r = -errno;

		if (r == -ENOTCONN)
			return err_set(reterr, r,
			               "mount point '%s' is a dead mount: "
			               "run 'umount -l %s' first",
			               path, path);
		return err_set(reterr, r, "mount point '%s': %s", path,
		               strerror(-r));
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(reterr, -ENOTDIR,
		               "mount point '%s' is not a directory", path);
	return 0;
}

/* -EBUSY when a porterfs is mounted there already. */
static int check_not_mounted(const char *path, struct err *reterr)
{
	char device[32];

	if (!mountinfo_find(path, device, sizeof(device)))
		return 0;
	return err_set(reterr, -EBUSY,
	               "mount point '%s' is busy: a porterfs is mounted there "
	               "already",
	               path);
}

static void ops_fill(struct fuse_lowlevel_ops *ops)
{
	*ops = (struct fuse_lowlevel_ops){.init = ops_init};
	ops_name_fill(ops);
	ops_attr_fill(ops);
	ops_dir_fill(ops);
	ops_data_fill(ops);
}

/* Give libfuse its arguments. */
static int open_fuse(struct session *session,
                     const struct session_config *config, struct err *reterr)
{
	cleanup(freep) char *options = mount_options(config);
	char name[] = "porterfs";
	char dash_o[] = "-o";
	char *argv[] = {name, dash_o, options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_lowlevel_ops ops;

	if (!options)
		return err_set(reterr, -ENOMEM, "out of memory");

	ops_fill(&ops);
	session->fuse = fuse_session_new(&args, &ops, sizeof(ops), session);
	fuse_opt_free_args(&args);
	if (!session->fuse)
		return err_set(reterr, -EINVAL,
		               "the mount options '%s' are not accepted",
		               options);
	return 0;
}

static int mount_fuse(struct session *session, struct err *reterr)
{
	if (access("/dev/fuse", F_OK) < 0)
		return err_set(reterr, -ENODEV,
		               "/dev/fuse is missing: load the fuse module "
		               "(modprobe fuse), or give the container the "
		               "device");

	errno = 0;
	if (fuse_session_mount(session->fuse, session->mountpoint) < 0) {
		int r = errno ? -errno : -EIO;

		return err_set(reterr, r, "mounting on '%s' failed: %s",
		               session->mountpoint, strerror(-r));
	}

	int r = fuse_session_custom_io(session->fuse, &session_io,
	                               fuse_session_fd(session->fuse));

	return r < 0 ? err_set(reterr, r, "setting up the session failed: %s",
	                       strerror(-r))
	             : 0;
}

static int init_locks(struct session *session)
{
	int r = pthread_mutex_init(&session->lock, NULL);

	if (r == 0)
		r = pthread_cond_init(&session->ended, NULL);
	if (r == 0)
		r = pthread_mutex_init(&session->tell.lock, NULL);
	if (r == 0)
		r = pthread_mutex_init(&session->keeper.lock, NULL);
	if (r == 0)
		r = pthread_cond_init(&session->keeper.changed, NULL);
	if (r == 0)
		r = pthread_key_create(&session->worker_key, NULL);
	return -r;
}

/* realpath, so that a daemon that changes to "/" still knows the place. */
static char *mountpoint_path(const struct session_config *config)
{
	if (str_starts(config->mountpoint, "/dev/fd/"))
		return strdup(config->mountpoint);
	return realpath(config->mountpoint, NULL);
}

int session_new(const struct session_config *config, struct session **ret,
                struct err *reterr)
{
	bool by_descriptor = str_starts(config->mountpoint, "/dev/fd/");
	int r = by_descriptor ? 0
	                      : check_mountpoint(config->mountpoint, reterr);

	if (r < 0)
		return r;

	struct session *session = calloc(1, sizeof(*session));

	if (!session || init_locks(session) < 0) {
		free(session);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	fuse_set_log_func(on_fuse_log);
	session->by_descriptor = by_descriptor;
	session->kernel_readahead = config->kernel_readahead;
	session->kernel_writeback = config->kernel_writeback;
	session->worker_count = config->threads < 2 ? 2 : config->threads;
	session->mountpoint = mountpoint_path(config);
	session->workers =
		calloc(session->worker_count, sizeof(*session->workers));
	if (!session->mountpoint || !session->workers)
		r = err_set(reterr, -ENOMEM, "out of memory");
	if (r == 0 && !by_descriptor)
		r = check_not_mounted(session->mountpoint, reterr);
	if (r == 0)
		r = open_fuse(session, config, reterr);
	if (r == 0)
		r = mount_fuse(session, reterr);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}

/* ---- serving ---- */

void *session_buffer(struct session *session)
{
	struct worker *worker = pthread_getspecific(session->worker_key);

	return worker->buf.mem;
}

void session_buffer_taken(struct session *session)
{
	struct worker *worker = pthread_getspecific(session->worker_key);

	WITH_LOCK(&session->lock);
	worker->buf.mem = session->spare_count > 0
	                          ? session->spares[--session->spare_count]
	                          : NULL; /* libfuse allocates one */
}

void session_buffer_back(struct session *session, void *buffer)
{
	{
		WITH_LOCK(&session->lock);
		if (session->spare_count < SPARE_BUFFERS) {
			session->spares[session->spare_count++] = buffer;
			return;
		}
	}
	free(buffer);
}

/* Whether a failed read from the kernel only means "once more". */
static bool again(int r)
{
	return r == -EINTR || r == -EAGAIN || r == -ENOENT;
}

/* Serve requests until the session ends. Returns 0 or a negative errno. */
static int serve(struct worker *worker)
{
	struct fuse_session *fuse = worker->session->fuse;

	while (!fuse_session_exited(fuse)) {
		int r = fuse_session_receive_buf(fuse, &worker->buf);

		if (again(r))
			continue;
		if (r <= 0)
			return r == -ENODEV ? 0 : r;
		fuse_session_process_buf(fuse, &worker->buf);
	}
	return 0;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;
	struct session *session = worker->session;
	char name[16];

	(void)snprintf(name, sizeof(name), "fuse/%u",
	               (unsigned)(worker - session->workers));
	(void)pthread_setname_np(pthread_self(), name);
	(void)pthread_setspecific(session->worker_key, worker);

	int r = serve(worker);

	free(worker->buf.mem);
	worker->buf.mem = NULL;

	WITH_LOCK(&session->lock);
	if (r < 0 && session->status == 0)
		session->status = r;
	if (--session->running == 0)
		(void)pthread_cond_broadcast(&session->ended);
	return NULL;
}

/* fs_kernel: drop the pages and attributes of a node. */
static void kernel_inval_inode(struct fs_kernel *kernel, uint64_t nodeid)
{
	struct session *session = container_of(kernel, struct session, kernel);

	(void)fuse_lowlevel_notify_inval_inode(session->fuse, nodeid, 0, 0);
}

/* fs_kernel: forget a name. */
static void kernel_inval_entry(struct fs_kernel *kernel, uint64_t parent,
                               const char *name)
{
	struct session *session = container_of(kernel, struct session, kernel);

	(void)fuse_lowlevel_notify_inval_entry(session->fuse, parent, name,
	                                       strlen(name));
}

/* Wakes a request thread out of its read; nothing more. */
static void on_wake(int sig)
{
	(void)sig;
}

/* control_kernel: a polled file has something to read. */
static void kernel_ready(void *poll)
{
	(void)fuse_lowlevel_notify_poll(poll);
}

static void kernel_drop(void *poll)
{
	fuse_pollhandle_destroy(poll);
}

void session_set_control(struct session *session, struct control *control)
{
	static const struct control_kernel kernel = {
		.ready = kernel_ready,
		.drop = kernel_drop,
	};

	session->control = control;
	if (control)
		control_set_kernel(control, &kernel);
}

int session_start(struct session *session, struct fs *fs, struct err *reterr)
{
	session->fs = fs;
	session->kernel = (struct fs_kernel){
		.inval_inode = kernel_inval_inode,
		.inval_entry = kernel_inval_entry,
	};
	fs_set_kernel(fs, &session->kernel);
	(void)sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_wake},
	                NULL);
	session->running = session->worker_count;

	for (unsigned i = 0; i < session->worker_count; i++) {
		struct worker *worker = &session->workers[i];

		worker->session = session;

		int r = pthread_create(&worker->thread, NULL, worker_run,
		                       worker);

		if (r != 0) {
			WITH_LOCK(&session->lock);
			session->running -= session->worker_count - i;
			return err_set(reterr, -r,
			               "no thread to serve with: %s",
			               strerror(r));
		}
		worker->started = true;
	}

	int r = keeper_start(session);

	if (r < 0)
		return err_set(reterr, r, "no thread for the keeper: %s",
		               strerror(-r));
	if (session->kernel_readahead)
		raise_readahead(session);
	return 0;
}

int session_wait(struct session *session)
{
	WITH_LOCK(&session->lock);
	while (session->running > 0)
		(void)pthread_cond_wait(&session->ended, &session->lock);
	return session->status;
}

/* ---- ending ---- */

/* Run fusermount3 -u[z]: what an ordinary user must go through. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null >= 0)
			(void)dup2(null, STDERR_FILENO);
		(void)execlp("fusermount3", "fusermount3",
		             lazy ? "-uzq" : "-uq", "--", mountpoint,
		             (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

static int unmount(struct session *session, bool lazy)
{
	if (session->by_descriptor) {
		fuse_session_exit(session->fuse);
		return lazy ? 0 : -EBUSY;
	}
	if (umount2(session->mountpoint,
	            UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EPERM)
		return run_fusermount(session->mountpoint, lazy);
	return errno == EINVAL ? 0 : -errno; /* EINVAL: it is gone already */
}

int session_unmount(struct session *session)
{
	return unmount(session, false);
}

/*
 * End the request threads though the kernel has not ended the session: a
 * detached mount lives on while somebody uses it.  A signal that comes between
 * a thread's look at the session and its read is lost, so it is sent again
 * until all have ended.
 */
static void stop_workers(struct session *session)
{
	struct timespec pause = {.tv_nsec = 5000000};

	fuse_session_exit(session->fuse);
	for (;;) {
		(void)pthread_mutex_lock(&session->lock);
		bool ended = session->running == 0;
		(void)pthread_mutex_unlock(&session->lock);

		if (ended)
			return;
		for (unsigned i = 0; i < session->worker_count; i++) {
			if (session->workers[i].started)
				(void)pthread_kill(session->workers[i].thread,
				                   SIGUSR1);
		}
		(void)nanosleep(&pause, NULL);
	}
}

void session_detach(struct session *session)
{
	(void)unmount(session, true); /* what is left ends with the process */
	stop_workers(session);
}

void session_free(struct session *session)
{
	if (!session)
		return;

	if (session->fs)
		fs_set_kernel(session->fs, NULL);
	keeper_stop(session);
	if (session->fs)
		stop_workers(session);
	if (session->fuse)
		fuse_session_unmount(session->fuse);
	for (unsigned i = 0; i < session->worker_count; i++) {
		if (session->workers && session->workers[i].started)
			(void)pthread_join(session->workers[i].thread, NULL);
	}
	if (session->fuse)
		fuse_session_destroy(session->fuse);
	while (session->spare_count > 0)
		free(session->spares[--session->spare_count]);
	(void)pthread_key_delete(session->worker_key);
	(void)pthread_cond_destroy(&session->keeper.changed);
	(void)pthread_mutex_destroy(&session->keeper.lock);
	(void)pthread_mutex_destroy(&session->tell.lock);
	(void)pthread_cond_destroy(&session->ended);
	(void)pthread_mutex_destroy(&session->lock);
	free(session->workers);
	free(session->mountpoint);
	free(session);
}
