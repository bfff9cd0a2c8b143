/* SPDX-License-Identifier: MIT */
#include "load_rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static void note_error(void *ctx, const struct load_error *e)
{
	struct load_rig *rig = ctx;

	str_addf(&rig->errors, "%" PRIu64 " %" PRIu64 " %u %s %s %" PRIu64 "\n",
	         e->statement, e->line, e->number, e->sqlstate, e->table,
	         e->row);
}

static void note_note(void *ctx, const char *sentence)
{
	struct load_rig *rig = ctx;

	str_addf(&rig->notes, "%s\n", sentence);
}

void load_rig_init(struct load_rig *rig)
{
	*rig = (struct load_rig){.session = server_open("TEST_MYSQL_A")};
	server_run(rig->session, "DROP DATABASE IF EXISTS lt",
	           "DROP DATABASE IF EXISTS porter_import",
	           "CREATE DATABASE lt", "USE lt", NULL);
	rig->db = server_config("TEST_MYSQL_A", NULL, NULL);
	assert_int_equal(db_config_set(rig->db, "database", "lt", NULL), 0);
	rig->config.db = rig->db;
	rig->config.error = note_error;
	rig->config.note = note_note;
	rig->config.ctx = rig;
}

void load_rig_release(struct load_rig *rig)
{
	server_run(rig->session, "DROP DATABASE IF EXISTS lt", NULL);
	db_close(rig->session);
	db_config_free(rig->db);
	str_release(&rig->errors);
	str_release(&rig->notes);
}

int load_rig_run_mem(struct load_rig *rig, const void *text, size_t len)
{
	cleanup(load_source_freep) struct load_source *source = NULL;
	cleanup(closep) int fd = memfd_create("dump", MFD_CLOEXEC);
	char path[32];

	assert_true(fd >= 0);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)text + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(load_source_file(path, &source, &rig->err), 0);
	/* the same text is the same source, whenever its file was made */
	(void)snprintf(source->version, sizeof(source->version), "%zu", len);

	str_reset(&rig->errors);
	str_reset(&rig->notes);
	rig->err = (struct err){0};
	rig->config.source = source;
	return load_run(&rig->config, &rig->report, &rig->err);
}

int load_rig_run(struct load_rig *rig, const char *text)
{
	return load_rig_run_mem(rig, text, strlen(text));
}

void load_rig_query(struct load_rig *rig, const char *sql, struct str *ret)
{
	struct err err = {0};
	struct db_row row;
	int r = db_query(rig->session, sql, &err);

	while (r == 0 && (r = db_next(rig->session, &row, &err)) == 1) {
		for (unsigned i = 0; i < row.count; i++) {
			str_add(ret, i ? "," : "");
			if (row.values[i])
				str_add_mem(ret, row.values[i], row.lengths[i]);
			else
				str_add(ret, "NULL");
		}
		str_add(ret, ";");
		r = 0;
	}
	if (r < 0)
		fail_msg("%s: %s", sql, err.text);
}

void load_rig_check(struct load_rig *rig, const char *sql, const char *want)
{
	cleanup(str_release) struct str got = {0};

	load_rig_query(rig, sql, &got);
	assert_string_equal(str_text(&got), want);
}
