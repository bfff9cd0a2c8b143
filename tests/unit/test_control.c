/* SPDX-License-Identifier: MIT */
/* The control tree by calls: names, reading, commands, streams, who may. */
#include "control_rig.h"
#include "fs/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define ME 1000

struct world {
	struct control_rig rig;
	struct control *control;
};

static void begin(struct world *w)
{
	struct control_config config = {.uid = ME, .gid = ME};

	control_rig_init(&w->rig, NULL, FAKE_INLINE);
	config.fs = w->rig.fs;
	config.clock = &w->rig.clock.clock;
	config.pool = w->rig.pool;
	assert_int_equal(control_new(&config, &w->control, NULL), 0);
}

static void end(struct world *w)
{
	control_free(w->control);
	control_rig_end(&w->rig);
}

/* What the last read gave. */
static char text[64 << 10];

/* A call that is watched. */
struct watched {
	struct fs_call call;
	unsigned done;
};

static void note_done(struct fs_call *call)
{
	struct watched *w = call->owner;

	w->done++;
	if (call->status == 0 && !call->control) {
		size_t n = chain_read(&call->data, 0, text, sizeof(text) - 1);

		text[n] = '\0';
	}
}

static struct fs_call *fresh(struct watched *w, uint32_t uid)
{
	memset(w, 0, sizeof(*w));
	w->call.done = note_done;
	w->call.owner = w;
	w->call.who = (struct fs_who){.uid = uid, .gid = uid};
	return &w->call;
}

/* Look a path up; its nodeid, or 0 with *ret_status. */
static uint64_t look(struct world *w, const char *path, int *ret_status)
{
	uint64_t parent = FS_ROOT_ID;
	char copy[256];
	char *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	*ret_status = 0;
	for (char *name = strtok_r(copy, "|", &save); name;
	     name = strtok_r(NULL, "|", &save)) {
		struct watched watched;
		struct fs_call *call = fresh(&watched, ME);

		/* entry and data share memory: no text is wanted */
		call->control = (void *)w;
		control_lookup(w->control, call, parent, name);
		assert_int_equal(watched.done, 1);
		*ret_status = call->status;
		if (call->status < 0)
			return 0;
		parent = call->entry.nodeid;
	}
	return parent;
}

static struct control_handle *opened(struct world *w, const char *path,
                                     int flags)
{
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);
	int status;
	uint64_t nodeid = look(w, path, &status);

	assert_int_equal(status, 0);
	control_open(w->control, call, nodeid, flags);
	assert_int_equal(call->status, 0);
	assert_true(call->direct_io);
	assert_non_null(call->control);
	return call->control;
}

/* The whole of a file, into text. */
static void contents(struct world *w, const char *path)
{
	struct control_handle *handle = opened(w, path, O_RDONLY);
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);

	control_read(w->control, call, handle, 0, sizeof(text) - 1);
	assert_int_equal(watched.done, 1);
	assert_int_equal(call->status, 0);
	control_release(w->control, handle);
}

/* What write(2) answers to a command. */
static int64_t write_to(struct world *w, struct control_handle *handle,
                        const char *words, uint64_t offset)
{
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);
	char copy[COMMAND_MAX + 2];
	struct slice slice = {(uint8_t *)copy, strlen(words)};

	(void)snprintf(copy, sizeof(copy), "%s", words);
	call->control = (void *)w;
	control_write(w->control, call, handle, offset, slice);
	assert_int_equal(watched.done, 1);
	return call->status < 0 ? call->status : (int64_t)call->count;
}

static int64_t command(struct world *w, const char *path, const char *words)
{
	struct control_handle *handle = opened(w, path, O_WRONLY);
	int64_t n = write_to(w, handle, words, 0);

	control_release(w->control, handle);
	return n;
}

static void files_say_how_it_is(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	contents(&w, ".porter|version");
	assert_string_equal(text, PORTERFS_VERSION "\n");
	(void)fake_clock_advance(&w.rig.clock, w.rig.timers, 90500);
	contents(&w, ".porter|uptime");
	assert_string_equal(text, "90\n");
	contents(&w, ".porter|health");
	assert_string_equal(text, "degraded\nbucket 'broken' did not work "
	                          "when it was mounted (EACCES)\n");
	contents(&w, ".porter|README");
	assert_non_null(strstr(text, "jobs/*/progress.stream\n"));
	contents(&w, ".porter|metrics");
	assert_non_null(strstr(text, "porterfs_uptime_seconds 90\n"));
	contents(&w, ".porter|stats.json");
	assert_non_null(strstr(text, "\"porterfs_uptime_seconds\":90"));
	end(&w);
}

static void names_are_those_of_the_table(void **state)
{
	struct world w;
	int status;
	uint64_t nodeid;

	(void)state;
	begin(&w);
	nodeid = look(&w, ".porter", &status);
	assert_true(control_owns(nodeid));
	assert_true(control_owns_name(FS_ROOT_ID, ".porter"));
	assert_false(control_owns_name(FS_ROOT_ID, "primary"));
	assert_false(control_owns_name(7, ".porter"));
	assert_int_equal(look(&w, ".porter|jobs", &status) != nodeid, 1);
	(void)look(&w, ".porter|nothing", &status);
	assert_int_equal(status, -ENOENT);
	(void)look(&w, ".porter|jobs|none", &status);
	assert_int_equal(status, -ENOENT);
	(void)look(&w, ".porter|version|x", &status);
	assert_int_equal(status, -ENOENT);
	end(&w);
}

/* fs_fill_fn: names with blanks between. */
static bool add_name(void *ctx, const struct fs_dirent *dirent)
{
	struct str *names = ctx;

	str_addf(names, "%s ", dirent->name);
	return true;
}

static void directories_are_listed(void **state)
{
	struct world w;
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);
	struct str names = {0};
	struct fs_readdir read = {.fill = add_name, .ctx = &names};
	struct control_handle *dir;
	int status;

	(void)state;
	begin(&w);
	control_opendir(w.control, call, look(&w, ".porter|jobs", &status));
	assert_int_equal(call->status, 0);
	dir = call->control;
	call = fresh(&watched, ME);
	control_readdir(w.control, call, dir, &read);
	assert_string_equal(str_text(&names), ". .. index.jsonl ");
	str_reset(&names);
	read.offset = 2;
	control_readdir(w.control, fresh(&watched, ME), dir, &read);
	assert_string_equal(str_text(&names), "index.jsonl ");
	control_release(w.control, dir);
	str_release(&names);
	end(&w);
}

static void a_bad_command_is_write_s_errno_and_told(void **state)
{
	struct world w;
	char huge[COMMAND_MAX + 2];

	(void)state;
	begin(&w);
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(command(&w, ".porter|loglevel", "loud\n"), -EINVAL);
	assert_int_equal(command(&w, ".porter|loglevel", "\n"), -EINVAL);
	assert_int_equal(command(&w, ".porter|loglevel", "a b"), -EINVAL);
	assert_int_equal(command(&w, ".porter|loglevel", "x=y"), -EINVAL);
	assert_int_equal(command(&w, ".porter|loglevel", huge), -EMSGSIZE);
	assert_int_equal(command(&w, ".porter|invalidate", "none/x"), -ENOENT);
	assert_int_equal(command(&w, ".porter|invalidate", "broken/x"),
	                 -EACCES);
	assert_int_equal(command(&w, ".porter|invalidate", "one/x"), 5);
	assert_int_equal(command(&w, ".porter|invalidate", "/ recursive=1"),
	                 13);
	assert_int_equal(command(&w, ".porter|sync",
	                         "one/x?X-Amz-Signature=canary nonsense=1"),
	                 -EINVAL);
	contents(&w, ".porter|errors");
	assert_non_null(strstr(
		text, "\"file\":\"loglevel\",\"input\":\"loud\",\"errno\":"
		      "\"EINVAL\",\"msg\":\"'loud' is not error, warning, info "
		      "or debug\""));
	assert_non_null(strstr(text, "\"errno\":\"EMSGSIZE\""));
	assert_null(strstr(text, "canary"));
	end(&w);
}

static void the_last_hundred_errors_are_kept(void **state)
{
	struct world w;
	unsigned lines = 0;

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < 130; i++) {
		char word[32];

		(void)snprintf(word, sizeof(word), "word%u", i);
		(void)command(&w, ".porter|loglevel", word);
	}
	contents(&w, ".porter|errors");
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 100);
	assert_non_null(strstr(text, "\"word30\""));
	assert_null(strstr(text, "\"word29\""));
	end(&w);
}

static void a_failure_of_data_is_told_too(void **state)
{
	struct world w;
	const struct fs_who who = {.uid = 5, .tid = 6};
	struct err err = {0};

	(void)state;
	begin(&w);
	(void)err_set(
		&err, -EIO,
		"PUT of \"k\" failed (HTTP 500, request abc-1, 2 attempts)");
	control_note_failure(w.control, &who, -EIO, &err);
	contents(&w, ".porter|health");
	assert_memory_equal(text, "failing\n", 8);
	contents(&w, ".porter|errors");
	assert_non_null(strstr(text, "\"pid\":6,\"uid\":5,\"errno\":\"EIO\""));
	assert_non_null(strstr(text, "\"request_id\":\"abc-1\""));
	(void)fake_clock_advance(&w.rig.clock, w.rig.timers, 3600000);
	contents(&w, ".porter|health");
	assert_memory_equal(text, "degraded\n", 9);
	end(&w);
}

static void others_stay_out(void **state)
{
	struct world w;
	struct watched watched;
	struct fs_call *call;
	struct control_handle *handle;
	int status;
	uint64_t root;
	uint64_t file;

	(void)state;
	begin(&w);
	root = look(&w, ".porter", &status);
	file = look(&w, ".porter|loglevel", &status);
	call = fresh(&watched, ME + 1);
	control_lookup(w.control, call, root, "version");
	assert_int_equal(call->status, -EACCES);
	call = fresh(&watched, ME + 1);
	control_open(w.control, call, file, O_RDONLY);
	assert_int_equal(call->status, -EACCES);
	call = fresh(&watched, ME + 1);
	control_opendir(w.control, call, root);
	assert_int_equal(call->status, -EACCES);
	handle = opened(&w, ".porter|loglevel", O_WRONLY);
	call = fresh(&watched, ME + 1);
	control_write(w.control, call, handle, 0, (struct slice){0});
	assert_int_equal(call->status, -EACCES);
	control_release(w.control, handle);
	call = fresh(&watched, 0);
	control_open(w.control, call, file, O_RDONLY);
	assert_int_equal(call->status, 0);
	control_release(w.control, call->control);
	end(&w);
}

static void modes_let_in_only_the_owner(void **state)
{
	struct world w;
	struct watched watched;
	struct fs_call *call;
	int status;

	(void)state;
	begin(&w);
	call = fresh(&watched, ME);
	call->control = (void *)&w;
	control_getattr(w.control, call, look(&w, ".porter", &status));
	assert_int_equal(call->entry.attr.mode, S_IFDIR | 0500);
	assert_int_equal(call->entry.attr.uid, ME);
	call = fresh(&watched, ME);
	call->control = (void *)&w;
	control_setattr(w.control, call, look(&w, ".porter|pid", &status));
	assert_int_equal(call->entry.attr.mode, S_IFREG | 0400);
	assert_int_equal(call->entry.attr.size, 0);
	end(&w);
}

static void a_stream_is_waited_for_and_read(void **state)
{
	struct world w;
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);
	struct control_handle *handle;

	(void)state;
	begin(&w);
	control_event(w.control, "\"event\":\"before\"");
	handle = opened(&w, ".porter|events.stream", O_RDONLY);
	control_read(w.control, call, handle, 0, 1000);
	assert_int_equal(watched.done, 0);
	control_event(w.control, "\"event\":\"x\"");
	assert_int_equal(watched.done, 1);
	assert_string_equal(text, "{\"ts\":\"2015-08-30T12:36:00.000Z\","
	                          "\"event\":\"x\"}\n");
	/* a shell seeks back to read the rest again */
	control_read(w.control, fresh(&watched, ME), handle, 1, 4);
	assert_string_equal(text, "\"ts\"");
	control_release(w.control, handle);
	end(&w);
}

static void a_waiting_reader_can_be_interrupted(void **state)
{
	struct world w;
	struct watched watched;
	struct fs_call *call = fresh(&watched, ME);
	struct control_handle *handle;

	(void)state;
	begin(&w);
	handle = opened(&w, ".porter|events.stream", O_RDONLY);
	control_read(w.control, call, handle, 0, 1000);
	control_cancel(w.control, call);
	assert_int_equal(watched.done, 1);
	assert_int_equal(call->status, -EINTR);
	control_event(w.control, "\"event\":\"x\"");
	assert_int_equal(watched.done, 1);
	control_read(w.control, fresh(&watched, ME), handle, 0, 1000);
	assert_int_equal(watched.done, 1);
	assert_non_null(strstr(text, "\"event\":\"x\""));
	control_release(w.control, handle);
	end(&w);
}

/* The kernel's side of poll: marks. */
struct polled {
	unsigned ready;
	unsigned dropped;
};

static void on_ready(void *poll)
{
	((struct polled *)poll)->ready++;
}

static void on_drop(void *poll)
{
	((struct polled *)poll)->dropped++;
}

static void poll_says_when_there_is_more(void **state)
{
	static const struct control_kernel kernel = {on_ready, on_drop};
	struct world w;
	struct polled first = {0};
	struct polled second = {0};
	struct control_handle *handle;

	(void)state;
	begin(&w);
	control_set_kernel(w.control, &kernel);
	handle = opened(&w, ".porter|version", O_RDONLY);
	assert_int_equal(control_poll(w.control, handle, &first),
	                 POLLIN | POLLOUT);
	assert_int_equal(first.dropped, 1);
	control_release(w.control, handle);

	handle = opened(&w, ".porter|events.stream", O_RDONLY);
	assert_int_equal(control_poll(w.control, handle, NULL), 0);
	assert_int_equal(control_poll(w.control, handle, &second), 0);
	control_event(w.control, "\"event\":\"x\"");
	assert_int_equal(second.ready, 1);
	assert_int_equal(second.dropped, 1);
	assert_int_equal(control_poll(w.control, handle, NULL), POLLIN);
	control_release(w.control, handle);
	end(&w);
}

static void a_poll_handle_goes_with_its_file(void **state)
{
	static const struct control_kernel kernel = {on_ready, on_drop};
	struct world w;
	struct polled polled = {0};
	struct control_handle *handle;

	(void)state;
	begin(&w);
	control_set_kernel(w.control, &kernel);
	handle = opened(&w, ".porter|events.stream", O_RDONLY);
	assert_int_equal(control_poll(w.control, handle, &polled), 0);
	control_release(w.control, handle);
	assert_int_equal(polled.dropped, 1);
	assert_int_equal(polled.ready, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_say_how_it_is),
		cmocka_unit_test(names_are_those_of_the_table),
		cmocka_unit_test(directories_are_listed),
		cmocka_unit_test(a_bad_command_is_write_s_errno_and_told),
		cmocka_unit_test(the_last_hundred_errors_are_kept),
		cmocka_unit_test(a_failure_of_data_is_told_too),
		cmocka_unit_test(others_stay_out),
		cmocka_unit_test(modes_let_in_only_the_owner),
		cmocka_unit_test(a_stream_is_waited_for_and_read),
		cmocka_unit_test(a_waiting_reader_can_be_interrupted),
		cmocka_unit_test(poll_says_when_there_is_more),
		cmocka_unit_test(a_poll_handle_goes_with_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
