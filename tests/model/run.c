/* SPDX-License-Identifier: MIT */
#include "run.h"

#include "act.h"
#include "generate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds after which a replay hangs. */
#define REPLAY_SECONDS 60

struct run *run_new(void)
{
	struct run *run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return run == MAP_FAILED ? NULL : run;
}

/* ---- in the child ---- */

/* Note what a world has seen. */
static void count_up(struct run *run, const struct world *world)
{
	run->refused += world->refused;
	run->failed += world->failed;
	run->idle += world->idle;
	memcpy(run->story, world->story, sizeof(run->story));
}

/* One operation, noted before it is done. */
static bool step(struct run *run, struct world *world, const struct op *op)
{
	run->list[run->count++] = *op;
	run->done++;
	if (world->verbose) {
		(void)fprintf(stderr, "%4zu ", run->count - 1);
		op_print(op, stderr);
		(void)fprintf(stderr, "\n");
	}
	bool ok = act(world, op);

	if (world->verbose)
		(void)fprintf(stderr, "     says %d\n", world->said);
	return ok;
}

/* The end of a world: close, settle, look. */
static bool finish(struct run *run, struct world *world, bool ok)
{
	ok = ok && act_close_all(world);
	ok = world_end(world) && ok;
	count_up(run, world);
	return ok && !run->story[0];
}

/* What worlds are like. */
static unsigned pick_config(struct dice *dice)
{
	unsigned config = dice_below(dice, 1 << 7);

	if (config & CONFIG_TWO) /* faults of one are told apart in one */
		config &= ~(unsigned)(CONFIG_REMOTE | CONFIG_FAULT);
	return config;
}

/* One world of made up operations. */
static bool random_world(struct run *run, const struct run_plan *plan,
                         struct dice *dice)
{
	static const uint64_t most = RUN_OPS_MAX / 2;
	struct world world = {.verbose = plan->verbose};
	uint64_t left = plan->ops - run->done;
	bool ok;

	run->count = 0;
	run->config = pick_config(dice);
	if (plan->config >= 0)
		run->config = (unsigned)plan->config;
	ok = world_init(&world, run->config);
	if (left > most)
		left = most;
	for (uint64_t i = 0; ok && i < left; i++) {
		const struct op op = generate(&world, dice);

		ok = step(run, &world, &op);
	}
	return finish(run, &world, ok);
}

/* The given operations. */
static bool replay_world(struct run *run, const struct ops *ops, bool verbose)
{
	struct world world = {.verbose = verbose};
	bool ok = world_init(&world, ops->config);

	run->count = 0;
	run->config = ops->config;
	for (size_t i = 0; ok && i < ops->count; i++)
		ok = step(run, &world, &ops->list[i]);
	return finish(run, &world, ok);
}

/* ---- in the parent ---- */

/* Wait for a child; whether it ended well. */
static bool wait_for(pid_t pid, struct run *run)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		(void)snprintf(run->story, sizeof(run->story),
		               "it was killed by signal %d", WTERMSIG(status));
	else if (!run->story[0])
		(void)snprintf(run->story, sizeof(run->story),
		               "it ended with status %d", WEXITSTATUS(status));
	return false;
}

bool run_random(const struct run_plan *plan, struct run *run)
{
	struct dice dice = {plan->seed};
	pid_t pid;

	memset(run, 0, sizeof(*run));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		bool ok = true;

		while (ok && run->done < plan->ops)
			ok = random_world(run, plan, &dice);
		exit(ok ? 0 : 1); /* through the leak checker */
	}
	return wait_for(pid, run);
}

bool run_replay(const struct ops *ops, struct run *run, bool verbose)
{
	pid_t pid;

	memset(run, 0, sizeof(*run));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)alarm(REPLAY_SECONDS);
		exit(replay_world(run, ops, verbose) ? 0 : 1);
	}
	return wait_for(pid, run);
}

/* ---- shrinking ---- */

/* The run still fails without [from, from + count): leave them out. */
static bool leave_out(struct ops *ops, struct run *run, size_t from,
                      size_t count)
{
	struct ops less = *ops;
	size_t behind = ops->count - from - count;
	bool fails;

	less.list = malloc((ops->count + 1) * sizeof(*ops->list));
	if (!less.list)
		return false;
	memcpy(less.list, ops->list, from * sizeof(*ops->list));
	memcpy(less.list + from, ops->list + from + count,
	       behind * sizeof(*ops->list));
	less.count -= count;
	fails = !run_replay(&less, run, false);
	if (fails) {
		memcpy(ops->list, less.list, less.count * sizeof(*ops->list));
		ops->count = less.count;
	}
	free(less.list);
	return fails;
}

/* Set a number of an operation, if the run then still fails. */
static void try_number(struct ops *ops, struct run *run, uint32_t *number,
                       uint32_t smaller)
{
	uint32_t old = *number;

	if (old <= smaller)
		return;
	*number = smaller;
	if (run_replay(ops, run, false))
		*number = old;
}

/* A simpler world and smaller numbers. */
static void make_smaller(struct ops *ops, struct run *run)
{
	for (unsigned bit = 1; bit < 1 << 7; bit <<= 1) {
		if (!(ops->config & bit))
			continue;
		ops->config &= ~bit;
		if (run_replay(ops, run, false))
			ops->config |= bit;
	}
	for (size_t i = 0; i < ops->count; i++) {
		static const uint32_t sizes[] = {0, 1, 10, 1000, PART_SIZE};

		for (unsigned k = 0; k < 5; k++) {
			try_number(ops, run, &ops->list[i].a, sizes[k]);
			try_number(ops, run, &ops->list[i].b, sizes[k]);
		}
	}
}

void run_shrink(struct ops *ops, struct run *run)
{
	for (size_t chunk = ops->count / 2; chunk > 0;
	     chunk = chunk > 1 ? (chunk + 1) / 2 : 0) {
		bool again = true;

		while (again) {
			again = false;
			for (size_t at = 0; at + chunk <= ops->count;)
				if (leave_out(ops, run, at, chunk))
					again = chunk == 1;
				else
					at += chunk;
		}
	}
	make_smaller(ops, run);
	(void)run_replay(ops, run, false); /* for its story */
}

/* ---- scripts ---- */

void run_print(const struct ops *ops, FILE *file)
{
	(void)fprintf(file, "config %u\n", ops->config);
	for (size_t i = 0; i < ops->count; i++) {
		op_print(&ops->list[i], file);
		(void)fprintf(file, "\n");
	}
}

/* Room for one more. */
static bool grow(struct ops *ops)
{
	struct op *list;

	if (ops->count == RUN_OPS_MAX)
		return false;
	list = reallocarray(ops->list, ops->count + 1, sizeof(*list));
	if (list)
		ops->list = list;
	return list;
}

bool run_load(const char *path, struct ops *ret)
{
	FILE *file = fopen(path, "re");
	char line[256];
	bool ok = file != NULL;

	*ret = (struct ops){0};
	while (ok && fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (strncmp(line, "config ", 7) == 0)
			ret->config = (unsigned)strtoul(line + 7, NULL, 10);
		else
			ok = grow(ret) &&
			     op_parse(line, &ret->list[ret->count++]);
	}
	if (file)
		(void)fclose(file);
	return ok;
}
