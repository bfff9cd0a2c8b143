/* SPDX-License-Identifier: MIT */
/*
 * Single bits of the cache's file are flipped, in pages that are used: whatever
 * is read must be what was written, or be unknown.  test_meta_damage [FLIPS
 * [SEED]] tries more of them and prints what became of them.
 */
#include "disk_rig.h"

#include <sys/mman.h>

#define DIRS      12
#define FILES     40
#define PAGE      4096
#define PER_CHILD 50

/* What children found, in shared memory. */
struct tally {
	unsigned flips;
	unsigned detected; /* a record or the file was seen to be damaged */
	unsigned unknown;  /* names that were not known then */
	unsigned wrong;    /* answers */
};

struct damage {
	struct rig rig;
	uint8_t *file; /* as it was written */
	size_t size;
	uint64_t state; /* of the generator */
	struct tally *tally;
};

static unsigned flips_wanted = 300;
static uint64_t seed = 1;

/* The next random number (splitmix64). */
static uint64_t next(struct damage *d)
{
	uint64_t z = (d->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* The file as it is written first. */
static void fill(struct damage *d)
{
	char path[64];
	char name[64];

	for (unsigned dir = 0; dir < DIRS; dir++) {
		struct str names = {0};

		for (unsigned i = 0; i < FILES; i++) {
			str_addf(&names, "%sf%03u", i ? " " : "", i);
			(void)snprintf(path, sizeof(path), "d%02u/h%03u", dir,
			               i);
			(void)snprintf(name, sizeof(name), "\"h%03u\"", i);
			learn(&d->rig, path, META_FILE, name);
		}
		(void)snprintf(path, sizeof(path), "d%02u", dir);
		list(&d->rig, path, "", "f999", str_text(&names));
		str_release(&names);
	}
}

/* Keep the bytes of data.mdb. */
static void keep_file(struct damage *d)
{
	char path[256];
	struct stat st;
	FILE *file;

	stop(&d->rig);
	(void)snprintf(path, sizeof(path), "%s/data.mdb", d->rig.temp);
	assert_int_equal(stat(path, &st), 0);
	d->size = (size_t)st.st_size;
	d->file = malloc(d->size);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(d->file, 1, d->size, file), d->size);
	(void)fclose(file);
}

/* A byte in a page that holds something. */
static size_t used_byte(struct damage *d)
{
	for (;;) {
		size_t at = next(d) % d->size;
		const uint8_t *page = d->file + at / PAGE * PAGE;
		size_t used = 0;

		for (size_t i = 0; i < PAGE; i++)
			used += page[i] != 0;
		if (used > 0)
			return at;
	}
}

/* Write the file with one bit flipped, as a daemon left it that ended well. */
static void write_flipped(struct damage *d)
{
	size_t at = used_byte(d);
	uint8_t bit = (uint8_t)(1 << (next(d) % 8));
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", d->rig.temp);
	file = fopen(path, "w");
	assert_non_null(file);
	d->file[at] ^= bit;
	assert_int_equal(fwrite(d->file, 1, d->size, file), d->size);
	d->file[at] ^= bit;
	(void)fclose(file);
}

/* One name: right, unknown or wrong. */
static void judge(struct damage *d, const char *path, const char *right)
{
	const char *got = known(&d->rig, path);

	if (strcmp(got, "unknown") == 0)
		d->tally->unknown++;
	else if (strcmp(got, right) != 0)
		d->tally->wrong++;
}

/* Everything that was written, and names that were not. */
static void judge_all(struct damage *d)
{
	char path[64];
	char right[64];

	for (unsigned dir = 0; dir < DIRS; dir++) {
		for (unsigned i = 0; i < FILES; i++) {
			(void)snprintf(path, sizeof(path), "d%02u/f%03u", dir,
			               i);
			(void)snprintf(right, sizeof(right),
			               "file \"f%03u\" 1000", i);
			judge(d, path, right);
			(void)snprintf(path, sizeof(path), "d%02u/h%03u", dir,
			               i);
			(void)snprintf(right, sizeof(right), "file \"h%03u\" 5",
			               i);
			judge(d, path, right);
		}
		(void)snprintf(path, sizeof(path), "d%02u/f0000", dir);
		judge(d, path, "listed absent");
	}
}

/* A child: some flips. */
static void try_flips(struct damage *d, unsigned count)
{
	struct meta_disk_stats stats;

	for (unsigned i = 0; i < count; i++) {
		unsigned before = d->tally->unknown;

		write_flipped(d);
		start(&d->rig);
		judge_all(d);
		meta_disk_stats(d->rig.disk, &stats);
		d->tally->flips++;
		d->tally->detected += stats.damaged > 0 || stats.off ||
		                      d->tally->unknown > before;
		stop(&d->rig);
	}
}

static void no_flipped_bit_gives_a_wrong_answer(void **state)
{
	struct damage d = {.state = seed};

	(void)state;
	rig_init(&d.rig);
	d.tally = mmap(NULL, sizeof(*d.tally), PROT_READ | PROT_WRITE,
	               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(d.tally != MAP_FAILED);
	fill(&d);
	keep_file(&d);
	for (unsigned done = 0; done < flips_wanted; done += PER_CHILD) {
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			try_flips(&d, PER_CHILD);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		d.state += 0x1234567;
	}
	print_message("%u flips: %u detected, %u names unknown, %u wrong\n",
	              d.tally->flips, d.tally->detected, d.tally->unknown,
	              d.tally->wrong);
	assert_int_equal(d.tally->wrong, 0);
	assert_true(d.tally->detected > 0);
	(void)munmap(d.tally, sizeof(*d.tally));
	free(d.file);
	start(&d.rig);
	rig_end(&d.rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_flipped_bit_gives_a_wrong_answer),
	};

	if (argc > 1)
		flips_wanted = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
