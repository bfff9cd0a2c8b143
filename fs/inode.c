/* SPDX-License-Identifier: MIT */
/*
 * The table: nodeids, names, counts.
 *
 * A reply of the store comes in by inode_see(): most often it confirms the
 * inode its name has.  When it is another version, the old inode is taken off
 * the name and a new one put there.  Replies that were asked before a change of
 * ours are refused, under the table's lock, by the cache's moments.
 */
#include "inode.h"

#include "base/digest.h"
#include "base/lock.h"
#include "doomed.h"
#include "key.h"
#include "notify.h"
#include "overlay.h"

#include <assert.h>
#include <string.h>

/* How long the kernel believes what only a restart can change. */
#define ROOT_TTL_MS 60000

int inodes_new(struct fs *fs, struct inodes **ret)
{
	struct inodes *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->fs = fs;
	(void)pthread_mutex_init(&table->lock, NULL);
	list_init(&table->doomed);
	*ret = table;
	return 0;
}

/* Free an inode that is in no table. */
static void inode_free(struct inode *inode)
{
	attr_release(&inode->attr);
	if (inode->extra)
		attr_release(&inode->extra->stored);
	free(inode->extra);
	free(inode->key);
	(void)pthread_mutex_destroy(&inode->lock);
	free(inode);
}

/* Take an inode off its name. */
static void take_off_locked(struct inode *inode)
{
	if (!inode->linked)
		return;
	inode->linked = false;
	if (inode->bucket)
		HASH_DELETE(by_name, inode->bucket->names, inode);
}

/* st_ino of some bytes. */
static uint64_t number_of(const void *data, size_t len, uint64_t seed)
{
	uint64_t ino = digest_xxh64(data, len, seed);

	return ino > FS_ROOT_ID ? ino : ino + 2;
}

uint64_t inode_number(const struct bucket *bucket, const char *key)
{
	return number_of(key, strlen(key), bucket->seed);
}

/* Note whether an inode's number is still that of its key. */
static void note_number_locked(struct inode *inode)
{
	struct inodes *table = inode->table;
	bool stray = inode->bucket &&
	             inode->ino != inode_number(inode->bucket, inode->key);

	if (stray && !inode->stray)
		HASH_ADD(by_ino, table->strays, ino, sizeof(inode->ino), inode);
	if (!stray && inode->stray)
		HASH_DELETE(by_ino, table->strays, inode);
	inode->stray = stray && inode->by_ino.tbl;
}

/* The number for an inode that comes into the table. */
static uint64_t free_number_locked(struct inodes *table,
                                   const struct inode *inode)
{
	uint64_t ino = inode_number(inode->bucket, inode->key);
	struct inode *taken;

	for (;;) {
		HASH_FIND(by_ino, table->strays, &ino, sizeof(ino), taken);
		if (!taken)
			return ino;
		ino = number_of(&ino, sizeof(ino), inode->bucket->seed);
	}
}

/* Take an inode out of the table. */
static void remove_locked(struct inode *inode)
{
	take_off_locked(inode);
	if (inode->stray)
		HASH_DELETE(by_ino, inode->table->strays, inode);
	list_remove(&inode->doomed_link);
	HASH_DELETE(by_id, inode->table->by_id, inode);
}

void inodes_free(struct inodes *table)
{
	if (!table)
		return;
	while (table->by_id) {
		struct inode *inode = table->by_id;

		remove_locked(inode);
		inode_free(inode);
	}
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

struct inode *inode_get(struct inodes *table, uint64_t nodeid)
{
	WITH_LOCK(&table->lock);
	struct inode *inode;

	HASH_FIND(by_id, table->by_id, &nodeid, sizeof(nodeid), inode);
	if (inode)
		inode->refs++;
	return inode;
}

struct inode *inode_ref(struct inode *inode)
{
	WITH_LOCK(&inode->table->lock);

	inode->refs++;
	return inode;
}

/* Drop one reference. Returns the inode to free, if any. */
static struct inode *unref_locked(struct inode *inode)
{
	assert(inode->refs > 0);
	if (--inode->refs > 0 || inode->lookups > 0)
		return NULL;
	remove_locked(inode);
	return inode;
}

void inode_unref(struct inode *inode)
{
	struct inode *dead = NULL;
	bool doomed = false;

	if (!inode)
		return;
	(void)pthread_mutex_lock(&inode->table->lock);
	if (inode->doomed && inode->refs == 1) {
		inode->doomed = false;
		list_remove(&inode->doomed_link);
		doomed = true;
	} else {
		dead = unref_locked(inode);
	}
	(void)pthread_mutex_unlock(&inode->table->lock);

	if (doomed)
		doomed_delete(inode); /* with our reference */
	if (dead)
		inode_free(dead);
}

void inode_add_lookup(struct inode *inode)
{
	WITH_LOCK(&inode->table->lock);

	inode->lookups++;
}

void inode_forget(struct inodes *table, uint64_t nodeid, uint64_t count)
{
	struct inode *inode;
	struct inode *dead = NULL;

	(void)pthread_mutex_lock(&table->lock);
	HASH_FIND(by_id, table->by_id, &nodeid, sizeof(nodeid), inode);
	if (inode) {
		inode->lookups -=
			count < inode->lookups ? count : inode->lookups;
		if (inode->lookups == 0 && inode->refs == 0) {
			remove_locked(inode);
			dead = inode;
		}
	}
	(void)pthread_mutex_unlock(&table->lock);
	if (dead)
		inode_free(dead);
}

/* The inode on a name, or NULL. */
static struct inode *of_key_locked(struct bucket *bucket, const char *key,
                                   size_t len)
{
	struct inode *inode;

	HASH_FIND(by_name, bucket->names, key, len, inode);
	return inode;
}

struct inode *inode_of_key(struct bucket *bucket, const char *key)
{
	WITH_LOCK(&bucket->fs->inodes->lock);
	struct inode *inode = of_key_locked(bucket, key, strlen(key));

	if (inode)
		inode->refs++;
	return inode;
}

int inodes_below(struct bucket *bucket, const char *dir, struct inode ***ret)
{
	WITH_LOCK(&bucket->fs->inodes->lock);
	unsigned room = HASH_CNT(by_name, bucket->names);
	struct inode **inodes = calloc(room + 1, sizeof(struct inode *));
	int count = 0;

	*ret = inodes;
	if (!inodes)
		return -ENOMEM;
	for (struct inode *i = bucket->names; i; i = i->by_name.next) {
		if (!key_below(i->key, dir))
			continue;
		i->refs++;
		inodes[count++] = i;
	}
	return count;
}

bool inode_linked(struct inode *inode)
{
	WITH_LOCK(&inode->table->lock);

	return inode->linked;
}

int inode_child_key(struct inode *parent, const char *name, char **ret)
{
	WITH_LOCK(&parent->lock);

	if (parent->kind == INODE_ROOT)
		return -EPERM;
	if (parent->kind != INODE_BUCKET && parent->kind != INODE_DIR)
		return -ENOTDIR;
	return key_join(parent->key, name, ret);
}

/* How long the kernel may believe it. */
static uint64_t believed_ms_locked(const struct inode *inode)
{
	const struct fs *fs = inode->table->fs;
	uint64_t now;

	if (inode->kind == INODE_ROOT || inode->kind == INODE_BUCKET)
		return ROOT_TTL_MS;
	if (inode->local)
		return inode->bucket->ttl_ms;
	now = clock_ms(fs->parts.clock);
	return inode->fresh_ms > now ? inode->fresh_ms - now : 0;
}

/* stat under the lock. */
static void stat_locked(const struct inode *inode, struct fs_attr *ret)
{
	attr_to_stat(&inode->attr, inode->ino, ret);
	if (inode->unlinked)
		ret->nlink = 0;
}

void inode_stat(struct inode *inode, struct fs_attr *ret)
{
	WITH_LOCK(&inode->lock);

	stat_locked(inode, ret);
}

void inode_entry(struct inode *inode, struct fs_entry *ret)
{
	WITH_LOCK(&inode->lock);

	*ret = (struct fs_entry){.nodeid = inode->nodeid};
	stat_locked(inode, &ret->attr);
	ret->attr_ms = believed_ms_locked(inode);
	ret->entry_ms = ret->attr_ms;
}

/* An inode in no table; NULL: out of memory. */
static struct inode *inode_new(struct inodes *table,
                               const struct inode_plan *plan)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (!inode)
		return NULL;
	inode->key = strdup(plan->key ? plan->key : "");
	if (!inode->key) {
		free(inode);
		return NULL;
	}
	(void)pthread_mutex_init(&inode->lock, NULL);
	list_init(&inode->doomed_link);
	inode->kind = plan->kind;
	inode->bucket = plan->bucket;
	inode->table = table;
	inode->fresh_ms = plan->fresh_ms;
	inode->local = plan->local;
	inode->refs = 1;
	attr_copy(&inode->attr, plan->attr);
	return inode;
}

/* Put a new inode into the table and on its name. */
static int insert_locked(struct inodes *table, struct inode *inode)
{
	inode->nodeid = ++table->last_id;
	inode->ino =
		inode->bucket ? free_number_locked(table, inode) : FS_ROOT_ID;
	HASH_ADD(by_id, table->by_id, nodeid, sizeof(inode->nodeid), inode);
	if (!inode->by_id.tbl)
		return -ENOMEM;
	inode->linked = true;
	if (!inode->bucket)
		return 0;

	HASH_ADD_KEYPTR(by_name, inode->bucket->names, inode->key,
	                strlen(inode->key), inode);
	if (inode->by_name.tbl)
		return 0;
	HASH_DELETE(by_id, table->by_id, inode);
	return -ENOMEM;
}

/* inode_make() under the lock: the checks and the insertion. */
static int make_locked(struct inodes *table, const struct inode_plan *plan,
                       struct inode *inode)
{
	struct bucket *bucket = plan->bucket;

	if (bucket && plan->moment > 0) {
		struct meta_name name = inode_name(bucket, plan->key);

		if (meta_cache_changed(table->fs->cache, &name, plan->moment))
			return -EAGAIN;
	}
	if (bucket && of_key_locked(bucket, plan->key, strlen(plan->key)))
		return -EEXIST;
	return insert_locked(table, inode);
}

int inode_make(struct inodes *table, const struct inode_plan *plan,
               struct inode **ret)
{
	struct inode *inode = inode_new(table, plan);
	int r;

	if (!inode)
		return -ENOMEM;
	(void)pthread_mutex_lock(&table->lock);
	r = make_locked(table, plan, inode);
	(void)pthread_mutex_unlock(&table->lock);
	if (r < 0) {
		inode_free(inode);
		return r;
	}
	*ret = inode;
	return 0;
}

/*
 * Let a reply confirm an inode.  0: it does, or the inode is local; -EAGAIN:
 * the reply is older than a change of ours; -ESTALE: another version.
 */
static int confirm(struct inode *inode, const struct inode_seen *seen)
{
	WITH_LOCK(&inode->lock);
	struct meta_name name = inode_name(seen->bucket, seen->key);
	bool dir = seen->kind == INODE_DIR;

	if (inode->local)
		return 0;
	if (meta_cache_changed(inode->table->fs->cache, &name, seen->moment))
		return -EAGAIN;
	if (inode->kind != seen->kind || inode->unlinked)
		return -ESTALE;
	if (!dir && !attr_same_version(&inode->attr, seen->attr))
		return -ESTALE;
	attr_copy(&inode->attr, seen->attr);
	inode->fresh_ms = seen->fresh_ms;
	return 0;
}

int inode_see(const struct inode_seen *seen, struct inode **ret)
{
	const struct inode_plan plan = {
		.bucket = seen->bucket,
		.key = seen->key,
		.kind = seen->kind,
		.attr = seen->attr,
		.fresh_ms = seen->fresh_ms,
		.moment = seen->moment,
	};
	struct inode *inode;
	int r;

	do {
		inode = inode_of_key(seen->bucket, seen->key);
		if (!inode) {
			r = inode_make(seen->bucket->fs->inodes, &plan, ret);
			continue;
		}
		r = confirm(inode, seen);
		if (r == 0) {
			*ret = inode;
			return 0;
		}
		if (r == -ESTALE)
			inode_take_off(inode);
		inode_unref(inode);
	} while (r == -EEXIST || r == -ESTALE);
	return r;
}

void inode_take_off(struct inode *inode)
{
	WITH_LOCK(&inode->table->lock);

	take_off_locked(inode);
}

char *inode_copy_key(struct inode *inode)
{
	WITH_LOCK(&inode->lock);

	return strdup(inode->key);
}

int inode_rekey(struct inode *inode, const char *key)
{
	char *copy = strdup(key);
	struct inode *on_it;

	if (!copy)
		return -ENOMEM;

	WITH_LOCK(&inode->lock);
	WITH_LOCK(&inode->table->lock);

	on_it = of_key_locked(inode->bucket, key, strlen(key));
	if (on_it && on_it != inode)
		take_off_locked(on_it);
	take_off_locked(inode);
	free(inode->key);
	inode->key = copy;
	HASH_ADD_KEYPTR(by_name, inode->bucket->names, inode->key,
	                strlen(inode->key), inode);
	inode->linked = inode->by_name.tbl != NULL;
	note_number_locked(inode);
	return 0;
}

void inode_tell_name(struct inode *inode)
{
	struct fs *fs = inode->table->fs;
	cleanup(freep) char *name = NULL;
	uint64_t parent_id = 0;

	(void)pthread_mutex_lock(&inode->table->lock);
	if (inode->bucket && inode->key[0]) {
		struct inode *parent = of_key_locked(
			inode->bucket, inode->key, key_parent_len(inode->key));

		name = strdup(key_base(inode->key));
		parent_id = parent ? parent->nodeid : 0;
	}
	(void)pthread_mutex_unlock(&inode->table->lock);
	if (name && parent_id)
		notify_entry(fs->notify, parent_id, name);
}

struct inode_extra *inode_extra_locked(struct inode *inode)
{
	if (!inode->extra)
		inode->extra = calloc(1, sizeof(*inode->extra));
	return inode->extra;
}
