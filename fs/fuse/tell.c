/* SPDX-License-Identifier: MIT */
#include "tell.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

/* Answers that say how things are, or that nobody waits for any more. */
static const int answers[] = {
	EBADF,  ECANCELED, EEXIST,     EINTR,  EISDIR, ENODATA,
	ENOENT, ENOTDIR,   ENOTEMPTY,  ENXIO,  ELOOP,  ENAMETOOLONG,
	EPERM,  ERANGE,    EOPNOTSUPP, ENOTTY, EROFS,  EXDEV,
};

bool tell_is_failure(int status, const char *text)
{
	if (status >= 0)
		return false;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (status == -answers[i])
			return false;
	/* without a story these two alone are news */
	return *text || status == -EIO || status == -ENOMEM;
}

bool tell_now(struct tell *tell, uint64_t now_ms, const char *text,
              unsigned *ret_left_out)
{
	WITH_LOCK(&tell->lock);
	bool same = strcmp(text, tell->last) == 0 &&
	            now_ms - tell->last_ms < TELL_SAME_MS;

	if (tell->spent_ms < now_ms)
		tell->spent_ms = now_ms;
	if (same || tell->spent_ms - now_ms > (TELL_BURST - 1) * TELL_LINE_MS) {
		tell->left_out++;
		return false;
	}
	tell->spent_ms += TELL_LINE_MS;
	tell->last_ms = now_ms;
	(void)str_copy(tell->last, sizeof(tell->last), text);
	*ret_left_out = tell->left_out;
	tell->left_out = 0;
	return true;
}

void tell_failure(struct tell *tell, int status, const struct err *err)
{
	unsigned left_out;

	if (!tell_is_failure(status, err->text))
		return;

	const char *text = err->text[0] ? err->text : strerrordesc_np(-status);

	if (!tell_now(tell, clock_ms(clock_system()), text, &left_out))
		return;
	if (left_out > 0)
		log_error("%s: %s (%u failures before it were not told)",
		          err_name(status), text, left_out);
	else
		log_error("%s: %s", err_name(status), text);
}
