/* SPDX-License-Identifier: MIT */
/*
 * porterfs.conf: the door to inih.
 *
 * inih splits lines into keys and values but keeps quiet about what it cuts
 * off, so the reader below gives it one line after the other and first looks
 * whether inih would take it as it is meant: not too long, no comment behind a
 * value, no continuation, '=' and not ':'.  Section headers are taken here
 * too, as inih tells nothing about a section without keys.
 */
#include "conf_file.h"
#include "conf_values.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES    ((size_t)16 << 10) /* of a line, with newline and NUL */
#define SECTION_MAX_BYTES 49                 /* inih cuts longer names */

/* A file on its way through inih. */
struct ini_source {
	struct conf *conf;
	const char *path;
	const struct conf_file *file;
	struct err *reterr;
	unsigned load;

	const char *at;               /* next line */
	unsigned line;                /* of the last one, from 1 */
	struct conf_section *section; /* of the keys at hand; NULL = none yet */
	bool guard;                   /* or it is [guard] */
	unsigned guard_line;          /* of its header, 0 = none yet */
	int status;                   /* the first failure */
};

/* Stop with a sentence about the line at hand. */
static void __attribute__((format(printf, 2, 3)))
stop(struct ini_source *source, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	source->status = err_set(source->reterr, -EINVAL, "%s:%u: %s",
	                         source->path, source->line, text);
}

/* "FILE:LINE", owned by the caller; NULL without memory. */
static char *place(const struct ini_source *source)
{
	return str_printf("%s:%u", source->path, source->line);
}

static void out_of_memory(struct ini_source *source)
{
	source->status = err_set(source->reterr, -ENOMEM, "%s: out of memory",
	                         source->path);
}

/* ---- sections ---- */

/* Declare a bucket's or connection's section, once per file. */
static void begin_named(struct ini_source *source, enum conf_scope scope,
                        const char *header, const char *name)
{
	struct err err;
	struct conf_section *section;
	bool form = *name || scope != CONF_BUCKET;

	if (!form)
		stop(source,
		     "[%s]: the bucket's directory is missing, write "
		     "[bucket.NAME]",
		     header);
	else if (conf_check_form(CONF_FORM_DIRECTORY, name, &err) < 0)
		stop(source, "[%s]: %s", header, err.text);
	if (source->status < 0)
		return;

	if (conf_section_get(source->conf, scope, name, &section) < 0) {
		out_of_memory(source);
		return;
	}
	if (section->load == source->load) {
		stop(source, "[%s]: the section is there twice, first at %s",
		     header, section->where);
		return;
	}

	free(section->where);
	section->where = place(source);
	if (!section->where)
		out_of_memory(source);
	section->load = source->load;
	source->section = section;
}

static void begin_guard(struct ini_source *source)
{
	if (source->guard_line > 0) {
		stop(source,
		     "[guard]: the section is there twice, first at %s:%u",
		     source->path, source->guard_line);
		return;
	}
	source->guard = true;
	source->guard_line = source->line;
}

/* A header without its brackets. */
static void begin_section(struct ini_source *source, const char *header)
{
	source->section = NULL;
	source->guard = false;

	if (strcmp(header, "general") == 0)
		begin_named(source, CONF_GENERAL, header, "");
	else if (strcmp(header, "guard") == 0)
		begin_guard(source);
	else if (strcmp(header, "mysql") == 0)
		begin_named(source, CONF_CONNECTION, header, "");
	else if (str_starts(header, "mysql."))
		begin_named(source, CONF_CONNECTION, header, header + 6);
	else if (strcmp(header, "bucket") == 0)
		begin_named(source, CONF_BUCKET, header, "");
	else if (str_starts(header, "bucket."))
		begin_named(source, CONF_BUCKET, header, header + 7);
	else
		stop(source,
		     "[%s]: there is no such section, only [general], "
		     "[bucket.NAME], [mysql], [mysql.NAME] and [guard]",
		     header);
}

/* A line that begins with '['. */
static void take_header(struct ini_source *source, const char *line, size_t len)
{
	char header[SECTION_MAX_BYTES + 1] = "";

	if (len < 2 || memchr(line, ']', len) != line + len - 1) {
		stop(source, "a section must be a line '[name]' and nothing "
		             "behind it");
		return;
	}
	if (len - 2 > SECTION_MAX_BYTES) {
		stop(source, "the section's name is longer than %d bytes",
		     SECTION_MAX_BYTES);
		return;
	}
	memcpy(header, line + 1, len - 2);
	header[len - 2] = '\0';
	begin_section(source, header);
}

/* ---- keys ---- */

/* A line "pattern = checker" of [guard]. */
static void take_guard(struct ini_source *source, const char *pattern,
                       const char *checker)
{
	struct conf *conf = source->conf;

	for (size_t i = 0; i < conf->guard_count; i++) {
		if (strcmp(conf->guards[i].pattern, pattern) != 0)
			continue;
		stop(source, "%s: is given twice, first at %s", pattern,
		     conf->guards[i].where);
		return;
	}
	if (!*checker) {
		stop(source,
		     "%s: the checker is missing, such as mysqldump or gzip",
		     pattern);
		return;
	}

	struct conf_guard *grown = reallocarray(
		conf->guards, conf->guard_count + 1, sizeof(*grown));

	if (!grown) {
		out_of_memory(source);
		return;
	}
	conf->guards = grown;

	struct conf_guard *guard = &grown[conf->guard_count++];

	*guard = (struct conf_guard){strdup(pattern), strdup(checker),
	                             place(source)};
	if (!guard->pattern || !guard->checker || !guard->where)
		out_of_memory(source);
}

/* "value" and 'value' are values with quotes: nobody means that. */
static bool is_quoted(const char *value)
{
	size_t len = strlen(value);

	return len > 1 && (value[0] == '"' || value[0] == '\'') &&
	       value[len - 1] == value[0];
}

/* A secret is only taken from a file that nobody else may read. */
static int check_secret(const struct ini_source *source,
                        const struct conf_option *option, const char *value,
                        const struct conf_from *from)
{
	if (!*value || !conf_is_secret(option, value))
		return 0;

	int r = conf_file_private(source->file, source->path, source->reterr);

	if (r < 0 && source->reterr)
		(void)err_wrap(source->reterr, "%s: %s: the file", from->where,
		               from->key);
	return r;
}

/* A line "name = value" of any other section. */
static void take_key(struct ini_source *source, const char *name,
                     const char *value)
{
	const struct conf_option *option =
		conf_find(source->section->scope, name);
	cleanup(freep) char *where = place(source);
	const struct conf_from from = {CONF_FROM_FILE, source->load, where,
	                               name};

	if (!where) {
		out_of_memory(source);
		return;
	}
	if (!option) {
		source->status = conf_unknown_key(source->section->scope, &from,
		                                  source->reterr);
		return;
	}
	if (is_quoted(value)) {
		stop(source,
		     "%s: the value has quotes around it, write it "
		     "without",
		     name);
		return;
	}

	source->status = check_secret(source, option, value, &from);
	if (source->status == 0)
		source->status = conf_put(source->section, option, value, &from,
		                          source->reterr);
}

/* inih's handler. Its section may be cut and is not looked at. */
static int take_line(void *user, const char *section, const char *name,
                     const char *value)
{
	struct ini_source *source = user;

	(void)section;
	if (source->status < 0)
		return 0;

	if (!*name)
		stop(source, "the key before '=' is missing");
	else if (source->guard)
		take_guard(source, name, value);
	else if (source->section)
		take_key(source, name, value);
	else
		stop(source,
		     "%s: stands outside of a section, write "
		     "[general] above it",
		     name);
	return source->status == 0;
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Control bytes, of which tabs and the line's end are none. */
static bool has_control(const char *line, size_t len, unsigned *ret)
{
	for (size_t i = 0; i < len; i++) {
		*ret = (unsigned char)line[i];
		if ((*ret < 0x20 && *ret != '\t') || *ret == 0x7f)
			return true;
	}
	return false;
}

/* Would inih split "key = value" as it is meant? */
static void check_key_line(struct ini_source *source, const char *line,
                           size_t len)
{
	const char *equals = memchr(line, '=', len);
	const char *colon = memchr(line, ':', len);

	if (!equals || (colon && colon < equals)) {
		stop(source, "a line must be 'key = value', '[section]' or "
		             "'# comment'");
		return;
	}

	for (size_t i = 1; i < len; i++) {
		if (!is_blank(line[i - 1]) ||
		    (line[i] != ';' && line[i] != '#'))
			continue;
		stop(source,
		     "%.*s: ' %c' behind a value is neither comment nor "
		     "value, write comments on lines of their own",
		     (int)strcspn(line, " \t="), line, line[i]);
		return;
	}
}

/* Look at one trimmed line before inih gets it. */
static void check_line(struct ini_source *source, const char *line, size_t len)
{
	unsigned byte;

	if (has_control(line, len, &byte))
		stop(source,
		     "has a control byte (0x%02x), the file must be plain text "
		     "in UTF-8",
		     byte);
	else if (len == 0 || line[0] == '#' || line[0] == ';')
		return;
	else if (line[0] == '[')
		take_header(source, line, len);
	else
		check_key_line(source, line, len);
}

/*
 * inih's reader: one line at a time into its buffer of size bytes, which held
 * the line before and is wiped.  Blanks in front go, else inih would take the
 * line for a continuation.
 */
static char *read_line(char *buffer, int size, void *stream)
{
	struct ini_source *source = stream;
	const char *end = source->file->data + source->file->len;

	explicit_bzero(buffer, (size_t)size);
	if (source->status < 0 || source->at == end)
		return NULL;

	const char *line = source->at;
	const char *newline = memchr(line, '\n', (size_t)(end - line));
	const char *stop_at = newline ? newline : end;

	source->at = newline ? newline + 1 : end;
	source->line++;
	if (stop_at > line && stop_at[-1] == '\r')
		stop_at--;
	while (line < stop_at && is_blank(*line))
		line++;
	while (stop_at > line && is_blank(stop_at[-1]))
		stop_at--;

	size_t len = (size_t)(stop_at - line);

	if (len + 2 > (size_t)size)
		stop(source, "the line is longer than %d bytes", size - 2);
	else
		check_line(source, line, len);
	if (source->status < 0)
		return NULL;

	memcpy(buffer, line, len);
	memcpy(buffer + len, "\n", 2);
	return buffer;
}

/*
 * inih's own limit is 200 bytes a line, too short for session tokens.  Where
 * it can be built with a fixed limit only, longer lines are an error.
 */
static void lift_line_limit(void)
{
#ifdef HAVE_INI_LIMITS
	ini_use_stack = false;
	ini_max_line = (int)LINE_MAX_BYTES;
	ini_initial_alloc = (int)LINE_MAX_BYTES;
#endif
}

int conf_load_text(struct conf *conf, const char *path,
                   const struct conf_file *file, struct err *reterr)
{
	struct ini_source source = {
		.conf = conf,
		.path = path,
		.file = file,
		.reterr = reterr,
		.load = ++conf->loads,
		.at = file->data,
	};

	if (file->len >= 3 && memcmp(file->data, "\xef\xbb\xbf", 3) == 0)
		source.at += 3;

	lift_line_limit();

	int r = ini_parse_stream(read_line, &source, take_line, &source);

	if (source.status < 0)
		return source.status;
	if (r == -2)
		return err_set(reterr, -ENOMEM, "%s: out of memory", path);
	if (r != 0)
		return err_set(reterr, -EINVAL,
		               "%s:%d: a line must be 'key = value', "
		               "'[section]' or '# comment'",
		               path, r);
	return 0;
}

int conf_load_file(struct conf *conf, const char *path, struct err *reterr)
{
	cleanup(conf_file_release) struct conf_file file = {0};
	int r = conf_file_read(path, &file, reterr);

	return r < 0 ? r : conf_load_text(conf, path, &file, reterr);
}
