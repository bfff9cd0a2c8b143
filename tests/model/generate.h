/* SPDX-License-Identifier: MIT */
/* The next operation: chosen by dice, with a look at what would make sense. */
#ifndef PORTER_TEST_MODEL_GENERATE_H
#define PORTER_TEST_MODEL_GENERATE_H

#include "world.h"

struct op generate(const struct world *world, struct dice *dice);

#endif
