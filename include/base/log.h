/* SPDX-License-Identifier: MIT */
/*
 * The log: the one global of the program.
 *
 * One line per event, lower case, names in quotes, values with units, no full
 * stop.  error = we failed someone, warning = we went on, info = once per
 * mount, debug = free.  Libraries log at debug only; whoever decides logs, and
 * logs once.  Every line passes one function that escapes control bytes (so
 * nobody can forge a line) and cuts query strings at "X-Amz-" (so a presigned
 * URL never lands in a log).  Safe on any thread.
 */
#ifndef PORTER_BASE_LOG_H
#define PORTER_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Receives whole lines without the newline; must not log. */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *line);

/*
 * Where lines go.  Default: standard error, "porterfs: LEVEL: line".
 * log_to_syslog() is for the detached daemon; log_to_sink() for tests; NULL
 * brings standard error back.
 */
void log_set_level(enum log_level level);
void log_to_syslog(const char *ident);
void log_to_sink(log_sink_fn *sink, void *ctx);

/* Whether a line of this level would be written: guards costly arguments. */
bool log_enabled(enum log_level level);

/* "error" … "debug" to a level. Returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret);

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                          \
	do {                                                    \
		if (log_enabled(LOG_LEVEL_DEBUG))               \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
