/* SPDX-License-Identifier: MIT */
/*
 * See split.h.  One buffer holds the statement being read and what was fed
 * behind it; `scan` walks through it.  Where the next byte decides and is not
 * there yet, the walk stops before the first byte in doubt and goes on there
 * when more was fed: that is why cuts do not matter.
 *
 * The walk through rows is skip(); everything else is rare and plain.
 */
#include "split_inside.h"
#include "split_words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINE_MAX_LEN 1024 /* bytes of a line with DELIMITER */

/* What a step of the walk came to, beside negative errnos. */
enum step {
	STEP_ON,
	STEP_MORE,
	STEP_STATEMENT
};

/* Looking ahead */

/* Whether text stands at offset at: yes, no, or more must be fed to tell. */
enum look {
	LOOK_NO,
	LOOK_YES,
	LOOK_MORE
};

static enum look look(const struct split *s, size_t at, const char *text,
                      size_t len)
{
	size_t there = s->filled - at;
	size_t n = there < len ? there : len;

	if (n > 0 && memcmp(s->buf + at, text, n) != 0)
		return LOOK_NO;
	if (n == len)
		return LOOK_YES;
	return s->ended ? LOOK_NO : LOOK_MORE;
}

/* The same for the beginning of an executable comment; *ret: its length. */
static enum look look_exec(const struct split *s, size_t at, size_t *ret)
{
	enum look mysql = look(s, at, "/*!", 3);
	enum look maria = look(s, at, "/*M!", 4);

	*ret = mysql == LOOK_YES ? 3 : 4;
	return mysql == LOOK_NO ? maria : mysql;
}

/* Walking between statements */

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The walk goes on at scan, where no statement has begun. */
static enum step between_at(struct split *s, size_t scan)
{
	s->start = s->scan = scan;
	return STEP_ON;
}

static enum step enter_comment(struct split *s, enum where where, size_t mark)
{
	if (!s->in_statement) {
		split_pass_lines(s, s->scan);
		s->opened_line = s->line;
	}
	s->where = where;
	s->opened = s->scan;
	s->scan += mark;
	if (!s->in_statement)
		s->start = s->scan;
	return STEP_ON;
}

static enum step begin_statement(struct split *s)
{
	const struct sql_dialect *d = &s->session.dialect;

	split_pass_lines(s, s->scan);
	s->start = s->scan;
	s->where = BODY;
	s->in_statement = true;
	s->exec_depth = 0;
	s->skip.escapes = !d->no_backslash_escapes;
	s->skip.delim = (uint8_t)s->delim[0];
	s->skip.in_string = false;
	s->skip.escaped = false;
	if (d->ansi_quotes)
		s->skip.quote = '\'';
	return STEP_ON;
}

/* "DELIMITER x" was seen: the rest of its line. */
static int new_delimiter(struct split *s, size_t word)
{
	const uint8_t *line = s->buf + s->scan + word;
	size_t there = s->filled - s->scan - word;
	const uint8_t *nl = memchr(line, '\n', there);
	size_t len = nl ? (size_t)(nl - line) : there;

	if (!nl && !s->ended && there < LINE_MAX_LEN)
		return STEP_MORE;

	split_pass_lines(s, s->scan);
	if (len >= LINE_MAX_LEN)
		len = 0; /* no delimiter is that long */
	while (len > 0 && is_blank(line[0])) {
		line++;
		len--;
	}
	size_t n = 0;

	while (n < len && !is_blank(line[n]) && line[n] != '\\')
		n++;
	if (n == 0 || n > DELIMITER_MAX || (n < len && line[n] == '\\'))
		return err_set(&s->err, -EINVAL,
		               "line %" PRIu64 ": DELIMITER needs 1 to %d "
		               "bytes without a backslash",
		               s->line, DELIMITER_MAX);

	memcpy(s->delim, line, n);
	s->delim[n] = '\0';
	s->delim_len = n;
	return between_at(s, nl ? (size_t)(nl + 1 - s->buf) : s->filled);
}

/* The first word of what is no comment. */
static int first_word(struct split *s)
{
	const char *text = (const char *)s->buf + s->scan;
	size_t there = s->filled - s->scan;
	size_t len = split_word_len(text, there);

	if (len == there && len <= SPLIT_WORD_MAX && !s->ended)
		return STEP_MORE;
	if (split_is_delimiter(text, len) && len < there &&
	    is_blank(s->buf[s->scan + len]))
		return new_delimiter(s, len);

	const char *wrong = split_refused(text, len);

	if (wrong) {
		split_pass_lines(s, s->scan);
		return err_set(&s->err, -EINVAL, "line %" PRIu64 ": '%.*s' %s",
		               s->line, (int)len, text, wrong);
	}
	return begin_statement(s);
}

/* A slash between statements. */
static int between_slash(struct split *s)
{
	size_t mark;
	enum look sandbox =
		look(s, s->scan, SPLIT_SANDBOX, strlen(SPLIT_SANDBOX));
	enum look exec = look_exec(s, s->scan, &mark);
	enum look comment = look(s, s->scan, "/*", 2);

	if (sandbox == LOOK_MORE || exec == LOOK_MORE || comment == LOOK_MORE)
		return STEP_MORE;
	if (sandbox == LOOK_NO && exec == LOOK_YES)
		return begin_statement(s);
	if (comment == LOOK_YES)
		return enter_comment(s, BLOCK, 2);
	return begin_statement(s);
}

/* Two dashes are a comment at the beginning, whatever follows. */
static int between_dash(struct split *s)
{
	enum look pg = look(s, s->scan, SPLIT_POSTGRES, strlen(SPLIT_POSTGRES));
	enum look comment = look(s, s->scan, "--", 2);

	if (pg == LOOK_MORE || comment == LOOK_MORE)
		return STEP_MORE;
	if (pg == LOOK_YES && s->number == 0)
		return err_set(&s->err, -EINVAL,
		               "this is a dump of PostgreSQL, which MySQL and "
		               "MariaDB cannot load");
	return comment == LOOK_YES ? enter_comment(s, LINE, 2)
	                           : begin_statement(s);
}

/* A backslash outside of strings: \N is NULL, anything else a command. */
static int backslash(struct split *s)
{
	if (s->scan + 1 == s->filled && !s->ended)
		return STEP_MORE;
	if (s->in_statement && look(s, s->scan, "\\N", 2) == LOOK_YES) {
		s->scan += 2;
		return STEP_ON;
	}

	uint8_t c = s->scan + 1 < s->filled ? s->buf[s->scan + 1] : ' ';

	return err_set(&s->err, -EINVAL,
	               "line %" PRIu64 ": '\\%c' is a command of the mysql "
	               "client, not SQL; it is not run",
	               split_line_of(s, s->scan),
	               c > ' ' && c < 0x7F ? c : ' ');
}

static int between_step(struct split *s)
{
	while (s->scan < s->filled && is_blank(s->buf[s->scan]))
		s->scan++;
	s->start = s->scan;
	if (s->scan == s->filled)
		return STEP_MORE;

	enum look delim = look(s, s->scan, s->delim, s->delim_len);

	if (delim == LOOK_MORE)
		return STEP_MORE;
	if (delim == LOOK_YES)
		return between_at(s, s->scan + s->delim_len);

	switch (s->buf[s->scan]) {
	case '#':
		return enter_comment(s, LINE, 1);
	case '-':
		return between_dash(s);
	case '/':
		return between_slash(s);
	case '\\':
		return backslash(s);
	default:
		return first_word(s);
	}
}

/* Walking in comments and names */

/* A comment has ended, or goes on behind what is there. */
static int leave_comment(struct split *s, const uint8_t *end, size_t undecided)
{
	s->scan = end ? (size_t)(end - s->buf) : s->filled - undecided;
	if (!s->in_statement)
		s->start = s->scan;
	if (!end)
		return STEP_MORE;
	s->where = s->in_statement ? BODY : BETWEEN;
	return STEP_ON;
}

static int line_step(struct split *s)
{
	const uint8_t *p = s->buf + s->scan;
	const uint8_t *nl = memchr(p, '\n', s->filled - s->scan);

	if (!nl && s->ended) /* the end of the text ends it too */
		return leave_comment(s, s->buf + s->filled, 0);
	return leave_comment(s, nl ? nl + 1 : NULL, 0);
}

static int block_step(struct split *s)
{
	const uint8_t *p = s->buf + s->scan;
	size_t there = s->filled - s->scan;
	const uint8_t *end = memmem(p, there, "*/", 2);

	return leave_comment(s, end ? end + 2 : NULL,
	                     there > 0 && p[there - 1] == '*');
}

/* The closing quote of a name where trailing bytes may look like one. */
static int name_by_char(struct split *s)
{
	while (s->scan < s->filled) {
		size_t n = lead_char(s->session.dialect.lead, s->buf + s->scan,
		                     s->filled - s->scan);

		if (n == 0 && !s->ended)
			return STEP_MORE;
		if (s->buf[s->scan] == s->name_quote) {
			s->scan++;
			s->where = BODY;
			return STEP_ON;
		}
		s->scan += n ? n : 1;
	}
	return STEP_MORE;
}

/* A doubled quote closes the name and opens it again. */
static int name_step(struct split *s)
{
	const uint8_t *p = s->buf + s->scan;

	if (s->session.dialect.lead != LEAD_NONE)
		return name_by_char(s);

	const uint8_t *end = memchr(p, s->name_quote, s->filled - s->scan);

	s->scan = end ? (size_t)(end + 1 - s->buf) : s->filled;
	if (!end)
		return STEP_MORE;
	s->where = BODY;
	return STEP_ON;
}

/* Walking in a statement */

/* skip() where trailing bytes may look like quotes, and only there. */
static size_t skip_by_char(struct split *s, const uint8_t *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		struct skip before = s->skip;
		size_t n =
			lead_char(s->session.dialect.lead, text + i, len - i);

		if (s->skip.escaped)
			n = 1; /* the server escapes bytes, not characters */
		if (n == 0 && !s->ended)
			return i;
		if (n > 1) {
			i += n;
			continue;
		}

		size_t one = i + 1 < len ? 2 : 1; /* it looks at the next */
		size_t opened = s->skip.opened;

		s->skip.opened = SIZE_MAX;
		if (skip_scalar(&s->skip, text + i, one) == 0) {
			s->skip.opened = opened;
			return i;
		}
		s->skip = before;
		(void)skip_scalar(&s->skip, text + i, 1);
		if (!before.in_string && s->skip.in_string)
			s->skip.opened = i;
		i++;
	}
	return len;
}

static int emit(struct split *s, struct split_statement *ret)
{
	size_t len = s->scan - s->start;

	if (len > s->statement_max)
		return err_set(&s->err, -EMSGSIZE,
		               "the statement at line %" PRIu64
		               " is longer than "
		               "%zu bytes",
		               s->line, s->statement_max);
	while (len > 0 && is_blank(s->buf[s->start + len - 1]))
		len--;

	*ret = (struct split_statement){
		.text = (const char *)s->buf + s->start,
		.len = len,
		.number = ++s->number,
		.line = s->line,
		.offset = s->base + s->start,
		.end = s->base + s->scan + s->delim_len,
	};
	s->in_statement = false;
	s->where = BETWEEN;
	(void)between_at(s, s->scan + s->delim_len);
	session_track_apply(&s->session, ret->text, ret->len);
	return STEP_STATEMENT;
}

/* A quote that skip() does not run through. */
static int body_quote(struct split *s, uint8_t c)
{
	s->opened = s->scan++;
	if (c == '`' || (c == '"' && s->session.dialect.ansi_quotes)) {
		s->where = NAME;
		s->name_quote = c;
		return STEP_ON;
	}
	s->skip.quote = c; /* this text likes these quotes better */
	s->skip.in_string = true;
	return STEP_ON;
}

static int body_slash(struct split *s)
{
	size_t mark;
	enum look comment = look(s, s->scan, "/*", 2);
	enum look exec = look_exec(s, s->scan, &mark);

	if (comment == LOOK_MORE || exec == LOOK_MORE)
		return STEP_MORE;
	if (comment == LOOK_NO) {
		s->scan++;
		return STEP_ON;
	}
	if (exec == LOOK_NO)
		return enter_comment(s, BLOCK, 2);
	if (s->exec_depth++ == 0)
		s->exec_opened = s->scan;
	s->scan += mark;
	return STEP_ON;
}

static int body_star(struct split *s)
{
	enum look end = look(s, s->scan, "*/", 2);

	if (end == LOOK_MORE)
		return STEP_MORE;
	s->scan += end == LOOK_YES ? 2 : 1;
	if (end == LOOK_YES && s->exec_depth > 0)
		s->exec_depth--;
	return STEP_ON;
}

/* Two dashes are a comment if a blank or control byte follows. */
static int body_dash(struct split *s)
{
	enum look two = look(s, s->scan, "--", 2);

	if (two == LOOK_MORE ||
	    (two == LOOK_YES && s->scan + 2 == s->filled && !s->ended))
		return STEP_MORE;
	if (two == LOOK_YES &&
	    (s->scan + 2 == s->filled || s->buf[s->scan + 2] <= ' '))
		return enter_comment(s, LINE, 2);
	s->scan++;
	return STEP_ON;
}

/* At a stop of skip(). */
static int body_stop(struct split *s, struct split_statement *ret)
{
	uint8_t c = s->buf[s->scan];
	enum look delim = s->exec_depth
	                          ? LOOK_NO
	                          : look(s, s->scan, s->delim, s->delim_len);

	if (delim == LOOK_MORE)
		return STEP_MORE;
	if (delim == LOOK_YES)
		return emit(s, ret);

	switch (c) {
	case '\'':
	case '"':
	case '`':
		return body_quote(s, c);
	case '#':
		return enter_comment(s, LINE, 1);
	case '-':
		return body_dash(s);
	case '/':
		return body_slash(s);
	case '*':
		return body_star(s);
	case '\\':
		return backslash(s);
	default:
		s->scan++; /* looked like the delimiter */
		return STEP_ON;
	}
}

static int body_step(struct split *s, struct split_statement *ret)
{
	const uint8_t *text = s->buf + s->scan;
	size_t len = s->filled - s->scan;

	s->skip.opened = SIZE_MAX;

	size_t n = s->session.dialect.lead == LEAD_NONE
	                   ? s->run(&s->skip, text, len)
	                   : skip_by_char(s, text, len);

	if (s->skip.opened != SIZE_MAX)
		s->opened = s->scan + s->skip.opened;
	s->scan += n;
	if (n == len || s->skip.in_string ||
	    (!s->ended &&
	     lead_char(s->session.dialect.lead, text + n, len - n) == 0))
		return STEP_MORE;
	return body_stop(s, ret);
}

/* All was fed and understood, but it ends inside of something. */
static int cut_off(struct split *s)
{
	const char *what = "statement";
	size_t at = s->start;
	uint64_t line;

	if (s->where == BETWEEN)
		return 0;
	if (s->where == BLOCK || s->where == NAME ||
	    (s->where == BODY && s->skip.in_string)) {
		what = s->where == BLOCK  ? "comment"
		       : s->where == NAME ? "name"
		                          : "string";
		at = s->opened;
	} else if (s->exec_depth > 0) {
		what = "executable comment";
		at = s->exec_opened;
	}
	line = s->in_statement ? split_line_of(s, at) : s->opened_line;
	return err_set(&s->err, -EINVAL,
	               "unterminated %s, opened at line %" PRIu64 ": the text "
	               "ends before it does; it is not run",
	               what, line);
}

int split_next(struct split *s, struct split_statement *ret, struct err *reterr)
{
	int r = s->status < 0 ? s->status : STEP_ON;

	while (r == STEP_ON) {
		switch (s->where) {
		case BETWEEN:
			r = between_step(s);
			break;
		case BODY:
			r = body_step(s, ret);
			break;
		case NAME:
			r = name_step(s);
			break;
		case LINE:
			r = line_step(s);
			break;
		case BLOCK:
		default:
			r = block_step(s);
			break;
		}
	}
	if (r == STEP_MORE && s->broken < 0)
		r = s->broken;
	else if (r == STEP_MORE && s->ended)
		r = cut_off(s);
	else if (r >= 0)
		r = r == STEP_STATEMENT;
	return r < 0 ? split_fail(s, r, reterr) : r;
}
