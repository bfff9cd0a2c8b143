/* SPDX-License-Identifier: MIT */
/* Command lines of both programs and where they lead. */
#include "mount_words.h"
#include "options.h"
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define WORDS_MAX 16

/* Split "a b c" at blanks and parse it. The environment is one name. */
static int parse_env(const char *line, const char *env, struct options *options,
                     struct err *err)
{
	cleanup(freep) char *words = strdup(line);
	cleanup(freep) char *name = strdup(env);
	char *environment[] = {name, NULL};
	char *argv[WORDS_MAX + 1] = {NULL};
	int argc = 0;

	for (char *rest = words, *word; (word = strsep(&rest, " "));) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = word;
	}
	return options_parse(argc, argv, environment, options, err);
}

static void parse_ok(const char *line, struct options *options)
{
	struct err err = {0};

	if (parse_env(line, "AWS_BUCKET=data", options, &err) < 0)
		fail_msg("%s: %s", line, err.text);
}

static void parse_bad(const char *line, int code, bool usage,
                      const char *sentence)
{
	cleanup(options_release) struct options options;
	struct err err = {0};

	assert_int_equal(parse_env(line, "AWS_BUCKET=data", &options, &err),
	                 code);
	assert_string_equal(err.text, sentence);
	assert_int_equal(options.usage_error, usage);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(close(fd), 0);
}

/* ---- porterfs ---- */

static void a_mount_point_is_enough(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("porterfs /mnt/x", &options);
	assert_int_equal(options.action, OPTIONS_MOUNT);
	assert_string_equal(options.mountpoint, "/mnt/x");
	assert_string_equal(options.source, "porterfs");
	assert_null(options.kernel_options);
	assert_null(options.config_file);
	assert_false(options.foreground);
	assert_false(options.debug);
	assert_string_equal(conf_text(options.conf, "primary", "bucket"),
	                    "data");
}

static void options_may_stand_behind_the_mount_point(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	write_file("a.conf", "[general]\npart_size = 9M\n");
	parse_ok("porterfs /mnt/x -f -c a.conf -o ro,part_size=10M", &options);
	assert_true(options.foreground);
	assert_string_equal(options.config_file, "a.conf");
	assert_string_equal(options.source, "a.conf");
	assert_string_equal(options.kernel_options, "ro");
	assert_int_equal(conf_number(options.conf, NULL, "part_size"),
	                 10 << 20);
}

static void a_relative_mount_point_becomes_absolute(void **state)
{
	cleanup(options_release) struct options options;
	cleanup(freep) char *here = getcwd(NULL, 0);
	cleanup(freep) char *expected = str_printf("%s/x", here);

	(void)state;
	parse_ok("porterfs x", &options);
	assert_string_equal(options.mountpoint, expected);
}

static void debug_means_foreground_and_more_log(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("porterfs -d -o log=error /mnt/x", &options);
	assert_true(options.debug);
	assert_true(options.foreground);
	assert_string_equal(conf_text(options.conf, NULL, "log"), "debug");
}

static void help_and_version_need_nothing_else(void **state)
{
	static const char *const lines[] = {
		"porterfs -h",
		"porterfs --help",
		"porterfs --version",
		"porterfs -V",
		"porterfs -o nothing --help -c /nonexistent",
		"mount.porterfs --version"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cleanup(options_release) struct options options;

		parse_ok(lines[i], &options);
		assert_int_equal(options.action, strchr(lines[i], 'h')
		                                         ? OPTIONS_HELP
		                                         : OPTIONS_VERSION);
	}
}

static void help_shows_usage_and_every_group(void **state)
{
	cleanup(str_release) struct str text = {0};

	(void)state;
	options_help(&text);
	assert_int_equal(str_status(&text), 0);
	assert_non_null(strstr(str_text(&text),
	                       "Usage: porterfs [options] MOUNTPOINT\n"));
	assert_non_null(strstr(str_text(&text), "--print-config"));
	assert_non_null(strstr(str_text(&text), "part_size=SIZE"));
}

static void print_config_works_without_bucket_and_mount_point(void **state)
{
	cleanup(options_release) struct options options;
	struct err err = {0};

	(void)state;
	assert_int_equal(
		parse_env("porterfs --print-config", "X=", &options, &err), 0);
	assert_int_equal(options.action, OPTIONS_PRINT_CONFIG);
	assert_null(options.mountpoint);
	assert_false(conf_is_set(options.conf, NULL, "cache_dir"));

	options_release(&options);
	assert_int_equal(parse_env("porterfs --print-config /mnt/x",
	                           "X=", &options, &err),
	                 0);
	assert_true(conf_is_set(options.conf, NULL, "cache_dir"));
}

static void wrong_words_are_usage_errors(void **state)
{
	(void)state;
	parse_bad("porterfs", -EINVAL, true,
	          "the mount point is missing, porterfs --help tells more");
	parse_bad("porterfs /a /b", -EINVAL, true,
	          "there is one word too many: /b, porterfs --help tells more");
	parse_bad("porterfs -x /a", -EINVAL, true,
	          "there is no option -x, porterfs --help tells more");
	parse_bad("porterfs --debug -xf /a", -EINVAL, true,
	          "there is no option -x, porterfs --help tells more");
	parse_bad("porterfs --nothing /a", -EINVAL, true,
	          "there is no option --nothing, porterfs --help tells more");
	parse_bad("porterfs /a -c", -EINVAL, true,
	          "a value is missing behind -c, porterfs --help tells more");
	parse_bad("porterfs /a --env-file", -EINVAL, true,
	          "a value is missing behind --env-file, porterfs --help tells "
	          "more");
	parse_bad("porterfs --debug=1 /a", -EINVAL, true,
	          "no value is expected in --debug=1, porterfs --help tells "
	          "more");
	parse_bad("porterfs --print-config=1 /a", -EINVAL, true,
	          "no value is expected in --print-config=1, porterfs --help "
	          "tells more");
	parse_bad("porterfs -o prat_size=1 /a", -EINVAL, true,
	          "-o: prat_size: there is no such key, did you mean "
	          "'part_size'");
	parse_bad("porterfs -o secret_access_key=hush /a", -EPERM, true,
	          "-o: secret_access_key: a secret is refused on the command "
	          "line, where every user can read it: put it into the "
	          "environment, a .env file or porterfs.conf");
	parse_bad("mount.porterfs none", -EINVAL, true,
	          "SOURCE and the mount point are needed, mount.porterfs "
	          "--help tells more");
	parse_bad("mount.porterfs -N /proc/1/ns/mnt none /a", -EOPNOTSUPP,
	          false,
	          "mounting in another namespace (-N) is not supported: run "
	          "mount there (nsenter)");
	parse_bad("mount.porterfs s3:///x /a", -EINVAL, true,
	          "the bucket is missing in s3:///x, mount.porterfs --help "
	          "tells more");
}

static void wrong_configurations_are_not(void **state)
{
	(void)state;
	parse_bad("porterfs -c none.conf /a", -ENOENT, false,
	          "none.conf: cannot be read: No such file or directory");
	write_file("a.conf", "[general]\npart_size = 1M\n");
	parse_bad("porterfs -c a.conf /a", -ERANGE, false,
	          "a.conf:2: part_size: '1M' is too small, it must be at least "
	          "5M");
	parse_bad("porterfs -o part_size=1G,staging_max=1G /a", -EINVAL, false,
	          "default: memory_limit: '256M' is too small for a part_size "
	          "of 1G, it must be at least 4G, or staging_max 2G");
}

/* ---- files ---- */

static void the_file_at_home_is_found(void **state)
{
	cleanup(options_release) struct options options;
	cleanup(freep) char *here = getcwd(NULL, 0);
	cleanup(freep) char *expected =
		str_printf("%s/.config/porterfs/porterfs.conf", here);

	(void)state;
	assert_int_equal(mkdir(".config", 0700), 0);
	assert_int_equal(mkdir(".config/porterfs", 0700), 0);
	write_file(".config/porterfs/porterfs.conf",
	           "[general]\npart_size = 7M\n");
	parse_ok("porterfs /mnt/x", &options);
	assert_string_equal(options.config_file, expected);
	assert_int_equal(conf_number(options.conf, NULL, "part_size"), 7 << 20);

	options_release(&options);
	write_file("a.conf", "[general]\npart_size = 9M\n");
	parse_ok("porterfs -c a.conf /mnt/x", &options);
	assert_int_equal(conf_number(options.conf, NULL, "part_size"), 9 << 20);

	assert_int_equal(unlink(".config/porterfs/porterfs.conf"), 0);
	assert_int_equal(rmdir(".config/porterfs"), 0);
	assert_int_equal(rmdir(".config"), 0);
}

static void a_file_that_cannot_be_read_is_not_passed_over(void **state)
{
	(void)state;
	assert_int_equal(mkdir("porterfs", 0700), 0);
	assert_int_equal(mkdir("porterfs/porterfs.conf", 0700), 0);

	cleanup(freep) char *here = getcwd(NULL, 0);
	cleanup(freep) char *expected =
		str_printf("%s/porterfs/porterfs.conf: cannot be read: Is a "
	                   "directory",
	                   here);

	assert_int_equal(setenv("XDG_CONFIG_HOME", here, 1), 0);
	parse_bad("porterfs /mnt/x", -EISDIR, false, expected);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	assert_int_equal(rmdir("porterfs/porterfs.conf"), 0);
	assert_int_equal(rmdir("porterfs"), 0);
}

static void a_dotenv_is_read_only_when_it_is_named(void **state)
{
	cleanup(options_release) struct options options;
	cleanup(freep) char *here = getcwd(NULL, 0);
	cleanup(freep) char *path = str_printf("%s/.env", here);
	cleanup(freep) char *conf =
		str_printf("[general]\nenv_file = %s\n", path);

	(void)state;
	write_file(".env", "AWS_SOURCE_BUCKET=from-dotenv\n");
	parse_ok("porterfs /mnt/x", &options);
	assert_int_equal(conf_bucket_count(options.conf), 1);

	options_release(&options);
	parse_ok("porterfs --env-file .env /mnt/x", &options);
	assert_string_equal(conf_text(options.conf, "source", "bucket"),
	                    "from-dotenv");
	assert_string_equal(conf_dotenv_path(options.conf), path);

	options_release(&options);
	write_file("a.conf", conf);
	parse_ok("porterfs -c a.conf /mnt/x", &options);
	assert_string_equal(conf_text(options.conf, "source", "bucket"),
	                    "from-dotenv");
	assert_int_equal(unlink(".env"), 0);
}

/* ---- mount.porterfs ---- */

static void fstab_words_are_sorted(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	write_file("a.conf", "[bucket.x]\nbucket = data-2\n");
	parse_ok("/sbin/mount.porterfs a.conf /mnt/x -n -v -t porterfs -o "
	         "rw,defaults,noauto,user,exec,nosuid,nodev,_netdev,nofail,"
	         "x-systemd.automount,x-systemd.requires=a.service,comment=c,"
	         "relatime,allow_other,uid=1000,part_size=6M,"
	         "bucket.x.mode=ro,context=\"a:b:c0\\,c1\"",
	         &options);
	assert_int_equal(options.action, OPTIONS_MOUNT);
	assert_string_equal(options.mountpoint, "/mnt/x");
	assert_string_equal(options.source, "a.conf");
	assert_string_equal(options.kernel_options, "context=\"a:b:c0\\,c1\"");
	assert_true(conf_bool(options.conf, NULL, "allow_other"));
	assert_int_equal(conf_number(options.conf, NULL, "uid"), 1000);
	assert_int_equal(conf_number(options.conf, NULL, "part_size"), 6 << 20);
	assert_string_equal(conf_text(options.conf, "x", "mode"), "ro");
}

static void of_contrary_words_the_last_counts(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("mount.porterfs none /mnt/x -o ro,noexec,sync -o rw,async",
	         &options);
	assert_string_equal(options.kernel_options, "noexec");
	assert_string_equal(options.source, "none");

	options_release(&options);
	parse_ok("mount.porterfs none /mnt/x -o rw,dirsync,ro", &options);
	assert_string_equal(options.kernel_options, "ro,dirsync");
}

static void a_bucket_can_be_the_source(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("mount.porterfs s3://my-bucket/a/b /mnt/x", &options);
	assert_string_equal(conf_text(options.conf, "primary", "bucket"),
	                    "my-bucket");
	assert_string_equal(conf_text(options.conf, "primary", "prefix"),
	                    "a/b/");
	assert_string_equal(options.source, "s3://my-bucket/a/b");

	options_release(&options);
	parse_ok("mount.porterfs s3://my-bucket /mnt/x -o primary_name=data",
	         &options);
	assert_string_equal(conf_bucket_name(options.conf, 0), "data");
	assert_string_equal(conf_text(options.conf, "data", "bucket"),
	                    "my-bucket");
	assert_false(conf_is_set(options.conf, "data", "prefix"));
}

static void fake_checks_and_sloppy_passes_over(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("mount.porterfs none /mnt/x -o whatever,other=1,ro -sf",
	         &options);
	assert_int_equal(options.action, OPTIONS_CHECK);
	options_release(&options);
	parse_ok("mount.porterfs none /mnt/x -s -o whatever", &options);
	parse_bad("mount.porterfs none /mnt/x -s -o part_size=1", -ERANGE, true,
	          "-o: part_size: '1' is too small, it must be at least 5M");
	parse_bad("mount.porterfs none /mnt/x -o whatever", -EINVAL, true,
	          "-o: whatever: there is no such key, porterfs --help lists "
	          "all");
}

static void commas_in_values_are_escaped(void **state)
{
	cleanup(options_release) struct options options;

	(void)state;
	parse_ok("porterfs /mnt/x -o ,,bucket.a\\,b.bucket=data-1,,"
	         "bucket.a\\,b.prefix=c\\\\d\\e,",
	         &options);
	assert_string_equal(conf_text(options.conf, "a,b", "bucket"), "data-1");
	assert_string_equal(conf_text(options.conf, "a,b", "prefix"),
	                    "c\\d\\e/");
}

/* ---- places ---- */

static void mount_points_have_the_names_systemd_gives_them(void **state)
{
	static const char *const names[][2] = {
		{"/mnt/porter", "mnt-porter"},
		{"/mnt//porter//", "mnt-porter"},
		{"/mnt/a-b", "mnt-a\\x2db"},
		{"/", "-"},
		{"/.hidden/.b", "\\x2ehidden-.b"},
		{"/a b/\xc3\xa4", "a\\x20b-\\xc3\\xa4"},
		{"/dev/fd/7", "dev-fd-7"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup(freep) char *name = places_name(names[i][0]);

		assert_string_equal(name, names[i][1]);
	}
}

static void each_mount_has_its_directories(void **state)
{
	cleanup(options_release) struct options options;
	cleanup(freep) char *here = getcwd(NULL, 0);
	bool root = geteuid() == 0;
	cleanup(freep) char *cache =
		root ? strdup("/var/cache/porterfs/mnt-x")
		     : str_printf("%s/.cache/porterfs/mnt-x", here);
	cleanup(freep) char *state_dir =
		root ? strdup("/var/lib/porterfs/mnt-x")
		     : str_printf("%s/.local/state/porterfs/mnt-x", here);

	(void)state;
	parse_ok("porterfs /mnt/x", &options);
	assert_string_equal(conf_text(options.conf, NULL, "cache_dir"), cache);
	assert_string_equal(conf_text(options.conf, NULL, "state_dir"),
	                    state_dir);
	assert_string_equal(conf_origin_text(options.conf, NULL, "cache_dir"),
	                    "default");

	options_release(&options);
	parse_ok("porterfs /mnt/x -o cache_dir=/c", &options);
	assert_string_equal(conf_text(options.conf, NULL, "cache_dir"), "/c");
}

/* ---- secrets ---- */

static void secrets_are_gone_from_the_environment(void **state)
{
	cleanup(options_release) struct options options;
	char program[] = "porterfs";
	char place[] = "/mnt/x";
	char *argv[] = {program, place, NULL};
	char bucket[] = "AWS_BUCKET=data";
	char id[] = "AWS_ACCESS_KEY_ID=AK";
	char secret[] = "AWS_SECRET_ACCESS_KEY=hush";
	char *environment[] = {bucket, secret, id, NULL};
	struct err err = {0};

	(void)state;
	assert_int_equal(options_parse(2, argv, environment, &options, &err),
	                 0);
	assert_ptr_equal(environment[1], id);
	assert_null(environment[2]);
	assert_null(memmem(secret, sizeof(secret), "hush", 4));
	assert_string_equal(conf_text(options.conf, "primary",
	                              "secret_access_key"),
	                    "hush");
}

/* A home of our own, so that no file of the machine's user is read. */
static int enter_home(void **state)
{
	static char dir[] = "/tmp/test_options.XXXXXX";

	*state = dir;
	if (!mkdtemp(dir) || chdir(dir) < 0 || setenv("HOME", dir, 1) < 0)
		return -1;
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)unsetenv("XDG_CACHE_HOME");
	(void)unsetenv("XDG_STATE_HOME");
	return 0;
}

static int leave_home(void **state)
{
	(void)unlink("a.conf");
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mount_point_is_enough),
		cmocka_unit_test(options_may_stand_behind_the_mount_point),
		cmocka_unit_test(a_relative_mount_point_becomes_absolute),
		cmocka_unit_test(debug_means_foreground_and_more_log),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(help_shows_usage_and_every_group),
		cmocka_unit_test(
			print_config_works_without_bucket_and_mount_point),
		cmocka_unit_test(wrong_words_are_usage_errors),
		cmocka_unit_test(wrong_configurations_are_not),
		cmocka_unit_test(the_file_at_home_is_found),
		cmocka_unit_test(a_file_that_cannot_be_read_is_not_passed_over),
		cmocka_unit_test(a_dotenv_is_read_only_when_it_is_named),
		cmocka_unit_test(fstab_words_are_sorted),
		cmocka_unit_test(of_contrary_words_the_last_counts),
		cmocka_unit_test(a_bucket_can_be_the_source),
		cmocka_unit_test(fake_checks_and_sloppy_passes_over),
		cmocka_unit_test(commas_in_values_are_escaped),
		cmocka_unit_test(
			mount_points_have_the_names_systemd_gives_them),
		cmocka_unit_test(each_mount_has_its_directories),
		cmocka_unit_test(secrets_are_gone_from_the_environment),
	};

	return cmocka_run_group_tests(tests, enter_home, leave_home);
}
