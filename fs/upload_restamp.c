/* SPDX-License-Identifier: MIT */
/*
 * Late metadata: times, mode and owner that were set after an upload's Create
 * had taken the headers along.  A COPY onto itself brings them, before close
 * returns.  When its reply is lost, a HEAD tells by the nonce, which differs
 * from the commit's, which of the two versions is there.
 */
#include "base/log.h"
#include "base/str.h"
#include "upload_state.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether two descriptions say the same, but for the nonce. */
static bool same_headers(const struct store_headers *a,
                         const struct store_headers *b)
{
	if (!same_text(a->content_type, b->content_type) ||
	    a->meta_count != b->meta_count)
		return false;

	for (size_t i = 0; i < a->meta_count; i++) {
		if (!same_text(a->meta[i].name, b->meta[i].name))
			return false;
		if (!same_text(a->meta[i].value, b->meta[i].value) &&
		    a->meta[i].value != attr_nonce(a))
			return false;
	}
	return true;
}

/* done() of the COPY onto itself. */
static void restamp_done(struct store_req *req)
{
	struct upload *up = req->owner;

	(void)pthread_mutex_lock(&up->lock);
	upload_req_ended_locked(up);
	up->first_error = req->status;
	up->first_story = req->err;
	if (req->status == 0 && req->info.etag[0] != '\0') {
		(void)str_copy(up->info.etag, sizeof(up->info.etag),
		               req->info.etag);
		upload_publish(up, 0, NULL);
		return;
	}
	up->stage = STAGE_VERIFY;
	(void)pthread_mutex_unlock(&up->lock);
	upload_go_on(up);
	upload_unref(up);
}

/* Send the COPY. The lock is held on entry and on return. */
static void restamp_submit(struct upload *up)
{
	up->req = (struct store_req){
		.verb = STORE_COPY,
		.key = up->target->key,
		.copy = {.source = up->store,
	                 .source_key = up->target->key,
	                 .source_if_match = up->limits->copy_source_match
	                                            ? up->info.etag
	                                            : NULL,
	                 .replace_headers = true,
	                 .headers = up->late->headers.headers},
		.done = restamp_done,
	};
	upload_req_submit(up);
}

void upload_restamp(struct upload *up)
{
	struct upload_target *late = NULL;
	bool same;
	int r;

	/* Told apart from the commit's, by one digit. */
	up->nonce[0] = up->nonce[0] == '0' ? '1' : '0';
	r = upload_ask_target(up, true, &late);
	same = r == 0 && same_headers(&late->headers.headers,
	                              &up->target->headers.headers);
	if (r == 0 && !same && up->info.size > up->limits->copy_max) {
		log_warning("'%s' keeps the metadata it was begun with: at "
		            "%llu bytes it is too big for one copy",
		            up->target->key, (unsigned long long)up->info.size);
		same = true;
	}

	(void)upload_ref(up);
	(void)pthread_mutex_lock(&up->lock);
	up->late = late;
	if (r < 0) {
		struct err err;

		(void)err_set(&err, r, "late metadata of '%s': %s",
		              up->target->key, err_name(r));
		upload_publish(up, r, &err);
	} else if (same) {
		upload_publish(up, 0, NULL);
	} else {
		restamp_submit(up);
		(void)pthread_mutex_unlock(&up->lock);
		upload_unref(up);
	}
}
