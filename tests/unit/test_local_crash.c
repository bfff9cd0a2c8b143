/* SPDX-License-Identifier: MIT */
/*
 * The embedded store and processes that die, or share it.
 *
 * A child writes versions of a few objects and tells each one that was
 * acknowledged through a pipe; it is killed somewhere in between.  Afterwards
 * every object must be a whole version, none older than the last acknowledged,
 * and the next start must leave no trace of the dead.
 */
#include "base/digest.h"
#include "base/exec.h"
#include "contract.h"
#include "s3/local.h"
#include "temp_dir.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS      5
#define ROUNDS    60
#define KILLED_MS 40 /* at most so long after the start */
#define PART_MIN  ((size_t)5 << 20)

/* Some beside directories of others, so that files move aside. */
static const char *const keys[KEYS] = {"a", "a/b", "a/b/c", "d/e", "big"};

/* Told by the child after each acknowledged write. */
struct ack {
	uint32_t key;
	uint32_t version;
};

static struct object_store *open_store(const char *root, bool sync)
{
	const struct local_store_config config = {
		.root = root,
		.bucket = "b",
		.create_bucket = true,
		.sync = sync,
		.exec = exec_inline(),
	};
	struct object_store *store = NULL;

	return local_store_new(&config, &store, NULL) < 0 ? NULL : store;
}

/* A version's bytes: the version in every word; its length varies. */
static size_t make_version(uint32_t version, uint32_t *words)
{
	size_t count = 1 + version * 7919 % 20000;

	for (size_t i = 0; i < count; i++)
		words[i] = version;
	return count * sizeof(*words);
}

/* Write a version as an upload of two parts, the first of PART_MIN bytes. */
static int write_big(struct object_store *store, uint32_t version,
                     uint32_t *words)
{
	struct store_part_info parts[2] = {{.number = 1}, {.number = 2}};
	struct store_req create = {.verb = STORE_MPU_CREATE, .key = "big"};
	char id[STORE_UPLOAD_ID_MAX];
	int r = store_call(store, &create);

	if (r < 0)
		return r;
	memcpy(id, create.create.upload_id, sizeof(id));
	for (size_t i = 0; i < PART_MIN / sizeof(*words); i++)
		words[i] = version;
	r = contract_part(store, "big", id, (uint8_t *)words, PART_MIN,
	                  &parts[0]);
	if (r == 0)
		r = contract_part(store, "big", id, (uint8_t *)words, 4,
		                  &parts[1]);
	return r < 0 ? r : contract_complete(store, "big", id, parts, 2);
}

/* The child: writes on and on. */
static void write_versions(const char *root, int pipe, uint32_t version)
{
	struct object_store *store = open_store(root, version % 2);
	uint32_t *words = malloc(PART_MIN);

	while (store && words) {
		struct ack ack = {.key = version % KEYS, .version = version};
		const char *key = keys[ack.key];
		int r;

		if (ack.key == KEYS - 1)
			r = write_big(store, version, words);
		else
			r = contract_put(store, key, words,
			                 make_version(version, words));
		if (r < 0 || write(pipe, &ack, sizeof(ack)) != sizeof(ack))
			break;
		version++;
	}
	_exit(1);
}

/* The version an object has; asserts that it is one whole. 0 = none. */
static uint32_t read_version(struct object_store *store, const char *key)
{
	struct str bytes = {0};
	uint32_t version = 0;
	int r = contract_get(store, key, 0, PART_MIN + 1000, &bytes);

	if (r == 0) {
		assert_true(bytes.len >= sizeof(version));
		memcpy(&version, bytes.data, sizeof(version));
		for (size_t i = 0; i < bytes.len; i += sizeof(version))
			assert_memory_equal(bytes.data + i, &version,
			                    sizeof(version));
		if (strcmp(key, "big") != 0)
			assert_int_equal(bytes.len,
			                 4 * (1 + version * 7919 % 20000));
		else
			assert_int_equal(bytes.len, PART_MIN + 4);
	} else {
		assert_int_equal(r, -ENOENT);
	}
	str_release(&bytes);
	return version;
}

/* Files in DIR/.porterfs/.tmp. */
static unsigned count_leftovers(const char *root)
{
	char path[512];
	unsigned count = 0;
	DIR *stream;

	(void)snprintf(path, sizeof(path), "%s/.porterfs/.tmp", root);
	stream = opendir(path);
	while (stream && readdir(stream))
		count++;
	if (stream)
		(void)closedir(stream);
	return count ? count - 2 : 0;
}

/* done() of MPU_LIST: counts them. */
struct uploads_call {
	struct store_req req; /* first */
	size_t count;
};

static void count_uploads(struct store_req *req)
{
	((struct uploads_call *)(void *)req)->count = req->list_uploads.count;
}

/* Asserts that there is at most one upload more than before. */
static size_t check_uploads(struct object_store *store, size_t before)
{
	struct uploads_call call = {
		.req = {.verb = STORE_MPU_LIST,
	                .list_uploads.prefix = "",
	                .done = count_uploads},
	};

	assert_int_equal(store_call(store, &call.req), 0);
	assert_true(call.count <= before + 1);
	return call.count;
}

/* Start a child, kill it, and learn what it was told. */
static uint32_t run_and_kill(const char *root, uint32_t version, uint32_t *acks)
{
	int pipes[2];
	struct ack ack;
	unsigned delay_us =
		(unsigned)(digest_xxh64(&version, 4, 1) % (KILLED_MS * 1000));
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(pipes[0]);
		write_versions(root, pipes[1], version);
	}
	(void)close(pipes[1]);
	(void)usleep(1000 + delay_us);
	(void)kill(child, SIGKILL);
	while (read(pipes[0], &ack, sizeof(ack)) == sizeof(ack)) {
		acks[ack.key] = ack.version;
		version = ack.version;
	}
	(void)close(pipes[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return version + 2; /* one may have been under way */
}

static void a_killed_writer_leaves_old_or_new(void **state)
{
	char *root = temp_dir_new();
	uint32_t acks[KEYS] = {0};
	uint32_t version = 1;
	size_t uploads = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct object_store *store;

		version = run_and_kill(root, version, acks);
		store = open_store(root, false);
		assert_non_null(store);
		assert_int_equal(count_leftovers(root), 0);
		for (unsigned i = 0; i < KEYS; i++) {
			uint32_t found = read_version(store, keys[i]);

			assert_true(found >= acks[i]);
			assert_true(found < version);
		}
		uploads = check_uploads(store, uploads);
		store_destroy(store);
	}
	assert_true(version > ROUNDS); /* they did get somewhere */
	temp_dir_free(root);
}

/* Adds to a counter until it has succeeded count times. */
static void count_up(const char *root, unsigned count)
{
	struct object_store *store = open_store(root, false);

	while (store && count > 0) {
		struct object_info info;
		struct str bytes = {0};
		char text[32];
		int r = contract_head(store, "n", &info);

		if (r == 0)
			r = contract_get(store, "n", 0, 20, &bytes);
		(void)snprintf(text, sizeof(text), "%lu",
		               strtoul(str_text(&bytes), NULL, 10) + 1);
		str_release(&bytes);
		/* Read after the ETag was: a newer text fails the condition. */
		if (r == 0)
			r = contract_put_if(store, "n", text, info.etag, NULL);
		if (r < 0 && r != -ESTALE)
			_exit(1);
		count -= r == 0 ? 1 : 0;
	}
	_exit(store ? 0 : 1);
}

static void processes_respect_each_others_conditions(void **state)
{
	char *root = temp_dir_new();
	struct object_store *store = open_store(root, false);
	pid_t children[4];

	(void)state;
	assert_int_equal(contract_put_text(store, "n", "0"), 0);
	for (unsigned i = 0; i < 4; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			count_up(root, 50);
	}
	for (unsigned i = 0; i < 4; i++) {
		int status = 1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	contract_has_text(store, "n", "200");
	store_destroy(store);
	temp_dir_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_writer_leaves_old_or_new),
		cmocka_unit_test(processes_respect_each_others_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
