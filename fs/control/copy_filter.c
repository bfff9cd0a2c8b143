/* SPDX-License-Identifier: MIT */
#include "copy_filter.h"

#include "base/str.h"

#include <fnmatch.h>
#include <string.h>

/* Where each rule is. */
enum rule {
	RULE_INCLUDE,
	RULE_EXCLUDE,
	RULE_NEWER,
	RULE_OLDER,
	RULE_MIN,
	RULE_MAX,
	RULE_CLASS,
};

/* For what is looked up by rule. */
static const struct command_rule rules[] = {COPY_FILTER_RULE_LIST};

void copy_filter_init(struct copy_filter *filter, const struct command *command,
                      uint64_t now)
{
	*filter = (struct copy_filter){
		.command = command,
		.newer_than =
			command_number(command, &rules[RULE_NEWER], now, 0),
		.older_than =
			command_number(command, &rules[RULE_OLDER], now, 0),
		.min_size = command_number(command, &rules[RULE_MIN], now, 0),
		.max_size = command_number(command, &rules[RULE_MAX], now,
	                                   UINT64_MAX),
	};
}

/* One pattern against a name. */
static bool matches(const char *pattern, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *text = name;

	if (!strchr(pattern, '/') && slash && slash[1])
		text = slash + 1;
	return fnmatch(pattern, text, 0) == 0;
}

/* Any of the patterns of a key; none given: preset. */
static bool matches_any(const struct command *command, const char *key,
                        const char *name, bool preset)
{
	const char *pattern = command_text(command, key, 0);

	if (!pattern)
		return preset;
	for (size_t i = 1; pattern; i++) {
		if (matches(pattern, name))
			return true;
		pattern = command_text(command, key, i);
	}
	return false;
}

/* Whether the object's class is one of those wanted. */
static bool has_class(const struct command *command, const char *class)
{
	const char *wanted = command_text(command, "storage-class", 0);

	if (!wanted)
		return true;
	if (!class || !class[0])
		class = "STANDARD";
	for (size_t i = 1; wanted; i++) {
		if (strcmp(wanted, class) == 0)
			return true;
		wanted = command_text(command, "storage-class", i);
	}
	return false;
}

bool copy_filter_takes(const struct copy_filter *filter,
                       const struct copy_entry *entry)
{
	if (entry->size < filter->min_size || entry->size > filter->max_size)
		return false;
	if (filter->newer_than && entry->mtime < (int64_t)filter->newer_than)
		return false;
	if (filter->older_than && entry->mtime >= (int64_t)filter->older_than)
		return false;
	return matches_any(filter->command, "include", entry->name, true) &&
	       !matches_any(filter->command, "exclude", entry->name, false) &&
	       has_class(filter->command, entry->storage_class);
}

enum copy_when copy_when_of(const char *word)
{
	if (!word || strcmp(word, "differs") == 0)
		return COPY_DIFFERS;
	if (strcmp(word, "newer") == 0)
		return COPY_NEWER;
	return strcmp(word, "missing") == 0 ? COPY_MISSING : COPY_ALWAYS;
}

/* Whether an ETag is the digest of the bytes, as far as can be told. */
static bool is_digest(const char *etag)
{
	return etag && etag[0] && !strchr(etag, '-');
}

enum copy_same copy_compare(const struct copy_entry *a,
                            const struct copy_entry *b)
{
	if (a->size != b->size)
		return COPY_OTHER;
	if (a->etag && b->etag && a->etag[0] && strcmp(a->etag, b->etag) == 0)
		return COPY_SAME_ETAG;
	return is_digest(a->etag) && is_digest(b->etag) ? COPY_OTHER
	                                                : COPY_SAME_SIZE;
}

bool copy_is_due(enum copy_when when, const struct copy_entry *source,
                 const struct copy_entry *target)
{
	enum copy_same same;

	if (!target || when == COPY_ALWAYS)
		return true;
	if (when == COPY_MISSING)
		return false;
	if (when == COPY_NEWER)
		return source->mtime > target->mtime;
	same = copy_compare(source, target);
	return same == COPY_OTHER ||
	       (same == COPY_SAME_SIZE && source->mtime > target->mtime);
}

enum copy_step copy_step(const struct copy_entry *source,
                         const struct copy_entry *target)
{
	int order;

	if (!source && !target)
		return COPY_STEP_END;
	if (!target)
		return COPY_STEP_SOURCE;
	if (!source)
		return COPY_STEP_TARGET;
	order = strcmp(source->name, target->name);
	if (order == 0)
		return COPY_STEP_BOTH;
	return order < 0 ? COPY_STEP_SOURCE : COPY_STEP_TARGET;
}
