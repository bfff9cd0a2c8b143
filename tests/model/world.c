/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "base/exec.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/timer.h"
#include "core.h"
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool world_diverge(struct world *world, const char *fmt, ...)
{
	va_list args;

	if (world->story[0])
		return false;
	va_start(args, fmt);
	(void)vsnprintf(world->story, sizeof(world->story), fmt, args);
	va_end(args);
	return false;
}

uint64_t world_now(const struct world *world)
{
	return world->clock.ms;
}

void world_pass(struct world *world, uint64_t ms)
{
	(void)fake_clock_advance(&world->clock, world->timers, ms);
}

/* ---- the process table: one process, and a child that closes ---- */

#define PARENT 1
#define CHILD  2

static void find_process(struct fs_callers *callers, int tid,
                         struct fs_process *ret)
{
	(void)callers;
	*ret = (struct fs_process){.tgid = 100 + tid, .id = 7};
}

static bool is_alive(struct fs_callers *callers,
                     const struct fs_process *process)
{
	(void)callers, (void)process;
	return true;
}

/* How many copies of descriptors that can write the file there are. */
static int count_descriptors(struct fs_callers *callers,
                             const struct fs_process *process, uint64_t ino)
{
	struct mount *mount = container_of(callers, struct mount, callers);
	unsigned count = 0;

	(void)process;
	for (unsigned i = 0; i < SLOTS; i++)
		if (mount->slots[i].writes && mount->slots[i].ino == ino)
			count += mount->slots[i].copies;
	return (int)count;
}

static int exit_code(struct fs_callers *callers,
                     const struct fs_process *process)
{
	(void)callers, (void)process;
	return 0;
}

/* ---- what the kernel is told ---- */

/* Pages are not modelled. */
static void inval_inode(struct fs_kernel *kernel, uint64_t nodeid)
{
	(void)kernel, (void)nodeid;
}

static void inval_entry(struct fs_kernel *kernel, uint64_t parent,
                        const char *name)
{
	struct mount *mount = container_of(kernel, struct mount, kernel);
	WITH_LOCK(&mount->lock);

	if (mount->told_count == TOLD_MAX)
		return;
	struct told *told = &mount->told[mount->told_count++];

	told->parent = parent;
	(void)snprintf(told->name, sizeof(told->name), "%s", name);
}

/* The path of a name in a directory, or PATHS. */
static int path_of(const struct mount *mount, const struct told *told)
{
	int p = 0;

	for (; p < PATHS; p++) {
		int parent = paths[p].parent;
		uint64_t dir =
			parent < 0 ? mount->top : mount->names[parent].nodeid;

		if (dir == told->parent &&
		    strcmp(paths[p].name, told->name) == 0)
			break;
	}
	return p;
}

void world_heed(struct mount *mount)
{
	notify_drain(mount->fs->notify);

	WITH_LOCK(&mount->lock);
	for (unsigned i = 0; i < mount->told_count; i++) {
		int p = path_of(mount, &mount->told[i]);

		if (p < PATHS)
			mount->names[p].until_ms = 0;
	}
	mount->told_count = 0;
}

/* ---- mounts ---- */

static void quiet_log(void *ctx, enum log_level level, const char *line)
{
	const struct world *world = ctx;

	(void)level;
	if (world->verbose)
		(void)fprintf(stderr, "      log: %s\n", line);
}

/* A mount's file system, from nothing. */
static int new_fs(struct mount *mount)
{
	struct world *world = mount->world;
	const struct fs_bucket_config bucket = {
		.name = "b",
		.store = fault_store_object_store(mount->fault),
		.identity = "model/b",
		.attrs = world->config & CONFIG_LIST ? FS_ATTRS_LIST
	                                             : FS_ATTRS_HEAD,
		.cache_ttl_ms = world->config & CONFIG_TWO ? 0 : UNSEEN_MS - 1,
	};
	const struct fs_config config = {
		.buckets = &bucket,
		.bucket_count = 1,
		.uid = 1000,
		.gid = 1000,
		.file_mode = 0644,
		.dir_mode = 0755,
		.negative_ttl_ms = UNSEEN_MS - 1,
		.part_size = PART_SIZE,
		.upload_concurrency = 3,
		.read_ahead_max = 4 << 20,
		.write_deadline_ms = 60000,
		.checkpoint = true,
		.sparse_max = 1 << 30,
		.seed = 42,
	};
	const struct fs_parts parts = {
		.clock = &world->clock.clock,
		.timers = world->timers,
		.pool = mount->pool,
		.exec = exec_inline(),
		.callers = &mount->callers,
	};
	struct fs_entry entry;
	struct model_call call;
	int r = fs_new(&config, &parts, &mount->fs, NULL);

	if (r < 0)
		return r;
	mount->kernel.inval_inode = inval_inode;
	mount->kernel.inval_entry = inval_entry;
	fs_set_kernel(mount->fs, &mount->kernel);
	call_begin(mount, &call);
	fs_lookup(mount->fs, &call.call, FS_ROOT_ID, "b");
	r = call_wait(&call);
	entry = call.call.entry;
	mount->top = entry.nodeid;
	return r;
}

static bool mount_init(struct world *world, unsigned number)
{
	struct mount *mount = &world->mounts[number];
	uint64_t budget = world->config & CONFIG_TIGHT ? 4 << 20 : 32 << 20;
	int r;

	mount->world = world;
	(void)pthread_mutex_init(&mount->lock, NULL);
	mount->ref = &world->ref.mounts[number];
	mount->callers = (struct fs_callers){
		.find = find_process,
		.alive = is_alive,
		.descriptors = count_descriptors,
		.exit_code = exit_code,
	};
	r = pool_new(budget, &mount->pool);
	if (r == 0)
		mount->fault = fault_store_new(
			fake_store_object_store(world->fake), world->timers);
	if (r == 0)
		r = mount->fault ? new_fs(mount) : -ENOMEM;
	return r == 0 || world_diverge(world, "mounting: %d", r);
}

/* Give back what the kernel remembers. */
static void forget_all(struct mount *mount)
{
	for (int p = 0; p < PATHS; p++)
		forget_path(mount, p);
}

bool world_remount(struct mount *mount)
{
	struct world *world = mount->world;
	int r;

	forget_all(mount);
	world_drain(world);
	r = fs_settle(mount->fs);
	if (r < 0 && !world->uploads_unsure && !world->lost)
		return world_diverge(world, "settling: %d", r);
	fs_free(mount->fs);
	mount->fs = NULL;
	memset(mount->ref->kept, 0, sizeof(mount->ref->kept));
	r = new_fs(mount);
	return r == 0 || world_diverge(world, "mounting again: %d", r);
}

/* ---- the world ---- */

/* What the store can do. */
static struct store_limits limits_of(unsigned config)
{
	bool heeds = !(config & CONFIG_OLD);

	return (struct store_limits){
		.profile = "model",
		.parts_max = 10000,
		.part_min = PART_SIZE,
		.part_max = 1 << 20,
		.put_max = 64 << 20,
		.copy_max = 64 << 20,
		.object_max = 1 << 30,
		.meta_max = 2048,
		.put_if_none_match = heeds,
		.put_if_match = heeds,
		.complete_conditions = heeds,
		.copy_conditions = heeds,
		.copy_source_match = heeds,
		.delete_if_match = heeds,
		.complete_gives_etag = heeds,
	};
}

/* An object that is there before anybody mounts. */
static int fill_one(struct world *world, int path, const char *key, size_t size)
{
	uint8_t *data = calloc(1, size + 1);
	struct ref_version *version =
		ref_version_new(size ? REF_FILE : REF_DIR, data, size);
	int r = data ? fake_store_put(world->fake, key, data, size, NULL)
	             : -ENOMEM;

	ref_store(&world->ref, path, version);
	ref_version_drop(version);
	return r;
}

/* A directory with an object of its own, and one without. */
static int fill(struct world *world)
{
	int r = fill_one(world, 3, "d/", 0);

	if (r == 0 && world->config & CONFIG_TWO)
		r = fill_one(world, 11, "i/", 0);
	else if (r == 0)
		r = fill_one(world, 12, "i/a", 1000);
	return r;
}

bool world_init(struct world *world, unsigned config)
{
	const struct store_limits limits = limits_of(config);
	bool verbose = world->verbose;
	struct fake_store_config store = {.limits = &limits};
	int r;

	memset(world, 0, sizeof(*world));
	world->verbose = verbose;
	world->config = config;
	world->mount_count = config & CONFIG_TWO ? 2 : 1;
	log_to_sink(quiet_log, world);
	ref_init(&world->ref);
	fake_clock_init(&world->clock);
	r = timers_new_manual(&world->clock.clock, &world->timers);
	if (r < 0)
		return world_diverge(world, "timers: %d", r);
	store.clock = &world->clock.clock;
	store.mode = config & CONFIG_QUEUE ? FAKE_QUEUE : FAKE_INLINE;
	world->fake = fake_store_new(&store);
	if (!world->fake || fill(world) < 0)
		return world_diverge(world, "out of memory");
	for (unsigned i = 0; i < world->mount_count; i++)
		if (!mount_init(world, i))
			return false;
	return true;
}

bool world_end(struct world *world)
{
	bool ok = !world->story[0];

	for (unsigned i = 0; ok && i < world->mount_count; i++) {
		struct mount *mount = &world->mounts[i];

		forget_all(mount);
		world_drain(world);
		if (fs_settle(mount->fs) < 0 && !world->uploads_unsure &&
		    !world->lost)
			ok = world_diverge(world, "settling at the end");
	}
	if (ok)
		ok = world_check(world);
	for (unsigned i = 0; ok && i < world->mount_count; i++) {
		struct mount *mount = &world->mounts[i];

		fs_free(mount->fs);
		fault_store_free(mount->fault);
		pool_free(mount->pool);
	}
	ref_release(&world->ref);
	for (unsigned p = 0; p < PATHS; p++) {
		ref_set(&world->looked[p].version, NULL);
		if (world->looked[p].object)
			fake_object_unref(world->looked[p].object);
	}
	if (!ok) /* the process ends with it, whatever it still holds */
		return false;
	fake_store_free(world->fake);
	timers_free(world->timers);
	log_to_sink(NULL, NULL);
	return true;
}

/* ---- the store's state ---- */

bool world_is_quiet(struct world *world)
{
	return fake_store_waiting(world->fake) == 0;
}

void world_drain(struct world *world)
{
	while (fake_store_waiting(world->fake) > 0)
		(void)fake_store_run(world->fake);
}

/* A header of an object by name; NULL = none. */
static const char *meta_of(const struct fake_object *object, const char *name)
{
	for (size_t i = 0; i < object->headers.meta_count; i++)
		if (strcmp(object->headers.meta[i].name, name) == 0)
			return object->headers.meta[i].value;
	return NULL;
}

/* Whether the metadata are right. */
static bool headers_match(const struct world *world,
                          const struct ref_version *version,
                          const struct fake_object *object)
{
	static const uint32_t types[] = {
		[REF_FILE] = S_IFREG, [REF_DIR] = S_IFDIR, [REF_LINK] = S_IFLNK};
	static const char *const xattrs[XATTRS] = {"xa", "xb"};
	const char *mode = meta_of(object, "mode");
	char text[32];

	/* With attrs = list who overwrites knows no more of them. */
	if (world->config & (CONFIG_LIST | CONFIG_TWO) || version->unsure)
		return true;
	if (version->mode != UINT32_MAX) {
		(void)snprintf(text, sizeof(text), "%u",
		               types[version->kind] | version->mode);
		if (!mode || strcmp(mode, text) != 0)
			return false;
	}
	for (unsigned i = 0; i < XATTRS; i++) {
		const char *value = meta_of(object, xattrs[i]);

		(void)snprintf(text, sizeof(text), "v%u", version->xattr[i]);
		if ((version->xattr[i] != 0) != (value != NULL) ||
		    (value && strcmp(value, text) != 0))
			return false;
	}
	return true;
}

/* Whether an object is that version; remembered, for it does not change. */
static bool matches(struct world *world, int path, struct fake_object *object,
                    struct ref_version *version)
{
	struct looked *looked = &world->looked[path];

	if (!object || !version)
		return !object && !version;
	if (looked->object == object && looked->version == version)
		return true;
	if (object->size != version->size ||
	    memcmp(object->data, version->data, version->size) != 0 ||
	    !headers_match(world, version, object))
		return false;
	(void)snprintf(version->etag, sizeof(version->etag), "%s",
	               object->etag);
	fake_object_ref(object);
	if (looked->object)
		fake_object_unref(looked->object);
	looked->object = object;
	ref_set(&looked->version, version);
	return true;
}

/* What differs, in words. */
static bool tell_difference(struct world *world, int path,
                            const struct fake_object *object,
                            const struct ref_version *version)
{
	size_t at = 0;
	const char *mode = object ? meta_of(object, "mode") : NULL;

	if (!object)
		return world_diverge(world, "'%s' is not at the store",
		                     paths[path].key);
	if (!version)
		return world_diverge(world,
		                     "'%s' is at the store, of %llu bytes",
		                     paths[path].key,
		                     (unsigned long long)object->size);
	while (at < object->size && at < version->size &&
	       object->data[at] == version->data[at])
		at++;
	return world_diverge(world,
	                     "'%s' has %llu bytes at the store, must have %zu; "
	                     "first difference at %zu; mode %s, must be %o",
	                     paths[path].key, (unsigned long long)object->size,
	                     version->size, at, mode ? mode : "-",
	                     version->mode);
}

/* One path: as it must be, or as it may be, which is the truth then. */
static bool check_path(struct world *world, int path, size_t *count)
{
	const struct fake_table *table = &world->fake->table;
	struct ref *ref = &world->ref;
	char dir[32];
	struct fake_object *file = fake_table_get(table, paths[path].key);
	struct fake_object *object;
	bool as_dir = ref->store[path] && ref->store[path]->kind == REF_DIR;

	(void)snprintf(dir, sizeof(dir), "%s/", paths[path].key);
	object = fake_table_get(table, dir);
	if (file && object)
		return world_diverge(world, "both '%s' and '%s' are there",
		                     paths[path].key, dir);
	*count += file || object;
	if ((as_dir || !file) && matches(world, path, object, ref->store[path]))
		return true;
	if (!as_dir && !object && matches(world, path, file, ref->store[path]))
		return true;
	object = file ? file : object;
	for (unsigned i = 0; i < ref->may[path].count; i++) {
		struct ref_version *may = ref->may[path].versions[i];

		if (matches(world, path, object, may)) {
			ref_store(ref, path, may);
			return true;
		}
	}
	return tell_difference(world, path, object, ref->store[path]);
}

/* Multipart uploads are open only for what is being written. */
static bool check_uploads(struct world *world)
{
	size_t dirty = 0;
	size_t open = fake_store_open_uploads(world->fake);

	for (unsigned i = 0; i < world->mount_count; i++)
		list_for_each(node, &world->ref.mounts[i].files) {
			const struct ref_file *file =
				container_of(node, struct ref_file, link);

			dirty += file->dirty || file->failed || file->unlinked;
		}
	if (open > dirty + world->kept && !world->uploads_unsure)
		return world_diverge(world,
		                     "%zu uploads are open for %zu files", open,
		                     dirty);
	return true;
}

bool world_check(struct world *world)
{
	size_t count = 0;

	if (world->verbose) {
		char *text = fake_store_take_transcript(world->fake);

		(void)fprintf(stderr, "%s", text);
		free(text);
	}

	if (world->story[0])
		return false;
	if (!world_is_quiet(world))
		return true;
	for (int p = 0; p < PATHS; p++)
		if (!check_path(world, p, &count))
			return false;
	if (count != world->fake->table.count) {
		char *list = fake_store_list(world->fake);

		world_diverge(world, "unknown objects are there:\n%s", list);
		free(list);
		return false;
	}
	ref_forget_may(&world->ref);
	return check_uploads(world);
}
