/* SPDX-License-Identifier: MIT */
/*
 * Operations of the model test: what a program, the kernel or somebody else may
 * do next, as a few numbers.
 *
 * An operation says all that is to be known of it, so that any part of a run
 * can be left out and the rest still means the same: that is how a failing run
 * is shrunk.  One that makes no sense where it stands (a read of a slot that
 * holds no descriptor) does nothing.
 *
 * As text, one line each:  NAME mount path other slot flags a b stamp
 */
#ifndef PORTER_TEST_MODEL_OP_H
#define PORTER_TEST_MODEL_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum op_kind {
	OP_STAT,      /* path */
	OP_CREATE,    /* path, slot, flags: see below */
	OP_OPEN,      /* path, slot, flags */
	OP_READ,      /* slot, a = offset, b = bytes */
	OP_WRITE,     /* slot, a, b, stamp = which bytes */
	OP_TRUNCATE,  /* slot, a = size */
	OP_CUT,       /* path, a = size: truncate(2) */
	OP_FALLOCATE, /* slot, a, b, flags = mode */
	OP_SEEK,      /* slot, a, flags & 1: SEEK_HOLE */
	OP_FSYNC,     /* slot */
	OP_DUP,       /* slot */
	OP_CLOSE,     /* slot */
	OP_CHILD,     /* slot: a child that inherited it closes it */
	OP_UNLINK,    /* path */
	OP_RENAME,    /* path, other, flags & 1: NOREPLACE */
	OP_MKDIR,     /* path */
	OP_RMDIR,     /* path */
	OP_SYMLINK,   /* path, stamp = target */
	OP_READLINK,  /* path */
	OP_CHMOD,     /* path, a = permissions */
	OP_UTIMES,    /* path, a = seconds */
	OP_SETXATTR,  /* path, a = which, b = value; 0 = remove */
	OP_GETXATTR,  /* path, a = which */
	OP_LIST,      /* path: readdir */
	OP_FORGET,    /* path: the kernel drops it */
	OP_PUT,       /* path, b = bytes, stamp: somebody else writes */
	OP_DELETE,    /* path: somebody else deletes */
	OP_PASS,      /* a = milliseconds */
	OP_FAULT, /* the next operation: flags = action, a = which request */
	OP_REMOUNT,
	OP_KINDS,
};

/* Flags of OP_CREATE and OP_OPEN; the low two bits are O_ACCMODE. */
#define OP_TRUNC  (1 << 2)
#define OP_EXCL   (1 << 3)
#define OP_DIRECT (1 << 4) /* create without having looked the name up */
/* Of OP_FAULT. */
#define OP_FAULT_FAIL 0
#define OP_FAULT_LOSE 1
#define OP_FAULT_CUT  2

struct op {
	uint8_t kind;
	uint8_t mount;
	uint8_t path;
	uint8_t other;
	uint8_t slot;
	uint16_t flags;
	uint32_t a;
	uint32_t b;
	uint32_t stamp;
};

const char *op_name(enum op_kind kind);

/* The operation as a line, without the end of line. */
void op_print(const struct op *op, FILE *file);

/* False: that is no operation. */
bool op_parse(const char *line, struct op *ret);

/* Byte at place i of what an operation with that stamp writes. */
uint8_t op_byte(uint32_t stamp, uint64_t i);

/* ---- a run ---- */

/* What the world of a run is like; a script begins with "config N". */
enum config {
	CONFIG_QUEUE = 1 << 0,  /* replies come late and in any order */
	CONFIG_FAULT = 1 << 1,  /* requests fail */
	CONFIG_REMOTE = 1 << 2, /* somebody else writes too */
	CONFIG_TWO = 1 << 3,    /* two mounts, no TTL */
	CONFIG_OLD = 1 << 4,    /* a store that heeds no conditions */
	CONFIG_TIGHT = 1 << 5,  /* little memory */
	CONFIG_LIST = 1 << 6,   /* attrs = list */
};

struct ops {
	unsigned config;
	size_t count;
	size_t cap;
	struct op *list;
};

/* Deterministic random numbers (splitmix64). */
struct dice {
	uint64_t state;
};
uint64_t dice_roll(struct dice *dice);
/* 0 ... below - 1 */
uint32_t dice_below(struct dice *dice, uint32_t below);
/* True once in so many times. */
bool dice_once_in(struct dice *dice, uint32_t times);

#endif
