/* SPDX-License-Identifier: MIT */
/*
 * Patterns of names.
 */
#include "filter.h"

#include "base/str.h"
#include "sql_name.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

struct pattern {
	char *db;   /* owned; NULL = any */
	char *name; /* owned */
	char *text; /* owned; as it was written */
	bool refuse;
	bool db_quoted;
	bool quoted; /* a name, not a pattern */
	bool used;
};

struct filter {
	struct pattern *patterns; /* owned */
	size_t count;
	bool takes_some; /* there is one without "!" */
};

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	for (size_t i = 0; i < filter->count; i++) {
		free(filter->patterns[i].db);
		free(filter->patterns[i].name);
		free(filter->patterns[i].text);
	}
	free(filter->patterns);
	free(filter);
}

/* One half of "db.table": a quoted name or a run up to '.' or ','. */
static const char *half(const char *at, struct str *ret, bool *ret_quoted)
{
	str_reset(ret);
	*ret_quoted = false;
	if (*at == '`') {
		const char *end = sql_next_name(at, ret, ret_quoted);

		if (*ret_quoted)
			return end;
		str_reset(ret);
	}
	while (*at && *at != ',' && *at != '.')
		str_add_char(ret, *at++);
	return at;
}

/* The pattern at at, into p; returns what is behind it. */
static const char *parse(const char *at, struct pattern *p)
{
	cleanup(str_release) struct str first = {0};
	cleanup(str_release) struct str second = {0};
	const char *begin = at;

	p->refuse = *at == '!';
	at = half(at + p->refuse, &first, &p->quoted);
	if (*at == '.') {
		p->db_quoted = p->quoted;
		at = half(at + 1, &second, &p->quoted);
		p->db = strdup(str_text(&first));
		p->name = strdup(str_text(&second));
	} else {
		p->name = strdup(str_text(&first));
	}
	while (*at && *at != ',') /* behind a closing backtick */
		at++;
	p->text = strndup(begin, (size_t)(at - begin));
	return at;
}

static int add(struct filter *filter, const char **at)
{
	struct pattern *more = reallocarray(filter->patterns, filter->count + 1,
	                                    sizeof(*more));

	if (!more)
		return -ENOMEM;
	filter->patterns = more;

	struct pattern *p = &more[filter->count++];

	memset(p, 0, sizeof(*p));
	*at = parse(*at, p);
	filter->takes_some |= !p->refuse;
	return p->name && p->text ? 0 : -ENOMEM;
}

int filter_new(const char *text, struct filter **ret)
{
	cleanup(filter_freep) struct filter *filter =
		calloc(1, sizeof(*filter));

	if (!filter)
		return -ENOMEM;
	for (const char *at = text ? text : ""; *at;) {
		if (*at == ',' || *at == ' ') {
			at++;
			continue;
		}

		int r = add(filter, &at);

		if (r < 0)
			return r;
	}
	*ret = take(&filter);
	return 0;
}

static bool fits(const char *pattern, bool quoted, const char *name)
{
	return quoted ? strcmp(pattern, name) == 0
	              : fnmatch(pattern, name, 0) == 0;
}

bool filter_takes(const struct filter *filter, const char *db, const char *name)
{
	bool taken = !filter->takes_some, refused = false;

	for (size_t i = 0; i < filter->count; i++) {
		struct pattern *p = &filter->patterns[i];

		if (!fits(p->name, p->quoted, name) ||
		    (p->db && !fits(p->db, p->db_quoted, db)))
			continue;
		p->used = true;
		if (p->refuse)
			refused = true;
		else
			taken = true;
	}
	return taken && !refused;
}

const char *filter_unused(const struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++)
		if (!filter->patterns[i].used && !filter->patterns[i].refuse)
			return filter->patterns[i].text;
	return NULL;
}
