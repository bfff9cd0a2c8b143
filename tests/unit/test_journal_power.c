/* SPDX-License-Identifier: MIT */
/*
 * The power is cut at every step of the journal's writing, many times with
 * another choice of what had reached the disk: each time every record that was
 * acknowledged before must be there, and the file must be whole.
 */
#include "base/str.h"
#include "fs/journal.h"
#include "power_disk.h"
#include "temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define RECORDS  240
#define CUTS_MAX 600

/* What a record was last known to be. */
struct known {
	unsigned begun; /* put, maybe on disk */
	unsigned acked; /* surely on disk */
};

struct cut {
	uint8_t *data;
	size_t len;
	struct known known[RECORDS];
};

struct world {
	char *dir;
	char *journal_dir;
	struct journal *journal;
	uint64_t seed;
	atomic_uint begun[RECORDS];
	atomic_uint acked[RECORDS];
	struct cut cuts[CUTS_MAX];
	unsigned cut_count;
	unsigned steps;
};

struct put {
	struct journal_put put;
	struct world *world;
	unsigned version;
	uint8_t value[600];
};

/* Maybe cut the power here: keep what the disk would hold. */
static void maybe_cut(void *ctx)
{
	struct world *w = ctx;
	struct cut *cut;

	if (w->steps++ % 3 != 0 || w->cut_count == CUTS_MAX)
		return;
	cut = &w->cuts[w->cut_count++];
	for (unsigned i = 0; i < RECORDS; i++)
		cut->known[i].acked = atomic_load(&w->acked[i]);
	cut->data = power_cut(&w->seed, &cut->len);
	for (unsigned i = 0; i < RECORDS; i++)
		cut->known[i].begun = atomic_load(&w->begun[i]);
}

static void acked(struct journal_put *put)
{
	struct put *own = container_of(put, struct put, put);

	assert_int_equal(put->status, 0);
	atomic_store(&own->world->acked[put->id], own->version);
	free(own);
}

static size_t length_of(unsigned record, unsigned version)
{
	return 8 + (record * 131 + version * 17) % 592;
}

static int open_journal(const char *dir, struct journal **ret)
{
	struct journal_config config = {.dir = dir, .size_max = 16u << 20};

	return journal_open(&config, ret, NULL);
}

/* Three versions of each record, in batches of all sizes; some are dropped. */
static void write_all(struct world *w)
{
	for (unsigned version = 1; version <= 4; version++) {
		for (unsigned i = 0; i < RECORDS; i++) {
			struct put *put = calloc(1, sizeof(*put));

			assert_non_null(put);
			put->world = w;
			put->version = version;
			put->put.kind = JOURNAL_UPLOAD;
			put->put.id = i;
			put->put.done = acked;
			memset(put->value, (int)(i + version),
			       sizeof(put->value));
			memcpy(put->value, &version, sizeof(version));
			if (version != 4 || i % 2)
				put->put.value = (struct slice){
					.data = put->value,
					.len = length_of(i, version)};
			atomic_store(&w->begun[i], version);
			journal_put(w->journal, &put->put);
			if (i % 16 == version)
				assert_int_equal(journal_sync(w->journal), 0);
		}
	}
	assert_int_equal(journal_sync(w->journal), 0);
}

/* What is found after a cut. */
struct found {
	unsigned version[RECORDS];
};

static int note_found(void *ctx, uint64_t id, struct slice value)
{
	struct found *found = ctx;
	unsigned version = 0;

	assert_true(id < RECORDS && value.len >= 8);
	memcpy(&version, value.data, sizeof(version));
	assert_int_equal(value.len, length_of((unsigned)id, version));
	assert_int_equal(value.data[value.len - 1], (uint8_t)(id + version));
	found->version[id] = version;
	return 0;
}

static void check_cut(struct world *w, const struct cut *cut, unsigned n)
{
	struct found found = {0};
	struct journal *journal = NULL;
	cleanup(freep) char *dir = str_printf("%s/cut-%u", w->dir, n);
	cleanup(freep) char *file = str_printf("%s/data.mdb", dir);
	FILE *f;

	assert_int_equal(mkdir(dir, 0700), 0);
	f = fopen(file, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(cut->data, 1, cut->len, f), cut->len);
	assert_int_equal(fclose(f), 0);

	assert_int_equal(open_journal(dir, &journal), 0);
	assert_int_equal(
		journal_each(journal, JOURNAL_UPLOAD, note_found, &found), 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		const struct known *known = &cut->known[i];
		unsigned version = found.version[i];

		if (version == 0 && i % 2 == 0 && known->begun == 4)
			version = 4; /* dropped */
		assert_true(version >= known->acked);
		assert_true(version <= known->begun);
	}
	journal_close(journal);
	assert_int_equal(unlink(file), 0);
}

static void what_was_acknowledged_survives_every_power_cut(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	cleanup(freep) char *file = NULL;

	(void)state;
	assert_non_null(w);
	w->seed = 20;
	w->dir = temp_dir_new();
	w->journal_dir = str_printf("%s/journal", w->dir);
	file = str_printf("%s/data.mdb", w->journal_dir);
	assert_int_equal(open_journal(w->journal_dir, &w->journal), 0);
	power_watch(file);
	power_on_step(maybe_cut, w);
	write_all(w);
	power_on_step(NULL, NULL);
	power_unwatch();
	journal_close(w->journal);

	assert_true(w->cut_count > 100);
	for (unsigned i = 0; i < w->cut_count; i++)
		check_cut(w, &w->cuts[i], i);
	for (unsigned i = 0; i < w->cut_count; i++)
		free(w->cuts[i].data);
	temp_dir_free(w->dir);
	free(w->journal_dir);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_acknowledged_survives_every_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
