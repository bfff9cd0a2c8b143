/* SPDX-License-Identifier: MIT */
/* The kind of jobs that loads a dump out of a bucket into a database. */
#ifndef PORTER_CONTROL_JOB_IMPORT_H
#define PORTER_CONTROL_JOB_IMPORT_H

#include "fs/job.h"

extern const struct job_ops job_import;

#endif
