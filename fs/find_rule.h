/* SPDX-License-Identifier: MIT */
/*
 * What to ask the store about one name, and what the answers mean (pure).
 *
 * Four questions exist: HEAD of the key; the first page of its directory's
 * listing, which also teaches about its neighbours; a listing of one key below
 * "key/"; and HEAD of "key/", a directory's own object.  A name is absent only
 * when both a file and a directory were denied by the store; it is a directory
 * when any key lies below it, whatever else there is; a failing store is never
 * absence.
 */
#ifndef PORTER_FS_FIND_RULE_H
#define PORTER_FS_FIND_RULE_H

#include "meta_cache.h"

#include <stdbool.h>

enum find_ask {
	FIND_HEAD = 1 << 0,
	FIND_PAGE = 1 << 1,
	FIND_PREFIX = 1 << 2,
	FIND_DIR_HEAD = 1 << 3,
};

enum find_answer {
	FIND_NOT_ASKED,
	FIND_YES,
	FIND_NO,
	FIND_UNDECIDED, /* the page ended before the name */
	FIND_FAILED,
};

struct find_facts {
	/* Known before. */
	bool attrs_head;     /* metadata is wanted (attrs = head) */
	enum meta_kind hint; /* what the cache last knew */
	bool hint_fresh;     /* and it is believed */
	bool hint_head;      /* and its metadata is known */
	bool big;            /* the directory does not fit into one page */
	bool alone; /* a known file, nothing else was asked of its directory */
	bool aside; /* a file beside a directory (escape.h) is asked about */

	/* Answers. */
	enum find_answer head;     /* HEAD key */
	enum find_answer listed;   /* the key stands in the page */
	bool same;                 /* as the object that hint_head is about */
	enum find_answer dir;      /* something lies below "key/", the key
	                              without its mark */
	enum find_answer dir_head; /* HEAD "key/" */
};

struct find_verdict {
	unsigned ask;        /* of enum find_ask, side by side; 0 = decided: */
	bool failed;         /* by an answer that failed */
	enum meta_kind kind; /* else META_FILE, META_DIR or META_ABSENT */
};

struct find_verdict find_rule(const struct find_facts *facts);

#endif
