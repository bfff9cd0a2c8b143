/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list: the node lives in the thing that is listed.
 *
 * A head is a node of its own; an empty list points at itself.  Not thread
 * safe: the list belongs to whatever lock guards its things.
 */
#ifndef PORTER_BASE_LIST_H
#define PORTER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

/* The thing of the given type whose member is at ptr. */
#define container_of(ptr, type, member)                        \
	({                                                     \
		__typeof__(((type *)0)->member) *_m = (ptr);   \
		(type *)((char *)_m - offsetof(type, member)); \
	})

static inline void list_init(struct list *l)
{
	l->prev = l;
	l->next = l;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Put node, which is in no list, at the end. */
static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Put node, which is in no list, at the front. */
static inline void list_prepend(struct list *head, struct list *node)
{
	list_append(head->next, node);
}

/* Take node out; it is an empty list afterwards, so twice does no harm. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Append all of from to head; from is empty afterwards. */
static inline void list_splice(struct list *head, struct list *from)
{
	if (list_empty(from))
		return;

	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	list_init(from);
}

/* The first thing of a list, or NULL. */
#define list_first(head, type, member) \
	(list_empty(head) ? NULL : container_of((head)->next, type, member))

/* Walk the nodes; the current one must not be removed. */
#define list_for_each(pos, head) \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

/* Walk the nodes; the current one may be removed. */
#define list_for_each_safe(pos, head)                             \
	for (struct list *pos = (head)->next, *_next = pos->next; \
	     pos != (head); pos = _next, _next = pos->next)

#endif
