/* SPDX-License-Identifier: MIT */
/* Changing metadata: what travels with a commit, what costs a self-copy. */
#include "names_rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* A header of an object. */
static void has_header(struct rig *rig, const char *key, const char *name,
                       const char *value)
{
	char *found = fake_store_header(rig->fake, key, name);

	if (value)
		assert_string_equal(found, value);
	else
		assert_null(found);
	free(found);
}

static int chmod_to(struct rig *rig, uint64_t nodeid, uint32_t mode)
{
	const struct fs_attr attr = {.mode = mode};

	return rig_setattr(rig, nodeid, FS_SET_MODE, &attr);
}

static void what_is_set_before_the_commit_travels_with_it(void **state)
{
	const struct fs_attr attr = {
		.mode = 0600,
		.uid = 7,
		.gid = 8,
		.mtime = {1234, 500},
	};
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f.txt", &inode), 0);
	rig_write(inode, "text");
	assert_int_equal(rig_setattr(&rig, inode->nodeid,
	                             FS_SET_MODE | FS_SET_UID | FS_SET_GID,
	                             &attr),
	                 0);
	rig_asked(&rig, "");
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_asked(&rig, "PUT f.txt 4 if-none-match=*\n");
	has_header(&rig, "f.txt", "mode", "33152");
	has_header(&rig, "f.txt", "uid", "7");
	has_header(&rig, "f.txt", "gid", "8");
	has_header(&rig, "f.txt", "content-type", "text/plain");
	rig_close(inode);
	rig_end(&rig);
}

static void what_is_set_later_costs_one_self_copy(void **state)
{
	struct fs_attr attr;
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	assert_int_equal(rig_commit(&rig, inode, "text"), 0);
	rig_forget_asked(&rig);
	assert_int_equal(chmod_to(&rig, inode->nodeid, 0600), 0);
	rig_asked(&rig, "COPY f from f source-if-match=E replace-headers\n");
	has_header(&rig, "f", "mode", "33152");
	assert_int_equal(rig_getattr(&rig, inode->nodeid, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0600);

	/* The name keeps its nodeid, also when it is asked about again. */
	rig_pass(&rig, 5000);
	assert_int_equal(rig_walk(&rig, "f"), inode->nodeid);
	rig_close(inode);
	rig_end(&rig);
}

static void nothing_changed_costs_nothing(void **state)
{
	struct rig rig;

	for (unsigned old = 0; old < 2; old++) {
		const struct rig_config config = {.old_store = old};

		(void)state;
		rig_init(&rig, &config);
		assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
		uint64_t f = rig_walk(&rig, "f");

		rig_forget_asked(&rig);
		assert_int_equal(chmod_to(&rig, f, 0644), 0);
		rig_asked(&rig, "");
		rig_end(&rig);
	}
}

static void a_store_that_cannot_pin_is_asked_first(void **state)
{
	const struct rig_config config = {.old_store = true};
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	assert_int_equal(chmod_to(&rig, f, 0600), 0);
	rig_asked(&rig, "HEAD f\n"
	                "COPY f from f source-if-match=E replace-headers\n");

	/* Somebody else's version is not touched. */
	assert_int_equal(fake_store_put_text(rig.fake, "f", "other"), 0);
	assert_int_equal(chmod_to(&rig, f, 0644), -ESTALE);
	has_header(&rig, "f", "mode", NULL);
	rig_end(&rig);
}

static void a_version_made_elsewhere_is_not_touched(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	assert_int_equal(fake_store_put_text(rig.fake, "f", "other"), 0);
	assert_int_equal(chmod_to(&rig, f, 0600), -ESTALE);
	has_header(&rig, "f", "mode", NULL);
	assert_int_not_equal(rig_walk(&rig, "f"), f);
	rig_end(&rig);
}

static void what_others_wrote_into_the_headers_stays(void **state)
{
	const struct store_meta meta[] = {{"color", "blue"}};
	const struct store_headers headers = {
		.content_type = "text/html",
		.cache_control = "no-store",
		.meta = meta,
		.meta_count = 1,
	};
	struct rig rig;

	(void)state;
	for (unsigned list = 0; list < 2; list++) {
		const struct rig_config config = {
			.attrs = list ? FS_ATTRS_LIST : FS_ATTRS_HEAD,
		};

		rig_init(&rig, &config);
		assert_int_equal(
			fake_store_put(rig.fake, "f", "x", 1, &headers), 0);
		uint64_t f = rig_walk(&rig, "f");

		rig_forget_asked(&rig);
		assert_int_equal(chmod_to(&rig, f, 0600), 0);
		rig_asked(&rig,
		          list ? "HEAD f\nCOPY f from f source-if-match=E "
		                 "replace-headers\n"
		               : "COPY f from f source-if-match=E "
		                 "replace-headers\n");
		has_header(&rig, "f", "mode", "33152");
		has_header(&rig, "f", "color", "blue");
		has_header(&rig, "f", "content-type", "text/html");
		has_header(&rig, "f", "cache-control", "no-store");
		rig_end(&rig);
	}
}

static void a_directory_costs_one_put(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "d/f", "x"), 0);
	uint64_t d = rig_walk(&rig, "d");

	rig_forget_asked(&rig);
	assert_int_equal(chmod_to(&rig, d, 0700), 0);
	rig_asked(&rig, "PUT d/ 0\n");
	has_header(&rig, "d/", "mode", "16832");
	assert_int_equal(chmod_to(&rig, d, 0700), 0);
	rig_asked(&rig, "");
	rig_pass(&rig, 100000);
	assert_int_equal(rig_walk(&rig, "d"), d);
	rig_end(&rig);
}

static void roots_are_not_changed(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(chmod_to(&rig, rig.top, 0700), -EPERM);
	assert_int_equal(chmod_to(&rig, FS_ROOT_ID, 0700), -EPERM);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void an_object_too_large_to_copy_is_refused_in_words(void **state)
{
	const struct rig_config config = {.copy_max = 3};
	const struct fs_attr attr = {.mode = 0600};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, &config);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "four"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	rig_call_init(&rig, &call);
	fs_setattr(rig.fs, &call.call, f, NULL, FS_SET_MODE, &attr);
	assert_int_equal(rig_wait(&call), -EOPNOTSUPP);
	assert_non_null(strstr(call.call.err.text, "too large"));
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void
changes_that_come_during_a_copy_go_together_in_the_next(void **state)
{
	const struct fs_attr attr = {.mode = 0600, .uid = 5, .mtime = {9, 0}};
	const unsigned sets[] = {FS_SET_MODE, FS_SET_UID, FS_SET_MTIME};
	struct rig_call calls[3];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	fake_store_set_mode(rig.fake, FAKE_QUEUE);
	for (unsigned i = 0; i < 3; i++) {
		rig_call_init(&rig, &calls[i]);
		fs_setattr(rig.fs, &calls[i].call, f, NULL, sets[i], &attr);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_wait(&calls[i]), 0);
		assert_int_equal(calls[i].call.entry.attr.mode, S_IFREG | 0600);
	}
	rig_asked(&rig, "COPY f from f source-if-match=E replace-headers\n"
	                "COPY f from f source-if-match=E replace-headers\n");
	has_header(&rig, "f", "mode", "33152");
	has_header(&rig, "f", "uid", "5");
	has_header(&rig, "f", "mtime", "9");
	rig_end(&rig);
}

static void a_change_between_headers_and_commit_is_sent_after_it(void **state)
{
	struct attr_headers headers = {0};
	struct object_info info = {.size = 1};
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	rig_write(inode, "x");
	assert_int_equal(inode_headers(inode, NULL, &headers), 0);
	assert_int_equal(
		fake_store_put(rig.fake, "f", "x", 1, &headers.headers), 0);
	attr_headers_release(&headers);
	assert_int_equal(chmod_to(&rig, inode->nodeid, 0600), 0);
	has_header(&rig, "f", "mode", "33184");
	assert_int_equal(fake_store_stat(rig.fake, "f", &info), 0);
	rig_forget_asked(&rig);
	inode_committed(inode, &info);
	rig_asked(&rig, "HEAD f\n"
	                "COPY f from f source-if-match=E replace-headers\n");
	has_header(&rig, "f", "mode", "33152");
	rig_close(inode);
	rig_end(&rig);
}

static void a_write_that_begins_during_a_copy_stands_on_the_copy(void **state)
{
	const struct fs_attr attr = {.mode = 0600};
	struct object_info info;
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	fake_store_set_mode(rig.fake, FAKE_QUEUE);
	rig_call_init(&rig, &call);
	fs_setattr(rig.fs, &call.call, open->nodeid, NULL, FS_SET_MODE, &attr);
	rig_write(open, "longer");
	assert_int_equal(rig_wait(&call), 0);
	fake_store_set_mode(rig.fake, FAKE_INLINE);
	assert_int_equal(fake_store_stat(rig.fake, "f", &info), 0);
	assert_string_equal(open->attr.etag, info.etag);
	assert_int_equal(open->attr.size, 6);
	assert_int_equal(rig_commit(&rig, open, "longer"), 0);
	has_header(&rig, "f", "mode", "33152");
	rig_close(open);
	rig_end(&rig);
}

static void an_interrupted_change_goes_on_for_nobody(void **state)
{
	const struct fs_attr attr = {.mode = 0600};
	struct rig_call call;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	fake_store_set_mode(rig.fake, FAKE_QUEUE);
	rig_call_init(&rig, &call);
	fs_setattr(rig.fs, &call.call, f, NULL, FS_SET_MODE, &attr);
	fs_cancel(rig.fs, &call.call);
	assert_true(call.done);
	assert_int_equal(call.call.status, -EINTR);
	assert_int_equal(rig.busy, 1);
	(void)fake_store_run(rig.fake);
	assert_int_equal(rig.busy, 0);
	has_header(&rig, "f", "mode", "33152");
	rig_end(&rig);
}

static void a_lost_reply_of_a_copy_is_settled_by_the_nonce(void **state)
{
	struct fs_attr attr;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	(void)fault_store_add(rig.fault, &(struct fault_rule){
						 .action = FAULT_LOSE_REPLY,
						 .nth = 1,
					 });
	assert_int_equal(chmod_to(&rig, f, 0600), 0);
	rig_asked(&rig, "COPY f from f source-if-match=E replace-headers\n"
	                "HEAD f\n");
	assert_int_equal(rig_getattr(&rig, f, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0600);
	rig_end(&rig);
}

static void the_size_is_set_first_and_the_rest_travels(void **state)
{
	const struct fs_attr attr = {.mode = 0600, .size = 0};
	struct fs_attr now;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	struct inode *open = rig_open(&rig, rig_walk(&rig, "f"));

	rig_forget_asked(&rig);
	assert_int_equal(rig_setattr(&rig, open->nodeid,
	                             FS_SET_SIZE | FS_SET_MODE, &attr),
	                 0);
	rig_asked(&rig, "");
	assert_int_equal(rig_getattr(&rig, open->nodeid, &now), 0);
	assert_int_equal(now.size, 0);
	assert_int_equal(now.mode, S_IFREG | 0600);
	inode_reverted(open);
	rig_close(open);
	rig_end(&rig);
}

/* ---- extended attributes ---- */

static int set_user(struct rig *rig, uint64_t nodeid, const char *name,
                    const char *value, int flags)
{
	const struct fs_xattr xattr = {
		.name = name,
		.value = value,
		.size = value ? strlen(value) : 0,
		.flags = flags,
	};
	struct rig_call call;

	rig_call_init(rig, &call);
	fs_setxattr(rig->fs, &call.call, nodeid, &xattr);
	return rig_wait(&call);
}

/* The value, or the list of names with name NULL, NULs as commas. */
static int get_user(struct rig *rig, uint64_t nodeid, const char *name,
                    char *ret)
{
	struct rig_call call;

	rig_call_init(rig, &call);
	call.data_len = SIZE_MAX;
	if (name)
		fs_getxattr(rig->fs, &call.call, nodeid, name);
	else
		fs_listxattr(rig->fs, &call.call, nodeid);
	if (rig_wait(&call) == 0) {
		memcpy(ret, call.data, call.data_len + 1);
		for (size_t i = 0; i < call.data_len; i++)
			if (!ret[i])
				ret[i] = ',';
	}
	rig_call_end(&call);
	return call.call.status;
}

static void user_attributes_are_metadata(void **state)
{
	char text[256];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_forget_asked(&rig);
	assert_int_equal(set_user(&rig, f, "user.Color", "blue", 0), 0);
	rig_asked(&rig, "COPY f from f source-if-match=E replace-headers\n");
	has_header(&rig, "f", "color", "blue");
	assert_int_equal(get_user(&rig, f, "user.color", text), 0);
	assert_string_equal(text, "blue");
	assert_int_equal(set_user(&rig, f, "user.b", "2", XATTR_CREATE), 0);
	assert_int_equal(get_user(&rig, f, NULL, text), 0);
	assert_string_equal(text, "user.b,user.color,");

	assert_int_equal(set_user(&rig, f, "user.b", "3", XATTR_CREATE),
	                 -EEXIST);
	assert_int_equal(set_user(&rig, f, "user.c", "3", XATTR_REPLACE),
	                 -ENODATA);
	assert_int_equal(set_user(&rig, f, "user.b", NULL, 0), 0);
	assert_int_equal(set_user(&rig, f, "user.b", NULL, 0), -ENODATA);
	assert_int_equal(get_user(&rig, f, "user.b", text), -ENODATA);
	has_header(&rig, "f", "b", NULL);
	rig_end(&rig);
}

static void what_tools_always_ask_costs_no_request(void **state)
{
	char text[256];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	rig_pass(&rig, 100000);
	rig_forget_asked(&rig);
	assert_int_equal(get_user(&rig, f, "security.selinux", text),
	                 -EOPNOTSUPP);
	assert_int_equal(get_user(&rig, f, "security.capability", text),
	                 -EOPNOTSUPP);
	assert_int_equal(get_user(&rig, f, "system.posix_acl_access", text),
	                 -EOPNOTSUPP);
	assert_int_equal(set_user(&rig, f, "security.x", "y", 0), -EOPNOTSUPP);
	assert_int_equal(set_user(&rig, f, "system.posix_acl_access", "y", 0),
	                 -EOPNOTSUPP);
	assert_int_equal(set_user(&rig, f, "trusted.x", "y", 0), -EOPNOTSUPP);
	rig_asked(&rig, "");
	rig_end(&rig);
}

static void our_own_names_are_hidden_and_cannot_be_set(void **state)
{
	char text[256];
	struct inode *inode;
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(rig_create(&rig, rig.top, "f", &inode), 0);
	assert_int_equal(
		get_user(&rig, inode->nodeid, "user.porter.state", text), 0);
	assert_string_equal(text, "writing");
	assert_int_equal(get_user(&rig, inode->nodeid, "user.porter.etag",
	                          text),
	                 -ENODATA);
	assert_int_equal(rig_commit(&rig, inode, "x"), 0);
	assert_int_equal(get_user(&rig, inode->nodeid, NULL, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(get_user(&rig, inode->nodeid, "user.mode", text),
	                 -ENODATA);
	assert_int_equal(
		get_user(&rig, inode->nodeid, "user.porter.state", text), 0);
	assert_string_equal(text, "committed");
	assert_int_equal(
		get_user(&rig, inode->nodeid, "user.porter.etag", text), 0);
	assert_string_equal(text, "\"9dd4e461268c8034f5c8564e155c67a6\"");
	assert_int_equal(set_user(&rig, inode->nodeid, "user.porter.etag", "x",
	                          0),
	                 -EPERM);
	assert_int_equal(set_user(&rig, inode->nodeid, "user.mtime", "x", 0),
	                 -EPERM);
	assert_int_equal(set_user(&rig, inode->nodeid, "user.a b", "x", 0),
	                 -EOPNOTSUPP);
	rig_close(inode);
	rig_end(&rig);
}

static void too_much_metadata_is_no_space(void **state)
{
	char large[2100];
	struct rig rig;

	(void)state;
	rig_init(&rig, NULL);
	assert_int_equal(fake_store_put_text(rig.fake, "f", "x"), 0);
	uint64_t f = rig_walk(&rig, "f");

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = 0;
	rig_forget_asked(&rig);
	assert_int_equal(set_user(&rig, f, "user.large", large, 0), -ENOSPC);
	rig_asked(&rig, "");
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_before_the_commit_travels_with_it),
		cmocka_unit_test(what_is_set_later_costs_one_self_copy),
		cmocka_unit_test(nothing_changed_costs_nothing),
		cmocka_unit_test(a_store_that_cannot_pin_is_asked_first),
		cmocka_unit_test(a_version_made_elsewhere_is_not_touched),
		cmocka_unit_test(what_others_wrote_into_the_headers_stays),
		cmocka_unit_test(a_directory_costs_one_put),
		cmocka_unit_test(roots_are_not_changed),
		cmocka_unit_test(
			an_object_too_large_to_copy_is_refused_in_words),
		cmocka_unit_test(
			changes_that_come_during_a_copy_go_together_in_the_next),
		cmocka_unit_test(
			a_change_between_headers_and_commit_is_sent_after_it),
		cmocka_unit_test(
			a_write_that_begins_during_a_copy_stands_on_the_copy),
		cmocka_unit_test(an_interrupted_change_goes_on_for_nobody),
		cmocka_unit_test(
			a_lost_reply_of_a_copy_is_settled_by_the_nonce),
		cmocka_unit_test(the_size_is_set_first_and_the_rest_travels),
		cmocka_unit_test(user_attributes_are_metadata),
		cmocka_unit_test(what_tools_always_ask_costs_no_request),
		cmocka_unit_test(our_own_names_are_hidden_and_cannot_be_set),
		cmocka_unit_test(too_much_metadata_is_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
