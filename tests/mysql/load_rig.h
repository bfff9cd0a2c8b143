/* SPDX-License-Identifier: MIT */
/*
 * Loading texts into the test server A, in a database `lt` of its own.
 */
#ifndef PORTER_TEST_MYSQL_LOAD_RIG_H
#define PORTER_TEST_MYSQL_LOAD_RIG_H

#include "base/str.h"
#include "dumper/load.h"
#include "server.h"

struct load_rig {
	struct db_session *session; /* to look, and to change things */
	struct db_config *db;
	struct load_config config; /* to change before load_rig_run() */
	struct str errors; /* "STMT LINE ERRNO STATE TABLE ROW\n" for each */
	struct str notes;  /* one a line */
	struct load_report report;
	struct err err;
};

/* A fresh, empty database `lt`, the default one of the import. */
void load_rig_init(struct load_rig *rig);
void load_rig_release(struct load_rig *rig);

/* Load len bytes. Returns what load_run() does. */
int load_rig_run_mem(struct load_rig *rig, const void *text, size_t len);
int load_rig_run(struct load_rig *rig, const char *text);

/* All rows of a query: values by ",", rows by ";", NULL as "NULL". */
void load_rig_query(struct load_rig *rig, const char *sql, struct str *ret);
/* The same must be want. */
void load_rig_check(struct load_rig *rig, const char *sql, const char *want);

#endif
