/* SPDX-License-Identifier: MIT */
/*
 * LMDB's file, read as an outsider (format 1, as 0.9 writes it):
 *
 *   page   0 number 8 | 10 flags 2 | 12 lower 2, upper 2 (or pages 4)
 *          | 16 offsets of nodes, 2 each ... nodes, from the end
 *   node   0 low 2, high 2 | 4 flags 2 | 6 key size 2 | 8 key, data
 *   meta   page 0 and 1: 16 magic 4, version 4 | 40 two trees of 48 bytes
 *          | 136 last page 8 | 144 transaction 8
 *   tree   0 page size 4 (of tree 0) | 6 depth 2 | 32 records 8 | 40 root 8
 */
#include "kv_check.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC       0xBEEFC0DEu
#define VERSION     1u
#define META_SIZE   152 /* bytes of a meta page that count */
#define HEAD_SIZE   16
#define NODE_SIZE   8
#define TREE_SIZE   48
#define DEPTH_MAX   32
#define KEY_MAX     511
#define NOWHERE     UINT64_MAX /* the root of an empty tree */
#define META_TREES  40
#define META_LAST   136
#define META_TXN    144
#define PAGE_BRANCH 0x01
#define PAGE_LEAF   0x02
#define PAGE_OVER   0x04
#define PAGE_META   0x08
#define NODE_BIG    0x01 /* the data is a number of overflow pages */
#define NODE_TREE   0x02 /* the data is a tree */
#define TREE_FREE   0
#define TREE_MAIN   1
#define TREE_TABLE  2
#define KNOWN_FLAGS (PAGE_BRANCH | PAGE_LEAF | PAGE_OVER | PAGE_META)

struct check {
	int fd;
	uint64_t size; /* of the file */
	uint32_t page_size;
	uint64_t last; /* page */
	uint8_t *seen; /* a bit per page: part of a tree, or free */
	struct err *err;
};

/* A tree being walked. */
struct walk {
	int kind;
	unsigned depth;
	uint64_t records;
	uint8_t key[KEY_MAX]; /* the last one */
	size_t key_len;
	bool any;
};

struct node {
	uint16_t flags;
	uint64_t number; /* branch: page; leaf: size of the data */
	const uint8_t *key;
	size_t key_len;
	const uint8_t *data;
};

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Read exactly len bytes. */
static int read_at(const struct check *c, uint64_t offset, void *dst,
                   size_t len)
{
	uint8_t *at = dst;

	while (len > 0) {
		ssize_t n = pread(c->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(c->err, -EIO, "cannot be read: %s",
			               strerror(errno));
		if (n == 0)
			return err_set(c->err, -EUCLEAN, "was cut");
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Mark count pages as used; each may be so once. */
static int use(struct check *c, uint64_t page, uint64_t count)
{
	if (page < 2 || page > c->last || count > c->last - page + 1)
		return err_set(c->err, -EUCLEAN,
		               "is damaged: it names page %llu of %llu",
		               (unsigned long long)page,
		               (unsigned long long)c->last);
	for (uint64_t p = page; p < page + count; p++) {
		if (c->seen[p / 8] & 1U << p % 8)
			return err_set(c->err, -EUCLEAN,
			               "is damaged: page %llu is used twice",
			               (unsigned long long)p);
		c->seen[p / 8] |= (uint8_t)(1U << p % 8);
	}
	return 0;
}

/* What a page says of itself must be what it is used as. */
static int damaged(struct check *c, uint64_t page)
{
	return err_set(c->err, -EUCLEAN, "is damaged: page %llu is none",
	               (unsigned long long)page);
}

static int walk_page(struct check *c, struct walk *walk, uint64_t page,
                     unsigned level);

/* Walk a tree from its record. */
static int walk_tree(struct check *c, const uint8_t *tree, int kind)
{
	struct walk walk = {.kind = kind, .depth = get16(tree + 6)};
	uint64_t root = get64(tree + 40);
	int r = 0;

	if (walk.depth > DEPTH_MAX || (root == NOWHERE) != (walk.depth == 0))
		return err_set(c->err, -EUCLEAN, "is damaged: a tree is none");
	if (root != NOWHERE)
		r = walk_page(c, &walk, root, 1);
	if (r == 0 && walk.records != get64(tree + 32))
		r = err_set(c->err, -EUCLEAN,
		            "is damaged: %llu records of %llu are there",
		            (unsigned long long)walk.records,
		            (unsigned long long)get64(tree + 32));
	return r;
}

/* The n-th node of a page, its bounds checked. */
static bool get_node(const struct check *c, const uint8_t *page, unsigned n,
                     bool leaf, struct node *ret)
{
	size_t lower = get16(page + 12);
	size_t at = get16(page + HEAD_SIZE + 2 * n);
	size_t need;
	const uint8_t *raw = page + at;

	if (at < lower || at + NODE_SIZE > c->page_size)
		return false;
	ret->flags = leaf ? get16(raw + 4) : 0;
	ret->key_len = get16(raw + 6);
	ret->key = raw + NODE_SIZE;
	ret->data = ret->key + ret->key_len;
	ret->number = get32(raw);
	need = NODE_SIZE + ret->key_len;
	if (!leaf)
		ret->number |= (uint64_t)get16(raw + 4) << 32;
	else
		need += ret->flags & NODE_BIG ? sizeof(uint64_t) : ret->number;
	return ret->key_len <= KEY_MAX && at + need <= c->page_size &&
	       !(ret->flags & ~(NODE_BIG | NODE_TREE));
}

/* Keys grow as memcmp() has it; those of the free list are numbers. */
static int check_order(struct check *c, struct walk *walk,
                       const struct node *node)
{
	size_t common =
		walk->key_len < node->key_len ? walk->key_len : node->key_len;
	int order = memcmp(walk->key, node->key, common);
	bool grows = order < 0 || (order == 0 && walk->key_len < node->key_len);

	if (walk->kind == TREE_FREE)
		grows = node->key_len == sizeof(uint64_t) &&
		        (!walk->any || get64(walk->key) < get64(node->key));
	if (walk->any && !grows)
		return err_set(c->err, -EUCLEAN,
		               "is damaged: its keys are out of order");
	if (walk->kind == TREE_FREE && !grows)
		return err_set(c->err, -EUCLEAN, "is damaged: a key is none");
	memcpy(walk->key, node->key, node->key_len);
	walk->key_len = node->key_len;
	walk->any = true;
	return 0;
}

/* Pages that are free: each in range, and in no tree. */
static int check_free(struct check *c, const uint8_t *list, uint64_t len)
{
	uint64_t count = len >= 8 ? get64(list) : 0;
	int r = 0;

	if (len % 8 != 0 || len < 8 || count > len / 8 - 1)
		return err_set(c->err, -EUCLEAN, "is damaged: its free list");
	for (uint64_t i = 1; r == 0 && i <= count; i++)
		r = use(c, get64(list + 8 * i), 1);
	return r;
}

/* Data on pages of its own. */
static int check_big(struct check *c, struct walk *walk,
                     const struct node *node)
{
	uint64_t page = get64(node->data);
	uint64_t count =
		(HEAD_SIZE + node->number + c->page_size - 1) / c->page_size;
	cleanup(freep) uint8_t *copy = NULL;
	size_t len = walk->kind == TREE_FREE ? (size_t)node->number + HEAD_SIZE
	                                     : HEAD_SIZE;
	int r = use(c, page, count);

	if (r < 0)
		return r;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	r = read_at(c, page * c->page_size, copy, len);
	if (r == 0 && (get64(copy) != page || get16(copy + 10) != PAGE_OVER ||
	               get32(copy + 12) != count))
		r = damaged(c, page);
	if (r == 0 && walk->kind == TREE_FREE)
		r = check_free(c, copy + HEAD_SIZE, node->number);
	return r;
}

/* One record. */
static int check_leaf(struct check *c, struct walk *walk,
                      const struct node *node)
{
	int r = check_order(c, walk, node);

	walk->records++;
	if (r < 0)
		return r;
	if (node->flags & NODE_TREE) {
		if (walk->kind != TREE_MAIN || node->number != TREE_SIZE ||
		    node->flags & NODE_BIG)
			return err_set(c->err, -EUCLEAN,
			               "is damaged: a table is none");
		return walk_tree(c, node->data, TREE_TABLE);
	}
	if (node->flags & NODE_BIG)
		return check_big(c, walk, node);
	return walk->kind == TREE_FREE ? check_free(c, node->data, node->number)
	                               : 0;
}

/* A page of a tree and what is below. */
static int walk_page(struct check *c, struct walk *walk, uint64_t page,
                     unsigned level)
{
	cleanup(freep) uint8_t *copy = malloc(c->page_size);
	bool leaf = level == walk->depth;
	unsigned lower;
	unsigned upper;
	int r = copy ? use(c, page, 1) : -ENOMEM;

	if (r == 0)
		r = read_at(c, page * c->page_size, copy, c->page_size);
	if (r < 0)
		return r;
	lower = get16(copy + 12);
	upper = get16(copy + 14);
	if (get64(copy) != page ||
	    (get16(copy + 10) & KNOWN_FLAGS) !=
	            (leaf ? PAGE_LEAF : PAGE_BRANCH) ||
	    lower < HEAD_SIZE || lower % 2 != 0 || lower > upper ||
	    upper > c->page_size)
		return damaged(c, page);
	for (unsigned i = 0; r == 0 && i < (lower - HEAD_SIZE) / 2; i++) {
		struct node node;

		if (!get_node(c, copy, i, leaf, &node))
			return damaged(c, page);
		r = leaf ? check_leaf(c, walk, &node)
		         : walk_page(c, walk, node.number, level + 1);
	}
	return r;
}

/* Whether these bytes begin an environment. */
static bool is_meta(const uint8_t *meta, uint64_t number)
{
	return get64(meta) == number &&
	       (get16(meta + 10) & PAGE_META) == PAGE_META &&
	       get32(meta + HEAD_SIZE) == MAGIC &&
	       get32(meta + HEAD_SIZE + 4) == VERSION;
}

/* Both meta pages; the newer one is LMDB's and ours. */
static int check_head(struct check *c, uint8_t ret[META_SIZE])
{
	uint8_t metas[2][META_SIZE];
	uint64_t newest;
	int r = read_at(c, 0, metas[0], META_SIZE);

	if (r < 0)
		return r;
	c->page_size = get32(metas[0] + META_TREES);
	if (!is_meta(metas[0], 0) || c->page_size < 512 ||
	    c->page_size > 65536 || (c->page_size & (c->page_size - 1)) != 0)
		return err_set(c->err, -EUCLEAN,
		               "is no file of this program, or its head is "
		               "damaged");
	r = read_at(c, c->page_size, metas[1], META_SIZE);
	if (r < 0)
		return r;
	if (!is_meta(metas[1], 1) ||
	    get32(metas[1] + META_TREES) != c->page_size)
		return err_set(c->err, -EUCLEAN, "its head is damaged");

	newest = get64(metas[1] + META_TXN) > get64(metas[0] + META_TXN);
	memcpy(ret, metas[newest], META_SIZE);
	c->last = get64(ret + META_LAST);
	if (c->last < 1 || c->last >= c->size / c->page_size)
		return err_set(c->err, -EUCLEAN,
		               "was cut: it has %llu bytes, its last page is "
		               "%llu",
		               (unsigned long long)c->size,
		               (unsigned long long)c->last);
	return 0;
}

int kv_check(int fd, bool thorough, struct err *reterr)
{
	struct err unused = {0};
	struct check c = {.fd = fd, .err = reterr ? reterr : &unused};
	cleanup(freep) uint8_t *seen = NULL;
	uint8_t meta[META_SIZE];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_set(reterr, -EIO, "cannot be asked: %s",
		               strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(reterr, -EUCLEAN, "is no file");
	c.size = (uint64_t)st.st_size;
	if (c.size == 0)
		return 0;
	r = check_head(&c, meta);
	if (r < 0 || !thorough)
		return r;

	seen = calloc(1, (size_t)(c.last / 8 + 1));
	if (!seen)
		return err_set(reterr, -ENOMEM, "out of memory");
	c.seen = seen;
	r = walk_tree(&c, meta + META_TREES, TREE_FREE);
	if (r == 0)
		r = walk_tree(&c, meta + META_TREES + TREE_SIZE, TREE_MAIN);
	return r == -ENOMEM ? err_set(reterr, r, "out of memory") : r;
}
