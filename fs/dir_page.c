/* SPDX-License-Identifier: MIT */
#include "dir_page.h"

#include <stdlib.h>
#include <string.h>

/* A page being built. */
struct builder {
	struct dir_page *page;
	const struct listing *listing;
	const struct dir_extras *extras;
	struct dir_page *next;
	size_t extra;                 /* the next one to be merged */
	char last[STORE_KEY_MAX + 2]; /* the listing's last name */
};

void dir_page_drop(struct dir_page *page)
{
	str_release(&page->names);
	page->filled = false;
}

void dir_page_release(struct dir_page *page)
{
	str_release(&page->names);
	str_release(&page->carry);
	free(page->token);
}

/* Put a name (with a slash for a directory) on the page. */
static void put(struct builder *b, const char *text, char kind)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '/') {
		kind = DIR_PAGE_DIR;
		len--;
	}
	str_add_char(&b->page->names, kind);
	str_add_mem(&b->page->names, text, len);
	str_add_char(&b->page->names, 0);
	b->page->count++;
}

/* Put the extras that stand before text; whether text is one of them. */
static bool put_extras_before(struct builder *b, const char *text)
{
	while (b->extra < b->extras->count) {
		const char *name = b->extras->names[b->extra];
		int r = text ? strcmp(name, text) : -1;

		if (r > 0)
			return false;
		b->extra++;
		if (r == 0)
			return true;
		put(b, name, DIR_PAGE_LOCAL);
	}
	return false;
}

/* The i-th line of the listing as a name with its slash; false: not shown. */
static bool line(const struct builder *b, size_t i, char ret[STORE_KEY_MAX + 2])
{
	const struct store_entry *entry = &b->listing->page->entries[i];
	const char *name;
	size_t len;

	if (!listing_name(b->listing, entry, &name, &len))
		return false;
	memcpy(ret, name, len);
	if (entry->is_prefix)
		ret[len++] = '/';
	ret[len] = 0;
	return true;
}

/* Whether a directory of the file's name stands at or behind the i-th line. */
static bool directory_follows(const struct builder *b, const char *file,
                              size_t i)
{
	size_t len = strlen(file);
	char text[STORE_KEY_MAX + 2];

	for (; i < b->listing->page->count; i++) {
		if (!line(b, i, text))
			continue;
		if (strncmp(text, file, len) != 0)
			return false;
		if (text[len] == '/' && text[len + 1] == 0)
			return true;
	}
	return false;
}

/* Whether "file/" may stand on the next page. */
static bool undecided(const struct builder *b, const char *file)
{
	size_t len = strlen(file);
	int r;

	if (!b->next)
		return false;
	r = strncmp(file, b->last, len);
	return r > 0 || (r == 0 && '/' > (unsigned char)b->last[len]);
}

/* Put a file, leave it out, or carry it over; its line is before the i-th. */
static void put_file(struct builder *b, const char *file, size_t i)
{
	if (directory_follows(b, file, i))
		return;
	if (undecided(b, file)) {
		str_add_mem(&b->next->carry, file, strlen(file) + 1);
		return;
	}
	put(b, file,
	    put_extras_before(b, file) ? DIR_PAGE_LOCAL : DIR_PAGE_FILE);
}

/* Put the listing's lines. */
static void put_lines(struct builder *b)
{
	char text[STORE_KEY_MAX + 2];

	for (size_t i = 0; i < b->listing->page->count; i++) {
		if (!line(b, i, text))
			continue;
		if (text[strlen(text) - 1] != '/') {
			put_file(b, text, i + 1);
			continue;
		}
		(void)put_extras_before(b, text);
		put(b, text, DIR_PAGE_DIR);
	}
}

int dir_page_build(struct dir_page *page, const struct listing *listing,
                   const struct dir_extras *extras, struct dir_page *next)
{
	struct builder b = {
		.page = page,
		.listing = listing,
		.extras = extras,
		.next = next,
		.extra = page->extra_from,
	};
	int r;

	page->count = 0;
	page->last = !next;
	for (size_t i = listing->page->count; i > 0 && !b.last[0]; i--)
		(void)line(&b, i - 1, b.last);
	for (size_t at = 0; at < page->carry.len;
	     at += strlen(page->carry.data + at) + 1)
		put_file(&b, page->carry.data + at, 0);
	put_lines(&b);
	if (!next)
		(void)put_extras_before(&b, NULL);

	r = str_status(&page->names);
	if (r == 0 && next)
		r = str_status(&next->carry);
	if (r < 0) {
		dir_page_drop(page);
		return r;
	}
	page->filled = true;
	if (next) {
		next->first = page->first + page->count;
		next->extra_from = b.extra;
	}
	return 0;
}
