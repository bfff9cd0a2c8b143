/* SPDX-License-Identifier: MIT */
/* Which row of the table a path is, and what the table says of itself. */
#include "control_impl.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* The length of the component at the start of path. */
static size_t component(const char *path)
{
	return strcspn(path, "/");
}

/* Behind the component and its slash. */
static const char *behind(const char *path)
{
	path += component(path);
	return *path ? path + 1 : path;
}

/*
 * One component against a pattern's: equal, or "*" with what stands behind it.
 * *ret_len is the length of what the star stands for, SIZE_MAX without one.
 */
static bool match_one(const char *pattern, const char *name, size_t *ret_len)
{
	size_t pattern_len = component(pattern);
	size_t len = component(name);

	*ret_len = SIZE_MAX;
	if (pattern[0] != '*')
		return pattern_len == len && strncmp(pattern, name, len) == 0;
	if (len < pattern_len || /* the star stands for something */
	    strncmp(name + len - (pattern_len - 1), pattern + 1,
	            pattern_len - 1) != 0)
		return false;
	*ret_len = len - (pattern_len - 1);
	return true;
}

/* A whole path; at's arguments point into path then, with their lengths. */
static bool match(const char *pattern, const char *path, struct node_at *at,
                  size_t lens[NODE_ARGS_MAX])
{
	unsigned args = 0;

	while (*pattern && *path) {
		size_t len;

		if (strcmp(pattern, "**") == 0) {
			at->key = path;
			return true;
		}
		if (!match_one(pattern, path, &len))
			return false;
		if (len != SIZE_MAX && args < NODE_ARGS_MAX) {
			lens[args] = len;
			at->arg[args++] = path;
		}
		pattern = behind(pattern);
		path = behind(path);
	}
	return !*pattern && !*path;
}

/* Copy what the arguments point at, each ended, behind one another. */
static bool own_args(struct node_at *at, const size_t lens[NODE_ARGS_MAX])
{
	size_t room = strlen(at->path) + 1;
	char *to;

	at->memory = malloc(2 * room + NODE_ARGS_MAX);
	if (!at->memory)
		return false;
	memcpy(at->memory, at->path, room);
	if (at->key)
		at->key = at->memory + (at->key - at->path);
	to = at->memory + room;
	for (unsigned i = 0; i < NODE_ARGS_MAX && at->arg[i]; i++) {
		memcpy(to, at->arg[i], lens[i]);
		to[lens[i]] = '\0';
		at->arg[i] = to;
		to += lens[i] + 1;
	}
	at->path = at->memory;
	return true;
}

const struct node *node_find(const char *path, struct node_at *at)
{
	struct control *control = at->control;

	for (size_t i = 0; i < node_table_count; i++) {
		size_t lens[NODE_ARGS_MAX] = {0};

		*at = (struct node_at){.control = control, .path = path};
		if (match(node_table[i].path, path, at, lens))
			return own_args(at, lens) ? &node_table[i] : NULL;
	}
	*at = (struct node_at){.control = control};
	return NULL;
}

void node_at_release(struct node_at *at)
{
	free(at->memory);
	at->memory = NULL;
}

void node_children(const struct node *dir, node_list_fn *each, void *ctx)
{
	size_t len = strlen(dir->path);

	for (size_t i = 0; i < node_table_count; i++) {
		const struct node *node = &node_table[i];
		const char *rest = node->path + len;

		if (strncmp(node->path, dir->path, len) != 0 || !*rest)
			continue;
		if (len > 0 && *rest++ != '/')
			continue;
		if (strchr(rest, '/') || rest[0] == '*')
			continue;
		if (!each(ctx, rest, S_ISDIR(node->mode)))
			return;
	}
}

/* ---- README ---- */

/* What can be done with a file: "r", "w", or both. */
static const char *ways(const struct node *node)
{
	if (S_ISDIR(node->mode))
		return "dir ";
	if ((node->mode & 0600) == 0600)
		return "r w ";
	return node->mode & 0400 ? "r   " : "  w ";
}

/* The words of a command, indented. */
static void add_rules(struct str *s, const struct command_rule *rules,
                      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct command_rule *rule = &rules[i];

		if (!rule->help)
			continue;
		str_addf(s, "          %s%s%s  %s\n",
		         rule->key[0] ? rule->key : "WORD",
		         rule->key[0] && strncmp(rule->key, "--", 2) != 0 ? "="
		                                                          : "",
		         rule->needed ? " (needed)" : "", rule->help);
	}
}

void node_readme(struct str *ret)
{
	str_add(ret,
	        "The control tree of porterfs: one text file per thing.\n"
	        "\n"
	        "A file is made when it is opened; open it again for news. "
	        "Sizes are bytes,\n"
	        "durations milliseconds, *.json one object, *.jsonl and "
	        "*.stream one per line.\n"
	        "A write is one command: key=value words quoted as in sh, or "
	        "one JSON object;\n"
	        "what is wrong with it is write's errno, and the last line of "
	        "errors says why.\n"
	        "Commands that start a job return at once; with sync=1 at its "
	        "end. The job's id\n"
	        "can be read back on the same descriptor. Only *.stream, wait "
	        "and sync block;\n"
	        "poll(2) works on them, inotify sees nothing of this tree.\n"
	        "Objects are called DIRECTORY/KEY, as in the mount, or "
	        "s3://BUCKET/KEY.\n"
	        "\n");
	for (size_t i = 0; i < node_table_count; i++) {
		const struct node *node = &node_table[i];
		bool dir = S_ISDIR(node->mode);

		if (!node->help)
			continue;
		str_addf(ret, "%s%s%s\n          %s%s%s\n", ways(node),
		         node->path, dir ? "/" : "", node->help,
		         node->job ? ": " : "",
		         node->job ? node->job->help : "");
		add_rules(ret, node->rules, node->rule_count);
		if (node->job)
			add_rules(ret, node->job->rules, node->job->rule_count);
	}
}
