/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include "base/lock.h"
#include "base/str.h"
#include "s3/store.h"

#include <string.h>

/* One object of a page; texts are offsets into the page's. */
struct scan_row {
	size_t key;
	size_t etag;
	size_t storage_class;
	uint64_t size;
	int64_t mtime;
};

struct scan_page {
	struct str text;
	struct scan_row *rows;
	size_t count;
	size_t cap;
	char *next; /* token of the page behind; NULL = the last */
	int status;
	struct err err;
};

struct scan {
	struct object_store *store;
	char *prefix;
	struct scan_page page;  /* being walked */
	struct scan_page ahead; /* lock until arrived */
	size_t at;              /* the next row of page */
	char *token;            /* of the page that is on its way */
	const char *key;
	unsigned requests;
	bool begun;
	bool asking; /* ahead was asked for */

	struct store_req req;
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool arrived; /* lock */
};

static void page_release(struct scan_page *page)
{
	str_release(&page->text);
	free(page->rows);
	free(page->next);
	*page = (struct scan_page){0};
}

/* Put a text with its end into the page; where it is. */
static size_t add_text(struct scan_page *page, const char *text, size_t len)
{
	size_t at = page->text.len;

	str_add_mem(&page->text, text, len);
	str_add_char(&page->text, '\0');
	return at;
}

static int add_entry(struct scan_page *page, const struct store_entry *entry)
{
	const char *etag = entry->etag ? entry->etag : "";
	const char *class = entry->storage_class ? entry->storage_class : "";
	struct scan_row *row;

	if (page->count == page->cap) {
		size_t cap = page->cap ? page->cap * 2 : 64;
		struct scan_row *rows =
			reallocarray(page->rows, cap, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		page->rows = rows;
		page->cap = cap;
	}
	row = &page->rows[page->count++];
	row->key = add_text(page, entry->key, entry->key_len);
	row->etag = add_text(page, etag, strlen(etag));
	row->storage_class = add_text(page, class, strlen(class));
	row->size = entry->size;
	row->mtime = entry->mtime.tv_sec;
	return str_status(&page->text);
}

/* store_req.done: copy the page. */
static void page_came(struct store_req *req)
{
	struct scan *scan = req->owner;
	struct scan_page *page = &scan->ahead;
	int r = req->status;

	page->err = req->err;
	for (size_t i = 0; r == 0 && i < req->list.count; i++)
		if (!req->list.entries[i].is_prefix)
			r = add_entry(page, &req->list.entries[i]);
	if (r == 0 && req->list.next_token) {
		page->next = strdup(req->list.next_token);
		r = page->next ? 0 : -ENOMEM;
	}
	page->status = r;

	WITH_LOCK(&scan->lock);
	scan->arrived = true;
	(void)pthread_cond_signal(&scan->came);
}

/* Ask for the page behind that token; takes it. */
static void ask(struct scan *scan, char *token)
{
	free(scan->token);
	scan->token = token;
	scan->asking = true;
	scan->arrived = false;
	scan->requests++;
	scan->req = (struct store_req){
		.verb = STORE_LIST,
		.list = {.prefix = scan->prefix, .token = token},
		.done = page_came,
		.owner = scan,
	};
	store_submit(scan->store, &scan->req);
}

static void wait_for_page(struct scan *scan)
{
	WITH_LOCK(&scan->lock);

	while (!scan->arrived)
		(void)pthread_cond_wait(&scan->came, &scan->lock);
	scan->asking = false;
}

int scan_new(struct object_store *store, const char *prefix, struct scan **ret)
{
	struct scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return -ENOMEM;
	scan->store = store;
	scan->prefix = strdup(prefix);
	if (!scan->prefix) {
		free(scan);
		return -ENOMEM;
	}
	(void)pthread_mutex_init(&scan->lock, NULL);
	(void)pthread_cond_init(&scan->came, NULL);
	*ret = scan;
	return 0;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	if (scan->asking)
		wait_for_page(scan);
	page_release(&scan->page);
	page_release(&scan->ahead);
	free(scan->token);
	free(scan->prefix);
	(void)pthread_cond_destroy(&scan->came);
	(void)pthread_mutex_destroy(&scan->lock);
	free(scan);
}

/* The page that was asked for becomes the one that is walked. */
static int turn_page(struct scan *scan, struct err *reterr)
{
	wait_for_page(scan);
	page_release(&scan->page);
	scan->page = scan->ahead;
	scan->ahead = (struct scan_page){0};
	scan->at = 0;
	if (scan->page.status < 0)
		return err_set(reterr, scan->page.status, "%s",
		               scan->page.err.text[0]
		                       ? scan->page.err.text
		                       : strerror(-scan->page.status));
	if (scan->page.next)
		ask(scan, take(&scan->page.next));
	return 0;
}

int scan_next(struct scan *scan, struct copy_entry *ret, struct err *reterr)
{
	const struct scan_row *row;
	const char *text;

	if (!scan->begun) {
		scan->begun = true;
		ask(scan, NULL);
	}
	while (scan->at == scan->page.count) {
		int r = scan->asking ? turn_page(scan, reterr) : 0;

		if (r < 0)
			return r;
		if (scan->at == scan->page.count && !scan->asking)
			return 0;
	}
	row = &scan->page.rows[scan->at++];
	text = str_text(&scan->page.text);
	scan->key = text + row->key;
	*ret = (struct copy_entry){
		.name = scan->key + strlen(scan->prefix),
		.size = row->size,
		.mtime = row->mtime,
		.etag = text + row->etag,
		.storage_class = text + row->storage_class,
	};
	return 1;
}

const char *scan_key(const struct scan *scan)
{
	return scan->key;
}

unsigned scan_requests(const struct scan *scan)
{
	return scan->requests;
}
