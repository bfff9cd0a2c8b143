/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of an import come from: a file, a pipe, an object.
 *
 * A source is one run of bytes, of one version: an object that is replaced
 * while it is read is an error, never a mixture.  One thread at a time.
 */
#ifndef PORTER_DUMPER_SOURCE_H
#define PORTER_DUMPER_SOURCE_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_SIZE_UNKNOWN UINT64_MAX
#define LOAD_VERSION_MAX  160 /* bytes with NUL */

struct load_source;
struct object_store;

struct load_source_ops {
	/* Up to len bytes into buf, 0 at the end, or -errno. Blocks. */
	ssize_t (*read)(struct load_source *source, void *buf, size_t len,
	                struct err *reterr);

	/*
	 * len bytes at offset, all of them, without moving read() on. 0 or
	 * -errno; NULL where there is no such thing (a pipe).
	 */
	int (*read_at)(struct load_source *source, uint64_t offset, void *buf,
	               size_t len, struct err *reterr);
	void (*destroy)(struct load_source *source);
};

struct load_source {
	const struct load_source_ops *ops;
	uint64_t size;                  /* bytes, or LOAD_SIZE_UNKNOWN */
	char version[LOAD_VERSION_MAX]; /* tells this content from another;
	                                   "" = cannot */
};

static inline void load_source_free(struct load_source *source)
{
	if (source)
		source->ops->destroy(source);
}
DEFINE_CLEANUP(struct load_source *, load_source_free);

/*
 * A file by its path, "-" is standard input.  Changing it while it is read is
 * -ESTALE where it can be seen (size or mtime).
 */
int load_source_file(const char *path, struct load_source **ret,
                     struct err *reterr);

struct load_store_config {
	struct object_store *store; /* borrowed */
	const char *key;            /* copied */
	size_t piece;               /* bytes of one GET; 0 = 8 MiB */
	unsigned ahead;             /* GETs in flight; 0 = 3 */

	/*
	 * Patterns of tables (filter.h), or NULL: with an index of this very
	 * object beside it (KEY.idx, SPEC.md) only what these need is read.
	 */
	const char *tables;
};

/*
 * An object: a HEAD, then ranged GETs of that version (If-Match), `ahead` of
 * them in flight.  Memory: ahead * piece.  -ENOENT; -ESTALE when it is replaced
 * meanwhile; else what the store says.  No store's callback thread may call.
 */
int load_source_store(const struct load_store_config *config,
                      struct load_source **ret, struct err *reterr);

#endif
