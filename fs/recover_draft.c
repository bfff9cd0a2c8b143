/* SPDX-License-Identifier: MIT */
/*
 * One edit of an earlier run: the draft is made again from its record and its
 * file, and sent as any other, with the condition that what it replaces is
 * still there.
 *
 *   HEAD   ours already: the record goes
 *          what is to be replaced: send, finish
 *          something else: send, keep the upload for a person
 */
#include "recover_draft.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/str.h"
#include "content_state.h"
#include "draft_note.h"
#include "draft_send.h"
#include "fs/journal.h"
#include "recover_upload.h"
#include "staging.h"

#include <dirent.h>
#include <string.h>

#define HEAD_MS 10000 /* the start waits for it */

/* One edit on its way to the store. */
struct edit_again {
	const struct draft_record *record;
	struct bucket *bucket;
	struct draft *draft;
	struct upload *up;
	struct draft_send send;
	struct upload_finish finish;

	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned answers; /* lock: done()s that came */
	bool released;    /* lock: the upload is gone */
};

/* ---- the answers ---- */

static void tell(struct edit_again *edit, bool released)
{
	WITH_LOCK(&edit->lock);
	if (released)
		edit->released = true;
	else
		edit->answers++;
	(void)pthread_cond_broadcast(&edit->told);
}

/* Block until the next answer came. */
static void wait_answer(struct edit_again *edit)
{
	WITH_LOCK(&edit->lock);
	while (edit->answers == 0)
		(void)pthread_cond_wait(&edit->told, &edit->lock);
	edit->answers--;
}

static void wait_released(struct edit_again *edit)
{
	WITH_LOCK(&edit->lock);
	while (!edit->released)
		(void)pthread_cond_wait(&edit->told, &edit->lock);
}

static void sent(struct draft_send *send)
{
	tell(container_of(send, struct edit_again, send), false);
}

static void finished(struct upload_finish *finish)
{
	tell(container_of(finish, struct edit_again, finish), false);
}

static void released(void *owner)
{
	tell(owner, true);
}

/* describe() of the upload: the headers as they were noted. */
static int describe(void *owner, const char *nonce, bool stream,
                    struct upload_target *ret)
{
	struct edit_again *edit = owner;
	const struct store_headers *from = &edit->record->headers;
	struct attr_headers *to = &ret->headers;

	(void)nonce; /* the noted one is among them */
	(void)stream;
	ret->key = strdup(edit->record->key);
	if (!ret->key)
		return -ENOMEM;
	to->headers = *from;
	memcpy(to->meta, from->meta, from->meta_count * sizeof(to->meta[0]));
	to->headers.meta = to->meta;
	return 0;
}

/* ---- making the draft ---- */

/* The bucket of a source, by what its record says. */
static struct bucket *find_bucket(struct fs *fs, const char *identity)
{
	for (size_t i = 0; i < fs->bucket_count; i++)
		if (strcmp(fs->buckets[i].identity, identity) == 0 &&
		    fs->buckets[i].store)
			return &fs->buckets[i];
	return NULL;
}

/* The sources, shared; NULL where the record has none. */
static int make_sources(struct fs *fs, const struct draft_record *record,
                        struct stored **ret)
{
	for (size_t i = 0; i < record->source_count; i++) {
		const struct draft_source_record *source = &record->sources[i];
		struct bucket *bucket = find_bucket(fs, source->identity);

		if (!source->key[0])
			continue;
		if (!bucket)
			return -ENXIO;
		ret[i] = stored_new(fs->contents->cache, bucket->store,
		                    source->key, source->etag, source->size);
		if (!ret[i])
			return -ENOMEM;
	}
	return 0;
}

/* The map of the record. */
static int make_map(const struct draft_record *record, struct extents *ret)
{
	int r = 0;

	extents_init(ret);
	for (size_t i = 0; r == 0 && i < record->extent_count; i++)
		r = extents_put(ret, &record->extents[i]);
	return r;
}

/* Fill a fresh draft. */
static int fill(struct fs *fs, const struct draft_record *record,
                const char *path, struct draft *draft)
{
	cleanup(freep) struct stored **sources =
		calloc(record->source_count + 1, sizeof(struct stored *));
	struct staging *file = NULL;
	struct extents map;
	int r = make_map(record, &map);

	if (r == 0 && !sources)
		r = -ENOMEM;
	if (r == 0)
		r = make_sources(fs, record, sources);
	if (r == 0 && record->file[0])
		r = staging_open(&fs->contents->staging, path, &file);
	if (r == 0)
		r = draft_restore(draft, file, &map, sources,
		                  (unsigned)record->source_count);
	if (r < 0)
		staging_free(file);
	extents_release(&map);
	for (size_t i = 0; sources && i < record->source_count; i++)
		stored_unref(sources[i]);
	return r;
}

/* The draft of a record, with its note. */
static int make_draft(struct fs *fs, uint64_t id,
                      const struct draft_record *record, struct draft **ret)
{
	const struct draft_config config = {
		.all = &fs->contents->drafts,
		.exec = fs->parts.exec,
		.room = &fs->contents->staging,
	};
	cleanup(freep) char *dir = draft_note_dir(fs->config.staging_dir);
	cleanup(freep) char *path =
		dir ? str_printf("%s/%s", dir, record->file) : NULL;
	struct draft *draft = path ? draft_new(&config) : NULL;
	const struct draft_note_config noted = {
		.journal = fs->parts.journal,
		.id = id,
		.path = path,
		.nonce = record->nonce,
		.linked = record->file[0] != '\0',
	};
	struct draft_note *note = NULL;
	int r = draft ? fill(fs, record, path, draft) : -ENOMEM;

	if (r == 0)
		r = draft_note_new(&noted, &note);
	if (r < 0) {
		draft_unref(draft);
		return r;
	}
	draft_set_note(draft, note);
	draft_keep_note(draft); /* until it is published */
	*ret = draft;
	return 0;
}

/* ---- sending ---- */

/* Send the draft's bytes. */
static int send_bytes(struct edit_again *edit, struct err *reterr)
{
	struct contents *all = edit->bucket->fs->contents;

	edit->send = (struct draft_send){
		.gate = &all->gate,
		.draft = edit->draft,
		.up = edit->up,
		.uploads = all->uploads,
		.store = edit->bucket->store,
		.exec = edit->bucket->fs->parts.exec,
		.done = sent,
	};
	draft_send(&edit->send);
	wait_answer(edit);
	if (edit->send.status < 0)
		*reterr = edit->send.err;
	return edit->send.status;
}

/* Publish, on the condition of the record. */
static int finish(struct edit_again *edit, struct err *reterr)
{
	const char *etag = edit->record->etag;

	edit->finish.expect = etag[0] ? UPLOAD_ETAG : UPLOAD_ABSENT;
	(void)str_copy(edit->finish.etag, sizeof(edit->finish.etag), etag);
	edit->finish.done = finished;
	upload_finish(edit->up, &edit->finish);
	wait_answer(edit);
	if (edit->finish.published)
		return 0;
	*reterr = edit->finish.err;
	return edit->finish.status;
}

/* Send it all, and publish or keep it. */
static int send_again(struct edit_again *edit, bool publish, struct err *reterr)
{
	const struct upload_config config = {
		.uploads = edit->bucket->fs->contents->uploads,
		.store = edit->bucket->store,
		.bucket = edit->bucket->name,
		.identity = edit->bucket->identity,
		.remade = publish,
		.describe = describe,
		.released = released,
		.owner = edit,
		.nonce = edit->record->nonce,
	};
	int r = upload_new(&config, &edit->up);

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	r = send_bytes(edit, reterr);
	if (r == 0 && publish)
		r = finish(edit, reterr);
	if (r == 0 && !publish)
		upload_keep(
			edit->up,
			edit->record->guarded
				? "it was edited, and no [guard] has judged it"
				: "it was edited, and written by somebody "
				  "else meanwhile");
	else
		upload_free(edit->up);
	wait_released(edit);
	return r;
}

/* ---- one edit ---- */

/* What a HEAD has shown; headers live in done() only. */
struct look {
	struct store_req req;
	const struct draft_record *record;
	bool ours;
};

static void looked(struct store_req *req)
{
	struct look *look = container_of(req, struct look, req);
	const char *nonce =
		req->status == 0 ? attr_nonce(&req->info.headers) : NULL;

	look->ours = nonce && nonce[0] && look->record->nonce[0] &&
	             req->info.size == look->record->size &&
	             strcmp(nonce + 1, look->record->nonce + 1) == 0;
}

/* It is over: the record and its file go. */
static void forget(struct bucket *bucket, uint64_t id,
                   const struct draft_record *record)
{
	struct fs *fs = bucket->fs;
	cleanup(freep) char *dir = draft_note_dir(fs->config.staging_dir);
	cleanup(freep) char *path =
		dir ? str_printf("%s/%s", dir, record->file) : NULL;

	recover_published(bucket, record->key);
	journal_drop(fs->parts.journal, JOURNAL_DRAFT, id);
	if (path && record->file[0])
		(void)unlink(path); /* else the next start does it */
}

/* Make the draft and send it. */
static int settle(struct bucket *bucket, uint64_t id,
                  const struct draft_record *record, bool publish)
{
	struct edit_again edit = {.record = record, .bucket = bucket};
	struct err err = {0};
	int r = make_draft(bucket->fs, id, record, &edit.draft);

	if (r < 0) {
		log_error("the edit of '%s/%s' (staging file '%s') cannot be "
		          "made again: %s",
		          record->bucket, record->key, record->file,
		          strerror(-r));
		return 0; /* record and file stay for a person */
	}
	(void)pthread_mutex_init(&edit.lock, NULL);
	(void)pthread_cond_init(&edit.told, NULL);
	r = send_again(&edit, publish, &err);
	if (r == 0) {
		forget(bucket, id, record);
		log_info("the edit of '%s/%s' that an earlier run had not "
		         "finished is %s",
		         record->bucket, record->key,
		         publish ? "published" : "kept as an upload");
	} else {
		log_error("the edit of '%s/%s' (staging file '%s') is not "
		          "finished: %s",
		          record->bucket, record->key, record->file, err.text);
	}
	if (r == -ESTALE || r == -ENOENT)
		r = 0; /* a version is gone: the next start is soon enough */
	draft_unref(edit.draft);
	(void)pthread_cond_destroy(&edit.told);
	(void)pthread_mutex_destroy(&edit.lock);
	return r;
}

int recover_draft(struct bucket *bucket, uint64_t id,
                  const struct draft_record *record)
{
	struct look look = {.req = {.verb = STORE_HEAD,
	                            .key = record->key,
	                            .deadline_ms = HEAD_MS,
	                            .done = looked},
	                    .record = record};
	int r = store_call(bucket->store, &look.req);
	bool publish;

	if (r < 0 && r != -ENOENT)
		return r;
	if (look.ours) {
		log_info("the edit of '%s/%s' is published: its close was "
		         "under way",
		         record->bucket, record->key);
		forget(bucket, id, record);
		return 0;
	}
	publish = record->etag[0] ? r == 0 && strcmp(look.req.info.etag,
	                                             record->etag) == 0
	                          : r == -ENOENT;
	return settle(bucket, id, record, publish && !record->guarded);
}

/* ---- staging files ---- */

/* Is that the name of a record? */
struct named {
	uint64_t id;
	bool found;
};

static int is_named(void *ctx, uint64_t id, struct slice value)
{
	struct named *named = ctx;

	(void)value;
	named->found = named->found || id == named->id;
	return 0;
}

void recover_staging(struct fs *fs)
{
	cleanup(freep) char *dir =
		fs->config.staging_dir ? draft_note_dir(fs->config.staging_dir)
				       : NULL;
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		struct named named = {0};
		bool number = str_to_u64(entry->d_name, &named.id) == 0;

		if (entry->d_name[0] == '.')
			continue;
		if (number && journal_each(fs->parts.journal, JOURNAL_DRAFT,
		                           is_named, &named) < 0)
			continue; /* not known: it stays */
		if (!named.found)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d)
		(void)closedir(d);
}
