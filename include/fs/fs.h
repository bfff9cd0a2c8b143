/* SPDX-License-Identifier: MIT */
/*
 * The file system, kernel not included: a mount on the stores it is handed.
 *
 * Every operation is a struct fs_call that the caller owns.  A call never
 * blocks its thread: it either answers at once (done() runs before the
 * function returns) or is parked and answered later, on any thread, exactly
 * once.  fs/fuse turns kernel requests into calls; tests make calls directly,
 * with a fake store, a fake clock and the inline executor.
 *
 * Nodes are named by nodeid, a number that is never used twice.  One nodeid is
 * one version of one name: a version that somebody else made is a new nodeid
 * with the same st_ino (SPEC.md, "One version per nodeid").
 */
#ifndef PORTER_FS_FS_H
#define PORTER_FS_FS_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct clock;
struct control_handle;
struct exec;
struct fs;
struct fs_dir;
struct fs_handle;
struct journal;
struct metrics;
struct object_store;
struct pool;
struct statvfs;
struct timers;

#define FS_ROOT_ID 1         /* nodeid of the mount's root */
#define FS_BLKSIZE (1 << 20) /* st_blksize; st_blocks is ceil(size / 512) */

/* ---- what a mount is made of ---- */

enum fs_bucket_mode {
	FS_BUCKET_RW,
	FS_BUCKET_RO, /* changing anything is EROFS */
	FS_BUCKET_WO, /* new keys only; the rest is EPERM */
};

enum fs_attrs {
	FS_ATTRS_HEAD, /* mode, owner, mtime, symlinks: one HEAD per version */
	FS_ATTRS_LIST, /* the listing is the truth */
};

/* What becomes of a file whose writer died (SPEC.md: the dying writer). */
enum fs_fate {
	FS_FATE_PUBLISH,
	FS_FATE_KEEP,
	FS_FATE_ABORT,
};

struct fs_bucket_config {
	const char *name;           /* the directory's name */
	struct object_store *store; /* borrowed; NULL: does not work, */
	int broken;                 /* and this is the errno of every access */
	const char *identity; /* endpoint and bucket: makes st_ino stable */
	enum fs_bucket_mode mode;
	enum fs_attrs attrs;
	uint64_t cache_ttl_ms;
};

/* Files that are published only when they end as they should (guard.h). */
struct fs_guard {
	const char *pattern; /* of names, or with a slash of BUCKET/KEY */
	const char *checks;  /* "mysqldump", "gzip min_ratio=0.5", ... */
};

struct fs_config { /* all copied */
	const struct fs_guard *guards;
	size_t guard_count;
	const struct fs_bucket_config *buckets;
	size_t bucket_count;
	uint32_t uid; /* owner of what says nothing else */
	uint32_t gid;
	uint32_t file_mode; /* permission bits of what says nothing else */
	uint32_t dir_mode;
	uint64_t negative_ttl_ms;
	const char *cache_dir;   /* of the cache on disk: exists, ours alone,
	                            locked; NULL = names and attributes are kept
	                            in memory alone */
	uint64_t cache_max_size; /* bytes of it */
	uint64_t part_size;      /* bytes */
	unsigned upload_concurrency; /* parts of one file on the wire */
	unsigned copy_concurrency;   /* copies of one rename; 0 = one */
	unsigned rename_dir_max; /* objects of a directory that is renamed */
	uint64_t read_ahead_max; /* bytes per open file */
	uint64_t write_deadline_ms;
	enum fs_fate on_killed_writer;
	enum fs_fate on_failed_writer;
	enum fs_fate on_unknown_writer;
	const char *root_extra;  /* a directory that readdir of the root names
	                           beside the buckets; NULL = none; borrowed */
	uint64_t staging_max;    /* bytes of all staging files; 0 = no limit */
	const char *staging_dir; /* for bytes that must leave memory; NULL =
	                            $TMPDIR, else /var/tmp */
	bool checkpoint;     /* publish a file in between where bytes that were
	                        sent are wanted back */
	uint64_t sparse_max; /* bytes of a file that may be holes; 0 = none */
	uint64_t seed;       /* of nonces; 0 = from the kernel (tests fix it) */
};

/* A process that has, or had, a file open: found at open, asked at FLUSH. */
struct fs_process {
	int tgid;    /* thread group; 0 = unknown */
	uint64_t id; /* the kernel's number of it, tells reused pids; 0 = none */
};

/*
 * What only the process table knows; implemented by fs/fuse/caller.c over
 * /proc (later: over a helper that may read it).  Called on request threads,
 * must answer within microseconds, touch no file of the mount and wait for no
 * lock that a process in execve(2) or exit(2) may hold: it may be waiting for us.
 */
struct fs_callers {
	/* The thread group of thread tid. tgid = 0 when it cannot be told. */
	void (*find)(struct fs_callers *callers, int tid,
	             struct fs_process *ret);

	/* Whether that very process still is there and has not ended. */
	bool (*alive)(struct fs_callers *callers,
	              const struct fs_process *process);

	/*
	 * How many descriptors that can write the file with that st_ino the
	 * process holds; negative errno: cannot be told.
	 */
	int (*descriptors)(struct fs_callers *callers,
	                   const struct fs_process *process, uint64_t ino);

	/*
	 * Field 52 of /proc/TGID/stat: low 7 bits the signal that kills it, the
	 * byte above its exit status; 0 = neither (or not told).  Negative
	 * errno: cannot be told.
	 */
	int (*exit_code)(struct fs_callers *callers,
	                 const struct fs_process *process);
};

/*
 * What the kernel must be told.  Called only on the fs's "notify" thread,
 * where it may take kernel locks and block.
 */
struct fs_kernel {
	void (*inval_inode)(struct fs_kernel *kernel, uint64_t nodeid);
	void (*inval_entry)(struct fs_kernel *kernel, uint64_t parent,
	                    const char *name);
};

struct fs_parts { /* all borrowed, must outlive the fs */
	const struct clock *clock;
	struct timers *timers;
	struct pool *pool;
	struct exec *exec;
	struct metrics *metrics;    /* may be NULL */
	struct journal *journal;    /* may be NULL: nothing is remembered */
	struct fs_callers *callers; /* may be NULL: every FLUSH commits */

	/*
	 * Told when something is unsettled that no open descriptor shows the
	 * kernel (true), and when all is settled again (false): the daemon keeps
	 * the mount busy meanwhile.  May be NULL.  Any thread, must not block.
	 */
	void (*unsettled)(void *ctx, bool busy);
	void *ctx;
};

int fs_new(const struct fs_config *config, const struct fs_parts *parts,
           struct fs **ret, struct err *reterr);

/* From now on, tell this kernel. NULL: nobody (before the session ends). */
void fs_set_kernel(struct fs *fs, struct fs_kernel *kernel);

/*
 * Wait until every upload, commit and delete under way has ended.  Blocks; not
 * on a request thread.  Returns 0, or -EIO when something could not be
 * finished (each logged).
 */
int fs_settle(struct fs *fs);

/* Give up: cancel and abort all uploads; everything under way ends soon. */
void fs_abort(struct fs *fs);

/* Files being written or committed now, for shutdown messages. */
unsigned fs_writing(struct fs *fs);

/* Every call must be done; handles and dirs still open are dropped. */
void fs_free(struct fs *fs);
DEFINE_CLEANUP(struct fs *, fs_free);

/* ---- calls ---- */

struct fs_who {
	uint32_t uid;
	uint32_t gid;
	int tid; /* the calling thread; 0 = nobody (tests) */
};

/* What stat shows. */
struct fs_attr {
	uint64_t ino;
	uint64_t size;
	uint32_t mode; /* type and permissions */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	struct timespec mtime; /* atime is the same */
	struct timespec ctime;
};

struct fs_entry {
	uint64_t nodeid; /* 0: the name is known to be absent */
	struct fs_attr attr;
	uint64_t attr_ms;  /* how long the kernel may believe attr */
	uint64_t entry_ms; /* and the name */
};

enum fs_set {
	FS_SET_MODE = 1 << 0,
	FS_SET_UID = 1 << 1,
	FS_SET_GID = 1 << 2,
	FS_SET_SIZE = 1 << 3,
	FS_SET_MTIME = 1 << 4, /* to attr.mtime */
	FS_SET_MTIME_NOW = 1 << 5,
};

/* One name for a directory reader. */
struct fs_dirent {
	const char *name;
	uint64_t ino;
	uint32_t type; /* S_IFREG, S_IFDIR, S_IFLNK; 0 = unknown */
	uint64_t next; /* offset to go on after this one */
	const struct fs_entry *entry; /* plus only; NULL = look it up yourself */
};

/*
 * Takes one name; false: no room, stop before it.  For a plus reader true
 * means a lookup count was handed over for entry (when entry is not NULL).
 * "." and ".." come without entry.
 */
typedef bool fs_fill_fn(void *ctx, const struct fs_dirent *dirent);

struct fs_call {
	struct fs_who who;
	bool page_back; /* write: of a mapped page, by the kernel itself */

	/* Once, any thread, no lock held; must not block. call is its again. */
	void (*done)(struct fs_call *call);
	void *owner; /* the caller's */

	/* Results, valid from done() on. */
	int status;     /* 0 or negative errno */
	struct err err; /* the story, when there is one */
	union {
		struct fs_entry entry; /* lookup, create, mkdir, symlink;
		                          getattr, setattr: attr and attr_ms */
		uint64_t count;        /* write, lseek, copy: bytes */
		struct chain data;     /* read, xattrs, readlink: bytes, valid
		                          in done() only */
	};
	struct fs_handle *handle; /* open, create: the caller's until release */
	struct fs_dir *dir;       /* opendir: likewise until releasedir */
	struct control_handle *control; /* both, of a control file */
	bool direct_io;  /* open, create: pass the page cache by */
	bool keep_cache; /* open, create: cached pages are right */

	/* The fs's from call to done. */
	void *private;
	void (*on_cancel)(struct fs_call *call);
	bool cancelled;
};

/*
 * The caller was interrupted: end soon, as a rule with -EINTR.  Harmless when
 * the call is about to be done; the caller guarantees only that the memory of
 * call stays until this returns.
 */
void fs_cancel(struct fs *fs, struct fs_call *call);

/*
 * Names.  Texts are borrowed until the function returns.  A successful lookup,
 * create, mkdir or symlink hands one lookup count to the caller.
 */
void fs_lookup(struct fs *fs, struct fs_call *call, uint64_t parent,
               const char *name);
void fs_forget(struct fs *fs, uint64_t nodeid, uint64_t lookups);
void fs_getattr(struct fs *fs, struct fs_call *call, uint64_t nodeid);
/* set is of enum fs_set; handle may be NULL. */
void fs_setattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                struct fs_handle *handle, unsigned set,
                const struct fs_attr *attr);
void fs_readlink(struct fs *fs, struct fs_call *call, uint64_t nodeid);
void fs_symlink(struct fs *fs, struct fs_call *call, uint64_t parent,
                const char *name, const char *target);
void fs_mkdir(struct fs *fs, struct fs_call *call, uint64_t parent,
              const char *name, uint32_t mode);
void fs_unlink(struct fs *fs, struct fs_call *call, uint64_t parent,
               const char *name);
void fs_rmdir(struct fs *fs, struct fs_call *call, uint64_t parent,
              const char *name);

struct fs_rename {
	uint64_t parent;
	const char *name;
	uint64_t new_parent;
	const char *new_name;
	unsigned flags; /* RENAME_NOREPLACE or 0; others are -EINVAL */
};
void fs_rename(struct fs *fs, struct fs_call *call,
               const struct fs_rename *rename);

/* Answers at once. */
void fs_statfs(struct fs *fs, struct statvfs *ret);

/* Extended attributes; call->data is the value, or the list of names. */
void fs_getxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                 const char *name);
void fs_listxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid);
struct fs_xattr {
	const char *name;
	const void *value; /* NULL: remove it */
	size_t size;       /* bytes */
	int flags;         /* XATTR_CREATE, XATTR_REPLACE */
};
void fs_setxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                 const struct fs_xattr *xattr);

/*
 * Directories.  readdir calls fill() for each name from offset on (0 = start)
 * until it says false or the directory ends, then done().  fill() runs on any
 * thread, one at a time, before done().
 */
void fs_opendir(struct fs *fs, struct fs_call *call, uint64_t nodeid);
struct fs_readdir {
	struct fs_dir *dir;
	uint64_t offset;
	bool plus;
	fs_fill_fn *fill;
	void *ctx;
};
void fs_readdir(struct fs *fs, struct fs_call *call,
                const struct fs_readdir *read);
void fs_fsyncdir(struct fs *fs, struct fs_call *call, struct fs_dir *dir);
void fs_releasedir(struct fs *fs, struct fs_dir *dir);

/*
 * Files.  open answers -ESTALE when nodeid is no longer the current version:
 * the kernel looks the name up again.  flags are open(2)'s.
 */
void fs_open(struct fs *fs, struct fs_call *call, uint64_t nodeid, int flags);
struct fs_create {
	uint64_t parent;
	const char *name;
	uint32_t mode;
	int flags;
};
void fs_create(struct fs *fs, struct fs_call *call,
               const struct fs_create *create);
void fs_read(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
             uint64_t offset, size_t size);
/*
 * data is borrowed until done().  An O_APPEND descriptor writes at the end,
 * unless call->page_back says that offset is meant.
 */
void fs_write(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
              uint64_t offset, struct slice data);
/* A descriptor was closed: commit if the commit rule says so. */
void fs_flush(struct fs *fs, struct fs_call *call, struct fs_handle *handle);
void fs_fsync(struct fs *fs, struct fs_call *call, struct fs_handle *handle);
void fs_fallocate(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
                  int mode, uint64_t offset, uint64_t length);
/* SEEK_DATA, SEEK_HOLE: call->count is the offset. */
void fs_lseek(struct fs *fs, struct fs_call *call, struct fs_handle *handle,
              uint64_t offset, int whence);
struct fs_copy {
	struct fs_handle *source;
	uint64_t source_offset;
	struct fs_handle *target;
	uint64_t target_offset;
	uint64_t length;
};
void fs_copy_file_range(struct fs *fs, struct fs_call *call,
                        const struct fs_copy *copy);
/* The last copy of a descriptor is gone; commits what is left. No reply. */
void fs_release(struct fs *fs, struct fs_handle *handle);

#endif
