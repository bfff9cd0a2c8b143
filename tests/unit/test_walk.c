/* SPDX-License-Identifier: MIT */
/* HEADs ahead of who walks a directory. */
#include "names_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* f0000 … in the bucket's directory, made by somebody else. */
static void fill(struct rig *rig, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "f%05u", i);
		assert_int_equal(fake_store_put_text(rig->fake, key, "x"), 0);
	}
}

static void a_walker_gets_its_heads_ahead(void **state)
{
	const struct rig_config config = {.mode = FAKE_QUEUE};
	struct fake_stats stats;
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, &config);
	fill(&rig, 1000);
	free(rig_ls(&rig, rig.top, &status));
	assert_int_equal(rig_count(&rig, STORE_HEAD), 0);
	for (unsigned i = 0; i < 1000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%05u", i);
		assert_int_equal(rig_lookup(&rig, rig.top, name, NULL), 0);
	}
	/* Each once, up to 128 side by side. */
	assert_int_equal(rig_count(&rig, STORE_HEAD), 1000);
	assert_int_equal(rig_count(&rig, STORE_LIST), 1);
	fake_store_get_stats(rig.fake, &stats);
	assert_in_range(stats.waiting_peak, 64, 129);
	rig_end(&rig);
}

static void single_lookups_ask_nothing_ahead(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 1000);
	free(rig_ls(&rig, rig.top, &status));
	rig_forget_asked(&rig);
	assert_int_not_equal(rig_walk(&rig, "f00500"), 0);
	assert_int_not_equal(rig_walk(&rig, "f00300"), 0);
	assert_int_not_equal(rig_walk(&rig, "f00700"), 0);
	rig_asked(&rig, "HEAD f00500\nHEAD f00300\nHEAD f00700\n");
	rig_end(&rig);
}

static void a_second_walk_costs_lists_alone(void **state)
{
	struct rig rig;
	int status;

	(void)state;
	rig_init(&rig, NULL);
	fill(&rig, 2500);
	for (unsigned round = 0; round < 2; round++) {
		free(rig_ls(&rig, rig.top, &status));
		for (unsigned i = 0; i < 2500; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "f%05u", i);
			assert_int_equal(rig_lookup(&rig, rig.top, name, NULL),
			                 0);
		}
		rig_pass(&rig, 10000);
	}
	assert_int_equal(rig_count(&rig, STORE_HEAD), 2500);
	assert_int_equal(rig_count(&rig, STORE_LIST), 6);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walker_gets_its_heads_ahead),
		cmocka_unit_test(single_lookups_ask_nothing_ahead),
		cmocka_unit_test(a_second_walk_costs_lists_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
