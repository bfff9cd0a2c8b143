/* SPDX-License-Identifier: MIT */
#include "mount_words.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* A word of the kernel's. */
struct flag {
	const char *name;
	enum mount_group group;
	const char *kernel; /* what is passed on; NULL = it is the default */
};

/* Those that libfuse passes to the kernel. */
static const struct flag flags[] = {
	{"ro", MOUNT_GROUP_WRITE, "ro"},
	{"rw", MOUNT_GROUP_WRITE, NULL},
	{"noexec", MOUNT_GROUP_EXEC, "noexec"},
	{"exec", MOUNT_GROUP_EXEC, NULL},
	{"sync", MOUNT_GROUP_SYNC, "sync"},
	{"async", MOUNT_GROUP_SYNC, NULL},
	{"dirsync", MOUNT_GROUP_DIRSYNC, "dirsync"},
	{"nosymfollow", MOUNT_GROUP_LINKS, "nosymfollow"},
	{"symfollow", MOUNT_GROUP_LINKS, NULL},
};

/*
 * What changes nothing here.  nosuid, nodev and default_permissions are always
 * on, whatever is said; files have no access time of their own; the rest is
 * for mount(8), fstab and systemd.
 */
static const char *const passed_over[] = {
	"defaults",      "nosuid",   "suid",       "nodev",
	"dev",           "noatime",  "atime",      "nodiratime",
	"diratime",      "relatime", "norelatime", "strictatime",
	"nostrictatime", "lazytime", "nolazytime", "default_permissions",
	"auto",          "noauto",   "user",       "nouser",
	"users",         "nousers",  "owner",      "noowner",
	"group",         "nogroup",  "_netdev",    "nofail",
};

/* The same with values. */
static const char *const passed_over_with_value[] = {
	"x-", "X-", "comment=", "user=", "uhelper=",
};

/* SELinux's, which the kernel wants as they are. */
static const char *const contexts[] = {
	"context=",
	"fscontext=",
	"defcontext=",
	"rootcontext=",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whether word begins with one of those. */
static bool starts_with_one(const char *word, const char *const *prefixes,
                            size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_starts(word, prefixes[i]))
			return true;
	return false;
}

static bool is_passed_over(const char *word)
{
	for (size_t i = 0; i < COUNT(passed_over); i++)
		if (strcmp(word, passed_over[i]) == 0)
			return true;
	return starts_with_one(word, passed_over_with_value,
	                       COUNT(passed_over_with_value));
}

/* Take a flag of the kernel's; false when it is none. */
static bool take_flag(struct mount_words *words, const char *word)
{
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (strcmp(word, flags[i].name) != 0)
			continue;
		words->flags[flags[i].group] = flags[i].kernel;
		return true;
	}
	return false;
}

/* libfuse splits at commas too, so those of a value are escaped again. */
static void take_context(struct mount_words *words, const char *word)
{
	str_add_char(&words->contexts, ',');
	for (const char *c = word; *c; c++) {
		if (*c == ',' || *c == '\\')
			str_add_char(&words->contexts, '\\');
		str_add_char(&words->contexts, *c);
	}
}

/* Whether the configuration knows the word's key. */
static bool is_ours(const char *word)
{
	cleanup(freep) char *key = strndup(word, strcspn(word, "="));

	return !key || str_starts(word, "bucket.") ||
	       str_starts(word, "mysql.") || conf_find(CONF_GENERAL, key);
}

static int take_word(struct mount_words *words, struct conf *conf,
                     const char *word, bool sloppy, struct err *reterr)
{
	if (!*word || take_flag(words, word) || is_passed_over(word))
		return 0;

	if (starts_with_one(word, contexts, COUNT(contexts))) {
		take_context(words, word);
		return 0;
	}
	if (sloppy && !is_ours(word))
		return 0;
	return conf_set_command_line(conf, word, reterr);
}

/* Cut the next word off *list, its escapes undone. */
static void next_word(const char **list, struct str *word)
{
	const char *c = *list;

	str_reset(word);
	for (; *c && *c != ','; c++) {
		if (c[0] == '\\' && (c[1] == ',' || c[1] == '\\'))
			c++;
		str_add_char(word, *c);
	}
	*list = *c ? c + 1 : c;
}

int mount_words_take(struct mount_words *words, struct conf *conf,
                     const char *list, bool sloppy, struct err *reterr)
{
	cleanup(str_release) struct str word = {0};

	while (*list) {
		next_word(&list, &word);
		if (str_status(&word) < 0)
			return err_set(reterr, -ENOMEM, "-o: out of memory");

		int r = take_word(words, conf, str_text(&word), sloppy, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int mount_words_kernel(const struct mount_words *words, char **ret)
{
	cleanup(str_release) struct str out = {0};

	for (size_t i = 0; i < MOUNT_GROUPS; i++)
		if (words->flags[i])
			str_addf(&out, ",%s", words->flags[i]);
	str_add(&out, str_text(&words->contexts));
	if (str_status(&out) < 0 || str_status(&words->contexts) < 0)
		return -ENOMEM;

	*ret = NULL;
	if (out.len == 0)
		return 0;
	*ret = strdup(str_text(&out) + 1); /* without the first comma */
	return *ret ? 0 : -ENOMEM;
}

void mount_words_release(struct mount_words *words)
{
	str_release(&words->contexts);
	*words = (struct mount_words){0};
}
