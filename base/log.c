/* SPDX-License-Identifier: MIT */
/*
 * One line of text per event, made safe and handed to one sink.
 *
 *   format -> cut presigned queries -> escape -> sink
 *
 * Everything lives on the stack, so logging cannot fail for lack of memory; a
 * line that is too long ends in "...".
 */
#include "base/log.h"

#include "base/lock.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <syslog.h>

#define EVENT_MAX 3072 /* bytes of one event as it was logged */
#define TEXT_MAX  4096 /* bytes of one line as it is written */

#define SECRET_MARK "X-Amz-"

/* The default; below. */
static void sink_stderr(void *ctx, enum log_level level, const char *line);

/* The one global of the program. */
static struct {
	atomic_int level; /* enum log_level */
	pthread_mutex_t lock;
	log_sink_fn *sink; /* lock */
	void *ctx;         /* lock */
	char ident[32];    /* lock; openlog() borrows it for good */
} log_state = {
	.level = LOG_LEVEL_INFO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.sink = sink_stderr,
};

/* As people write them in the configuration. */
static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* Write in one piece, so that lines of several processes do not mix. */
static void sink_stderr(void *ctx, enum log_level level, const char *line)
{
	char head[32];

	(void)ctx;
	int n = snprintf(head, sizeof(head),
	                 "porterfs: %s: ", level_names[level]);
	const struct iovec parts[] = {
		{.iov_base = head, .iov_len = (size_t)n},
		{.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
		{.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1},
	};

	/* There is no place to report that reporting failed. */
	if (writev(STDERR_FILENO, parts, 3) < 0)
		return;
}

static void sink_syslog(void *ctx, enum log_level level, const char *line)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	(void)ctx;
	syslog(priorities[level], "%s", line);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_state.level, (int)level,
	                      memory_order_relaxed);
}

void log_to_syslog(const char *ident)
{
	WITH_LOCK(&log_state.lock);

	(void)str_copy(log_state.ident, sizeof(log_state.ident), ident);
	openlog(log_state.ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_state.sink = sink_syslog;
	log_state.ctx = NULL;
}

void log_to_sink(log_sink_fn *sink, void *ctx)
{
	WITH_LOCK(&log_state.lock);

	log_state.sink = sink ? sink : sink_stderr;
	log_state.ctx = ctx;
}

bool log_enabled(enum log_level level)
{
	return (int)level <=
	       atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (unsigned i = 0; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Whether a presigned query starts at text[at]: the mark as it is, or spelt
 * any way right behind a separator of queries.
 */
static bool is_secret(const char *text, size_t at)
{
	if (strncasecmp(text + at, SECRET_MARK, strlen(SECRET_MARK)) != 0)
		return false;

	return str_starts(text + at, SECRET_MARK) ||
	       (at > 0 && strchr("?&;", text[at - 1]));
}

/* How many bytes a query string goes on: up to a blank, quote or bracket. */
static size_t query_length(const char *text)
{
	size_t len = 0;

	while ((unsigned char)text[len] > ' ' && !strchr("\"'<>", text[len]))
		len++;
	return len;
}

/* Whether the character (of n bytes) may be shown as it is. */
static bool is_plain(const char *text, size_t n)
{
	unsigned char c = (unsigned char)text[0];

	if (n == 1)
		return c >= ' ' && c != 0x7f && c != '\\';

	/* U+0080 to U+009F control terminals as well. */
	return n > 1 && !(c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* The escape of one byte; returns its length, without the NUL. */
static size_t escape_byte(char c, char ret[5])
{
	static const char names[][2] = {"\nn", "\tt", "\rr", "\\\\"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (c == names[i][0]) {
			ret[0] = '\\';
			ret[1] = names[i][1];
			return 2;
		}
	}
	(void)snprintf(ret, 5, "\\x%02x", (unsigned char)c);
	return 4;
}

/* The next piece of raw as it may be written; moves *at past it. */
static size_t next_piece(const char *raw, size_t *at, size_t len, char ret[16])
{
	if (is_secret(raw, *at)) {
		*at += query_length(raw + *at);
		memcpy(ret, SECRET_MARK "...", sizeof(SECRET_MARK "..."));
		return strlen(SECRET_MARK "...");
	}

	size_t n = str_utf8_char(raw + *at, len - *at);

	if (is_plain(raw + *at, n)) {
		memcpy(ret, raw + *at, n);
		*at += n;
		return n;
	}
	return escape_byte(raw[(*at)++], ret);
}

/* Make one safe line of raw. */
static void make_line(const char *raw, char line[TEXT_MAX])
{
	size_t len = strlen(raw);
	size_t out = 0;

	for (size_t at = 0; at < len;) {
		char piece[16];
		size_t n = next_piece(raw, &at, len, piece);

		if (out + n > TEXT_MAX - sizeof("...")) {
			memcpy(line + out, "...", 3);
			out += 3;
			break;
		}
		memcpy(line + out, piece, n);
		out += n;
	}
	line[out] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[EVENT_MAX];
	char line[TEXT_MAX];
	int saved = errno;
	va_list args;

	if (!log_enabled(level))
		return;

	va_start(args, fmt);
	int n = vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	if (n < 0)
		(void)str_copy(raw, sizeof(raw), fmt);
	else if ((size_t)n >= sizeof(raw))
		memcpy(raw + sizeof(raw) - 4, "...", 4);

	make_line(raw, line);
	{
		WITH_LOCK(&log_state.lock);
		log_state.sink(log_state.ctx, level, line);
	}
	errno = saved;
}
