/* SPDX-License-Identifier: MIT */
/*
 * What the tests of contents and handles share: a mount on a fake store, and
 * calls that are watched.
 */
#ifndef PORTER_TEST_CONTENT_RIG_H
#define PORTER_TEST_CONTENT_RIG_H

#include "base/exec.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/timer.h"
#include "content.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "fault_store.h"
#include "fs/fs.h"
#include "inode.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Not inlined, so that a test's frame stays small with sanitizers too. */
#define rig_fn static __attribute__((noinline, unused))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

/* A process table of the test's making. */
struct rig_callers {
	struct fs_callers callers;
	struct fs_process process[4]; /* by tid - 1 */
	bool dead[4];
	int descriptors[4];
	int exit_code[4];
};

struct rig {
	struct fake_clock clock;
	struct timers *timers;
	struct pool *pool;
	struct exec *exec; /* NULL: inline */
	struct fake_store *fake;
	struct fault_store *fault;
	struct fs *fs;
	struct rig_callers callers;
	atomic_int unsettled;
	uint64_t root; /* nodeid of the bucket */
};

struct rig_config {
	enum fake_mode mode;
	unsigned latency_ms;
	const struct store_limits *limits;
	struct object_store *store; /* NULL: the fake one */
	uint64_t budget;            /* 0 = 64 MiB */
	uint64_t staging_max;       /* 0 = no limit */
	bool threads;
	bool callers; /* have a process table */
	bool no_checkpoint;
	enum fs_bucket_mode bucket;
	enum fs_fate killed;
	enum fs_fate failed;
	const struct fs_guard *guard; /* NULL = none */
};

rig_fn void rig_find(struct fs_callers *callers, int tid,
                     struct fs_process *ret)
{
	struct rig_callers *c = (struct rig_callers *)callers;

	*ret = tid >= 1 && tid <= 4 ? c->process[tid - 1]
	                            : (struct fs_process){0};
}

/* The entry of a process, by its thread group. */
rig_fn int rig_index(struct rig_callers *c, const struct fs_process *p)
{
	for (int i = 0; i < 4; i++) {
		if (c->process[i].tgid == p->tgid)
			return i;
	}
	fail_msg("no such process");
	return 0;
}

rig_fn bool rig_alive(struct fs_callers *callers,
                      const struct fs_process *process)
{
	struct rig_callers *c = (struct rig_callers *)callers;

	return !c->dead[rig_index(c, process)];
}

rig_fn int rig_descriptors(struct fs_callers *callers,
                           const struct fs_process *process, uint64_t ino)
{
	struct rig_callers *c = (struct rig_callers *)callers;

	assert_int_not_equal(ino, 0);
	return c->descriptors[rig_index(c, process)];
}

rig_fn int rig_exit_code(struct fs_callers *callers,
                         const struct fs_process *process)
{
	struct rig_callers *c = (struct rig_callers *)callers;

	return c->exit_code[rig_index(c, process)];
}

rig_fn void rig_unsettled(void *ctx, bool busy)
{
	struct rig *rig = ctx;

	atomic_store(&rig->unsettled, busy);
}

rig_fn void rig_callers_init(struct rig_callers *c)
{
	c->callers = (struct fs_callers){
		.find = rig_find,
		.alive = rig_alive,
		.descriptors = rig_descriptors,
		.exit_code = rig_exit_code,
	};
	for (int i = 0; i < 4; i++)
		c->process[i] = (struct fs_process){.tgid = 100 + i, .id = 5};
}

/* The mount itself. */
rig_fn void rig_mount(struct rig *rig, const struct rig_config *config)
{
	const struct fs_bucket_config bucket = {
		.name = "primary",
		.store = config->store ? config->store
	                               : fault_store_object_store(rig->fault),
		.identity = "test",
		.mode = config->bucket,
		.cache_ttl_ms = 3600000,
	};
	const struct fs_config fs = {
		.guards = config->guard,
		.guard_count = config->guard ? 1 : 0,
		.buckets = &bucket,
		.bucket_count = 1,
		.negative_ttl_ms = 60000,
		.file_mode = 0644,
		.dir_mode = 0755,
		.part_size = 5 * MIB,
		.upload_concurrency = 4,
		.read_ahead_max = 16 * MIB,
		.checkpoint = !config->no_checkpoint,
		.sparse_max = 64 * MIB,
		.staging_max = config->staging_max,
		.on_killed_writer = config->killed,
		.on_failed_writer = config->failed,
		.seed = 42,
	};
	const struct fs_parts parts = {
		.clock = &rig->clock.clock,
		.timers = rig->timers,
		.pool = rig->pool,
		.exec = rig->exec ? rig->exec : exec_inline(),
		.callers = config->callers ? &rig->callers.callers : NULL,
		.unsettled = rig_unsettled,
		.ctx = rig,
	};
	struct err err = {0};

	if (fs_new(&fs, &parts, &rig->fs, &err) < 0)
		fail_msg("%s", err.text);
	rig->root = rig->fs->buckets[0].root->nodeid;
}

rig_fn void rig_init(struct rig *rig, const struct rig_config *config)
{
	static const struct rig_config preset;
	struct fake_store_config store = {0};

	if (!config)
		config = &preset;
	memset(rig, 0, sizeof(*rig));
	fake_clock_init(&rig->clock);
	rig_callers_init(&rig->callers);
	assert_int_equal(timers_new_manual(&rig->clock.clock, &rig->timers), 0);
	assert_int_equal(pool_new(config->budget ? config->budget : 64 * MIB,
	                          &rig->pool),
	                 0);
	if (config->threads)
		assert_int_equal(exec_new("work", 2, &rig->exec), 0);
	store.mode = config->mode;
	store.latency_ms = config->latency_ms;
	store.limits = config->limits;
	rig->fake = fake_store_new(&store);
	assert_non_null(rig->fake);
	rig->fault = fault_store_new(fake_store_object_store(rig->fake), NULL);
	assert_non_null(rig->fault);
	rig_mount(rig, config);
}

/* Nothing may be left: fs_free() and pool_free() assert it. */
rig_fn void rig_end(struct rig *rig)
{
	fs_free(rig->fs);
	assert_int_equal(atomic_load(&rig->unsettled), 0);
	exec_free(rig->exec);
	fault_store_free(rig->fault);
	fake_store_free(rig->fake);
	pool_free(rig->pool);
	timers_free(rig->timers);
}

/* The byte at an offset of every test file. */
rig_fn uint8_t rig_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 13) * 31 + (offset >> 20));
}

/* ---- calls ---- */

struct rig_call {
	struct fs_call call;
	atomic_bool done;
	uint8_t *data; /* of a write; or what a read gave, up to size */
	size_t size;
	size_t got;
};

rig_fn void rig_done(struct fs_call *call)
{
	struct rig_call *c = (struct rig_call *)call;

	assert_false(atomic_load(&c->done));
	atomic_store(&c->done, true);
}

rig_fn void rig_read_done(struct fs_call *call)
{
	struct rig_call *c = (struct rig_call *)call;

	if (call->status == 0)
		c->got = chain_read(&call->data, 0, c->data, c->size);
	rig_done(call);
}

rig_fn struct rig_call rig_call(int tid)
{
	return (struct rig_call){
		.call = {.who = {.tid = tid}, .done = rig_done}};
}

/* A call that must be answered by now. Returns its status. */
rig_fn int rig_status(const struct rig_call *c)
{
	assert_true(atomic_load(&c->done));
	return c->call.status;
}

/* Create a file; NULL handle on failure. */
rig_fn int rig_create(struct rig *rig, const char *name, int flags, int tid,
                      struct fs_handle **ret)
{
	const struct fs_create create = {
		.parent = rig->root,
		.name = name,
		.mode = 0644,
		.flags = flags,
	};
	struct rig_call c = rig_call(tid);

	fs_create(rig->fs, &c.call, &create);
	*ret = c.call.handle;
	return rig_status(&c);
}

/* The nodeid of an object that the store has, as a lookup would give it. */
rig_fn uint64_t rig_lookup(struct rig *rig, const char *key)
{
	struct fs *fs = rig->fs;
	struct object_info info;
	struct attr attr = {0};
	struct inode_seen seen = {
		.bucket = &fs->buckets[0],
		.key = key,
		.kind = INODE_FILE,
		.attr = &attr,
		.fresh_ms = UINT64_MAX,
		.moment = meta_cache_moment(fs->cache),
	};
	struct inode *inode;
	uint64_t nodeid;

	assert_int_equal(fake_store_stat(rig->fake, key, &info), 0);
	assert_int_equal(attr_from_info(&fs->config, &info, S_IFREG, &attr), 0);
	assert_int_equal(inode_see(&seen, &inode), 0);
	attr_release(&attr);
	inode_add_lookup(inode);
	nodeid = inode->nodeid;
	inode_unref(inode);
	return nodeid;
}

rig_fn int rig_open(struct rig *rig, uint64_t nodeid, int flags,
                    struct rig_call *ret)
{
	*ret = rig_call(1);
	fs_open(rig->fs, &ret->call, nodeid, flags);
	return rig_status(ret);
}

/* Begin a write of test bytes. */
rig_fn void rig_write_start(struct rig *rig, struct rig_call *c,
                            struct fs_handle *handle, uint64_t offset,
                            size_t size)
{
	*c = rig_call(1);
	c->data = malloc(size ? size : 1);
	assert_non_null(c->data);
	for (size_t i = 0; i < size; i++)
		c->data[i] = rig_byte(offset + i);
	fs_write(rig->fs, &c->call, handle, offset,
	         (struct slice){c->data, size});
}

/* Write test bytes by at most 1 MiB. Returns 0 or the first failure. */
rig_fn int rig_write(struct rig *rig, struct fs_handle *handle, uint64_t offset,
                     uint64_t size)
{
	while (size > 0) {
		size_t n = size < MIB ? (size_t)size : (size_t)MIB;
		struct rig_call c;
		int r;

		rig_write_start(rig, &c, handle, offset, n);
		r = rig_status(&c);
		free(c.data);
		if (r < 0)
			return r;
		assert_int_equal(c.call.count, n);
		offset += n;
		size -= n;
	}
	return 0;
}

rig_fn void rig_read_start(struct rig *rig, struct rig_call *c,
                           struct fs_handle *handle, uint64_t offset,
                           size_t size)
{
	*c = rig_call(1);
	c->call.done = rig_read_done;
	c->data = malloc(size ? size : 1);
	assert_non_null(c->data);
	c->size = size;
	fs_read(rig->fs, &c->call, handle, offset, size);
}

/* Read and compare with the test bytes. Returns bytes or the failure. */
rig_fn int64_t rig_read(struct rig *rig, struct fs_handle *handle,
                        uint64_t offset, size_t size)
{
	struct rig_call c;
	int r;

	rig_read_start(rig, &c, handle, offset, size);
	r = rig_status(&c);
	for (size_t i = 0; r == 0 && i < c.got; i++) {
		if (c.data[i] != rig_byte(offset + i))
			fail_msg("byte %llu differs",
			         (unsigned long long)(offset + i));
	}
	free(c.data);
	return r < 0 ? r : (int64_t)c.got;
}

rig_fn int rig_flush(struct rig *rig, struct fs_handle *handle, int tid)
{
	struct rig_call c = rig_call(tid);

	fs_flush(rig->fs, &c.call, handle);
	return rig_status(&c);
}

rig_fn int rig_fsync(struct rig *rig, struct fs_handle *handle)
{
	struct rig_call c = rig_call(1);

	fs_fsync(rig->fs, &c.call, handle);
	return rig_status(&c);
}

/* close(2) of the only descriptor. */
rig_fn int rig_close(struct rig *rig, struct fs_handle *handle)
{
	int r = rig_flush(rig, handle, 1);

	fs_release(rig->fs, handle);
	return r;
}

rig_fn int rig_truncate(struct rig *rig, uint64_t nodeid,
                        struct fs_handle *handle, uint64_t size)
{
	struct inode *inode = inode_get(rig->fs->inodes, nodeid);
	struct rig_call c = rig_call(1);

	assert_non_null(inode);
	content_truncate(inode, &c.call, handle, size);
	inode_unref(inode);
	return rig_status(&c);
}

/* Put an object of test bytes behind the mount's back. */
rig_fn void rig_put(struct rig *rig, const char *key, uint64_t size)
{
	uint8_t *data = malloc(size ? size : 1);

	assert_non_null(data);
	for (uint64_t i = 0; i < size; i++)
		data[i] = rig_byte(i);
	assert_int_equal(fake_store_put(rig->fake, key, data, size, NULL), 0);
	free(data);
}

/* The object must hold size of the test bytes. */
rig_fn void rig_check(struct rig *rig, const char *key, uint64_t size)
{
	struct str bytes = {0};

	assert_int_equal(fake_store_get(rig->fake, key, &bytes), 0);
	assert_int_equal(bytes.len, size);
	for (uint64_t i = 0; i < size; i++) {
		if ((uint8_t)bytes.data[i] != rig_byte(i))
			fail_msg("byte %llu differs", (unsigned long long)i);
	}
	str_release(&bytes);
}

/* A run of test bytes in an object that is else zeros. */
struct rig_piece {
	uint64_t offset;
	uint64_t size;
};

/* The object must hold size bytes: the pieces, and zeros between them. */
rig_fn void rig_check_pieces(struct rig *rig, const char *key, uint64_t size,
                             const struct rig_piece *pieces, size_t count)
{
	struct str bytes = {0};
	uint8_t *expect = calloc(1, size + 1);

	assert_non_null(expect);
	for (size_t p = 0; p < count; p++) {
		for (uint64_t i = 0; i < pieces[p].size; i++)
			expect[pieces[p].offset + i] =
				rig_byte(pieces[p].offset + i);
	}
	assert_int_equal(fake_store_get(rig->fake, key, &bytes), 0);
	assert_int_equal(bytes.len, size);
	assert_true(size == 0 || memcmp(bytes.data, expect, size) == 0);
	str_release(&bytes);
	free(expect);
}

/*
 * Compare the transcript with text, and start a fresh page.  ETags of
 * conditions are written as "E".
 */
rig_fn void rig_transcript(struct rig *rig, const char *text)
{
	char *transcript = fake_store_take_transcript(rig->fake);
	char *at = transcript;

	while ((at = strstr(at, "match=\""))) {
		char *end = strchr(at + 7, '"');

		at += 6;
		*at++ = 'E';
		memmove(at, end + 1, strlen(end + 1) + 1);
	}
	assert_string_equal(transcript, text);
	free(transcript);
}

#endif
