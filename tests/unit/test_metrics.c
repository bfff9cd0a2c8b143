/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
	return metrics_new((struct metrics **)state);
}

static int tear_down(void **state)
{
	metrics_free(*state);
	return 0;
}

static void assert_rendered(struct metrics *metrics, const char *expected)
{
	struct str text = {0};

	metrics_render(metrics, &text);
	assert_string_equal(str_text(&text), expected);
	str_release(&text);
}

static void no_metrics_are_no_text(void **state)
{
	assert_rendered(*state, "");
}

static void counters_and_gauges_are_shown_with_help_and_type(void **state)
{
	struct metric sent = {
		.kind = METRIC_COUNTER,
		.name = "porterfs_sent_bytes_total",
		.help = "Bytes sent.",
	};
	struct metric open = {
		.kind = METRIC_GAUGE,
		.name = "porterfs_open_files",
		.labels = "bucket=\"primary\"",
		.help = "Files open now.",
	};

	metrics_register(*state, &sent);
	metrics_register(*state, &open);
	metric_add(&sent, UINT64_MAX);
	metric_add(&open, 5);
	metric_sub(&open, 2);
	assert_int_equal(metric_get(&open), 3);
	assert_rendered(*state,
	                "# HELP porterfs_sent_bytes_total Bytes sent.\n"
	                "# TYPE porterfs_sent_bytes_total counter\n"
	                "porterfs_sent_bytes_total 18446744073709551615\n"
	                "# HELP porterfs_open_files Files open now.\n"
	                "# TYPE porterfs_open_files gauge\n"
	                "porterfs_open_files{bucket=\"primary\"} 3\n");
}

static void metrics_of_one_name_stand_together_under_one_head(void **state)
{
	struct metric get = {
		.name = "r_total", .labels = "verb=\"GET\"", .help = "R."};
	struct metric other = {.name = "o_total", .help = "O."};
	struct metric put = {
		.name = "r_total", .labels = "verb=\"PUT\"", .help = "R."};

	metrics_register(*state, &get);
	metrics_register(*state, &other);
	metrics_register(*state, &put);
	assert_rendered(*state, "# HELP r_total R.\n"
	                        "# TYPE r_total counter\n"
	                        "r_total{verb=\"GET\"} 0\n"
	                        "r_total{verb=\"PUT\"} 0\n"
	                        "# HELP o_total O.\n"
	                        "# TYPE o_total counter\n"
	                        "o_total 0\n");
}

static void removed_metrics_are_gone_and_come_back(void **state)
{
	struct metric a = {.name = "a_total", .help = "A."};
	struct metric never = {.name = "n_total", .help = "N."};

	metrics_remove(*state, &never);
	metrics_register(*state, &a);
	metrics_remove(*state, &a);
	metrics_remove(*state, &a);
	assert_rendered(*state, "");
	metrics_register(*state, &a);
	assert_rendered(*state, "# HELP a_total A.\n"
	                        "# TYPE a_total counter\n"
	                        "a_total 0\n");
}

static void histograms_are_cumulative_and_in_seconds(void **state)
{
	struct metric m = {
		.kind = METRIC_HISTOGRAM,
		.name = "d_seconds",
		.labels = "verb=\"GET\"",
		.help = "D.",
	};

	metrics_register(*state, &m);
	metric_observe_ms(&m, 0);
	metric_observe_ms(&m, 1);
	metric_observe_ms(&m, 2);
	metric_observe_ms(&m, 3);
	metric_observe_ms(&m, 1500);
	metric_observe_ms(&m, 200000);
	assert_rendered(*state,
	                "# HELP d_seconds D.\n"
	                "# TYPE d_seconds histogram\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.001\"} 2\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.002\"} 3\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.005\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.01\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.02\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.05\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.1\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.25\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"0.5\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"1\"} 4\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"2.5\"} 5\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"10\"} 5\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"30\"} 5\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"120\"} 5\n"
	                "d_seconds_bucket{verb=\"GET\",le=\"+Inf\"} 6\n"
	                "d_seconds_sum{verb=\"GET\"} 201.506\n"
	                "d_seconds_count{verb=\"GET\"} 6\n");
}

static void a_histogram_without_labels_has_only_le(void **state)
{
	struct metric m = {
		.kind = METRIC_HISTOGRAM, .name = "d_seconds", .help = "D."};
	struct str text = {0};

	metrics_register(*state, &m);
	metrics_render(*state, &text);
	assert_non_null(strstr(str_text(&text),
	                       "\nd_seconds_bucket{le=\"0.001\"} 0\n"));
	assert_true(str_ends(str_text(&text),
	                     "\nd_seconds_bucket{le=\"+Inf\"} 0\n"
	                     "d_seconds_sum 0\n"
	                     "d_seconds_count 0\n"));
	str_release(&text);
}

static void a_gauge_below_zero_is_shown_below_zero(void **state)
{
	struct metric g = {.kind = METRIC_GAUGE, .name = "g", .help = "G."};

	metrics_register(*state, &g);
	metric_sub(&g, 1);
	assert_rendered(*state, "# HELP g G.\n# TYPE g gauge\ng -1\n");
}

static void help_and_label_values_are_escaped(void **state)
{
	struct str labels = {0};
	struct metric m = {.name = "m_total", .help = "A \"b\" \\ c\nd."};

	metric_add_label(&labels, "bucket", "a\"b\\c\nd");
	metric_add_label(&labels, "verb", "GET");
	assert_string_equal(str_text(&labels),
	                    "bucket=\"a\\\"b\\\\c\\nd\",verb=\"GET\"");
	m.labels = str_text(&labels);
	metrics_register(*state, &m);
	assert_rendered(*state,
	                "# HELP m_total A \"b\" \\\\ c\\nd.\n"
	                "# TYPE m_total counter\n"
	                "m_total{bucket=\"a\\\"b\\\\c\\nd\",verb=\"GET\"} 0\n");
	str_release(&labels);
}

static void without_a_registry_nothing_happens(void **state)
{
	struct metric m = {.name = "m_total", .help = "M."};

	(void)state;
	metrics_register(NULL, &m);
	metric_add(&m, 1);
	metrics_remove(NULL, &m);
	assert_int_equal(metric_get(&m), 1);
	metrics_free(NULL);
}

static void *observe(void *arg)
{
	for (unsigned i = 0; i < 10000; i++)
		metric_observe_ms(arg, i % 2);
	return NULL;
}

static void no_observation_of_any_thread_is_lost(void **state)
{
	struct metric m = {
		.kind = METRIC_HISTOGRAM, .name = "d_seconds", .help = "D."};
	pthread_t threads[4];
	struct str text = {0};

	metrics_register(*state, &m);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			thread_start("observe", observe, &m, &threads[i]), 0);
	for (unsigned i = 0; i < 20; i++)
		metrics_render(*state, &text);
	for (unsigned i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	str_reset(&text);
	metrics_render(*state, &text);
	assert_true(str_ends(str_text(&text),
	                     "d_seconds_sum 20\nd_seconds_count 40000\n"));
	str_release(&text);
}

#define registry_test(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		registry_test(no_metrics_are_no_text),
		registry_test(counters_and_gauges_are_shown_with_help_and_type),
		registry_test(
			metrics_of_one_name_stand_together_under_one_head),
		registry_test(removed_metrics_are_gone_and_come_back),
		registry_test(histograms_are_cumulative_and_in_seconds),
		registry_test(a_histogram_without_labels_has_only_le),
		registry_test(a_gauge_below_zero_is_shown_below_zero),
		registry_test(help_and_label_values_are_escaped),
		cmocka_unit_test(without_a_registry_nothing_happens),
		registry_test(no_observation_of_any_thread_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
