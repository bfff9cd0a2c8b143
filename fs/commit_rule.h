/* SPDX-License-Identifier: MIT */
/*
 * Does this FLUSH commit the file? (pure)
 *
 * The kernel sends a FLUSH for every close of every copy of a descriptor, by
 * children and dying processes too; only here can an errno reach close(2), and
 * committing too early would publish half a file.  The rule: commit when the
 * thread group that flushes is the one that opened the file, or that one is
 * gone, and it holds no other descriptor that can write it.  A writer that was
 * killed, or exited with an error, is judged by the three on_… options.
 */
#ifndef PORTER_FS_COMMIT_RULE_H
#define PORTER_FS_COMMIT_RULE_H

#include "fs/fs.h"

#include <stdbool.h>

/* What is known when a FLUSH comes in, or when the last handle goes. */
struct commit_facts {
	bool fresh;         /* there are bytes or a new file to commit */
	bool last;          /* RELEASE: nobody can write any more */
	bool caller_known;  /* the flushing thread group could be told */
	bool caller_opened; /* and is the one that opened the file */
	bool opener_alive;
	int descriptors; /* the caller's that can write it, still open; < 0 =
	                       cannot be told */
	int exit_code;   /* of the caller, field 52; < 0 = cannot be told */
};

enum commit_verdict {
	COMMIT_NOT_YET, /* answer the latched error, if any, and go on */
	COMMIT_NOW,
	COMMIT_KEEP, /* not published; the upload stays open at the server */
	COMMIT_ABORT,
};

/* killed, failed, unknown: the options' values. */
struct commit_policy {
	enum fs_fate killed;
	enum fs_fate failed;
	enum fs_fate unknown;
};

enum commit_verdict commit_rule(const struct commit_facts *facts,
                                const struct commit_policy *policy);

#endif
