/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *reterr, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX]; /* the arguments may be the text of before */
	va_list args;

	if (!reterr)
		return code;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	reterr->code = code;
	(void)str_copy(reterr->text, sizeof(reterr->text), text);
	return code;
}

int err_wrap(struct err *reterr, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (!reterr)
		return 0;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n + 2 < sizeof(text)) {
		(void)str_copy(text + n, sizeof(text) - (size_t)n, ": ");
		(void)str_copy(text + n + 2, sizeof(text) - (size_t)n - 2,
		               reterr->text);
	}
	(void)str_copy(reterr->text, sizeof(reterr->text), text);
	return reterr->code;
}

const char *err_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name ? name : "E?";
}
