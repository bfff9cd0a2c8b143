/* SPDX-License-Identifier: MIT */
/*
 * XML as S3 uses it: small documents of elements and texts, no attributes
 * (pure; the only door to expat).
 *
 * A document is read to its end or not at all: what is cut, malformed, deeper
 * than XML_DEPTH_MAX, or has a DOCTYPE (and with it entities) is -EPROTO, and
 * whatever the events gathered until then must be thrown away.  Blanks in
 * front of the document are skipped, as a Complete that took minutes begins
 * with them.
 */
#ifndef PORTER_S3_XML_H
#define PORTER_S3_XML_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define XML_DEPTH_MAX 16
#define XML_NAME_MAX  64              /* bytes with the NUL; longer is cut */
#define XML_TEXT_MAX  ((size_t)65536) /* bytes of one element's text */

/* An element that has just ended; borrowed for the call. */
struct xml_element {
	const char *name;   /* without a namespace's prefix */
	const char *parent; /* "" above the root */
	unsigned depth;     /* the root's is 1 */
	const char *text; /* what stood before its end tag, entities resolved */
	size_t len;       /* bytes; there is a NUL behind */
};

struct xml_events {
	/* May be NULL. A negative result ends the parsing with it. */
	int (*begin)(void *data, const char *name, unsigned depth);
	int (*end)(void *data, const struct xml_element *element);

	/*
	 * References to characters that XML does not have (&#x01;) become blanks
	 * instead of -EPROTO.  S3 repeats keys in that form where nobody reads
	 * them; a list must not forgive it.
	 */
	bool forgiving;
};

/*
 * Read len bytes of text.  root: what the first element must be called, NULL =
 * anything.  Returns 0, -EPROTO, -ENOMEM, or what an event returned.
 */
int xml_parse(const char *text, size_t len, const char *root,
              const struct xml_events *events, void *data);

/* Whether XML 1.0 has a way to write these bytes: UTF-8, no control bytes. */
bool xml_can_hold(const char *text, size_t len);

/* "<name>text</name>"; the text must be one that XML can hold. */
void xml_add_element(struct str *out, const char *name, const char *text);

#endif
