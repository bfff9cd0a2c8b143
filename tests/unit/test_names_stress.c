/* SPDX-License-Identifier: MIT */
/*
 * Many threads at a few names, on a store that answers on a thread of its own:
 * no operation brings an errno it has no reason for, and in the end the mount
 * shows what the store has.
 */
#include "base/thread.h"
#include "names_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 6
#define ROUNDS  250
#define NAMES   5
#define DIRS    2

struct worker {
	struct rig *rig;
	pthread_t thread;
	uint64_t random;
	uint64_t dirs[DIRS];
};

/* The next number below n (xorshift64). */
static unsigned below(struct worker *worker, unsigned n)
{
	uint64_t x = worker->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	worker->random = x;
	return (unsigned)(x >> 33) % n;
}

/* What may come of operations that race. */
static void expect(int status, const char *what)
{
	switch (status) {
	case 0:
	case -ENOENT:
	case -ESTALE: /* a new version meanwhile: the kernel looks again */
	case -EEXIST:
	case -EBUSY: /* renaming what is being rewritten */
	case -EISDIR:
	case -ENOTDIR:
	case -EINTR:
		break;
	default:
		/* Not on cmocka's thread: no longjmp from here. */
		(void)fprintf(stderr, "%s: %d\n", what, status);
		abort();
	}
}

/* Create, or open for writing what is there; write, perhaps unlink, commit. */
static void write_file(struct worker *worker, uint64_t dir, const char *name)
{
	struct inode *inode;
	int r = rig_create(worker->rig, dir, name, &inode);

	if (r == -EEXIST) {
		inode_unref(inode);
		return;
	}
	if (r < 0) {
		expect(r, "create");
		return;
	}
	rig_write(inode, "bytes");
	if (below(worker, 4) == 0)
		expect(rig_unlink(worker->rig, dir, name), "unlink of new");
	if (below(worker, 4) == 0)
		inode_reverted(inode);
	else
		expect(rig_commit(worker->rig, inode, name), "commit");
	fs_forget(worker->rig->fs, inode->nodeid, 1);
	rig_close(inode);
}

/* Hold a file open while others do what they do. */
static void hold_open(struct worker *worker, uint64_t dir, const char *name)
{
	struct fs_entry entry;
	struct inode *inode;

	if (rig_lookup(worker->rig, dir, name, &entry) < 0)
		return;
	inode = inode_get(worker->rig->fs->inodes, entry.nodeid);
	if (inode && below(worker, 2) == 0)
		expect(rig_unlink(worker->rig, dir, name), "unlink of open");
	expect(rig_getattr(worker->rig, entry.nodeid, NULL), "getattr");
	if (inode)
		inode_unref(inode);
	fs_forget(worker->rig->fs, entry.nodeid, 1);
}

/* Change attributes, perhaps interrupted. */
static void change(struct worker *worker, uint64_t dir, const char *name)
{
	const struct fs_attr attr = {.mode = below(worker, 0777)};
	struct fs_entry entry;
	struct rig_call call;

	if (rig_lookup(worker->rig, dir, name, &entry) < 0)
		return;
	rig_call_init(worker->rig, &call);
	fs_setattr(worker->rig->fs, &call.call, entry.nodeid, NULL, FS_SET_MODE,
	           &attr);
	if (below(worker, 3) == 0)
		fs_cancel(worker->rig->fs, &call.call);
	expect(rig_wait(&call), "setattr");
	fs_forget(worker->rig->fs, entry.nodeid, 1);
}

static void list(struct worker *worker, uint64_t dir)
{
	int status;
	char *names = rig_ls(worker->rig, dir, &status);

	expect(status, "ls");
	free(names);
}

static void look(struct worker *worker, uint64_t dir, const char *name)
{
	struct fs_entry entry;
	struct rig_call call;
	int r;

	rig_call_init(worker->rig, &call);
	fs_lookup(worker->rig->fs, &call.call, dir, name);
	if (below(worker, 4) == 0)
		fs_cancel(worker->rig->fs, &call.call);
	r = rig_wait(&call);
	entry = call.call.entry;
	expect(r, "lookup");
	if (r == 0)
		fs_forget(worker->rig->fs, entry.nodeid, 1);
}

/* One thing at random. */
static void do_something(struct worker *worker)
{
	struct rig *rig = worker->rig;
	uint64_t dir = worker->dirs[below(worker, DIRS)];
	char name[] = "a";
	char other[] = "a";

	name[0] = (char)('a' + below(worker, NAMES));
	other[0] = (char)('a' + below(worker, NAMES));
	switch (below(worker, 8)) {
	case 0:
	case 1:
		write_file(worker, dir, name);
		break;
	case 2:
		hold_open(worker, dir, name);
		break;
	case 3:
		change(worker, dir, name);
		break;
	case 4:
		list(worker, dir);
		break;
	case 5:
		expect(rig_unlink(rig, dir, name), "unlink");
		break;
	case 6:
		expect(rig_rename(rig, dir, name,
		                  worker->dirs[below(worker, DIRS)], other, 0),
		       "rename");
		break;
	default:
		look(worker, dir, name);
		break;
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		do_something(worker);
	return NULL;
}

/* The names of one directory as the store has them. */
static char *truth(struct rig *rig, const char *prefix)
{
	char *list_of_all = fake_store_list(rig->fake);
	struct str names = {0};
	char *rest = list_of_all;

	for (char *line; (line = strsep(&rest, "\n")) && line[0];) {
		line[strcspn(line, " ")] = 0;
		if (str_starts(line, prefix) && line[strlen(prefix)])
			str_addf(&names, "%s\n", line + strlen(prefix));
	}
	free(list_of_all);
	str_add(&names, "");
	return names.data ? str_take(&names) : strdup("");
}

static void stress(const struct rig_config *config, uint64_t seed)
{
	struct worker workers[THREADS];
	uint64_t dirs[DIRS];
	struct rig rig;
	int status;

	rig_init(&rig, config);
	assert_int_equal(rig_mkdir(&rig, rig.top, "0", &dirs[0]), 0);
	assert_int_equal(rig_mkdir(&rig, rig.top, "1", &dirs[1]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].rig = &rig;
		workers[i].random = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);
		memcpy(workers[i].dirs, dirs, sizeof(dirs));
		assert_int_equal(thread_start("stress", work, &workers[i],
		                              &workers[i].thread),
		                 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(workers[i].thread, NULL);
	assert_int_equal(fs_settle(rig.fs), 0);

	for (unsigned i = 0; i < DIRS; i++) {
		char *expected = truth(&rig, i == 0 ? "0/" : "1/");
		char *shown = rig_ls(&rig, dirs[i], &status);

		assert_string_equal(shown, expected);
		for (char *at = expected; *at; at = strchr(at, '\n') + 1) {
			char name[] = {at[0], 0};

			assert_int_equal(rig_lookup(&rig, dirs[i], name, NULL),
			                 0);
		}
		free(shown);
		free(expected);
	}
	rig_end(&rig);
}

static void many_threads_agree_with_the_store_in_the_end(void **state)
{
	const struct rig_config config = {
		.mode = FAKE_THREAD,
		.real_clock = true,
	};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		stress(&config, seed * 100);
}

static void also_when_nothing_is_cached(void **state)
{
	const struct rig_config config = {
		.mode = FAKE_THREAD,
		.real_clock = true,
		.no_ttl = true,
	};

	(void)state;
	stress(&config, 7);
}

static void also_with_a_store_without_conditions(void **state)
{
	const struct rig_config config = {
		.mode = FAKE_THREAD,
		.real_clock = true,
		.old_store = true,
	};

	(void)state;
	stress(&config, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_threads_agree_with_the_store_in_the_end),
		cmocka_unit_test(also_when_nothing_is_cached),
		cmocka_unit_test(also_with_a_store_without_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
