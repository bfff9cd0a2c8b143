/* SPDX-License-Identifier: MIT */
/*
 * Character sets whose characters may hold a quote or a backslash as their
 * second byte: big5, gbk, sjis, cp932 and gb18030.  In all others MySQL knows,
 * bytes below 0x80 are always themselves.
 */
#ifndef PORTER_DUMPER_LEAD_H
#define PORTER_DUMPER_LEAD_H

#include <stddef.h>
#include <stdint.h>

enum lead {
	LEAD_NONE, /* bytes below 0x80 are themselves */
	LEAD_BIG5,
	LEAD_GBK,
	LEAD_SJIS, /* cp932 too */
	LEAD_GB18030,
};

/* Of a character set's name of len bytes, any case. */
enum lead lead_of(const char *charset, size_t len);

/*
 * How many bytes the character at text takes: 1 for a single byte and for one
 * that is no character; 0 when it takes more bytes than len to tell.
 */
size_t lead_char(enum lead lead, const uint8_t *text, size_t len);

#endif
