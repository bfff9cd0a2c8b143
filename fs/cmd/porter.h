/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of porter: one row of the table in porter.c each.
 */
#ifndef PORTER_CMD_PORTER_H
#define PORTER_CMD_PORTER_H

/* What porter leaves with: 0 did it, 1 could not (a sentence), 2 wrong words. */
enum porter_exit {
	PORTER_OK,
	PORTER_FAILED,
	PORTER_USAGE,
};

struct porter_command {
	const char *name;
	const char *words; /* behind the name, for --help */
	const char *help;  /* one line */
	/* argv[0] is the name. Returns enum porter_exit. */
	int (*run)(int argc, char **argv);
};

/* cmd_export.c */
int cmd_export(int argc, char **argv);
/* cmd_import.c */
int cmd_import(int argc, char **argv);

/* cmd_uploads.c */
int cmd_uploads(int argc, char **argv);

#endif
