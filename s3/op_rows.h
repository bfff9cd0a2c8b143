/* SPDX-License-Identifier: MIT */
/* The rows of op_get()'s table: each is explained where it is defined. */
#ifndef PORTER_S3_OP_ROWS_H
#define PORTER_S3_OP_ROWS_H

#include "op.h"

/* op_object.c */
extern const struct op op_head;
extern const struct op op_get_object;
extern const struct op op_put;
extern const struct op op_copy;

/* op_delete.c */
extern const struct op op_delete;
extern const struct op op_delete_many;

/* op_list.c */
extern const struct op op_list;

/* op_list_uploads.c */
extern const struct op op_mpu_list_parts;
extern const struct op op_mpu_list;

/* op_multipart.c */
extern const struct op op_mpu_create;
extern const struct op op_mpu_part;
extern const struct op op_mpu_part_copy;
extern const struct op op_mpu_complete;
extern const struct op op_mpu_abort;

#endif
