/* SPDX-License-Identifier: MIT */
/*
 * Names, numbers and attributes of the control tree.
 *
 * A nodeid is made when a name is looked up and goes when the kernel forgets
 * it.  Below head/, sum/ and presign/ the names are those of real objects: a
 * lookup there is a lookup of the mount (the mirror), so that KEY completes in
 * a shell as it does in the mount.
 */
#include "base/digest.h"
#include "control_impl.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define STATIC_MS 60000 /* how long the kernel believes what never changes */

bool control_owns_name(uint64_t parent, const char *name)
{
	return control_owns(parent) ||
	       (parent == FS_ROOT_ID && strcmp(name, CONTROL_NAME) == 0);
}

/* ---- nodes ---- */

struct cnode *cnode_get(struct control *control, uint64_t nodeid)
{
	struct cnode *cnode = NULL;
	WITH_LOCK(&control->lock);

	HASH_FIND(by_id, control->by_id, &nodeid, sizeof(nodeid), cnode);
	if (cnode)
		cnode->refs++;
	return cnode;
}

/* Out of the tables when nobody knows it any more. */
static bool is_over_locked(struct control *control, struct cnode *cnode)
{
	if (cnode->refs > 0 || cnode->lookups > 0)
		return false;
	HASH_DELETE(by_id, control->by_id, cnode);
	if (cnode->named)
		HASH_DELETE(by_path, control->by_path, cnode);
	return true;
}

static void cnode_free(struct control *control, struct cnode *cnode)
{
	if (cnode->mirror)
		fs_forget(control->config.fs, cnode->mirror, 1);
	free(cnode->path);
	free(cnode);
}

void cnode_unref(struct control *control, struct cnode *cnode)
{
	bool over;

	if (!cnode)
		return;
	{
		WITH_LOCK(&control->lock);
		cnode->refs--;
		over = is_over_locked(control, cnode);
	}
	if (over)
		cnode_free(control, cnode);
}

void control_forget(struct control *control, uint64_t nodeid, uint64_t lookups)
{
	struct cnode *cnode = NULL;
	bool over = false;

	{
		WITH_LOCK(&control->lock);
		HASH_FIND(by_id, control->by_id, &nodeid, sizeof(nodeid),
		          cnode);
		if (cnode) {
			cnode->lookups -= lookups < cnode->lookups
			                          ? lookups
			                          : cnode->lookups;
			over = is_over_locked(control, cnode);
		}
	}
	if (over)
		cnode_free(control, cnode);
}

/* A new node in both tables, or NULL. */
static struct cnode *cnode_new_locked(struct control *control, const char *path,
                                      const struct node *node, bool is_dir)
{
	struct cnode *cnode = calloc(1, sizeof(*cnode));

	if (!cnode)
		return NULL;
	cnode->path = strdup(path);
	if (!cnode->path) {
		free(cnode);
		return NULL;
	}
	cnode->nodeid = CONTROL_NODE_MIN + ++control->last_id;
	cnode->node = node;
	cnode->is_dir = is_dir;
	HASH_ADD(by_id, control->by_id, nodeid, sizeof(cnode->nodeid), cnode);
	if (cnode->by_id.tbl)
		HASH_ADD_KEYPTR(by_path, control->by_path, cnode->path,
		                strlen(cnode->path), cnode);
	cnode->named = true;
	if (cnode->by_id.tbl && cnode->by_path.tbl)
		return cnode;
	if (cnode->by_id.tbl)
		HASH_DELETE(by_id, control->by_id, cnode);
	free(cnode->path);
	free(cnode);
	return NULL;
}

/*
 * The node of a path, made when there is none, with a reference and one lookup
 * count.  What stands for another kind of thing than before gets a new nodeid.
 */
static struct cnode *cnode_of(struct control *control, const char *path,
                              const struct node *node, bool is_dir)
{
	struct cnode *cnode = NULL;
	WITH_LOCK(&control->lock);

	HASH_FIND(by_path, control->by_path, path, strlen(path), cnode);
	if (cnode && cnode->is_dir != is_dir) {
		HASH_DELETE(by_path, control->by_path, cnode);
		cnode->named = false;
		cnode = NULL;
	}
	if (!cnode)
		cnode = cnode_new_locked(control, path, node, is_dir);
	if (!cnode)
		return NULL;
	cnode->refs++;
	cnode->lookups++;
	return cnode;
}

/* ---- attributes ---- */

/* The number of a path, which stays. */
static uint64_t number_of(const char *path)
{
	return digest_xxh64(path, strlen(path), 0) | UINT64_C(1) << 63;
}

/* Type and permissions: the owner's, and the group's if one may. */
static uint32_t mode_of(const struct control *control, const struct node *node,
                        bool is_dir)
{
	uint32_t mode = node->mode & 07777;
	uint32_t group;

	if (is_dir && !S_ISDIR(node->mode))
		mode = 0500;
	group = mode & (is_dir ? 0500 : 0600);
	if (control->config.group)
		mode |= group >> 3;
	return mode | (is_dir ? S_IFDIR : S_IFREG);
}

static void fill_entry(struct control *control, const struct cnode *cnode,
                       struct fs_entry *ret)
{
	uint64_t ms = cnode->node->moving ? 0 : STATIC_MS;

	*ret = (struct fs_entry){
		.nodeid = cnode->nodeid,
		.attr = {.ino = number_of(cnode->path),
	                 .mode = mode_of(control, cnode->node, cnode->is_dir),
	                 .nlink = cnode->is_dir ? 2 : 1,
	                 .uid = control->config.uid,
	                 .gid = control->config.gid,
	                 .mtime = control->started,
	                 .ctime = control->started},
		.attr_ms = ms,
		.entry_ms = ms,
	};
}

/* A handle's or lookup's node; NULL: answered. */
static struct cnode *node_for(struct control *control, struct fs_call *call,
                              uint64_t nodeid)
{
	struct cnode *cnode;
	int r = control_may(control, &call->who);

	if (r < 0) {
		control_answer(call, r);
		return NULL;
	}
	cnode = cnode_get(control, nodeid);
	if (!cnode)
		control_answer(call, -ESTALE);
	return cnode;
}

void control_getattr(struct control *control, struct fs_call *call,
                     uint64_t nodeid)
{
	struct cnode *cnode = cnode_get(control, nodeid);

	if (!cnode) {
		control_answer(call, -ESTALE);
		return;
	}
	fill_entry(control, cnode, &call->entry);
	control_answer(call, 0);
	cnode_unref(control, cnode);
}

void control_setattr(struct control *control, struct fs_call *call,
                     uint64_t nodeid)
{
	int r = control_may(control, &call->who);

	if (r < 0)
		control_answer(call, r);
	else
		control_getattr(control, call, nodeid);
}

/* ---- looking up ---- */

/* Answer with the node of a path. */
static void answer_path(struct control *control, struct fs_call *call,
                        const char *path, const struct node *node, bool is_dir)
{
	struct cnode *cnode = cnode_of(control, path, node, is_dir);

	if (!cnode) {
		control_answer(call, -ENOMEM);
		return;
	}
	fill_entry(control, cnode, &call->entry);
	control_answer(call, 0);
	cnode_unref(control, cnode);
}

/* A name below a bucket, looked up in the mount. */
struct looking {
	struct control *control;
	struct parked parked;
	struct fs_call inner;
	struct cnode *parent; /* shares */
	const struct node *node;
	char *path; /* owned */
	char *name; /* owned */
	bool found_bucket;
};

static void looking_free(struct looking *looking)
{
	cnode_unref(looking->control, looking->parent);
	free(looking->path);
	free(looking->name);
	free(looking);
}

/* Give the new directory its mirror; one that it had before goes. */
static void set_mirror(struct control *control, struct cnode *cnode,
                       uint64_t mirror)
{
	uint64_t old;

	{
		WITH_LOCK(&control->lock);
		old = cnode->mirror;
		cnode->mirror = mirror;
	}
	if (old)
		fs_forget(control->config.fs, old, 1);
}

/* The name is there, or it may be made. */
static void answer_mirrored(struct looking *looking, struct fs_call *call,
                            bool is_dir)
{
	struct control *control = looking->control;
	struct cnode *cnode =
		cnode_of(control, looking->path, looking->node, is_dir);

	if (!cnode) {
		control_answer(call, -ENOMEM);
		return;
	}
	if (is_dir) {
		set_mirror(control, cnode, looking->inner.entry.nodeid);
		looking->inner.entry.nodeid = 0;
	}
	fill_entry(control, cnode, &call->entry);
	control_answer(call, 0);
	cnode_unref(control, cnode);
}

static void look_in_mount(struct looking *looking);

/* fs_call.done of the mount's lookup. */
static void looked_up(struct fs_call *inner)
{
	struct looking *looking = inner->owner;
	struct control *control = looking->control;
	bool may_be_new = str_starts(looking->path, "presign/put/");
	struct fs_call *call;

	if (inner->status == 0 && !looking->found_bucket) {
		set_mirror(control, looking->parent, inner->entry.nodeid);
		look_in_mount(looking);
		return;
	}
	call = control_claim(control, &looking->parked);
	if (call && inner->status == 0)
		answer_mirrored(looking, call, S_ISDIR(inner->entry.attr.mode));
	else if (call && inner->status == -ENOENT && may_be_new)
		answer_mirrored(looking, call, false);
	else if (call)
		control_fail(call, inner->status, &inner->err);
	if (inner->status == 0 && inner->entry.nodeid)
		fs_forget(control->config.fs, inner->entry.nodeid, 1);
	looking_free(looking);
}

/* Look the name up in the parent's mirror, or the bucket itself first. */
static void look_in_mount(struct looking *looking)
{
	struct control *control = looking->control;
	struct fs *fs = control->config.fs;
	uint64_t mirror;
	struct node_at at = {.control = control};
	const char *bucket = NULL;

	{
		WITH_LOCK(&control->lock);
		mirror = looking->parent->mirror;
	}
	looking->inner = (struct fs_call){.done = looked_up, .owner = looking};
	looking->found_bucket = mirror != 0;
	if (mirror) {
		fs_lookup(fs, &looking->inner, mirror, looking->name);
		return;
	}
	(void)node_find(looking->path, &at);
	for (unsigned i = 0; i < NODE_ARGS_MAX && at.arg[i]; i++)
		bucket = at.arg[i];
	fs_lookup(fs, &looking->inner, FS_ROOT_ID, bucket ? bucket : "");
	node_at_release(&at);
}

/* Takes path. */
static void lookup_mirrored(struct control *control, struct fs_call *call,
                            struct cnode *parent, const struct node *node,
                            char *path)
{
	struct looking *looking = calloc(1, sizeof(*looking));
	const char *slash = strrchr(path, '/');

	if (looking)
		looking->name = strdup(slash + 1);
	if (!looking || !looking->name) {
		free(looking);
		free(path);
		control_answer(call, -ENOMEM);
		return;
	}
	looking->control = control;
	looking->node = node;
	looking->path = path;
	{
		WITH_LOCK(&control->lock);
		parent->refs++;
	}
	looking->parent = parent;
	if (!control_park(control, call, &looking->parked)) {
		looking_free(looking);
		control_answer(call, -EINTR);
		return;
	}
	look_in_mount(looking);
}

/* The path of a name in a directory, malloc'ed. */
static char *child_path(const struct cnode *parent, const char *name)
{
	return parent->path[0] ? str_printf("%s/%s", parent->path, name)
	                       : strdup(name);
}

/* Whether a component is a whole key with its slashes coded. */
static bool is_coded(const char *name)
{
	return strcasestr(name, "%2F") != NULL;
}

/* A name in a directory of ours. */
static void lookup_child(struct control *control, struct fs_call *call,
                         struct cnode *parent, const char *name)
{
	cleanup(freep) char *path = child_path(parent, name);
	struct node_at at = {.control = control};
	const struct node *node = path ? node_find(path, &at) : NULL;
	int r = path ? 0 : -ENOMEM;

	if (r == 0 && !node)
		r = -ENOENT;
	if (r == 0 && node->exists)
		r = node->exists(&at);
	if (r < 0) {
		call->entry = (struct fs_entry){0};
		control_answer(call, r);
	} else if (at.key && !is_coded(name)) {
		lookup_mirrored(control, call, parent, node, take(&path));
	} else {
		answer_path(control, call, path, node,
		            !at.key && S_ISDIR(node->mode));
	}
	node_at_release(&at);
}

void control_lookup(struct control *control, struct fs_call *call,
                    uint64_t parent, const char *name)
{
	struct cnode *cnode;

	if (!control_owns(parent)) {
		answer_path(control, call, "", &node_table[0], true);
		return;
	}
	cnode = node_for(control, call, parent);
	if (!cnode)
		return;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		control_answer(call, -ENOENT);
	else
		lookup_child(control, call, cnode, name);
	cnode_unref(control, cnode);
}

/* ---- directories ---- */

/* node_list_fn: a name into the handle's text, "d" or "f" before it. */
static bool note_name(void *ctx, const char *name, bool is_dir)
{
	struct control_handle *handle = ctx;

	str_add_char(&handle->text, is_dir ? 'd' : 'f');
	str_add_mem(&handle->text, name, strlen(name) + 1);
	return str_status(&handle->text) == 0;
}

/* Every name of a directory, as it is now. */
static void read_names(struct control_handle *handle)
{
	const struct node *dir = handle->cnode->node;
	size_t len = strlen(dir->path);

	(void)note_name(handle, ".", true);
	(void)note_name(handle, "..", true);
	if (handle->at.key)
		return; /* keys are looked up, not listed */
	node_children(dir, note_name, handle);
	for (size_t i = 0; i < node_table_count; i++) {
		const struct node *node = &node_table[i];
		const char *rest = node->path + len + (len > 0);

		if (node->list && strncmp(node->path, dir->path, len) == 0 &&
		    strlen(node->path) > len && rest[0] == '*' &&
		    !strchr(rest, '/'))
			node->list(&handle->at, note_name, handle);
	}
}

void control_opendir(struct control *control, struct fs_call *call,
                     uint64_t nodeid)
{
	struct cnode *cnode = node_for(control, call, nodeid);
	struct control_handle *handle;
	int r;

	if (!cnode)
		return;
	r = cfile_make(control, cnode, &handle);
	if (r < 0) {
		control_answer(call, r);
		return;
	}
	read_names(handle);
	if (str_status(&handle->text) < 0) {
		control_release(control, handle);
		control_answer(call, -ENOMEM);
		return;
	}
	call->control = handle;
	control_answer(call, 0);
}

void control_readdir(struct control *control, struct fs_call *call,
                     struct control_handle *dir, const struct fs_readdir *read)
{
	const char *at = str_text(&dir->text);
	const char *end = at + dir->text.len;

	(void)control;
	for (uint64_t i = 0; at < end; i++, at += strlen(at) + 1) {
		cleanup(freep) char *path = child_path(dir->cnode, at + 1);
		const struct fs_dirent dirent = {
			.name = at + 1,
			.ino = number_of(path ? path : ""),
			.type = at[0] == 'd' ? S_IFDIR : S_IFREG,
			.next = i + 1,
		};

		if (i >= read->offset && !read->fill(read->ctx, &dirent))
			break;
	}
	control_answer(call, 0);
}
