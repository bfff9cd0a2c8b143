/* SPDX-License-Identifier: MIT */
/*
 * Every operation on bytes, failing at every request it makes: an honest errno,
 * nothing half visible, nothing left behind, and a retry that works.
 */
#include "content_rig.h"

#define WR      (O_WRONLY | O_CREAT)
#define OLD     300 /* bytes of what was there before */
#define MAX_NTH 64

/* What an operation does; returns the first failure it was told, or 0. */
struct scenario {
	const char *name;
	int (*run)(struct rig *rig);
	bool replaces;  /* "f" is there before, OLD bytes */
	uint64_t wrote; /* bytes of "f" when it went well; 0 = it only reads */
};

/* Write size bytes and close; the first failure counts. */
static int write_and_close(struct rig *rig, struct fs_handle *handle,
                           uint64_t size, bool sync)
{
	int r = rig_write(rig, handle, 0, size);
	int closed;

	if (sync) {
		int synced = rig_fsync(rig, handle);

		r = r < 0 ? r : synced;
	}
	closed = rig_close(rig, handle);
	/* What failed once must not end well. */
	if (r < 0)
		assert_true(closed < 0);
	return r < 0 ? r : closed;
}

static int create(struct rig *rig, uint64_t size, bool sync)
{
	struct fs_handle *handle;
	int r = rig_create(rig, "f", WR, 1, &handle);

	return r < 0 ? r : write_and_close(rig, handle, size, sync);
}

static int create_empty(struct rig *rig)
{
	return create(rig, 0, false);
}

static int create_small(struct rig *rig)
{
	return create(rig, 1000, false);
}

static int create_large(struct rig *rig)
{
	return create(rig, 12 * MIB, false);
}

static int create_synced(struct rig *rig)
{
	return create(rig, 7 * MIB, true);
}

static int overwrite(struct rig *rig, uint64_t size)
{
	struct rig_call c;
	int r = rig_open(rig, rig_lookup(rig, "f"), O_WRONLY | O_TRUNC, &c);

	return r < 0 ? r : write_and_close(rig, c.call.handle, size, false);
}

static int overwrite_small(struct rig *rig)
{
	return overwrite(rig, 1000);
}

static int overwrite_large(struct rig *rig)
{
	return overwrite(rig, 12 * MIB);
}

static int late_times(struct rig *rig)
{
	const struct fs_attr attr = {.mtime = {.tv_sec = 1000}};
	struct fs_handle *handle;
	struct rig_call c = rig_call(1);
	int r = rig_create(rig, "f", WR, 1, &handle);
	int closed;

	if (r < 0)
		return r;
	r = rig_write(rig, handle, 0, 6 * MIB);
	fs_setattr(rig->fs, &c.call, rig->fs->inodes->last_id, handle,
	           FS_SET_MTIME, &attr);
	(void)rig_status(&c);
	closed = rig_close(rig, handle);
	return r < 0 ? r : closed;
}

static int truncate_by_name(struct rig *rig)
{
	return rig_truncate(rig, rig_lookup(rig, "f"), NULL, 0);
}

static int read_file(struct rig *rig)
{
	struct rig_call c;
	int64_t n;
	int r = rig_open(rig, rig_lookup(rig, "f"), O_RDONLY, &c);

	if (r < 0)
		return r;
	n = rig_read(rig, c.call.handle, 0, 4096);
	if (n >= 0)
		assert_int_equal(n, OLD);
	r = rig_close(rig, c.call.handle);
	return n < 0 ? (int)n : r;
}

static int open_read_write(struct rig *rig)
{
	struct rig_call c;
	int64_t n;
	int r = rig_open(rig, rig_lookup(rig, "f"), O_RDWR, &c);

	if (r < 0)
		return r;
	n = rig_read(rig, c.call.handle, 0, 4096);
	if (n >= 0)
		assert_int_equal(n, OLD);
	r = rig_close(rig, c.call.handle);
	return n < 0 ? (int)n : r;
}

static const struct scenario scenarios[] = {
	{"create empty", create_empty, false, 0},
	{"create small", create_small, false, 1000},
	{"create large", create_large, false, 12 * MIB},
	{"create and fsync", create_synced, false, 7 * MIB},
	{"overwrite small", overwrite_small, true, 1000},
	{"overwrite large", overwrite_large, true, 12 * MIB},
	{"late times", late_times, false, 6 * MIB},
	{"truncate by name", truncate_by_name, true, 0},
	{"read", read_file, true, OLD},
	{"open for both", open_read_write, true, OLD},
};

/* "f" is wholly the old object, or wholly the new one, or (new) not there. */
static void check_object(struct rig *rig, const struct scenario *s, int r)
{
	struct object_info info;
	int there = fake_store_stat(rig->fake, "f", &info);

	if (there < 0) {
		assert_false(s->replaces);
		assert_true(r < 0);
		return;
	}
	assert_true(info.size == s->wrote || (s->replaces && info.size == OLD));
	rig_check(rig, "f", info.size);
	if (r == 0)
		assert_int_equal(info.size, s->wrote);
}

/* Run it with its nth request spoilt. Returns whether it has an nth request. */
static bool run_spoilt(const struct scenario *s, struct fault_rule rule,
                       const int *allowed)
{
	struct rig rig;
	bool known = false;
	bool fired;
	int r;

	rig_init(&rig, NULL);
	if (s->replaces)
		rig_put(&rig, "f", OLD);
	assert_int_equal(fault_store_add(rig.fault, &rule), 0);
	r = s->run(&rig);
	fired = fault_store_fired(rig.fault) > 0;
	for (const int *code = allowed; fired && *code <= 0; code++)
		known = known || *code == r;
	if (fired && !known)
		fail_msg("%s: request %u: errno %d", s->name, rule.nth, r);
	if (!fired)
		assert_int_equal(r, 0);
	check_object(&rig, s, r);
	/*
	 * An upload whose id was lost with the reply nobody can abort, and one
	 * that somebody else came in the way of is left for a person.
	 */
	assert_true(
		fake_store_open_uploads(rig.fake) <=
		(r == -ESTALE || (rule.action == FAULT_LOSE_REPLY && r < 0)));
	(void)fs_settle(rig.fs);
	assert_int_equal(fs_writing(rig.fs), 0);

	/* And again, with a store that works: on what is there now. */
	fault_store_clear(rig.fault);
	if (s->replaces || fake_store_count(rig.fake) == 0) {
		if (s->replaces)
			rig_put(&rig, "f", OLD);
		assert_int_equal(s->run(&rig), 0);
		check_object(&rig, s, 0);
	}
	rig_end(&rig);
	return fired;
}

/* Every scenario, every request. Returns the requests that were spoilt. */
static unsigned spoil_all(const struct fault_rule *rule, const int *allowed)
{
	unsigned count = 0;

	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]);
	     i++) {
		struct fault_rule nth = *rule;

		for (nth.nth = 1; nth.nth < MAX_NTH; nth.nth++) {
			if (!run_spoilt(&scenarios[i], nth, allowed))
				break;
			count++;
		}
		assert_true(nth.nth > 1 && nth.nth < MAX_NTH);
	}
	return count;
}

static void every_request_failing_is_told_as_what_it_is(void **state)
{
	static const int codes[] = {-EIO, -EACCES, -EDQUOT, -ETIMEDOUT, -EBUSY};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		const struct fault_rule rule = {.code = codes[i]};
		const int allowed[] = {codes[i], 1};

		assert_true(spoil_all(&rule, allowed) > 25);
	}
}

static void a_vanished_object_or_bucket_is_never_enoent_at_close(void **state)
{
	const struct fault_rule rule = {.code = -ENOENT};
	static const int allowed[] = {-EIO, -ESTALE, -ENOENT, 0, 1};

	(void)state;
	assert_true(spoil_all(&rule, allowed) > 25);
}

static void a_reply_that_is_lost_is_settled_or_told(void **state)
{
	const struct fault_rule rule = {.action = FAULT_LOSE_REPLY,
	                                .code = -EIO};
	/* 0: a HEAD has seen that the commit was applied. */
	static const int allowed[] = {-EIO, 0, 1};

	(void)state;
	assert_true(spoil_all(&rule, allowed) > 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_failing_is_told_as_what_it_is),
		cmocka_unit_test(
			a_vanished_object_or_bucket_is_never_enoent_at_close),
		cmocka_unit_test(a_reply_that_is_lost_is_settled_or_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
