/* SPDX-License-Identifier: MIT */
/*
 * The names in one directory, as components of keys in byte order.
 *
 * A directory's component ends in "/", which puts it where its keys belong
 * among its neighbours.  Cut components (local_path.h) are put together here,
 * so that those above see whole ones only.  A large directory is listed page by
 * page: the last one read is kept and used again for as long as its times say
 * that nothing was renamed in it.
 */
#include "local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define KEEP_MIN  512          /* entries that make keeping a level worth it */
#define SETTLE_NS 2000000000LL /* the coarsest grain of file times */
#define NS_PER_S  1000000000

void local_level_unref(struct local_level *level)
{
	if (!level || atomic_fetch_sub(&level->refs, 1) > 1)
		return;

	free(level->path);
	free(level->entries);
	str_release(&level->texts);
	free(level);
}

/* Open a directory below the bucket; NULL and *ret_status when that fails. */
static DIR *open_stream(struct local_store *local, const char *path,
                        int *ret_status)
{
	int fd = local_open(local->bucket, path, DIR_FLAGS, 0);
	DIR *stream;

	if (fd < 0) {
		*ret_status = fd;
		return NULL;
	}
	stream = fdopendir(fd);
	if (!stream) {
		*ret_status = -errno;
		closep(&fd);
	}
	return stream;
}

/* DT_REG, DT_DIR or another type. */
static unsigned char type_of(DIR *stream, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type;
	if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

/* Add a component, with its slash if it is a directory. */
static int add(struct local_level *level, const struct str *component,
               bool is_dir, bool is_aside)
{
	size_t cap = level->cap ? 2 * level->cap : 64;
	struct local_entry *entries = level->entries;

	if (component->len > STORE_KEY_MAX)
		return 0; /* made by hand: no key is that long */
	if (level->texts.len > UINT32_MAX - STORE_KEY_MAX - 1)
		return -EFBIG;
	if (level->count == level->cap) {
		entries = realloc(entries, cap * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		level->entries = entries;
		level->cap = cap;
	}
	entries[level->count++] = (struct local_entry){
		.text = (uint32_t)level->texts.len,
		.len = (uint16_t)(component->len + (is_dir ? 1 : 0)),
		.is_dir = is_dir,
		.is_aside = is_aside,
	};
	str_add_mem(&level->texts, str_text(component), component->len);
	if (is_dir)
		str_add_char(&level->texts, '/');
	return str_status(&level->texts);
}

/* A directory being read: the level's, or one of a cut component. */
struct reading {
	struct local_store *local;
	struct local_level *level;
	struct str path;      /* of the directory */
	size_t top;           /* bytes of path that are the level's own */
	struct str component; /* what the cuts above are the beginning of */
};

/* Whether a cut component has been cut where we cut. */
static bool is_cut_by_us(const struct reading *reading, const char *name,
                         bool is_aside)
{
	char path[LOCAL_PATH_MAX];
	cleanup(str_release) struct str found = {0};

	if (reading->path.len == reading->top)
		return true; /* not cut */
	str_add(&found, reading->path.data + reading->top + 1);
	str_addf(&found, "/%s", name);
	return str_status(&found) == 0 &&
	       local_path_of_key(str_text(&reading->component), path) == 0 &&
	       strncmp(found.data, path, strlen(path)) == 0 &&
	       strcmp(found.data + strlen(path), is_aside ? "%" : "") == 0;
}

static int read_stream(struct reading *reading, DIR *stream);

/* Read the directory of a cut component into the same level. */
static int read_cut(struct reading *reading, const char *name)
{
	size_t len = reading->path.len;
	DIR *stream;
	int r = 0;

	str_addf(&reading->path, "/%s", name);
	if (str_status(&reading->path) < 0)
		return -ENOMEM;
	stream = open_stream(reading->local, reading->path.data, &r);
	if (stream) {
		r = read_stream(reading, stream);
		(void)closedir(stream);
	}
	reading->path.len = len;
	reading->path.data[len] = '\0';
	return r == -ENOENT ? 0 : r;
}

/* One name of a directory. */
static int read_name(struct reading *reading, const char *name,
                     unsigned char type)
{
	struct str *component = &reading->component;
	char bytes[LOCAL_NAME_MAX];
	size_t old = component->len;
	size_t len;
	enum local_name kind = local_name_decode(name, bytes, &len);
	bool is_dir = type == DT_DIR;
	int r = 0;

	if (kind == LOCAL_NAME_FOREIGN || (type != DT_REG && !is_dir) ||
	    (kind == LOCAL_NAME_ASIDE && is_dir) ||
	    (kind == LOCAL_NAME_PART && !is_dir) || old + len > STORE_KEY_MAX)
		return 0;

	str_add_mem(component, bytes, len);
	if (str_status(component) < 0)
		return -ENOMEM;
	if (kind == LOCAL_NAME_PART)
		r = read_cut(reading, name);
	else if (is_cut_by_us(reading, name, kind == LOCAL_NAME_ASIDE))
		r = add(reading->level, component, is_dir,
		        kind == LOCAL_NAME_ASIDE);
	component->len = old;
	component->data[old] = '\0';
	return r;
}

/* All names of a directory. */
static int read_stream(struct reading *reading, DIR *stream)
{
	const struct dirent *entry;
	int r = 0;

	errno = 0;
	while (r == 0 && (entry = readdir(stream))) {
		if (entry->d_type != DT_LNK)
			r = read_name(reading, entry->d_name,
			              type_of(stream, entry));
		errno = 0;
	}
	return r == 0 && errno ? -errno : r;
}

/* In byte order of components; of two files of one key the plain one first. */
static int compare(const void *a, const void *b, void *ctx)
{
	const struct local_level *level = ctx;
	const struct local_entry *x = a;
	const struct local_entry *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(local_entry_text(level, x),
	                   local_entry_text(level, y), len);

	if (order == 0)
		order = (x->len > y->len) - (x->len < y->len);
	return order ? order : x->is_aside - y->is_aside;
}

/* Sort a level and drop the older of two files of one key. */
static void sort(struct local_level *level)
{
	size_t kept = 0;

	if (level->count == 0)
		return;
	str_add(&level->texts, ""); /* data is never NULL from here on */
	qsort_r(level->entries, level->count, sizeof(*level->entries), compare,
	        level);
	for (size_t i = 1; i < level->count; i++) {
		const struct local_entry *x = &level->entries[kept];
		const struct local_entry *y = &level->entries[i];

		if (x->len != y->len ||
		    memcmp(local_entry_text(level, x),
		           local_entry_text(level, y), x->len) != 0)
			level->entries[++kept] = *y;
	}
	level->count = kept + 1;
}

/* Whether a directory has rested for so long that its times are reliable. */
static bool is_settled(const struct local_store *local, const struct stat *st)
{
	struct timespec now = clock_wall(local->clock);
	int64_t age;

	age = (now.tv_sec - st->st_ctim.tv_sec) * NS_PER_S + now.tv_nsec -
	      st->st_ctim.tv_nsec;
	return age > SETTLE_NS;
}

/* Read all names of a level, while nobody changes them. */
static int fill(struct local_store *local, struct local_level *level)
{
	struct reading reading = {.local = local, .level = level};
	DIR *stream;
	int r = 0;

	str_add(&reading.path, level->path);
	str_add(&reading.component, "");
	reading.top = reading.path.len;
	(void)pthread_rwlock_rdlock(&local->tree);
	stream = open_stream(local, level->path, &r);
	if (stream) {
		if (fstat(dirfd(stream), &level->stat) < 0)
			r = -errno;
		level->settled = is_settled(local, &level->stat);
		if (r == 0)
			r = read_stream(&reading, stream);
		(void)closedir(stream);
	}
	(void)pthread_rwlock_unlock(&local->tree);
	str_release(&reading.path);
	str_release(&reading.component);
	return r;
}

/* Whether two looks at a directory saw the same names. */
static bool same_times(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The kept level, shared, if it is of that path and still true; or NULL. */
static struct local_level *find_kept(struct local_store *local,
                                     const char *path)
{
	struct local_level *level = NULL;
	struct stat st;
	int fd;

	(void)pthread_mutex_lock(&local->lock);
	if (local->last_level && strcmp(local->last_level->path, path) == 0) {
		level = local->last_level;
		atomic_fetch_add(&level->refs, 1);
	}
	(void)pthread_mutex_unlock(&local->lock);
	if (!level)
		return NULL;

	fd = local_open(local->bucket, path, DIR_FLAGS, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !same_times(&st, &level->stat)) {
		local_level_unref(level);
		level = NULL;
	}
	closep(&fd);
	return level;
}

/* Whether a level's directory alone tells if it has changed. */
static bool can_keep(const struct local_level *level)
{
	if (!level->settled || level->count < KEEP_MIN)
		return false;
	for (size_t i = 0; i < level->count; i++) {
		const struct local_entry *entry = &level->entries[i];

		if (entry->len > LOCAL_NAME_MAX - 1 ||
		    local_name_is_long(local_entry_text(level, entry),
		                       entry->len - (entry->is_dir ? 1U : 0U)))
			return false; /* lies in a directory of its own */
	}
	return true;
}

/* Keep a level for the next page. */
static void keep(struct local_store *local, struct local_level *level)
{
	struct local_level *old;

	if (!can_keep(level))
		return;
	atomic_fetch_add(&level->refs, 1);
	(void)pthread_mutex_lock(&local->lock);
	old = local->last_level;
	local->last_level = level;
	(void)pthread_mutex_unlock(&local->lock);
	local_level_unref(old);
}

int local_level_read(struct local_store *local, const char *path,
                     struct local_level **ret)
{
	cleanup(local_level_unrefp) struct local_level *level =
		find_kept(local, path);
	int r;

	if (level) {
		*ret = take(&level);
		return 0;
	}
	level = calloc(1, sizeof(*level));
	if (!level)
		return -ENOMEM;
	atomic_init(&level->refs, 1);
	level->path = strdup(path);
	if (!level->path)
		return -ENOMEM;
	r = fill(local, level);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
		return r;
	sort(level);
	keep(local, level);
	*ret = take(&level);
	return 0;
}

/* A look for any object at path, which is put back as it was. */
static int probe(struct local_store *local, struct str *path)
{
	cleanup(str_release) struct str dirs = {0};
	const struct dirent *entry;
	size_t len = path->len;
	int r = 0;
	DIR *stream = open_stream(local, path->data, &r);

	if (!stream)
		return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
	while (r == 0 && (entry = readdir(stream))) {
		char bytes[LOCAL_NAME_MAX];
		size_t count;
		enum local_name kind =
			local_name_decode(entry->d_name, bytes, &count);
		unsigned char type = type_of(stream, entry);

		if (kind == LOCAL_NAME_FOREIGN)
			continue;
		if (type == DT_REG && kind != LOCAL_NAME_PART)
			r = 1;
		if (type == DT_DIR && kind != LOCAL_NAME_ASIDE)
			str_add_mem(&dirs, entry->d_name,
			            strlen(entry->d_name) + 1);
	}
	(void)closedir(stream);
	for (size_t at = 0; r == 0 && at < dirs.len;
	     at += strlen(dirs.data + at) + 1) {
		str_addf(path, "/%s", dirs.data + at);
		r = str_status(path) < 0 ? -ENOMEM : probe(local, path);
		path->len = len;
		path->data[len] = '\0';
	}
	return r == 0 ? str_status(&dirs) : r;
}

int local_has_objects(struct local_store *local, const char *path)
{
	cleanup(str_release) struct str copy = {0};

	str_add(&copy, path);
	return str_status(&copy) < 0 ? -ENOMEM : probe(local, &copy);
}
