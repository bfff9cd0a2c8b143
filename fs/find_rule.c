/* SPDX-License-Identifier: MIT */
#include "find_rule.h"

/* Nothing was asked yet: what goes out first, in one round trip. */
static unsigned first_questions(const struct find_facts *facts)
{
	unsigned list = facts->big ? FIND_PREFIX : FIND_PAGE;

	if (facts->hint == META_FILE && facts->hint_fresh)
		return FIND_HEAD;
	if (facts->hint == META_DIR)
		return list;
	if (!facts->attrs_head)
		return facts->big ? FIND_HEAD | FIND_PREFIX : FIND_PAGE;
	if (facts->hint == META_FILE && (!facts->hint_head || facts->alone))
		return FIND_HEAD;
	if (facts->hint == META_FILE && !facts->big)
		return list; /* shows whether it still is that version */
	return FIND_HEAD | list;
}

/* It is a directory: are its attributes known? */
static struct find_verdict directory(const struct find_facts *facts)
{
	if (facts->dir_head == FIND_FAILED)
		return (struct find_verdict){.failed = true};
	if (facts->attrs_head && facts->dir_head == FIND_NOT_ASKED &&
	    !(facts->hint == META_DIR && facts->hint_head))
		return (struct find_verdict){.ask = FIND_DIR_HEAD};
	return (struct find_verdict){.kind = META_DIR};
}

/* No file and no directory was found so far: what is still to be asked? */
static unsigned more_questions(const struct find_facts *facts)
{
	unsigned ask = 0;

	if (facts->head == FIND_NOT_ASKED && facts->listed != FIND_NO)
		ask |= FIND_HEAD;
	if (facts->dir == FIND_NOT_ASKED)
		ask |= facts->big ? FIND_PREFIX : FIND_PAGE;
	if (facts->dir == FIND_UNDECIDED)
		ask |= FIND_PREFIX;
	return ask;
}

/* A file beside a directory is there when both are. */
static struct find_verdict aside(const struct find_facts *facts)
{
	unsigned dir = facts->dir == FIND_NOT_ASKED ? FIND_PREFIX : 0;

	if (facts->head == FIND_NOT_ASKED)
		return (struct find_verdict){.ask = FIND_HEAD | dir};
	if (facts->head == FIND_NO || facts->dir == FIND_NO)
		return (struct find_verdict){.kind = META_ABSENT};
	if (facts->head == FIND_FAILED || facts->dir == FIND_FAILED)
		return (struct find_verdict){.failed = true};
	return (struct find_verdict){.kind = META_FILE};
}

struct find_verdict find_rule(const struct find_facts *facts)
{
	if (facts->aside)
		return aside(facts);

	bool fresh_dir = facts->hint == META_DIR && facts->hint_fresh;

	if (facts->dir == FIND_YES || fresh_dir)
		return directory(facts);
	if (facts->head == FIND_NOT_ASKED && facts->dir == FIND_NOT_ASKED)
		return (struct find_verdict){.ask = first_questions(facts)};
	if (facts->head == FIND_YES ||
	    (facts->listed == FIND_YES && (!facts->attrs_head || facts->same)))
		return (struct find_verdict){.kind = META_FILE};
	if (facts->head == FIND_FAILED || facts->dir == FIND_FAILED)
		return (struct find_verdict){.failed = true};

	unsigned ask = more_questions(facts);

	if (ask)
		return (struct find_verdict){.ask = ask};
	return (struct find_verdict){.kind = META_ABSENT};
}
