/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "base/thread.h"
#include "fs/journal.h"
#include "kv.h"
#include "temp_dir.h"

#include <dirent.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MIB (1ull << 20)

struct world {
	char *dir;  /* a state_dir */
	char *path; /* of the journal in it */
	struct metrics *metrics;
	struct journal *journal;
};

static struct slice text(const char *s)
{
	return (struct slice){.data = (uint8_t *)(uintptr_t)s,
	                      .len = strlen(s)};
}

static int open_sized(struct world *w, uint64_t size, struct err *err)
{
	struct journal_config config = {
		.dir = w->path, .size_max = size, .metrics = w->metrics};

	return journal_open(&config, &w->journal, err);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = temp_dir_new();
	w->path = str_printf("%s/journal", w->dir);
	assert_int_equal(metrics_new(&w->metrics), 0);
	assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	journal_close(w->journal);
	metrics_free(w->metrics);
	temp_dir_free(w->dir);
	free(w->path);
	free(w);
	return 0;
}

static void reopen(struct world *w)
{
	journal_close(take(&w->journal));
	assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
}

/* A put and its answer. */
struct asked {
	struct journal_put put;
	sem_t answered;
	char thread[16];
};

static void answer(struct journal_put *put)
{
	struct asked *asked = container_of(put, struct asked, put);

	(void)pthread_getname_np(pthread_self(), asked->thread,
	                         sizeof(asked->thread));
	(void)sem_post(&asked->answered);
}

static int put_and_wait(struct journal *journal, enum journal_kind kind,
                        uint64_t id, struct slice value)
{
	struct asked asked = {
		.put = {.kind = kind, .id = id, .value = value, .done = answer}};

	(void)sem_init(&asked.answered, 0, 0);
	journal_put(journal, &asked.put);
	(void)sem_wait(&asked.answered);
	if (journal)
		assert_string_equal(asked.thread, "journal");
	return asked.put.status;
}

/* "id=value " of every record of a kind. */
static int add_record(void *ctx, uint64_t id, struct slice value)
{
	struct str *s = ctx;

	str_addf(s, "%llu=", (unsigned long long)id);
	str_add_mem(s, value.data, value.len);
	str_add_char(s, ' ');
	return 0;
}

static void assert_records(struct journal *journal, enum journal_kind kind,
                           const char *expected)
{
	cleanup(str_release) struct str s = {0};

	assert_int_equal(journal_each(journal, kind, add_record, &s), 0);
	assert_string_equal(str_text(&s), expected);
}

/* ---- records ---- */

static void done_means_on_disk(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		put_and_wait(w->journal, JOURNAL_UPLOAD, 7, text("seven")), 0);
	assert_records(w->journal, JOURNAL_UPLOAD, "7=seven ");
	reopen(w);
	assert_records(w->journal, JOURNAL_UPLOAD, "7=seven ");
}

static void records_come_by_kind_in_the_order_of_ids(void **state)
{
	struct world *w = *state;

	journal_note(w->journal, JOURNAL_JOB, 1, text("job"));
	journal_note(w->journal, JOURNAL_UPLOAD, 1000, text("c"));
	journal_note(w->journal, JOURNAL_UPLOAD, 2, text("a"));
	journal_note(w->journal, JOURNAL_UPLOAD, 255, text("b"));
	journal_note(w->journal, JOURNAL_DRAFT, 3, text(""));
	assert_int_equal(journal_sync(w->journal), 0);
	assert_records(w->journal, JOURNAL_UPLOAD, "2=a 255=b 1000=c ");
	assert_records(w->journal, JOURNAL_JOB, "1=job ");
	assert_records(w->journal, JOURNAL_DRAFT, "3= ");
	assert_records(w->journal, JOURNAL_DELETE, "");
}

static void writes_of_one_record_keep_their_order(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 1000; i++) {
		char value[16];

		(void)snprintf(value, sizeof(value), "%u", i);
		journal_note(w->journal, JOURNAL_UPLOAD, i % 2, text(value));
	}
	journal_drop(w->journal, JOURNAL_UPLOAD, 0);
	assert_int_equal(journal_sync(w->journal), 0);
	assert_records(w->journal, JOURNAL_UPLOAD, "1=999 ");
}

static void the_value_is_copied_at_once(void **state)
{
	struct world *w = *state;
	char value[] = "before";

	journal_note(w->journal, JOURNAL_UPLOAD, 1, text(value));
	memset(value, 'x', sizeof(value) - 1);
	assert_int_equal(journal_sync(w->journal), 0);
	assert_records(w->journal, JOURNAL_UPLOAD, "1=before ");
}

static void what_nobody_waits_for_is_on_disk_after_close(void **state)
{
	struct world *w = *state;

	journal_note(w->journal, JOURNAL_UPLOAD, 1, text("a"));
	reopen(w);
	assert_records(w->journal, JOURNAL_UPLOAD, "1=a ");
	journal_drop(w->journal, JOURNAL_UPLOAD, 1);
	reopen(w);
	assert_records(w->journal, JOURNAL_UPLOAD, "");
}

static int stop_at_two(void *ctx, uint64_t id, struct slice value)
{
	(void)value;
	(*(unsigned *)ctx)++;
	return id == 2 ? 42 : 0;
}

static void each_stops_when_told(void **state)
{
	struct world *w = *state;
	unsigned calls = 0;

	for (unsigned i = 1; i < 5; i++)
		journal_note(w->journal, JOURNAL_UPLOAD, i, text("x"));
	assert_int_equal(journal_sync(w->journal), 0);
	assert_int_equal(journal_each(w->journal, JOURNAL_UPLOAD, stop_at_two,
	                              &calls),
	                 42);
	assert_int_equal(calls, 2);
}

static void without_a_journal_everything_is_answered_at_once(void **state)
{
	(void)state;
	assert_int_equal(put_and_wait(NULL, JOURNAL_UPLOAD, 1, text("a")), 0);
	journal_note(NULL, JOURNAL_UPLOAD, 1, text("a"));
	journal_drop(NULL, JOURNAL_UPLOAD, 1);
	assert_int_equal(journal_sync(NULL), 0);
	assert_int_equal(journal_id(NULL), 0);
	assert_records(NULL, JOURNAL_UPLOAD, "");
	journal_close(NULL);
}

/* ---- ids ---- */

static void ids_are_never_given_twice(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 10; i++) {
			uint64_t id = journal_id(w->journal);

			assert_true(id > last);
			last = id;
		}
		reopen(w);
	}
	assert_true(last < 100); /* a clean end leaves no gap */
}

static void ids_are_not_given_again_after_a_crash(void **state)
{
	struct world *w = *state;
	cleanup(freep) char *copy = str_printf("%s/copy", w->dir);
	cleanup(freep) char *from = str_printf("%s/data.mdb", w->path);
	cleanup(freep) char *to = str_printf("%s/data.mdb", copy);
	struct journal_config config = {.dir = copy, .size_max = 16 * MIB};
	struct journal *after = NULL;
	uint64_t last = 0;
	static char block[65536];
	size_t n;
	FILE *in;
	FILE *out;

	for (unsigned i = 0; i < 1000; i++)
		last = journal_id(w->journal);
	/* the files as a SIGKILL leaves them */
	assert_int_equal(mkdir(copy, 0700), 0);
	in = fopen(from, "re");
	out = fopen(to, "we");
	assert_true(in && out);
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, n, out), n);
	(void)fclose(in);
	assert_int_equal(fclose(out), 0);

	assert_int_equal(journal_open(&config, &after, NULL), 0);
	assert_true(journal_id(after) > last);
	journal_close(after);
}

/* ---- many at once ---- */

struct crowd {
	struct world *w;
	unsigned first;
};

static void *put_many(void *arg)
{
	struct crowd *crowd = arg;

	for (unsigned i = 0; i < 50; i++) {
		struct asked asked = {.put = {.kind = JOURNAL_UPLOAD,
		                              .id = crowd->first + i,
		                              .value = text("x"),
		                              .done = answer}};

		(void)sem_init(&asked.answered, 0, 0);
		journal_put(crowd->w->journal, &asked.put);
		(void)sem_wait(&asked.answered);
		if (asked.put.status != 0)
			return arg;
	}
	return NULL;
}

/* A counter of the journal, from the text that is exported. */
static unsigned long figure(struct world *w, const char *name)
{
	cleanup(str_release) struct str s = {0};
	cleanup(freep) char *line = str_printf("\n%s ", name);
	const char *at;

	metrics_render(w->metrics, &s);
	at = strstr(str_text(&s), line);
	assert_non_null(at);
	return strtoul(at + strlen(line), NULL, 10);
}

static int count_one(void *ctx, uint64_t id, struct slice value)
{
	(void)id;
	(void)value;
	(*(unsigned *)ctx)++;
	return 0;
}

static void writers_share_their_syncs(void **state)
{
	struct world *w = *state;
	struct crowd crowds[16];
	pthread_t threads[16];
	unsigned count = 0;
	unsigned long before = figure(w, "porterfs_journal_commits_total");
	unsigned long commits;

	for (unsigned i = 0; i < 16; i++) {
		crowds[i] = (struct crowd){.w = w, .first = i * 50};
		assert_int_equal(thread_start("crowd", put_many, &crowds[i],
		                              &threads[i]),
		                 0);
	}
	for (unsigned i = 0; i < 16; i++) {
		void *failed = NULL;

		(void)pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	commits = figure(w, "porterfs_journal_commits_total") - before;
	assert_int_equal(figure(w, "porterfs_journal_writes_total"), 800);
	assert_true(commits >= 50); /* each waits for its own */
	assert_true(commits <= 400);
	assert_int_equal(
		journal_each(w->journal, JOURNAL_UPLOAD, count_one, &count), 0);
	assert_int_equal(count, 800);
}

/* ---- full ---- */

static void what_is_too_large_fails_alone(void **state)
{
	struct world *w = *state;
	static uint8_t huge[4u << 20];
	struct asked asked[3] = {
		{.put = {.id = 1, .value = {.data = huge, .len = 100}}},
		{.put = {.id = 2,
	                 .value = {.data = huge, .len = sizeof(huge)}}},
		{.put = {.id = 3, .value = {.data = huge, .len = 100}}},
	};

	journal_close(take(&w->journal));
	assert_int_equal(open_sized(w, 1 * MIB, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)sem_init(&asked[i].answered, 0, 0);
		asked[i].put.kind = JOURNAL_DRAFT;
		asked[i].put.done = answer;
		journal_put(w->journal, &asked[i].put);
	}
	for (unsigned i = 0; i < 3; i++) {
		(void)sem_wait(&asked[i].answered);
		assert_int_equal(asked[i].put.status, i == 1 ? -ENOSPC : 0);
	}
	assert_int_equal(journal_sync(w->journal), 0); /* it was told */
}

static void a_lost_note_is_the_error_of_the_next_sync(void **state)
{
	struct world *w = *state;
	static uint8_t huge[4u << 20];

	journal_close(take(&w->journal));
	assert_int_equal(open_sized(w, 1 * MIB, NULL), 0);
	journal_note(w->journal, JOURNAL_DRAFT, 1,
	             (struct slice){.data = huge, .len = sizeof(huge)});
	assert_int_equal(journal_sync(w->journal), -ENOSPC);
	assert_int_equal(journal_sync(w->journal), 0);
}

static void a_full_disk_is_ENOSPC_and_what_was_there_stays(void **state)
{
	struct world *w = *state;
	static uint8_t block[20000];
	int r = 0;
	unsigned kept = 0;
	unsigned count = 0;

	journal_close(take(&w->journal));
	if (mount("none", w->path, "tmpfs", 0, "size=400k,mode=700") < 0) {
		assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
		skip();
	}
	assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
	for (unsigned i = 0; r == 0 && i < 100; i++) {
		r = put_and_wait(w->journal, JOURNAL_DRAFT, i,
		                 (struct slice){.data = block,
		                                .len = sizeof(block)});
		kept += r == 0;
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(kept > 3);
	/* room comes back with what is dropped, sooner or later */
	for (unsigned i = 0; i < 3; i++)
		journal_drop(w->journal, JOURNAL_DRAFT, i);
	(void)journal_sync(w->journal);
	reopen(w);
	assert_int_equal(
		journal_each(w->journal, JOURNAL_DRAFT, count_one, &count), 0);
	assert_true(count == kept || count == kept - 3);
	journal_close(take(&w->journal));
	assert_int_equal(umount(w->path), 0);
}

/* ---- damage ---- */

/* The name of what was moved aside, or NULL. */
static char *find_aside(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char *found = NULL;

	assert_non_null(d);
	while (!found && (entry = readdir(d)))
		if (str_starts(entry->d_name, "journal.damaged-"))
			found = str_printf("%s/%s", dir, entry->d_name);
	(void)closedir(d);
	return found;
}

static void a_damaged_journal_is_moved_aside_and_refused_once(void **state)
{
	struct world *w = *state;
	cleanup(freep) char *file = str_printf("%s/data.mdb", w->path);
	cleanup(freep) char *aside = NULL;
	struct err err = {0};

	for (unsigned i = 0; i < 200; i++)
		journal_note(w->journal, JOURNAL_UPLOAD, i, text("value"));
	journal_close(take(&w->journal));
	assert_int_equal(truncate(file, 3 * 4096), 0);

	assert_int_equal(open_sized(w, 16 * MIB, &err), -EUCLEAN);
	aside = find_aside(w->dir);
	assert_non_null(aside);
	assert_non_null(strstr(err.text, aside));
	assert_non_null(strstr(err.text, "the next start begins a new one"));

	assert_int_equal(open_sized(w, 16 * MIB, &err), 0);
	assert_records(w->journal, JOURNAL_UPLOAD, "");
}

/* Where the log goes while a test counts its lines. */
static void count_lines(void *ctx, enum log_level level, const char *line)
{
	(void)level;
	if (strstr(line, "records of the journal are damaged"))
		(*(unsigned *)ctx)++;
}

static void a_record_whose_checksum_is_wrong_is_passed_over(void **state)
{
	struct world *w = *state;
	struct kv_config config = {.dir = w->path,
	                           .size_max = 16 * MIB,
	                           .table_count = 2,
	                           .tables = {"records", "state"}};
	uint8_t key[9] = {JOURNAL_UPLOAD, 0, 0, 0, 0, 0, 0, 0, 2};
	uint8_t third[9] = {JOURNAL_UPLOAD, 0, 0, 0, 0, 0, 0, 0, 3};
	struct slice key_slice = {.data = key, .len = sizeof(key)};
	struct slice third_slice = {.data = third, .len = sizeof(third)};
	struct slice value;
	uint8_t copy[64];
	struct kv *kv = NULL;
	struct kv_txn *txn = NULL;
	unsigned lines = 0;

	journal_note(w->journal, JOURNAL_UPLOAD, 1, text("one"));
	journal_note(w->journal, JOURNAL_UPLOAD, 2, text("two"));
	journal_note(w->journal, JOURNAL_UPLOAD, 4, text("four"));
	journal_close(take(&w->journal));

	/* one bit of a value, and a whole record under another's key */
	assert_int_equal(kv_open(&config, &kv, NULL), 0);
	assert_int_equal(kv_begin(kv, true, &txn), 0);
	assert_int_equal(kv_get(txn, 0, key_slice, &value), 0);
	memcpy(copy, value.data, value.len);
	value.data = copy;
	assert_int_equal(kv_put(txn, 0, third_slice, value), 0);
	copy[value.len - 1] ^= 1;
	assert_int_equal(kv_put(txn, 0, key_slice, value), 0);
	assert_int_equal(kv_commit(txn), 0);
	kv_close(kv);

	assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
	log_to_sink(count_lines, &lines);
	assert_records(w->journal, JOURNAL_UPLOAD, "1=one 4=four ");
	log_to_sink(NULL, NULL);
	assert_int_equal(lines, 1);
}

/* ---- a tool that looks ---- */

static void a_reader_opens_no_journal_that_is_not_there(void **state)
{
	struct world *w = *state;
	cleanup(freep) char *path = str_printf("%s/none", w->dir);
	struct journal_config config = {
		.dir = path, .size_max = MIB, .read_only = true};
	struct journal *journal = NULL;

	assert_int_equal(journal_open(&config, &journal, NULL), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_reader_sees_what_is_on_disk(void **state)
{
	struct world *w = *state;
	struct journal_config config = {
		.dir = w->path, .size_max = 16 * MIB, .read_only = true};
	struct journal *reader = NULL;

	journal_note(w->journal, JOURNAL_UPLOAD, 1, text("one"));
	journal_close(take(&w->journal));
	assert_int_equal(journal_open(&config, &reader, NULL), 0);
	assert_records(reader, JOURNAL_UPLOAD, "1=one ");
	journal_close(reader);
	assert_int_equal(open_sized(w, 16 * MIB, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(done_means_on_disk),
		T(records_come_by_kind_in_the_order_of_ids),
		T(writes_of_one_record_keep_their_order),
		T(the_value_is_copied_at_once),
		T(what_nobody_waits_for_is_on_disk_after_close),
		T(each_stops_when_told),
		T(without_a_journal_everything_is_answered_at_once),
		T(ids_are_never_given_twice),
		T(ids_are_not_given_again_after_a_crash),
		T(writers_share_their_syncs),
		T(what_is_too_large_fails_alone),
		T(a_lost_note_is_the_error_of_the_next_sync),
		T(a_full_disk_is_ENOSPC_and_what_was_there_stays),
		T(a_damaged_journal_is_moved_aside_and_refused_once),
		T(a_record_whose_checksum_is_wrong_is_passed_over),
		T(a_reader_opens_no_journal_that_is_not_there),
		T(a_reader_sees_what_is_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
