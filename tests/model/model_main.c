/* SPDX-License-Identifier: MIT */
/*
 * model [--ops N] [--seed N] [--config N] [--out FILE] [--verbose] [SCRIPT ...]
 *
 * Without scripts: N operations by dice; one that diverges is shrunk, printed
 * and written to FILE.  With scripts: replays each.  --expect-shrink is for the
 * test of the shrinking.  Exit status 0: nothing diverged.
 */
#include "base/str.h"
#include "run.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	struct run_plan plan;
	const char *out;
};

/* A number of the command line. */
static uint64_t number(const char *text)
{
	uint64_t value = 0;

	if (str_to_u64(text, &value) < 0) {
		(void)fprintf(stderr, "model: '%s' is no number\n", text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct options *ret)
{
	static const struct option options[] = {
		{"ops", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"config", required_argument, NULL, 'c'},
		{"out", required_argument, NULL, 'o'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:s:c:o:v", options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			ret->plan.ops = number(optarg);
			break;
		case 's':
			ret->plan.seed = number(optarg);
			break;
		case 'c':
			ret->plan.config = (int)number(optarg);
			break;
		case 'o':
			ret->out = optarg;
			break;
		case 'v':
			ret->plan.verbose = true;
			break;
		default:
			exit(2);
		}
	}
}

/* Replay scripts. */
static int replay(char **scripts, int count, struct run *run, bool verbose)
{
	int bad = 0;

	for (int i = 0; i < count; i++) {
		struct ops ops;
		bool ok = run_load(scripts[i], &ops);

		if (ok && !run_replay(&ops, run, verbose)) {
			(void)fprintf(stderr, "%s: %s\n", scripts[i],
			              run->story);
			bad++;
		} else if (!ok) {
			(void)fprintf(stderr, "%s: no script\n", scripts[i]);
			bad++;
		}
		free(ops.list);
	}
	(void)printf("%d of %d scripts hold\n", count - bad, count);
	return bad ? 1 : 0;
}

/* Shrink what failed, and show it. */
static void show(const struct options *options, struct run *run)
{
	struct ops ops = {.config = run->config, .count = run->count};
	FILE *file = fopen(options->out, "we");

	ops.list = malloc((ops.count + 1) * sizeof(*ops.list));
	if (!ops.list || !file)
		exit(1);
	memcpy(ops.list, run->list, ops.count * sizeof(*ops.list));
	(void)fprintf(stderr, "model: seed %llu, operation %llu: %s\n",
	              (unsigned long long)options->plan.seed,
	              (unsigned long long)run->done, run->story);
	if (run_replay(&ops, run, false)) {
		(void)fprintf(stderr, "model: it does not fail again; the "
		                      "whole world:\n");
	} else {
		run_shrink(&ops, run);
		(void)fprintf(stderr, "model: %zu operations will do: %s\n",
		              ops.count, run->story);
	}
	(void)fprintf(file, "# seed %llu: %s\n",
	              (unsigned long long)options->plan.seed, run->story);
	run_print(&ops, file);
	(void)fclose(file);
	if (ops.count < 100)
		run_print(&ops, stderr);
	(void)fprintf(stderr, "model: written to %s\n", options->out);
	free(ops.list);
}

int main(int argc, char **argv)
{
	struct options options = {
		.plan = {.ops = 10000, .config = -1},
		.out = "model-failure.script",
	};
	struct run *run = run_new();
	struct timespec start, end;
	double seconds;
	bool ok;

	options.plan.seed = (uint64_t)time(NULL);
	parse(argc, argv, &options);
	if (!run)
		return 1;
	if (optind < argc)
		return replay(argv + optind, argc - optind, run,
		              options.plan.verbose);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	ok = run_random(&options.plan, run);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - start.tv_sec) +
	          (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	(void)printf("seed %llu: %llu operations in %.1f s, %.0f a second; "
	             "%llu made no sense, %llu failed by a fault, %llu were "
	             "refused\n",
	             (unsigned long long)options.plan.seed,
	             (unsigned long long)run->done, seconds,
	             (double)run->done / seconds, (unsigned long long)run->idle,
	             (unsigned long long)run->failed,
	             (unsigned long long)run->refused);
	if (!ok)
		show(&options, run);
	return ok ? 0 : 1;
}
