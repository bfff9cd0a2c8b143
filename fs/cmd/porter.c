/* SPDX-License-Identifier: MIT */
/*
 * porter: looks at and decides about what mounts keep.  Each subcommand has a
 * file of its own and a row here.
 */
#include "porter.h"

#include "daemon.h"

#include <stdio.h>
#include <string.h>

/* All of them, in the order of --help. */
static const struct porter_command commands[] = {
	{"export", "[conn=NAME] [db=A,B] out=BUCKET/KEY|./FILE [WORD]...",
         "dump a database into an object or a file, whole or not at all",
         cmd_export},
	{"import", "BUCKET/KEY|./FILE|- [conn=NAME] [db=A] [WORD]...",
         "load a dump into a database, going on where it was interrupted",
         cmd_import},
	{"clone", "[SRC DST] [key=value]... [--mount DIR | -c FILE ...]",
         "make the target as the source is; alone: primary as source", cmd_job},
	{"copy", "SRC DST [key=value]...", "copy an object or a prefix",
         cmd_job},
	{"move", "SRC DST [key=value]...", "copy, check, remove the source",
         cmd_job},
	{"delete", "PATH [key=value]...", "remove an object or a prefix",
         cmd_job},
	{"verify", "SRC DST [key=value]...", "compare by size and ETag",
         cmd_job},
	{"jobs",
         "[list | wait ID | log ID | cancel ID | pause ID | resume ID | retry "
         "ID | forget ID]",
         "what runs and what ran in a mount", cmd_jobs},
	{"status", "[--json]", "how a mount is", cmd_status},
	{"presign", "get|put PATH [ttl=1h]", "a URL that lets its bearer in",
         cmd_presign},
	{"sync", "[PATH]", "wait until closed files are at their servers",
         cmd_sync},
	{"invalidate", "[PATH] [recursive=1]", "forget cached names",
         cmd_invalidate},
	{"umount", "[DIR]", "wait for what is being written, then unmount",
         cmd_umount},
	{"uploads",
         "[list | publish ID | abort ID] (--mount DIR | --state-dir DIR)",
         "what was not published and waits for a decision", cmd_uploads},
};

static int print_help(FILE *to)
{
	(void)fprintf(to, "usage: porter COMMAND [ARGUMENT]...\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		(void)fprintf(to, "  %s %s\n      %s\n", commands[i].name,
		              commands[i].words, commands[i].help);
	(void)fprintf(to, "\nporter(1) says more.\n");
	return fflush(to) == 0 ? PORTER_OK : PORTER_FAILED;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	daemon_harden();
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		return print_help(stdout);
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
		return puts("porter " PORTERFS_VERSION) >= 0 ? PORTER_OK
		                                             : PORTER_FAILED;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	(void)print_help(stderr);
	return PORTER_USAGE;
}
