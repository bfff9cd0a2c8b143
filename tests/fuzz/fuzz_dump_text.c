/* SPDX-License-Identifier: MIT */
/*
 * Texts that an export reads and writes: names come back from their quotes,
 * values from their escapes, a kept definer changes nothing, patterns and
 * option files may be anything.
 */
#include "base/str.h"
#include "db_config.h"
#include "ddl.h"
#include "filter.h"
#include "order.h"
#include "sql_name.h"
#include "sql_value.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	struct str quoted = {0};
	struct str back = {0};
	bool was_quoted = false;
	const char *rest;

	sql_add_name(&quoted, name);
	rest = sql_next_name(str_text(&quoted), &back, &was_quoted);
	assert(rest && !*rest && was_quoted);
	assert(strcmp(str_text(&back), name) == 0);
	str_release(&quoted);
	str_release(&back);
}

/* What the server makes of an escaped text. */
static size_t unescape(char *text, size_t len)
{
	char *out = text;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\\') {
			c = text[++i];
			c = c == '0'   ? '\0'
			    : c == 'n' ? '\n'
			    : c == 'r' ? '\r'
			    : c == 'Z' ? '\x1a'
			               : c;
		}
		*out++ = c;
	}
	return (size_t)(out - text);
}

static void check_value(const char *data, size_t size)
{
	char *fast = malloc(2 * size + SQL_VALUE_SLACK);
	char *plain = malloc(2 * size + SQL_VALUE_SLACK);
	size_t len;

	assert(fast && plain);
	len = (size_t)(sql_escape(fast, data, size) - fast);
	assert(len == (size_t)(sql_escape_plain(plain, data, size) - plain));
	assert(memcmp(fast, plain, len) == 0);
	for (size_t i = 0; i < len; i++)
		assert(fast[i] != '\n' && fast[i] != '\0');
	assert(unescape(fast, len) == size);
	assert(size == 0 || memcmp(fast, data, size) == 0);
	free(fast);
	free(plain);
}

static void check_ddl(const char *text)
{
	const struct ddl_policy keep = {0};
	const struct ddl_policy strip = {.definer = DDL_DEFINER_STRIP,
	                                 .if_not_exists = true};
	const struct ddl_policy map = {.definer = DDL_DEFINER_MAP,
	                               .map_from = "root",
	                               .map_to = "a@b"};
	struct str out = {0};
	char delimiter[SQL_DELIMITER_MAX];

	ddl_add(&out, text, &keep);
	assert(strcmp(str_text(&out), text) == 0);
	str_reset(&out);
	ddl_add(&out, text, &strip);
	assert(out.len <= strlen(text) + strlen(" IF NOT EXISTS"));
	ddl_add(&out, text, &map);
	ddl_add_definer(&out, text, &map);
	(void)ddl_fingerprint(text);
	sql_delimiter(text, delimiter);
	assert(!strstr(text, delimiter));
	str_release(&out);
}

static void check_lists(const char *text)
{
	const struct order_view views[2] = {{"d", "a", text},
	                                    {text, "b", text}};
	struct db_config *config = NULL;
	struct filter *filter = NULL;
	char *copy = strdup(text);
	size_t order[2];

	assert(filter_new(text, &filter) == 0);
	(void)filter_takes(filter, "d", text);
	(void)filter_unused(filter);
	filter_free(filter);
	assert(order_views(views, 2, order) == 0);
	assert(order[0] + order[1] == 1);
	assert(copy && db_config_new(&config) == 0);
	(void)db_config_my_cnf(config, "my.cnf", copy, NULL);
	db_config_free(config);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	assert(text);
	check_name(text);
	check_value((const char *)data, size);
	check_ddl(text);
	check_lists(text);
	free(text);
	return 0;
}
