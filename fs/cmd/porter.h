/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of porter: one row of the table in porter.c each.
 */
#ifndef PORTER_CMD_PORTER_H
#define PORTER_CMD_PORTER_H

/* What porter leaves with: the table in porter(1). */
enum porter_exit {
	PORTER_OK,
	PORTER_FAILED,    /* with a sentence */
	PORTER_USAGE,     /* wrong words */
	PORTER_NOT_FOUND, /* ENOENT */
	PORTER_DENIED,    /* EACCES, EPERM, EROFS */
	PORTER_TRY_AGAIN, /* EAGAIN, EBUSY, ETIMEDOUT */
	PORTER_PARTLY,    /* some objects failed, others did not */
	PORTER_CHANGED,   /* ESTALE: somebody else changed it meanwhile */
	PORTER_TRUNCATED, /* EBADMSG: a dump without its end, a guard */
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

/* cmd_job.c: clone, copy, delete, move, verify, by argv[0] */
int cmd_job(int argc, char **argv);

/* cmd_mount.c */
int cmd_invalidate(int argc, char **argv);
int cmd_jobs(int argc, char **argv);
int cmd_presign(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_sync(int argc, char **argv);
int cmd_umount(int argc, char **argv);

/* cmd_uploads.c */
int cmd_uploads(int argc, char **argv);

#endif
