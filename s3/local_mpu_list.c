/* SPDX-License-Identifier: MIT */
/* Listings of uploads and of the parts of one. */
#include "local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PAGE 1000 /* lines */

/* Numbers of parts, as they were found. */
struct numbers {
	unsigned *list;
	size_t count;
	size_t cap;
};

/* Add a number. */
static int add_number(struct numbers *numbers, unsigned number)
{
	size_t cap = numbers->cap ? 2 * numbers->cap : 64;
	unsigned *list;

	if (numbers->count == numbers->cap) {
		list = realloc(numbers->list, cap * sizeof(*list));
		if (!list)
			return -ENOMEM;
		numbers->list = list;
		numbers->cap = cap;
	}
	numbers->list[numbers->count++] = number;
	return 0;
}

/* The number of a part's file name, 0 for any other. */
static unsigned number_of(const char *name)
{
	uint64_t number;

	if (strlen(name) != 5 || strspn(name, "0123456789") != 5)
		return 0;
	return str_to_u64(name, &number) == 0 ? (unsigned)number : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a;
	unsigned y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* All part numbers above after, sorted. */
static int read_numbers(int dir, unsigned after, struct numbers *ret)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!stream) {
		r = -errno;
		closep(&fd);
		return r;
	}
	while (r == 0 && (entry = readdir(stream))) {
		unsigned number = number_of(entry->d_name);

		if (number > after)
			r = add_number(ret, number);
	}
	(void)closedir(stream);
	if (ret->count > 0)
		qsort(ret->list, ret->count, sizeof(*ret->list),
		      compare_numbers);
	return r;
}

/* One line of the listing. */
static int fill_part(int dir, unsigned number, struct store_part_info *ret)
{
	struct local_part part;
	char name[8];
	int fd;
	int r;

	local_part_name(number, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = local_part_read(fd, &part);
	(void)close(fd);
	if (r < 0)
		return r;
	ret->number = number;
	ret->size = part.size;
	(void)str_copy(ret->etag, sizeof(ret->etag), part.etag);
	return 0;
}

int local_mpu_list_parts(struct local_op *op)
{
	struct store_list_parts *list = &op->req->list_parts;
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	struct store_part_info *rows = calloc(PAGE, sizeof(*rows));
	struct numbers numbers = {0};
	int r;

	op->reply.rows = rows;
	if (!rows)
		return -ENOMEM;
	/* Locked, since a Complete takes the first part away for a while. */
	r = local_upload_find(op, list->upload_id, true, &upload);
	if (r < 0)
		return r;

	list->parts = rows;
	list->count = 0;
	list->next = 0;
	r = read_numbers(upload.dir, list->after, &numbers);
	for (size_t i = 0; r == 0 && i < numbers.count; i++) {
		if (list->count == PAGE) {
			list->next = rows[PAGE - 1].number;
			break;
		}
		r = fill_part(upload.dir, numbers.list[i], &rows[list->count]);
		list->count += r == 0 ? 1 : 0;
	}
	free(numbers.list);
	return r < 0 ? local_fail_errno(op, r, "listing the parts") : 0;
}

/* An upload in a listing. */
struct row {
	char *key; /* whole key, owned */
	char id[LOCAL_UPLOAD_ID_LEN + 1];
	struct timespec initiated;
};

/* All uploads that a listing is about. */
struct rows {
	const char *prefix;
	size_t prefix_len; /* the store's own */
	struct row *list;
	size_t count;
};

/* Whether an upload's key is below both the store's and the list's prefix. */
static bool belongs(const struct local_store *local, const struct rows *rows,
                    const char *key)
{
	return str_starts(key, local->prefix) &&
	       str_starts(key + local->prefix_len, rows->prefix);
}

/* Add the upload with that id. */
static int add_row(struct local_store *local, const char *id, void *ctx)
{
	struct rows *rows = ctx;
	cleanup(local_upload_release) struct local_upload upload =
		LOCAL_UPLOAD_NONE;
	int r = local_upload_open(local, id, false, &upload);
	struct row *list;
	struct row *row;

	if (r < 0)
		return r == -ENOENT ? 0 : r; /* it has just ended */
	if (!belongs(local, rows, upload.key))
		return 0;
	list = realloc(rows->list, (rows->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	rows->list = list;
	row = &list[rows->count++];
	row->key = take(&upload.key);
	row->initiated = upload.initiated;
	memcpy(row->id, upload.id, sizeof(row->id));
	return 0;
}

/* By key, then by age, as S3 lists uploads. */
static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		order = (x->initiated.tv_sec > y->initiated.tv_sec) -
		        (x->initiated.tv_sec < y->initiated.tv_sec);
	if (order == 0)
		order = (x->initiated.tv_nsec > y->initiated.tv_nsec) -
		        (x->initiated.tv_nsec < y->initiated.tv_nsec);
	return order ? order : strcmp(x->id, y->id);
}

/* The first row after the markers. */
static size_t skip_rows(const struct rows *rows,
                        const struct store_list_uploads *list)
{
	size_t i = 0;

	if (!list->key_marker)
		return 0;
	while (i < rows->count && strcmp(rows->list[i].key + rows->prefix_len,
	                                 list->key_marker) < 0)
		i++;
	for (; i < rows->count &&
	       !strcmp(rows->list[i].key + rows->prefix_len, list->key_marker);
	     i++) {
		if (list->id_marker &&
		    strcmp(rows->list[i].id, list->id_marker) == 0)
			return i + 1;
	}
	return i;
}

/* Put a page of rows into the reply; keys stay alive in its texts. */
static int fill_page(struct local_op *op, const struct rows *rows)
{
	struct store_list_uploads *list = &op->req->list_uploads;
	struct store_upload_info *page = calloc(PAGE, sizeof(*page));
	struct str *texts = &op->reply.texts;
	size_t start = skip_rows(rows, list);
	size_t at = 0;

	op->reply.rows = page;
	if (!page)
		return -ENOMEM;
	for (size_t i = start; i < rows->count && i - start < PAGE; i++) {
		str_add_mem(texts, rows->list[i].key + rows->prefix_len,
		            strlen(rows->list[i].key + rows->prefix_len) + 1);
		str_add_mem(texts, rows->list[i].id, LOCAL_UPLOAD_ID_LEN + 1);
	}
	if (str_status(texts) < 0)
		return -ENOMEM;

	list->uploads = page;
	for (size_t i = start; i < rows->count && i - start < PAGE; i++) {
		struct store_upload_info *row = &page[list->count++];

		row->key = texts->data + at;
		at += strlen(row->key) + 1;
		row->upload_id = texts->data + at;
		at += LOCAL_UPLOAD_ID_LEN + 1;
		row->initiated.tv_sec = rows->list[i].initiated.tv_sec;
	}
	if (rows->count - start > PAGE) {
		list->next_key = page[PAGE - 1].key;
		list->next_id = page[PAGE - 1].upload_id;
	}
	return 0;
}

int local_mpu_list(struct local_op *op)
{
	struct store_list_uploads *list = &op->req->list_uploads;
	struct rows rows = {
		.prefix = list->prefix ? list->prefix : "",
		.prefix_len = op->local->prefix_len,
	};
	int r = local_uploads_each(op->local, add_row, &rows);

	list->count = 0;
	list->next_key = NULL;
	list->next_id = NULL;
	if (r == 0 && rows.count > 0)
		qsort(rows.list, rows.count, sizeof(*rows.list), compare_rows);
	if (r == 0)
		r = fill_page(op, &rows);
	for (size_t i = 0; i < rows.count; i++)
		free(rows.list[i].key);
	free(rows.list);
	return r < 0 ? local_fail_errno(op, r, "listing the uploads") : 0;
}
