/* SPDX-License-Identifier: MIT */
/* What the tests of fs/control share: a mount of two buckets in memory. */
#ifndef PORTER_TEST_CONTROL_RIG_H
#define PORTER_TEST_CONTROL_RIG_H

#include "base/clock.h"
#include "base/exec.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/timer.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "fault_store.h"
#include "fs/admin.h"
#include "fs/fs.h"
#include "fs/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct control_rig {
	struct fake_clock clock;
	struct timers *timers;
	struct pool *pool;
	struct fake_store *fake[2];
	struct fault_store *fault[2];
	struct fs *fs; /* buckets "one" and "two"; "broken" is -EACCES */
};

void control_rig_init(struct control_rig *rig,
                      const struct store_limits *limits, enum fake_mode mode);
void control_rig_end(struct control_rig *rig);

#endif
