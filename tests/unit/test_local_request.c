/* SPDX-License-Identifier: MIT */
/* Requests to the embedded store that are cancelled or fail. */
#include "base/exec.h"
#include "contract.h"
#include "local_place.h"
#include "s3/local.h"

#include <dirent.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 77 /* a child's status: it may not do what it must */

/* An upload of one sent part, ready to be completed. */
static void half_upload(struct local_place *place, const char *text,
                        char *ret_id, struct store_part_info *ret)
{
	contract_create(place->store, "big", ret_id);
	ret->number = 1;
	assert_int_equal(contract_part(place->store, "big", ret_id,
	                               (const uint8_t *)text, strlen(text),
	                               ret),
	                 0);
}

/* A task that keeps the only thread busy until it is told. */
struct blocker {
	struct task task;
	sem_t begun;
	sem_t go;
};

/* Runs on the executor. */
static void block(struct task *task)
{
	struct blocker *blocker = container_of(task, struct blocker, task);

	(void)sem_post(&blocker->begun);
	(void)sem_wait(&blocker->go);
}

/* Tells that a request is done. */
static void post(struct store_req *req)
{
	(void)sem_post(req->owner);
}

static void a_cancelled_request_changes_nothing(void **state)
{
	struct local_place *place = *state;
	struct blocker blocker = {.task.run = block};
	struct exec *exec = NULL;
	struct object_store *store = NULL;
	struct object_info info;
	sem_t done;
	struct store_req req = {
		.verb = STORE_PUT,
		.key = "a",
		.done = post,
		.owner = &done,
	};

	(void)sem_init(&blocker.begun, 0, 0);
	(void)sem_init(&blocker.go, 0, 0);
	(void)sem_init(&done, 0, 0);
	assert_int_equal(exec_new("work", 1, &exec), 0);
	assert_int_equal(local_store_new(
				 &(struct local_store_config){
					 .root = place->root,
					 .bucket = "b",
					 .exec = exec,
				 },
				 &store, NULL),
	                 0);
	exec_run(exec, &blocker.task);
	(void)sem_wait(&blocker.begun);
	store_submit(store, &req);
	store_cancel(store, &req);
	(void)sem_post(&blocker.go);
	(void)sem_wait(&done);
	assert_int_equal(req.status, -ECANCELED);
	assert_int_equal(contract_head(store, "a", &info), -ENOENT);
	store_destroy(store);
	exec_free(exec);
}

/* Cancels its own GET as soon as the first bytes are there. */
struct cancelling {
	struct store_req req; /* first */
	struct object_store *store;
};

static void cancel_it(struct store_req *req)
{
	store_cancel(((struct cancelling *)(void *)req)->store, req);
}

static void a_read_ends_soon_when_cancelled(void **state)
{
	struct local_place *place = *state;
	size_t len = (size_t)32 << 20;
	static struct slice slices[512];
	uint8_t *data = contract_bytes(len, 1);
	struct cancelling get = {
		.req = {.verb = STORE_GET,
	                .key = "a",
	                .get = {.length = len,
	                        .into = {slices, 512},
	                        .progress = cancel_it}},
		.store = place->store,
	};

	for (size_t i = 0; i < 512; i++)
		slices[i] = (struct slice){data + i * 65536, 65536};
	assert_int_equal(contract_put(place->store, "a", data, len), 0);
	assert_int_equal(store_call(place->store, &get.req), -ECANCELED);
	assert_true(get.req.get.received < len);
	free(data);
}

/* What a child does where writing ends early; returns its exit status. */
static int write_too_much(const char *root, int code, const char *story)
{
	struct object_store *store = local_place_open(root, NULL);
	uint8_t *data = contract_bytes((size_t)8 << 20, 1);
	const struct slice slice = {data, (size_t)8 << 20};
	struct store_req req = {
		.verb = STORE_PUT,
		.key = "a",
		.put.body = {&slice, 1},
	};
	struct object_info info;
	int r = store_call(store, &req);

	if (r != code || !strstr(req.err.text, story))
		return 1;
	if (contract_head(store, "a", &info) != -ENOENT)
		return 2;
	/* Nothing is left that takes room. */
	if (contract_put(store, "a", data, (size_t)200 << 10) < 0)
		return 3;
	store_destroy(store);
	free(data);
	return 0;
}

/* Runs in a child, which may change its limits and mounts; its status. */
static int in_child(const char *root, int (*run)(const char *root))
{
	pid_t child = fork();
	int status = -1;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run(root));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int with_a_limit(const char *root)
{
	const struct rlimit limit = {1 << 20, 1 << 20};

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return CANNOT;
	return write_too_much(root, -EFBIG, "File too large");
}

static int with_a_small_disk(const char *root)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", root, "tmpfs", 0, "size=1m") < 0)
		return CANNOT;
	return write_too_much(root, -ENOSPC, "No space left");
}

static void a_file_size_limit_is_told_as_such(void **state)
{
	struct local_place *place = *state;
	int status = in_child(place->root, with_a_limit);

	if (status == CANNOT)
		skip();
	assert_int_equal(status, 0);
	assert_int_equal(local_place_count(place, ".porterfs/.tmp"), 0);
}

static void a_full_disk_is_told_as_such(void **state)
{
	struct local_place *place = *state;
	int status = in_child(place->root, with_a_small_disk);

	if (status == CANNOT)
		skip(); /* only root may mount */
	assert_int_equal(status, 0);
}

/* Open descriptors of this process. */
static unsigned count_fds(void)
{
	DIR *stream = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	(void)closedir(stream);
	return count;
}

static void no_request_leaves_a_descriptor_or_file_behind(void **state)
{
	struct local_place *place = *state;
	unsigned before = count_fds();
	struct store_part_info part;
	char id[STORE_UPLOAD_ID_MAX];
	struct str bytes = {0};

	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(contract_put_text(place->store, "a/b", "x"),
		                 0);
		assert_int_equal(contract_put_if(place->store, "a/b", "y", NULL,
		                                 "*"),
		                 -EEXIST);
		assert_int_equal(contract_get(place->store, "a", 0, 1, &bytes),
		                 -ENOENT);
		assert_int_equal(contract_get(place->store, "a/b", 9, 1,
		                              &bytes),
		                 -ESTALE);
		half_upload(place, "bytes", id, &part);
		part.number = 2;
		assert_int_equal(contract_complete(place->store, "big", id,
		                                   &part, 1),
		                 -EIO);
		assert_int_equal(contract_abort(place->store, "big", id), 0);
		contract_lists(place->store, &(struct store_list){0},
		               "a/b 1\n");
		assert_int_equal(contract_delete(place->store, "a/b"), 0);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(local_place_count(place, ".porterfs/.tmp"), 0);
	assert_int_equal(local_place_count(place, ".porterfs/b"),
	                 1); /* .lock */
	assert_int_equal(local_place_count(place, "b"), 0);
}

int main(void)
{
#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, local_place_set_up, \
	                                local_place_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_cancelled_request_changes_nothing),
		T(a_read_ends_soon_when_cancelled),
		T(a_file_size_limit_is_told_as_such),
		T(a_full_disk_is_told_as_such),
		T(no_request_leaves_a_descriptor_or_file_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
