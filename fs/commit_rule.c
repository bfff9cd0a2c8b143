/* SPDX-License-Identifier: MIT */
/*
 * The rule in the order in which it is asked.
 *
 * A FLUSH of a process that merely inherited the file says nothing while the
 * opener lives: `{ date; date; } > f` flushes at each child's exit.  A process
 * that is dying closes everything, so how it dies matters more than what it
 * still holds.  What cannot be told must not lose bytes silently: without the
 * number of descriptors every FLUSH commits, and without the exit code the
 * user's option decides.
 */
#include "commit_rule.h"

/* What an option asks for. */
static enum commit_verdict verdict_of(enum fs_fate fate)
{
	switch (fate) {
	case FS_FATE_KEEP:
		return COMMIT_KEEP;
	case FS_FATE_ABORT:
		return COMMIT_ABORT;
	case FS_FATE_PUBLISH:
		break;
	}
	return COMMIT_NOW;
}

/* The verdict on a writer that is ending, or COMMIT_NOW when it is not. */
static enum commit_verdict judge_end(int exit_code,
                                     const struct commit_policy *policy)
{
	if (exit_code < 0)
		return verdict_of(policy->unknown);
	if (exit_code & 0x7f)
		return verdict_of(policy->killed);
	if (exit_code & 0xff00)
		return verdict_of(policy->failed);
	return COMMIT_NOW;
}

enum commit_verdict commit_rule(const struct commit_facts *facts,
                                const struct commit_policy *policy)
{
	enum commit_verdict verdict;

	if (!facts->fresh)
		return COMMIT_NOT_YET;
	if (facts->last)
		return COMMIT_NOW;
	if (!facts->caller_known)
		return judge_end(facts->exit_code, policy);
	if (!facts->caller_opened && facts->opener_alive)
		return COMMIT_NOT_YET;

	verdict = judge_end(facts->exit_code, policy);
	if (facts->exit_code > 0)
		return verdict;
	return facts->descriptors > 0 ? COMMIT_NOT_YET : verdict;
}
