/* SPDX-License-Identifier: MIT */
/* Many slow writers in little memory: all of them get through. */
#include "upload_rig.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#define WRITERS 80
#define PIECE   (96 << 10) /* bytes of one write */

struct writer {
	struct upload *up;
	struct rig_write write;
	struct rig_finish finish;
	char key[16];
	uint64_t offset;
	uint64_t size;
	bool writing;
	bool finishing;
	bool ended;
	struct rig *rig;
};

/* The key differs by writer; everything else is the rig's. */
static int describe(void *owner, const char *nonce, bool stream,
                    struct upload_target *ret)
{
	struct writer *w = owner;
	int r = rig_describe(w->rig, nonce, stream, ret);

	free(ret->key);
	ret->key = strdup(w->key);
	return r;
}

static void writer_init(struct writer *w, struct rig *rig, unsigned number)
{
	struct upload_config config = {
		.uploads = rig->uploads,
		.store = rig->store,
		.describe = describe,
		.owner = w,
	};

	memset(w, 0, sizeof(*w));
	w->rig = rig;
	w->size = number % 10 == 0 ? 11 * MIB + number : MIB + number * 1000;
	(void)snprintf(w->key, sizeof(w->key), "w%02u", number);
	assert_int_equal(upload_new(&config, &w->up), 0);
}

/* Do the writer's next thing if the last one is done; false: it waits. */
static bool writer_step(struct writer *w)
{
	if (w->writing) {
		if (!atomic_load(&w->write.done))
			return false;
		assert_int_equal(w->write.write.status, 0);
		w->offset += w->write.write.copied;
		free(w->write.data);
		w->writing = false;
	}
	if (w->offset < w->size) {
		uint64_t left = w->size - w->offset;

		w->writing = true;
		rig_append_start(w->up, &w->write, w->offset,
		                 left < PIECE ? (size_t)left : PIECE);
		return true;
	}
	if (!w->finishing) {
		w->finishing = true;
		rig_finish_start(w->up, &w->finish);
		return true;
	}
	if (!atomic_load(&w->finish.done))
		return false;
	assert_int_equal(w->finish.finish.status, 0);
	upload_free(w->up);
	w->ended = true;
	return true;
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

/*
 * All writers write in turn, none finishes before all have written: with a
 * fraction of the memory they would need together.
 */
static void many_writers_finish(const struct rig_config *config)
{
	struct writer *writers = calloc(WRITERS, sizeof(*writers));
	struct pool_stats stats;
	struct rig rig;
	unsigned ended = 0;
	unsigned fds = open_fds();
	time_t deadline = time(NULL) + 120;

	assert_non_null(writers);
	rig_init(&rig, config);
	for (unsigned i = 0; i < WRITERS; i++)
		writer_init(&writers[i], &rig, i);
	while (ended < WRITERS) {
		bool moved = false;

		for (unsigned i = 0; i < WRITERS; i++) {
			if (writers[i].ended || !writer_step(&writers[i]))
				continue;
			moved = true;
			ended += writers[i].ended;
		}
		assert_true(time(NULL) < deadline);
		if (!moved)
			(void)sched_yield();
	}
	for (unsigned i = 0; i < WRITERS; i += 7)
		rig_check(&rig, writers[i].key, writers[i].size);
	assert_int_equal(fake_store_count(rig.fake), WRITERS);
	assert_int_equal(fake_store_open_uploads(rig.fake), 0);
	pool_get_stats(rig.pool, &stats);
	assert_true(stats.waits > 0 || !config->threads);
	assert_true(stats.peak <= stats.budget);
	rig_end(&rig);
	assert_true(open_fds() <= fds);
	free(writers);
}

static void eighty_writers_share_eight_mebibytes(void **state)
{
	(void)state;
	many_writers_finish(&(struct rig_config){
		.budget = 8 * MIB, .mode = FAKE_THREAD, .threads = true});
}

static void and_so_they_do_on_one_thread(void **state)
{
	(void)state;
	many_writers_finish(&(struct rig_config){.budget = 8 * MIB});
}

static void and_with_room_for_three_parts(void **state)
{
	(void)state;
	many_writers_finish(&(struct rig_config){
		.budget = 24 * MIB, .mode = FAKE_THREAD, .threads = true});
}

static void and_where_all_parts_must_be_alike(void **state)
{
	struct store_limits limits = rig_limits;

	(void)state;
	limits.equal_parts = true;
	many_writers_finish(&(struct rig_config){.budget = 24 * MIB,
	                                         .limits = &limits,
	                                         .mode = FAKE_THREAD,
	                                         .threads = true});
}

/* Fill the memory with one upload's tail, then let another one write. */
static void start_two(struct rig *rig, struct upload **ret_first,
                      struct upload **ret_second, struct rig_write *write)
{
	*ret_first = rig_upload(rig);
	*ret_second = rig_upload(rig);
	assert_int_equal(rig_append(*ret_first, 0, 3 * MIB), 0);
	assert_int_equal(rig_append(*ret_second, 0, 3 * MIB), 0);
	rig_append_start(*ret_second, write, 3 * MIB, MIB);
}

static void the_part_that_has_not_grown_for_longest_gives_way(void **state)
{
	struct rig_config config = {.budget = 8 * MIB};
	struct rig_write write;
	struct upload *first;
	struct upload *second;
	struct pool_stats stats;
	struct rig rig;
	uint8_t *back = malloc(3 * MIB);

	(void)state;
	rig_init(&rig, &config);
	start_two(&rig, &first, &second, &write);
	assert_true(write.done);
	pool_get_stats(rig.pool, &stats);
	assert_int_equal(stats.held[POOL_WRITE], 4 * MIB);

	/* It is in the staging file, and can be read from there. */
	assert_int_equal(upload_read(first, 0, back, 3 * MIB), 0);
	for (size_t i = 0; i < 3 * MIB; i++)
		assert_int_equal(back[i], rig_byte(i));
	rig_transcript(&rig, "");
	free(back);
	free(write.data);
	upload_free(first);
	upload_free(second);
	rig_end(&rig);
}

static void a_part_that_is_big_enough_is_sent_instead(void **state)
{
	struct rig_config config = {.budget = 16 * MIB, .part_size = 4 * MIB};
	struct store_limits limits = rig_limits;
	struct upload *up[4];
	struct rig rig;

	(void)state;
	limits.part_min = 2 * MIB;
	config.limits = &limits;
	rig_init(&rig, &config);
	for (unsigned i = 0; i < 4; i++) {
		up[i] = rig_upload(&rig);
		assert_int_equal(rig_append(up[i], 0, i == 0 ? MIB : 3 * MIB),
		                 0);
	}
	assert_int_equal(rig_append(up[3], 3 * MIB, MIB), 0);
	rig_transcript(&rig, "");
	assert_int_equal(rig_append(up[2], 3 * MIB, MIB), 0);
	assert_int_equal(rig_append(up[0], MIB, MIB), 0);
	rig_transcript(&rig, "MPU_CREATE big\n"
	                     "MPU_PART big 1 3145728\n");
	for (unsigned i = 0; i < 4; i++)
		upload_free(up[i]);
	rig_end(&rig);
}

static void a_full_staging_disk_fails_the_one_that_was_to_give_way(void **state)
{
	struct rig_config config = {.budget = 8 * MIB};
	struct rlimit limit;
	struct rlimit small = {.rlim_cur = 1 << 20};
	struct rig_write write;
	struct upload *first;
	struct upload *second;
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small.rlim_max = limit.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	rig_init(&rig, &config);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	start_two(&rig, &first, &second, &write);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(write.done);
	assert_int_equal(write.write.status, 0);
	assert_int_equal(upload_status(first, &err), -EFBIG);
	assert_non_null(strstr(err.text, "staging"));
	assert_int_equal(upload_status(second, NULL), 0);
	free(write.data);
	upload_free(first);
	upload_free(second);
	rig_end(&rig);
}

static void a_write_that_waits_can_be_cancelled(void **state)
{
	struct rig_config config = {.budget = 8 * MIB, .mode = FAKE_QUEUE};
	struct rig_finish f = {0};
	struct rig_write write;
	struct list reaped;
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig_append_start(up, &write, 6 * MIB, MIB);
	assert_false(write.done); /* a part is on its way out: wait for it */
	assert_true(upload_write_cancel(&write.write));
	assert_false(upload_write_cancel(&write.write));
	list_init(&reaped);
	upload_reap(up, &reaped);
	assert_ptr_equal(list_first(&reaped, struct upload_write, link),
	                 &write.write);
	assert_int_equal(write.write.status, -EINTR);
	assert_false(write.done);
	free(write.data);

	rig_finish_start(up, &f);
	fake_store_run(rig.fake);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 6 * MIB);
	rig_end(&rig);
}

static void a_cancelled_write_is_skipped_when_its_turn_comes(void **state)
{
	struct rig_config config = {.budget = 8 * MIB, .mode = FAKE_QUEUE};
	struct rig_finish f = {0};
	struct rig_write first;
	struct rig_write second;
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig_append_start(up, &first, 0, MIB);
	assert_true(upload_write_cancel(&first.write));
	rig_append_start(up, &second, 6 * MIB, MIB);
	assert_false(second.done);
	free(first.data); /* not looked at any more */
	fake_store_run(rig.fake);
	assert_true(first.done && second.done);
	assert_int_equal(first.write.status, -EINTR);
	assert_int_equal(second.write.status, 0);
	free(second.data);
	rig_finish_start(up, &f);
	fake_store_run(rig.fake);
	assert_int_equal(f.finish.status, 0);
	upload_free(up);
	rig_check(&rig, "big", 7 * MIB);
	rig_end(&rig);
}

static void a_failure_answers_the_write_that_waits(void **state)
{
	struct rig_config config = {.budget = 8 * MIB, .mode = FAKE_QUEUE};
	const struct fault_rule rule = {.verbs = FAULT_VERB(STORE_MPU_CREATE),
	                                .code = -EACCES,
	                                .action = FAULT_HOLD};
	struct rig_write write;
	struct upload *up;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	fault_store_add(rig.fault, &rule);
	up = rig_upload(&rig);
	assert_int_equal(rig_append(up, 0, 6 * MIB), 0);
	rig_append_start(up, &write, 6 * MIB, MIB);
	assert_false(write.done);
	assert_int_equal(fault_store_release(rig.fault, -EACCES), 1);
	assert_true(write.done);
	assert_int_equal(write.write.status, -EACCES);
	free(write.data);
	upload_free(up);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_part_that_has_not_grown_for_longest_gives_way),
		cmocka_unit_test(a_part_that_is_big_enough_is_sent_instead),
		cmocka_unit_test(
			a_full_staging_disk_fails_the_one_that_was_to_give_way),
		cmocka_unit_test(a_write_that_waits_can_be_cancelled),
		cmocka_unit_test(
			a_cancelled_write_is_skipped_when_its_turn_comes),
		cmocka_unit_test(a_failure_answers_the_write_that_waits),
		cmocka_unit_test(and_so_they_do_on_one_thread),
		cmocka_unit_test(eighty_writers_share_eight_mebibytes),
		cmocka_unit_test(and_with_room_for_three_parts),
		cmocka_unit_test(and_where_all_parts_must_be_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
