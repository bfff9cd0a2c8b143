/* SPDX-License-Identifier: MIT */
/*
 * An edit is noted in the journal: at each fsync of a draft, after its bytes are
 * on disk.
 */
#include "base/lock.h"
#include "base/str.h"
#include "content_state.h"
#include "draft_note.h"
#include "draft_record.h"
#include "guard.h"

#include <string.h>

/* The first fsync: an id, and the name that the file is to have. */
static int begin(struct content *content, struct draft *draft,
                 struct draft_note **ret)
{
	struct fs *fs = content->all->fs;
	cleanup(freep) char *dir = draft_note_dir(content->all->staging.dir);
	cleanup(freep) char *path = NULL;
	char nonce[FS_NONCE_MAX];
	struct draft_note_config config = {
		.journal = fs->parts.journal,
		.id = journal_id(fs->parts.journal),
		.nonce = nonce,
	};
	int r;

	if (dir)
		path = str_printf("%s/%llu", dir,
		                  (unsigned long long)config.id);
	if (!path)
		return -ENOMEM;
	fs_nonce(fs, nonce);
	config.path = path;
	r = draft_note_new(&config, ret);
	if (r == 0)
		draft_set_note(draft, *ret);
	return r;
}

/* The version that the commit will replace; "" = none may be there. */
static void expected(struct content *content, char ret[STORE_ETAG_MAX])
{
	struct inode *inode = content->inode;

	WITH_LOCK(&inode->lock);
	WITH_LOCK(&content->lock);
	if (content->created)
		(void)str_copy(ret, STORE_ETAG_MAX,
		               inode->extra ? inode->extra->replaces : "");
	else if (content->base_ours || content->base != BASE_KNOWN)
		(void)str_copy(ret, STORE_ETAG_MAX, inode->attr.etag);
	else
		(void)str_copy(ret, STORE_ETAG_MAX, content->base_etag);
}

/* Whose bucket a store is. */
static const char *identity_of(struct fs *fs, const struct object_store *store)
{
	for (size_t i = 0; i < fs->bucket_count; i++)
		if (fs->buckets[i].store == store)
			return fs->buckets[i].identity;
	return "";
}

/* What lives only while a record is written. */
struct writing {
	char key[STORE_KEY_MAX + 1];
	char etag[STORE_ETAG_MAX];
	struct attr_headers headers;
	struct extents map;
	struct stored **stored; /* shares */
	struct draft_source_record *sources;
	unsigned count;
	bool guarded;
};

static void writing_free(struct writing *w)
{
	if (!w)
		return;
	attr_headers_release(&w->headers);
	extents_release(&w->map);
	for (unsigned i = 0; w->stored && i < w->count; i++)
		stored_unref(w->stored[i]);
	free(w->stored);
	free(w->sources);
	free(w);
}
DEFINE_CLEANUP(struct writing *, writing_free);

/* Gather what the record says. */
static int gather(struct content *content, struct draft *draft,
                  const char *nonce, struct writing *w)
{
	struct fs *fs = content->all->fs;
	struct inode *inode = content->inode;
	struct guard *guard = NULL;
	int r = draft_map(draft, &w->map);

	if (r == 0)
		r = draft_sources(draft, &w->stored, &w->count);
	if (r < 0)
		return r;
	w->sources = calloc(w->count + 1, sizeof(*w->sources));
	if (!w->sources)
		return -ENOMEM;
	for (unsigned i = 0; i < w->count; i++) {
		const struct stored *stored = w->stored[i];

		w->sources[i] = (struct draft_source_record){
			.identity =
				stored ? identity_of(fs, stored->store) : "",
			.key = stored ? stored->key : "",
			.etag = stored ? stored->etag : "",
			.size = stored ? stored->size : 0,
		};
	}
	expected(content, w->etag);
	r = content_guard_new(content, &guard);
	w->guarded = guard != NULL;
	guard_free(guard);
	if (r == 0)
		r = inode_headers(inode, nonce, &w->headers);

	WITH_LOCK(&inode->lock);
	(void)str_copy(w->key, sizeof(w->key), inode->key);
	return r;
}

/* The record as text. */
static int write_record(struct content *content, struct draft *draft,
                        const struct draft_note *note, struct str *ret)
{
	const struct bucket *bucket = content->inode->bucket;
	cleanup(writing_freep) struct writing *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = gather(content, draft, draft_note_nonce(note), w);
	if (r < 0)
		return r;

	const struct draft_record record = {
		.guarded = w->guarded,
		.bucket = bucket->name,
		.identity = bucket->identity,
		.key = w->key,
		.nonce = draft_note_nonce(note),
		.etag = w->etag,
		.file = draft_note_file(note),
		.headers = w->headers.headers,
		.size = w->map.size,
		.extents = w->map.list,
		.extent_count = w->map.count,
		.sources = w->sources,
		.source_count = w->count,
	};

	draft_record_write(&record, ret);
	return str_status(ret);
}

int content_note_draft(struct content *content, struct draft *draft,
                       struct journal_put *put, struct err *reterr)
{
	struct journal *journal = content->all->fs->parts.journal;
	cleanup(str_release) struct str value = {0};
	struct draft_note *note = draft_get_note(draft);
	int r = 0;

	if (!journal || !content->all->staging.dir)
		return 1;
	if (!note)
		r = begin(content, draft, &note);
	if (r == 0)
		r = draft_note_link(note, draft_staging(draft));
	if (r == 0)
		r = write_record(content, draft, note, &value);
	if (r < 0)
		return err_set(reterr, r,
		               "the edit cannot be noted in state_dir: %s",
		               strerror(-r));
	put->kind = JOURNAL_DRAFT;
	put->id = draft_note_id(note);
	put->value =
		(struct slice){.data = (uint8_t *)value.data, .len = value.len};
	journal_put(journal, put);
	return 0;
}

void content_take_note(struct content *content, struct upload_config *config,
                       char nonce[FS_NONCE_MAX])
{
	struct draft_note *note;

	WITH_LOCK(&content->lock);
	note = content->draft ? draft_get_note(content->draft) : NULL;
	if (!note)
		return;
	(void)str_copy(nonce, FS_NONCE_MAX, draft_note_nonce(note));
	config->remade = true;
}
