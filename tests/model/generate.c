/* SPDX-License-Identifier: MIT */
#include "generate.h"

#include <fcntl.h>

/* How often each operation comes, of the sum. */
static const uint8_t weights[OP_KINDS] = {
	[OP_STAT] = 12,    [OP_CREATE] = 16,   [OP_OPEN] = 16,
	[OP_READ] = 24,    [OP_WRITE] = 32,    [OP_TRUNCATE] = 5,
	[OP_CUT] = 3,      [OP_FALLOCATE] = 4, [OP_SEEK] = 4,
	[OP_FSYNC] = 4,    [OP_DUP] = 3,       [OP_CLOSE] = 26,
	[OP_CHILD] = 4,    [OP_UNLINK] = 10,   [OP_RENAME] = 12,
	[OP_MKDIR] = 5,    [OP_RMDIR] = 4,     [OP_SYMLINK] = 2,
	[OP_READLINK] = 2, [OP_CHMOD] = 5,     [OP_UTIMES] = 3,
	[OP_SETXATTR] = 4, [OP_GETXATTR] = 3,  [OP_LIST] = 8,
	[OP_FORGET] = 5,   [OP_PUT] = 4,       [OP_DELETE] = 2,
	[OP_PASS] = 4,     [OP_FAULT] = 16,    [OP_REMOUNT] = 1,
};

/* Whether the world has such operations. */
static bool is_possible(const struct world *world, unsigned kind)
{
	unsigned config = world->config;

	switch (kind) {
	case OP_PUT:
	case OP_DELETE:
		return config & CONFIG_REMOTE;
	case OP_FAULT:
		return config & CONFIG_FAULT;
	case OP_MKDIR:
	case OP_RMDIR:
		return !(config & CONFIG_TWO);
	default:
		return true;
	}
}

static uint8_t pick_kind(const struct world *world, struct dice *dice)
{
	uint32_t sum = 0;
	uint32_t at;
	unsigned kind = 0;

	for (unsigned k = 0; k < OP_KINDS; k++)
		sum += is_possible(world, k) ? weights[k] : 0;
	at = dice_below(dice, sum);
	for (;; kind++) {
		if (!is_possible(world, kind))
			continue;
		if (at < weights[kind])
			return (uint8_t)kind;
		at -= weights[kind];
	}
}

/* A free slot for what opens, a used one for what needs a descriptor. */
static uint8_t pick_slot(const struct mount *mount, struct dice *dice,
                         bool used)
{
	uint32_t first = dice_below(dice, SLOTS);

	for (uint32_t i = 0; i < SLOTS; i++) {
		uint32_t slot = (first + i) % SLOTS;

		if ((mount->slots[slot].handle != NULL) == used)
			return (uint8_t)slot;
	}
	return (uint8_t)first;
}

/* A number of bytes: small as a rule, now and then beyond a part. */
static uint32_t pick_length(struct dice *dice)
{
	switch (dice_below(dice, 16)) {
	case 0:
		return dice_below(dice, PART_SIZE * 2);
	case 1:
		return PART_SIZE - 1 + dice_below(dice, 3);
	case 2:
	case 3:
		return dice_below(dice, 20000);
	default:
		return 1 + dice_below(dice, 2000);
	}
}

/* A place in a file, often its beginning or its end. */
static uint32_t pick_offset(const struct slot *slot, struct dice *dice)
{
	uint32_t size = slot->file ? (uint32_t)slot->file->size : 0;

	switch (dice_below(dice, 8)) {
	case 0:
		return 0;
	case 1:
		return size + dice_below(dice, 5000);
	case 2:
	case 3:
		return size ? dice_below(dice, size) : 0;
	default:
		return size;
	}
}

/* What an operation on a descriptor wants. */
static void fill_data(const struct slot *slot, struct dice *dice, struct op *op)
{
	static const uint16_t modes[] = {0, FALLOC_FL_KEEP_SIZE,
	                                 FALLOC_FL_KEEP_SIZE |
	                                         FALLOC_FL_PUNCH_HOLE};

	op->a = pick_offset(slot, dice);
	op->b = pick_length(dice);
	if (op->kind == OP_READ && dice_once_in(dice, 2)) {
		op->a = 0;
		op->b = 400000;
	}
	if (op->kind == OP_TRUNCATE && dice_once_in(dice, 3))
		op->a = 0;
	op->flags = op->kind == OP_FALLOCATE ? modes[dice_below(dice, 3)]
	                                     : (uint16_t)dice_below(dice, 2);
}

/* What an operation on a name wants. */
static void fill_name(struct dice *dice, struct op *op)
{
	op->a = dice_below(dice, 1000000);
	op->b = 0;
	switch (op->kind) {
	case OP_CREATE:
	case OP_OPEN:
		op->flags = (uint16_t)dice_below(dice, 3);
		if (dice_once_in(dice, 2))
			op->flags |= OP_TRUNC;
		if (dice_once_in(dice, 6))
			op->flags |= OP_EXCL;
		break;
	case OP_CUT:
		op->a = dice_once_in(dice, 2) ? 0 : dice_below(dice, 100000);
		break;
	case OP_RENAME:
		op->flags = dice_once_in(dice, 6);
		break;
	case OP_SETXATTR:
		op->b = dice_below(dice, 4);
		break;
	case OP_LIST:
		op->other = dice_once_in(dice, 3);
		op->b = dice_below(dice, 20);
		break;
	case OP_PUT:
		op->b = pick_length(dice);
		break;
	case OP_PASS:
		op->a = dice_once_in(dice, 2) ? dice_below(dice, 3000)
		                              : dice_below(dice, 100000);
		break;
	case OP_FAULT:
		op->flags = (uint16_t)dice_below(dice, 3);
		op->a = dice_once_in(dice, 2) ? 1 : 1 + dice_below(dice, 5);
		op->b = dice_once_in(dice, 3) ? 5 : 1;
		break;
	default:
		break;
	}
}

struct op generate(const struct world *world, struct dice *dice)
{
	struct op op = {
		.kind = pick_kind(world, dice),
		.mount = (uint8_t)dice_below(dice, world->mount_count),
		.path = (uint8_t)dice_below(dice, PATHS),
		.other = (uint8_t)dice_below(dice, PATHS),
		.stamp = (uint32_t)dice_roll(dice),
	};
	const struct mount *mount = &world->mounts[op.mount];
	bool opens = op.kind == OP_CREATE || op.kind == OP_OPEN;

	op.slot = pick_slot(mount, dice, !opens);
	switch (op.kind) {
	case OP_READ:
	case OP_WRITE:
	case OP_TRUNCATE:
	case OP_FALLOCATE:
	case OP_SEEK:
		fill_data(&mount->slots[op.slot], dice, &op);
		break;
	default:
		fill_name(dice, &op);
		break;
	}
	return op;
}
