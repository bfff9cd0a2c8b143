/* SPDX-License-Identifier: MIT */
/*
 * The embedded store: birth, and the way of a request.
 *
 * submit() makes a struct local_op of the request and gives it to the
 * executor; there its verb runs to the end, blocking, and done() is called.
 * cancel() finds the op by the address of its request and sets a flag that
 * verbs look at between steps.
 *
 * What is written lies in DIR/.porterfs/.tmp until it is renamed.  Its writer
 * holds a lock on the file, so a start can tell what a dead one left there.
 */
#include "local_store.h"

#include "base/digest.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static struct local_store *local_of(struct object_store *store)
{
	return container_of(store, struct local_store, store);
}

int local_check_cancel(struct local_op *op)
{
	return atomic_load(&op->cancelled) ? -ECANCELED : 0;
}

int local_fail(struct local_op *op, int code, const char *text)
{
	struct store_req *req = op->req;

	if (!req->key)
		return err_set(&req->err, code, "%s in %s: %s",
		               store_verb_name(req->verb), op->local->where,
		               text);
	return err_set(&req->err, code, "%s '%s' in %s: %s",
	               store_verb_name(req->verb), req->key, op->local->where,
	               text);
}

/* What a failed system call may mean to those above. */
static int honest_code(int code)
{
	switch (code) {
	case -ENOSPC:
	case -EDQUOT:
	case -EACCES:
	case -EROFS:
	case -ENOMEM:
	case -EFBIG:
	case -ECANCELED:
		return code;
	case -EPERM:
		return -EACCES;
	default:
		return -EIO; /* ENOENT and the like would tell of objects */
	}
}

int local_fail_errno(struct local_op *op, int code, const char *what)
{
	char buffer[128];
	char text[256];

	(void)snprintf(text, sizeof(text), "%s: %s", what,
	               strerror_r(-code, buffer, sizeof(buffer)));
	return local_fail(op, honest_code(code), text);
}

int local_full_key(struct local_op *op, const struct local_store *local,
                   const char *key, char ret[STORE_KEY_MAX + 1])
{
	size_t prefix_len = local->prefix_len;
	size_t len = key ? strlen(key) : 0;

	if (len == 0)
		return local_fail(op, -EINVAL, "a key must not be empty");
	if (prefix_len + len > STORE_KEY_MAX)
		return local_fail(op, -ENAMETOOLONG,
		                  "a key has at most 1024 bytes");
	memcpy(ret, local->prefix, prefix_len);
	memcpy(ret + prefix_len, key, len + 1);
	return 0;
}

/* Lock a file of our own making, unless it is already gone. */
static bool lock_temp(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX) == 0 && fstat(fd, &st) == 0 &&
	       st.st_nlink > 0;
}

int local_temp_new(struct local_store *local, struct local_temp *ret)
{
	struct local_temp temp = {.local = local, .fd = -1};
	uint8_t random[16];

	for (unsigned attempt = 0; attempt < 100; attempt++) {
		digest_random(random, sizeof(random));
		digest_hex(random, sizeof(random), temp.name);
		temp.fd = openat(local->temp, temp.name,
		                 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
		                         O_NOFOLLOW,
		                 0666);
		if (temp.fd < 0 && errno != EEXIST)
			return -errno;
		if (temp.fd >= 0 && lock_temp(temp.fd)) {
			*ret = temp;
			return 0;
		}
		/* Another process, just starting, took it for left over. */
		closep(&temp.fd);
	}
	return -EIO;
}

void local_temp_release(struct local_temp *temp)
{
	if (temp->fd >= 0 && temp->name[0])
		(void)unlinkat(temp->local->temp, temp->name, 0);
	closep(&temp->fd);
}

/* Remove a temporary file unless a living process holds it. */
static void remove_leftover(int dir, const char *name)
{
	cleanup(closep) int fd =
		openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dir, name, 0); /* next start tries again */
}

/* Remove what dead processes left in the temporary directory. */
static int remove_leftovers(int dir)
{
	int fd = openat(dir, ".", DIR_FLAGS);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		int r = -errno;

		closep(&fd);
		return r;
	}
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] != '.')
			remove_leftover(dir, entry->d_name);
	}
	(void)closedir(stream);
	return 0;
}

/* What runs each verb. */
static local_verb_fn *const verbs[STORE_VERBS] = {
	[STORE_HEAD] = local_head,
	[STORE_GET] = local_get,
	[STORE_PUT] = local_put,
	[STORE_COPY] = local_copy,
	[STORE_DELETE] = local_delete,
	[STORE_DELETE_MANY] = local_delete_many,
	[STORE_LIST] = local_list,
	[STORE_MPU_CREATE] = local_mpu_create,
	[STORE_MPU_PART] = local_mpu_part,
	[STORE_MPU_PART_COPY] = local_mpu_part_copy,
	[STORE_MPU_COMPLETE] = local_mpu_complete,
	[STORE_MPU_ABORT] = local_mpu_abort,
	[STORE_MPU_LIST_PARTS] = local_mpu_list_parts,
	[STORE_MPU_LIST] = local_mpu_list,
};

/* A request on the executor. */
static void run(struct task *task)
{
	struct local_op *op = container_of(task, struct local_op, task);
	struct local_store *local = op->local;
	struct store_req *req = op->req;
	int r = local_check_cancel(op);

	if (r == 0)
		r = verbs[req->verb](op);
	if (r < 0 && req->err.code != r)
		(void)local_fail_errno(op, r, "it failed");
	req->status = r;

	(void)pthread_mutex_lock(&local->lock);
	list_remove(&op->link);
	(void)pthread_mutex_unlock(&local->lock);

	crash_point();
	/* From done() on the request and the store may be gone. */
	req->done(req);
	local_meta_free(op->reply.meta);
	free(op->reply.rows);
	str_release(&op->reply.texts);
	free(op);
}

/* submit() of the store. */
static void local_submit(struct object_store *store, struct store_req *req)
{
	struct local_store *local = local_of(store);
	struct local_op *op = calloc(1, sizeof(*op));

	assert((unsigned)req->verb < STORE_VERBS);
	req->status = 0;
	req->err.code = 0;
	req->err.text[0] = '\0';
	req->info = (struct object_info){0};
	req->attempts = 1;
	req->maybe_applied = false;
	if (!op) {
		req->status = err_set(&req->err, -ENOMEM, "out of memory");
		req->done(req);
		return;
	}
	op->task.run = run;
	op->local = local;
	op->req = req;
	atomic_init(&op->cancelled, false);

	(void)pthread_mutex_lock(&local->lock);
	list_append(&local->ops, &op->link);
	(void)pthread_mutex_unlock(&local->lock);
	exec_run(local->exec, &op->task);
}

/* cancel() of the store. */
static void local_cancel(struct object_store *store, struct store_req *req)
{
	struct local_store *local = local_of(store);

	WITH_LOCK(&local->lock);
	list_for_each(node, &local->ops) {
		struct local_op *op = container_of(node, struct local_op, link);

		if (op->req == req)
			atomic_store(&op->cancelled, true);
	}
}

static const struct store_limits *local_limits(struct object_store *store)
{
	static const struct store_limits limits = {
		.profile = "local",
		.parts_max = 10000,
		.part_min = UINT64_C(5) << 20,
		.part_max = UINT64_C(5) << 30,
		.put_max = UINT64_C(5) << 30,
		.copy_max = UINT64_C(5) << 40,
		.object_max = UINT64_C(5) << 40,
		.meta_max = 2048,
		.put_if_none_match = true,
		.put_if_match = true,
		.complete_conditions = true,
		.copy_conditions = true,
		.copy_source_match = true,
		.delete_if_match = true,
		.complete_gives_etag = true,
	};

	(void)store;
	return &limits;
}

/* There is nobody who could serve a URL. */
static int local_presign(struct object_store *store, enum store_verb verb,
                         const char *key, uint64_t ttl_s, char **ret,
                         struct err *reterr)
{
	(void)verb;
	(void)key;
	(void)ttl_s;
	(void)ret;
	return err_set(reterr, -EOPNOTSUPP,
	               "%s is a local directory: it has no URLs",
	               local_of(store)->where);
}

/* Free a store, half-built or whole. */
static void local_free(struct local_store *local)
{
	if (!local)
		return;

	assert(list_empty(&local->ops));
	local_level_unref(local->last_level);
	closep(&local->tree_lock_file);
	closep(&local->uploads);
	closep(&local->temp);
	closep(&local->bucket);
	(void)pthread_rwlock_destroy(&local->tree);
	(void)pthread_mutex_destroy(&local->lock);
	free(local->prefix);
	free(local->where);
	free(local);
}
DEFINE_CLEANUP(struct local_store *, local_free);

/* destroy() of the store. */
static void local_destroy(struct object_store *store)
{
	local_free(local_of(store));
}

/* Any two directories. */
static bool local_copies_from(struct object_store *store,
                              struct object_store *source)
{
	return source->ops == store->ops;
}

/* The verbs behind the waist. */
static const struct object_store_ops local_ops = {
	.name = "local",
	.submit = local_submit,
	.cancel = local_cancel,
	.limits = local_limits,
	.presign = local_presign,
	.copies_from = local_copies_from,
	.destroy = local_destroy,
};

/* Open a directory in dir, made first if make. Returns it or -errno. */
static int open_dir(int dir, const char *name, bool make)
{
	int fd;

	if (make && mkdirat(dir, name, 0777) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* Fail a birth: "cannot WHAT: why". */
static int no_birth(struct err *reterr, int code, const char *what,
                    const char *path)
{
	char buffer[128];

	return err_set(reterr, code, "cannot %s '%s': %s", what, path,
	               strerror_r(-code, buffer, sizeof(buffer)));
}

/* Open the bucket's directory. */
static int open_bucket(struct local_store *local, int root,
                       const struct local_store_config *config,
                       struct err *reterr)
{
	const char *bucket = config->bucket;

	if (!*bucket || *bucket == '.' || strchr(bucket, '/') ||
	    strlen(bucket) > LOCAL_NAME_MAX)
		return err_set(reterr, -EINVAL,
		               "'%s' cannot be a bucket's name: it must be a "
		               "file name and not begin with a dot",
		               bucket);
	local->bucket = open_dir(root, bucket, config->create_bucket);
	if (local->bucket == -ENOENT)
		return err_set(reterr, -ENOENT,
		               "there is no bucket '%s' in %s: a bucket is a "
		               "directory there, made with mkdir",
		               bucket, config->root);
	if (local->bucket < 0)
		return no_birth(reterr, local->bucket, "open the bucket",
		                local->where);
	return 0;
}

/* Open, and make, what we keep beside the buckets. */
static int open_own(struct local_store *local, int root, const char *bucket)
{
	cleanup(closep) int own = open_dir(root, ".porterfs", true);

	if (own < 0)
		return own;
	local->temp = open_dir(own, ".tmp", true);
	if (local->temp < 0)
		return local->temp;
	local->uploads = open_dir(own, bucket, true);
	if (local->uploads < 0)
		return local->uploads;
	local->tree_lock_file =
		openat(local->uploads, ".lock",
	               O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	return local->tree_lock_file < 0 ? -errno : 0;
}

/* Whether files here can have what we need: attributes, openat2, rename. */
static int try_out(struct local_store *local, struct err *reterr)
{
	struct local_temp temp = LOCAL_TEMP_NONE;
	int r = local_temp_new(local, &temp);
	int fd;

	if (r < 0)
		return no_birth(reterr, r, "write to", local->where);
	r = fsetxattr(temp.fd, "user.porterfs", "{}", 2, 0) < 0 ? -errno : 0;
	local_temp_release(&temp);
	if (r == -EOPNOTSUPP)
		return err_set(reterr, -EOPNOTSUPP,
		               "the file system of %s has no user extended "
		               "attributes",
		               local->where);
	if (r < 0)
		return no_birth(reterr, r, "set an attribute in", local->where);

	fd = local_open(local->bucket, ".", DIR_FLAGS, 0);
	if (fd == -ENOSYS)
		return err_set(reterr, -EOPNOTSUPP,
		               "a local store needs Linux 5.6 (openat2)");
	closep(&fd);
	return 0;
}

/* The rwlock in which a stream of readers does not starve a writer. */
static void init_locks(struct local_store *local)
{
	pthread_rwlockattr_t attr;

	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&local->tree, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
	(void)pthread_mutex_init(&local->lock, NULL);
}

int local_store_new(const struct local_store_config *config,
                    struct object_store **ret, struct err *reterr)
{
	cleanup(local_freep) struct local_store *local =
		calloc(1, sizeof(*local));
	cleanup(closep) int root = -1;
	int r;

	if (!local)
		return -ENOMEM;
	local->store.ops = &local_ops;
	local->bucket = local->temp = local->uploads = -1;
	local->tree_lock_file = -1;
	local->sync = config->sync;
	local->exec = config->exec;
	local->clock = config->clock ? config->clock : clock_system();
	list_init(&local->ops);
	init_locks(local);
	local->where = str_printf("%s/%s", config->root, config->bucket);
	local->prefix = strdup(config->prefix ? config->prefix : "");
	if (!local->where || !local->prefix)
		return err_set(reterr, -ENOMEM, "out of memory");
	local->prefix_len = strlen(local->prefix);
	if (local->prefix_len >= STORE_KEY_MAX)
		return err_set(reterr, -ENAMETOOLONG,
		               "the prefix leaves no room for keys");

	root = open(config->root, DIR_FLAGS);
	if (root < 0)
		return no_birth(reterr, -errno, "open the directory",
		                config->root);
	r = open_bucket(local, root, config, reterr);
	if (r < 0)
		return r;
	r = open_own(local, root, config->bucket);
	if (r == 0)
		r = remove_leftovers(local->temp);
	if (r == 0)
		r = local_uploads_clean(local);
	if (r < 0)
		return no_birth(reterr, r, "use .porterfs in", config->root);
	r = try_out(local, reterr);
	if (r < 0)
		return r;

	*ret = &take(&local)->store;
	return 0;
}
