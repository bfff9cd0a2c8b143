/* SPDX-License-Identifier: MIT */
#include "upload_stray.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

#define CANDIDATES_MAX 16
#define SLACK_S        2 /* the list has whole seconds, of another clock */

/* What the list has shown. */
struct hunt {
	struct store_req req; /* the list's */
	const struct upload_stray *stray;
	char ids[CANDIDATES_MAX][STORE_UPLOAD_ID_MAX];
	unsigned count; /* may be beyond CANDIDATES_MAX */
	char next_key[STORE_KEY_MAX + 1];
	char next_id[STORE_UPLOAD_ID_MAX];
	bool more;
};

bool upload_stray_matches(const struct upload_stray *stray,
                          const struct store_upload_info *upload)
{
	uint64_t began = (uint64_t)upload->initiated.tv_sec;

	return strcmp(upload->key, stray->key) == 0 &&
	       strcmp(upload->upload_id, stray->known_id) != 0 &&
	       began + SLACK_S >= stray->from_s &&
	       began <= stray->to_s + SLACK_S;
}

/* done() of one page: its lines live here only. */
static void page_done(struct store_req *req)
{
	struct hunt *hunt = container_of(req, struct hunt, req);
	const struct store_list_uploads *list = &req->list_uploads;

	if (req->status < 0)
		return;
	for (size_t i = 0; i < list->count; i++) {
		if (!upload_stray_matches(hunt->stray, &list->uploads[i]))
			continue;
		if (hunt->count < CANDIDATES_MAX)
			(void)str_copy(hunt->ids[hunt->count],
			               STORE_UPLOAD_ID_MAX,
			               list->uploads[i].upload_id);
		hunt->count++;
	}
	hunt->more = list->next_key &&
	             str_copy(hunt->next_key, sizeof(hunt->next_key),
	                      list->next_key) &&
	             str_copy(hunt->next_id, sizeof(hunt->next_id),
	                      list->next_id ? list->next_id : "");
}

/* All pages of the key. */
static int list_all(struct object_store *store, struct hunt *hunt)
{
	int r;

	do {
		hunt->req = (struct store_req){
			.verb = STORE_MPU_LIST,
			.list_uploads = {.prefix = hunt->stray->key,
		                         .key_marker = hunt->more
		                                               ? hunt->next_key
		                                               : NULL,
		                         .id_marker = hunt->more ? hunt->next_id
		                                                 : NULL},
			.done = page_done,
		};
		hunt->more = false;
		r = store_call(store, &hunt->req);
	} while (r == 0 && hunt->more);
	return r;
}

/* done() of LIST_PARTS: how many are there. */
static void parts_done(struct store_req *req)
{
	req->list_parts.after = req->status == 0 && req->list_parts.count > 0;
}

/* Whether nobody has sent a part: 1, 0, or why it cannot be told. */
static int is_empty(struct object_store *store, const char *key, const char *id)
{
	struct store_req req = {
		.verb = STORE_MPU_LIST_PARTS,
		.key = key,
		.list_parts = {.upload_id = id},
		.done = parts_done,
	};
	int r = store_call(store, &req);

	return r < 0 ? r : req.list_parts.after == 0;
}

static int abort_one(struct object_store *store, const char *key,
                     const char *id)
{
	struct store_req req = {
		.verb = STORE_MPU_ABORT,
		.key = key,
		.abort = {.upload_id = id},
	};
	int r = store_call(store, &req);

	return r == -ENOENT ? 0 : r;
}

/* Of the candidates, those that nobody writes. Returns their number. */
static int keep_empty(struct object_store *store, struct hunt *hunt)
{
	unsigned kept = 0;

	if (hunt->count > CANDIDATES_MAX)
		return (int)hunt->count;
	for (unsigned i = 0; i < hunt->count; i++) {
		int r = is_empty(store, hunt->stray->key, hunt->ids[i]);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 1 && kept != i)
			memcpy(hunt->ids[kept], hunt->ids[i],
			       sizeof(hunt->ids[i]));
		kept += r == 1;
	}
	hunt->count = kept;
	return (int)kept;
}

int upload_stray_abort(struct object_store *store,
                       const struct upload_stray *stray)
{
	cleanup(freep) struct hunt *hunt = calloc(1, sizeof(*hunt));
	int r;

	if (!hunt)
		return -ENOMEM;
	hunt->stray = stray;
	r = list_all(store, hunt);
	if (r == 0)
		r = keep_empty(store, hunt);
	if (r < 0)
		return r;
	if ((unsigned)r > stray->expected) {
		log_warning("%d uploads of '%s' may be what a lost reply has "
		            "left, and may be others': none is aborted",
		            r, stray->key);
		return -EEXIST;
	}
	for (unsigned i = 0; i < hunt->count; i++) {
		r = abort_one(store, stray->key, hunt->ids[i]);
		if (r < 0)
			return r;
		log_info("an upload of '%s' whose reply got lost is aborted "
		         "(upload id %s)",
		         stray->key, hunt->ids[i]);
	}
	return (int)hunt->count;
}
