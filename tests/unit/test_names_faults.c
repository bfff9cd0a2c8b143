/* SPDX-License-Identifier: MIT */
/*
 * Every operation failing at each of its requests, in every way: the errno is
 * one that tells the truth, the mount then shows what the store has, nothing is
 * left under way, and a second try works.
 */
#include "names_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One operation: what there is before, doing it, and whether it is done. */
struct operation {
	const char *name;
	int (*run)(struct rig *rig);
	bool changes; /* a lost reply may have changed the store */
	bool later;   /* names were looked up, a while ago */
};

/* Nodeids that are looked up before anything fails. */
static uint64_t known;
static uint64_t known_link;

static int run_lookup(struct rig *rig)
{
	return rig_lookup(rig, rig->top, "file", NULL);
}

static int run_lookup_directory(struct rig *rig)
{
	return rig_lookup(rig, rig->top, "implicit", NULL);
}

static int run_lookup_absent(struct rig *rig)
{
	int r = rig_lookup(rig, rig->top, "absent", NULL);

	return r == -ENOENT ? 0 : r == 0 ? -EBADE : r;
}

static int run_getattr(struct rig *rig)
{
	return rig_getattr(rig, known, NULL);
}

static int run_ls(struct rig *rig)
{
	int status;

	free(rig_ls(rig, rig->top, &status));
	return status;
}

static int run_mkdir(struct rig *rig)
{
	return rig_mkdir(rig, rig->top, "new", NULL);
}

static int run_symlink(struct rig *rig)
{
	return rig_symlink(rig, rig->top, "newlink", "target");
}

static int run_readlink(struct rig *rig)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_readlink(rig->fs, &call.call, known_link);
	return rig_wait(&call);
}

static int run_unlink(struct rig *rig)
{
	return rig_unlink(rig, rig->top, "file");
}

static int run_rmdir(struct rig *rig)
{
	return rig_rmdir(rig, rig->top, "empty");
}

static int run_chmod(struct rig *rig)
{
	const struct fs_attr attr = {.mode = 0600};

	return rig_setattr(rig, known, FS_SET_MODE, &attr);
}

static int run_setxattr(struct rig *rig)
{
	const struct fs_xattr xattr = {
		.name = "user.color",
		.value = "blue",
		.size = 4,
	};
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_setxattr(rig->fs, &call.call, known, &xattr);
	return rig_wait(&call);
}

static int run_rename(struct rig *rig)
{
	return rig_rename(rig, rig->top, "file", rig->top, "moved", 0);
}

static int run_rename_noreplace(struct rig *rig)
{
	return rig_rename(rig, rig->top, "file", rig->top, "moved",
	                  RENAME_NOREPLACE);
}

static int run_rename_over(struct rig *rig)
{
	return rig_rename(rig, rig->top, "file", rig->top, "other", 0);
}

static const struct operation operations[] = {
	{.name = "lookup", .run = run_lookup},
	{.name = "lookup of a directory", .run = run_lookup_directory},
	{.name = "lookup of nothing", .run = run_lookup_absent},
	{.name = "getattr", .run = run_getattr, .later = true},
	{.name = "ls", .run = run_ls},
	{.name = "mkdir", .run = run_mkdir, .changes = true},
	{.name = "symlink", .run = run_symlink, .changes = true},
	{.name = "readlink", .run = run_readlink, .later = true},
	{.name = "unlink", .run = run_unlink, .changes = true},
	{.name = "rmdir", .run = run_rmdir, .changes = true},
	{.name = "chmod", .run = run_chmod, .changes = true},
	{.name = "setxattr", .run = run_setxattr, .changes = true},
	{.name = "rename", .run = run_rename, .changes = true},
	{.name = "rename without replacing",
         .run = run_rename_noreplace,
         .changes = true},
	{.name = "rename over another", .run = run_rename_over, .changes = true},
};
#define OPERATIONS (sizeof(operations) / sizeof(*operations))

/* What there is before each operation. */
static void fill(struct rig *rig)
{
	const struct store_meta meta[] = {{"mode", "41471"}};
	const struct store_headers link = {.meta = meta, .meta_count = 1};

	assert_int_equal(fake_store_put_text(rig->fake, "file", "text"), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "other", "x"), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "implicit/x", ""), 0);
	assert_int_equal(fake_store_put_text(rig->fake, "empty/", ""), 0);
	assert_int_equal(fake_store_put(rig->fake, "link", "to", 2, &link), 0);
}

/* The bucket's names as the store has them, as rig_ls() would show them. */
static char *truth(struct rig *rig)
{
	char *list = fake_store_list(rig->fake);
	struct str names = {0};
	char *rest = list;
	char last[64] = "";

	for (char *line; (line = strsep(&rest, "\n")) && line[0];) {
		size_t len = strcspn(line, "/ ");
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s%s", (int)len, line,
		               line[len] == '/' ? "/" : "");
		if (strcmp(name, last) != 0)
			str_addf(&names, "%s\n", name);
		(void)snprintf(last, sizeof(last), "%s", name);
	}
	free(list);
	str_add(&names, "");
	return names.data ? str_take(&names) : strdup("");
}

/* Whether a name stands in a listing of rig_ls(). */
static bool stands_in(const char *listing, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = listing; *at; at = strchr(at, '\n') + 1)
		if (strncmp(at, name, len) == 0 &&
		    (at[len] == '\n' || at[len] == '/'))
			return true;
	return false;
}

/* Everything the mount shows is what the store has, now and a while later. */
static void shows_the_truth(struct rig *rig)
{
	static const char *const names[] = {"file", "other",   "moved",
	                                    "new",  "newlink", "empty"};
	char *expected = truth(rig);
	int status;

	for (unsigned round = 0; round < 2; round++) {
		char *shown = rig_ls(rig, rig->top, &status);

		assert_int_equal(status, 0);
		for (char *at = shown; (at = strchr(at, '@'));)
			memmove(at, at + 1, strlen(at)); /* links' marks */
		assert_string_equal(shown, expected);
		free(shown);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			assert_int_equal(rig_walk(rig, names[i]) != 0,
			                 stands_in(expected, names[i]));
		rig_pass(rig, 100000);
	}
	free(expected);
}

/* Whether an errno is one that a failing store may bring. */
static bool is_honest(int status)
{
	return status == -ETIMEDOUT || status == -EIO;
}

/* One operation on a store that spoils its nth request; whether it did. */
static bool try_one(const struct operation *op, const struct rig_config *config,
                    enum fault_action action, unsigned nth)
{
	struct rig rig;
	bool fired;
	int r;

	rig_init(&rig, config);
	fill(&rig);
	if (op->changes || op->later) {
		known_link = rig_walk(&rig, "link");
		known = rig_walk(&rig, "file");
		assert_int_not_equal(known, 0);
		assert_int_not_equal(rig_walk(&rig, "other"), 0);
		assert_int_not_equal(rig_walk(&rig, "empty"), 0);
		rig_pass(&rig, op->later ? 5000 : 0);
	}
	(void)fault_store_add(rig.fault, &(struct fault_rule){
						 .action = action,
						 .nth = nth,
						 .code = -ETIMEDOUT,
					 });
	r = op->run(&rig);
	fired = fault_store_fired(rig.fault) > 0;
	fault_store_clear(rig.fault);
	if (r < 0 && !is_honest(r))
		fail_msg("%s, request %u: %d", op->name, nth, r);
	assert_true(r == 0 || fired);
	assert_true(rig.busy <= 0);
	if (r < 0 && action == FAULT_FAIL && !op->changes)
		assert_int_equal(op->run(&rig), 0);
	shows_the_truth(&rig);

	/* Again: it works, or what was done before is in the way. */
	if (r < 0 && op->changes) {
		known = rig_walk(&rig, "file");
		r = op->run(&rig);
		if (r != 0 && r != -EEXIST && r != -ENOENT && r != -ESTALE)
			fail_msg("%s, again after request %u: %d", op->name,
			         nth, r);
		shows_the_truth(&rig);
	}
	assert_int_equal(fs_settle(rig.fs), 0);
	rig_end(&rig);
	return fired;
}

/* Every operation, every request. */
static void try_all(const struct rig_config *config, enum fault_action action)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		unsigned nth = 1;

		while (try_one(&operations[i], config, action, nth))
			nth++;
		assert_true(nth > 1); /* each asks the store something */
	}
}

static void each_request_that_fails_is_told_and_can_be_tried_again(void **state)
{
	(void)state;
	try_all(NULL, FAULT_FAIL);
}

static void each_reply_that_is_lost_is_settled(void **state)
{
	(void)state;
	try_all(NULL, FAULT_LOSE_REPLY);
}

static void also_with_a_store_without_conditions(void **state)
{
	const struct rig_config config = {.old_store = true};

	(void)state;
	try_all(&config, FAULT_FAIL);
	try_all(&config, FAULT_LOSE_REPLY);
}

static void also_without_a_ttl(void **state)
{
	const struct rig_config config = {.no_ttl = true};

	(void)state;
	try_all(&config, FAULT_FAIL);
	try_all(&config, FAULT_LOSE_REPLY);
}

static void also_with_attrs_list(void **state)
{
	const struct rig_config config = {.attrs = FS_ATTRS_LIST};

	(void)state;
	/* Without HEADs a symlink is not known to be one. */
	for (size_t i = 0; i < OPERATIONS; i++)
		for (unsigned nth = 1; operations[i].run != run_readlink; nth++)
			if (!try_one(&operations[i], &config, FAULT_FAIL, nth))
				break;
}

static void a_failing_store_is_never_absence(void **state)
{
	const enum store_verb verbs[] = {STORE_HEAD, STORE_LIST};
	struct rig rig;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		rig_init(&rig, NULL);
		(void)fault_store_add(rig.fault,
		                      &(struct fault_rule){
					      .verbs = FAULT_VERB(verbs[i]),
					      .code = -EIO,
				      });
		assert_int_equal(rig_lookup(&rig, rig.top, "x", NULL), -EIO);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_request_that_fails_is_told_and_can_be_tried_again),
		cmocka_unit_test(each_reply_that_is_lost_is_settled),
		cmocka_unit_test(also_with_a_store_without_conditions),
		cmocka_unit_test(also_without_a_ttl),
		cmocka_unit_test(also_with_attrs_list),
		cmocka_unit_test(a_failing_store_is_never_absence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
