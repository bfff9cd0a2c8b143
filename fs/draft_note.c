/* SPDX-License-Identifier: MIT */
#include "draft_note.h"

#include "base/str.h"
#include "core.h"
#include "staging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct draft_note {
	struct journal *journal;
	uint64_t id;
	char *path;  /* of the file */
	bool linked; /* and it has that name */
	char nonce[FS_NONCE_MAX];
};

char *draft_note_dir(const char *state_dir)
{
	return str_printf("%s/staging", state_dir);
}

static void note_free(struct draft_note *note)
{
	free(note->path);
	free(note);
}

void draft_note_end(struct draft_note *note, bool keep)
{
	if (!note)
		return;
	if (!keep) {
		/* in this order: a file without a record is only room */
		journal_drop(note->journal, JOURNAL_DRAFT, note->id);
		if (note->linked)
			(void)unlink(note->path); /* or the next start */
	}
	note_free(note);
}

const char *draft_note_nonce(const struct draft_note *note)
{
	return note->nonce;
}

int draft_note_new(const struct draft_note_config *config,
                   struct draft_note **ret)
{
	struct draft_note *note = calloc(1, sizeof(*note));

	if (note)
		note->path = strdup(config->path);
	if (!note || !note->path) {
		free(note);
		return -ENOMEM;
	}
	note->journal = config->journal;
	note->id = config->id;
	note->linked = config->linked;
	(void)str_copy(note->nonce, sizeof(note->nonce), config->nonce);
	*ret = note;
	return 0;
}

/* A directory's new names are on disk. */
static int sync_dir(const char *dir)
{
	cleanup(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int draft_note_link(struct draft_note *note, struct staging *file)
{
	cleanup(freep) char *dir = NULL;
	int r;

	if (note->linked || !file)
		return 0;
	dir = strndup(note->path,
	              (size_t)(strrchr(note->path, '/') - note->path));
	if (!dir)
		return -ENOMEM;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = staging_link(file, note->path);
	note->linked = r == 0;
	return r < 0 ? r : sync_dir(dir);
}

const char *draft_note_file(const struct draft_note *note)
{
	return note->linked ? strrchr(note->path, '/') + 1 : "";
}

uint64_t draft_note_id(const struct draft_note *note)
{
	return note->id;
}
