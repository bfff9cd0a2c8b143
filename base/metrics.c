/* SPDX-License-Identifier: MIT */
/*
 * A list of other people's counters, kept so that those of one name are
 * neighbours, and its rendering.
 */
#include "base/metrics.h"

#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct metrics {
	pthread_mutex_t lock;
	struct list list; /* lock; struct metric, one name together */
};

const uint32_t metric_bounds_ms[METRIC_BUCKETS] = {
	1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2500, 10000, 30000, 120000,
};

void metric_observe_ms(struct metric *m, uint64_t ms)
{
	unsigned i = 0;

	while (i < METRIC_BUCKETS && ms > metric_bounds_ms[i])
		i++;
	atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
	metric_add(m, ms);
}

/* Append text with backslashes, newlines and (if asked) quotes escaped. */
static void add_escaped(struct str *s, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			str_add(s, "\\n");
		else if (*text == '\\' || (quotes && *text == '"'))
			str_addf(s, "\\%c", *text);
		else
			str_add_char(s, *text);
	}
}

void metric_add_label(struct str *s, const char *name, const char *value)
{
	if (s->len > 0)
		str_add_char(s, ',');
	str_addf(s, "%s=\"", name);
	add_escaped(s, value, true);
	str_add_char(s, '"');
}

int metrics_new(struct metrics **ret)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return -ENOMEM;
	(void)pthread_mutex_init(&metrics->lock, NULL); /* cannot fail */
	list_init(&metrics->list);

	*ret = metrics;
	return 0;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;

	(void)pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

static struct metric *metric_of(struct list *link)
{
	return container_of(link, struct metric, link);
}

void metrics_register(struct metrics *metrics, struct metric *metric)
{
	assert(metric->kind != METRIC_HISTOGRAM ||
	       str_ends(metric->name, "_seconds"));
	if (!metrics)
		return;

	WITH_LOCK(&metrics->lock);

	/* Behind the last one of its name, else at the end. */
	struct list *before = &metrics->list;

	list_for_each(pos, &metrics->list)
		if (strcmp(metric_of(pos)->name, metric->name) == 0)
			before = pos->next;
	list_append(before, &metric->link);
}

void metrics_remove(struct metrics *metrics, struct metric *metric)
{
	if (!metrics || !metric->link.next)
		return;

	WITH_LOCK(&metrics->lock);
	list_remove(&metric->link);
}

/* "{labels}", with le as another label if there is one, or nothing. */
static void render_labels(struct str *s, const char *labels, const char *le)
{
	bool both = labels && le;

	if (!labels && !le)
		return;
	str_addf(s, "{%s%s%s%s%s}", labels ? labels : "", both ? "," : "",
	         le ? "le=\"" : "", le ? le : "", le ? "\"" : "");
}

/* Milliseconds as seconds, without needless zeros: "0.005", "2.5", "30". */
static void seconds_text(uint64_t ms, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%" PRIu64 ".%03u", ms / 1000,
	                 (unsigned)(ms % 1000));
	char *end = ret + n;

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		*--end = '\0';
}

static void render_histogram(struct str *s, const struct metric *m)
{
	uint64_t count = 0;
	char text[32];

	for (unsigned i = 0; i <= METRIC_BUCKETS; i++) {
		if (i < METRIC_BUCKETS)
			seconds_text(metric_bounds_ms[i], text, sizeof(text));
		else
			(void)str_copy(text, sizeof(text), "+Inf");
		count += atomic_load_explicit(&m->buckets[i],
		                              memory_order_relaxed);
		str_addf(s, "%s_bucket", m->name);
		render_labels(s, m->labels, text);
		str_addf(s, " %" PRIu64 "\n", count);
	}
	seconds_text(metric_get(m), text, sizeof(text));
	str_addf(s, "%s_sum", m->name);
	render_labels(s, m->labels, NULL);
	str_addf(s, " %s\n%s_count", text, m->name);
	render_labels(s, m->labels, NULL);
	str_addf(s, " %" PRIu64 "\n", count);
}

/* One metric's lines. */
static void render_metric(struct str *s, const struct metric *m)
{
	if (m->kind == METRIC_HISTOGRAM) {
		render_histogram(s, m);
		return;
	}

	str_add(s, m->name);
	render_labels(s, m->labels, NULL);
	if (m->kind == METRIC_GAUGE)
		/* Below zero for a moment when - overtook +. */
		str_addf(s, " %" PRId64 "\n", (int64_t)metric_get(m));
	else
		str_addf(s, " %" PRIu64 "\n", metric_get(m));
}

/* What stands once above all metrics of a name. */
static void render_head(struct str *s, const struct metric *m)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	str_addf(s, "# HELP %s ", m->name);
	add_escaped(s, m->help, false);
	str_addf(s, "\n# TYPE %s %s\n", m->name, types[m->kind]);
}

void metrics_render(struct metrics *metrics, struct str *ret)
{
	const char *name = "";

	WITH_LOCK(&metrics->lock);
	list_for_each(pos, &metrics->list) {
		const struct metric *m = metric_of(pos);

		if (strcmp(m->name, name) != 0)
			render_head(ret, m);
		name = m->name;
		render_metric(ret, m);
	}
}
