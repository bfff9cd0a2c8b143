/* SPDX-License-Identifier: MIT */
#include "temp_dir.h"

#include "base/str.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char *temp_dir_new(void)
{
	const char *base = getenv("TMPDIR");
	char *path = str_printf("%s/porterfs-test-XXXXXX",
	                        base && *base ? base : "/tmp");
	const char *made = path ? mkdtemp(path) : NULL;

	assert(made);
	return path;
}

/* Removes one thing; what is below is gone already. */
static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void temp_dir_free(char *path)
{
	if (!path)
		return;
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}
