/* SPDX-License-Identifier: MIT */
#include "attr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct fs_config config = {
	.uid = 1000,
	.gid = 1001,
	.file_mode = 0640,
	.dir_mode = 0750,
};

static const struct store_limits limits = {.meta_max = 2048};

/* The attributes of an object with one pair of metadata. */
static struct attr with(const char *name, const char *value, uint32_t type)
{
	const struct store_meta meta = {name, value};
	const struct object_info info = {
		.size = 5,
		.mtime = {1700000000, 0},
		.etag = "\"e\"",
		.headers = {.meta = &meta, .meta_count = 1},
	};
	struct attr attr = {0};

	assert_int_equal(attr_from_info(&config, &info, type, &attr), 0);
	return attr;
}

static void the_mode_is_decimal_or_octal_with_a_zero_in_front(void **state)
{
	static const struct {
		const char *text;
		uint32_t mode;
	} rows[] = {
		{"33188", S_IFREG | 0644},
		{"0100600", S_IFREG | 0600},
		{"41471", S_IFLNK | 0777},
		{"16877", S_IFREG | 0755}, /* no directory without a slash */
		{"4516", S_IFREG | 0644},  /* a fifo's type is not believed */
		{"420", S_IFREG | 0644},
		{"0", S_IFREG},
		{"", S_IFREG | 0640},
		{"-1", S_IFREG | 0640},
		{"rw", S_IFREG | 0640},
		{"33188x", S_IFREG | 0640},
		{"99999999999999999999", S_IFREG | 0640},
		{"65536", S_IFREG | 0640},
		{"0999", S_IFREG | 0640},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct attr attr = with("mode", rows[i].text, S_IFREG);

		if (attr.mode != rows[i].mode)
			fail_msg("\"%s\": %o", rows[i].text, attr.mode);
		attr_release(&attr);
	}
}

static void a_directory_stays_one_whatever_its_mode_says(void **state)
{
	struct attr attr = with("mode", "41471", S_IFDIR);

	(void)state;
	assert_int_equal(attr.mode, S_IFDIR | 0777);
	attr_release(&attr);
	attr = with("color", "x", S_IFDIR);
	assert_int_equal(attr.mode, S_IFDIR | 0750);
	attr_release(&attr);
}

static void owners_are_numbers(void **state)
{
	static const struct {
		const char *text;
		uint32_t uid;
	} rows[] = {
		{"0", 0},
		{"4294967294", 4294967294},
		{"4294967295", 1000}, /* "leave alone" of chown(2) */
		{"root", 1000},
		{"", 1000},
		{" 5", 1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct attr attr = with("uid", rows[i].text, S_IFREG);

		assert_int_equal(attr.uid, rows[i].uid);
		assert_int_equal(attr.gid, 1001);
		attr_release(&attr);
	}
}

static void the_mtime_has_up_to_nine_decimals(void **state)
{
	static const struct {
		const char *text;
		time_t sec;
		long nsec;
	} rows[] = {
		{"5", 5, 0},
		{"5.5", 5, 500000000},
		{"1354040105.123456789", 1354040105, 123456789},
		{"5.1234567891", 5, 123456789},
		{"5.", 1700000000, 0},
		{".5", 1700000000, 0},
		{"5.5x", 1700000000, 0},
		{"-5", 1700000000, 0},
		{"1e9", 1700000000, 0},
		{"99999999999999999999", 1700000000, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct attr attr = with("mtime", rows[i].text, S_IFREG);

		assert_int_equal(attr.mtime.tv_sec, rows[i].sec);
		assert_int_equal(attr.mtime.tv_nsec, rows[i].nsec);
		assert_int_equal(attr.modified.tv_sec, 1700000000);
		attr_release(&attr);
	}
}

static void a_listing_knows_size_time_and_version(void **state)
{
	const struct store_entry entry = {
		.size = 9,
		.mtime = {1700000000, 0},
		.etag = "\"e\"",
	};
	struct attr attr;

	(void)state;
	attr_from_entry(&config, &entry, &attr);
	assert_int_equal(attr.known, ATTR_FROM_LIST);
	assert_int_equal(attr.size, 9);
	assert_string_equal(attr.etag, "\"e\"");
	assert_int_equal(attr.mode, S_IFREG | 0640);
	attr_release(&attr);
}

static void stat_has_no_holes_and_directories_no_size(void **state)
{
	const struct timespec time = {7, 0};
	struct attr attr = with("mtime", "5", S_IFREG);
	struct fs_attr st;

	(void)state;
	attr_to_stat(&attr, 99, &st);
	assert_int_equal(st.ino, 99);
	assert_int_equal(st.size, 5);
	assert_int_equal(st.nlink, 1);
	assert_int_equal(st.mtime.tv_sec, 5);
	assert_int_equal(st.ctime.tv_sec, 1700000000);
	attr_release(&attr);
	attr_of_dir(&config, &time, &attr);
	attr.size = 5;
	attr_to_stat(&attr, 1, &st);
	assert_int_equal(st.size, 0);
	assert_int_equal(st.mode, S_IFDIR | 0750);
}

static void versions_differ_by_etag_or_size(void **state)
{
	struct attr a = with("x", "1", S_IFREG);
	struct attr b = with("x", "2", S_IFREG);

	(void)state;
	assert_true(attr_same_version(&a, &b));
	b.modified.tv_sec++;
	assert_true(attr_same_version(&a, &b));
	assert_false(attr_same_object(&a, &b)); /* other metadata perhaps */
	b.known |= ATTR_GUESSED;
	assert_true(attr_same_object(&a, &b));
	b.size++;
	assert_false(attr_same_version(&a, &b));
	b.size--;
	b.etag[1] = 'f';
	assert_false(attr_same_version(&a, &b));
	attr_release(&a);
	attr_release(&b);
}

/* A header's value, or NULL. */
static const char *value_of(const struct attr_headers *h, const char *name)
{
	for (size_t i = 0; i < h->headers.meta_count; i++)
		if (strcmp(h->headers.meta[i].name, name) == 0)
			return h->headers.meta[i].value;
	return NULL;
}

static void headers_say_what_the_attributes_are(void **state)
{
	struct attr attr = with("color", "blue", S_IFREG);
	struct attr_headers h = {0};

	(void)state;
	attr.mtime = (struct timespec){12, 34};
	assert_int_equal(attr_to_headers(&attr, "a.SQL", "nonce", &limits, &h),
	                 0);
	assert_string_equal(value_of(&h, "mode"), "33184");
	assert_string_equal(value_of(&h, "uid"), "1000");
	assert_string_equal(value_of(&h, "gid"), "1001");
	assert_string_equal(value_of(&h, "mtime"), "12.000000034");
	assert_string_equal(value_of(&h, "color"), "blue");
	assert_string_equal(attr_nonce(&h.headers), "nonce");
	assert_string_equal(h.headers.content_type, "application/sql");
	attr_headers_release(&h);

	attr.mtime = (struct timespec){12, 0};
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &limits, &h), 0);
	assert_string_equal(value_of(&h, "mtime"), "12");
	assert_null(attr_nonce(&h.headers));
	assert_string_equal(h.headers.content_type, "application/octet-stream");
	attr_headers_release(&h);

	attr.mtime = (struct timespec){0, 0};
	assert_int_equal(attr_to_headers(&attr, NULL, NULL, &limits, &h), 0);
	assert_null(value_of(&h, "mtime"));
	attr_headers_release(&h);
	attr_release(&attr);
}

static void what_is_sent_is_read_back(void **state)
{
	struct attr attr = with("color", "blue", S_IFREG);
	struct attr_headers h = {0};
	struct object_info info = {.size = 5, .etag = "\"e\""};
	struct attr back = {0};

	(void)state;
	attr.mode = S_IFLNK | 0777;
	attr.uid = 4294967294;
	attr.gid = 0;
	attr.mtime = (struct timespec){1700000001, 999999999};
	assert_int_equal(attr_to_headers(&attr, "a", "n", &limits, &h), 0);
	info.headers = h.headers;
	assert_int_equal(attr_from_info(&config, &info, S_IFREG, &back), 0);
	assert_int_equal(back.mode, attr.mode);
	assert_int_equal(back.uid, attr.uid);
	assert_int_equal(back.gid, attr.gid);
	assert_int_equal(back.mtime.tv_sec, attr.mtime.tv_sec);
	assert_int_equal(back.mtime.tv_nsec, attr.mtime.tv_nsec);
	assert_int_equal(attr_meta_count(back.meta), 1);
	assert_string_equal(attr_meta_get(back.meta, "color"), "blue");
	attr_release(&back);
	attr_headers_release(&h);
	attr_release(&attr);
}

static void too_much_metadata_is_no_space(void **state)
{
	struct attr attr = with("color", "blue", S_IFREG);
	struct attr_headers h = {0};
	const struct store_limits small = {.meta_max = 46};
	const struct store_limits just = {.meta_max = 47};

	(void)state;
	/* mode33184 uid1000 gid1001 mtime1700000000 colorblue: 47 bytes */
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &small, &h),
	                 -ENOSPC);
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &just, &h), 0);
	attr_headers_release(&h);
	for (unsigned i = 0; i < 80; i++) {
		struct attr_meta *more;
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(attr_meta_set(attr.meta, name, "v", &more), 0);
		attr_meta_unref(attr.meta);
		attr.meta = more;
	}
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &limits, &h),
	                 -ENOSPC);
	attr_release(&attr);
}

static void metadata_is_set_replaced_and_removed(void **state)
{
	struct attr_meta *a;
	struct attr_meta *b;
	struct attr_meta *c;
	struct attr_meta *none;

	(void)state;
	assert_int_equal(attr_meta_set(NULL, "z", "1", &a), 0);
	assert_int_equal(attr_meta_set(a, "b", "2", &b), 0);
	assert_int_equal(attr_meta_set(b, "z", "3", &c), 0);
	assert_int_equal(attr_meta_count(c), 2);
	assert_string_equal(attr_meta_at(c, 0)->name, "b");
	assert_string_equal(attr_meta_get(c, "z"), "3");
	assert_string_equal(attr_meta_get(a, "z"), "1");
	assert_null(attr_meta_get(a, "b"));
	assert_int_equal(attr_meta_set(a, "z", NULL, &none), 0);
	assert_null(none);
	attr_meta_unref(a);
	attr_meta_unref(b);
	attr_meta_unref(c);
}

static void new_bytes_forget_what_told_of_the_old_ones(void **state)
{
	const struct store_meta pair = {"color", "blue"};
	const struct object_info info = {
		.headers =
			{
				.content_type = "text/html",
				.content_encoding = "gzip",
				.cache_control = "no-store",
				.meta = &pair,
				.meta_count = 1,
			},
	};
	struct attr_headers h = {0};
	struct attr attr = {0};
	struct attr_meta *meta;

	(void)state;
	assert_int_equal(attr_from_info(&config, &info, S_IFREG, &attr), 0);
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &limits, &h), 0);
	assert_string_equal(h.headers.content_type, "text/html");
	assert_string_equal(h.headers.content_encoding, "gzip");
	attr_headers_release(&h);

	assert_int_equal(attr_meta_for_new_bytes(attr.meta, &meta), 0);
	attr_meta_unref(attr.meta);
	attr.meta = meta;
	assert_int_equal(attr_to_headers(&attr, "a", NULL, &limits, &h), 0);
	assert_string_equal(h.headers.content_type, "application/octet-stream");
	assert_null(h.headers.content_encoding);
	assert_string_equal(h.headers.cache_control, "no-store");
	assert_string_equal(value_of(&h, "color"), "blue");
	attr_headers_release(&h);
	attr_release(&attr);
}

static void our_own_names_are_reserved(void **state)
{
	(void)state;
	assert_true(attr_meta_reserved("mode"));
	assert_true(attr_meta_reserved("porter-commit"));
	assert_false(attr_meta_reserved("color"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_mode_is_decimal_or_octal_with_a_zero_in_front),
		cmocka_unit_test(a_directory_stays_one_whatever_its_mode_says),
		cmocka_unit_test(owners_are_numbers),
		cmocka_unit_test(the_mtime_has_up_to_nine_decimals),
		cmocka_unit_test(a_listing_knows_size_time_and_version),
		cmocka_unit_test(stat_has_no_holes_and_directories_no_size),
		cmocka_unit_test(versions_differ_by_etag_or_size),
		cmocka_unit_test(headers_say_what_the_attributes_are),
		cmocka_unit_test(what_is_sent_is_read_back),
		cmocka_unit_test(too_much_metadata_is_no_space),
		cmocka_unit_test(metadata_is_set_replaced_and_removed),
		cmocka_unit_test(new_bytes_forget_what_told_of_the_old_ones),
		cmocka_unit_test(our_own_names_are_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
