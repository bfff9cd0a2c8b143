/* SPDX-License-Identifier: MIT */
/* clone, copy, move, delete and verify between two buckets in memory. */
#include "control_rig.h"
#include "job_copy.h"

struct world {
	struct control_rig rig;
	struct jobs *jobs;
};

static void begin_with(struct world *w, const struct store_limits *limits,
                       enum fake_mode mode)
{
	struct jobs_config config = {.kinds = job_kinds};

	control_rig_init(&w->rig, limits, mode);
	config.fs = w->rig.fs;
	config.clock = &w->rig.clock.clock;
	assert_int_equal(jobs_new(&config, &w->jobs, NULL), 0);
}

static void begin(struct world *w)
{
	begin_with(w, NULL, FAKE_INLINE);
}

static void end(struct world *w)
{
	jobs_free(w->jobs);
	control_rig_end(&w->rig);
}

/* "KEY TEXT" made in a bucket. */
static void put(struct world *w, unsigned bucket, const char *key,
                const char *text)
{
	assert_int_equal(fake_store_put_text(w->rig.fake[bucket], key, text),
	                 0);
}

/* Run a command to its end; the job, for counts. */
static struct job *run(struct world *w, const char *kind, const char *words,
                       int code)
{
	struct command command = {0};
	struct job_request request = {.ops = jobs_kind(w->jobs, kind),
	                              .command = &command};
	struct job *job = NULL;
	struct err err = {0};
	int r;

	assert_int_equal(command_parse(words, strlen(words), &command, NULL),
	                 0);
	r = jobs_start(w->jobs, &request, &job, &err);
	command_release(&command);
	if (r == 0)
		r = job_wait(job, &err);
	if (r != code)
		print_message("%s %s: %s\n", kind, words, err.text);
	assert_int_equal(r, code);
	assert_true(r == 0 || err.text[0]);
	return job;
}

static void check(struct world *w, const char *kind, const char *words,
                  int code)
{
	job_unref(run(w, kind, words, code));
}

static void has(struct world *w, unsigned bucket, const char *listing)
{
	char *list = fake_store_list(w->rig.fake[bucket]);

	assert_string_equal(list, listing);
	free(list);
}

static void asked(struct world *w, unsigned bucket, const char *part,
                  bool expected)
{
	char *text = fake_store_transcript(w->rig.fake[bucket]);

	if ((strstr(text, part) != NULL) != expected)
		print_message("transcript:\n%s", text);
	assert_int_equal(strstr(text, part) != NULL, expected);
	free(text);
}

static void a_clone_copies_what_is_missing_or_other(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "img/a", "1");
	put(&w, 0, "img/b", "22");
	put(&w, 0, "img/sub/c", "333");
	put(&w, 0, "other", "x");
	put(&w, 1, "to/b", "22");
	put(&w, 1, "to/sub/c", "old");
	put(&w, 1, "to/z", "extra");
	job = run(&w, "clone", "src=one/img/ dst=two/to/", 0);
	has(&w, 1, "to/a 1\nto/b 2\nto/sub/c 3\nto/z 5\n");
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 2);
	assert_int_equal(job_so_far(job, JOB_BYTES), 4);
	assert_int_equal(job_so_far(job, JOB_SKIPPED), 1);
	job_unref(job);
	asked(&w, 0, "HEAD", false);
	asked(&w, 1, "HEAD", false);
	asked(&w, 1, "COPY to/a from img/a source-if-match=", true);
	asked(&w, 1, "COPY to/b", false);
	asked(&w, 1, "DELETE", false);
	end(&w);
}

static void extras_go_when_asked_for(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	put(&w, 1, "a", "1");
	put(&w, 1, "b", "2");
	put(&w, 1, "keep.txt", "2");
	job = run(&w, "clone",
	          "src=one dst=two delete-extra=1 exclude=*.txt dryrun=1", 0);
	assert_int_equal(job_so_far(job, JOB_DELETED), 1);
	job_unref(job);
	has(&w, 1, "a 1\nb 1\nkeep.txt 1\n");
	job = run(&w, "clone", "src=one dst=two delete-extra=1 exclude=*.txt",
	          0);
	assert_int_equal(job_so_far(job, JOB_DELETED), 1);
	job_unref(job);
	has(&w, 1, "a 1\nkeep.txt 1\n");
	asked(&w, 1, "DELETE_MANY b", true);
	end(&w);
}

static void one_object_and_a_directory_without_slash(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	put(&w, 0, "d/f", "1");
	put(&w, 0, "d2/f", "2");
	put(&w, 0, "file", "3");
	check(&w, "copy", "one/file two/", 0);
	check(&w, "copy", "one/file two/renamed", 0);
	check(&w, "copy", "one/d two/e", 0);
	has(&w, 1, "e/f 1\nfile 1\nrenamed 1\n");
	check(&w, "copy", "one/file one/file", -EINVAL);
	check(&w, "copy", "one/d/ one/d/e/", -EINVAL);
	check(&w, "copy", "one/d/", -EINVAL);
	check(&w, "copy", "one/d/ none/", -ENOENT);
	check(&w, "copy", "one/d/ broken/", -EACCES);
	end(&w);
}

static void a_move_removes_what_was_copied(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "d/a", "1");
	put(&w, 0, "d/b", "2");
	put(&w, 1, "e/b", "2");
	job = run(&w, "move", "one/d/ two/e/ dryrun=1", 0);
	assert_int_equal(job_so_far(job, JOB_DELETED), 2);
	job_unref(job);
	has(&w, 0, "d/a 1\nd/b 1\n");
	job = run(&w, "move", "one/d/ two/e/", 0);
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 1);
	assert_int_equal(job_so_far(job, JOB_DELETED), 2);
	job_unref(job);
	has(&w, 0, "");
	has(&w, 1, "e/a 1\ne/b 1\n");
	end(&w);
}

static void a_failed_copy_keeps_its_source(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "d/a", "1");
	put(&w, 0, "d/b", "2");
	(void)fault_store_add(w.rig.fault[1],
	                      &(struct fault_rule){
				      .action = FAULT_FAIL,
				      .verbs = FAULT_VERB(STORE_COPY),
				      .key = "e/a",
				      .count = 99,
				      .nth = 1,
				      .code = -EDQUOT,
			      });
	job = run(&w, "move", "one/d/ two/e/", -EDQUOT);
	assert_int_equal(job_so_far(job, JOB_FAILURES), 1);
	assert_int_equal(job_so_far(job, JOB_DELETED), 1);
	job_unref(job);
	has(&w, 0, "d/a 1\n");
	end(&w);
}

static void what_may_pass_is_tried_again(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	(void)fault_store_add(w.rig.fault[1],
	                      &(struct fault_rule){
				      .action = FAULT_FAIL,
				      .verbs = FAULT_VERB(STORE_COPY),
				      .nth = 1,
				      .count = 2,
				      .code = -EIO,
			      });
	job = run(&w, "clone", "one two", 0);
	assert_int_equal(job_so_far(job, JOB_FAILURES), 0);
	job_unref(job);
	has(&w, 1, "a 1\n");
	end(&w);
}

static void a_lost_reply_is_settled_by_a_head(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	(void)fault_store_add(w.rig.fault[1],
	                      &(struct fault_rule){
				      .action = FAULT_LOSE_REPLY,
				      .verbs = FAULT_VERB(STORE_COPY),
				      .nth = 1,
				      .code = -EIO,
			      });
	check(&w, "clone", "one two", 0);
	asked(&w, 1, "COPY a", true);
	asked(&w, 1, "HEAD a", true);
	has(&w, 1, "a 1\n");
	end(&w);
}

/* Every COPY is refused with that errno. */
static void refuse_copies(struct world *w, int code)
{
	(void)fault_store_add(w->rig.fault[1],
	                      &(struct fault_rule){
				      .action = FAULT_FAIL,
				      .verbs = FAULT_VERB(STORE_COPY),
				      .count = 1000000,
				      .nth = 1,
				      .code = code,
			      });
}

static void where_the_server_does_not_copy_bytes_are_streamed(void **state)
{
	struct world w;
	char *big = malloc(3 << 20);
	const struct store_meta meta[] = {{"color", "red"}};
	const struct store_headers headers = {
		.content_type = "text/x-test", .meta = meta, .meta_count = 1};
	struct str got = {0};
	char *value;

	(void)state;
	begin(&w);
	memset(big, 'x', 3 << 20);
	big[2 << 20] = 'y';
	assert_int_equal(fake_store_put(w.rig.fake[0], "big", big, 3 << 20,
	                                &headers),
	                 0);
	put(&w, 0, "empty", "");
	put(&w, 0, "small", "abc");
	refuse_copies(&w, -EXDEV);
	check(&w, "clone", "one two", 0);
	has(&w, 1, "big 3145728\nempty 0\nsmall 3\n");
	assert_int_equal(fake_store_get(w.rig.fake[1], "big", &got), 0);
	assert_int_equal(got.len, 3 << 20);
	assert_memory_equal(got.data, big, 3 << 20);
	value = fake_store_header(w.rig.fake[1], "big", "color");
	assert_string_equal(value, "red");
	free(value);
	value = fake_store_header(w.rig.fake[1], "big", "content-type");
	assert_string_equal(value, "text/x-test");
	free(value);
	asked(&w, 0, "GET big 0-1048575 if-match=", true);
	str_release(&got);
	free(big);
	end(&w);
}

static void a_refused_copy_is_streamed_too(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	put(&w, 0, "b", "2");
	refuse_copies(&w, -EACCES);
	check(&w, "clone", "one two", 0);
	has(&w, 1, "a 1\nb 1\n");
	end(&w);
}

static void what_is_too_large_for_one_copy_is_copied_in_parts(void **state)
{
	static const struct store_limits limits = {
		.profile = "test",
		.parts_max = 100,
		.part_min = 5 << 20,
		.part_max = 6 << 20,
		.put_max = 20 << 20,
		.copy_max = 8 << 20,
		.object_max = 1 << 30,
		.meta_max = 2048,
		.copy_source_match = true,
		.complete_gives_etag = true,
	};
	struct world w;
	size_t size = 13 << 20;
	char *big = calloc(1, size);
	struct str got = {0};

	(void)state;
	begin_with(&w, &limits, FAKE_INLINE);
	big[12 << 20] = 'z';
	assert_int_equal(fake_store_put(w.rig.fake[0], "big", big, size, NULL),
	                 0);
	check(&w, "copy", "one/big two/", 0);
	assert_int_equal(fake_store_get(w.rig.fake[1], "big", &got), 0);
	assert_int_equal(got.len, size);
	assert_memory_equal(got.data, big, size);
	asked(&w, 1, "MPU_PART_COPY big 3 from big", true);
	asked(&w, 0, "GET", false);
	str_release(&got);
	free(big);
	end(&w);
}

static void deletes_go_in_batches(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < 2300; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "d/%04u", i);
		put(&w, 0, key, "x");
	}
	put(&w, 0, "d", "a file");
	put(&w, 0, "e", "stays");
	check(&w, "delete", "one", -EINVAL);
	check(&w, "delete", "one/d/ min-size=2", 0);
	job = run(&w, "delete", "one/d/", 0);
	assert_int_equal(job_so_far(job, JOB_DELETED), 2300);
	job_unref(job);
	has(&w, 0, "d 6\ne 5\n");
	job = run(&w, "delete", "one/d", 0);
	assert_int_equal(job_so_far(job, JOB_DELETED), 1);
	job_unref(job);
	has(&w, 0, "e 5\n");
	check(&w, "delete", "one all=1", 0);
	has(&w, 0, "");
	end(&w);
}

static void verify_tells_what_differs(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	put(&w, 0, "b", "2");
	put(&w, 0, "c", "3");
	put(&w, 1, "a", "1");
	put(&w, 1, "b", "9");
	put(&w, 1, "x", "9");
	job = run(&w, "verify", "one two", -EILSEQ);
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 3);
	assert_int_equal(job_so_far(job, JOB_FAILURES), 2);
	job_unref(job);
	check(&w, "clone", "one two", 0);
	check(&w, "verify", "one two", 0);
	check(&w, "verify", "one two exact=1", -EEXIST);
	end(&w);
}

static void a_listing_that_fails_fails_the_job(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	put(&w, 0, "a", "1");
	put(&w, 1, "b", "1");
	(void)fault_store_add(w.rig.fault[0],
	                      &(struct fault_rule){
				      .action = FAULT_FAIL,
				      .verbs = FAULT_VERB(STORE_LIST),
				      .nth = 1,
				      .code = -EACCES,
			      });
	check(&w, "clone", "one two delete-extra=1", -EACCES);
	has(&w, 1, "b 1\n");
	end(&w);
}

static void thousands_go_many_at_a_time(void **state)
{
	struct world w;
	struct fake_stats stats;
	struct job *job;

	(void)state;
	begin_with(&w, NULL, FAKE_THREAD);
	for (unsigned i = 0; i < 2500; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "%05u", i);
		put(&w, 0, key, "x");
	}
	job = run(&w, "clone", "one two", 0);
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 2500);
	job_unref(job);
	assert_int_equal(fake_store_count(w.rig.fake[1]), 2500);
	fake_store_get_stats(w.rig.fake[1], &stats);
	assert_true(stats.waiting_peak > 30);
	assert_true(stats.waiting_peak <= 66);
	check(&w, "verify", "one two exact=1", 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clone_copies_what_is_missing_or_other),
		cmocka_unit_test(extras_go_when_asked_for),
		cmocka_unit_test(one_object_and_a_directory_without_slash),
		cmocka_unit_test(a_move_removes_what_was_copied),
		cmocka_unit_test(a_failed_copy_keeps_its_source),
		cmocka_unit_test(what_may_pass_is_tried_again),
		cmocka_unit_test(a_lost_reply_is_settled_by_a_head),
		cmocka_unit_test(
			where_the_server_does_not_copy_bytes_are_streamed),
		cmocka_unit_test(a_refused_copy_is_streamed_too),
		cmocka_unit_test(
			what_is_too_large_for_one_copy_is_copied_in_parts),
		cmocka_unit_test(deletes_go_in_batches),
		cmocka_unit_test(verify_tells_what_differs),
		cmocka_unit_test(a_listing_that_fails_fails_the_job),
		cmocka_unit_test(thousands_go_many_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
