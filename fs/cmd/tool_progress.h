/* SPDX-License-Identifier: MIT */
/*
 * A job's progress on a terminal: one line that is drawn over again.
 *
 *   clone  12,403 objects  1.2 GiB  85.1 MiB/s  3 failed  0:14
 *   export [##########..........]  52%  1.2 GiB  85.1 MiB/s  eta 0:13
 */
#ifndef PORTER_CMD_TOOL_PROGRESS_H
#define PORTER_CMD_TOOL_PROGRESS_H

#include "base/json.h"
#include "base/str.h"

/* The line for a status.json (pure); at most width columns. */
void tool_progress_line(const struct jval *status, unsigned elapsed_s,
                        unsigned width, struct str *ret);

/* Bytes for people: "1.2 GiB". */
void tool_bytes(uint64_t bytes, char ret[16]);

#endif
