/* SPDX-License-Identifier: MIT */
/* Open directories, as fs.c sees them. */
#ifndef PORTER_FS_DIR_H
#define PORTER_FS_DIR_H

struct fs;

/* Drop every directory that is still open. */
void dirs_close(struct fs *fs);

#endif
