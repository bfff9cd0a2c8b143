/* SPDX-License-Identifier: MIT */
/* The inside of fs/recover.h: what fs.c has of it. */
#ifndef PORTER_FS_RECOVER_STATE_H
#define PORTER_FS_RECOVER_STATE_H

struct recover;

/* Ends the background rounds; waits for the one under way. NULL is fine. */
void recover_free(struct recover *recover);

#endif
