/* SPDX-License-Identifier: MIT */
/*
 * What SET statements change about how the text behind them is read:
 * NO_BACKSLASH_ESCAPES and ANSI_QUOTES of sql_mode, and character_set_client.
 *
 * Dumps keep old values in user variables and put them back (SET
 * @OLD_SQL_MODE=@@SQL_MODE ... SET SQL_MODE=@OLD_SQL_MODE); those are followed.
 * What only the server can know (DEFAULT, an expression, a variable set
 * elsewhere) leaves `unsure` behind: ask the server and say so with
 * session_track_tell().  Pure.
 */
#ifndef PORTER_DUMPER_SESSION_TRACK_H
#define PORTER_DUMPER_SESSION_TRACK_H

#include "sql_token.h"

#define TRACK_SAVED    24 /* user variables that are followed */
#define TRACK_NAME_MAX 64 /* bytes of a variable's name, with NUL */

/* A user variable that holds a mode or a character set. */
struct track_saved {
	char name[TRACK_NAME_MAX];
	bool is_mode;               /* else a character set */
	struct sql_dialect dialect; /* the part that is_mode says */
	bool unsure;
};

struct session_track {
	struct sql_dialect dialect;
	bool unsure; /* sql_mode or character set is only guessed */
	struct track_saved saved[TRACK_SAVED];
	size_t saved_count;
};

/* A zeroed struct is a session with MySQL's defaults. */

/* Follow one statement; any other than SET changes nothing. */
void session_track_apply(struct session_track *track, const char *text,
                         size_t len);

/* The server's own word: sql_mode as it prints it, and the charset's name. */
void session_track_tell(struct session_track *track, const char *sql_mode,
                        const char *charset);

#endif
