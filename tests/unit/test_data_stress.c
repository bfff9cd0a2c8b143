/* SPDX-License-Identifier: MIT */
/*
 * Many threads on one mount with little memory and a store that answers on a
 * thread of its own: whatever is read is right, whatever close accepted is at
 * the store, and nothing is left behind.  Made for the thread sanitizer.
 */
#include "base/log.h"
#include "content_rig.h"

#include <pthread.h>
#include <semaphore.h>

#define THREADS     6
#define ROUNDS      14
#define SHARED      "shared"
#define SHARED_SIZE (9 * MIB + 4321)

struct worker {
	struct rig *rig;
	unsigned number;
	uint64_t random;
	uint64_t shared; /* nodeid of the file that all read */
	pthread_t thread;
	unsigned failures; /* honest ones */
};

/* A call that its thread waits for. */
struct waiting {
	struct fs_call call;
	sem_t done;
	uint64_t offset; /* of a read: checked inside done() */
	uint64_t got;
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
	uint64_t at = w->offset;

	for (size_t i = 0; call->status == 0 && i < call->data.count; i++) {
		const struct slice *s = &call->data.slices[i];

		for (size_t j = 0; j < s->len; j++, at++) {
			if (s->data[j] != rig_byte(at))
				fail_msg("byte %llu differs",
				         (unsigned long long)at);
		}
	}
	w->got = at - w->offset;
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

static int write_at(struct worker *w, struct fs_handle *handle, uint64_t offset,
                    size_t size)
{
	uint8_t *data = malloc(size);
	struct waiting wait;
	int r;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = rig_byte(offset + i);
	prepare(&wait);
	fs_write(w->rig->fs, &wait.call, handle, offset,
	         (struct slice){data, size});
	/* Now and then somebody hits Ctrl-C. */
	if (next_random(w) % 16 == 0)
		fs_cancel(w->rig->fs, &wait.call);
	r = wait_for(&wait);
	free(data);
	return r;
}

static int read_at(struct worker *w, struct fs_handle *handle, uint64_t offset,
                   size_t size, uint64_t *ret_got)
{
	struct waiting wait;
	int r;

	prepare(&wait);
	wait.call.done = check_and_wake;
	wait.offset = offset;
	fs_read(w->rig->fs, &wait.call, handle, offset, size);
	r = wait_for(&wait);
	*ret_got = wait.got;
	return r;
}

static int flush(struct worker *w, struct fs_handle *handle)
{
	struct waiting wait;

	prepare(&wait);
	fs_flush(w->rig->fs, &wait.call, handle);
	return wait_for(&wait);
}

/* Write a new file of some size; what close accepted must be there. */
static void write_new(struct worker *w, unsigned round)
{
	char name[32];
	struct fs_create create = {.parent = w->rig->root,
	                           .name = name,
	                           .mode = 0644,
	                           .flags = O_WRONLY | O_CREAT};
	uint64_t size = next_random(w) % (round % 3 == 0 ? 11 * MIB : MIB);
	uint64_t at = 0;
	struct waiting wait;
	struct object_info info;
	int r = 0;

	(void)snprintf(name, sizeof(name), "w%u-%u", w->number, round);
	prepare(&wait);
	fs_create(w->rig->fs, &wait.call, &create);
	assert_int_equal(wait_for(&wait), 0);
	while (at < size && (r == 0 || r == -EINTR)) {
		uint64_t n = 1 + next_random(w) % (256 * KIB);

		n = n < size - at ? n : size - at;
		r = write_at(w, wait.call.handle, at, (size_t)n);
		at += r == 0 ? n : 0;
	}
	if (r == 0 || r == -EINTR)
		r = flush(w, wait.call.handle);
	else
		assert_true(flush(w, wait.call.handle) < 0);
	fs_release(w->rig->fs, wait.call.handle);
	fs_forget(w->rig->fs, wait.call.entry.nodeid, 1);
	if (r < 0) {
		w->failures++;
		return;
	}
	assert_int_equal(fake_store_stat(w->rig->fake, name, &info), 0);
	assert_int_equal(info.size, size);
	rig_check(w->rig, name, size);
}

/* Read the shared file, in order or about. */
static void read_shared(struct worker *w, uint64_t nodeid)
{
	bool in_order = next_random(w) % 2;
	struct waiting wait;
	uint64_t at = 0;

	prepare(&wait);
	fs_open(w->rig->fs, &wait.call, nodeid, O_RDONLY);
	if (wait_for(&wait) < 0) {
		w->failures++;
		return;
	}
	for (unsigned i = 0; i < 40; i++) {
		uint64_t size = 1 + next_random(w) % (512 * KIB);
		uint64_t offset = in_order ? at : next_random(w) % SHARED_SIZE;
		uint64_t want = offset < SHARED_SIZE ? SHARED_SIZE - offset : 0;
		uint64_t got;
		int r = read_at(w, wait.call.handle, offset, (size_t)size,
		                &got);

		if (r < 0) {
			w->failures++;
			continue;
		}
		assert_int_equal(got, size < want ? size : want);
		at += got;
	}
	(void)flush(w, wait.call.handle);
	fs_release(w->rig->fs, wait.call.handle);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned round = 0; round < ROUNDS; round++) {
		if (next_random(w) % 2)
			write_new(w, round);
		else
			read_shared(w, w->shared);
	}
	return NULL;
}

/* All workers at once. Returns how often they were told of a failure. */
static unsigned run(struct rig *rig)
{
	struct worker workers[THREADS];
	unsigned failures = 0;
	uint64_t shared;

	rig_put(rig, SHARED, SHARED_SIZE);
	shared = rig_lookup(rig, SHARED);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = rig,
		                             .number = i,
		                             .random = 17 + i,
		                             .shared = shared};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
		                                &workers[i]),
		                 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		failures += workers[i].failures;
	}
	(void)fs_settle(rig->fs);
	assert_int_equal(fs_writing(rig->fs), 0);
	assert_int_equal(fake_store_open_uploads(rig->fake), 0);
	return failures;
}

static void all_of_it_is_right_in_little_memory(void **state)
{
	struct rig_config config = {
		.mode = FAKE_THREAD, .budget = 10 * MIB, .threads = true};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(run(&rig), 0);
	rig_end(&rig);
}

/* Lines are many here, and expected. */
static void no_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void failures_are_told_and_nothing_is_left_of_them(void **state)
{
	struct rig_config config = {
		.mode = FAKE_THREAD, .budget = 10 * MIB, .threads = true};
	struct rig rig;

	(void)state;
	log_to_sink(no_line, NULL);
	rig_init(&rig, &config);
	for (unsigned i = 1; i < 60; i++) {
		const struct fault_rule rule = {
			.nth = i * 11,
			.verbs = ~(FAULT_VERB(STORE_MPU_ABORT) |
		                   FAULT_VERB(STORE_HEAD)),
			.code = -EDQUOT,
		};

		assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	}
	assert_true(run(&rig) > 0);
	rig_end(&rig);
	log_to_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_right_in_little_memory),
		cmocka_unit_test(failures_are_told_and_nothing_is_left_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
