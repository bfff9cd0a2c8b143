/* SPDX-License-Identifier: MIT */
/* Jobs: started, queued, paused, cancelled, tried again, forgotten. */
#include "control_rig.h"
#include "feed.h"
#include "fs/journal.h"
#include "temp_dir.h"

#include <semaphore.h>

/* A kind whose work the test steers. */
struct stage {
	sem_t entered; /* a run has begun */
	sem_t go;      /* let one run end */
	int status;    /* what runs answer */
	int prepare;   /* what prepare answers */
	unsigned freed;
};

/* The stage of all jobs of a test: kinds are static, so this is too. */
static struct stage stage;

static int stage_prepare(struct job *job, struct err *reterr)
{
	const char *target = command_text(job_command(job), "dst", 0);

	if (stage.prepare < 0)
		return err_set(reterr, stage.prepare, "refused by the test");
	job_set_private(job, &stage);
	return job_set_target(job, target ? target : "");
}

static int stage_run(struct job *job, struct err *reterr)
{
	struct stage *s = job_private(job);
	int r = 0;

	assert_ptr_equal(s, &stage);
	(void)sem_post(&s->entered);
	while (r == 0 && sem_trywait(&s->go) < 0)
		r = job_check(job);
	job_add(job, JOB_OBJECTS, 3);
	if (r == 0 && s->status < 0)
		r = err_set(reterr, s->status, "failed by the test");
	return r;
}

static void stage_free(void *private)
{
	((struct stage *)private)->freed++;
}

static const struct command_rule stage_rules[] = {
	{.key = "dst"},
	{.key = "n", .type = COMMAND_COUNT, .max = 5},
};
static const struct job_ops one_at_a_time = {
	.kind = "play",
	.rules = stage_rules,
	.rule_count = 2,
	.limit = 1,
	.prepare = stage_prepare,
	.run = stage_run,
	.free = stage_free,
};
static const struct job_ops resumable = {
	.kind = "play",
	.rules = stage_rules,
	.rule_count = 2,
	.limit = 1,
	.resumes = true,
	.prepare = stage_prepare,
	.run = stage_run,
	.free = stage_free,
};
static const struct job_ops *const kinds[] = {&one_at_a_time, NULL};
static const struct job_ops *const resumable_kinds[] = {&resumable, NULL};

struct world {
	struct control_rig rig;
	struct jobs *jobs;
	struct feed *events;
};

static void begin(struct world *w)
{
	struct jobs_config config = {.kinds = kinds, .queue_max = 3};

	memset(&stage, 0, sizeof(stage));
	(void)sem_init(&stage.entered, 0, 0);
	(void)sem_init(&stage.go, 0, 0);
	control_rig_init(&w->rig, NULL, FAKE_INLINE);
	assert_int_equal(feed_new(4000, &w->events), 0);
	config.fs = w->rig.fs;
	config.clock = &w->rig.clock.clock;
	config.events = w->events;
	assert_int_equal(jobs_new(&config, &w->jobs, NULL), 0);
}

static void end(struct world *w)
{
	jobs_free(w->jobs);
	feed_unref(w->events);
	control_rig_end(&w->rig);
	(void)sem_destroy(&stage.entered);
	(void)sem_destroy(&stage.go);
}

/* Start by a text; the job or NULL with *ret_code. */
static struct job *start(struct world *w, const char *text, int *ret_code)
{
	struct command command = {0};
	struct job_request request = {.ops = &one_at_a_time,
	                              .command = &command};
	struct job *job = NULL;
	struct err err = {0};

	assert_int_equal(command_parse(text, strlen(text), &command, NULL), 0);
	*ret_code = jobs_start(w->jobs, &request, &job, &err);
	assert_int_equal(err.code, *ret_code);
	command_release(&command);
	return job;
}

static struct job *started(struct world *w, const char *text)
{
	int code;
	struct job *job = start(w, text, &code);

	assert_int_equal(code, 0);
	assert_non_null(job);
	return job;
}

static void refused(struct world *w, const char *text, int code)
{
	int got;

	assert_null(start(w, text, &got));
	assert_int_equal(got, code);
}

static void a_job_runs_and_is_done(void **state)
{
	struct world w;
	struct str json = {0};
	struct job *job;
	struct job *found;

	(void)state;
	begin(&w);
	(void)sem_post(&stage.go);
	job = started(&w, "id=first dst=one/a");
	assert_int_equal(job_wait(job, NULL), 0);
	assert_int_equal(job_state(job), JOB_DONE);
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 3);
	assert_int_equal(stage.freed, 1);
	assert_int_equal(job_status_json(job, &json), 0);
	assert_non_null(strstr(str_text(&json), "\"id\":\"first\""));
	assert_non_null(strstr(str_text(&json), "\"state\":\"done\""));
	assert_non_null(strstr(str_text(&json), "\"objects\":3"));
	str_reset(&json);
	assert_int_equal(job_spec_json(job, &json), 0);
	assert_string_equal(str_text(&json),
	                    "{\"id\":\"first\",\"type\":\"play\",\"uid\":0,"
	                    "\"pid\":0,\"command\":{\"id\":\"first\","
	                    "\"dst\":\"one/a\"}}");
	found = jobs_find(w.jobs, "first");
	assert_ptr_equal(found, job);
	job_unref(found);
	job_unref(job);
	str_release(&json);
	end(&w);
}

static void what_fails_says_why_and_can_be_tried_again(void **state)
{
	struct world w;
	struct err err = {0};
	struct job *job;

	(void)state;
	begin(&w);
	stage.status = -EHOSTUNREACH;
	(void)sem_post(&stage.go);
	job = started(&w, "id=x");
	assert_int_equal(job_wait(job, &err), -EHOSTUNREACH);
	assert_string_equal(err.text, "failed by the test");
	assert_int_equal(job_state(job), JOB_FAILED);
	stage.status = 0;
	(void)sem_post(&stage.go);
	assert_int_equal(job_control(job, "retry", NULL), 0);
	assert_int_equal(job_wait(job, NULL), 0);
	assert_int_equal(job_control(job, "retry", NULL), -EALREADY);
	assert_int_equal(stage.freed, 2);
	job_unref(job);
	end(&w);
}

static void beyond_the_limit_jobs_wait_their_turn(void **state)
{
	struct world w;
	struct job *jobs[4];

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < 4; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "id=j%u", i);
		jobs[i] = started(&w, text);
		if (i == 0)
			(void)sem_wait(&stage.entered);
	}
	refused(&w, "id=j4", -EAGAIN);
	assert_int_equal(job_state(jobs[0]), JOB_RUNNING);
	assert_int_equal(job_state(jobs[1]), JOB_QUEUED);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(job_state(jobs[i]), JOB_RUNNING);
		(void)sem_post(&stage.go);
		assert_int_equal(job_wait(jobs[i], NULL), 0);
		if (i < 3)
			(void)sem_wait(&stage.entered);
	}
	for (unsigned i = 0; i < 4; i++)
		job_unref(jobs[i]);
	end(&w);
}

static void ids_and_targets_are_alone(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	job = started(&w, "id=a dst=one/x/");
	(void)sem_wait(&stage.entered);
	refused(&w, "id=a dst=two/", -EEXIST);
	refused(&w, "id=b dst=one/x/", -EBUSY);
	refused(&w, "id=b dst=one/x/y/", -EBUSY);
	refused(&w, "id=b dst=one/", -EBUSY);
	refused(&w, "id=.b", -EINVAL);
	refused(&w, "id=a/b", -EINVAL);
	refused(&w, "id=b n=6", -EDOM);
	refused(&w, "id=b m=1", -EINVAL);
	refused(&w, "id=b dryrun=1", -EINVAL);
	stage.prepare = -EACCES;
	refused(&w, "id=b dst=two/", -EACCES);
	stage.prepare = 0;
	job_unref(started(&w, "id=b dst=one/xy"));
	(void)sem_post(&stage.go);
	assert_int_equal(job_wait(job, NULL), 0);
	job_unref(job);
	(void)sem_post(&stage.go);
	job = jobs_find(w.jobs, "b");
	assert_int_equal(job_wait(job, NULL), 0);
	job_unref(job);
	end(&w);
}

static void cancel_pause_and_forget(void **state)
{
	struct world w;
	struct job *running;
	struct job *queued;

	(void)state;
	begin(&w);
	running = started(&w, "id=r");
	queued = started(&w, "id=q");
	(void)sem_wait(&stage.entered);
	assert_int_equal(job_control(running, "pause", NULL), 0);
	assert_int_equal(job_control(running, "nonsense", NULL), -EINVAL);
	assert_int_equal(job_control(running, "forget", NULL), -EBUSY);
	assert_int_equal(job_control(running, "retry", NULL), -EBUSY);
	assert_int_equal(job_control(queued, "cancel", NULL), 0);
	assert_int_equal(job_state(queued), JOB_CANCELLED);
	assert_int_equal(job_errno(queued, NULL), -ECANCELED);
	assert_int_equal(job_control(running, "cancel", NULL), 0);
	assert_int_equal(job_wait(running, NULL), -ECANCELED);
	assert_int_equal(job_control(running, "cancel", NULL), -EALREADY);
	assert_int_equal(job_control(running, "forget", NULL), 0);
	assert_null(jobs_find(w.jobs, "r"));
	job_unref(running);
	job_unref(queued);
	end(&w);
}

static void the_end_is_told_to_those_who_wait(void **state)
{
	struct world w;
	struct feed_reader reader = {0};
	char text[2000] = "";
	struct job *job;
	struct feed *wait;

	(void)state;
	begin(&w);
	stage.status = -EIO;
	job = started(&w, "id=w");
	wait = job_wait_feed(job);
	assert_int_equal(feed_read(wait, &reader, text, sizeof(text)), -EAGAIN);
	(void)sem_post(&stage.go);
	(void)job_wait(job, NULL);
	while (!feed_ready(wait, &reader))
		continue;
	assert_true(feed_read(wait, &reader, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "\"state\":\"failed\",\"errno\":\"EIO\""));
	assert_int_equal(feed_read(wait, &reader, text, sizeof(text)), -EIO);
	assert_int_equal(feed_read(wait, &reader, text, sizeof(text)), 0);
	feed_unref(wait);
	job_unref(job);
	end(&w);
}

static void made_ids_are_all_different(void **state)
{
	struct world w;
	struct job *a;
	struct job *b;

	(void)state;
	begin(&w);
	a = started(&w, "n=1");
	b = started(&w, "n=1");
	assert_string_not_equal(job_id(a), job_id(b));
	assert_int_equal(strlen(job_id(a)), strlen("20261122T195503Z-k3v9q2"));
	assert_memory_equal(job_id(a), "20150830T123600Z-", 17);
	(void)job_control(a, "cancel", NULL);
	(void)job_control(b, "cancel", NULL);
	job_unref(a);
	job_unref(b);
	end(&w);
}

/* One daemon's life: jobs on a journal in dir. */
static void begin_on(struct world *w, struct journal **journal, const char *dir,
                     bool resumes)
{
	struct jobs_config config = {.kinds = resumes ? resumable_kinds : kinds,
	                             .fs = w->rig.fs,
	                             .clock = &w->rig.clock.clock};
	const struct journal_config at = {.dir = dir, .size_max = 1 << 20};

	assert_int_equal(journal_open(&at, journal, NULL), 0);
	config.journal = *journal;
	assert_int_equal(jobs_new(&config, &w->jobs, NULL), 0);
	(void)jobs_recover(w->jobs);
}

static void what_a_former_daemon_left(void **state)
{
	struct world w;
	struct journal *journal;
	char *dir = temp_dir_new();
	char *path = str_printf("%s/journal", dir);
	struct job *job;
	struct err err = {0};

	(void)state;
	begin(&w);
	jobs_free(w.jobs);

	begin_on(&w, &journal, path, false);
	(void)sem_post(&stage.go);
	job = started(&w, "id=whole");
	assert_int_equal(job_wait(job, NULL), 0);
	job_unref(job);
	(void)sem_wait(&stage.entered);
	job_unref(started(&w, "id=cut"));
	(void)sem_wait(&stage.entered);
	job_unref(started(&w, "id=queued dst=one/x"));
	jobs_free(w.jobs);
	journal_close(journal);

	begin_on(&w, &journal, path, false);
	job = jobs_find(w.jobs, "whole");
	assert_int_equal(job_state(job), JOB_DONE);
	assert_int_equal(job_so_far(job, JOB_OBJECTS), 3);
	job_unref(job);
	job = jobs_find(w.jobs, "cut");
	assert_int_equal(job_state(job), JOB_FAILED);
	assert_int_equal(job_errno(job, &err), -EINTR);
	assert_string_equal(err.text, "the daemon ended before the job did");
	job_unref(job);
	refused(&w, "id=cut", -EEXIST);
	(void)sem_wait(&stage.entered);
	(void)sem_post(&stage.go);
	job = jobs_find(w.jobs, "queued");
	assert_int_equal(job_wait(job, NULL), 0);
	assert_int_equal(job_control(job, "forget", NULL), 0);
	job_unref(job);
	jobs_free(w.jobs);
	journal_close(journal);

	begin_on(&w, &journal, path, true);
	assert_null(jobs_find(w.jobs, "queued"));
	job = jobs_find(w.jobs, "cut");
	assert_int_equal(job_control(job, "retry", NULL), 0);
	(void)sem_wait(&stage.entered);
	job_unref(job);
	jobs_free(w.jobs);
	journal_close(journal);

	begin_on(&w, &journal, path, true);
	(void)sem_wait(&stage.entered);
	(void)sem_post(&stage.go);
	job = jobs_find(w.jobs, "cut");
	assert_int_equal(job_wait(job, NULL), 0);
	assert_true(job_is_resumed(job));
	job_unref(job);
	jobs_free(w.jobs);
	w.jobs = NULL;
	journal_close(journal);
	free(path);
	temp_dir_free(dir);
	end(&w);
}

static void the_end_of_all_ends_what_runs(void **state)
{
	struct world w;
	struct job *job;

	(void)state;
	begin(&w);
	job = started(&w, "id=long");
	(void)sem_wait(&stage.entered);
	job_unref(job);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_runs_and_is_done),
		cmocka_unit_test(what_fails_says_why_and_can_be_tried_again),
		cmocka_unit_test(beyond_the_limit_jobs_wait_their_turn),
		cmocka_unit_test(ids_and_targets_are_alone),
		cmocka_unit_test(cancel_pause_and_forget),
		cmocka_unit_test(the_end_is_told_to_those_who_wait),
		cmocka_unit_test(made_ids_are_all_different),
		cmocka_unit_test(what_a_former_daemon_left),
		cmocka_unit_test(the_end_of_all_ends_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
