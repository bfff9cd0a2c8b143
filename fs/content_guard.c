/* SPDX-License-Identifier: MIT */
/*
 * Guards of files being written: which file has one, what it is shown, and
 * whether the file may be published.
 *
 * A guard goes with an upload: it belongs to the name that the file has when
 * the upload is made, and sees every byte that is appended, in order.  A file
 * that is one whole stored object (a copy) was judged when that was published.
 */
#include "content_state.h"
#include "guard.h"

#include <string.h>

struct guarded {
	char *pattern;
	struct guard_rule rule;
};

struct guards {
	struct guarded *list;
	size_t count;
};

void content_guards_free(struct guards *guards)
{
	if (!guards)
		return;
	for (size_t i = 0; i < guards->count; i++)
		free(guards->list[i].pattern);
	free(guards->list);
	free(guards);
}

int content_guards_new(const struct fs_config *config, struct guards **ret,
                       struct err *reterr)
{
	struct guards *guards = calloc(1, sizeof(*guards));
	int r = 0;

	if (!guards)
		return -ENOMEM;
	guards->list = calloc(config->guard_count + 1, sizeof(*guards->list));
	if (!guards->list)
		r = -ENOMEM;
	for (size_t i = 0; i < config->guard_count && r == 0; i++) {
		const struct fs_guard *from = &config->guards[i];
		struct guarded *to = &guards->list[guards->count];

		r = guard_rule_parse(from->checks, &to->rule, reterr);
		if (r < 0)
			(void)err_wrap(reterr, "[guard] %s", from->pattern);
		to->pattern = r == 0 ? strdup(from->pattern) : NULL;
		if (r == 0 && !to->pattern)
			r = -ENOMEM;
		guards->count += r == 0;
	}
	if (r < 0)
		content_guards_free(guards);
	else
		*ret = guards;
	return r;
}

/* All that the file must satisfy; false: nothing. */
static bool rule_of(struct inode *inode, struct guard_rule *ret)
{
	const struct guards *guards = inode->bucket->fs->contents->guards;
	bool any = false;

	*ret = (struct guard_rule){0};
	if (guards->count == 0)
		return false;

	WITH_LOCK(&inode->lock);
	for (size_t i = 0; i < guards->count; i++) {
		const struct guarded *guarded = &guards->list[i];

		if (!guard_matches(guarded->pattern, inode->bucket->name,
		                   inode->key))
			continue;
		any = true;
		ret->checks |= guarded->rule.checks;
		if (guarded->rule.min_ratio > ret->min_ratio)
			ret->min_ratio = guarded->rule.min_ratio;
	}
	return any;
}

int content_guard_new(struct content *content, struct guard **ret)
{
	struct guard_rule rule;

	*ret = NULL;
	return rule_of(content->inode, &rule) ? guard_new(&rule, ret) : 0;
}

void content_guard_see(struct content *content, const struct slice *data)
{
	struct upload *up;

	if (content->all->guards->count == 0)
		return;
	{
		WITH_LOCK(&content->lock);
		up = content->up;
		if (up)
			upload_hold(up);
	}
	if (!up)
		return;
	content_guard_feed(up, data);
	upload_let_go(up);
}

int content_guard_judge(struct content *content, struct upload *up,
                        struct err *reterr)
{
	struct inode *inode = content->inode;
	struct guard *guard = content_guard(up);
	uint64_t previous = 0;
	int r;

	if (!guard)
		return 0;
	{
		WITH_LOCK(&inode->lock);
		if (inode->extra)
			previous = inode->extra->stored.size;
	}
	r = guard_end(guard, previous, reterr);
	if (r < 0)
		(void)err_wrap(reterr, "not published, its [guard] says");
	return r;
}
