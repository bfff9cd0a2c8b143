/* SPDX-License-Identifier: MIT */
/* What the tests of the cache on disk share: one on LMDB, in a directory. */
#ifndef PORTER_TEST_DISK_RIG_H
#define PORTER_TEST_DISK_RIG_H

#include "base/log.h"
#include "fake_clock.h"
#include "fs/fs.h"
#include "meta_disk.h"
#include "temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define disk_fn __attribute__((unused)) static

#define BUCKET 77

struct rig {
	char *temp;
	struct fake_clock clock;
	struct fs_config fs;
	struct meta_disk *disk;
	uint64_t size_max;
	uint64_t seq;
};

disk_fn void quiet(void *ctx, enum log_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

disk_fn void start(struct rig *rig)
{
	const struct meta_disk_config config = {
		.dir = rig->temp,
		.size_max = rig->size_max,
		.clock = &rig->clock.clock,
		.fs = &rig->fs,
	};

	assert_int_equal(meta_disk_open(&config, &rig->disk, NULL), 0);
}

disk_fn void stop(struct rig *rig)
{
	meta_disk_close(rig->disk);
	rig->disk = NULL;
}

disk_fn void restart(struct rig *rig)
{
	stop(rig);
	start(rig);
}

disk_fn void rig_init(struct rig *rig)
{
	*rig = (struct rig){
		.fs = {.uid = 1000, .gid = 1001, .file_mode = 0644},
		.size_max = 16 << 20,
	};
	log_to_sink(quiet, NULL);
	fake_clock_init(&rig->clock);
	(void)fake_clock_advance(&rig->clock, NULL, 100000);
	rig->temp = temp_dir_new();
	start(rig);
}

disk_fn void rig_end(struct rig *rig)
{
	stop(rig);
	temp_dir_free(rig->temp);
	log_to_sink(NULL, NULL);
}

/* ---- writing ---- */

disk_fn uint64_t now_ms(const struct rig *rig)
{
	return (uint64_t)rig->clock.wall_ms;
}

disk_fn struct meta_key key_of(const char *path)
{
	return (struct meta_key){BUCKET, path};
}

disk_fn struct meta_record record_of(struct rig *rig, enum meta_kind kind,
                                     const char *etag)
{
	struct meta_record record = {.kind = kind, .asked_ms = now_ms(rig)};

	record.attr.known = ATTR_FROM_LIST | ATTR_FROM_HEAD;
	record.attr.mode = kind == META_DIR ? S_IFDIR | 0750 : S_IFREG | 0600;
	record.attr.uid = 5;
	record.attr.size = strlen(etag);
	record.attr.modified.tv_sec = 1000;
	(void)snprintf(record.attr.etag, sizeof(record.attr.etag), "%s", etag);
	return record;
}

/* A HEAD taught of the name. */
disk_fn void learn(struct rig *rig, const char *path, enum meta_kind kind,
                   const char *etag)
{
	const struct meta_key key = key_of(path);
	const struct meta_record record = record_of(rig, kind, etag);

	meta_disk_learn(rig->disk, ++rig->seq, &key, &record);
	meta_disk_drain(rig->disk);
}

/* The mount itself made the name so; META_UNKNOWN: it knows not how. */
disk_fn void change(struct rig *rig, const char *path, enum meta_kind kind,
                    const char *etag)
{
	const struct meta_key key = key_of(path);
	const struct meta_record record = record_of(rig, kind, etag);

	meta_disk_change(rig->disk, ++rig->seq, &key,
	                 kind == META_UNKNOWN ? NULL : &record);
	meta_disk_drain(rig->disk);
}

disk_fn struct slice slice_of(const char *text)
{
	return (struct slice){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/*
 * A listing of dir showed names (one a blank apart; each file's ETag is its
 * name in quotes) above low up to high (NULL = the end).
 */
disk_fn void list(struct rig *rig, const char *dir, const char *low,
                  const char *high, const char *names)
{
	const struct meta_key key = key_of(dir);
	const struct meta_bounds bounds = {
		.asked_ms = now_ms(rig),
		.low = slice_of(low),
		.high = slice_of(high ? high : ""),
		.to_end = !high,
	};
	struct meta_range_writer writer = {0};
	struct str record = {0};
	char *copy = strdup(names);
	char *rest = copy;

	for (char *name; (name = strsep(&rest, " "));) {
		struct meta_line line = {.name = name, .len = strlen(name)};

		if (line.len == 0)
			continue;
		line.is_dir = name[line.len - 1] == '/';
		line.size = line.len;
		line.modified.tv_sec = 1000;
		(void)snprintf(line.etag, sizeof(line.etag), "\"%s\"", name);
		meta_range_add(&writer, &line);
	}
	meta_range_finish(&writer, &key, &bounds, &record);
	meta_disk_range(rig->disk, ++rig->seq, &key, &bounds, &record);
	meta_disk_drain(rig->disk);
	free(copy);
}

/* ---- reading ---- */

/* "file ETAG UID", "dir UID", "absent", "listed absent" or "unknown". */
disk_fn const char *known(struct rig *rig, const char *path)
{
	static char text[256];
	const struct meta_key key = key_of(path);
	struct meta_found found;

	if (meta_disk_get(rig->disk, &key, &found) < 0)
		return "unknown";
	if (found.kind == META_ABSENT)
		return found.by_range ? "listed absent" : "absent";
	(void)snprintf(text, sizeof(text), "%s%s %u",
	               found.kind == META_DIR ? "dir" : "file ",
	               found.kind == META_DIR ? "" : found.attr.etag,
	               found.attr.uid);
	attr_release(&found.attr);
	return text;
}

/* Names of a page behind low, one a blank apart; then "." if that is all. */
disk_fn const char *page(struct rig *rig, const char *dir, const char *low,
                         uint64_t oldest_ms)
{
	static char text[4096];
	const struct meta_key key = key_of(dir);
	struct meta_page page;
	size_t n = 0;

	text[0] = 0;
	if (meta_disk_page(rig->disk, &key, slice_of(low), oldest_ms, &page) <
	    0)
		return "unknown";
	for (size_t i = 0; i < page.count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ",
		                      page.entries[i].key);
	(void)snprintf(text + n, sizeof(text) - n, "%s",
	               page.complete ? "." : str_text(&page.next));
	meta_page_release(&page);
	return text;
}

#endif
