/* SPDX-License-Identifier: MIT */
/*
 * Inside a directory's rename.
 *
 *   rename_dir.c         rounds: list, copy, delete; the end
 *   rename_dir_before.c  what must be known and held before the first copy
 *   rename_dir_tell.c    afterwards: inodes, cache, overlay, kernel
 *
 * One request or one wave of copies is under way at a time, so but for what the
 * slots share under the lock nothing needs one.
 */
#ifndef PORTER_FS_RENAME_DIR_IMPL_H
#define PORTER_FS_RENAME_DIR_IMPL_H

#include "errand.h"
#include "find.h"
#include "inode.h"
#include "move_set.h"

struct dir_move;

/* One object being copied. */
struct copy_slot {
	struct dir_move *move;
	struct move_entry *entry;
	struct ask ask;
	char from[STORE_KEY_MAX + 1];
	char to[STORE_KEY_MAX + 1];
};

struct dir_move {
	struct errand errand; /* holds the turn of the old name */
	struct find find;     /* of the target */
	struct inode *inode;  /* shares; the directory */
	char *from;           /* keys */
	char *to;
	char *from_dir; /* with a slash behind */
	char *to_dir;
	bool no_replace;

	struct inode **held; /* shares: files below that are being written,
	                        which wait until the end */
	size_t held_count;

	struct move_set set;
	size_t turns;   /* of set.order, that are ours */
	size_t to_copy; /* by the listing at hand */
	unsigned round; /* 0 = the first listing */
	char *token;    /* of the listing's next page; NULL = none */
	char **keys;    /* of the page, that can be deleted: room for a batch */
	int *results;   /* likewise */
	size_t batch;   /* keys in it */
	size_t copied;  /* objects, for the story */
	size_t deleted; /* likewise */
	bool changed;   /* something may have been copied */
	size_t next;    /* of set.order, to look at for copying */
	size_t slot_count;
	struct copy_slot *slots;

	pthread_mutex_t lock;
	unsigned flying; /* lock: slots, and one for who fills them */
	int status;      /* lock: the first failure */
	struct err err;  /* lock: its story */
};

/* rename_dir.c */
/* The target may be taken: go on. */
void rename_dir_begin(struct dir_move *move);
/* Nothing was changed, and nothing will be. */
void rename_dir_refuse(struct dir_move *move, int status,
                       const struct err *err);
/* All turns are ours: copy. */
void rename_dir_have_turns(struct dir_move *move);

/* rename_dir_before.c */
/* go() of the errand: look at the target. */
void rename_dir_go(struct errand *errand);
/* Whether all that is open below it can be renamed. 0, -EBUSY, -ENOMEM. */
int rename_dir_may(struct dir_move *move, struct err *reterr);
/* Let those go on that were held by rename_dir_may(). */
void rename_dir_let_go(struct dir_move *move);
/* Take the turns of all that was listed, then rename_dir_have_turns(). */
void rename_dir_take_turns(struct dir_move *move);

/* rename_dir_tell.c */
/* All objects have their new names. 0 or -ENOMEM. */
int rename_dir_tell(struct dir_move *move);
/* Some have, some have not: what both names hold is not known any more. */
void rename_dir_forget(struct dir_move *move);
/* Nobody waits for the call: the kernel looks both names up again. */
void rename_dir_notify(struct dir_move *move);

#endif
