/* SPDX-License-Identifier: MIT */
/*
 * First the words of the command line, then every source of the configuration,
 * then a look at the whole.
 *
 * Two forms lead to the same struct: our own, and mount(8)'s
 * "mount.porterfs SOURCE DIR [-sfnv] [-o options]".
 */
#include "options.h"

#include "mount_words.h"
#include "places.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

/* Long options without a letter. */
enum {
	OPT_ENV_FILE = 256,
	OPT_PRINT_CONFIG,
};

/* Of porterfs. */
static const struct option own_long[] = {
	{"config", required_argument, NULL, 'c'},
	{"env-file", required_argument, NULL, OPT_ENV_FILE},
	{"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},
	{"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Of mount.porterfs. */
static const struct option helper_long[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* A command line on its way. */
struct line {
	int argc;
	char **argv;
	bool helper;             /* mount(8)'s form */
	bool sloppy;             /* its -s */
	const char *config_file; /* borrowed from argv, NULL = not named */
	const char *source;      /* the helper's SOURCE */
	const char **lists;      /* of -o, owned; its items are argv's */
	size_t list_count;
	struct mount_words words;
	struct options *options; /* being filled */
};

/* A word that cannot be. Returns -EINVAL. */
static int usage(struct line *line, struct err *reterr, const char *what,
                 const char *word)
{
	line->options->usage_error = true;
	return err_set(reterr, -EINVAL, "%s%s, %s --help tells more", what,
	               word, line->helper ? "mount.porterfs" : "porterfs");
}

static int no_memory(struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "out of memory");
}

/* ---- letters ---- */

static int take_env_file(struct line *line, const char *path,
                         struct err *reterr)
{
	cleanup(freep) char *absolute = places_absolute(path);

	if (!absolute)
		return no_memory(reterr);
	return conf_set(line->options->conf, NULL, "env_file", absolute,
	                CONF_FROM_COMMAND_LINE, reterr);
}

/* All -o, once it is known whether -s is there, and what -d adds. */
static int take_lists(struct line *line, struct err *reterr)
{
	struct options *options = line->options;

	for (size_t i = 0; i < line->list_count; i++) {
		int r = mount_words_take(&line->words, options->conf,
		                         line->lists[i], line->sloppy, reterr);

		options->usage_error = r < 0;
		if (r < 0)
			return r;
	}
	if (!options->debug)
		return 0;
	return conf_set(options->conf, NULL, "log", "debug",
	                CONF_FROM_COMMAND_LINE, reterr);
}

/* What getopt could not take: its last word, or one letter of it. */
static int take_unknown(struct line *line, int letter, struct err *reterr)
{
	const char *word = line->argv[optind - 1];
	const char letter_word[] = {'-', (char)optopt, '\0'};

	if (letter == ':')
		return usage(line, reterr, "a value is missing behind ", word);
	if (optopt == 0)
		return usage(line, reterr, "there is no option ", word);
	if (optopt >= OPT_ENV_FILE || strchr("fdhV", optopt))
		return usage(line, reterr, "no value is expected in ", word);
	return usage(line, reterr, "there is no option ", letter_word);
}

/* A letter of both forms, or one that only one has. */
static int take_letter(struct line *line, int letter, struct err *reterr)
{
	struct options *options = line->options;

	switch (letter) {
	case 'c':
		line->config_file = optarg;
		return 0;
	case OPT_ENV_FILE:
		return take_env_file(line, optarg, reterr);
	case 'o':
		line->lists[line->list_count++] = optarg;
		return 0;
	case 'd':
		options->debug = true;
		options->foreground = true;
		return 0;
	case 's':
		line->sloppy = true;
		return 0;
	case 'f':
		if (line->helper)
			options->action = OPTIONS_CHECK;
		else
			options->foreground = true;
		return 0;
	case OPT_PRINT_CONFIG:
		options->action = OPTIONS_PRINT_CONFIG;
		return 0;
	case 'h':
		options->action = OPTIONS_HELP;
		return 0;
	case 'V':
		options->action = OPTIONS_VERSION;
		return 0;
	case 'N':
		return err_set(reterr, -EOPNOTSUPP,
		               "mounting in another namespace (-N) is not "
		               "supported: run mount there (nsenter)");
	case 'n': /* there is no mtab; */
	case 'v': /* we say what there is to say; */
	case 't': /* and the type is known */
		return 0;
	default:
		return take_unknown(line, letter, reterr);
	}
}

/* Take all letters; argv's other words are from optind on afterwards. */
static int take_letters(struct line *line, struct err *reterr)
{
	const char *letters = line->helper ? ":o:sfnvN:t:hV" : ":c:o:fdhV";
	const struct option *longs = line->helper ? helper_long : own_long;
	int letter;

	optind = 0; /* glibc: from the beginning, even after another argv */
	opterr = 0;
	while ((letter = getopt_long(line->argc, line->argv, letters, longs,
	                             NULL)) != -1) {
		int r = take_letter(line, letter, reterr);

		if (r < 0)
			return r;
		if (line->options->action == OPTIONS_HELP ||
		    line->options->action == OPTIONS_VERSION)
			return 0;
	}
	return 0;
}

/* ---- other words ---- */

/* The mount point, and before it the helper's SOURCE. */
static int take_places(struct line *line, struct err *reterr)
{
	struct options *options = line->options;
	int count = line->argc - optind;
	char **words = line->argv + optind;
	int wanted = line->helper ? 2 : 1;

	if (count > wanted)
		return usage(line, reterr,
		             "there is one word too many: ", words[wanted]);
	if (count < wanted && options->action == OPTIONS_PRINT_CONFIG)
		return 0;
	if (count < wanted)
		return usage(line, reterr,
		             line->helper
		                     ? "SOURCE and the mount point are needed"
		                     : "the mount point is missing",
		             "");

	if (line->helper)
		line->source = words[0];
	options->mountpoint = places_absolute(words[wanted - 1]);
	return options->mountpoint ? 0 : no_memory(reterr);
}

static bool is_s3_url(const char *source)
{
	return str_starts(source, "s3://");
}

/* The helper's SOURCE is a file unless it is "none" or a bucket. */
static void source_to_file(struct line *line)
{
	if (line->source && strcmp(line->source, "none") != 0 &&
	    !is_s3_url(line->source))
		line->config_file = line->source;
}

/* ---- sources ---- */

/* The file that was named, else the first that is there. */
static int load_file(struct line *line, struct err *reterr)
{
	struct options *options = line->options;
	int r = 0;

	if (line->config_file) {
		options->config_file = strdup(line->config_file);
		r = options->config_file ? 0 : -ENOMEM;
	} else {
		r = places_config_file(&options->config_file);
	}
	if (r < 0)
		return no_memory(reterr);
	if (!options->config_file)
		return 0;
	return conf_load_file(options->conf, options->config_file, reterr);
}

/* s3://bucket/prefix is the primary bucket's place. */
static int load_source(struct line *line, struct err *reterr)
{
	struct conf *conf = line->options->conf;

	if (!line->source || !is_s3_url(line->source))
		return 0;

	const char *primary = conf_text(conf, NULL, "primary_name");
	const char *place = line->source + strlen("s3://");
	size_t len = strcspn(place, "/");
	cleanup(freep) char *bucket = strndup(place, len);

	if (!bucket)
		return no_memory(reterr);
	if (!*bucket)
		return usage(line, reterr, "the bucket is missing in ",
		             line->source);

	int r = conf_set(conf, primary, "bucket", bucket,
	                 CONF_FROM_COMMAND_LINE, reterr);

	place += len + (place[len] == '/');
	if (r == 0 && *place)
		r = conf_set(conf, primary, "prefix", place,
		             CONF_FROM_COMMAND_LINE, reterr);
	return r;
}

static int load_sources(struct line *line, char **environment,
                        struct err *reterr)
{
	struct conf *conf = line->options->conf;
	int r = conf_load_env(conf, environment, reterr);

	if (r == 0)
		r = load_file(line, reterr);
	if (r == 0 && conf_is_set(conf, NULL, "env_file"))
		r = conf_load_dotenv(conf, conf_text(conf, NULL, "env_file"),
		                     reterr);
	if (r == 0)
		r = load_source(line, reterr);
	if (r == 0 && line->options->mountpoint)
		r = places_set_defaults(conf, line->options->mountpoint,
		                        reterr);
	if (r == 0 && line->options->action != OPTIONS_PRINT_CONFIG)
		r = conf_check(conf, reterr);
	return r;
}

/* What /proc/mounts shows: mount -a finds its line in fstab by it. */
static int set_source(struct line *line, struct err *reterr)
{
	struct options *options = line->options;
	const char *source = line->source ? line->source : options->config_file;

	options->source = strdup(source ? source : "porterfs");
	return options->source ? 0 : no_memory(reterr);
}

static int parse(struct line *line, char **environment, struct err *reterr)
{
	int r = take_letters(line, reterr);

	if (r < 0 || line->options->action == OPTIONS_HELP ||
	    line->options->action == OPTIONS_VERSION)
		return r;

	r = take_lists(line, reterr);
	if (r == 0)
		r = take_places(line, reterr);
	if (r < 0)
		return r;
	source_to_file(line);

	r = load_sources(line, environment, reterr);
	if (r == 0)
		r = set_source(line, reterr);
	if (r == 0 && mount_words_kernel(&line->words,
	                                 &line->options->kernel_options) < 0)
		r = no_memory(reterr);
	return r;
}

/* Whether we were called as mount(8)'s helper. */
static bool is_helper(const char *program)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, "mount.porterfs") == 0;
}

int options_parse(int argc, char **argv, char **environment,
                  struct options *ret, struct err *reterr)
{
	struct line line = {
		.argc = argc,
		.argv = argv,
		.helper = argc > 0 && is_helper(argv[0]),
		.options = ret,
	};

	*ret = (struct options){.action = OPTIONS_MOUNT};
	line.lists = calloc((size_t)argc + 1, sizeof(*line.lists));

	int r = line.lists && conf_new(&ret->conf) == 0
	                ? parse(&line, environment, reterr)
	                : no_memory(reterr);

	mount_words_release(&line.words);
	free(line.lists);
	return r;
}

void options_help(struct str *ret)
{
	str_add(ret,
	        "Usage: porterfs [options] MOUNTPOINT\n"
	        "       mount.porterfs SOURCE DIR [-sfnv] [-o options]\n"
	        "\n"
	        "Mounts S3 buckets as directories. Unmount with umount or "
	        "fusermount3 -u.\n"
	        "\n"
	        "  -c, --config FILE       porterfs.conf to read; else "
	        "~/.config/porterfs/porterfs.conf,\n"
	        "                          else /etc/porterfs/porterfs.conf, "
	        "else none\n"
	        "      --env-file FILE     .env file to read, as Laravel has "
	        "it\n"
	        "  -o OPT[,OPT...]         options, see below; \\, is a comma "
	        "in a value\n"
	        "  -f, --foreground        stay in the foreground, log to "
	        "standard error\n"
	        "  -d, --debug             the same with log=debug\n"
	        "      --print-config      print every value and where it "
	        "comes from\n"
	        "  -h, --help              this text\n"
	        "  -V, --version           the version\n"
	        "\n"
	        "SOURCE is a configuration file, none, or s3://BUCKET/PREFIX. "
	        "ro, noexec, sync,\n"
	        "dirsync, nosymfollow and context= go to the kernel; nosuid "
	        "and nodev are always\n"
	        "on; what fstab and systemd have for themselves is passed "
	        "over.\n"
	        "\n");
	conf_print_help(ret);
}

void options_release(struct options *options)
{
	free(options->mountpoint);
	free(options->config_file);
	free(options->source);
	free(options->kernel_options);
	conf_free(options->conf);
	*options = (struct options){0};
}
