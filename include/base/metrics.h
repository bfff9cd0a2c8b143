/* SPDX-License-Identifier: MIT */
/*
 * Metrics: each module owns its counters and registers them once.
 *
 * A metric is the module's memory; updating it is one relaxed atomic add, any
 * thread.  metrics_render() writes the Prometheus text exposition format 0.0.4
 * (prometheus.io, "Exposition formats"): HELP and TYPE once per name, metrics
 * of one name together.
 *
 * Names follow Prometheus: counters end in "_total", histograms in "_seconds".
 * Durations are kept in whole milliseconds and shown in seconds, as Prometheus
 * wants base units.
 */
#ifndef PORTER_BASE_METRICS_H
#define PORTER_BASE_METRICS_H

#include "base/cleanup.h"
#include "base/list.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

enum metric_kind {
	METRIC_COUNTER,   /* only grows */
	METRIC_GAUGE,     /* goes up and down */
	METRIC_HISTOGRAM, /* of durations, fixed buckets */
};

/* Upper bounds of a histogram's buckets in ms; one more for the rest. */
#define METRIC_BUCKETS 14
extern const uint32_t metric_bounds_ms[METRIC_BUCKETS];

struct metric {
	enum metric_kind kind;
	const char *name;    /* static, e.g. "porterfs_requests_total" */
	const char *labels;  /* static, e.g. "verb=\"GET\"", or NULL */
	const char *help;    /* static, one sentence */
	atomic_ullong value; /* counter, gauge, sum of ms */
	atomic_ullong buckets[METRIC_BUCKETS + 1]; /* histogram only */
	struct list link;                          /* metrics */
};

static inline void metric_add(struct metric *m, uint64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void metric_sub(struct metric *m, uint64_t n)
{
	atomic_fetch_sub_explicit(&m->value, n, memory_order_relaxed);
}

static inline uint64_t metric_get(const struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/* Histogram: note one duration. */
void metric_observe_ms(struct metric *m, uint64_t ms);

/*
 * Append name="value" with the value escaped as the format asks, and a comma
 * before it unless s is empty: for labels that are not known beforehand.
 */
void metric_add_label(struct str *s, const char *name, const char *value);

struct metrics; /* the registry */

int metrics_new(struct metrics **ret);
/* Metrics that are still registered are forgotten, not touched. */
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics_free);

/*
 * The metric and its labels must stay until removed; metrics of one name are of
 * one kind.  Removing one that is not registered does nothing.  metrics may be
 * NULL (does nothing).
 */
void metrics_register(struct metrics *metrics, struct metric *metric);
void metrics_remove(struct metrics *metrics, struct metric *metric);

/* Append the exposition text. */
void metrics_render(struct metrics *metrics, struct str *ret);

#endif
