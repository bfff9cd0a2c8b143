/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: user.NAME is x-amz-meta-NAME, names in lower case.
 *
 * user.porter.etag and user.porter.state can be read, but are not listed, so
 * that copying tools leave them alone.  What the kernel and its tools ask
 * about all the time (security.*, POSIX ACLs) is answered without a look.
 */
#include "base/lock.h"
#include "base/str.h"
#include "call.h"
#include "change.h"
#include "content.h"
#include "inode.h"
#include "lookup.h"

#include <ctype.h>
#include <string.h>
#include <sys/xattr.h>

#define USER   "user."
#define PORTER "user.porter."

/* What a header's name may have beside letters and digits (RFC 9110, token). */
#define TOKEN_MARKS "!#$%&'*+-.^_`|~"

/* Answer with bytes. */
static void answer_bytes(struct fs_call *call, const char *data, size_t len)
{
	struct slice slice;

	slice.data = (uint8_t *)strndup(data, len);
	slice.len = len;
	if (!slice.data && len > 0) {
		call_answer(call, -ENOMEM);
		return;
	}
	call->data = (struct chain){&slice, 1};
	call_answer(call, 0);
	free(slice.data);
}

/* The metadata name of a user attribute, lower case; -EOPNOTSUPP: none. */
static int meta_name_of(const char *name, char **ret)
{
	const char *rest = name + strlen(USER);
	char *lower;

	if (!str_starts(name, USER) || !rest[0])
		return -EOPNOTSUPP;
	lower = strdup(rest);
	if (!lower)
		return -ENOMEM;
	for (char *at = lower; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c >= 128 || (!isalnum(c) && !strchr(TOKEN_MARKS, c))) {
			free(lower);
			return -EOPNOTSUPP;
		}
		*at = (char)tolower(c);
	}
	*ret = lower;
	return 0;
}

/*
 * Errno of reading an attribute that is not user's; 0 = it is.  ls -l asks for
 * two others of each file, unless it has heard once that there are none.
 */
static int refuse_read(const char *name)
{
	return str_starts(name, USER) ? 0 : -EOPNOTSUPP;
}

/* What user.porter.state says. */
static const char *state_of(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	if (inode->unlinked)
		return "unlinked";
	return inode->local ? "writing" : "committed";
}

/* user.porter.*; inode->lock is not held. */
static void answer_porter(struct fs_call *call, struct inode *inode,
                          const char *name)
{
	char etag[STORE_ETAG_MAX];
	const char *state;

	(void)pthread_mutex_lock(&inode->lock);
	memcpy(etag, inode->attr.etag, sizeof(etag));
	(void)pthread_mutex_unlock(&inode->lock);
	if (strcmp(name, PORTER "etag") == 0 && etag[0]) {
		answer_bytes(call, etag, strlen(etag));
	} else if (strcmp(name, PORTER "state") == 0) {
		state = state_of(inode);
		answer_bytes(call, state, strlen(state));
	} else {
		call_answer(call, -ENODATA);
	}
}

/* The inode is known: answer GETXATTR. */
static void get_then(struct fs_call *call, struct inode *inode,
                     const char *name)
{
	cleanup(freep) char *key = NULL;
	cleanup(attr_meta_unrefp) struct attr_meta *meta = NULL;
	const char *value = NULL;

	if (str_starts(name, PORTER)) {
		answer_porter(call, inode, name);
		return;
	}
	(void)pthread_mutex_lock(&inode->lock);
	meta = attr_meta_ref(inode->attr.meta);
	(void)pthread_mutex_unlock(&inode->lock);
	if (meta_name_of(name, &key) == 0 && !attr_meta_reserved(key))
		value = attr_meta_get(meta, key);
	if (value)
		answer_bytes(call, value, strlen(value));
	else
		call_answer(call, -ENODATA);
}

/* Whether the inode can have attributes of users at all. */
static bool has_attributes(const struct inode *inode)
{
	return inode->kind != INODE_ROOT && inode->kind != INODE_BUCKET;
}

void fs_getxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                 const char *name)
{
	cleanup(inode_unrefp) struct inode *inode = NULL;
	int r = refuse_read(name);

	if (r < 0) {
		call_answer(call, r);
		return;
	}
	inode = lookup_node(fs, call, nodeid);
	if (inode && has_attributes(inode))
		lookup_fresh(call, inode, get_then, name);
	else if (inode)
		call_answer(call, -ENODATA);
}

/* The inode is known: answer LISTXATTR. */
static void list_then(struct fs_call *call, struct inode *inode,
                      const char *text)
{
	cleanup(attr_meta_unrefp) struct attr_meta *meta = NULL;
	struct str names = {0};
	struct slice slice;

	(void)text;
	(void)pthread_mutex_lock(&inode->lock);
	meta = attr_meta_ref(inode->attr.meta);
	(void)pthread_mutex_unlock(&inode->lock);
	for (size_t i = 0; i < attr_meta_count(meta); i++) {
		str_add(&names, USER);
		str_add(&names, attr_meta_at(meta, i)->name);
		str_add_char(&names, 0);
	}
	slice.data = (uint8_t *)names.data;
	slice.len = names.len;
	if (str_status(&names) == 0)
		call->data = (struct chain){&slice, 1};
	call_answer(call, str_status(&names));
	str_release(&names);
}

void fs_listxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);

	if (inode && has_attributes(inode)) {
		lookup_fresh(call, inode, list_then, NULL);
	} else if (inode) {
		call->data = (struct chain){0};
		call_answer(call, 0);
	}
}

/* Errno of changing an attribute that cannot be; 0 = it can. */
static int refuse_change(const struct inode *inode,
                         const struct fs_xattr *xattr, struct err *reterr)
{
	if (!str_starts(xattr->name, USER))
		return !xattr->value && str_starts(xattr->name, "security.")
		               ? -ENODATA
		               : -EOPNOTSUPP;
	if (str_starts(xattr->name, PORTER) || !has_attributes(inode))
		return -EPERM;
	if (xattr->value && memchr(xattr->value, 0, xattr->size))
		return err_set(reterr, -EINVAL,
		               "the value of \"%s\" has a NUL byte, which "
		               "object metadata cannot hold",
		               xattr->name);
	return bucket_may_change(inode->bucket, true, reterr);
}

/* The change that sets or removes one attribute. */
static int plan_change(const struct fs_xattr *xattr, char **ret_name,
                       char **ret_value)
{
	int r = meta_name_of(xattr->name, ret_name);

	if (r < 0)
		return r;
	if (attr_meta_reserved(*ret_name))
		return -EPERM;
	if (!xattr->value)
		return 0;
	*ret_value = strndup(xattr->value, xattr->size);
	return *ret_value ? 0 : -ENOMEM;
}

void fs_setxattr(struct fs *fs, struct fs_call *call, uint64_t nodeid,
                 const struct fs_xattr *xattr)
{
	cleanup(inode_unrefp) struct inode *inode =
		lookup_node(fs, call, nodeid);
	cleanup(freep) char *name = NULL;
	cleanup(freep) char *value = NULL;
	int r;

	if (!inode)
		return;
	r = refuse_change(inode, xattr, &call->err);
	if (r == 0)
		r = plan_change(xattr, &name, &value);
	if (r < 0) {
		call_answer(call, r);
		return;
	}

	const struct change_plan plan = {
		.name = name,
		.value = value,
		.flags = xattr->flags,
	};

	change_inode(inode, call, &plan, false);
}
