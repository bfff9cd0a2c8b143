/* SPDX-License-Identifier: MIT */
/*
 * porterfs.conf and -o: the input is the file, and behind a NUL byte come words
 * for -o, one a line.
 */
#include "conf_file.h"
#include "conf_values.h"

#include <assert.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each error has its sentence, each success none. */
static void check_story(int r, const struct err *err)
{
	assert(r <= 0);
	assert(r == 0 || err->code == r);
	assert(r == 0 || (err->text[0] && !strchr(err->text, '\n')));
}

/* Load len bytes as a file that may hold secrets. */
static int load(struct conf *conf, const char *text, size_t len)
{
	struct conf_file file = {
		.data = strndup(text, len),
		.len = len,
		.uid = geteuid(),
		.mode = 0600,
	};
	struct err err = {0};

	assert(file.data);

	int r = conf_load_text(conf, "fuzz.conf", &file, &err);

	check_story(r, &err);
	conf_file_release(&file);
	return r;
}

/* Everything that reads a configuration. */
static void use(const struct conf *conf)
{
	cleanup(str_release) struct str text = {0};
	struct err err = {0};
	const char *value;

	check_story(conf_check(conf, &err), &err);
	conf_print(conf, &text);
	for (size_t i = 0; conf_extra(conf, "guard", i, &value); i++)
		assert(value[0]);
	for (size_t i = 0; i < conf_bucket_count(conf); i++)
		assert(conf_text(conf, conf_bucket_name(conf, i), "mode"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(conf_freep) struct conf *conf = NULL;
	cleanup(freep) char *text = malloc(size + 1);
	char *words;
	char *word;

	assert(text && conf_new(&conf) == 0);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';

	words = text + strlen(text);
	(void)load(conf, text, strlen(text));
	if (words < text + size)
		words++;
	while ((word = strsep(&words, "\n"))) {
		struct err err = {0};
		int r = conf_set_command_line(conf, word, &err);

		check_story(r, &err);
	}
	use(conf);
	return 0;
}
