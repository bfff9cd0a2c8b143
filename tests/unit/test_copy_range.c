/* SPDX-License-Identifier: MIT */
/*
 * copy_file_range(2): ranges of stored files are taken without a byte moving,
 * and the store copies them at the commit.
 */
#include "content_rig.h"

/* Take a range of source; the bytes taken, or the failure. */
static int64_t copy(struct rig *rig, struct fs_handle *source, uint64_t from,
                    struct fs_handle *target, uint64_t to, uint64_t length)
{
	const struct fs_copy copy = {
		.source = source,
		.source_offset = from,
		.target = target,
		.target_offset = to,
		.length = length,
	};
	struct rig_call c = rig_call(1);
	int r;

	fs_copy_file_range(rig->fs, &c.call, &copy);
	r = rig_status(&c);
	return r < 0 ? r : (int64_t)c.call.count;
}

/* "f" of test bytes, open for reading; "g", new, open for writing. */
struct pair {
	struct rig rig;
	struct fs_handle *f;
	struct fs_handle *g;
};

static void begin(struct pair *pair, const struct rig_config *config,
                  uint64_t size)
{
	struct rig_call c;

	rig_init(&pair->rig, config);
	rig_put(&pair->rig, "f", size);
	assert_int_equal(rig_open(&pair->rig, rig_lookup(&pair->rig, "f"),
	                          O_RDONLY, &c),
	                 0);
	pair->f = c.call.handle;
	assert_int_equal(rig_create(&pair->rig, "g", O_WRONLY, 1, &pair->g), 0);
	free(fake_store_take_transcript(pair->rig.fake));
}

static void end(struct pair *pair)
{
	assert_int_equal(rig_close(&pair->rig, pair->f), 0);
	rig_end(&pair->rig);
}

/* The requests since the last time, each line's words from the second on cut. */
static void asked(struct rig *rig, const char *expected)
{
	char *got = fake_store_take_transcript(rig->fake);
	char verbs[512] = "";
	size_t used = 0;

	for (char *line = got; *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, " \n");

		assert_true(used + len + 2 < sizeof(verbs));
		memcpy(verbs + used, line, len);
		verbs[used + len] = ' ';
		used += len + 1;
	}
	assert_string_equal(verbs, expected);
	free(got);
}

/* What the store has under a key is the test bytes from first on. */
static void holds(struct rig *rig, const char *key, uint64_t first,
                  uint64_t size)
{
	struct str bytes = {0};

	assert_int_equal(fake_store_get(rig->fake, key, &bytes), 0);
	assert_int_equal(bytes.len, size);
	for (uint64_t i = 0; i < size; i++) {
		if ((uint8_t)str_text(&bytes)[i] != rig_byte(first + i))
			fail_msg("byte %llu differs", (unsigned long long)i);
	}
	str_release(&bytes);
}

static void a_whole_file_is_one_copy_and_no_byte_moves(void **state)
{
	struct fake_stats stats;
	struct pair p;

	(void)state;
	begin(&p, NULL, 3 * MIB);
	fake_store_get_stats(p.rig.fake, &stats);
	uint64_t out = stats.bytes_out;

	/* In the pieces that cp and the kernel make of it. */
	assert_int_equal(copy(&p.rig, p.f, 0, p.g, 0, MIB), MIB);
	assert_int_equal(copy(&p.rig, p.f, MIB, p.g, MIB, 100 * MIB), 2 * MIB);
	assert_int_equal(copy(&p.rig, p.f, 3 * MIB, p.g, 3 * MIB, MIB), 0);
	asked(&p.rig, "");
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	asked(&p.rig, "COPY ");
	fake_store_get_stats(p.rig.fake, &stats);
	assert_int_equal(stats.bytes_out, out);
	assert_int_equal(stats.bytes_in, 0);
	holds(&p.rig, "g", 0, 3 * MIB);
	end(&p);
}

static void a_small_file_too(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, NULL, 17);
	assert_int_equal(copy(&p.rig, p.f, 0, p.g, 0, UINT64_C(1) << 40), 17);
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	asked(&p.rig, "COPY ");
	holds(&p.rig, "g", 0, 17);
	end(&p);
}

static void a_part_of_a_small_one_is_read_and_sent(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, NULL, 1000);
	assert_int_equal(copy(&p.rig, p.f, 100, p.g, 0, 500), 500);
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	holds(&p.rig, "g", 100, 500);
	end(&p);
}

static void a_large_range_is_a_copied_part(void **state)
{
	struct fake_stats stats;
	struct pair p;

	(void)state;
	begin(&p, NULL, 20 * MIB);
	assert_int_equal(copy(&p.rig, p.f, MIB, p.g, 0, 12 * MIB), 12 * MIB);
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	asked(&p.rig, "MPU_CREATE MPU_PART_COPY MPU_COMPLETE ");
	fake_store_get_stats(p.rig.fake, &stats);
	assert_int_equal(stats.bytes_in, 0);
	holds(&p.rig, "g", MIB, 12 * MIB);
	end(&p);
}

static void files_are_put_together(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, NULL, 8 * MIB);
	/* cat f > g; then some bytes of one's own behind. */
	assert_int_equal(copy(&p.rig, p.f, 0, p.g, 0, 8 * MIB), 8 * MIB);
	assert_int_equal(rig_write(&p.rig, p.g, 8 * MIB, 1000), 0);
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	holds(&p.rig, "g", 0, 8 * MIB + 1000);
	end(&p);
}

static void bytes_not_at_the_store_are_for_the_caller_to_copy(void **state)
{
	struct fs_handle *h;
	struct pair p;
	struct rig_call c;

	(void)state;
	begin(&p, NULL, 1000);
	assert_int_equal(rig_create(&p.rig, "h", O_RDWR, 1, &h), 0);
	assert_int_equal(rig_write(&p.rig, h, 0, 100), 0);
	assert_int_equal(copy(&p.rig, h, 0, p.g, 0, 100), -EOPNOTSUPP);
	assert_int_equal(copy(&p.rig, p.g, 0, p.g, 500, 100), -EBADF);
	assert_int_equal(copy(&p.rig, p.f, 0, p.f, 500, 100), -EBADF);
	assert_int_equal(rig_open(&p.rig, rig_lookup(&p.rig, "f"), O_RDWR, &c),
	                 0);
	assert_int_equal(copy(&p.rig, c.call.handle, 0, c.call.handle, 500, 9),
	                 -EOPNOTSUPP);
	assert_int_equal(rig_close(&p.rig, c.call.handle), 0);
	assert_int_equal(rig_close(&p.rig, h), 0);
	assert_int_equal(rig_close(&p.rig, p.g), 0);
	end(&p);
}

static void a_source_that_changed_elsewhere_fails_the_close(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, NULL, MIB);
	assert_int_equal(copy(&p.rig, p.f, 0, p.g, 0, MIB), MIB);
	assert_int_equal(fake_store_put_text(p.rig.fake, "f", "other"), 0);
	assert_int_equal(rig_close(&p.rig, p.g), -ESTALE);
	char *list = fake_store_list(p.rig.fake);

	assert_string_equal(list, "f 5\n");
	free(list);
	end(&p);
}

static void a_copy_may_fail_at_every_request(void **state)
{
	static const enum fault_action actions[] = {FAULT_FAIL,
	                                            FAULT_LOSE_REPLY};

	(void)state;
	for (unsigned a = 0; a < 2; a++) {
		unsigned fired = 1;

		for (unsigned n = 1; fired > 0; n++) {
			struct object_info info;
			struct pair p;
			int r;

			begin(&p, NULL, 20 * MIB);
			(void)fault_store_add(
				p.rig.fault,
				&(struct fault_rule){.action = actions[a],
			                             .nth = n});
			assert_int_equal(copy(&p.rig, p.f, 0, p.g, 0, 19 * MIB),
			                 19 * MIB);
			r = rig_close(&p.rig, p.g);
			fired = fault_store_fired(p.rig.fault);
			fault_store_clear(p.rig.fault);
			assert_true(r == 0 || (fired > 0 && r == -EIO));
			if (r == 0)
				holds(&p.rig, "g", 0, 19 * MIB);
			else
				assert_int_equal(fake_store_stat(p.rig.fake,
				                                 "g", &info),
				                 -ENOENT);
			/* A lost reply of Create is the journal's business. */
			assert_true(fake_store_open_uploads(p.rig.fake) <=
			            (actions[a] == FAULT_LOSE_REPLY && r < 0));
			assert_true(n < 50);
			end(&p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_one_copy_and_no_byte_moves),
		cmocka_unit_test(a_small_file_too),
		cmocka_unit_test(a_part_of_a_small_one_is_read_and_sent),
		cmocka_unit_test(a_large_range_is_a_copied_part),
		cmocka_unit_test(files_are_put_together),
		cmocka_unit_test(
			bytes_not_at_the_store_are_for_the_caller_to_copy),
		cmocka_unit_test(
			a_source_that_changed_elsewhere_fails_the_close),
		cmocka_unit_test(a_copy_may_fail_at_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
