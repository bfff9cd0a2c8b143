/* SPDX-License-Identifier: MIT */
/*
 * Which objects a transfer is about, and which of them must be copied (pure).
 */
#ifndef PORTER_CONTROL_COPY_FILTER_H
#define PORTER_CONTROL_COPY_FILTER_H

#include "fs/command.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

/* The words of every command that has a filter, for its table of rules. */
#define COPY_FILTER_RULE_LIST                                      \
	{.key = "include",                                         \
	 .many = true,                                             \
	 .help = "only names that match, *.jpg or a/*"},           \
		{.key = "exclude",                                 \
	         .many = true,                                     \
	         .help = "not those that match"},                  \
		{.key = "newer-than",                              \
	         .type = COMMAND_MOMENT,                           \
	         .help = "only what changed since: 3h or a date"}, \
		{.key = "older-than",                              \
	         .type = COMMAND_MOMENT,                           \
	         .help = "only what did not"},                     \
		{.key = "min-size",                                \
	         .type = COMMAND_SIZE,                             \
	         .help = "bytes, with K, M, G, T"},                \
		{.key = "max-size",                                \
	         .type = COMMAND_SIZE,                             \
	         .help = "bytes, with K, M, G, T"},                \
	{                                                          \
		.key = "storage-class", .many = true,              \
		.help = "only objects of that class"               \
	}

struct copy_filter {
	const struct command *command; /* borrowed: include, exclude, class */
	uint64_t newer_than;           /* seconds since 1970; 0 = any */
	uint64_t older_than;
	uint64_t min_size; /* bytes */
	uint64_t max_size;
};

/* From a command that follows the rules; now in seconds since 1970. */
void copy_filter_init(struct copy_filter *filter, const struct command *command,
                      uint64_t now);

/* One object of a listing: its key below the transfer's prefix. */
struct copy_entry {
	const char *name;
	uint64_t size;
	int64_t mtime; /* seconds since 1970 */
	const char *etag;
	const char *storage_class; /* "" = STANDARD */
};

/*
 * Whether an object is meant.  A pattern without "/" is held against the last
 * component, another one against the whole name, where * goes across "/".
 * Without include everything is; exclude counts more.
 */
bool copy_filter_takes(const struct copy_filter *filter,
                       const struct copy_entry *entry);

/* When is a target overwritten? */
enum copy_when {
	COPY_DIFFERS, /* it is missing, or not the same */
	COPY_NEWER,   /* it is missing, or older than the source */
	COPY_MISSING,
	COPY_ALWAYS,
};
enum copy_when copy_when_of(const char *word); /* NULL: COPY_DIFFERS */

/* How two versions compare. */
enum copy_same {
	COPY_OTHER,     /* size or ETag differ */
	COPY_SAME_ETAG, /* size and ETag are equal */
	COPY_SAME_SIZE, /* the ETags cannot be compared (multipart) */
};
enum copy_same copy_compare(const struct copy_entry *a,
                            const struct copy_entry *b);

/* target NULL: there is none. */
bool copy_is_due(enum copy_when when, const struct copy_entry *source,
                 const struct copy_entry *target);

/*
 * The next step of a merge of two listings in byte order; NULL = that side has
 * ended.
 */
enum copy_step {
	COPY_STEP_END,
	COPY_STEP_SOURCE, /* only the source has it */
	COPY_STEP_TARGET,
	COPY_STEP_BOTH,
};
enum copy_step copy_step(const struct copy_entry *source,
                         const struct copy_entry *target);

#endif
