/* SPDX-License-Identifier: MIT */
#include "s3peer_memory.h"

#include "base/hash.h"
#include "base/lock.h"
#include "base/str.h"

#include <errno.h>

struct peer_note {
	UT_hash_handle hh;
	char *value;
	char name[]; /* the key */
};

void peer_memory_init(struct peer_memory *memory)
{
	*memory = (struct peer_memory){.lock = PTHREAD_MUTEX_INITIALIZER};
}

static void note_free(struct peer_note *note)
{
	if (note)
		free(note->value);
	free(note);
}

void peer_memory_release(struct peer_memory *memory)
{
	struct peer_note *note;
	struct peer_note *next;

	HASH_ITER(hh, memory->notes, note, next)
	{
		HASH_DEL(memory->notes, note);
		note_free(note);
	}
	(void)pthread_mutex_destroy(&memory->lock);
}

/* A note in no table yet, or NULL. */
static struct peer_note *note_new(const char *name, const char *value)
{
	size_t len = strlen(name);
	struct peer_note *note = calloc(1, sizeof(*note) + len + 1);

	if (!note)
		return NULL;
	memcpy(note->name, name, len + 1);
	note->value = strdup(value);
	if (!note->value) {
		free(note);
		return NULL;
	}
	return note;
}

int peer_memory_set(struct peer_memory *memory, const char *name,
                    const char *value)
{
	struct peer_note *note = note_new(name, value);
	struct peer_note *old = NULL;

	if (!note)
		return -ENOMEM;

	WITH_LOCK(&memory->lock);
	HASH_REPLACE_STR(memory->notes, name, note, old);
	note_free(old);
	if (!note->hh.tbl) {
		note_free(note);
		return -ENOMEM;
	}
	return 0;
}

bool peer_memory_get(struct peer_memory *memory, const char *name, char *ret,
                     size_t size)
{
	struct peer_note *note = NULL;

	WITH_LOCK(&memory->lock);
	HASH_FIND_STR(memory->notes, name, note);
	return note && str_copy(ret, size, note->value);
}
