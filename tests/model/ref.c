/* SPDX-License-Identifier: MIT */
#include "ref.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct path paths[PATHS] = {
	{"a", "a", -1, false},    {"b", "b", -1, false},
	{"c", "c", -1, false},    {"d", "d", -1, false},
	{"d/a", "a", 3, false},   {"d/b", "b", 3, false},
	{"d/e", "e", 3, false},   {"d/e/a", "a", 6, false},
	{"d/e/b", "b", 6, false}, {"f", "f", -1, false},
	{"f/a", "a", 9, false},   {"i", "i", -1, true},
	{"i/a", "a", 11, false},  {"i/b", "b", 11, false},
};

/* ---- objects ---- */

struct ref_version *ref_version_new(enum ref_kind kind, uint8_t *data,
                                    size_t size)
{
	struct ref_version *version = calloc(1, sizeof(*version));

	assert(version);
	version->refs = 1;
	version->kind = kind;
	version->data = data ? data : calloc(1, 1);
	version->size = size;
	version->mode = UINT32_MAX;
	return version;
}

struct ref_version *ref_version_share(struct ref_version *version)
{
	if (version)
		version->refs++;
	return version;
}

void ref_version_drop(struct ref_version *version)
{
	if (!version || --version->refs > 0)
		return;
	free(version->data);
	free(version);
}

/* A copy of bytes; never NULL. */
static uint8_t *copy_bytes(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	assert(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

struct ref_version *ref_version_copy(const struct ref_version *version)
{
	struct ref_version *copy =
		ref_version_new(version->kind,
	                        copy_bytes(version->data, version->size),
	                        version->size);

	copy->mode = version->mode;
	copy->mtime = version->mtime;
	copy->unsure = version->unsure;
	memcpy(copy->xattr, version->xattr, sizeof(copy->xattr));
	return copy;
}

bool ref_same(const struct ref_version *a, const struct ref_version *b)
{
	if (!a || !b || a == b)
		return a == b;
	return a->etag[0] && strcmp(a->etag, b->etag) == 0;
}

void ref_set(struct ref_version **place, struct ref_version *version)
{
	struct ref_version *old = *place;

	*place = ref_version_share(version);
	ref_version_drop(old);
}

/* ---- the store ---- */

void ref_init(struct ref *ref)
{
	memset(ref, 0, sizeof(*ref));
	for (unsigned i = 0; i < MOUNTS; i++)
		list_init(&ref->mounts[i].files);
}

void ref_release(struct ref *ref)
{
	ref_forget_may(ref);
	for (unsigned p = 0; p < PATHS; p++)
		ref_set(&ref->store[p], NULL);
	for (unsigned i = 0; i < MOUNTS; i++) {
		struct ref_mount *mount = &ref->mounts[i];

		while (!list_empty(&mount->files))
			ref_file_free(mount, list_first(&mount->files,
			                                struct ref_file, link));
		for (unsigned p = 0; p < PATHS; p++)
			ref_set(&mount->hidden[p], NULL);
	}
}

void ref_store(struct ref *ref, int path, struct ref_version *version)
{
	ref_set(&ref->store[path], version);
}

void ref_may(struct ref *ref, int path, struct ref_version *version)
{
	struct ref_may *may = &ref->may[path];

	assert(may->count < MAY_MAX);
	ref_set(&may->versions[may->count++], version);
}

void ref_forget_may(struct ref *ref)
{
	for (unsigned p = 0; p < PATHS; p++) {
		struct ref_may *may = &ref->may[p];

		while (may->count > 0)
			ref_set(&may->versions[--may->count], NULL);
	}
}

/* ---- what is shown ---- */

bool ref_below(int path, int dir)
{
	while (path >= 0 && path != dir)
		path = paths[path].parent;
	return path >= 0;
}

/* A clean file whose name somebody else's version has taken loses it. */
static void look_again(struct ref *ref, struct ref_mount *mount, int path)
{
	struct ref_file *file = mount->name[path];
	struct ref_version *there = ref->store[path];

	if (!file || file->dirty || file->failed || file->created)
		return;
	if (!ref_same(file->version, there)) {
		file->off = true;
		mount->name[path] = NULL;
	} else if (file->version != there) {
		file->unsure = true; /* the same bytes, restamped elsewhere */
	}
}

/* Whether a path itself has something to show, directories by names aside. */
static bool has_own(struct ref *ref, struct ref_mount *mount, int path)
{
	look_again(ref, mount, path);
	if (mount->name[path])
		return true;
	return ref->store[path] && !mount->hidden[path];
}

/* Whether anything below a path has something to show. */
static bool is_implied(struct ref *ref, struct ref_mount *mount, int path)
{
	for (int p = path + 1; p < PATHS; p++)
		if (ref_below(p, path) &&
		    (has_own(ref, mount, p) || mount->kept[p]))
			return true;
	return mount->kept[path];
}

struct ref_view ref_view(struct ref *ref, struct ref_mount *mount, int path)
{
	int parent = paths[path].parent;
	struct ref_view view = {0};

	if (parent >= 0 && ref_view(ref, mount, parent).kind != REF_DIR)
		return view;
	look_again(ref, mount, path);
	if (is_implied(ref, mount, path)) {
		view.kind = REF_DIR;
		view.version = ref->store[path];
	} else if (mount->name[path]) {
		view.kind = REF_FILE;
		view.file = mount->name[path];
	} else if (ref->store[path] && !mount->hidden[path]) {
		view.kind = ref->store[path]->kind;
		view.version = ref->store[path];
	}
	return view;
}

bool ref_has_children(struct ref *ref, struct ref_mount *mount, int path)
{
	for (int p = path + 1; p < PATHS; p++)
		if (paths[p].parent == path &&
		    ref_view(ref, mount, p).kind != REF_NONE)
			return true;
	return false;
}

bool ref_hides(const struct ref_mount *mount, int path)
{
	for (int p = path + 1; p < PATHS; p++)
		if (mount->hidden[p] && ref_below(p, path))
			return true;
	return false;
}

bool ref_muddled(const struct ref *ref, const struct ref_mount *mount, int path)
{
	list_for_each(node, &mount->files) {
		const struct ref_file *file =
			container_of(node, struct ref_file, link);

		if (file->off && !file->unlinked &&
		    (ref_below(file->path, path) ||
		     ref_below(path, file->path)))
			return file->dirty || file->failed ||
			       ref_same(file->version, ref->store[file->path]);
	}
	return false;
}

void ref_keep_parents(struct ref *ref, struct ref_mount *mount, int path)
{
	for (int p = paths[path].parent; p >= 0; p = paths[p].parent) {
		if (ref->store[p])
			return;
		mount->kept[p] = true;
	}
}

/* ---- open files ---- */

struct ref_file *ref_file_new(struct ref_mount *mount, int path)
{
	struct ref_file *file = calloc(1, sizeof(*file));

	assert(file);
	file->path = path;
	file->mode = UINT32_MAX;
	list_append(&mount->files, &file->link);
	return file;
}

void ref_file_free(struct ref_mount *mount, struct ref_file *file)
{
	for (unsigned p = 0; p < PATHS; p++)
		if (mount->name[p] == file)
			mount->name[p] = NULL;
	list_remove(&file->link);
	ref_set(&file->version, NULL);
	ref_set(&file->base, NULL);
	ref_set(&file->replaces, NULL);
	ref_set(&file->doomed, NULL);
	ref_set(&file->checkpoint, NULL);
	free(file->data);
	free(file);
}

void ref_file_load(struct ref_file *file, struct ref_version *version)
{
	ref_set(&file->version, version);
	ref_file_resize(file, 0);
	if (!version)
		return;
	ref_file_resize(file, version->size);
	if (version->size)
		memcpy(file->data, version->data, version->size);
	file->mode = version->mode;
	file->mtime = version->mtime;
	file->unsure = version->unsure;
	memcpy(file->xattr, version->xattr, sizeof(file->xattr));
}

struct ref_version *ref_file_version(const struct ref_file *file)
{
	struct ref_version *version = ref_version_new(
		REF_FILE, copy_bytes(file->data, file->size), file->size);

	version->mode = file->mode;
	version->mtime = file->mtime;
	version->unsure = file->unsure;
	memcpy(version->xattr, file->xattr, sizeof(version->xattr));
	return version;
}

void ref_file_resize(struct ref_file *file, size_t size)
{
	if (size > file->cap) {
		file->data = realloc(file->data, size * 2);
		assert(file->data);
		file->cap = size * 2;
	}
	if (size > file->size)
		memset(file->data + file->size, 0, size - file->size);
	file->size = size;
}
