/* SPDX-License-Identifier: MIT */
/* See lead.h. */
#include "lead.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum lead lead_of(const char *charset, size_t len)
{
	static const struct {
		const char *name;
		enum lead lead;
	} names[] = {
		/* those with such characters; all others have none */
		{"big5", LEAD_BIG5},       {"gbk", LEAD_GBK},
		{"sjis", LEAD_SJIS},       {"cp932", LEAD_SJIS},
		{"gb18030", LEAD_GB18030},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == len &&
		    strncasecmp(names[i].name, charset, len) == 0)
			return names[i].lead;
	}
	return LEAD_NONE;
}

static inline bool between(uint8_t c, uint8_t low, uint8_t high)
{
	return c >= low && c <= high;
}

/* Whether c begins a character of two bytes or more. */
static bool is_lead(enum lead lead, uint8_t c)
{
	switch (lead) {
	case LEAD_BIG5:
		return between(c, 0xA1, 0xF9);
	case LEAD_GBK:
	case LEAD_GB18030:
		return between(c, 0x81, 0xFE);
	case LEAD_SJIS:
		return between(c, 0x81, 0x9F) || between(c, 0xE0, 0xFC);
	case LEAD_NONE:
	default:
		return false;
	}
}

/* Whether c ends a character of two bytes. */
static bool is_trail(enum lead lead, uint8_t c)
{
	switch (lead) {
	case LEAD_BIG5:
		return between(c, 0x40, 0x7E) || between(c, 0xA1, 0xFE);
	case LEAD_GBK:
	case LEAD_GB18030:
		return between(c, 0x40, 0x7E) || between(c, 0x80, 0xFE);
	case LEAD_SJIS:
		return between(c, 0x40, 0x7E) || between(c, 0x80, 0xFC);
	case LEAD_NONE:
	default:
		return false;
	}
}

size_t lead_char(enum lead lead, const uint8_t *text, size_t len)
{
	if (!is_lead(lead, text[0]))
		return 1;
	if (len < 2)
		return 0;
	if (is_trail(lead, text[1]))
		return 2;
	if (lead != LEAD_GB18030 || !between(text[1], '0', '9'))
		return 1;
	if (len < 4)
		return 0;
	return between(text[2], 0x81, 0xFE) && between(text[3], '0', '9') ? 4
	                                                                  : 1;
}
