/* SPDX-License-Identifier: MIT */
/*
 * Inside the control tree.
 *
 *   node_table.c   the table: every file, its mode, its manual, its functions
 *   nodes.c        which row a path is (pure); README from the table
 *   tree.c         lookup, attributes, directories
 *   open.c         descriptors: rendering, reading, commands, streams, poll
 *   control.c      birth and end, errors
 *   park.c         parked calls
 *   place.c        names of objects in commands
 *   node_*.c       what files say and do
 *
 * A struct cnode is a nodeid: a path below .porter and its row.  One lock,
 * control->lock, guards the nodes; each handle has its own; control->call_lock
 * guards parked calls and comes last.
 */
#ifndef PORTER_CONTROL_IMPL_H
#define PORTER_CONTROL_IMPL_H

#include "base/clock.h"
#include "base/exec.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/str.h"
#include "feed.h"
#include "fs/admin.h"
#include "fs/command.h"
#include "fs/control.h"
#include "fs/job.h"

#include <stdatomic.h>

#define NODE_ARGS_MAX 4
#define ERRORS_KEPT   100

/* What a row's functions are told. */
struct node_at {
	struct control *control;
	const char *path;               /* below .porter, "" = itself */
	const char *arg[NODE_ARGS_MAX]; /* what each * stood for */
	const char *key; /* what ** stood for: an object's key, or NULL */
	char *memory;    /* behind the pointers; owned */
	const atomic_bool *dropped; /* render(): nobody waits any more */
};

/* A name of a directory that is not in the table. */
typedef bool node_list_fn(void *ctx, const char *name, bool is_dir);

/* A command given to a node. */
struct node_command {
	const struct command *command;
	struct fs_who who;
	struct str *reply; /* what can be read back on the descriptor */

	/*
	 * A command that ends later: set and 0 returned, the write is answered
	 * when this job has ended, with its errno.  Shared.
	 */
	struct job *until;
	bool until_settled; /* the same for fs_sync() */
};

struct node {
	const char *path; /* components; "*" = one, "**" = a key, at the end */
	uint32_t mode;    /* S_IFDIR or S_IFREG, and the owner's bits */
	const char *help; /* for README; NULL = not told of */
	bool slow;        /* asks a server: not on a request thread */
	bool moving;      /* what is there changes: the kernel asks each time */
	const struct command_rule *rules; /* of command(); */
	size_t rule_count;
	const struct job_ops *job; /* command() starts one */

	/* 0, or why there is no such file (of *, not of **). May be NULL. */
	int (*exists)(const struct node_at *at);
	/* The names that a * stands for, or NULL: not told. */
	void (*list)(const struct node_at *at, node_list_fn *each, void *ctx);
	int (*render)(const struct node_at *at, struct str *ret,
	              struct err *reterr);
	int (*command)(const struct node_at *at, struct node_command *command,
	               struct err *reterr);
	/* The feed that is read, shared, and where from. */
	struct feed *(*follow)(const struct node_at *at, uint64_t *ret_from);
};

extern const struct node node_table[];
extern const size_t node_table_count;

/* nodes.c: the row of a path; NULL = none.  at is filled, memory owned. */
const struct node *node_find(const char *path, struct node_at *at);
void node_at_release(struct node_at *at);
/* The names that the table has in the directory of that row. */
void node_children(const struct node *dir, node_list_fn *each, void *ctx);
void node_readme(struct str *ret);

/* A nodeid. */
struct cnode {
	uint64_t nodeid;
	char *path; /* owned */
	const struct node *node;
	bool is_dir;
	uint64_t mirror; /* lock: the fs's node of a key, with a lookup count */
	uint64_t lookups; /* lock: the kernel's */
	unsigned refs;    /* lock */
	bool named;       /* lock: in by_path */
	UT_hash_handle by_id;
	UT_hash_handle by_path;
};

struct control {
	struct control_config config;
	struct control_kernel kernel;
	struct exec *exec;       /* runs what asks servers */
	struct exec *exec_owned; /* the same, or NULL when inline */
	struct jobs *jobs;
	struct feed *events;
	struct timespec started;
	uint64_t started_ms;

	pthread_mutex_t lock;
	struct cnode *by_id;   /* lock */
	struct cnode *by_path; /* lock */
	uint64_t last_id;      /* lock */

	pthread_mutex_t call_lock; /* parked calls; last */

	pthread_mutex_t errors_lock;
	char *errors[ERRORS_KEPT]; /* errors_lock; owned, a ring */
	unsigned errors_next;      /* errors_lock */
	uint64_t failed_ms;        /* errors_lock: the last failure of data */
	char failed_text[256];     /* errors_lock */
};

/* An open file or directory. */
struct control_handle {
	struct control *control;
	struct cnode *cnode; /* shares */
	struct node_at at;
	atomic_uint refs;

	atomic_bool dropped; /* the open was interrupted */

	pthread_mutex_t lock;
	struct str text;   /* lock: what is read: rendered, or the last reply */
	uint64_t base;     /* lock: the offset where text begins */
	struct feed *feed; /* of a stream; shared */
	uint64_t feed_start; /* lock: of the feed, where offset 0 is */
	uint64_t read_to;    /* lock: of the feed, what was read last */
	bool told;           /* lock: the feed's closing errno */
	void *poll;          /* lock: to be told when there is more */
	struct feed_wait poll_wait;
	bool poll_waits; /* lock */
};

/* ---- park.c: parked calls ---- */

/*
 * Where a parked call sits.  The operation claims the call and answers it, or
 * an interruption takes it out and answers -EINTR; whoever comes first.
 */
struct parked {
	struct fs_call *call; /* call_lock */

	/*
	 * May be NULL.  The call was interrupted: under call_lock, may take a
	 * feed's lock.  True: the operation has been stopped and end() is to
	 * run, without a lock; false: it goes on for nobody.
	 */
	bool (*drop)(struct parked *parked);
	void (*end)(struct parked *parked);
};

void control_answer(struct fs_call *call, int status);
void control_fail(struct fs_call *call, int status, const struct err *err);
/* False: it was cancelled before; answer -EINTR and begin nothing. */
bool control_park(struct control *control, struct fs_call *call,
                  struct parked *parked);
/* NULL: nobody waits any more. */
struct fs_call *control_claim(struct control *control, struct parked *parked);

/* Whether who may: 0 or -EACCES. */
int control_may(const struct control *control, const struct fs_who *who);

/* A command failed: for errors, and the log. */
void control_command_failed(struct control *control, const struct fs_who *who,
                            const char *file, struct slice input,
                            const struct err *err);

/* ---- tree.c ---- */

struct cnode *cnode_get(struct control *control, uint64_t nodeid);
void cnode_unref(struct control *control, struct cnode *cnode);

/* ---- open.c ---- */

/* An open node; takes the reference to it, also when it fails. */
int cfile_make(struct control *control, struct cnode *cnode,
               struct control_handle **ret);
struct control_handle *cfile_ref(struct control_handle *handle);
void cfile_unref(struct control_handle *handle);

/* stream.c: a read of a feed, and what is there to read of one. */
void cfile_read_feed(struct control_handle *handle, struct fs_call *call,
                     uint64_t offset, size_t size);
unsigned cfile_poll_feed(struct control_handle *handle, void *poll);
/* Nobody asks for the poll handle any more. */
void cfile_end_poll(struct control_handle *handle);

/* write.c: run a command. */
void cfile_command(struct control_handle *handle, struct fs_call *call,
                   uint64_t offset, struct slice data);

/* job_text.c: "2026-11-22T19:55:03.123Z" */
#define JOB_TS_MAX 32
void job_timestamp(const struct timespec *t, char ret[JOB_TS_MAX]);

/* ---- places: "primary/a/b" and "s3://bucket/a/b" ---- */

struct place {
	struct fs_bucket_view bucket;
	char *key; /* owned; "" = the whole bucket */
};
/* place.c; -ENOENT: no such bucket; -EINVAL. With a story. */
int place_find(struct fs *fs, const struct conf *conf, const char *text,
               struct place *ret, struct err *reterr);
void place_release(struct place *place);

/* ---- node_*.c: rows of the table ---- */

int show_readme(const struct node_at *at, struct str *ret, struct err *reterr);
int show_version(const struct node_at *at, struct str *ret, struct err *reterr);
int show_pid(const struct node_at *at, struct str *ret, struct err *reterr);
int show_uptime(const struct node_at *at, struct str *ret, struct err *reterr);
int show_config(const struct node_at *at, struct str *ret, struct err *reterr);
int show_health(const struct node_at *at, struct str *ret, struct err *reterr);
int show_stats(const struct node_at *at, struct str *ret, struct err *reterr);
int show_metrics(const struct node_at *at, struct str *ret, struct err *reterr);
int show_errors(const struct node_at *at, struct str *ret, struct err *reterr);
int show_loglevel(const struct node_at *at, struct str *ret,
                  struct err *reterr);
int do_loglevel(const struct node_at *at, struct node_command *command,
                struct err *reterr);
int do_invalidate(const struct node_at *at, struct node_command *command,
                  struct err *reterr);
struct feed *follow_events(const struct node_at *at, uint64_t *ret_from);
int show_uploads(const struct node_at *at, struct str *ret, struct err *reterr);
int do_sync(const struct node_at *at, struct node_command *command,
            struct err *reterr);

int conn_is_there(const struct node_at *at);
int show_conn(const struct node_at *at, struct str *ret, struct err *reterr);
/* node_object.c */
int bucket_is_there(const struct node_at *at);
void list_buckets(const struct node_at *at, node_list_fn *each, void *ctx);
int show_head(const struct node_at *at, struct str *ret, struct err *reterr);
int sum_is_there(const struct node_at *at);
void list_sums(const struct node_at *at, node_list_fn *each, void *ctx);
int show_sum(const struct node_at *at, struct str *ret, struct err *reterr);
int ttl_is_right(const struct node_at *at);
int show_url(const struct node_at *at, struct str *ret, struct err *reterr);
int do_presign(const struct node_at *at, struct node_command *command,
               struct err *reterr);

/* node_mpu.c */
int mpu_is_there(const struct node_at *at);
void list_mpu(const struct node_at *at, node_list_fn *each, void *ctx);
int show_mpu(const struct node_at *at, struct str *ret, struct err *reterr);
int do_mpu_abort(const struct node_at *at, struct node_command *command,
                 struct err *reterr);
int do_mpu_publish(const struct node_at *at, struct node_command *command,
                   struct err *reterr);

int do_job(const struct node_at *at, struct node_command *command,
           struct err *reterr);
int do_dryrun(const struct node_at *at, struct node_command *command,
              struct err *reterr);
int show_jobs(const struct node_at *at, struct str *ret, struct err *reterr);
int job_is_there(const struct node_at *at);
void list_jobs(const struct node_at *at, node_list_fn *each, void *ctx);
int show_job_spec(const struct node_at *at, struct str *ret,
                  struct err *reterr);
int show_job_type(const struct node_at *at, struct str *ret,
                  struct err *reterr);
int show_job_state(const struct node_at *at, struct str *ret,
                   struct err *reterr);
int show_job_status(const struct node_at *at, struct str *ret,
                    struct err *reterr);
int show_job_log(const struct node_at *at, struct str *ret, struct err *reterr);
int do_job_control(const struct node_at *at, struct node_command *command,
                   struct err *reterr);
struct feed *follow_progress(const struct node_at *at, uint64_t *ret_from);
struct feed *follow_wait(const struct node_at *at, uint64_t *ret_from);

#endif
