/* SPDX-License-Identifier: MIT */
/* Following a job, for the subcommands that start or wait for one. */
#ifndef PORTER_CMD_CMD_JOB_H
#define PORTER_CMD_CMD_JOB_H

#include <stdbool.h>

/*
 * Show the progress of a mount's job until it ends; its exit status. control is
 * the mount's control directory.
 */
int cmd_job_follow(const char *control, const char *id, bool json, bool quiet);

#endif
