/* SPDX-License-Identifier: MIT */
/*
 * The CRCs by tables alone: for processors without the instructions, and for
 * tests, which compare both.  As in base/digest.h: start with 0, feed back.
 */
#ifndef PORTER_CRC_H
#define PORTER_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);
uint64_t crc64nvme_portable(uint64_t crc, const void *data, size_t len);

#endif
