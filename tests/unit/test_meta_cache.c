/* SPDX-License-Identifier: MIT */
#include "fake_clock.h"
#include "meta_cache.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
	struct fake_clock clock;
	struct meta_cache *cache;
};

static void rig_init(struct rig *rig, size_t records_max)
{
	const struct meta_cache_config config = {
		.clock = &rig->clock.clock,
		.buckets = 2,
		.records_max = records_max,
	};

	fake_clock_init(&rig->clock);
	assert_int_equal(meta_cache_new(&config, &rig->cache), 0);
}

static uint64_t in(struct rig *rig, uint64_t ms)
{
	return clock_ms(&rig->clock.clock) + ms;
}

static struct meta_name name_of(const char *key)
{
	return (struct meta_name){0, key};
}

/* What is known of a key: "0", "absent" or "unknown". */
static const char *known(struct rig *rig, const char *key)
{
	const struct meta_name name = name_of(key);
	struct meta meta;
	int r = meta_cache_get(rig->cache, &name, &meta);

	meta_release(&meta);
	return r == 0 ? "there" : r == -ENOENT ? "absent" : "unknown";
}

/* Put a file with a version, as a listing or a HEAD says, asked at moment. */
static bool put(struct rig *rig, const char *key, const char *etag,
                unsigned from, uint64_t moment)
{
	const struct meta_name name = name_of(key);
	struct meta meta = {
		.kind = META_FILE,
		.fresh_ms = in(rig, 1000),
		.attr = {.known = from, .mode = S_IFREG | 0600},
	};
	bool taken;

	(void)snprintf(meta.attr.etag, sizeof(meta.attr.etag), "%s", etag);
	taken = meta_cache_put(rig->cache, &name, moment, &meta);
	meta_release(&meta);
	return taken;
}

static void put_now(struct rig *rig, const char *key, const char *etag,
                    unsigned from)
{
	assert_true(put(rig, key, etag, from, meta_cache_moment(rig->cache)));
}

static void whole_now(struct rig *rig, const char *dir, uint64_t moment)
{
	const struct meta_name name = name_of(dir);
	const struct meta_whole whole = {
		.moment = moment,
		.fresh_ms = in(rig, 1000),
	};

	meta_cache_whole(rig->cache, &name, &whole);
}

static void what_was_put_is_there_until_its_time_is_over(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	assert_string_equal(known(&rig, "a"), "unknown");
	put_now(&rig, "a", "1", ATTR_FROM_HEAD);
	assert_string_equal(known(&rig, "a"), "there");
	(void)fake_clock_advance(&rig.clock, NULL, 999);
	assert_string_equal(known(&rig, "a"), "there");
	(void)fake_clock_advance(&rig.clock, NULL, 1);
	assert_string_equal(known(&rig, "a"), "unknown");
	meta_cache_free(rig.cache);
}

static void buckets_do_not_mix(void **state)
{
	const struct meta_name other = {1, "a"};
	struct meta meta;
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	put_now(&rig, "a", "1", ATTR_FROM_HEAD);
	assert_int_equal(meta_cache_get(rig.cache, &other, &meta), -ENODATA);
	assert_int_equal(meta.kind, META_UNKNOWN);
	meta_cache_free(rig.cache);
}

static void what_a_head_taught_comes_back_with_the_same_object(void **state)
{
	const struct meta_name name = name_of("a");
	struct meta meta;
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	put_now(&rig, "a", "1", ATTR_FROM_LIST | ATTR_FROM_HEAD);
	(void)fake_clock_advance(&rig.clock, NULL, 100000);
	put_now(&rig, "a", "1", ATTR_FROM_LIST);
	assert_int_equal(meta_cache_get(rig.cache, &name, &meta), 0);
	assert_true(meta.attr.known & ATTR_FROM_HEAD);
	meta_release(&meta);

	put_now(&rig, "a", "2", ATTR_FROM_LIST);
	assert_int_equal(meta_cache_get(rig.cache, &name, &meta), 0);
	assert_false(meta.attr.known & ATTR_FROM_HEAD);
	meta_release(&meta);
	meta_cache_free(rig.cache);
}

static void an_answer_older_than_our_own_change_is_refused(void **state)
{
	const struct meta_name name = name_of("a");
	const struct meta absent = {.kind = META_ABSENT,
	                            .fresh_ms = UINT64_MAX};
	uint64_t moment;
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	moment = meta_cache_moment(rig.cache);
	assert_false(meta_cache_changed(rig.cache, &name, moment));
	meta_cache_change(rig.cache, &name, &absent);
	assert_true(meta_cache_changed(rig.cache, &name, moment));
	assert_false(put(&rig, "a", "1", ATTR_FROM_HEAD, moment));
	assert_string_equal(known(&rig, "a"), "absent");

	/* Of other names it is as good as ever. */
	assert_true(put(&rig, "b", "1", ATTR_FROM_HEAD, moment));
	put_now(&rig, "a", "1", ATTR_FROM_HEAD);
	assert_string_equal(known(&rig, "a"), "there");
	meta_cache_free(rig.cache);
}

static void a_directory_known_whole_proves_absence(void **state)
{
	uint64_t moment;
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	put_now(&rig, "d/old", "1", ATTR_FROM_HEAD);
	meta_cache_change(rig.cache, &(struct meta_name){0, "elsewhere"}, NULL);
	moment = meta_cache_moment(rig.cache);
	assert_true(put(&rig, "d/a", "1", ATTR_FROM_LIST, moment));
	whole_now(&rig, "d", moment);
	assert_string_equal(known(&rig, "d/a"), "there");
	assert_string_equal(known(&rig, "d/b"), "absent");
	assert_string_equal(known(&rig, "d/b/c"), "unknown");
	assert_string_equal(known(&rig, "e"), "unknown");
	(void)fake_clock_advance(&rig.clock, NULL, 999);
	assert_string_equal(known(&rig, "d/b"), "absent");
	(void)fake_clock_advance(&rig.clock, NULL, 1);
	assert_string_equal(known(&rig, "d/b"), "unknown");
	meta_cache_free(rig.cache);
}

static void a_stale_record_that_the_listing_did_not_show_is_absent(void **state)
{
	uint64_t moment;
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	put_now(&rig, "d/gone", "1", ATTR_FROM_HEAD);
	(void)fake_clock_advance(&rig.clock, NULL, 2000);
	meta_cache_change(rig.cache, &(struct meta_name){0, "elsewhere"}, NULL);
	moment = meta_cache_moment(rig.cache);
	assert_true(put(&rig, "d/a", "1", ATTR_FROM_LIST, moment));
	whole_now(&rig, "d", moment);
	assert_string_equal(known(&rig, "d/gone"), "absent");
	meta_cache_free(rig.cache);
}

static void a_record_lost_to_make_room_ends_the_whole(void **state)
{
	uint64_t moment;
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	moment = meta_cache_moment(rig.cache);
	assert_true(put(&rig, "d/a", "1", ATTR_FROM_LIST, moment));
	assert_true(put(&rig, "d/b", "1", ATTR_FROM_LIST, moment));
	whole_now(&rig, "d", moment);
	assert_true(put(&rig, "c", "1", ATTR_FROM_LIST, moment));
	assert_string_equal(known(&rig, "d/x"), "absent");
	assert_true(put(&rig, "e", "1", ATTR_FROM_LIST, moment));
	assert_string_equal(known(&rig, "d/a"), "unknown");
	assert_string_equal(known(&rig, "d/x"), "unknown");

	/* So does one that was lost while the listing went on. */
	moment = meta_cache_moment(rig.cache);
	for (char c = 'a'; c < 'h'; c++) {
		char key[] = {'d', '/', c, 0};

		assert_true(put(&rig, key, "1", ATTR_FROM_LIST, moment));
	}
	whole_now(&rig, "d", moment);
	assert_string_equal(known(&rig, "d/x"), "unknown");
	meta_cache_free(rig.cache);
}

/*
 * A listing of "d" shows "d/f", and while it was under way so many other names
 * changed that one of them shares f's place in the array of changes.
 */
static void a_name_refused_for_another_ones_change_is_not_absent(void **state)
{
	struct rig rig;
	uint64_t moment;
	char other[32];

	(void)state;
	rig_init(&rig, 100);
	moment = meta_cache_moment(rig.cache);
	for (unsigned i = 0; i < 300000; i++) {
		const struct meta_name name = name_of(other);
		const struct meta meta = {.kind = META_ABSENT,
		                          .fresh_ms = in(&rig, 1000)};

		(void)snprintf(other, sizeof(other), "else/%u", i);
		meta_cache_change(rig.cache, &name, &meta);
	}
	assert_false(put(&rig, "d/f", "v1", ATTR_FROM_LIST, moment));
	whole_now(&rig, "d", moment);
	assert_string_equal(known(&rig, "d/f"), "unknown");
	meta_cache_free(rig.cache);
}

static void forgetting_a_name_ends_the_whole_too(void **state)
{
	const struct meta_name name = name_of("d/a");
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	put_now(&rig, "d/a", "1", ATTR_FROM_HEAD);
	whole_now(&rig, "d", meta_cache_moment(rig.cache));
	meta_cache_forget(rig.cache, &name);
	assert_string_equal(known(&rig, "d/a"), "unknown");
	assert_string_equal(known(&rig, "d/x"), "unknown");
	meta_cache_free(rig.cache);
}

static void the_attributes_of_directories_have_a_time_of_their_own(void **state)
{
	const struct meta_name name = name_of("d");
	struct meta meta = {
		.kind = META_DIR,
		.attr = {.known = ATTR_FROM_HEAD, .uid = 5},
	};
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	meta.fresh_ms = in(&rig, 1000);
	meta.attr_ms = in(&rig, 10000);
	assert_true(meta_cache_put(rig.cache, &name, 1, &meta));
	(void)fake_clock_advance(&rig.clock, NULL, 5000);

	/* A listing shows the name, and nothing more. */
	struct meta listed = {.kind = META_DIR, .fresh_ms = in(&rig, 100000)};

	assert_true(meta_cache_put(rig.cache, &name, 1, &listed));
	assert_int_equal(listed.attr.uid, 5);
	assert_int_equal(meta_cache_get(rig.cache, &name, &meta), 0);
	assert_true(meta.attr.known & ATTR_FROM_HEAD);
	(void)fake_clock_advance(&rig.clock, NULL, 5000);
	assert_int_equal(meta_cache_get(rig.cache, &name, &meta), 0);
	assert_false(meta.attr.known & ATTR_FROM_HEAD);
	meta_cache_free(rig.cache);
}

static void big_directories_are_remembered_for_a_while(void **state)
{
	const struct meta_name dir = name_of("d");
	struct rig rig;

	(void)state;
	rig_init(&rig, 100);
	assert_false(meta_cache_is_big(rig.cache, &dir));
	meta_cache_big(rig.cache, &dir, in(&rig, 10));
	assert_true(meta_cache_is_big(rig.cache, &dir));
	(void)fake_clock_advance(&rig.clock, NULL, 10);
	assert_false(meta_cache_is_big(rig.cache, &dir));
	meta_cache_free(rig.cache);
}

static void metadata_is_shared_not_copied_and_freed_with_the_last(void **state)
{
	const struct meta_name name = name_of("a");
	struct attr_meta *shared;
	struct meta got;
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	assert_int_equal(attr_meta_set(NULL, "color", "blue", &shared), 0);
	const struct meta meta = {
		.kind = META_FILE,
		.fresh_ms = in(&rig, 1000),
		.attr = {.known = ATTR_FROM_HEAD, .meta = shared},
	};

	meta_cache_change(rig.cache, &name, &meta);
	attr_meta_unref(shared);
	assert_int_equal(meta_cache_get(rig.cache, &name, &got), 0);
	put_now(&rig, "b", "1", ATTR_FROM_HEAD); /* "a" has to go */
	assert_string_equal(attr_meta_get(got.attr.meta, "color"), "blue");
	meta_release(&got);
	meta_cache_free(rig.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_there_until_its_time_is_over),
		cmocka_unit_test(buckets_do_not_mix),
		cmocka_unit_test(
			what_a_head_taught_comes_back_with_the_same_object),
		cmocka_unit_test(
			an_answer_older_than_our_own_change_is_refused),
		cmocka_unit_test(a_directory_known_whole_proves_absence),
		cmocka_unit_test(
			a_stale_record_that_the_listing_did_not_show_is_absent),
		cmocka_unit_test(a_record_lost_to_make_room_ends_the_whole),
		cmocka_unit_test(
			a_name_refused_for_another_ones_change_is_not_absent),
		cmocka_unit_test(forgetting_a_name_ends_the_whole_too),
		cmocka_unit_test(
			the_attributes_of_directories_have_a_time_of_their_own),
		cmocka_unit_test(big_directories_are_remembered_for_a_while),
		cmocka_unit_test(
			metadata_is_shared_not_copied_and_freed_with_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
