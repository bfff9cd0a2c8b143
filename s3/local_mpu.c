/* SPDX-License-Identifier: MIT */
/*
 * Uploads of the embedded store: DIR/.porterfs/BUCKET/UPLOAD_ID/ holds "meta"
 * (JSON: key, time and headers) and the parts (local_part.c).  A directory
 * without "meta" is no upload.
 */
#include "base/digest.h"
#include "local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define META_MAX  ((size_t)64 << 10) /* bytes of the file "meta" */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

void local_upload_release(struct local_upload *upload)
{
	closep(&upload->dir);
	closep(&upload->meta_file);
	free(upload->key);
	local_meta_free(upload->meta);
	*upload = LOCAL_UPLOAD_NONE;
}

/* Whether text can be the id of an upload of ours. */
static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == LOCAL_UPLOAD_ID_LEN &&
	       text[LOCAL_UPLOAD_ID_LEN] == '\0';
}

/* Whether a name is in a directory. */
static bool has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The whole small file; the caller owns it. */
static int read_file(int fd, char **ret, size_t *ret_len)
{
	cleanup(freep) char *text = malloc(META_MAX);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	while (len < META_MAX) {
		ssize_t n = pread(fd, text + len, META_MAX - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret = take(&text);
	*ret_len = len;
	return 0;
}

/* Understand the file "meta". */
static int parse_meta(const char *text, size_t len, struct local_upload *ret)
{
	cleanup(local_meta_freep) struct local_meta *meta =
		calloc(1, sizeof(*meta));
	struct str key = {0};
	uint64_t initiated;
	const char *uri;
	int r;

	if (!meta)
		return -ENOMEM;
	r = jval_parse(text, len, &meta->doc, NULL);
	if (r < 0)
		return r;
	uri = jval_get_text(meta->doc, "key");
	if (!uri || jval_get_u64(meta->doc, "initiated", &initiated) < 0)
		return -EIO;
	r = local_headers_from_json(meta->doc, meta);
	if (r < 0)
		return r;
	r = str_uri_decode(uri, strlen(uri), false, &key);
	ret->key = str_take(&key);
	if (r < 0 || !ret->key)
		return r < 0 ? r : -ENOMEM;
	ret->initiated.tv_sec = (time_t)(initiated / 1000000000);
	ret->initiated.tv_nsec = (long)(initiated % 1000000000);
	ret->meta = take(&meta);
	return 0;
}

/* Wait until no other Complete or Abort works on an upload, and stop others. */
static int lock_upload(const struct local_upload *upload)
{
	struct stat st;
	int r;

	do
		r = flock(upload->meta_file, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0 || fstat(upload->meta_file, &st) < 0)
		return -errno;
	return st.st_nlink > 0 ? 0 : -ENOENT;
}

int local_upload_open(struct local_store *local, const char *id, bool locked,
                      struct local_upload *ret)
{
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	cleanup(freep) char *text = NULL;
	size_t len = 0;
	int r = 0;

	if (!is_id(id))
		return -ENOENT;
	(void)str_copy(upload.id, sizeof(upload.id), id);
	upload.dir = openat(local->uploads, id, DIR_FLAGS | O_NOFOLLOW);
	if (upload.dir < 0)
		return -errno;
	upload.meta_file = openat(upload.dir, LOCAL_META,
	                          O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (upload.meta_file < 0)
		return -errno;
	if (locked)
		r = lock_upload(&upload);
	if (r == 0 && has(upload.dir, LOCAL_COMPLETING) &&
	    !has(upload.dir, LOCAL_JOINED))
		r = -ENOENT; /* it is an object already */
	if (r == 0 && locked)
		r = local_unjoin(&upload);
	if (r == 0)
		r = read_file(upload.meta_file, &text, &len);
	if (r == 0)
		r = parse_meta(text, len, &upload);
	if (r < 0)
		return r;

	*ret = upload;
	upload = LOCAL_UPLOAD_NONE;
	return 0;
}

int local_upload_find(struct local_op *op, const char *id, bool locked,
                      struct local_upload *ret)
{
	char key[STORE_KEY_MAX + 1];
	int r = local_full_key(op, op->local, op->req->key, key);

	if (r < 0)
		return r;
	r = local_upload_open(op->local, id, locked, ret);
	if (r < 0 && r != -ENOENT)
		return local_fail_errno(op, r, "looking at the upload");
	if (r == 0 && strcmp(ret->key, key) == 0)
		return 0;
	if (r == 0)
		local_upload_release(ret);
	return local_fail(op, -ENOENT, "there is no such upload");
}

int local_unjoin(const struct local_upload *upload)
{
	if (renameat2(upload->dir, LOCAL_JOINED, upload->dir, LOCAL_DATA,
	              RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? 0 : -errno;
	(void)unlinkat(upload->dir, LOCAL_COMPLETING, 0);
	return 0;
}

/* Remove every file in a directory. */
static void remove_files(int dir)
{
	int fd = openat(dir, ".", DIR_FLAGS);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dir, entry->d_name, 0);
	}
	(void)closedir(stream);
}

void local_upload_remove(struct local_store *local, const char *id)
{
	cleanup(closep) int dir =
		openat(local->uploads, id, DIR_FLAGS | O_NOFOLLOW);

	if (dir < 0)
		return;
	/* First what makes it an upload; a crash leaves the rest to a start. */
	(void)unlinkat(dir, LOCAL_META, 0);
	remove_files(dir);
	(void)unlinkat(local->uploads, id, AT_REMOVEDIR);
}

int local_uploads_each(struct local_store *local,
                       int (*each)(struct local_store *local, const char *id,
                                   void *ctx),
                       void *ctx)
{
	int fd = openat(local->uploads, ".", DIR_FLAGS);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!stream) {
		r = -errno;
		closep(&fd);
		return r;
	}
	while (r == 0 && (entry = readdir(stream))) {
		if (is_id(entry->d_name))
			r = each(local, entry->d_name, ctx);
	}
	(void)closedir(stream);
	return r;
}

/* Remove an upload that is none. */
static int clean_upload(struct local_store *local, const char *id, void *ctx)
{
	cleanup(closep) int dir =
		openat(local->uploads, id, DIR_FLAGS | O_NOFOLLOW);

	(void)ctx;
	if (dir >= 0 && (!has(dir, LOCAL_META) || (has(dir, LOCAL_COMPLETING) &&
	                                           !has(dir, LOCAL_JOINED))))
		local_upload_remove(local, id);
	return 0;
}

int local_uploads_clean(struct local_store *local)
{
	return local_uploads_each(local, clean_upload, NULL);
}

int local_sync_dir(struct local_store *local, int dir)
{
	return local->sync && fsync(dir) < 0 ? -errno : 0;
}

/* The text of the file "meta". */
static int make_meta(const struct timespec *now, const char *key,
                     const struct store_headers *headers, struct str *ret)
{
	cleanup(jval_freep) struct jval *doc = jval_new_object();
	cleanup(str_release) struct str uri = {0};
	int r = doc ? 0 : -ENOMEM;

	str_add_uri(&uri, key, strlen(key), true);
	if (r == 0)
		r = str_status(&uri);
	if (r == 0)
		r = jval_set_text(doc, "key", str_text(&uri));
	if (r == 0)
		r = jval_set_u64(doc, "initiated",
		                 (uint64_t)now->tv_sec * 1000000000 +
		                         (uint64_t)now->tv_nsec);
	if (r == 0)
		r = local_headers_to_json(headers, doc);
	if (r == 0)
		r = jval_dump(doc, ret);
	return r;
}

/* Write the file "meta" where it is not seen yet. */
static int write_meta(struct local_op *op, const struct str *text,
                      struct local_temp *temp)
{
	const struct slice slice = {(uint8_t *)text->data, text->len};
	const struct chain chain = {&slice, 1};
	struct digest128 hash;
	int r = local_temp_new(op->local, temp);

	if (r == 0)
		r = local_write_chain(op, &chain, temp->fd, 0, &hash);
	if (r == 0 && op->local->sync && fsync(temp->fd) < 0)
		r = -errno;
	return r;
}

/* Make an upload's directory with its "meta". */
static int make_upload(struct local_store *local, const char *id,
                       struct local_temp *meta)
{
	cleanup(closep) int dir = -1;
	int r;

	if (mkdirat(local->uploads, id, 0777) < 0 && errno != EEXIST)
		return -errno;
	dir = openat(local->uploads, id, DIR_FLAGS | O_NOFOLLOW);
	if (dir < 0 || renameat(local->temp, meta->name, dir, LOCAL_META) < 0)
		return -errno;
	meta->name[0] = '\0';
	r = local_sync_dir(local, dir);
	return r < 0 ? r : local_sync_dir(local, local->uploads);
}

int local_mpu_create(struct local_op *op)
{
	struct store_create *create = &op->req->create;
	cleanup(local_temp_release) struct local_temp temp = LOCAL_TEMP_NONE;
	cleanup(str_release) struct str text = {0};
	uint8_t random[LOCAL_UPLOAD_ID_LEN / 2];
	char key[STORE_KEY_MAX + 1];
	struct timespec now;
	int r = local_full_key(op, op->local, op->req->key, key);

	if (r < 0)
		return r;
	if (local_meta_size(&create->headers) >
	    store_limits(&op->local->store)->meta_max)
		return local_fail(op, -EINVAL,
		                  "more than 2048 bytes of metadata");
	digest_random(random, sizeof(random));
	digest_hex(random, sizeof(random), create->upload_id);
	now = clock_wall(op->local->clock);
	r = make_meta(&now, key, &create->headers, &text);
	if (r == 0)
		r = write_meta(op, &text, &temp);
	if (r == 0)
		r = make_upload(op->local, create->upload_id, &temp);
	if (r == -ENOENT) /* a start has just taken it for a dead one */
		r = make_upload(op->local, create->upload_id, &temp);
	return r < 0 ? local_fail_errno(op, r, "making the upload") : 0;
}

int local_mpu_abort(struct local_op *op)
{
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	int r = local_upload_find(op, op->req->abort.upload_id, true, &upload);

	if (r < 0)
		return r;
	local_upload_remove(op->local, upload.id);
	r = local_sync_dir(op->local, op->local->uploads);
	return r < 0 ? local_fail_errno(op, r, "syncing the removal") : 0;
}
