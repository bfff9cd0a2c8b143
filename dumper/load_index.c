/* SPDX-License-Identifier: MIT */
/* See load_index.h. */
#include "load_index.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

#define INDEX_VERSION 1

/* The spans so far. */
struct spans {
	struct load_span *all; /* owned */
	size_t count, cap;
	uint64_t next;   /* where the next block must begin */
	uint64_t blocks; /* seen */
	bool ended;
};

/* Add a block; one behind the last makes that longer. */
static int add_span(struct spans *s, uint64_t offset, uint64_t length)
{
	struct load_span *last = s->count ? &s->all[s->count - 1] : NULL;

	if (last && last->offset + last->length == offset) {
		last->length += length;
		return 0;
	}
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		void *grown = reallocarray(s->all, cap, sizeof(*s->all));

		if (!grown)
			return -ENOMEM;
		s->all = grown;
		s->cap = cap;
	}
	s->all[s->count++] = (struct load_span){offset, length};
	return 0;
}

/* Whether a block is needed; in doubt it is. */
static bool wanted(const struct jval *line, const struct filter *tables)
{
	/* What is never loaded when tables are asked for. */
	static const char *const others[] = {"view", "routine", "event"};
	const char *kind = jval_get_text(line, "kind");
	const char *part = jval_get_text(line, "part");
	const char *table = jval_get_text(line, "table");
	const char *db = jval_get_text(line, "db");
	bool named = (part && strcmp(part, "rows") == 0) ||
	             (kind && (strcmp(kind, "table") == 0 ||
	                       strcmp(kind, "sequence") == 0));

	for (size_t i = 0; kind && i < sizeof(others) / sizeof(others[0]);
	     i++) {
		if (strcmp(kind, others[i]) == 0)
			return false;
	}
	return !named || !table || filter_takes(tables, db ? db : "", table);
}

/* The line of one block. */
static int take_block(struct spans *s, const struct jval *line,
                      const struct filter *tables)
{
	uint64_t offset, length;

	if (s->ended || jval_get_u64(line, "offset", &offset) < 0 ||
	    jval_get_u64(line, "length", &length) < 0 || offset != s->next)
		return -EBADMSG;
	s->next += length;
	s->blocks++;
	return wanted(line, tables) ? add_span(s, offset, length) : 0;
}

/* One line, the number-th. */
static int take_line(struct spans *s, const char *text, size_t len,
                     uint64_t number, const struct filter *tables)
{
	cleanup(jval_freep) struct jval *line = NULL;
	uint64_t n = 0;
	bool end = false;

	if (jval_parse(text, len, &line, NULL) < 0)
		return -EBADMSG;
	if (number == 0)
		return jval_get_u64(line, "porter_index", &n) == 0 &&
		                       n == INDEX_VERSION
		               ? 0
		               : -EBADMSG;
	if (jval_get_bool(line, "end", &end) == 0 && end) {
		s->ended = true;
		return jval_get_u64(line, "blocks", &n) == 0 && n == s->blocks
		               ? 0
		               : -EBADMSG;
	}
	return take_block(s, line, tables);
}

int load_index_select(const char *text, size_t len, uint64_t size,
                      const struct filter *tables, struct load_span **ret,
                      size_t *ret_count)
{
	struct spans spans = {0};
	const char *end = text + len;
	uint64_t number = 0;
	int r = 0;

	while (r == 0 && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		if (!nl) {
			r = -EBADMSG;
			break;
		}
		r = take_line(&spans, text, (size_t)(nl - text), number++,
		              tables);
		text = nl + 1;
	}
	if (r == 0 && (!spans.ended || spans.next != size))
		r = -EBADMSG;
	if (r < 0) {
		free(spans.all);
		return r;
	}
	*ret = spans.all;
	*ret_count = spans.count;
	return 0;
}
