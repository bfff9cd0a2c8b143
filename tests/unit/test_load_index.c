/* SPDX-License-Identifier: MIT */
/* Which bytes of an export a few tables need. */
#include "base/str.h"
#include "dumper/source.h"
#include "fake_store.h"
#include "load_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Blocks of 10 bytes each. */
static const struct {
	const char *part, *kind, *table;
} blocks[] = {
	{"head", "header", NULL}, {"head", "table", "a"},
	{"head", "table", "b"},   {"rows", NULL, "b"},
	{"rows", NULL, "a"},      {"tail", "trigger", "g"},
	{"tail", "view", "v"},    {"tail", "footer", NULL},
};
#define BLOCKS (sizeof(blocks) / sizeof(blocks[0]))

static void make_index(struct str *s)
{
	str_add(s, "{\"porter_index\":1,\"compress\":\"none\"}\n");
	for (unsigned i = 0; i < BLOCKS; i++) {
		str_addf(s, "{\"offset\":%u,\"length\":10,\"part\":\"%s\"",
		         i * 10, blocks[i].part);
		if (blocks[i].kind)
			str_addf(s, ",\"kind\":\"%s\"", blocks[i].kind);
		if (blocks[i].table)
			str_addf(s, ",\"db\":\"d\",\"table\":\"%s\"",
			         blocks[i].table);
		str_add(s, "}\n");
	}
	str_addf(s, "{\"end\":true,\"blocks\":%zu}\n", BLOCKS);
}

/* "OFFSET+LENGTH " for each span. */
static int select_spans(const char *text, size_t len, uint64_t size,
                        const char *tables, struct str *ret)
{
	cleanup(filter_freep) struct filter *filter = NULL;
	cleanup(freep) struct load_span *spans = NULL;
	size_t count = 0;

	assert_int_equal(filter_new(tables, &filter), 0);

	int r = load_index_select(text, len, size, filter, &spans, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		str_addf(ret, "%llu+%llu ", (unsigned long long)spans[i].offset,
		         (unsigned long long)spans[i].length);
	return r;
}

static void tables_need_their_blocks_and_the_frame(void **state)
{
	static const struct {
		const char *tables;
		const char *want;
	} rows[] = {
		{"a", "0+20 40+20 70+10 "},   {"b", "0+10 20+20 50+10 70+10 "},
		{"a,b", "0+60 70+10 "},       {"!b", "0+20 40+20 70+10 "},
		{"d.a", "0+20 40+20 70+10 "}, {"none", "0+10 50+10 70+10 "},
	};
	cleanup(str_release) struct str text = {0};

	(void)state;
	make_index(&text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup(str_release) struct str got = {0};

		assert_int_equal(select_spans(text.data, text.len, 80,
		                              rows[i].tables, &got),
		                 0);
		assert_string_equal(str_text(&got), rows[i].want);
	}
}

static void an_index_that_does_not_fit_is_none(void **state)
{
	cleanup(str_release) struct str text = {0};
	cleanup(str_release) struct str got = {0};

	(void)state;
	make_index(&text);
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(select_spans(text.data, len, 80, "a", &got),
		                 -EBADMSG);
	assert_int_equal(select_spans(text.data, text.len, 81, "a", &got),
	                 -EBADMSG);
	*strstr(text.data, "\"offset\":40") = 'x';
	assert_int_equal(select_spans(text.data, text.len, 80, "a", &got),
	                 -EBADMSG);
	assert_int_equal(select_spans("{\"porter_index\":2}\n", 19, 0, "a",
	                              &got),
	                 -EBADMSG);
	assert_string_equal(str_text(&got), "");
}

/* What a source of the object k gives for the tables. */
static void read_tables(struct fake_store *fake, const char *tables,
                        struct str *ret)
{
	struct load_store_config config = {
		.store = fake_store_object_store(fake),
		.key = "k",
		.piece = 7,
		.ahead = 2,
		.tables = tables};
	cleanup(load_source_freep) struct load_source *source = NULL;
	struct err err = {0};
	char buf[5];
	ssize_t n;

	assert_int_equal(load_source_store(&config, &source, &err), 0);
	while ((n = source->ops->read(source, buf, sizeof(buf), &err)) > 0)
		str_add_mem(ret, buf, (size_t)n);
	assert_int_equal(n, 0);
}

static void only_what_is_needed_is_read(void **state)
{
	struct fake_store *fake = fake_store_new(NULL);
	cleanup(str_release) struct str index = {0};
	cleanup(str_release) struct str body = {0};
	cleanup(str_release) struct str some = {0};
	cleanup(str_release) struct str all = {0};
	struct fake_stats stats;

	(void)state;
	make_index(&index);
	for (unsigned i = 0; i < BLOCKS; i++)
		str_addf(&body, "%u........\n", i);
	assert_int_equal(fake_store_put_text(fake, "k", body.data), 0);
	assert_int_equal(fake_store_put_text(fake, "k.idx", index.data), 0);

	read_tables(fake, "a", &some);
	assert_string_equal(str_text(&some),
	                    "0........\n1........\n4........\n5........\n"
	                    "7........\n");
	fake_store_get_stats(fake, &stats);
	assert_int_equal(stats.bytes_out, index.len + 50);

	/* of another object: everything is read */
	assert_int_equal(fake_store_put_text(fake, "k", "another text"), 0);
	read_tables(fake, "a", &all);
	assert_string_equal(str_text(&all), "another text");
	fake_store_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_need_their_blocks_and_the_frame),
		cmocka_unit_test(an_index_that_does_not_fit_is_none),
		cmocka_unit_test(only_what_is_needed_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
