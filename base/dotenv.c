/* SPDX-License-Identifier: MIT */
/*
 * One pass over the text, one character at a time: a name, '=', and a value in
 * one of three states (unquoted, single or double quotes).  Finished values
 * are kept for ${NAME} further down; everything that held a value is wiped.
 */
#include "base/dotenv.h"

#include "base/str.h"
#include "conf_file.h"

#include <stdbool.h>
#include <string.h>

/* A name that is defined, for ${NAME}. */
struct variable {
	char *name;  /* owned */
	char *value; /* owned, wiped; "" for a line without '=' */
};

struct parser {
	const char *path; /* for messages */
	const char *at;   /* next byte */
	const char *end;
	unsigned line; /* of at */

	/* The entry at hand. */
	unsigned entry_line;
	struct str name;
	struct str value;      /* never grows beyond what was reserved */
	struct str unresolved; /* first ${NAME} without a definition */

	struct variable *variables; /* owned */
	size_t count;
	size_t cap;
};

static void wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void parser_release(struct parser *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->variables[i].name);
		wipe_free(p->variables[i].value);
	}
	free(p->variables);

	if (p->value.data)
		explicit_bzero(p->value.data, p->value.cap);
	str_release(&p->value);
	str_release(&p->name);
	str_release(&p->unresolved);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool at_end(const struct parser *p)
{
	return p->at == p->end;
}

static void skip_blanks(struct parser *p)
{
	while (!at_end(p) && is_blank(*p->at))
		p->at++;
}

/* Up to the newline, which stays. */
static void skip_line(struct parser *p)
{
	while (!at_end(p) && *p->at != '\n')
		p->at++;
}

/* Say what is wrong with the entry at hand. Returns -EINVAL. */
static int bad_entry(const struct parser *p, const char *what,
                     struct err *reterr)
{
	return err_set(reterr, -EINVAL, "%s:%u: %s: %s", p->path, p->entry_line,
	               str_text(&p->name), what);
}

/* Memory ran out. Returns -ENOMEM. */
static int no_memory(const struct parser *p, struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "%s:%u: out of memory", p->path,
	               p->line);
}

/* The value of name: the environment's, else the file's so far, or NULL. */
static const char *lookup(const struct parser *p, const char *name)
{
	const char *value = getenv(name);

	for (size_t i = p->count; !value && i > 0; i--)
		if (strcmp(p->variables[i - 1].name, name) == 0)
			value = p->variables[i - 1].value;
	return value;
}

/* Add bytes to the value, which has a limit. */
static int add(struct parser *p, const char *data, size_t len,
               struct err *reterr)
{
	if (p->value.len + len > DOTENV_VALUE_MAX)
		return bad_entry(p, "the value is longer than 16K", reterr);

	str_add_mem(&p->value, data, len);
	return 0;
}

/*
 * At a '$': put in the value of ${NAME}, or the dollar when it begins none of
 * these.
 */
static int add_variable(struct parser *p, struct err *reterr)
{
	const char *name = p->at + 2;
	const char *stop = name;

	if (p->end - p->at < 2 || p->at[1] != '{')
		return add(p, p->at++, 1, reterr);
	while (stop < p->end && is_name_char(*stop))
		stop++;
	if (stop == name || stop == p->end || *stop != '}')
		return add(p, p->at++, 1, reterr);

	cleanup(str_release) struct str wanted = {0};

	str_add_mem(&wanted, name, (size_t)(stop - name));
	if (str_status(&wanted) < 0)
		return no_memory(p, reterr);

	const char *value = lookup(p, str_text(&wanted));
	const char *start = p->at;

	p->at = stop + 1;
	if (value)
		return add(p, value, strlen(value), reterr);

	if (p->unresolved.len == 0)
		str_add(&p->unresolved, str_text(&wanted));
	return add(p, start, (size_t)(p->at - start), reterr);
}

/* Behind a backslash in double quotes. */
static int add_escape(struct parser *p, struct err *reterr)
{
	static const char from[] = "\\\"$fnrtv";
	static const char to[] = "\\\"$\f\n\r\t\v";
	const char *found =
		at_end(p) || *p->at == '\0' ? NULL : strchr(from, *p->at);

	if (!found)
		return bad_entry(p,
		                 "a backslash in double quotes must be "
		                 "followed by one of \\ \" $ f n r t v",
		                 reterr);
	p->at++;
	return add(p, &to[found - from], 1, reterr);
}

/* After a value: blanks and a comment, nothing else. */
static int end_of_value(struct parser *p, const char *complaint,
                        struct err *reterr)
{
	skip_blanks(p);
	if (!at_end(p) && *p->at != '\n' && *p->at != '#')
		return bad_entry(p, complaint, reterr);
	skip_line(p);
	return 0;
}

/* Behind the quote, up to the next one. */
static int parse_quoted(struct parser *p, char quote, struct err *reterr)
{
	while (!at_end(p) && *p->at != quote) {
		int r;

		if (*p->at == '\n' && quote == '\'')
			break;
		if (*p->at == '\n')
			p->line++;

		if (quote == '"' && *p->at == '\\') {
			p->at++;
			r = add_escape(p, reterr);
		} else if (quote == '"' && *p->at == '$') {
			r = add_variable(p, reterr);
		} else {
			r = add(p, p->at++, 1, reterr);
		}
		if (r < 0)
			return r;
	}

	if (at_end(p) || *p->at != quote)
		return bad_entry(p,
		                 "the quote that begins the value is never "
		                 "closed",
		                 reterr);
	p->at++;
	return end_of_value(p, "only a comment may follow the closing quote",
	                    reterr);
}

/* Up to a blank, a '#' or the line's end. */
static int parse_unquoted(struct parser *p, struct err *reterr)
{
	while (!at_end(p) && *p->at != '\n' && *p->at != '#' &&
	       !is_blank(*p->at)) {
		int r = *p->at == '$' ? add_variable(p, reterr)
		                      : add(p, p->at++, 1, reterr);

		if (r < 0)
			return r;
	}
	return end_of_value(p, "a value with blanks needs quotes", reterr);
}

static int parse_value(struct parser *p, struct err *reterr)
{
	skip_blanks(p);
	if (at_end(p) || (*p->at != '"' && *p->at != '\''))
		return parse_unquoted(p, reterr);

	char quote = *p->at++;

	return parse_quoted(p, quote, reterr);
}

/* The name between start and stop, without "export" and quotes. */
static int parse_name(struct parser *p, const char *start, const char *stop,
                      struct err *reterr)
{
	while (stop > start && is_blank(stop[-1]))
		stop--;

	if (stop - start > 7 && memcmp(start, "export", 6) == 0 &&
	    is_blank(start[6]))
		for (start += 6; is_blank(*start); start++)
			;
	if (stop - start > 2 && (*start == '"' || *start == '\'') &&
	    stop[-1] == *start) {
		start++;
		stop--;
	}

	for (const char *c = start; c < stop; c++)
		if (!is_name_char(*c))
			start = stop; /* no name; it may be a secret gone astray */
	if (start == stop)
		return err_set(reterr, -EINVAL,
		               "%s:%u: a line must be NAME=value with a name "
		               "of letters, digits, '_' and '.'",
		               p->path, p->line);

	str_reset(&p->name);
	str_add_mem(&p->name, start, (size_t)(stop - start));
	return 0;
}

/* Remember the entry at hand for ${NAME}. Returns 0 or -ENOMEM. */
static int remember(struct parser *p)
{
	if (p->count == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 32;
		struct variable *grown =
			reallocarray(p->variables, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->variables = grown;
		p->cap = cap;
	}

	char *name = strdup(str_text(&p->name));
	char *value = strdup(str_text(&p->value));

	if (!name || !value) {
		free(name);
		wipe_free(value);
		return -ENOMEM;
	}
	p->variables[p->count++] = (struct variable){name, value};
	return 0;
}

/* At the first byte of a name: one entry, up to its newline. */
static int parse_entry(struct parser *p, struct dotenv_entry *ret,
                       struct err *reterr)
{
	const char *start = p->at;

	while (!at_end(p) && *p->at != '\n' && *p->at != '=')
		p->at++;

	int r = parse_name(p, start, p->at, reterr);

	if (r < 0)
		return r;

	bool has_value = !at_end(p) && *p->at == '=';

	p->entry_line = p->line;
	str_reset(&p->value);
	str_reset(&p->unresolved);
	if (has_value) {
		p->at++;
		r = parse_value(p, reterr);
	}
	if (r < 0)
		return r;
	if (str_status(&p->name) < 0 || str_status(&p->unresolved) < 0 ||
	    remember(p) < 0)
		return no_memory(p, reterr);

	*ret = (struct dotenv_entry){
		.name = str_text(&p->name),
		.value = has_value ? str_text(&p->value) : NULL,
		.line = p->entry_line,
		.unresolved =
			p->unresolved.len > 0 ? str_text(&p->unresolved) : NULL,
	};
	return 0;
}

/* Entry after entry until the end or until somebody objects. */
static int parse_all(struct parser *p, dotenv_fn *fn, void *ctx,
                     struct err *reterr)
{
	for (;;) {
		struct dotenv_entry entry;

		skip_blanks(p);
		if (at_end(p))
			return 0;
		if (*p->at == '#')
			skip_line(p);
		if (!at_end(p) && *p->at == '\n') {
			p->at++;
			p->line++;
			continue;
		}
		if (at_end(p))
			return 0;

		int r = parse_entry(p, &entry, reterr);

		if (r == 0)
			r = fn(ctx, &entry, reterr);
		if (r != 0)
			return r;
	}
}

/* The line of the first NUL byte, or 0. */
static unsigned line_of_nul(const char *text, size_t len)
{
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	unsigned line = 1;

	if (!nul)
		return 0;
	for (const char *c = text; c < nul; c++)
		line += *c == '\n';
	return line;
}

int dotenv_parse(const char *path, const char *text, size_t len, dotenv_fn *fn,
                 void *ctx, struct err *reterr)
{
	cleanup(parser_release) struct parser p = {
		.path = path,
		.at = text,
		.end = text + len,
		.line = 1,
	};
	unsigned nul = line_of_nul(text, len);

	if (nul > 0)
		return err_set(reterr, -EINVAL,
		               "%s:%u: has a NUL byte, it must be plain text "
		               "in UTF-8",
		               path, nul);
	if (len > DOTENV_FILE_MAX)
		return err_set(reterr, -E2BIG, "%s: is larger than 1M", path);
	if (str_reserve(&p.value, DOTENV_VALUE_MAX) < 0)
		return err_set(reterr, -ENOMEM, "%s: out of memory", path);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p.at += 3;

	return parse_all(&p, fn, ctx, reterr);
}

int dotenv_read(const char *path, dotenv_fn *fn, void *ctx, struct err *reterr)
{
	cleanup(conf_file_release) struct conf_file file = {0};
	int r = conf_file_read(path, &file, reterr);

	if (r < 0)
		return r;

	r = conf_file_private(&file, path, reterr);
	if (r < 0) {
		if (reterr)
			(void)err_wrap(reterr, "%s", path);
		return r;
	}
	return dotenv_parse(path, file.data, file.len, fn, ctx, reterr);
}
