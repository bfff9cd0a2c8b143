/* SPDX-License-Identifier: MIT */
/*
 * The command line of porterfs and mount.porterfs, and the configuration that
 * it leads to.
 */
#ifndef PORTER_CMD_OPTIONS_H
#define PORTER_CMD_OPTIONS_H

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum options_action {
	OPTIONS_MOUNT,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_PRINT_CONFIG,
	OPTIONS_CHECK, /* mount.porterfs -f: everything was right, do nothing */
};

struct options {
	enum options_action action;
	bool foreground;      /* -f */
	bool debug;           /* -d: log = debug, and -f */
	bool usage_error;     /* the failure is a word of the command line */
	char *mountpoint;     /* owned, absolute; NULL: none was needed */
	char *source;         /* owned; what /proc/mounts shows */
	char *config_file;    /* owned; the one that was loaded, or NULL */
	char *kernel_options; /* owned: "ro,noexec" for the kernel, or NULL */
	struct conf *conf;    /* owned; from every source, and checked (but for
	                      OPTIONS_PRINT_CONFIG, where all may be missing) */
};

/*
 * Parse argv, which is permuted (argv[0]'s last component "mount.porterfs" means mount(8)'s form:
 * SOURCE DIR [-sfnv] [-o options]), load every source and check.  environment
 * is environ-style; secrets are overwritten and taken out of it once read.
 * For -h and -V nothing is loaded.
 *
 * Returns 0, or a negative errno with a sentence: ret->usage_error tells a wrong
 * word (exit status 2) from a configuration that cannot be (1).  ret must be
 * released in both cases.  Not thread safe (getopt).
 */
int options_parse(int argc, char **argv, char **environment,
                  struct options *ret, struct err *reterr);
/* The text of --help. */
void options_help(struct str *ret);

void options_release(struct options *options);

#endif
