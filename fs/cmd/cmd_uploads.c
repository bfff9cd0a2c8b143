/* SPDX-License-Identifier: MIT */
/*
 * porter uploads: uploads that a mount's journal knows.
 *
 * Listing reads the journal beside a daemon that runs.  Publishing and aborting
 * take the daemon's place for a moment, lock included, and so need it stopped.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "fs/journal.h"
#include "fs/porter.h"
#include "fs/recover.h"
#include "options.h"
#include "own_dir.h"
#include "porter.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOURNAL_MAX (UINT64_C(1) << 30) /* bytes mapped to read it */
#define WORDS_MAX   32                  /* of the daemon's command line */

/* What was asked for. */
struct request {
	const char *mount;
	const char *state_dir;
	bool json;
	char *words[WORDS_MAX + 1]; /* as for porterfs; borrowed */
	int word_count;
	struct str state_option; /* "state_dir=DIR" */
};

static int usage(const char *sentence)
{
	log_error("%s: see porter --help", sentence);
	return PORTER_USAGE;
}

/* ---- words ---- */

static void add_word(struct request *request, char *word)
{
	if (request->word_count < WORDS_MAX)
		request->words[request->word_count++] = word;
}

/* Letters that are porterfs's own. */
static void pass_on(struct request *request, char *letter, char *value)
{
	add_word(request, letter);
	add_word(request, value);
}

/* Take the options; what is left are words. False: a wrong one. */
static bool take_options(struct request *request, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"mount", required_argument, NULL, 'm'},
		{"state-dir", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"env-file", required_argument, NULL, 'e'},
		{NULL, 0, NULL, 0},
	};
	static char c_letter[] = "-c";
	static char o_letter[] = "-o";
	static char e_letter[] = "--env-file";
	int letter;

	while ((letter = getopt_long(argc, argv, "c:o:", long_options, NULL)) !=
	       -1) {
		switch (letter) {
		case 'm':
			request->mount = optarg;
			break;
		case 's':
			request->state_dir = optarg;
			break;
		case 'j':
			request->json = true;
			break;
		case 'c':
			pass_on(request, c_letter, optarg);
			break;
		case 'o':
			pass_on(request, o_letter, optarg);
			break;
		case 'e':
			pass_on(request, e_letter, optarg);
			break;
		default:
			return false;
		}
	}
	if (request->state_dir) {
		str_addf(&request->state_option, "state_dir=%s",
		         request->state_dir);
		pass_on(request, o_letter, request->state_option.data);
	}
	return request->word_count + 3 < WORDS_MAX;
}

/* The configuration of the mount; checked: of one that could be mounted. */
static int load(struct request *request, bool checked, struct options *ret,
                struct err *reterr)
{
	static char program[] = "porterfs";
	static char print[] = "--print-config";
	static char nowhere[] = "/";
	char *argv[WORDS_MAX + 4] = {program};
	int argc = 1;

	for (int i = 0; i < request->word_count; i++)
		argv[argc++] = request->words[i];
	if (!checked)
		argv[argc++] = print;
	argv[argc++] =
		request->mount ? (char *)(uintptr_t)request->mount : nowhere;
	optind = 0; /* another line: getopt begins anew */
	return options_parse(argc, argv, environ, ret, reterr);
}

/* ---- list ---- */

/* Text for a terminal: control bytes cannot act there. */
static void add_shown(struct str *s, const char *text)
{
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			str_addf(s, "\\x%02x", (unsigned char)*c);
		else
			str_add_char(s, *c);
	}
}

/* "2026-11-24 12:00:00", local time. */
static void add_time(struct str *s, uint64_t seconds)
{
	char text[32] = "?";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (localtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	str_add(s, text);
}

/* One line for people. */
static int add_line(void *ctx, const struct fs_upload *upload)
{
	struct str *s = ctx;

	if (s->len == 0)
		str_addf(s, "%6s  %-9s  %15s  %-19s  %s\n", "ID", "STATE",
		         "BYTES", "BEGUN", "NAME");
	str_addf(s, "%6llu  %-9s  %15llu  ", (unsigned long long)upload->id,
	         upload->state, (unsigned long long)upload->size);
	add_time(s, upload->began_s);
	str_add(s, "  ");
	add_shown(s, upload->bucket);
	str_add_char(s, '/');
	add_shown(s, upload->key);
	str_add_char(s, '\n');
	if (upload->why[0]) {
		str_add(s, "        ");
		add_shown(s, upload->why);
		str_add(s, upload->whole ? "; every byte is there\n"
		                         : "; its end is missing\n");
	}
	return str_status(s);
}

/* A text that may not be UTF-8: its bytes escaped then. */
static int set_name(struct jval *object, const char *name, const char *text)
{
	cleanup(str_release) struct str shown = {0};
	int r = jval_set_text(object, name, text);

	if (r != -EINVAL)
		return r;
	for (const char *c = text; *c; c++)
		str_addf(&shown, (unsigned char)*c < 128 ? "%c" : "\\x%02x",
		         (unsigned char)*c);
	return jval_set_text(object, name, str_text(&shown));
}

/* One object of the array. */
static int add_object(void *ctx, const struct fs_upload *upload)
{
	struct jval *object = jval_new_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = jval_set_u64(object, "id", upload->id);
	if (r == 0)
		r = jval_set_text(object, "state", upload->state);
	if (r == 0)
		r = set_name(object, "bucket", upload->bucket);
	if (r == 0)
		r = set_name(object, "key", upload->key);
	if (r == 0)
		r = set_name(object, "upload_id", upload->upload_id);
	if (r == 0)
		r = jval_set_u64(object, "bytes", upload->size);
	if (r == 0)
		r = jval_set_bool(object, "whole", upload->whole);
	if (r == 0)
		r = jval_set_u64(object, "begun", upload->began_s);
	if (r == 0)
		r = set_name(object, "why", upload->why);
	if (r < 0) {
		jval_free(object);
		return r;
	}
	return jval_append(ctx, object);
}

/* The whole list as text. */
static int make_list(struct journal *journal, bool json, struct str *ret)
{
	cleanup(jval_freep) struct jval *array = NULL;
	int r;

	if (!json)
		return fs_uploads_each(journal, add_line, ret);
	array = jval_new_array();
	if (!array)
		return -ENOMEM;
	r = fs_uploads_each(journal, add_object, array);
	if (r == 0)
		r = jval_dump(array, ret);
	str_add_char(ret, '\n');
	return r;
}

/* Open the journal of a state_dir to read. 0 and NULL: there is none yet. */
static int open_journal(const char *state_dir, struct journal **ret,
                        struct err *reterr)
{
	cleanup(freep) char *path = str_printf("%s/journal", state_dir);
	struct journal_config config = {
		.dir = path, .size_max = JOURNAL_MAX, .read_only = true};
	int r;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (access(state_dir, X_OK) < 0) {
		r = -errno;
		return err_set(reterr, r, "state_dir '%s': %s", state_dir,
		               strerror(-r));
	}
	r = journal_open(&config, ret, reterr);
	return r == -ENOENT ? 0 : r;
}

static int list(struct request *request)
{
	cleanup(options_release) struct options options = {0};
	cleanup(journal_closep) struct journal *journal = NULL;
	cleanup(str_release) struct str text = {0};
	struct err err = {0};
	const char *state_dir = request->state_dir;
	int r = 0;

	if (!state_dir) {
		r = load(request, false, &options, &err);
		state_dir = r == 0 ? conf_text(options.conf, NULL, "state_dir")
		                   : NULL;
	}
	if (r == 0 && state_dir)
		r = open_journal(state_dir, &journal, &err);
	else if (r == 0)
		r = err_set(&err, -ENOENT, "this mount has no state_dir");
	if (r < 0) {
		log_error("%s", err.text);
		return options.usage_error ? PORTER_USAGE : PORTER_FAILED;
	}
	r = make_list(journal, request->json, &text);
	if (r < 0 || str_status(&text) < 0) {
		log_error("the journal cannot be read: %s",
		          strerror(r < 0 ? -r : ENOMEM));
		return PORTER_FAILED;
	}
	if (text.len == 0)
		str_add(&text, "nothing is kept\n");
	return fputs(str_text(&text), stdout) >= 0 && fflush(stdout) == 0
	               ? PORTER_OK
	               : PORTER_FAILED;
}

/* ---- publish, abort ---- */

/* porter_config.broken. */
static void broken(void *ctx, const char *directory, const struct err *err)
{
	(void)ctx;
	log_error("%s: %s", directory, err->text);
}

/* With everything built: settle what can be, then do it. */
static int decide_with(const struct options *options, uint64_t id, bool publish,
                       struct err *reterr)
{
	struct porter_config config = {.conf = options->conf, .broken = broken};
	struct porter *porter = NULL;
	struct err unlocked = {0};
	int cache_lock = -1;
	int r;

	/* what the cache on disk knows of the name must not outlive this */
	config.has_cache_dir = own_dir_open(options->conf, "cache_dir", NULL,
	                                    &cache_lock, &unlocked) == 0 &&
	                       cache_lock >= 0;
	r = porter_new(&config, &porter, reterr);
	if (r == 0) {
		fs_recover(porter_fs(porter));
		r = publish ? fs_upload_publish(porter_fs(porter), id, reterr)
		            : fs_upload_abort(porter_fs(porter), id, reterr);
	}
	porter_free(porter);
	own_dir_close(cache_lock);
	return r;
}

static int decide(struct request *request, const char *word, bool publish)
{
	cleanup(options_release) struct options options = {0};
	struct err err = {0};
	uint64_t id = 0;
	int lock = -1;
	int r;

	if (str_to_u64(word, &id) < 0)
		return usage("an id is a number, as porter uploads list shows");
	r = load(request, true, &options, &err);
	if (r < 0) {
		log_error("%s", err.text);
		return options.usage_error ? PORTER_USAGE : PORTER_FAILED;
	}
	r = own_dir_open(options.conf, "state_dir", NULL, &lock, &err);
	if (r == -EBUSY)
		log_error("%s: unmount it first, for only then can uploads be "
		          "published or aborted",
		          err.text);
	else if (r == 0)
		r = decide_with(&options, id, publish, &err);
	if (r < 0 && r != -EBUSY)
		log_error("upload %llu is not %s: %s", (unsigned long long)id,
		          publish ? "published" : "aborted", err.text);
	own_dir_close(lock);
	return r < 0 ? PORTER_FAILED : PORTER_OK;
}

int cmd_uploads(int argc, char **argv)
{
	struct request request = {0};
	const char *verb;
	int words;
	int status;

	if (!take_options(&request, argc, argv)) {
		str_release(&request.state_option);
		return usage("a wrong option");
	}
	argv += optind;
	words = argc - optind;
	verb = words > 0 ? argv[0] : "list";
	if (!request.mount && !request.state_dir)
		status = usage("which mount? --mount DIR or --state-dir DIR");
	else if (strcmp(verb, "list") == 0 && words <= 1)
		status = list(&request);
	else if (strcmp(verb, "publish") == 0 && words == 2)
		status = decide(&request, argv[1], true);
	else if (strcmp(verb, "abort") == 0 && words == 2)
		status = decide(&request, argv[1], false);
	else
		status = usage("list, publish ID or abort ID");
	str_release(&request.state_option);
	return status;
}
