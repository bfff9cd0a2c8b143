/* SPDX-License-Identifier: MIT */
/*
 * Many threads change one file, each its own blocks of it, read them back,
 * flush and sync; now and then one is interrupted.  Whatever was answered is
 * what is read, and what the store has at the end.  Made for the thread
 * sanitizer.
 */
#include "content_rig.h"

#include <pthread.h>
#include <semaphore.h>

#define THREADS 4
#define BLOCK   UINT64_C(3000) /* bytes; no border is one of pages or slabs */
#define BLOCKS  800
#define SIZE    (BLOCK * BLOCKS)
#define ROUNDS  250

struct worker {
	struct rig *rig;
	unsigned number;
	uint64_t random;
	uint64_t nodeid;
	pthread_t thread;
	uint8_t values[BLOCKS]; /* of all bytes of a block; own blocks only */
};

/* A call that its thread waits for. */
struct waiting {
	struct fs_call call;
	sem_t done;
	uint8_t wanted; /* of a read */
	size_t got;
};

static uint64_t next_random(struct worker *w)
{
	w->random = w->random * UINT64_C(6364136223846793005) +
	            UINT64_C(1442695040888963407);
	return w->random >> 33;
}

static void wake(struct fs_call *call)
{
	(void)sem_post(&((struct waiting *)call)->done);
}

/* A read's bytes are only ours here. */
static void check_and_wake(struct fs_call *call)
{
	struct waiting *w = (struct waiting *)call;

	for (size_t i = 0; call->status == 0 && i < call->data.count; i++) {
		const struct slice *s = &call->data.slices[i];

		for (size_t j = 0; j < s->len; j++)
			assert_int_equal(s->data[j], w->wanted);
		w->got += s->len;
	}
	wake(call);
}

static void prepare(struct waiting *w)
{
	memset(w, 0, sizeof(*w));
	(void)sem_init(&w->done, 0, 0);
	w->call.done = wake;
}

static int wait_for(struct waiting *w)
{
	while (sem_wait(&w->done) < 0)
		;
	(void)sem_destroy(&w->done);
	return w->call.status;
}

/* Write a block until it is written. */
static void write_block(struct worker *w, struct fs_handle *handle,
                        unsigned block)
{
	uint8_t value = (uint8_t)next_random(w);
	uint8_t data[BLOCK];
	struct waiting wait;
	int r;

	memset(data, value, sizeof(data));
	do {
		prepare(&wait);
		fs_write(w->rig->fs, &wait.call, handle, block * BLOCK,
		         (struct slice){data, sizeof(data)});
		if (next_random(w) % 8 == 0)
			fs_cancel(w->rig->fs, &wait.call);
		r = wait_for(&wait);
		assert_true(r == 0 || r == -EINTR);
	} while (r < 0);
	w->values[block] = value;
}

static void read_block(struct worker *w, struct fs_handle *handle,
                       unsigned block)
{
	struct waiting wait;

	prepare(&wait);
	wait.wanted = w->values[block];
	wait.call.done = check_and_wake;
	fs_read(w->rig->fs, &wait.call, handle, block * BLOCK, BLOCK);
	assert_int_equal(wait_for(&wait), 0);
	assert_int_equal(wait.got, BLOCK);
}

static void flush_or_sync(struct worker *w, struct fs_handle *handle, bool sync)
{
	struct waiting wait;

	prepare(&wait);
	if (sync)
		fs_fsync(w->rig->fs, &wait.call, handle);
	else
		fs_flush(w->rig->fs, &wait.call, handle);
	if (next_random(w) % 8 == 0)
		fs_cancel(w->rig->fs, &wait.call);
	assert_true(wait_for(&wait) == 0 || wait.call.status == -EINTR);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct waiting wait;
	struct fs_handle *handle;

	prepare(&wait);
	fs_open(w->rig->fs, &wait.call, w->nodeid, O_RDWR);
	assert_int_equal(wait_for(&wait), 0);
	handle = wait.call.handle;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned block =
			(unsigned)(next_random(w) % (BLOCKS / THREADS)) *
				THREADS +
			w->number;

		if (next_random(w) % 2)
			write_block(w, handle, block);
		read_block(w, handle, block);
		if (next_random(w) % 16 == 0)
			flush_or_sync(w, handle, next_random(w) % 2);
	}
	flush_or_sync(w, handle, false);
	fs_release(w->rig->fs, handle);
	return NULL;
}

static void what_many_threads_change_is_what_is_stored(void **state)
{
	static struct worker workers[THREADS];
	const struct rig_config config = {
		.mode = FAKE_THREAD, .budget = 8 * MIB, .threads = true};
	uint8_t *zeros = calloc(1, SIZE);
	struct str bytes = {0};
	struct rig rig;
	uint64_t id;

	(void)state;
	assert_non_null(zeros);
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put(rig.fake, "f", zeros, SIZE, NULL), 0);
	free(zeros);
	id = rig_lookup(&rig, "f");
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = &rig,
		                             .number = i,
		                             .random = i + 1,
		                             .nodeid = id};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
		                                &workers[i]),
		                 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	assert_int_equal(fs_settle(rig.fs), 0);
	assert_int_equal(fake_store_get(rig.fake, "f", &bytes), 0);
	assert_int_equal(bytes.len, SIZE);
	for (uint64_t i = 0; i < SIZE; i++) {
		const struct worker *w = &workers[i / BLOCK % THREADS];

		assert_int_equal((uint8_t)bytes.data[i], w->values[i / BLOCK]);
	}
	str_release(&bytes);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_many_threads_change_is_what_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
