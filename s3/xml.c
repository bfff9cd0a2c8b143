/* SPDX-License-Identifier: MIT */
/*
 * One pass of expat over a whole document.
 *
 * The text of an element is what came since the last tag, which is all that
 * S3's documents need: their elements hold either texts or elements.
 */
#include "xml.h"

#include "utf8.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

/* A document being read. */
struct reader {
	XML_Parser parser;
	const struct xml_events *events;
	void *data;
	const char *root; /* NULL = any */
	unsigned depth;
	char names[XML_DEPTH_MAX + 1][XML_NAME_MAX]; /* [0] is "" */
	struct str text;                             /* since the last tag */
	int status; /* 0 or why the parsing was stopped */
};

/* End the parsing with r, the first time only. */
static void stop(struct reader *reader, int r)
{
	if (reader->status == 0)
		reader->status = r;
	(void)XML_StopParser(reader->parser, XML_FALSE);
}

/* The name without its namespace prefix. */
static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon && colon[1] ? colon + 1 : name;
}

static void on_start(void *data, const XML_Char *name, const XML_Char **atts)
{
	struct reader *reader = data;

	(void)atts;
	if (reader->status < 0)
		return;
	if (reader->depth == XML_DEPTH_MAX) {
		stop(reader, -EPROTO);
		return;
	}

	char *own = reader->names[++reader->depth];

	(void)str_copy(own, XML_NAME_MAX, local_name(name));
	str_reset(&reader->text);
	if (reader->depth == 1 && reader->root &&
	    strcmp(own, reader->root) != 0) {
		stop(reader, -EPROTO);
		return;
	}

	int r = reader->events->begin ? reader->events->begin(reader->data, own,
	                                                      reader->depth)
	                              : 0;

	if (r < 0)
		stop(reader, r);
}

static void on_end(void *data, const XML_Char *name)
{
	struct reader *reader = data;

	(void)name;
	if (reader->status < 0)
		return;
	if (str_status(&reader->text) < 0) {
		stop(reader, -ENOMEM);
		return;
	}

	struct xml_element element = {
		.name = reader->names[reader->depth],
		.parent = reader->names[reader->depth - 1],
		.depth = reader->depth,
		.text = str_text(&reader->text),
		.len = reader->text.len,
	};
	int r = reader->events->end(reader->data, &element);

	reader->depth--;
	str_reset(&reader->text);
	if (r < 0)
		stop(reader, r);
}

static void on_text(void *data, const XML_Char *text, int len)
{
	struct reader *reader = data;

	if (reader->status < 0)
		return;
	if (reader->text.len + (size_t)len > XML_TEXT_MAX) {
		stop(reader, -EPROTO);
		return;
	}
	str_add_mem(&reader->text, text, (size_t)len);
}

/* No entities without a DOCTYPE, and S3 has neither. */
static void on_doctype(void *data, const XML_Char *name, const XML_Char *sysid,
                       const XML_Char *pubid, int has_internal_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal_subset;
	stop(data, -EPROTO);
}

/* Run the parser; its own complaints are -EPROTO but for memory. */
static int run(struct reader *reader, const char *text, size_t len)
{
	enum XML_Status status;

	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);

	status = XML_Parse(reader->parser, text, (int)len, XML_TRUE);
	if (reader->status < 0)
		return reader->status;
	if (status == XML_STATUS_OK)
		return 0;
	return XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY
	               ? -ENOMEM
	               : -EPROTO;
}

/* The Char production of XML 1.0. */
static bool is_xml_char(uint32_t code)
{
	return code == '\t' || code == '\n' || code == '\r' ||
	       (code >= 0x20 && code != 0xfffe && code != 0xffff);
}

/*
 * The length of a reference to a character below U+0020 at text, of which there
 * are len bytes; 0 when there is none, or one that XML has.
 */
static size_t bad_reference(const char *text, size_t len)
{
	bool hex = len > 2 && text[2] == 'x';
	size_t i = hex ? 3 : 2;
	size_t first = i;
	uint32_t code = 0;

	if (len < 4 || text[0] != '&' || text[1] != '#')
		return 0;
	for (; i < len && code < 0x20; i++) {
		const char *digits = "0123456789abcdef";
		const char *at =
			text[i] ? strchr(digits, text[i] | 0x20) : NULL;

		if (!at || at - digits >= (hex ? 16 : 10))
			break;
		code = code * (hex ? 16 : 10) + (uint32_t)(at - digits);
	}
	return i > first && i < len && text[i] == ';' && !is_xml_char(code)
	               ? i + 1
	               : 0;
}

/* A copy with blanks for what XML does not have. */
static void add_forgiven(struct str *out, const char *text, size_t len)
{
	while (len > 0) {
		const char *and = memchr(text, '&', len);
		size_t plain = and? (size_t)(and-text) : len;

		str_add_mem(out, text, plain);
		text += plain;
		len -= plain;

		size_t bad = bad_reference(text, len);

		if (len > 0)
			str_add_char(out, bad ? ' ' : '&');
		text += bad ? bad : len > 0;
		len -= bad ? bad : len > 0;
	}
}

/* Read what begins with no blank. */
static int parse(const char *text, size_t len, struct reader *reader)
{
	if (len == 0 || len > INT_MAX)
		return -EPROTO;

	reader->parser = XML_ParserCreate("UTF-8");
	if (!reader->parser)
		return -ENOMEM;

	int r = run(reader, text, len);

	XML_ParserFree(reader->parser);
	str_release(&reader->text);
	return r;
}

int xml_parse(const char *text, size_t len, const char *root,
              const struct xml_events *events, void *data)
{
	struct reader reader = {.events = events, .data = data, .root = root};
	cleanup(str_release) struct str copy = {0};

	while (len > 0 && (*text == ' ' || *text == '\t' || *text == '\r' ||
	                   *text == '\n')) {
		text++;
		len--;
	}
	if (!events->forgiving)
		return parse(text, len, &reader);

	add_forgiven(&copy, text, len);
	if (str_status(&copy) < 0)
		return -ENOMEM;
	return parse(str_text(&copy), copy.len, &reader);
}

bool xml_can_hold(const char *text, size_t len)
{
	while (len > 0) {
		uint32_t code = 0;
		size_t n = utf8_next(text, len, &code);

		if (n == 0 || !is_xml_char(code))
			return false;
		text += n;
		len -= n;
	}
	return true;
}

/* A character that would not survive as it is: by its number. */
static void add_escaped(struct str *out, char c)
{
	str_addf(out, "&#%u;", (unsigned)(unsigned char)c);
}

void xml_add_element(struct str *out, const char *name, const char *text)
{
	str_addf(out, "<%s>", name);
	while (*text) {
		size_t plain = strcspn(text, "&<>\"'\t\r\n");

		str_add_mem(out, text, plain);
		text += plain;
		if (*text)
			add_escaped(out, *text++);
	}
	str_addf(out, "</%s>", name);
}
