/* SPDX-License-Identifier: MIT */
/*
 * What to do with a statement of a dump (pure): run it, where, or not at all.
 */
#ifndef PORTER_DUMPER_LOAD_RULE_H
#define PORTER_DUMPER_LOAD_RULE_H

#include "base/err.h"
#include "classify.h"
#include "filter.h"

enum load_action {
	LOAD_SKIP,       /* not meant, or ours to do (COMMIT, LOCK TABLES) */
	LOAD_ROWS,       /* on any session, in a transaction with others */
	LOAD_EVERYWHERE, /* on every session */
	LOAD_ALONE,      /* when all before it is committed */
	LOAD_REFUSE,     /* -EINVAL with a sentence */
};

struct load_rule {
	const char *database;         /* borrowed; NULL = as the dump says */
	const struct filter *tables;  /* borrowed; NULL = all */
	char current[CLASS_NAME_MAX]; /* what the dump says it is in */
	bool used;                    /* it has said so */
};

enum load_action load_rule_decide(struct load_rule *rule,
                                  const struct sql_class *class,
                                  struct err *reterr);

#endif
