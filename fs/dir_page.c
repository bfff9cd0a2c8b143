/* SPDX-License-Identifier: MIT */
#include "dir_page.h"

#include "escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A page being built. */
struct builder {
	struct dir_page *page;
	const struct listing *listing;
	const struct dir_extras *extras;
	struct dir_page *next;
	size_t extra;                 /* the next one to be merged */
	size_t asides;                /* files put with the mark */
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
	free(page->after);
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

/* The text of keys behind a name, which decides their order. */
static const char *key_text(const char *name, char ret[STORE_KEY_MAX + 1])
{
	return escape_path_is_odd(name) && escape_to_key(name, ret) == 0 ? ret
	                                                                 : name;
}

/* Whether "file/" may stand on the next page. */
static bool undecided(const struct builder *b, const char *file)
{
	char file_text[STORE_KEY_MAX + 1];
	char last_text[STORE_KEY_MAX + 1];
	const char *key = key_text(file, file_text);
	const char *last = key_text(b->last, last_text);
	size_t len = strlen(key);
	int r;

	if (!b->next)
		return false;
	r = strncmp(key, last, len);
	return r > 0 || (r == 0 && '/' > (unsigned char)last[len]);
}

/* Put a file that is a directory too, with the mark. */
static void put_aside(struct builder *b, const char *file)
{
	char text[STORE_KEY_MAX + sizeof(ESCAPE_ASIDE)];

	(void)snprintf(text, sizeof(text), "%s%s", file, ESCAPE_ASIDE);
	put(b, text, DIR_PAGE_FILE);
	b->asides++;
}

/* Order of a name against an element of extras. */
static int by_text(const void *name, const void *element)
{
	return strcmp(name, *(const char *const *)element);
}

/* Whether a directory of the file's name only is here. */
static bool directory_here(const struct builder *b, const char *file)
{
	char text[STORE_KEY_MAX + 2];

	(void)snprintf(text, sizeof(text), "%s/", file);
	return b->extras->count > 0 &&
	       bsearch(text, b->extras->names, b->extras->count,
	               sizeof(*b->extras->names), by_text);
}

/* Put a file, or carry it over; its line is before the i-th. */
static void put_file(struct builder *b, const char *file, size_t i)
{
	if (directory_here(b, file) ||
	    listing_directory_follows(b->listing, file, strlen(file), i)) {
		put_aside(b, file);
		return;
	}
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
	page->asides = page->carry.len > 0 && b.asides > 0;
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
