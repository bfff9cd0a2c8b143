/* SPDX-License-Identifier: MIT */
/*
 * Every change of a file, failing at every request it makes: an honest errno,
 * the old bytes or the new ones, nothing left behind, and a retry that works.
 */
#include "image_rig.h"

#define MAX_NTH 64
#define ROOM    (16 * MIB)

/* One run: the file's bytes are tracked in now. */
struct trial {
	struct rig rig;
	struct image now;
};

struct scenario {
	const char *name;
	int (*run)(struct trial *t); /* the first failure it was told, or 0 */
	uint64_t old;                /* bytes of "f" before; 0 = not there */
	bool checkpoint;             /* may also leave what was published in
	                                between: CHECKPOINT bytes of 1 */
};

#define CHECKPOINT (6 * MIB)

/* close(2); the first failure counts. */
static int finish(struct trial *t, struct fs_handle *handle, int r)
{
	int closed = rig_close(&t->rig, handle);

	return r < 0 ? r : closed;
}

/* Open "f". */
static int open_file(struct trial *t, int flags, struct fs_handle **ret)
{
	struct rig_call c;
	int r = rig_open(&t->rig, rig_lookup(&t->rig, "f"), flags, &c);

	*ret = c.call.handle;
	return r;
}

/* Read a byte here and there. */
static int peek(struct trial *t, struct fs_handle *handle)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < 4; i++) {
		struct rig_call c;

		rig_read_start(&t->rig, &c, handle, i * t->now.size / 4, 100);
		r = rig_status(&c);
		if (r == 0)
			assert_memory_equal(c.data,
			                    t->now.bytes + i * t->now.size / 4,
			                    c.got);
		free(c.data);
	}
	return r;
}

static int patch(struct trial *t)
{
	struct fs_handle *handle;
	int r = open_file(t, O_RDWR, &handle);

	if (r < 0)
		return r;
	r = put(&t->rig, handle, &t->now,
	        (struct rig_piece){t->now.size / 2, 100}, 7);
	if (r == 0)
		r = peek(t, handle);
	if (r == 0)
		r = rig_fsync(&t->rig, handle);
	return finish(t, handle, r);
}

static int append(struct trial *t)
{
	struct fs_handle *handle;
	int r = open_file(t, O_WRONLY | O_APPEND, &handle);

	if (r < 0)
		return r;
	r = put(&t->rig, handle, &t->now, (struct rig_piece){t->now.size, 100},
	        7);
	return finish(t, handle, r);
}

static int cut_by_name(struct trial *t)
{
	uint64_t size = t->now.size / 2 + 1;
	int r = rig_truncate(&t->rig, rig_lookup(&t->rig, "f"), NULL, size);

	if (r == 0)
		image_resize(&t->now, size);
	return r;
}

static int grow(struct trial *t)
{
	struct fs_handle *handle;
	uint64_t size = t->now.size + 12345;
	int r = open_file(t, O_WRONLY, &handle);

	if (r < 0)
		return r;
	r = rig_truncate(&t->rig, t->rig.fs->inodes->last_id, handle, size);
	if (r == 0)
		image_resize(&t->now, size);
	return finish(t, handle, r);
}

static int create_with_gap(struct trial *t)
{
	struct fs_handle *handle;
	int r = rig_create(&t->rig, "f", RW, 1, &handle);

	if (r < 0)
		return r;
	r = put(&t->rig, handle, &t->now, (struct rig_piece){7 * MIB, 100}, 7);
	return finish(t, handle, r);
}

static int change_what_was_sent(struct trial *t)
{
	struct fs_handle *handle;
	int r = rig_create(&t->rig, "f", WR, 1, &handle);

	for (unsigned i = 0; r == 0 && i < CHECKPOINT / MIB; i++)
		r = put(&t->rig, handle, &t->now,
		        (struct rig_piece){i * MIB, MIB}, 1);
	if (r == 0)
		r = put(&t->rig, handle, &t->now, (struct rig_piece){0, 10}, 2);
	return handle ? finish(t, handle, r) : r;
}

static const struct scenario scenarios[] = {
	{"patch a small file", patch, 10000, false},
	{"patch a large file", patch, 14 * MIB, false},
	{"append to a small file", append, 10000, false},
	{"append to a large file", append, 12 * MIB, false},
	{"cut by name", cut_by_name, 14 * MIB, false},
	{"grow", grow, 6 * MIB, false},
	{"create with a gap", create_with_gap, 0, false},
	{"change what was sent", change_what_was_sent, 0, true},
};

static void trial_init(struct trial *t, const struct scenario *s)
{
	rig_init(&t->rig, NULL);
	image_init(&t->now, ROOM);
	image_resize(&t->now, s->old);
	for (uint64_t i = 0; i < s->old; i++)
		t->now.bytes[i] = rig_byte(i);
	if (s->old > 0)
		image_put(&t->rig, &t->now);
}

static void trial_end(struct trial *t)
{
	image_release(&t->now);
	rig_end(&t->rig);
}

/* Whether the store's object is size bytes of what fill says. */
static bool is_stored(const struct str *bytes, uint64_t size,
                      uint8_t (*fill)(uint64_t offset))
{
	if (bytes->len != size)
		return false;
	for (uint64_t i = 0; i < size; i++) {
		if ((uint8_t)bytes->data[i] != fill(i))
			return false;
	}
	return true;
}

static uint8_t one(uint64_t offset)
{
	(void)offset;
	return 1;
}

/* What a run without a fault leaves behind. */
static void expect(const struct scenario *s, struct image *ret)
{
	struct trial t;

	trial_init(&t, s);
	assert_int_equal(s->run(&t), 0);
	image_check(&t.rig, &t.now);
	*ret = t.now;
	rig_end(&t.rig);
}

/* The old bytes, the new ones, or those of a checkpoint. */
static void check_object(struct trial *t, const struct scenario *s,
                         const struct image *wanted, int r)
{
	struct str bytes = {0};
	bool is_new;

	if (fake_store_get(t->rig.fake, "f", &bytes) < 0) {
		assert_true(s->old == 0 && r < 0);
		return;
	}
	is_new = bytes.len == wanted->size &&
	         memcmp(bytes.data, wanted->bytes, wanted->size) == 0;
	if (r == 0 && !is_new)
		fail_msg("%s: told to be well, but it is not", s->name);
	else if (s->checkpoint)
		assert_true(is_new || is_stored(&bytes, CHECKPOINT, one));
	else
		assert_true(is_new || is_stored(&bytes, s->old, rig_byte));
	str_release(&bytes);
}

/* Run it with its nth request spoilt. Returns whether it has an nth request. */
static bool run_spoilt(const struct scenario *s, const struct image *wanted,
                       const struct fault_rule *rule, const int *allowed)
{
	struct trial t;
	bool known = false;
	bool fired;
	int r;

	trial_init(&t, s);
	assert_int_equal(fault_store_add(t.rig.fault, rule), 0);
	r = s->run(&t);
	fired = fault_store_fired(t.rig.fault) > 0;
	for (const int *code = allowed; fired && *code <= 0; code++)
		known = known || *code == r;
	if (fired && !known)
		fail_msg("%s: request %u: errno %d", s->name, rule->nth, r);
	if (!fired)
		assert_int_equal(r, 0);
	check_object(&t, s, wanted, r);
	assert_true(
		fake_store_open_uploads(t.rig.fake) <=
		(r == -ESTALE || (rule->action == FAULT_LOSE_REPLY && r < 0)));
	(void)fs_settle(t.rig.fs);
	assert_int_equal(fs_writing(t.rig.fs), 0);
	trial_end(&t);
	return fired;
}

/* Every scenario, every request. */
static void spoil_all(const struct fault_rule *rule, const int *allowed)
{
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]);
	     i++) {
		const struct scenario *s = &scenarios[i];
		struct fault_rule nth = *rule;
		struct image wanted;

		expect(s, &wanted);
		for (nth.nth = 1; nth.nth < MAX_NTH; nth.nth++) {
			if (!run_spoilt(s, &wanted, &nth, allowed))
				break;
		}
		assert_true(nth.nth > 1 && nth.nth < MAX_NTH);
		image_release(&wanted);
	}
}

static void every_request_failing_is_told_as_what_it_is(void **state)
{
	const struct fault_rule rule = {.code = -EACCES};
	/* 0: it was of reading ahead. */
	static const int allowed[] = {-EACCES, 0, 1};

	(void)state;
	spoil_all(&rule, allowed);
}

static void a_vanished_object_or_bucket_is_told(void **state)
{
	const struct fault_rule rule = {.code = -ENOENT};
	static const int allowed[] = {-EIO, -ESTALE, -ENOENT, 0, 1};

	(void)state;
	spoil_all(&rule, allowed);
}

static void a_reply_that_is_lost_is_settled_or_told(void **state)
{
	const struct fault_rule rule = {.action = FAULT_LOSE_REPLY,
	                                .code = -EIO};
	static const int allowed[] = {-EIO, 0, 1};

	(void)state;
	spoil_all(&rule, allowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_failing_is_told_as_what_it_is),
		cmocka_unit_test(a_vanished_object_or_bucket_is_told),
		cmocka_unit_test(a_reply_that_is_lost_is_settled_or_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
