/* SPDX-License-Identifier: MIT */
#include "names_rig.h"

#include "base/clock.h"
#include "base/exec.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/pool.h"
#include "notify.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the kernel ---- */

static void note(struct rig *rig, const char *what, uint64_t nodeid,
                 const char *name)
{
	WITH_LOCK(&rig->lock);

	str_addf(&rig->told, "%s %llu%s%s\n", what, (unsigned long long)nodeid,
	         name[0] ? " " : "", name);
}

static void inval_inode(struct fs_kernel *kernel, uint64_t nodeid)
{
	note(container_of(kernel, struct rig, kernel), "inode", nodeid, "");
}

static void inval_entry(struct fs_kernel *kernel, uint64_t parent,
                        const char *name)
{
	note(container_of(kernel, struct rig, kernel), "entry", parent, name);
}

char *rig_told(struct rig *rig)
{
	notify_drain(rig->fs->notify);

	WITH_LOCK(&rig->lock);
	char *told = strdup(str_text(&rig->told));

	str_reset(&rig->told);
	return told;
}

/* ---- the mount ---- */

static void unsettled(void *ctx, bool busy)
{
	struct rig *rig = ctx;

	rig->busy = busy;
}

static void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

/* What the store can do. */
static struct store_limits limits_of(const struct rig_config *config)
{
	return (struct store_limits){
		.profile = "test",
		.parts_max = 10000,
		.part_min = 5 << 20,
		.part_max = UINT64_C(5) << 30,
		.put_max = UINT64_C(5) << 30,
		.copy_max =
			config->copy_max ? config->copy_max : UINT64_C(5) << 30,
		.object_max = UINT64_C(5) << 40,
		.meta_max = 2048,
		.put_if_none_match = true,
		.put_if_match = !config->old_store,
		.complete_conditions = !config->old_store,
		.copy_source_match = !config->old_store,
		.delete_if_match = !config->old_store,
		.complete_gives_etag = true,
	};
}

/* Build the mount. */
static void mount_it(struct rig *rig)
{
	const struct rig_config *c = &rig->config;
	const struct fs_bucket_config buckets[] = {
		{
			.name = "b",
			.store = fault_store_object_store(rig->fault),
			.identity = "test/b",
			.mode = c->bucket_mode,
			.attrs = c->attrs,
			.cache_ttl_ms = c->no_ttl   ? 0
	                                : c->ttl_ms ? c->ttl_ms
	                                            : 2000,
		},
		{.name = "broken", .broken = -EACCES, .identity = "test/x"},
	};
	const struct fs_config fs = {
		.buckets = buckets,
		.bucket_count = 2,
		.uid = 1000,
		.gid = 1001,
		.file_mode = 0644,
		.dir_mode = 0755,
		.negative_ttl_ms = c->negative_ms ? c->negative_ms : 1000,
		.cache_dir = c->cache_dir,
		.cache_max_size =
			c->cache_max_size ? c->cache_max_size : 64 << 20,
		.copy_concurrency = 4,
		.rename_dir_max = 50,
		.seed = 7,
	};
	const struct fs_parts parts = {
		.clock = c->real_clock ? clock_system() : &rig->clock.clock,
		.timers = rig->timers,
		.exec = exec_inline(),
		.unsettled = unsettled,
		.ctx = rig,
	};

	assert_int_equal(fs_new(&fs, &parts, &rig->fs, NULL), 0);
	fs_set_kernel(rig->fs, &rig->kernel);
	rig->top = rig->fs->buckets[0].root->nodeid;
}

void rig_remount(struct rig *rig)
{
	assert_int_equal(rig->fs->under_way, 0);
	fs_free(rig->fs);
	mount_it(rig);
}

void rig_init(struct rig *rig, const struct rig_config *config)
{
	static const struct rig_config plain;
	const struct rig_config *c = config ? config : &plain;
	const struct store_limits limits = limits_of(c);
	const struct fake_store_config store = {
		.mode = c->mode,
		.latency_ms = c->latency_ms,
		.limits = &limits,
	};

	memset(rig, 0, sizeof(*rig));
	rig->busy = -1;
	(void)pthread_mutex_init(&rig->lock, NULL);
	fake_clock_init(&rig->clock);
	assert_int_equal(timers_new_manual(&rig->clock.clock, &rig->timers), 0);
	rig->fake = fake_store_new(&store);
	assert_non_null(rig->fake);
	rig->fault = fault_store_new(fake_store_object_store(rig->fake),
	                             rig->timers);
	assert_non_null(rig->fault);

	rig->config = *c;
	rig->kernel.inval_inode = inval_inode;
	rig->kernel.inval_entry = inval_entry;
	log_to_sink(quiet, NULL);
	mount_it(rig);
	rig_refuse_rename(0);
}

void rig_end(struct rig *rig)
{
	assert_true(rig->busy <= 0);
	assert_int_equal(rig->fs->under_way, 0);
	fake_store_set_mode(rig->fake, FAKE_INLINE);
	(void)fake_store_run(rig->fake);
	fs_free(rig->fs);
	fault_store_free(rig->fault);
	fake_store_free(rig->fake);
	timers_free(rig->timers);
	str_release(&rig->told);
	(void)pthread_mutex_destroy(&rig->lock);
	log_to_sink(NULL, NULL);
}

void rig_pass(struct rig *rig, uint64_t ms)
{
	(void)fake_clock_advance(&rig->clock, rig->timers, ms);
}

/* Write E for every ETag ("…" in quotes). */
static void mask_etags(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		const char *end = *from == '"' ? strchr(from + 1, '"') : NULL;

		*to++ = end ? 'E' : *from;
		if (end)
			from = end;
	}
	*to = 0;
}

char *rig_transcript(struct rig *rig)
{
	char *text = fake_store_take_transcript(rig->fake);

	assert_non_null(text);
	mask_etags(text);
	return text;
}

void rig_asked(struct rig *rig, const char *expected)
{
	char *text = rig_transcript(rig);

	assert_string_equal(text, expected);
	free(text);
}

void rig_forget_asked(struct rig *rig)
{
	free(fake_store_take_transcript(rig->fake));
}

unsigned rig_count(struct rig *rig, enum store_verb verb)
{
	struct fake_stats stats;

	fake_store_get_stats(rig->fake, &stats);
	return (unsigned)stats.requests[verb];
}

/* ---- calls ---- */

/* The call's done(): copies what lives in it only. */
static void called(struct fs_call *call)
{
	struct rig_call *rc = container_of(call, struct rig_call, call);

	if (call->status == 0 && rc->data_len == SIZE_MAX) {
		rc->data_len = (size_t)chain_size(&call->data);
		rc->data = calloc(1, rc->data_len + 1);
		(void)chain_read(&call->data, 0, rc->data, rc->data_len);
	}
	assert_false(atomic_exchange(&rc->done, true));
}

void rig_call_init(struct rig *rig, struct rig_call *call)
{
	memset(call, 0, sizeof(*call));
	call->rig = rig;
	call->call.done = called;
	call->call.status = 12345;
	call->call.who.uid = 1000;
	call->call.who.gid = 1001;
}

int rig_wait(struct rig_call *call)
{
	while (!call->done) {
		if (fake_store_run(call->rig->fake) == 0)
			(void)sched_yield();
	}
	return call->call.status;
}

void rig_call_end(struct rig_call *call)
{
	free(call->data);
	call->data = NULL;
}

int rig_lookup(struct rig *rig, uint64_t parent, const char *name,
               struct fs_entry *ret)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_lookup(rig->fs, &call.call, parent, name);
	(void)rig_wait(&call);
	if (ret)
		*ret = call.call.entry;
	return call.call.status;
}

uint64_t rig_walk(struct rig *rig, const char *path)
{
	uint64_t nodeid = rig->top;
	char *copy = strdup(path);
	char *rest = copy;

	for (char *name; nodeid && (name = strsep(&rest, "/"));) {
		struct fs_entry entry;

		nodeid = rig_lookup(rig, nodeid, name, &entry) == 0
		                 ? entry.nodeid
		                 : 0;
	}
	free(copy);
	return nodeid;
}

int rig_getattr(struct rig *rig, uint64_t nodeid, struct fs_attr *ret)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_getattr(rig->fs, &call.call, nodeid);
	(void)rig_wait(&call);
	if (ret)
		*ret = call.call.entry.attr;
	return call.call.status;
}

int rig_setattr(struct rig *rig, uint64_t nodeid, unsigned set,
                const struct fs_attr *attr)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_setattr(rig->fs, &call.call, nodeid, NULL, set, attr);
	return rig_wait(&call);
}

int rig_mkdir(struct rig *rig, uint64_t parent, const char *name, uint64_t *ret)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_mkdir(rig->fs, &call.call, parent, name, 0750);
	if (rig_wait(&call) == 0 && ret)
		*ret = call.call.entry.nodeid;
	return call.call.status;
}

int rig_symlink(struct rig *rig, uint64_t parent, const char *name,
                const char *target)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_symlink(rig->fs, &call.call, parent, name, target);
	return rig_wait(&call);
}

int rig_unlink(struct rig *rig, uint64_t parent, const char *name)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_unlink(rig->fs, &call.call, parent, name);
	return rig_wait(&call);
}

int rig_rmdir(struct rig *rig, uint64_t parent, const char *name)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_rmdir(rig->fs, &call.call, parent, name);
	return rig_wait(&call);
}

int rig_rename(struct rig *rig, uint64_t parent, const char *name,
               uint64_t new_parent, const char *new_name, unsigned flags)
{
	const struct fs_rename rename = {
		.parent = parent,
		.name = name,
		.new_parent = new_parent,
		.new_name = new_name,
		.flags = flags,
	};
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_rename(rig->fs, &call.call, &rename);
	return rig_wait(&call);
}

/* A reader that takes a number of names at a time. */
struct lister {
	struct str names;
	uint64_t next;
	unsigned room;
	unsigned got;
};

static bool take_name(void *ctx, const struct fs_dirent *dirent)
{
	struct lister *lister = ctx;

	if (lister->room == 0)
		return false;
	lister->room--;
	lister->got++;
	lister->next = dirent->next;
	if (strcmp(dirent->name, ".") != 0 && strcmp(dirent->name, "..") != 0)
		str_addf(&lister->names, "%s%s\n", dirent->name,
		         dirent->type == S_IFDIR   ? "/"
		         : dirent->type == S_IFLNK ? "@"
		                                   : "");
	return true;
}

/* Read an open directory from offset 0 to its end. */
static int read_all(struct rig *rig, struct fs_dir *dir, struct lister *lister)
{
	struct fs_readdir read = {.dir = dir, .fill = take_name};
	int status;

	read.ctx = lister;
	do {
		struct rig_call call;

		lister->room = 100;
		lister->got = 0;
		read.offset = lister->next;
		rig_call_init(rig, &call);
		fs_readdir(rig->fs, &call.call, &read);
		status = rig_wait(&call);
	} while (status == 0 && lister->got > 0);
	return status;
}

char *rig_ls(struct rig *rig, uint64_t nodeid, int *ret_status)
{
	struct lister lister = {0};
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_opendir(rig->fs, &call.call, nodeid);
	*ret_status = rig_wait(&call);
	if (*ret_status < 0)
		return NULL;
	*ret_status = read_all(rig, call.call.dir, &lister);
	fs_releasedir(rig->fs, call.call.dir);
	if (*ret_status < 0) {
		str_release(&lister.names);
		return NULL;
	}
	str_add(&lister.names, "");
	return lister.names.data ? str_take(&lister.names) : strdup("");
}
