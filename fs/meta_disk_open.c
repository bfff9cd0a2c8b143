/* SPDX-License-Identifier: MIT */
#include "meta_disk_open.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "fs/fs.h"
#include "meta_disk_impl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 36          /* bytes */
#define THOROUGH_MAX (64u << 20) /* bytes that are looked at in any case */
#define FORMAT_SIZE  16          /* bytes: version, hash */

/* The text of dir/name, at most size - 1 bytes; false: there is none. */
static bool read_text(const char *path, char *ret, size_t size)
{
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t len = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (len < 0)
		return false;
	ret[len] = 0;
	return true;
}

/* Remove dir/name; 0, also when it is not there. */
static int remove_file(const char *dir, const char *name)
{
	cleanup(freep) char *path = str_printf("%s/%s", dir, name);

	if (!path)
		return -ENOMEM;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

void disk_unlink(const char *dir)
{
	(void)remove_file(dir, "data.mdb"); /* the mark tells as well */
	(void)remove_file(dir, "lock.mdb");
}

/* How the last daemon left the files. */
enum left {
	LEFT_WELL,
	LEFT_RUNNING, /* it died; the machine did not */
	LEFT_DAMAGED, /* nothing in there is to be believed */
};

static enum left how_left(const char *dir)
{
	cleanup(freep) char *mark = str_printf("%s/running", dir);
	cleanup(freep) char *bad = str_printf("%s/data.mdb.damaged", dir);
	char text[BOOT_ID_SIZE + 1];
	char boot[BOOT_ID_SIZE + 1];

	if (!mark || !bad || access(bad, F_OK) == 0)
		return LEFT_DAMAGED;
	if (!read_text(mark, text, sizeof(text)))
		return access(mark, F_OK) == 0 ? LEFT_DAMAGED : LEFT_WELL;
	return read_text(BOOT_ID_FILE, boot, sizeof(boot)) &&
	                       strcmp(text, boot) == 0
	               ? LEFT_RUNNING
	               : LEFT_DAMAGED;
}

/* Make what changed in the directory last. */
static void sync_dir(const char *dir)
{
	cleanup(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)fsync(fd); /* a lost mark is a younger one's business */
}

/* Leave the mark. */
static int leave_mark(const char *dir, struct err *reterr)
{
	cleanup(freep) char *path = str_printf("%s/running", dir);
	cleanup(closep) int fd = -1;
	char boot[BOOT_ID_SIZE + 1] = "";
	size_t len;
	int r = 0;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)read_text(BOOT_ID_FILE, boot, sizeof(boot)); /* "" is no start */
	len = strlen(boot);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	          0600);
	if (fd < 0 || write(fd, boot, len) != (ssize_t)len || fsync(fd) < 0)
		r = errno ? -errno : -EIO;
	if (r < 0)
		return err_set(reterr, r, "'%s' cannot be written: %s", path,
		               strerror(-r));
	sync_dir(dir);
	return 0;
}

/* Bytes of data.mdb. */
static uint64_t file_size(const char *dir)
{
	cleanup(freep) char *path = str_printf("%s/data.mdb", dir);
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Open LMDB's files; what is damaged goes. */
static int open_kv(struct meta_disk *disk, bool thorough, struct err *reterr)
{
	const struct kv_config config = {
		.dir = disk->dir,
		.size_max = disk->size_max,
		.thorough = thorough || file_size(disk->dir) <= THOROUGH_MAX,
		.table_count = TABLES,
		.tables = {"meta", "dirs", "names", "ranges"},
	};
	struct err err = {0};
	int r = kv_open(&config, &disk->kv, &err);

	if (r == -EUCLEAN || r == -EINVAL) {
		log_warning("the cache begins anew: %s", err.text);
		atomic_fetch_add(&disk->damaged, 1);
		disk_unlink(disk->dir);
		r = kv_open(&config, &disk->kv, &err);
	}
	return r < 0 ? err_set(reterr, r, "%s", err.text) : 0;
}

/* What records depend on beside their format: owners and modes by default. */
static void format_of(const struct meta_disk *disk, uint8_t ret[FORMAT_SIZE])
{
	const uint32_t defaults[] = {disk->fs->uid, disk->fs->gid,
	                             disk->fs->file_mode, disk->fs->dir_mode};
	const uint64_t version = META_RECORD_VERSION;
	uint64_t hash = digest_xxh64(defaults, sizeof(defaults), version);

	memcpy(ret, &version, sizeof(version));
	memcpy(ret + sizeof(version), &hash, sizeof(hash));
}

/* Whether what is there is of this format; 0 no, 1 yes. */
static int is_ours(struct meta_disk *disk, const uint8_t format[FORMAT_SIZE])
{
	char name[] = "format";
	const struct slice key = {(uint8_t *)name, sizeof(name) - 1};
	struct kv_txn *txn;
	struct slice value;
	uint64_t count = 0;
	int r = kv_begin(disk->kv, false, &txn);

	if (r < 0)
		return r;
	r = kv_get(txn, TABLE_META, key, &value);
	if (r == 0) {
		r = value.len == FORMAT_SIZE &&
		    memcmp(value.data, format, FORMAT_SIZE) == 0;
		if (!r)
			log_info("the cache in '%s' is of another format or "
			         "other default owners, and begins anew",
			         disk->dir);
	} else if (r == -ENOENT) {
		r = kv_count(txn, TABLE_DIRS, &count);
		if (r == 0 && count > 0)
			log_warning("the cache in '%s' does not say whose it "
			            "is, and begins anew",
			            disk->dir);
	}
	kv_abort(txn);
	return r;
}

/* Throw everything away and say whose it is now. */
static int begin_anew(struct meta_disk *disk, uint8_t format[FORMAT_SIZE])
{
	char name[] = "format";
	struct kv_txn *txn;
	int r = disk_clear(disk);

	if (r == 0)
		r = kv_begin(disk->kv, true, &txn);
	if (r < 0)
		return r;
	r = kv_put(txn, TABLE_META,
	           (struct slice){(uint8_t *)name, sizeof(name) - 1},
	           (struct slice){format, FORMAT_SIZE});
	if (r == 0)
		return kv_commit(txn);
	kv_abort(txn);
	return r;
}

/* Look at the format. */
static int check_format(struct meta_disk *disk, struct err *reterr)
{
	uint8_t format[FORMAT_SIZE];
	int r;

	format_of(disk, format);
	r = is_ours(disk, format);
	if (r == 0)
		r = begin_anew(disk, format);
	return r < 0 ? err_set(reterr, r, "the cache in '%s': %s", disk->dir,
	                       strerror(-r))
	             : 0;
}

int disk_open(struct meta_disk *disk, struct err *reterr)
{
	enum left left = how_left(disk->dir);
	struct timespec now = clock_wall(disk->clock);
	int r;

	if (left == LEFT_DAMAGED) {
		log_info("the cache in '%s' was not closed well and begins "
		         "anew",
		         disk->dir);
		disk_unlink(disk->dir);
		(void)remove_file(disk->dir, "data.mdb.damaged");
	}
	if (left == LEFT_RUNNING) /* the last changes may not be there */
		disk->trusted_ms = (uint64_t)now.tv_sec * 1000 +
		                   (uint64_t)now.tv_nsec / 1000000;
	r = leave_mark(disk->dir, reterr);
	if (r == 0)
		r = open_kv(disk, left == LEFT_RUNNING, reterr);
	if (r == 0)
		r = check_format(disk, reterr);
	return r;
}

void disk_close(struct meta_disk *disk)
{
	cleanup(freep) char *path = str_printf("%s/data.mdb", disk->dir);
	cleanup(closep) int fd = -1;

	kv_close(disk->kv);
	disk->kv = NULL;
	fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd >= 0 && fsync(fd) == 0 && !atomic_load(&disk->off))
		(void)remove_file(disk->dir, "running");
	sync_dir(disk->dir);
}
