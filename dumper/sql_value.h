/* SPDX-License-Identifier: MIT */
/*
 * Values as SQL text that gives back exactly the same value (pure).
 *
 *   SQL_NUMBER   as the server prints it
 *   SQL_FLOAT    the same, but a negative zero gets an exponent: without one it
 *                is an integer and loses its sign
 *   SQL_TEXT     'quoted': NUL, newline, carriage return, backslash, quote and
 *                Ctrl-Z escaped
 *   SQL_BYTES    0xHEX, '' when empty
 *   SQL_CHARSET  text of another charset, selected as bytes: quoted when pure
 *                printable ASCII, else _charset 0xHEX
 *   SQL_ENUM     as SQL_TEXT; the error value, which is no text, is 0
 *
 * Writing is raw memory: sql_value_room() says how much a value may take, and
 * sql_value_write() must have SQL_VALUE_SLACK bytes more.
 */
#ifndef PORTER_DUMPER_SQL_VALUE_H
#define PORTER_DUMPER_SQL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sql_kind {
	SQL_NUMBER,
	SQL_FLOAT,
	SQL_TEXT,
	SQL_BYTES,
	SQL_CHARSET,
	SQL_ENUM,
};

#define SQL_CHARSET_MAX 16 /* bytes of a charset's name with NUL */
#define SQL_VALUE_SLACK 16 /* bytes that may be scribbled behind the end */

struct sql_format {
	enum sql_kind kind;
	char charset[SQL_CHARSET_MAX]; /* SQL_CHARSET */
};

/* Bytes that a value of len bytes (data NULL: NULL) may need, slack left out. */
size_t sql_value_room(const struct sql_format *format, const char *data,
                      size_t len);

/* Write the value; returns the end. is_error: an ENUM's number is 0. */
char *sql_value_write(char *out, const struct sql_format *format,
                      const char *data, size_t len, bool is_error);

/*
 * A value in pieces, for ones too long to be written at once: what stands
 * before the first byte, bytes (any cut), and what stands behind the last.
 * hex is what sql_value_is_hex() says of the whole value.
 */
bool sql_value_is_hex(const struct sql_format *format, const char *data,
                      size_t len);
char *sql_value_begin(char *out, const struct sql_format *format, bool hex);
char *sql_value_piece(char *out, bool hex, const char *data, size_t len);
char *sql_value_end(char *out, bool hex);

/* The escaper alone, and its twin without SIMD, for tests. */
char *sql_escape(char *out, const char *data, size_t len);
char *sql_escape_plain(char *out, const char *data, size_t len);

/* Whether ASCII characters of that charset are ASCII's bytes. */
bool sql_charset_has_ascii(const char *charset);

#endif
