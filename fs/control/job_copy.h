/* SPDX-License-Identifier: MIT */
/* The kinds of jobs that move and compare objects. */
#ifndef PORTER_CONTROL_JOB_COPY_H
#define PORTER_CONTROL_JOB_COPY_H

#include "fs/job.h"

extern const struct job_ops job_clone;
extern const struct job_ops job_copy;
extern const struct job_ops job_move;
extern const struct job_ops job_delete;
extern const struct job_ops job_verify;

#endif
