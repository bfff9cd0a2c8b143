/* SPDX-License-Identifier: MIT */
#include "op.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[OP_KINDS] = {
	[OP_STAT] = "stat",         [OP_CREATE] = "create",
	[OP_OPEN] = "open",         [OP_READ] = "read",
	[OP_WRITE] = "write",       [OP_TRUNCATE] = "truncate",
	[OP_CUT] = "cut",           [OP_FALLOCATE] = "fallocate",
	[OP_SEEK] = "seek",         [OP_FSYNC] = "fsync",
	[OP_DUP] = "dup",           [OP_CLOSE] = "close",
	[OP_CHILD] = "child",       [OP_UNLINK] = "unlink",
	[OP_RENAME] = "rename",     [OP_MKDIR] = "mkdir",
	[OP_RMDIR] = "rmdir",       [OP_SYMLINK] = "symlink",
	[OP_READLINK] = "readlink", [OP_CHMOD] = "chmod",
	[OP_UTIMES] = "utimes",     [OP_SETXATTR] = "setxattr",
	[OP_GETXATTR] = "getxattr", [OP_LIST] = "list",
	[OP_FORGET] = "forget",     [OP_PUT] = "put",
	[OP_DELETE] = "delete",     [OP_PASS] = "pass",
	[OP_FAULT] = "fault",       [OP_REMOUNT] = "remount",
};

const char *op_name(enum op_kind kind)
{
	return names[kind];
}

void op_print(const struct op *op, FILE *file)
{
	(void)fprintf(file, "%s %u %u %u %u %u %u %u %u", names[op->kind],
	              op->mount, op->path, op->other, op->slot, op->flags,
	              op->a, op->b, op->stamp);
}

/* The kind of that name, or OP_KINDS. */
static unsigned kind_of(const char *name)
{
	unsigned kind = 0;

	while (kind < OP_KINDS && strcmp(names[kind], name) != 0)
		kind++;
	return kind;
}

bool op_parse(const char *line, struct op *ret)
{
	char *copy = strdup(line);
	char *rest = copy;
	const char *name = copy ? strsep(&rest, " \n") : NULL;
	unsigned kind = name ? kind_of(name) : OP_KINDS;
	uint64_t numbers[8] = {0};
	size_t count = 0;

	for (char *word; count < 8 && (word = strsep(&rest, " \n"));)
		if (word[0] && str_to_u64(word, &numbers[count]) == 0)
			count++;
	free(copy);
	if (kind == OP_KINDS || count < 8)
		return false;
	*ret = (struct op){
		.kind = (uint8_t)kind,
		.mount = (uint8_t)numbers[0],
		.path = (uint8_t)numbers[1],
		.other = (uint8_t)numbers[2],
		.slot = (uint8_t)numbers[3],
		.flags = (uint16_t)numbers[4],
		.a = (uint32_t)numbers[5],
		.b = (uint32_t)numbers[6],
		.stamp = (uint32_t)numbers[7],
	};
	return true;
}

uint8_t op_byte(uint32_t stamp, uint64_t i)
{
	return (uint8_t)(stamp + i * 7 + (i >> 8) * 31 + (i >> 16) * 57 +
	                 (stamp >> 8) + 1);
}

uint64_t dice_roll(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t dice_below(struct dice *dice, uint32_t below)
{
	return (uint32_t)(dice_roll(dice) % below);
}

bool dice_once_in(struct dice *dice, uint32_t times)
{
	return dice_below(dice, times) == 0;
}
