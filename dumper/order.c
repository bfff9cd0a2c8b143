/* SPDX-License-Identifier: MIT */
/*
 * Views behind what they name: a walk in depth, with its own stack.
 */
#include "order.h"

#include "base/hash.h"
#include "base/str.h"
#include "sql_name.h"

#include <errno.h>
#include <string.h>

enum state {
	NEW,
	OPEN, /* what it names is being placed */
	PLACED,
};

/* A view in the table of names: "db", NUL, "name". */
struct node {
	UT_hash_handle hh;
	size_t index;
	size_t key_len;
	char key[];
};

struct walk {
	const struct order_view *views;
	size_t count;
	struct node *names;
	enum state *states;
	size_t *stack;   /* open views */
	const char **at; /* of each open view: where in its text */
	size_t depth;
	size_t *ret;
	size_t placed;
	int status; /* the first failure */
};

static void add_key(struct str *key, const char *db, const char *name)
{
	str_reset(key);
	str_add(key, db);
	str_add_char(key, '\0');
	str_add(key, name);
}

static struct node *find(struct walk *walk, const char *db, const char *name)
{
	cleanup(str_release) struct str key = {0};
	struct node *node = NULL;

	add_key(&key, db, name);
	if (str_status(&key) < 0)
		walk->status = -ENOMEM;
	else
		HASH_FIND(hh, walk->names, key.data, key.len, node);
	return node;
}

static int add_names(struct walk *walk)
{
	cleanup(str_release) struct str key = {0};

	for (size_t i = 0; i < walk->count; i++) {
		add_key(&key, walk->views[i].db, walk->views[i].name);
		if (str_status(&key) < 0)
			return -ENOMEM;

		struct node *node = malloc(sizeof(*node) + key.len);

		if (!node)
			return -ENOMEM;
		memset(node, 0, sizeof(*node));
		node->index = i;
		node->key_len = key.len;
		memcpy(node->key, key.data, key.len);
		HASH_ADD_KEYPTR(hh, walk->names, node->key, node->key_len,
		                node);
		if (!node->hh.tbl) {
			free(node);
			return -ENOMEM;
		}
	}
	return 0;
}

static void drop_names(struct walk *walk)
{
	struct node *node, *next;

	HASH_ITER(hh, walk->names, node, next)
	{
		HASH_DEL(walk->names, node);
		free(node);
	}
}

/*
 * The next view that text names, behind *at: `a`.`b` is looked up as it is, and
 * `a` as a name of the view's own database.
 */
static struct node *next_named(struct walk *walk, const char *db,
                               const char **at)
{
	cleanup(str_release) struct str first = {0};
	cleanup(str_release) struct str second = {0};
	bool quoted;

	while (walk->status == 0 && (*at = strchr(*at, '`')) != NULL) {
		const char *end = sql_next_name(*at, &first, &quoted);
		struct node *node;

		if (!quoted)
			break;
		*at = end;
		if (end[0] == '.' && end[1] == '`') {
			(void)sql_next_name(end + 1, &second, &quoted);
			node = find(walk, str_text(&first), str_text(&second));
			if (node)
				return node;
		}
		node = find(walk, db, str_text(&first));
		if (node)
			return node;
	}
	*at = "";
	return NULL;
}

static void open_view(struct walk *walk, size_t index)
{
	walk->states[index] = OPEN;
	walk->stack[walk->depth] = index;
	walk->at[walk->depth] = walk->views[index].text;
	walk->depth++;
}

/* Place a view behind everything it names. */
static void place(struct walk *walk, size_t root)
{
	if (walk->states[root] != NEW)
		return;

	open_view(walk, root);
	while (walk->depth > 0 && walk->status == 0) {
		size_t index = walk->stack[walk->depth - 1];
		struct node *node = next_named(walk, walk->views[index].db,
		                               &walk->at[walk->depth - 1]);

		if (node && walk->states[node->index] == NEW) {
			open_view(walk, node->index);
		} else if (!node) {
			walk->states[index] = PLACED;
			walk->ret[walk->placed++] = index;
			walk->depth--;
		}
	}
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written to */
int order_views(const struct order_view *views, size_t count, size_t *ret)
{
	cleanup(freep) enum state *states = calloc(count + 1, sizeof(*states));
	cleanup(freep) size_t *stack = calloc(count + 1, sizeof(*stack));
	cleanup(freep) const char **at = calloc(count + 1, sizeof(*at));
	struct walk walk = {.views = views,
	                    .count = count,
	                    .states = states,
	                    .stack = stack,
	                    .at = at,
	                    .ret = ret};

	if (!states || !stack || !at)
		return -ENOMEM;

	walk.status = add_names(&walk);
	for (size_t i = 0; i < count && walk.status == 0; i++)
		place(&walk, i);
	drop_names(&walk);
	return walk.status;
}
