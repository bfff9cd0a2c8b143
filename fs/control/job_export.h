/* SPDX-License-Identifier: MIT */
/* The kind of jobs that dumps a database into a bucket. */
#ifndef PORTER_CONTROL_JOB_EXPORT_H
#define PORTER_CONTROL_JOB_EXPORT_H

#include "fs/job.h"

extern const struct job_ops job_export;

#endif
