/* SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "kv.h"
#include "kv_check.h"
#include "temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MIB (1ull << 20)

/* An environment in a directory of its own. */
struct world {
	char *dir;
	char *file;
	struct kv *kv;
};

static struct slice text(const char *s)
{
	return (struct slice){.data = (uint8_t *)(uintptr_t)s,
	                      .len = strlen(s)};
}

static int open_kv(const char *dir, uint64_t max, struct kv **ret,
                   struct err *err)
{
	struct kv_config config = {
		.dir = dir,
		.size_max = max,
		.sync = true,
		.thorough = true,
		.table_count = 2,
		.tables = {"one", "two"},
	};

	return kv_open(&config, ret, err);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = temp_dir_new();
	w->file = str_printf("%s/data.mdb", w->dir);
	assert_int_equal(open_kv(w->dir, 16 * MIB, &w->kv, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	kv_close(w->kv);
	temp_dir_free(w->dir);
	free(w->file);
	free(w);
	return 0;
}

static void put(struct kv *kv, unsigned table, const char *key,
                const char *value)
{
	struct kv_txn *txn = NULL;

	assert_int_equal(kv_begin(kv, true, &txn), 0);
	assert_int_equal(kv_put(txn, table, text(key), text(value)), 0);
	assert_int_equal(kv_commit(txn), 0);
}

static void assert_value(struct kv *kv, unsigned table, const char *key,
                         const char *value)
{
	struct kv_txn *txn = NULL;
	struct slice got;
	int r;

	assert_int_equal(kv_begin(kv, false, &txn), 0);
	r = kv_get(txn, table, text(key), &got);
	if (!value) {
		assert_int_equal(r, -ENOENT);
	} else {
		assert_int_equal(r, 0);
		assert_int_equal(got.len, strlen(value));
		assert_memory_equal(got.data, value, got.len);
	}
	kv_abort(txn);
}

/* Many records, so that there are branches, big values and free pages. */
static void fill(struct kv *kv)
{
	static const char big[20000];

	for (unsigned round = 0; round < 4; round++) {
		struct kv_txn *txn = NULL;

		assert_int_equal(kv_begin(kv, true, &txn), 0);
		for (unsigned i = 0; i < 600; i++) {
			char key[64];
			struct slice value = {.data = (uint8_t *)(uintptr_t)big,
			                      .len = i % 50 ? 100 : 20000};

			(void)snprintf(key, sizeof(key), "%u-%u",
			               (i + round) * 7919u % 1000u, i);
			assert_int_equal(kv_put(txn, 0, text(key), value), 0);
			if (i % 3 == round % 3)
				assert_int_equal(kv_delete(txn, 0, text(key)),
				                 0);
		}
		assert_int_equal(kv_commit(txn), 0);
	}
}

/* The whole file, malloc'ed. */
static uint8_t *slurp(const char *path, size_t *ret_len)
{
	struct stat st;
	FILE *f = fopen(path, "re");
	uint8_t *data;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	*ret_len = fread(data, 1, (size_t)st.st_size, f);
	(void)fclose(f);
	return data;
}

static void spill(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* ---- records ---- */

static void what_was_committed_is_there_after_a_reopen(void **state)
{
	struct world *w = *state;

	put(w->kv, 0, "a", "1");
	put(w->kv, 1, "a", "2");
	kv_close(w->kv);
	assert_int_equal(open_kv(w->dir, 16 * MIB, &w->kv, NULL), 0);
	assert_value(w->kv, 0, "a", "1");
	assert_value(w->kv, 1, "a", "2");
	assert_value(w->kv, 1, "b", NULL);
}

static void what_was_aborted_was_never_there(void **state)
{
	struct world *w = *state;
	struct kv_txn *txn = NULL;

	assert_int_equal(kv_begin(w->kv, true, &txn), 0);
	assert_int_equal(kv_put(txn, 0, text("a"), text("1")), 0);
	kv_abort(txn);
	assert_value(w->kv, 0, "a", NULL);
}

static void a_cursor_goes_in_the_order_of_bytes(void **state)
{
	struct world *w = *state;
	struct kv_txn *txn = NULL;
	struct kv_cursor *cursor = NULL;
	struct slice key;
	struct slice value;

	put(w->kv, 0, "b\xff", "3");
	put(w->kv, 0, "a", "1");
	put(w->kv, 0, "b", "2");
	assert_int_equal(kv_begin(w->kv, false, &txn), 0);
	assert_int_equal(kv_cursor_open(txn, 0, &cursor), 0);
	assert_int_equal(kv_cursor_seek(cursor, text("aa"), &key, &value), 0);
	assert_memory_equal(value.data, "2", 1);
	assert_int_equal(kv_cursor_next(cursor, &key, &value), 0);
	assert_memory_equal(key.data, "b\xff", 2);
	assert_int_equal(kv_cursor_next(cursor, &key, &value), -ENOENT);
	assert_int_equal(kv_cursor_seek(cursor, text(""), &key, &value), 0);
	assert_memory_equal(value.data, "1", 1);
	assert_int_equal(kv_cursor_seek(cursor, text("c"), &key, &value),
	                 -ENOENT);
	kv_cursor_close(cursor);
	kv_abort(txn);
}

static void a_cleared_table_is_empty_and_the_other_is_not(void **state)
{
	struct world *w = *state;
	struct kv_txn *txn = NULL;
	uint64_t count = 99;

	fill(w->kv);
	put(w->kv, 1, "a", "1");
	assert_int_equal(kv_begin(w->kv, true, &txn), 0);
	assert_int_equal(kv_clear(txn, 0), 0);
	assert_int_equal(kv_commit(txn), 0);
	assert_int_equal(kv_begin(w->kv, false, &txn), 0);
	assert_int_equal(kv_count(txn, 0, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(kv_count(txn, 1, &count), 0);
	assert_int_equal(count, 1);
	kv_abort(txn);
}

static void usage_falls_when_records_go(void **state)
{
	struct world *w = *state;
	struct kv_txn *txn = NULL;
	uint64_t before;
	uint64_t after;
	uint64_t max;

	fill(w->kv);
	kv_usage(w->kv, &before, &max);
	assert_int_equal(max, 16 * MIB);
	assert_int_equal(kv_begin(w->kv, true, &txn), 0);
	assert_int_equal(kv_clear(txn, 0), 0);
	assert_int_equal(kv_commit(txn), 0);
	kv_usage(w->kv, &after, &max);
	assert_true(before > 200000);
	assert_true(after < before / 2);
}

static void keys_too_long_or_empty_are_invalid(void **state)
{
	struct world *w = *state;
	static char key[KV_KEY_MAX + 1];
	struct kv_txn *txn = NULL;
	struct slice slice = {.data = (uint8_t *)key, .len = sizeof(key)};

	assert_int_equal(kv_begin(w->kv, true, &txn), 0);
	assert_int_equal(kv_put(txn, 0, slice, text("1")), -EINVAL);
	slice.len = 0;
	assert_int_equal(kv_put(txn, 0, slice, text("1")), -EINVAL);
	slice.len = KV_KEY_MAX;
	assert_int_equal(kv_put(txn, 0, slice, text("1")), 0);
	assert_int_equal(kv_commit(txn), 0);
}

/* ---- full ---- */

static void a_full_environment_is_ENOSPC_and_keeps_what_it_had(void **state)
{
	struct world *w = *state;
	static uint8_t block[100000];
	struct kv_txn *txn = NULL;
	int r = 0;

	kv_close(w->kv);
	w->kv = NULL;
	assert_int_equal(open_kv(w->dir, 1 * MIB, &w->kv, NULL), 0);
	put(w->kv, 0, "a", "1");
	assert_int_equal(kv_begin(w->kv, true, &txn), 0);
	for (unsigned i = 0; r == 0 && i < 20; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%u", i);
		r = kv_put(txn, 0, text(key),
		           (struct slice){.data = block, .len = sizeof(block)});
	}
	assert_int_equal(r, -ENOSPC);
	kv_abort(txn);
	assert_value(w->kv, 0, "a", "1");
	put(w->kv, 0, "b", "2");
	kv_close(w->kv);
	w->kv = NULL;
	assert_int_equal(open_kv(w->dir, 1 * MIB, &w->kv, NULL), 0);
	assert_value(w->kv, 0, "b", "2");
}

/* Fill a disk of 256 KiB until it is full. */
static void fill_disk(const char *dir)
{
	static uint8_t block[20000];
	struct kv *kv = NULL;
	int r = 0;

	assert_int_equal(open_kv(dir, 16 * MIB, &kv, NULL), 0);
	put(kv, 0, "a", "1");
	for (unsigned i = 0; r == 0 && i < 100; i++) {
		struct kv_txn *txn = NULL;
		char key[16];

		(void)snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(kv_begin(kv, true, &txn), 0);
		r = kv_put(txn, 0, text(key),
		           (struct slice){.data = block, .len = sizeof(block)});
		if (r == 0)
			r = kv_commit(txn);
		else
			kv_abort(txn);
	}
	assert_int_equal(r, -ENOSPC);
	assert_value(kv, 0, "a", "1");
	kv_close(kv);
}

static void a_full_disk_is_ENOSPC_and_keeps_what_it_had(void **state)
{
	struct world *w = *state;
	char *dir = temp_dir_new();
	struct kv *kv = NULL;

	(void)w;
	if (mount("none", dir, "tmpfs", 0, "size=256k") < 0) {
		temp_dir_free(dir);
		skip();
	}
	fill_disk(dir);
	assert_int_equal(open_kv(dir, 16 * MIB, &kv, NULL), 0);
	assert_value(kv, 0, "a", "1");
	kv_close(kv);
	assert_int_equal(umount(dir), 0);
	temp_dir_free(dir);
}

/* ---- damage ---- */

static void a_cut_file_is_refused_at_every_length(void **state)
{
	struct world *w = *state;
	struct err err = {0};
	size_t len;
	uint8_t *data;
	unsigned refused = 0;

	fill(w->kv);
	kv_close(w->kv);
	w->kv = NULL;
	data = slurp(w->file, &len);
	for (size_t cut = 1; cut < len; cut += 9973) {
		spill(w->file, data, cut);
		int r = open_kv(w->dir, 16 * MIB, &w->kv, &err);

		/* what it was made longer by in advance may go */
		assert_true(r == 0 || r == -EUCLEAN);
		if (r == 0)
			kv_close(take(&w->kv));
		else
			refused++;
	}
	free(data);
	assert_non_null(strstr(err.text, "was cut"));
	assert_true(refused > 30);
}

static void a_foreign_file_is_refused(void **state)
{
	struct world *w = *state;
	struct err err = {0};
	static char junk[9000];

	memset(junk, 'x', sizeof(junk));
	kv_close(w->kv);
	w->kv = NULL;
	spill(w->file, junk, sizeof(junk));
	assert_int_equal(open_kv(w->dir, 16 * MIB, &w->kv, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "data.mdb"));
	assert_non_null(strstr(err.text, "is no file of this program"));
}

static void a_link_in_its_place_is_refused(void **state)
{
	struct world *w = *state;

	kv_close(w->kv);
	w->kv = NULL;
	assert_int_equal(unlink(w->file), 0);
	assert_int_equal(symlink("/dev/zero", w->file), 0);
	assert_int_equal(open_kv(w->dir, 16 * MIB, &w->kv, NULL), -ELOOP);
}

/* Open, walk all, write: whatever comes of it, the process must live. */
static void use_damaged(const char *dir, unsigned *opened)
{
	struct kv *kv = NULL;
	struct kv_txn *txn = NULL;
	struct kv_cursor *cursor = NULL;
	struct slice key;
	struct slice value;
	unsigned sum = 0;

	if (open_kv(dir, 16 * MIB, &kv, NULL) < 0)
		return;
	(*opened)++;
	if (kv_begin(kv, true, &txn) == 0) {
		if (kv_cursor_open(txn, 0, &cursor) == 0) {
			int r = kv_cursor_seek(cursor, text(""), &key, &value);

			while (r == 0) {
				for (size_t i = 0; i < value.len; i++)
					sum |= value.data[i];
				r = kv_cursor_next(cursor, &key, &value);
			}
			kv_cursor_close(cursor);
			assert_true(sum <= UINT8_MAX); /* all was read */
		}
		(void)kv_put(txn, 0, text("500-x"), text("y"));
		(void)kv_delete(txn, 0, text("500-500"));
		(void)kv_commit(txn);
	}
	kv_close(kv);
}

static void no_flipped_bit_kills_the_process(void **state)
{
	struct world *w = *state;
	uint64_t seed = 1;
	unsigned opened = 0;
	uint8_t *data;
	size_t len;

	fill(w->kv);
	kv_close(w->kv);
	w->kv = NULL;
	data = slurp(w->file, &len);
	for (unsigned i = 0; i < 400; i++) {
		size_t at;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		/* half of them in the heads of pages, where it hurts */
		at = (size_t)(seed >> 33) % len;
		if (i % 2)
			at = at / 4096 * 4096 + at % 160;
		data[at] ^= (uint8_t)(1u << i % 8);
		spill(w->file, data, len);
		use_damaged(w->dir, &opened);
		data[at] ^= (uint8_t)(1u << i % 8);
	}
	spill(w->file, data, len);
	free(data);
	assert_true(opened < 400);
	assert_true(opened > 40); /* flips in values and free pages */
	assert_int_equal(open_kv(w->dir, 16 * MIB, &w->kv, NULL), 0);
}

/* ---- two at once ---- */

static void a_reader_of_another_process_sees_a_live_environment(void **state)
{
	struct world *w = *state;
	pid_t pid;
	int status = -1;

	put(w->kv, 0, "a", "1");
	pid = fork();
	if (pid == 0) {
		struct kv_config config = {.dir = w->dir,
		                           .size_max = 16 * MIB,
		                           .read_only = true,
		                           .table_count = 2,
		                           .tables = {"one", "never made"}};
		struct kv *kv = NULL;
		struct kv_txn *txn = NULL;
		struct slice value;
		uint64_t count = 9;
		bool ok = kv_open(&config, &kv, NULL) == 0 &&
		          kv_begin(kv, false, &txn) == 0 &&
		          kv_get(txn, 0, text("a"), &value) == 0 &&
		          value.len == 1 && value.data[0] == '1' &&
		          kv_get(txn, 1, text("a"), &value) == -ENOENT &&
		          kv_count(txn, 1, &count) == 0 && count == 0;

		_exit(ok ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	put(w->kv, 0, "a", "2");
	assert_value(w->kv, 0, "a", "2");
}

static void a_reader_makes_no_environment(void **state)
{
	struct world *w = *state;
	struct kv_config config = {
		.dir = w->dir, .size_max = MIB, .read_only = true};
	struct err err = {0};
	struct kv *kv = NULL;

	kv_close(w->kv);
	w->kv = NULL;
	assert_int_equal(unlink(w->file), 0);
	assert_int_equal(kv_open(&config, &kv, &err), -ENOENT);
	assert_int_equal(access(w->file, F_OK), -1);
	assert_non_null(strstr(err.text, "data.mdb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(what_was_committed_is_there_after_a_reopen),
		T(what_was_aborted_was_never_there),
		T(a_cursor_goes_in_the_order_of_bytes),
		T(a_cleared_table_is_empty_and_the_other_is_not),
		T(usage_falls_when_records_go),
		T(keys_too_long_or_empty_are_invalid),
		T(a_full_environment_is_ENOSPC_and_keeps_what_it_had),
		T(a_full_disk_is_ENOSPC_and_keeps_what_it_had),
		T(a_cut_file_is_refused_at_every_length),
		T(a_foreign_file_is_refused),
		T(a_link_in_its_place_is_refused),
		T(no_flipped_bit_kills_the_process),
		T(a_reader_of_another_process_sees_a_live_environment),
		T(a_reader_makes_no_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
