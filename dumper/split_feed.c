/* SPDX-License-Identifier: MIT */
/*
 * The splitter's buffer, see split_inside.h: text is decoded into it behind
 * what is there, what was given out is let go of, and it grows with a statement
 * and shrinks after it.
 */
#include "split_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BUFFER_MIN  ((size_t)4 << 20)  /* bytes */
#define BUFFER_KEPT ((size_t)16 << 20) /* bytes; a larger one is given back */

int split_new(const struct split_config *config, struct split **ret)
{
	struct split *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;

	s->statement_max = config->statement_max ? config->statement_max
	                                         : SPLIT_STATEMENT_MAX;
	s->run = config->skip ? config->skip : skip_best();
	s->line = 1;
	s->delim[0] = ';';
	s->delim_len = 1;
	s->skip.quote = '\'';
	*ret = s;
	return 0;
}

void split_free(struct split *s)
{
	if (!s)
		return;
	free(s->buf);
	free(s);
}

struct session_track *split_session(struct split *s)
{
	return &s->session;
}

int split_fail(struct split *s, int code, struct err *reterr)
{
	s->status = code;
	if (reterr)
		*reterr = s->err;
	return code;
}

uint64_t split_line_of(const struct split *s, size_t at)
{
	const uint8_t *p = s->buf + s->line_at;
	const uint8_t *end = s->buf + at;
	uint64_t line = s->line;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		line++;
		p++;
	}
	return line;
}

void split_pass_lines(struct split *s, size_t at)
{
	s->line = split_line_of(s, at);
	s->line_at = at;
}

/* Let go of all before the statement. */
static void compact(struct split *s)
{
	size_t gone = s->start;

	if (gone == 0)
		return;

	split_pass_lines(s, s->line_at > gone ? s->line_at : gone);
	memmove(s->buf, s->buf + gone, s->filled - gone);
	s->base += gone;
	s->start = 0;
	s->scan -= gone;
	s->filled -= gone;
	s->line_at -= gone;
	s->opened -= s->opened < gone ? s->opened : gone;
	s->exec_opened -= s->exec_opened < gone ? s->exec_opened : gone;
}

static int resize(struct split *s, size_t cap)
{
	uint8_t *buf = realloc(s->buf, cap);

	if (!buf)
		return -ENOMEM;
	s->buf = buf;
	s->cap = cap;
	return 0;
}

/* Room for len more bytes. */
static int reserve(struct split *s, size_t len)
{
	size_t kept = s->filled - s->start;
	size_t wanted = BUFFER_MIN;

	if (s->cap - s->filled >= len && s->cap <= BUFFER_KEPT)
		return 0;

	compact(s);
	while (wanted < kept + len)
		wanted *= 2;
	if (wanted > s->cap || (s->cap > BUFFER_KEPT && wanted * 4 < s->cap))
		return resize(s, wanted);
	return 0;
}

/* Bytes behind the byte order mark. */
static int take_text(struct split *s, const uint8_t *data, size_t len)
{
	bool plain = s->decode.kind == DECODE_PLAIN;
	int r = reserve(s, plain ? len : 2 * len + 8);

	if (r < 0)
		return err_set(&s->err, r,
		               "no memory for a statement of "
		               "%zu bytes",
		               s->filled - s->start);
	if (len > 0 && plain) {
		memcpy(s->buf + s->filled, data, len);
		s->filled += len;
	} else if (len > 0) {
		size_t n;

		s->broken = decode_utf16(&s->decode, data, len,
		                         s->buf + s->filled, &n, &s->err);
		s->filled += n;
	}
	return 0;
}

/* What kind of text it is, once enough of it is there. */
static int detect(struct split *s)
{
	int r = decode_detect(&s->decode, s->head, s->head_len, &s->err);

	if (r < 0)
		return r;
	s->detected = true;
	if (s->decode.kind == DECODE_PLAIN)
		s->base = s->decode.mark;
	return take_text(s, s->head + s->decode.mark,
	                 s->head_len - s->decode.mark);
}

int split_feed(struct split *s, const void *data, size_t len,
               struct err *reterr)
{
	const uint8_t *p = data;

	if (s->status < 0)
		return split_fail(s, s->status, reterr);
	if (s->in_statement && s->scan - s->start > s->statement_max) {
		(void)err_set(&s->err, -EMSGSIZE,
		              "the statement at line %" PRIu64
		              " is longer than "
		              "%zu bytes",
		              split_line_of(s, s->start), s->statement_max);
		return split_fail(s, -EMSGSIZE, reterr);
	}
	while (!s->detected && len > 0) {
		int r = 0;

		s->head[s->head_len++] = *p++;
		len--;
		if (s->head_len == DECODE_HEAD)
			r = detect(s);
		if (r < 0)
			return split_fail(s, r, reterr);
	}
	if (!s->detected || s->broken < 0)
		return 0;

	int r = take_text(s, p, len);

	return r < 0 ? split_fail(s, r, reterr) : 0;
}

int split_end(struct split *s, struct err *reterr)
{
	int r = 0;

	if (s->status < 0)
		return split_fail(s, s->status, reterr);
	if (!s->detected)
		r = detect(s);
	if (r == 0 && s->broken == 0)
		r = decode_end(&s->decode, &s->err);
	s->ended = true;
	return r < 0 ? split_fail(s, r, reterr) : 0;
}
