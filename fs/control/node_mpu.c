/* SPDX-License-Identifier: MIT */
/*
 * mpu/: multipart uploads that are open at the store, ours and others'.
 *
 * An upload that was kept (its writer was killed) can be published after all; any
 * can be aborted, by its id or by age.  Parts that are being written now belong
 * to a file of this mount: those are left alone.
 */
#include "base/json.h"
#include "control_impl.h"
#include "fs/recover.h"
#include "s3/store.h"

#include <string.h>

/* ---- listing ---- */

/* One upload of a page, copied. */
struct upload_row {
	char *key;
	char *id;
	struct timespec initiated;
};

struct upload_rows {
	struct upload_row *rows;
	size_t count;
	char *next_key; /* NULL = complete */
	char *next_id;
	int status;
};

static void rows_release(struct upload_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].key);
		free(rows->rows[i].id);
	}
	free(rows->rows);
	free(rows->next_key);
	free(rows->next_id);
	*rows = (struct upload_rows){0};
}

/* One LIST and where its page goes; store_call() has the owner for itself. */
struct asking {
	struct store_req req;
	struct upload_rows *rows;
};

/* store_req.done: what is borrowed there. */
static void page_came(struct store_req *req)
{
	struct upload_rows *rows = container_of(req, struct asking, req)->rows;
	const struct store_list_uploads *page = &req->list_uploads;

	if (req->status < 0)
		return;
	rows->rows = calloc(page->count + 1, sizeof(*rows->rows));
	if (!rows->rows) {
		rows->status = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < page->count; i++) {
		rows->rows[i] = (struct upload_row){
			.key = strdup(page->uploads[i].key),
			.id = strdup(page->uploads[i].upload_id),
			.initiated = page->uploads[i].initiated,
		};
		rows->count++;
		if (!rows->rows[i].key || !rows->rows[i].id)
			rows->status = -ENOMEM;
	}
	if (!page->next_key)
		return;
	rows->next_key = strdup(page->next_key);
	rows->next_id = strdup(page->next_id ? page->next_id : "");
	if (!rows->next_key || !rows->next_id)
		rows->status = -ENOMEM;
}

/* The page behind rows, which is released. */
static int next_page(struct object_store *store, struct upload_rows *rows,
                     struct err *reterr)
{
	cleanup(freep) char *key = take(&rows->next_key);
	cleanup(freep) char *id = take(&rows->next_id);
	struct asking asking = {
		.req = {.verb = STORE_MPU_LIST,
	                .list_uploads = {.prefix = "",
	                                 .key_marker = key,
	                                 .id_marker = id},
	                .done = page_came},
		.rows = rows,
	};
	int r;

	rows_release(rows);
	r = store_call(store, &asking.req);
	if (r < 0)
		return err_set(reterr, r, "%s", asking.req.err.text);
	return rows->status;
}

/* Every upload of a bucket; stops when each() says non-zero. */
static int each_upload(struct object_store *store,
                       int (*each)(void *ctx, const struct upload_row *row,
                                   struct err *reterr),
                       void *ctx, struct err *reterr)
{
	struct upload_rows rows = {0};
	int r;

	do {
		r = next_page(store, &rows, reterr);
		for (size_t i = 0; r == 0 && i < rows.count; i++)
			r = each(ctx, &rows.rows[i], reterr);
	} while (r == 0 && rows.next_key);
	rows_release(&rows);
	return r;
}

/* ---- ours ---- */

/* What is asked of the journal about one upload. */
struct ours {
	const char *upload_id;
	bool found;
	bool open; /* its writer is at it */
};

/* fs_uploads_each() */
static int look_at(void *ctx, const struct fs_upload *upload)
{
	struct ours *ours = ctx;

	if (strcmp(upload->upload_id, ours->upload_id) != 0)
		return 0;
	ours->found = true;
	ours->open = strcmp(upload->state, "kept") != 0;
	return 1;
}

static struct ours ask_journal(struct control *control, const char *upload_id)
{
	struct ours ours = {.upload_id = upload_id};

	(void)fs_uploads_each(control->config.journal, look_at, &ours);
	return ours;
}

/* ---- mpu/BUCKET.jsonl ---- */

int mpu_is_there(const struct node_at *at)
{
	struct fs_bucket_view view;

	return fs_bucket_named(at->control->config.fs, at->arg[0], &view);
}

void list_mpu(const struct node_at *at, node_list_fn *each, void *ctx)
{
	struct fs *fs = at->control->config.fs;

	for (size_t i = 0; i < fs_bucket_count(fs); i++) {
		struct fs_bucket_view view;
		cleanup(freep) char *name = NULL;

		fs_bucket_at(fs, i, &view);
		name = str_printf("%s.jsonl", view.name);
		if (!name || !each(ctx, name, false))
			return;
	}
}

struct showing {
	struct control *control;
	struct str *ret;
	int64_t now;
};

/* each_upload(): a line. */
static int add_upload(void *ctx, const struct upload_row *row,
                      struct err *reterr)
{
	struct showing *s = ctx;
	cleanup(jval_freep) struct jval *object = jval_new_object();
	struct ours ours = ask_journal(s->control, row->id);
	int64_t age = s->now - row->initiated.tv_sec;
	char ts[JOB_TS_MAX];

	(void)reterr;
	if (!object)
		return -ENOMEM;
	job_timestamp(&row->initiated, ts);
	if (jval_set_text(object, "key", row->key) < 0)
		(void)jval_set_text(object, "key", "(not UTF-8)");
	(void)jval_set_text(object, "upload_id", row->id);
	(void)jval_set_text(object, "initiated", ts);
	(void)jval_set_u64(object, "age_s", age > 0 ? (uint64_t)age : 0);
	(void)jval_set_bool(object, "ours", ours.found);
	(void)jval_set_text(object, "state",
	                    ours.open    ? "writing"
	                    : ours.found ? "kept"
	                                 : "foreign");
	if (jval_dump(object, s->ret) < 0)
		return -ENOMEM;
	str_add_char(s->ret, '\n');
	return 0;
}

/* A bucket that works. */
static int bucket_of(struct control *control, const char *name,
                     struct fs_bucket_view *ret, struct err *reterr)
{
	int r = fs_bucket_named(control->config.fs, name, ret);

	if (r < 0)
		return err_set(reterr, r, "there is no bucket '%s'", name);
	return ret->store ? 0
	                  : err_set(reterr, ret->broken,
	                            "bucket '%s' did not work when it was "
	                            "mounted",
	                            name);
}

int show_mpu(const struct node_at *at, struct str *ret, struct err *reterr)
{
	struct control *control = at->control;
	struct fs_bucket_view bucket;
	struct showing s = {
		.control = control,
		.ret = ret,
		.now = clock_wall(control->config.clock).tv_sec,
	};
	int r = bucket_of(control, at->arg[0], &bucket, reterr);

	return r < 0 ? r : each_upload(bucket.store, add_upload, &s, reterr);
}

/* ---- mpu/abort ---- */

/* Which uploads are meant, and how many went. */
struct aborting {
	struct control *control;
	struct object_store *store;
	const char *id; /* NULL: by age */
	int64_t before; /* begun before that */
	bool ours;      /* only ours */
	unsigned aborted;
};

/* each_upload(): abort it if it is meant. */
static int abort_one(void *ctx, const struct upload_row *row,
                     struct err *reterr)
{
	struct aborting *a = ctx;
	struct ours ours = ask_journal(a->control, row->id);
	struct store_req req = {
		.verb = STORE_MPU_ABORT,
		.key = row->key,
		.abort = {.upload_id = row->id},
	};
	int r;

	if (a->id ? strcmp(a->id, row->id) != 0
	          : row->initiated.tv_sec >= a->before ||
	                    (a->ours && !ours.found))
		return 0;
	if (ours.open && a->id)
		return err_set(reterr, -EBUSY, "'%s' is being written now",
		               row->key);
	if (ours.open)
		return 0;
	r = store_call(a->store, &req);
	if (r < 0 && r != -ENOENT)
		return err_set(reterr, r, "%s", req.err.text);
	a->aborted++;
	return a->id ? 1 : 0;
}

int do_mpu_abort(const struct node_at *at, struct node_command *command,
                 struct err *reterr)
{
	static const struct command_rule older = {.key = "older",
	                                          .type = COMMAND_DURATION};
	struct control *control = at->control;
	const struct command *words = command->command;
	struct fs_bucket_view bucket;
	struct aborting a = {
		.control = control,
		.id = command_text(words, "upload_id", 0),
		.ours = command_flag(words, "ours"),
		.before = clock_wall(control->config.clock).tv_sec,
	};
	int r;

	if (!a.id == !command_text(words, "older", 0))
		return err_set(reterr, -EINVAL,
		               "say upload_id=... or older=..., one of them");
	a.before -= (int64_t)(command_number(words, &older, 0, 0) / 1000);
	r = bucket_of(control, command_text(words, "bucket", 0), &bucket,
	              reterr);
	if (r < 0)
		return r;
	a.store = bucket.store;
	r = each_upload(a.store, abort_one, &a, reterr);
	if (r < 0)
		return r;
	if (a.id && a.aborted == 0)
		return err_set(reterr, -ENOENT, "there is no such upload");
	str_addf(command->reply, "%u\n", a.aborted);
	return 0;
}

/* ---- mpu/publish ---- */

/* The journal's number of a kept upload, by its id at the store. */
struct finding {
	const char *upload_id;
	uint64_t id; /* 0 = none */
};

/* fs_uploads_each() */
static int find_id(void *ctx, const struct fs_upload *upload)
{
	struct finding *finding = ctx;

	if (strcmp(upload->upload_id, finding->upload_id) != 0)
		return 0;
	finding->id = upload->id;
	return 1;
}

int do_mpu_publish(const struct node_at *at, struct node_command *command,
                   struct err *reterr)
{
	struct control *control = at->control;
	struct finding finding = {
		.upload_id = command_text(command->command, "upload_id", 0),
	};
	struct fs_bucket_view bucket;
	int r = bucket_of(control, command_text(command->command, "bucket", 0),
	                  &bucket, reterr);

	if (r == 0)
		r = fs_bucket_may(control->config.fs, bucket.number, false,
		                  reterr);
	if (r < 0)
		return r;
	(void)fs_uploads_each(control->config.journal, find_id, &finding);
	if (finding.id == 0)
		return err_set(reterr, -ENOENT,
		               "this mount kept no such upload");
	return fs_upload_publish(control->config.fs, finding.id, reterr);
}
