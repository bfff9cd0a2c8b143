/* SPDX-License-Identifier: MIT */
/*
 * Instead of libFuzzer: run the target once over every file of the directories
 * given, so that corpora are ordinary tests with any compiler.
 */
#include "base/cleanup.h"
#include "base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX ((size_t)4 << 20) /* bytes of one input */

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static void fclosep(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* The input has a block of its own, so that reading past it is noticed. */
static int replay_file(const char *path, uint8_t *scratch)
{
	cleanup(fclosep) FILE *file = fopen(path, "re");

	if (!file)
		return -errno;

	size_t size = fread(scratch, 1, INPUT_MAX, file);

	if (ferror(file))
		return -EIO;

	cleanup(freep) uint8_t *data = malloc(size > 0 ? size : 1);

	if (!data)
		return -ENOMEM;
	memcpy(data, scratch, size);
	(void)LLVMFuzzerTestOneInput(data, size);
	return 0;
}

/* Returns how many inputs there were, or -errno. */
static int replay_directory(const char *directory)
{
	cleanup(closedirp) DIR *dir = opendir(directory);
	cleanup(freep) uint8_t *scratch = malloc(INPUT_MAX);
	const struct dirent *entry;
	int count = 0;

	if (!dir)
		return -errno;
	if (!scratch)
		return -ENOMEM;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;

		cleanup(freep) char *path =
			str_printf("%s/%s", directory, entry->d_name);
		int r = path ? replay_file(path, scratch) : -ENOMEM;

		if (r < 0)
			return r;
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = replay_directory(argv[i]);

		if (count < 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i],
			              strerrordesc_np(-count));
			return 1;
		}
		total += count;
	}

	(void)printf("%d inputs\n", total);
	return total > 0 ? 0 : 1; /* a corpus without inputs proves nothing */
}
