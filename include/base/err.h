/* SPDX-License-Identifier: MIT */
/*
 * Errors.
 *
 * Control flow uses the return value: 0 (or a count) on success, a negative
 * errno on failure.  struct err carries the story for people, and only where
 * an errno is too little: S3 replies, configuration lines, SQL states.
 */
#ifndef PORTER_BASE_ERR_H
#define PORTER_BASE_ERR_H

#define ERR_TEXT_MAX 512 /* bytes, with the NUL */

struct err {
	int code;                /* negative errno, 0 = no error */
	char text[ERR_TEXT_MAX]; /* one line, no trailing full stop */
};

/*
 * Describe a failure in *reterr (may be NULL) and return code, so that
 * `return err_set(reterr, -EINVAL, "...")` is the whole error path.  A text
 * that does not fit is cut.
 */
int err_set(struct err *reterr, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Put "context: " in front of the text.  Returns reterr->code, or 0 when
 * reterr is NULL, so only use it where reterr is known to be there.
 */
int err_wrap(struct err *reterr, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "ENOENT" for -ENOENT; "E?" for a number without a name. Static text. */
const char *err_name(int code);

#endif
