/* SPDX-License-Identifier: MIT */
/*
 * The words of -o: porterfs' own go into the configuration, the kernel's are
 * collected, and those that are only meant for mount(8), systemd or fstab are
 * passed over.
 */
#ifndef PORTER_CMD_MOUNT_WORDS_H
#define PORTER_CMD_MOUNT_WORDS_H

#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Flags that exclude each other: of each group the last one counts. */
enum mount_group {
	MOUNT_GROUP_WRITE, /* ro */
	MOUNT_GROUP_EXEC,  /* noexec */
	MOUNT_GROUP_SYNC,  /* sync */
	MOUNT_GROUP_DIRSYNC,
	MOUNT_GROUP_LINKS, /* nosymfollow */
	MOUNT_GROUPS,
};

/* Zeroed = no words yet. */
struct mount_words {
	const char *flags[MOUNT_GROUPS]; /* static texts, NULL = not given */
	struct str contexts;             /* SELinux: ",context=…" */
};

/*
 * Take the words of one -o: separated by ',', where "\," is a comma and "\\" a
 * backslash of a value.  Unknown words are an error unless sloppy.  Returns 0
 * or -errno with a sentence that begins with "-o: ".
 */
int mount_words_take(struct mount_words *words, struct conf *conf,
                     const char *list, bool sloppy, struct err *reterr);

/*
 * The kernel's words joined by ',' ("ro,noexec"), malloc'ed; *ret is NULL when
 * there are none.  Returns 0 or -ENOMEM.
 */
int mount_words_kernel(const struct mount_words *words, char **ret);

void mount_words_release(struct mount_words *words);

#endif
