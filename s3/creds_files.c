/* SPDX-License-Identifier: MIT */
/*
 * Keys in files: .env and AWS's shared files.
 *
 * Each file is looked at by stat; when device, inode, size or time differ from
 * when it was read, it is read again.  Files that hold keys must be the
 * caller's (or root's) and closed to others, as everywhere in porterfs.
 *
 * AWS's files are INI without surprises: "[name]" in credentials, "[default]"
 * and "[profile name]" in config, "key = value", comments with # or ;, indented
 * lines belong to a setting above and are none of ours.  Of both files the
 * credentials file is heard first.
 */
#include "base/dotenv.h"
#include "base/str.h"
#include "creds.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)1 << 20) /* bytes; ~/.aws files are far smaller */

/* What a file looked like when it was read. */
struct file_mark {
	dev_t dev;
	ino_t ino;
	off_t size; /* -1: it was not there */
	struct timespec mtime;
};

static struct file_mark mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct file_mark){.size = -1};
	return (struct file_mark){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = st.st_size,
		.mtime = st.st_mtim,
	};
}

static bool marks_differ(const struct file_mark *a, const struct file_mark *b)
{
	return a->dev != b->dev || a->ino != b->ino || a->size != b->size ||
	       a->mtime.tv_sec != b->mtime.tv_sec ||
	       a->mtime.tv_nsec != b->mtime.tv_nsec;
}

/* The three texts as they are found; the first one of each counts. */
struct found {
	char *id;
	char *secret;
	char *token;
	bool section; /* the profile is there */
};

static void wipe(char *text)
{
	if (!text)
		return;
	explicit_bzero(text, strlen(text));
	free(text);
}

static void found_release(struct found *f)
{
	wipe(f->id);
	wipe(f->secret);
	wipe(f->token);
}

/* Put value in place of *slot. 0 or -ENOMEM. */
static int found_set(char **slot, const char *value, size_t len)
{
	char *copy = strndup(value, len);

	if (!copy)
		return -ENOMEM;
	wipe(*slot);
	*slot = copy;
	return 0;
}

/* ---- .env ---- */

struct dotenv_provider {
	struct creds_provider base;
	char *path;
	char *prefix;
	struct file_mark mark;
};

struct dotenv_walk {
	const char *prefix;
	struct found found;
};

/* One line of the file: is it one of ours? */
static int dotenv_entry(void *ctx, const struct dotenv_entry *entry,
                        struct err *reterr)
{
	struct dotenv_walk *walk = ctx;
	size_t len = strlen(walk->prefix);
	char **slot = NULL;

	if (!entry->value || strncmp(entry->name, walk->prefix, len) != 0)
		return 0;
	if (strcmp(entry->name + len, "ACCESS_KEY_ID") == 0)
		slot = &walk->found.id;
	if (strcmp(entry->name + len, "SECRET_ACCESS_KEY") == 0)
		slot = &walk->found.secret;
	if (strcmp(entry->name + len, "SESSION_TOKEN") == 0)
		slot = &walk->found.token;
	if (!slot)
		return 0;
	if (found_set(slot, entry->value, strlen(entry->value)) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static bool is_set(const char *text)
{
	return text && *text;
}

static int dotenv_fetch(struct creds_provider *base, struct creds_keys **ret,
                        struct err *reterr)
{
	struct dotenv_provider *p = (struct dotenv_provider *)base;
	struct dotenv_walk walk = {.prefix = p->prefix};

	p->mark = mark_of(p->path);
	int r = dotenv_read(p->path, dotenv_entry, &walk, reterr);

	if (r == 0 && (!is_set(walk.found.id) || !is_set(walk.found.secret)))
		r = -ENODATA;
	if (r == 0) {
		const char *token =
			is_set(walk.found.token) ? walk.found.token : NULL;

		*ret = creds_keys_new(walk.found.id, walk.found.secret, token,
		                      0, p->path);
		if (!*ret)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	found_release(&walk.found);
	return r;
}

static bool dotenv_changed(struct creds_provider *base)
{
	struct dotenv_provider *p = (struct dotenv_provider *)base;
	struct file_mark now = mark_of(p->path);

	return marks_differ(&now, &p->mark);
}

static void dotenv_free(struct creds_provider *base)
{
	struct dotenv_provider *p = (struct dotenv_provider *)base;

	free(p->path);
	free(p->prefix);
	free(p);
}

int creds_dotenv_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr)
{
	*ret = NULL;
	if (!config->dotenv_file)
		return 0;

	struct dotenv_provider *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->base = (struct creds_provider){.name = "dotenv",
	                                  .fetch = dotenv_fetch,
	                                  .changed = dotenv_changed,
	                                  .free = dotenv_free};
	p->path = strdup(config->dotenv_file);
	p->prefix =
		strdup(config->dotenv_prefix ? config->dotenv_prefix : "AWS_");
	if (!p->path || !p->prefix) {
		dotenv_free(&p->base);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*ret = &p->base;
	return 0;
}

/* ---- AWS's shared files ---- */

struct shared_provider {
	struct creds_provider base;
	char *profile;
	bool asked_for; /* the profile was named: it has to be there */
	char *paths[2]; /* credentials, config */
	struct file_mark marks[2];
};

/* Cut blanks off both ends. */
static void trim(const char **text, size_t *len)
{
	while (*len > 0 && isspace((unsigned char)**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && isspace((unsigned char)(*text)[*len - 1]))
		(*len)--;
}

static bool text_is(const char *text, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(text, want, len) == 0;
}

/* "[name]", or in config "[profile name]": is it the profile? */
static bool is_section(const char *line, size_t len, bool config,
                       const char *profile)
{
	const char *word = "profile";

	if (len < 2 || line[len - 1] != ']')
		return false;
	line++;
	len -= 2;
	trim(&line, &len);
	if (config && strcmp(profile, "default") != 0) {
		if (len <= strlen(word) ||
		    memcmp(line, word, strlen(word)) != 0 ||
		    !isblank((unsigned char)line[strlen(word)]))
			return false;
		line += strlen(word);
		len -= strlen(word);
		trim(&line, &len);
	}
	return text_is(line, len, profile);
}

/* "key = value" of the profile: one of the three? */
static int take_setting(struct found *f, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);

	if (!equals)
		return 0;

	const char *value = equals + 1;
	size_t name_len = (size_t)(equals - line);
	size_t value_len = len - name_len - 1;
	char **slot = NULL;

	trim(&line, &name_len);
	trim(&value, &value_len);
	if (text_is(line, name_len, "aws_access_key_id"))
		slot = &f->id;
	if (text_is(line, name_len, "aws_secret_access_key"))
		slot = &f->secret;
	if (text_is(line, name_len, "aws_session_token"))
		slot = &f->token;
	return slot && value_len > 0 ? found_set(slot, value, value_len) : 0;
}

/* Walk through an INI text. 0 or -ENOMEM. */
static int parse_ini(const char *text, bool config, const char *profile,
                     struct found *f)
{
	bool inside = false;

	for (const char *line = text; *line;) {
		size_t whole = strcspn(line, "\n");
		const char *start = line;
		size_t len = whole;
		bool indented = isblank((unsigned char)*line);

		line += whole + (line[whole] == '\n');
		trim(&start, &len);
		if (len == 0 || indented || *start == '#' || *start == ';')
			continue;
		if (*start == '[') {
			inside = is_section(start, len, config, profile);
			f->section |= inside;
			continue;
		}
		if (inside && take_setting(f, start, len) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Nobody else may read a file with keys. */
static int check_private(const char *path, const struct stat *st,
                         struct err *reterr)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return err_set(reterr, -EACCES,
		               "'%s' holds keys but belongs to another user",
		               path);
	if (st->st_mode & 077)
		return err_set(reterr, -EACCES,
		               "'%s' holds keys and is open to others: chmod "
		               "600 '%s'",
		               path, path);
	return 0;
}

/* The file's text in *ret (wiped by the caller); -ENOENT when there is none. */
static int read_text(const char *path, struct stat *st, char **ret,
                     struct err *reterr)
{
	cleanup(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return -ENOENT;
		return err_set(reterr, -errno, "cannot read '%s': %s", path,
		               strerrordesc_np(errno));
	}
	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size > FILE_MAX)
		return err_set(reterr, -EINVAL,
		               "'%s' is not a file of at most 1 MiB", path);

	size_t size = (size_t)st->st_size, got = 0;
	char *text = calloc(1, size + 1);

	if (!text)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (ssize_t n = 1; got < size && n > 0; got += n > 0 ? (size_t)n : 0)
		n = read(fd, text + got, size - got);
	*ret = text;
	return 0;
}

/* Read one of the two files into f. -ENOENT when there is none. */
static int read_shared(struct shared_provider *p, unsigned which,
                       struct found *f, struct err *reterr)
{
	const char *path = p->paths[which];
	char *text = NULL;
	struct stat st = {.st_mode = 0};

	p->marks[which] = mark_of(path);
	int r = read_text(path, &st, &text, reterr);

	if (!text)
		return r;
	r = parse_ini(text, which == 1, p->profile, f);
	wipe(text);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	return f->secret ? check_private(path, &st, reterr) : 0;
}

/* The keys of one file, -ENODATA when it has none for the profile. */
static int fetch_from(struct shared_provider *p, unsigned which, bool *section,
                      struct creds_keys **ret, struct err *reterr)
{
	struct found f = {0};
	int r = read_shared(p, which, &f, reterr);

	*section |= f.section;
	if (r == -ENOENT || (r == 0 && (!f.id || !f.secret)))
		r = -ENODATA;
	if (r == 0) {
		cleanup(freep) char *origin =
			str_printf("%s [%s]", p->paths[which], p->profile);

		*ret = origin ? creds_keys_new(f.id, f.secret, f.token, 0,
		                               origin)
		              : NULL;
		if (!*ret)
			r = err_set(reterr, -ENOMEM, "out of memory");
	}
	found_release(&f);
	return r;
}

static int shared_fetch(struct creds_provider *base, struct creds_keys **ret,
                        struct err *reterr)
{
	struct shared_provider *p = (struct shared_provider *)base;
	bool section = false;
	int r = fetch_from(p, 0, &section, ret, reterr);

	if (r == -ENODATA)
		r = fetch_from(p, 1, &section, ret, reterr);
	if (r != -ENODATA || !p->asked_for)
		return r;
	if (section)
		return err_set(reterr, -ENOKEY,
		               "profile '%s' has no aws_access_key_id and "
		               "aws_secret_access_key; profiles that get their "
		               "keys elsewhere are not supported yet",
		               p->profile);
	return err_set(reterr, -ENOKEY,
	               "profile '%s' is neither in '%s' nor in '%s'",
	               p->profile, p->paths[0], p->paths[1]);
}

static bool shared_changed(struct creds_provider *base)
{
	struct shared_provider *p = (struct shared_provider *)base;
	struct file_mark first = mark_of(p->paths[0]);
	struct file_mark second = mark_of(p->paths[1]);

	return marks_differ(&first, &p->marks[0]) ||
	       marks_differ(&second, &p->marks[1]);
}

static void shared_free(struct creds_provider *base)
{
	struct shared_provider *p = (struct shared_provider *)base;

	free(p->profile);
	free(p->paths[0]);
	free(p->paths[1]);
	free(p);
}

/* Where a file lies: as configured, as the environment says, or ~/.aws/name. */
static char *shared_path(const char *configured, const char *variable,
                         const char *name)
{
	const char *home = getenv("HOME");
	const char *path = is_set(configured) ? configured : getenv(variable);
	const struct passwd *user;

	if (is_set(path))
		return strdup(path);
	if (!is_set(home)) {
		user = getpwuid(geteuid());
		home = user ? user->pw_dir : "/";
	}
	return str_printf("%s/.aws/%s", home, name);
}

int creds_shared_new(const struct s3_creds_config *config,
                     struct creds_provider **ret, struct err *reterr)
{
	struct shared_provider *p = calloc(1, sizeof(*p));
	const char *profile = is_set(config->profile) ? config->profile
	                                              : getenv("AWS_PROFILE");

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->base = (struct creds_provider){.name = "shared",
	                                  .fetch = shared_fetch,
	                                  .changed = shared_changed,
	                                  .free = shared_free};
	p->asked_for = is_set(profile);
	p->profile = strdup(p->asked_for ? profile : "default");
	p->paths[0] = shared_path(config->credentials_file,
	                          "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	p->paths[1] =
		shared_path(config->config_file, "AWS_CONFIG_FILE", "config");
	if (!p->profile || !p->paths[0] || !p->paths[1]) {
		shared_free(&p->base);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*ret = &p->base;
	return 0;
}
