/* SPDX-License-Identifier: MIT */
/* A directory for one test, and its end with all that is in it. */
#ifndef PORTER_TEST_TEMP_DIR_H
#define PORTER_TEST_TEMP_DIR_H

/* Made in $TMPDIR or /tmp; the caller's until temp_dir_free(). Never NULL. */
char *temp_dir_new(void);

/* Removes it and everything below, and frees the path. Accepts NULL. */
void temp_dir_free(char *path);

#endif
