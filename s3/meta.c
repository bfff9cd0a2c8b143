/* SPDX-License-Identifier: MIT */
#include "meta.h"

#include "base/digest.h"
#include "utf8.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define MARK      "%porter:"
#define WORD_HEAD "=?UTF-8?B?"
#define WORD_TAIL "?="

/*
 * Bytes of text in one encoded word: 45 make 60 letters, with head and tail 72
 * of the 75 that RFC 2047 allows.
 */
#define WORD_BYTES 45

/* What a value needs, from least to most. */
enum coding {
	CODING_NONE,
	CODING_WORDS,
	CODING_PERCENT,
};

/* C0, DEL and C1: what no one calls printable. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static enum coding coding_for(const char *value)
{
	size_t len = strlen(value);
	enum coding ret = CODING_NONE;

	if (len > 0 && (value[0] == ' ' || value[len - 1] == ' '))
		ret = CODING_WORDS;
	if (strstr(value, "  ") || strstr(value, "=?"))
		ret = CODING_WORDS;
	if (str_starts(value, MARK))
		ret = CODING_PERCENT;

	while (len > 0) {
		uint32_t code = 0;
		size_t n = utf8_next(value, len, &code);

		if (n == 0 || is_control(code))
			return CODING_PERCENT;
		if (n > 1 && ret == CODING_NONE)
			ret = CODING_WORDS;
		value += n;
		len -= n;
	}
	return ret;
}

/* How many bytes of whole characters fit into one word. */
static size_t word_length(const char *value)
{
	size_t len = strnlen(value, WORD_BYTES);

	/* Never between the bytes of one character. */
	while (len > 0 && ((uint8_t)value[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void add_words(struct str *out, const char *value)
{
	char letters[(WORD_BYTES + 2) / 3 * 4 + 1];

	for (bool first = true; *value; first = false) {
		size_t len = word_length(value);

		digest_base64(value, len, letters);
		str_addf(out, "%s" WORD_HEAD "%s" WORD_TAIL, first ? "" : " ",
		         letters);
		value += len;
	}
}

void meta_encode(const char *value, struct str *ret)
{
	switch (coding_for(value)) {
	case CODING_NONE:
		str_add(ret, value);
		break;
	case CODING_WORDS:
		add_words(ret, value);
		break;
	case CODING_PERCENT:
		str_add(ret, MARK);
		str_add_uri(ret, value, strlen(value), false);
		break;
	}
}

/* ---- reading ---- */

/* An encoded word: =?CHARSET?CODING?TEXT?= */
struct word {
	const char *charset;
	size_t charset_len;
	char coding; /* 'B' or 'Q' */
	const char *text;
	size_t text_len;
	size_t len; /* of it all */
};

/* The encoded word that begins at p; false when none does. */
static bool parse_word(const char *p, struct word *ret)
{
	if (p[0] != '=' || p[1] != '?')
		return false;

	size_t charset = strcspn(p + 2, "?* \t");
	const char *coding = p + 2 + charset;

	/* "*LANG" behind the charset, RFC 2231. */
	if (*coding == '*')
		coding += strcspn(coding, "? \t");
	if (charset == 0 || coding[0] != '?' || coding[1] == '\0' ||
	    coding[2] != '?')
		return false;

	const char *text = coding + 3;
	size_t len = strcspn(text, "? \t");

	if (text[len] != '?' || text[len + 1] != '=')
		return false;
	*ret = (struct word){
		.charset = p + 2,
		.charset_len = charset,
		.coding = (char)(coding[1] & ~0x20), /* either case */
		.text = text,
		.text_len = len,
		.len = (size_t)(text + len + 2 - p),
	};
	return ret->coding == 'B' || ret->coding == 'Q';
}

/* The six bits of a base64 letter, or -1. */
static int base64_bits(char c)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

/* Standard base64; padding may be missing. */
static bool add_base64(struct str *out, const char *text, size_t len)
{
	uint32_t bits = 0;
	unsigned count = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int six = base64_bits(text[i]);

		if (six < 0)
			return false;
		bits = bits << 6 | (uint32_t)six;
		count += 6;
		if (count >= 8) {
			count -= 8;
			str_add_char(out, (char)(bits >> count & 0xff));
		}
	}
	return true;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' ? c | 0x20 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Q: =XX is a byte, _ a blank. */
static bool add_quoted(struct str *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '=') {
			str_add_char(out, text[i] == '_' ? ' ' : text[i]);
			continue;
		}

		int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
		int low = high >= 0 ? hex_value(text[i + 2]) : -1;

		if (low < 0)
			return false;
		str_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

static bool charset_is(const struct word *word, const char *name)
{
	return word->charset_len == strlen(name) &&
	       strncasecmp(word->charset, name, word->charset_len) == 0;
}

/* Latin 1 to UTF-8. */
static void add_latin1(struct str *out, const struct str *bytes)
{
	for (size_t i = 0; i < bytes->len; i++) {
		uint8_t c = (uint8_t)bytes->data[i];

		if (c >= 0x80)
			str_add_char(out, (char)(0xc0 | c >> 6));
		str_add_char(out, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f)));
	}
}

/* One word's text as UTF-8; false when it cannot be read. */
static bool add_word(struct str *out, const struct word *word)
{
	cleanup(str_release) struct str bytes = {0};
	bool ok = word->coding == 'B'
	                  ? add_base64(&bytes, word->text, word->text_len)
	                  : add_quoted(&bytes, word->text, word->text_len);

	if (!ok || memchr(str_text(&bytes), '\0', bytes.len))
		return false;
	if (charset_is(word, "iso-8859-1"))
		add_latin1(out, &bytes);
	else if (charset_is(word, "utf-8") || charset_is(word, "us-ascii"))
		str_add_mem(out, str_text(&bytes), bytes.len);
	else
		return false;
	if (str_status(&bytes) < 0)
		out->status = str_status(&bytes);
	return true;
}

/*
 * Words and what stands between them.  Blanks between two words are none of
 * the text (RFC 2047, section 6.2).
 */
static bool decode_words(const char *value, struct str *ret)
{
	bool after_word = false;

	while (*value) {
		size_t blanks = strspn(value, " \t");
		struct word word;

		if (parse_word(value + blanks, &word)) {
			if (!after_word)
				str_add_mem(ret, value, blanks);
			if (!add_word(ret, &word))
				return false;
			value += blanks + word.len;
			after_word = true;
			continue;
		}

		size_t len = blanks + strcspn(value + blanks, " \t=");

		len += value[len] == '=';
		str_add_mem(ret, value, len);
		value += len;
		after_word = false;
	}
	return true;
}

void meta_decode(const char *value, struct str *ret)
{
	cleanup(str_release) struct str text = {0};
	size_t len = strlen(value);
	bool ok = false;

	if (str_starts(value, MARK))
		ok = str_uri_decode(value + strlen(MARK), len - strlen(MARK),
		                    false, &text) == 0 &&
		     !memchr(str_text(&text), '\0', text.len);
	else if (strstr(value, "=?"))
		ok = decode_words(value, &text);

	if (str_status(&text) < 0)
		ret->status = str_status(&text);
	else if (ok)
		str_add_mem(ret, str_text(&text), text.len);
	else
		str_add(ret, value);
}
