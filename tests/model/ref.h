/* SPDX-License-Identifier: MIT */
/*
 * The reference of the model test: what SPEC.md promises, byte for byte, in the
 * plainest form.
 *
 *   versions   what the store must have under each path: store[path]
 *   files      what a mount holds open or has not published: name[path] says
 *              which of them a name shows; the rest have lost their name
 *   hidden     unlinked while open: stored until the last release, not shown
 *   kept       a directory that lost its last name here, shown until rmdir
 *
 * may[path] is what an operation under way may turn store[path] into without
 * having been acknowledged: whichever the store has is then the truth.
 */
#ifndef PORTER_TEST_MODEL_REF_H
#define PORTER_TEST_MODEL_REF_H

#include "base/list.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

#define PATHS  14
#define MOUNTS 2
#define XATTRS 2

/* The names that are played with; their parents come first. */
struct path {
	const char *key;
	const char *name; /* its last component */
	int parent;       /* index; -1 = the bucket */
	bool implicit;    /* at first a directory without an object */
};
extern const struct path paths[PATHS];

enum ref_kind {
	REF_NONE,
	REF_FILE,
	REF_DIR,
	REF_LINK,
};

/* An object. Shared and constant but for its etag. */
struct ref_version {
	unsigned refs;
	enum ref_kind kind;
	uint8_t *data;
	size_t size;
	uint32_t mode; /* permissions; UINT32_MAX = it says nothing */
	uint32_t xattr[XATTRS];
	int64_t mtime; /* seconds that were set; 0 = none */
	bool unsure;   /* a change of its metadata failed: it is there or not */
	char etag[STORE_ETAG_MAX]; /* "" until it was seen at the store */
};

/* A file that somebody has open, or that is not published. */
struct ref_file {
	struct list link; /* ref_mount.files */
	int path;         /* its key; moves with rename */
	uint64_t nodeid;
	uint8_t *data;
	size_t size;
	size_t cap;
	uint32_t mode;
	uint32_t xattr[XATTRS];
	int64_t mtime;
	bool unsure; /* metadata, as of a version */
	unsigned writers;
	unsigned readers;
	bool created;   /* never published */
	bool exclusive; /* by O_EXCL */
	bool dirty;     /* to be published */
	bool unlinked;  /* never to be published */
	bool failed;    /* its error is latched: */
	int error;
	bool suspect;   /* a request of it failed: it may be latched */
	bool must_fail; /* and somebody was told: it may not be published */
	bool synced;    /* bytes of it were sent by fsync */
	bool off;       /* somebody else's version has its name */
	bool known;     /* base is what the writing began with */
	struct ref_version *version;    /* that data came of; NULL = none */
	struct ref_version *base;       /* what the commit replaces */
	struct ref_version *replaces;   /* of one that was created */
	struct ref_version *checkpoint; /* may be published in between */
	struct ref_version *doomed;     /* goes at the last release */
	int doomed_path;
};

struct ref_mount {
	struct list files;
	struct ref_file *name[PATHS];
	struct ref_version *hidden[PATHS];
	bool kept[PATHS];
};

#define MAY_MAX 4
struct ref_may {
	unsigned count;
	struct ref_version *versions[MAY_MAX]; /* shares; NULL = nothing */
};

struct ref {
	struct ref_version *store[PATHS];
	struct ref_may may[PATHS];
	struct ref_mount mounts[MOUNTS];
};

void ref_init(struct ref *ref);
void ref_release(struct ref *ref);

/* Takes data; NULL = no bytes. */
struct ref_version *ref_version_new(enum ref_kind kind, uint8_t *data,
                                    size_t size);
struct ref_version *ref_version_share(struct ref_version *version);
void ref_version_drop(struct ref_version *version);
/* The same object with other headers: a copy of its own. */
struct ref_version *ref_version_copy(const struct ref_version *version);
/* Whether a store would take them for the same. NULL is nothing. */
bool ref_same(const struct ref_version *a, const struct ref_version *b);

/* Let *place share version, and drop what it shared. */
void ref_set(struct ref_version **place, struct ref_version *version);
/* The store has that now, by our own acknowledged doing. */
void ref_store(struct ref *ref, int path, struct ref_version *version);
/* The store may have that instead. */
void ref_may(struct ref *ref, int path, struct ref_version *version);
void ref_forget_may(struct ref *ref);

/* What a mount shows under a path. */
struct ref_view {
	enum ref_kind kind;
	struct ref_file *file;       /* open or unpublished */
	struct ref_version *version; /* else */
};
struct ref_view ref_view(struct ref *ref, struct ref_mount *mount, int path);
bool ref_has_children(struct ref *ref, struct ref_mount *mount, int path);
/* Whether path is below dir. */
bool ref_below(int path, int dir);
/* A name below is still stored, though it was removed here. */
bool ref_hides(const struct ref_mount *mount, int path);
/*
 * The path is that of a file which somebody else's version has replaced and
 * which is written all the same: what the name shows is anybody's guess.
 */
bool ref_muddled(const struct ref *ref, const struct ref_mount *mount,
                 int path);
/* A name in the path's directory went: show the directory still. */
void ref_keep_parents(struct ref *ref, struct ref_mount *mount, int path);

struct ref_file *ref_file_new(struct ref_mount *mount, int path);
void ref_file_free(struct ref_mount *mount, struct ref_file *file);
/* Let the file be what version is. NULL: empty. */
void ref_file_load(struct ref_file *file, struct ref_version *version);
/* The object that publishing the file makes, one reference. */
struct ref_version *ref_file_version(const struct ref_file *file);
/* As write(2) and truncate(2) do. */
void ref_file_resize(struct ref_file *file, size_t size);

#endif
