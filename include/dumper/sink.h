/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a dump go.
 *
 * A sink takes one run of bytes from one thread at a time and ends by exactly
 * one of finish (then the whole is there, under its name) and abort (then
 * nothing is).  It owns its buffers, a fixed number of them: write() waits
 * while the other end is slower than we are.
 */
#ifndef PORTER_DUMPER_SINK_H
#define PORTER_DUMPER_SINK_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dump_sink;
struct object_store;

struct dump_sink_ops {
	/* Take len bytes, all of them. Blocks. 0 or -errno, for good then. */
	int (*write)(struct dump_sink *sink, const void *data, size_t len,
	             struct err *reterr);
	/* Publish. 0: it is there, whole and checked. */
	int (*finish)(struct dump_sink *sink, struct err *reterr);
	/* Leave nothing behind. Once, also after a failed finish. */
	void (*abort)(struct dump_sink *sink);
	/* After finish or abort. */
	void (*destroy)(struct dump_sink *sink);
};

struct dump_sink {
	const struct dump_sink_ops *ops;
};

static inline void dump_sink_free(struct dump_sink *sink)
{
	if (sink)
		sink->ops->destroy(sink);
}
DEFINE_CLEANUP(struct dump_sink *, dump_sink_free);

/* Counts and drops: for measuring, and for a dump that is only a test. */
int dump_sink_null(struct dump_sink **ret);

/*
 * A file that appears under its name when it is finished (mode 0600), made of
 * a temporary one beside it.  "-" is standard output, which abort cannot undo.
 * The file is not synced.
 */
int dump_sink_file(const char *path, struct dump_sink **ret,
                   struct err *reterr);

struct dump_store_config {
	struct object_store *store; /* borrowed */
	const char *key;            /* copied */
	const char *content_type;   /* copied; NULL = none */
	const char *expires; /* value of x-amz-meta-porter-expires, copied;
	                        NULL = none */
	uint64_t part_size;  /* bytes of the first parts; 0 = 8 MiB */
	unsigned in_flight;  /* parts on their way at once; 0 = 4 */
};

/*
 * An object: one PUT when it is smaller than a part, else a multipart upload
 * whose parts are sent while others are filled.  Parts double after 1,000,
 * 2,000 and 3,000 of them (to 64 MiB), so that 448 GiB fit with the default;
 * what does not fit is -EFBIG.  Buffers: in_flight parts of the first size and
 * one more, or two of the last.
 *
 * finish() asks for the object once it is complete: its size must be right, and
 * it must carry our nonce when the store's answer was lost.  No store's callback
 * thread may call any of these.
 */
int dump_sink_store(const struct dump_store_config *config,
                    struct dump_sink **ret, struct err *reterr);

#endif
