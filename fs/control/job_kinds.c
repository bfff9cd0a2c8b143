/* SPDX-License-Identifier: MIT */
/* Every kind of job there is: a kind is a file, and a row here. */
#include "fs/job.h"
#include "job_copy.h"
#include "job_export.h"
#include "job_import.h"

const struct job_ops *const job_kinds[] = {
	&job_clone,  &job_copy, &job_delete, &job_export,
	&job_import, &job_move, &job_verify, NULL,
};
