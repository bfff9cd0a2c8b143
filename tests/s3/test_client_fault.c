/* SPDX-License-Identifier: MIT */
/*
 * Every verb of the real client meets every fault in every phase, once and for
 * ever, on three kinds of servers.
 *
 * What must hold in each cell:
 *   - told 0: the bucket is as it is after this verb, and what was handed back
 *     is right;
 *   - told an error: it is an honest one with a story, and the bucket is as
 *     before or as after; as after only if maybe_applied says so;
 *   - a fault that passes is overcome, unless retrying it would be wrong.
 */
#include "base/err.h"
#include "fault_cell.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Cells wait most of the time. */
#define WORKERS 48

/* What a client can know of a fault. */
enum knowledge {
	PASSES,   /* a second try is right and works */
	FINAL,    /* the server means it: no second try */
	TOO_SLOW, /* uses up the deadline */
	HARMLESS, /* nothing is wrong */
	HIDDEN,   /* bytes of a reply are wrong and nothing tells */
};

static const struct fault {
	const char *rule;
	enum knowledge knowledge;
} faults[] = {
	{"action=status:503:SlowDown", PASSES},
	{"action=status:500 phase=mid-request", PASSES},
	{"action=status:500 phase=after-commit", PASSES},
	{"action=status:403:AccessDenied", FINAL},
	{"action=reset", PASSES},
	{"action=reset phase=mid-request", PASSES},
	{"action=reset phase=mid-reply", PASSES},
	{"action=lose-reply", PASSES},
	{"action=cut phase=before", PASSES},
	{"action=cut phase=mid-request", PASSES},
	{"action=cut phase=after-commit", PASSES},
	{"action=cut", PASSES},
	{"action=stall", TOO_SLOW},
	{"action=stall phase=mid-request", TOO_SLOW},
	{"action=stall phase=after-commit", TOO_SLOW},
	{"action=stall phase=mid-reply", TOO_SLOW},
	{"action=delay:20", HARMLESS},
	{"action=drip:2000000", HARMLESS},
	{"action=drip:2000000 phase=mid-request", HARMLESS},
	{"action=cut-matching-length", PASSES},
	{"action=flip phase=mid-request", PASSES},
	{"action=flip", HIDDEN},
	{"action=wrong-etag", HIDDEN},
	{"action=ok-with-error-body", PASSES},
	{"action=ok-with-error-body phase=after-commit", PASSES},
	{"action=junk", PASSES},
	{"action=junk phase=mid-reply", HIDDEN},
	{"action=redirect:http://127.0.0.1:9/", FINAL},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))
#define CELLS  (STORE_VERBS * FAULTS * 2)

static bool only_reads(enum store_verb verb)
{
	return verb == STORE_HEAD || verb == STORE_GET || verb == STORE_LIST ||
	       verb == STORE_MPU_LIST_PARTS || verb == STORE_MPU_LIST;
}

/*
 * An upload that was completed or aborted is gone, and a second try is told so:
 * the caller, who knows what it asked for, looks for the object.
 */
static bool is_settled(const struct fault_cell *cell)
{
	return (cell->verb == STORE_MPU_COMPLETE ||
	        cell->verb == STORE_MPU_ABORT) &&
	       cell->status == -ENOENT && cell->maybe_applied &&
	       cell->committed > 0;
}

/* The errnos that are honest for a request that did not get through. */
static bool is_honest(const struct fault_cell *cell, enum knowledge knowledge)
{
	static const int codes[] = {-EIO,       -ECONNRESET, -EPROTO,
	                            -ETIMEDOUT, -ESTALE,     -EBUSY};

	if (is_settled(cell))
		return true;
	if (knowledge == TOO_SLOW)
		return cell->status == -ETIMEDOUT;
	if (strstr(cell->fault, "AccessDenied"))
		return cell->status == -EACCES;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (cell->status == codes[i])
			return true;
	}
	return false;
}

/* All cells of one kind of server, and the two states without any fault. */
struct table {
	struct fault_cell cells[CELLS];
	enum knowledge knowledge[CELLS];
	char before[STORE_VERBS][600];
	char after[STORE_VERBS][600];
	atomic_size_t next;
};

/* Waiting for silence is the same with every server: one is enough. */
static bool is_left_out(const struct fault_cell *cell)
{
	return cell->habits != S3PEER_AWS && strstr(cell->fault, "stall");
}

static void *work(void *arg)
{
	struct table *table = arg;

	for (;;) {
		size_t i = table->next++;

		if (i >= CELLS)
			return NULL;
		if (!is_left_out(&table->cells[i]))
			fault_cell_run(&table->cells[i]);
	}
}

/* Run all cells, many at a time. */
static void run_all(struct table *table)
{
	pthread_t threads[WORKERS];

	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, table),
		                 0);
	for (size_t i = 0; i < WORKERS; i++)
		(void)pthread_join(threads[i], NULL);
}

/* How the bucket looks before and after each verb when nothing fails. */
static void learn_states(struct table *table, enum s3peer_habits habits)
{
	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		struct fault_cell before = {.verb = STORE_HEAD,
		                            .habits = habits};
		struct fault_cell after = {.verb = verb, .habits = habits};

		fault_cell_run(&before);
		fault_cell_run(&after);
		assert_int_equal(after.status, 0);
		assert_true(after.result_right);
		assert_int_equal(after.attempts, 1);
		memcpy(table->before[verb], before.state, sizeof(before.state));
		memcpy(table->after[verb], after.state, sizeof(after.state));
	}
}

/* Whether the verb was carried out; CREATE perhaps more than once. */
static bool is_after(const struct table *table, const struct fault_cell *cell)
{
	if (cell->verb == STORE_MPU_CREATE)
		return cell->committed > 0;
	return strcmp(cell->state, table->after[cell->verb]) == 0;
}

/* Bytes that nothing vouches for may be wrong: whose fault is it? */
static bool is_blind(const struct fault_cell *cell, enum knowledge knowledge)
{
	bool body = cell->verb == STORE_PUT || cell->verb == STORE_MPU_PART;

	if (knowledge == HIDDEN)
		return only_reads(cell->verb);
	return cell->habits == S3PEER_RGW16 && body &&
	       strstr(cell->fault, "flip phase=mid-request");
}

/* What is wrong with a cell whose caller was told 0; NULL = nothing. */
static const char *judge_success(const struct table *table,
                                 const struct fault_cell *cell,
                                 enum knowledge knowledge)
{
	if (is_blind(cell, knowledge))
		return NULL;
	if (!is_after(table, cell))
		return "told 0, but it was not done";
	if (!cell->result_right)
		return "told 0 with a wrong result";
	if (cell->injected > 0 && !cell->once && knowledge == FINAL)
		return "told 0 against the server's word";
	return NULL;
}

/* Likewise when it was told an error. */
static const char *judge_failure(const struct table *table,
                                 const struct fault_cell *cell,
                                 enum knowledge knowledge)
{
	bool before = strcmp(cell->state, table->before[cell->verb]) == 0;

	if (!is_honest(cell, knowledge))
		return "the errno is not honest";
	if (!cell->story)
		return "no story";
	if (!before && !is_after(table, cell))
		return "neither before nor after";
	if (!before && !only_reads(cell->verb) && !cell->maybe_applied)
		return "done, but the caller is told for sure it was not";
	if (cell->injected == 0 || knowledge == HARMLESS)
		return "failed without a reason";
	if (cell->once && knowledge == PASSES && !is_settled(cell))
		return "not overcome";
	return NULL;
}

/* A line for each verb, two letters for each fault: once, always. */
static void print_table(const struct table *table)
{
	const struct fault_cell *cell = table->cells;

	print_message("0 = told 0, E = told an error, . = nothing to spoil\n");
	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		char line[3 * FAULTS + 1];

		for (size_t f = 0; f < FAULTS; f++, cell += 2) {
			for (unsigned i = 0; i < 2; i++)
				line[3 * f + i] = !cell[i].injected ? '.'
				                  : cell[i].status  ? 'E'
				                                    : '0';
			line[3 * f + 2] = ' ';
		}
		line[3 * FAULTS] = '\0';
		print_message("%-14s %s\n", store_verb_name(verb), line);
	}
}

/* Judge all cells; print those that are wrong, and how many there are. */
static unsigned judge(const struct table *table)
{
	unsigned wrong = 0;
	unsigned injected = 0;
	unsigned good = 0;

	for (size_t i = 0; i < CELLS; i++) {
		const struct fault_cell *cell = &table->cells[i];

		if (is_left_out(cell))
			continue;

		const char *why = cell->status == 0
		                          ? judge_success(table, cell,
		                                          table->knowledge[i])
		                          : judge_failure(table, cell,
		                                          table->knowledge[i]);

		injected += cell->injected > 0;
		good += cell->status == 0;
		if (!why)
			continue;
		wrong++;
		print_message("%s %s %s: %s (%s, %u attempts, %u injected%s; "
		              "%s)\n",
		              store_verb_name(cell->verb), cell->fault,
		              cell->once ? "once" : "always", why,
		              err_name(cell->status), cell->attempts,
		              cell->injected,
		              cell->maybe_applied ? ", maybe applied" : "",
		              cell->state);
	}
	print_message("%zu cells, %u with an injection, %u told 0, %u wrong\n",
	              (size_t)CELLS, injected, good, wrong);
	return wrong;
}

/* The whole table of one kind of server. */
static void try_all(enum s3peer_habits habits)
{
	struct table *table = calloc(1, sizeof(*table));
	size_t n = 0;

	assert_non_null(table);
	learn_states(table, habits);
	for (unsigned verb = 0; verb < STORE_VERBS; verb++) {
		for (size_t f = 0; f < 2 * FAULTS; f++, n++) {
			table->cells[n].verb = verb;
			table->cells[n].habits = habits;
			table->cells[n].fault = faults[f / 2].rule;
			table->cells[n].once = f % 2 == 0;
			table->knowledge[n] = faults[f / 2].knowledge;
		}
	}
	run_all(table);

	unsigned wrong = judge(table);

	print_table(table);
	free(table);
	assert_int_equal(wrong, 0);
}

static void no_fault_makes_the_client_lie_on_aws(void **state)
{
	(void)state;
	try_all(S3PEER_AWS);
}

static void no_fault_makes_the_client_lie_on_rgw(void **state)
{
	(void)state;
	try_all(S3PEER_RGW16);
}

static void no_fault_makes_the_client_lie_on_minio(void **state)
{
	(void)state;
	try_all(S3PEER_MINIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fault_makes_the_client_lie_on_aws),
		cmocka_unit_test(no_fault_makes_the_client_lie_on_rgw),
		cmocka_unit_test(no_fault_makes_the_client_lie_on_minio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
