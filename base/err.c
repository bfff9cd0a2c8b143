/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *reterr, int code, const char *fmt, ...)
{
	va_list args;

	if (!reterr)
		return code;

	reterr->code = code;
	va_start(args, fmt);
	(void)vsnprintf(reterr->text, sizeof(reterr->text), fmt, args);
	va_end(args);
	return code;
}

int err_wrap(struct err *reterr, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (!reterr)
		return 0;

	(void)memcpy(text, reterr->text, sizeof(text));
	va_start(args, fmt);
	int n = vsnprintf(reterr->text, sizeof(reterr->text), fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(reterr->text))
		(void)snprintf(reterr->text + n,
		               sizeof(reterr->text) - (size_t)n, ": %s", text);
	return reterr->code;
}

const char *err_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name ? name : "E?";
}
