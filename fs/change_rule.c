/* SPDX-License-Identifier: MIT */
/* What a planned change makes of attributes (pure). */
#include "change.h"

#include <string.h>
#include <sys/xattr.h>

/* Set or remove one user value. */
static int apply_value(struct attr *attr, const struct change_plan *plan)
{
	bool there = attr_meta_get(attr->meta, plan->name) != NULL;
	struct attr_meta *meta;
	int r;

	if (there && plan->flags & XATTR_CREATE)
		return -EEXIST;
	if (!there && (!plan->value || plan->flags & XATTR_REPLACE))
		return -ENODATA;
	r = attr_meta_set(attr->meta, plan->name, plan->value, &meta);
	if (r < 0)
		return r;
	attr_meta_unref(attr->meta);
	attr->meta = meta;
	return 0;
}

int change_apply(struct attr *attr, const struct change_plan *plan)
{
	if (plan->set & FS_SET_MODE)
		attr->mode = (attr->mode & S_IFMT) | (plan->attr.mode & 07777);
	if (plan->set & FS_SET_UID)
		attr->uid = plan->attr.uid;
	if (plan->set & FS_SET_GID)
		attr->gid = plan->attr.gid;
	if (plan->set & FS_SET_MTIME)
		attr->mtime = plan->attr.mtime;
	return plan->name ? apply_value(attr, plan) : 0;
}

/* Whether two have the same user values. */
static bool same_meta(const struct attr_meta *a, const struct attr_meta *b)
{
	if (attr_meta_count(a) != attr_meta_count(b))
		return false;
	for (size_t i = 0; i < attr_meta_count(a); i++)
		if (strcmp(attr_meta_at(a, i)->name,
		           attr_meta_at(b, i)->name) != 0 ||
		    strcmp(attr_meta_at(a, i)->value,
		           attr_meta_at(b, i)->value) != 0)
			return false;
	return true;
}

bool change_differs(const struct attr *a, const struct attr *b)
{
	return !(a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	         a->mtime.tv_sec == b->mtime.tv_sec &&
	         a->mtime.tv_nsec == b->mtime.tv_nsec &&
	         same_meta(a->meta, b->meta));
}
