/* SPDX-License-Identifier: MIT */
/*
 * What is mounted where: /proc/self/mountinfo, so that nobody has to be asked
 * (stat(2) of our own root would ask ourselves).  Format: proc(5); blanks and
 * backslashes in paths are written as octal escapes.
 */
#include "base/str.h"
#include "session_impl.h"

#include <stdio.h>
#include <string.h>

/* Undo "\040" and its like, in place. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *p = text; *p; out++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] &&
		    p[3]) {
			*out = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 +
			              (p[3] - '0'));
			p += 4;
		} else {
			*out = *p++;
		}
	}
	*out = '\0';
}

/* One line: whether it is a porterfs on path, and then its device. */
static bool match(char *line, const char *path, char *device, size_t size)
{
	char *save = NULL;
	char *found = NULL;
	char *field = strtok_r(line, " ", &save);

	for (unsigned i = 2; field && i <= 5; i++) {
		field = strtok_r(NULL, " ", &save);
		if (i == 3)
			found = field;
	}
	if (!field || !found || !strstr(save, " fuse.porterfs "))
		return false;

	unescape(field);
	return strcmp(field, path) == 0 && str_copy(device, size, found);
}

bool mountinfo_find(const char *path, char *device, size_t size)
{
	cleanup(freep) char *line = NULL;
	size_t line_size = 0;
	bool found = false;
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		return false;

	while (getline(&line, &line_size, mounts) > 0)
		found |= match(line, path, device, size);
	(void)fclose(mounts);
	return found;
}
