/* SPDX-License-Identifier: MIT */
/*
 * Which names are meant: "orders,log_*,!log_old,`a,b*`" (pure).
 *
 * A name is taken when one of the patterns without "!" fits, or there is none,
 * and none with "!" does.  "db.table" patterns look at both names, others at
 * the table's alone.  A pattern has "*", "?" and "[...]" as the shell's; what is
 * in backticks is a name as it stands (one pair for each half).
 */
#ifndef PORTER_DUMPER_FILTER_H
#define PORTER_DUMPER_FILTER_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct filter;

/* text NULL or "": everything. Returns 0 or -ENOMEM. */
int filter_new(const char *text, struct filter **ret);
void filter_free(struct filter *filter);
DEFINE_CLEANUP(struct filter *, filter_free);

bool filter_takes(const struct filter *filter, const char *db,
                  const char *name);

/*
 * The first pattern without "!" that has taken nothing so far, or NULL: likely
 * a misspelt name.
 */
const char *filter_unused(const struct filter *filter);

#endif
