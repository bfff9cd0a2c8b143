/* SPDX-License-Identifier: MIT */
/* The embedded store as a directory: what lies where, and what else is there. */
#include "base/exec.h"
#include "contract.h"
#include "s3/local.h"
#include "temp_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A directory with a bucket "b", and a store of it. */
struct place {
	char *root;
	struct object_store *store;
};

/* Open a store of the place's bucket. */
static struct object_store *open_store(const char *root, const char *prefix)
{
	const struct local_store_config config = {
		.root = root,
		.bucket = "b",
		.prefix = prefix,
		.create_bucket = true,
		.sync = false,
		.exec = exec_inline(),
	};
	struct object_store *store = NULL;
	struct err err = {0};

	if (local_store_new(&config, &store, &err) < 0)
		fail_msg("%s", err.text);
	return store;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	place->root = temp_dir_new();
	place->store = open_store(place->root, NULL);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	store_destroy(place->store);
	temp_dir_free(place->root);
	free(place);
	return 0;
}

/* ROOT/path, in memory that stays until the next call. */
static const char *at(const struct place *place, const char *path)
{
	static char full[8192];

	(void)snprintf(full, sizeof(full), "%s/%s", place->root, path);
	return full;
}

/* Write a file by hand. */
static void by_hand(const struct place *place, const char *path,
                    const char *text, const char *mode)
{
	FILE *file = fopen(at(place, path), mode);

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Asserts that a path is, or is not, there. */
static void assert_there(const struct place *place, const char *path,
                         bool there)
{
	if ((access(at(place, path), F_OK) == 0) != there)
		fail_msg("%s is %s", path, there ? "missing" : "there");
}

/* Number of names in a directory, hidden ones too. */
static unsigned count_names(const struct place *place, const char *path)
{
	DIR *stream = opendir(at(place, path));
	unsigned count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	(void)closedir(stream);
	return count - 2;
}

static void objects_are_plain_files(void **state)
{
	struct place *place = *state;
	char text[64] = "";
	char json[1024];
	ssize_t len;
	FILE *file;

	assert_int_equal(contract_put_text(place->store, "as/path/key", "text"),
	                 0);
	file = fopen(at(place, "b/as/path/key"), "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	(void)fclose(file);
	assert_string_equal(text, "text");

	len = getxattr(at(place, "b/as/path/key"), "user.porterfs", json,
	               sizeof(json) - 1);
	assert_true(len > 0);
	json[len] = '\0';
	assert_non_null(strstr(json, "{\"etag\":\"\\\""));
	assert_non_null(strstr(json, "\"size\":4"));
}

static void special_keys_lie_where_the_manual_says(void **state)
{
	struct place *place = *state;

	assert_int_equal(contract_put_text(place->store, "dir/", "1"), 0);
	assert_int_equal(contract_put_text(place->store, "x%", "2"), 0);
	assert_int_equal(contract_put_text(place->store, "../../y", "3"), 0);
	assert_int_equal(contract_put_text(place->store, "a", "4"), 0);
	assert_there(place, "b/dir/%", true);
	assert_there(place, "b/x%25", true);
	assert_there(place, "b/%2E%2E/%2E%2E/y", true);
	assert_there(place, "b/a", true);
	assert_int_equal(contract_put_text(place->store, "a/b", "5"), 0);
	assert_there(place, "b/a%", true);
	assert_there(place, "b/a/b", true);
	assert_there(place, "y", false);
}

static void directories_go_with_their_last_key(void **state)
{
	struct place *place = *state;

	assert_int_equal(contract_put_text(place->store, "a/b/c/d", "x"), 0);
	assert_int_equal(contract_put_text(place->store, "a/x", "x"), 0);
	assert_int_equal(contract_delete(place->store, "a/b/c/d"), 0);
	assert_there(place, "b/a/b", false);
	assert_there(place, "b/a/x", true);
	assert_int_equal(contract_delete(place->store, "a/x"), 0);
	assert_there(place, "b/a", false);
	assert_there(place, "b", true);
}

static void a_large_directory_goes_in_any_order(void **state)
{
	struct place *place = *state;
	char key[32];

	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "d/%u", i);
		assert_int_equal(contract_put(place->store, key, "", 0), 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "d/%u", i * 7 % 300);
		assert_there(place, "b/d", true);
		assert_int_equal(contract_delete(place->store, key), 0);
	}
	assert_there(place, "b/d", false);
}

static void a_file_put_there_by_hand_is_an_object(void **state)
{
	struct place *place = *state;
	struct object_info info;
	char etag[STORE_ETAG_MAX];

	assert_int_equal(mkdir(at(place, "b/d"), 0755), 0);
	by_hand(place, "b/d/hand", "made", "w");
	contract_has_text(place->store, "d/hand", "made");
	contract_lists(place->store, &(struct store_list){0}, "d/hand 4\n");
	assert_int_equal(contract_head(place->store, "d/hand", &info), 0);
	contract_etag(place->store, "d/hand", etag);
	assert_string_equal(info.etag, etag);
	assert_int_equal(
		contract_put_if(place->store, "d/hand", "ours", etag, NULL), 0);
	contract_has_text(place->store, "d/hand", "ours");
}

static void a_file_changed_by_hand_has_another_etag(void **state)
{
	struct place *place = *state;
	char before[STORE_ETAG_MAX];
	char after[STORE_ETAG_MAX];

	assert_int_equal(contract_put_text(place->store, "a", "one"), 0);
	contract_etag(place->store, "a", before);
	by_hand(place, "b/a", "more", "a");
	contract_etag(place->store, "a", after);
	assert_string_not_equal(before, after);
	contract_has_text(place->store, "a", "onemore");
	assert_int_equal(contract_put_if(place->store, "a", "x", before, NULL),
	                 -ESTALE);
}

static void names_that_are_not_ours_are_no_objects(void **state)
{
	struct place *place = *state;

	by_hand(place, "b/100%.txt", "x", "w");
	by_hand(place, "b/%41", "x", "w");
	assert_int_equal(mkfifo(at(place, "b/fifo"), 0644), 0);
	contract_lists(place->store, &(struct store_list){0}, "");
}

static void a_pipe_is_no_object_and_stops_nobody(void **state)
{
	struct place *place = *state;
	struct object_info info;

	assert_int_equal(mkfifo(at(place, "b/fifo"), 0644), 0);
	assert_int_equal(contract_head(place->store, "fifo", &info), -ENOENT);
}

static void empty_directories_are_no_prefixes(void **state)
{
	struct place *place = *state;
	const struct store_list list = {.delimiter = "/"};

	assert_int_equal(mkdir(at(place, "b/d"), 0755), 0);
	assert_int_equal(mkdir(at(place, "b/d/e"), 0755), 0);
	contract_lists(place->store, &list, "");
	by_hand(place, "b/d/e/f", "x", "w");
	contract_lists(place->store, &list, "d/\n");
}

static void symbolic_links_are_never_followed(void **state)
{
	struct place *place = *state;
	struct object_info info;
	struct str bytes = {0};

	assert_int_equal(mkdir(at(place, "outside"), 0755), 0);
	by_hand(place, "outside/secret", "secret", "w");
	assert_int_equal(symlink("../outside", at(place, "b/d")), 0);
	assert_int_equal(symlink("../outside/secret", at(place, "b/f")), 0);

	assert_int_equal(contract_head(place->store, "d/secret", &info),
	                 -ENOENT);
	assert_int_equal(contract_get(place->store, "f", 0, 9, &bytes),
	                 -ENOENT);
	assert_int_equal(contract_put_text(place->store, "d/x", "x"), -EACCES);
	assert_int_equal(contract_delete(place->store, "d/secret"), 0);
	contract_lists(place->store, &(struct store_list){0}, "");
	assert_there(place, "outside/secret", true);
	assert_int_equal(count_names(place, "outside"), 1);

	/* A link that is in the way of an object itself is replaced. */
	assert_int_equal(contract_put_text(place->store, "f", "ours"), 0);
	contract_has_text(place->store, "f", "ours");
	assert_int_equal(count_names(place, "outside"), 1);
}

static void damaged_metadata_is_an_error(void **state)
{
	struct place *place = *state;
	struct object_info info;

	assert_int_equal(contract_put_text(place->store, "a", "x"), 0);
	assert_int_equal(
		setxattr(at(place, "b/a"), "user.porterfs", "{\"et", 4, 0), 0);
	assert_int_equal(contract_head(place->store, "a", &info), -EIO);
}

static void a_store_can_be_a_prefix(void **state)
{
	struct place *place = *state;
	struct object_store *inner = open_store(place->root, "p/q/");
	char id[STORE_UPLOAD_ID_MAX];

	assert_int_equal(contract_put_text(place->store, "p/other", "x"), 0);
	assert_int_equal(contract_put_text(inner, "a/b", "one"), 0);
	contract_has_text(place->store, "p/q/a/b", "one");
	contract_lists(inner, &(struct store_list){0}, "a/b 3\n");
	contract_lists(inner, &(struct store_list){.delimiter = "/"}, "a/\n");
	contract_lists(inner, &(struct store_list){.start_after = "a/b"}, "");
	contract_create(inner, "u", id);
	assert_int_equal(contract_abort(place->store, "p/q/u", id), 0);
	assert_int_equal(contract_delete(inner, "a/b"), 0);
	contract_lists(place->store, &(struct store_list){0}, "p/other 1\n");
	store_destroy(inner);
}

/* Opens what cannot be opened; the story is compared too. */
static void assert_refused(const struct place *place, const char *bucket,
                           int code, const char *story)
{
	const struct local_store_config config = {
		.root = place->root,
		.bucket = bucket,
		.exec = exec_inline(),
	};
	struct object_store *store = NULL;
	struct err err = {0};

	assert_int_equal(local_store_new(&config, &store, &err), code);
	assert_null(store);
	assert_non_null(strstr(err.text, story));
}

static void what_cannot_be_a_bucket_is_refused(void **state)
{
	struct place *place = *state;

	assert_refused(place, "missing", -ENOENT, "no bucket 'missing'");
	assert_refused(place, ".porterfs", -EINVAL, "begin with a dot");
	assert_refused(place, "..", -EINVAL, "bucket's name");
	assert_refused(place, "b/c", -EINVAL, "bucket's name");
	assert_refused(place, "", -EINVAL, "bucket's name");
	by_hand(place, "file", "x", "w");
	assert_refused(place, "file", -ENOTDIR, "cannot open the bucket");
}

static void there_are_no_urls(void **state)
{
	struct place *place = *state;
	struct err err = {0};
	char *url = NULL;

	assert_int_equal(place->store->ops->presign(place->store, STORE_GET,
	                                            "a", 60, &url, &err),
	                 -EOPNOTSUPP);
	assert_null(url);
	assert_non_null(strstr(err.text, "local directory"));
}

static void a_start_removes_what_the_dead_left(void **state)
{
	struct place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	int living;

	by_hand(place, ".porterfs/.tmp/dead", "half", "w");
	by_hand(place, ".porterfs/.tmp/living", "half", "w");
	living = open(at(place, ".porterfs/.tmp/living"), O_RDONLY);
	assert_int_equal(flock(living, LOCK_EX), 0);
	contract_create(place->store, "big", id);
	(void)mkdir(at(place, ".porterfs/b/00000000000000000000000000000000"),
	            0755);

	store_destroy(place->store);
	place->store = open_store(place->root, NULL);
	assert_there(place, ".porterfs/.tmp/dead", false);
	assert_there(place, ".porterfs/.tmp/living", true);
	assert_int_equal(count_names(place, ".porterfs/b"), 2); /* and .lock */
	assert_int_equal(contract_abort(place->store, "big", id), 0);
	(void)close(living);
}

/* ROOT/.porterfs/b/ID/name, in memory that is the caller's. */
static char *in_upload(const struct place *place, const char *id,
                       const char *name)
{
	return str_printf("%s/.porterfs/b/%s/%s", place->root, id, name);
}

/* An upload of one sent part, ready to be completed. */
static void half_upload(struct place *place, const char *text, char *ret_id,
                        struct store_part_info *ret)
{
	contract_create(place->store, "big", ret_id);
	ret->number = 1;
	assert_int_equal(contract_part(place->store, "big", ret_id,
	                               (const uint8_t *)text, strlen(text),
	                               ret),
	                 0);
}

static void an_upload_survives_a_restart(void **state)
{
	struct place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	struct store_part_info part;

	half_upload(place, "bytes", id, &part);
	store_destroy(place->store);
	place->store = open_store(place->root, NULL);
	assert_int_equal(contract_complete(place->store, "big", id, &part, 1),
	                 0);
	contract_has_text(place->store, "big", "bytes");
	assert_int_equal(count_names(place, ".porterfs/b"), 1); /* .lock */
}

/* An upload of parts of 5 MiB, and one of 9 bytes behind them. */
struct big {
	char id[STORE_UPLOAD_ID_MAX];
	struct store_part_info parts[4];
	uint8_t *data;
	size_t len;
};

#define PART ((size_t)5 << 20)

/* Send three parts that have slots, in any order, and the last one. */
static void big_upload(struct place *place, struct big *big)
{
	static const unsigned order[4] = {3, 1, 0, 2};

	big->len = 3 * PART + 9;
	big->data = contract_bytes(big->len, 3);
	contract_create(place->store, "big", big->id);
	for (unsigned i = 0; i < 4; i++) {
		struct store_part_info *part = &big->parts[order[i]];

		part->number = order[i] + 1;
		assert_int_equal(contract_part(place->store, "big", big->id,
		                               big->data + order[i] * PART,
		                               order[i] < 3 ? PART : 9, part),
		                 0);
	}
}

static void parts_of_one_size_lie_where_the_object_wants_them(void **state)
{
	struct place *place = *state;
	struct big big;
	struct stat before;
	struct stat after;
	char *path;

	big_upload(place, &big);
	path = in_upload(place, big.id, "data");
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(contract_complete(place->store, "big", big.id,
	                                   big.parts, 4),
	                 0);
	assert_int_equal(stat(at(place, "b/big"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	contract_has(place->store, "big", big.data, big.len);
	assert_int_equal(count_names(place, ".porterfs/b"), 1); /* .lock */
	free(path);
	free(big.data);
}

static void a_part_sent_again_leaves_its_slot(void **state)
{
	struct place *place = *state;
	struct big big;

	big_upload(place, &big);
	memset(big.data + PART, 'x', PART);
	assert_int_equal(contract_part(place->store, "big", big.id,
	                               big.data + PART, PART, &big.parts[1]),
	                 0);
	assert_int_equal(contract_complete(place->store, "big", big.id,
	                                   big.parts, 4),
	                 0);
	contract_has(place->store, "big", big.data, big.len);
	free(big.data);
}

static void a_refused_complete_harms_no_part(void **state)
{
	struct place *place = *state;
	struct big big;

	big_upload(place, &big);
	for (unsigned count = 1; count <= 4; count++) {
		struct store_req req = {
			.verb = STORE_MPU_COMPLETE,
			.key = "big",
			.if_match = "\"x\"",
			.complete = {.upload_id = big.id,
		                     .parts = big.parts,
		                     .count = count},
		};

		assert_int_equal(store_call(place->store, &req), -ENOENT);
	}
	assert_int_equal(contract_complete(place->store, "big", big.id,
	                                   big.parts, 4),
	                 0);
	contract_has(place->store, "big", big.data, big.len);
	free(big.data);
}

static void an_interrupted_complete_can_be_repeated(void **state)
{
	struct place *place = *state;
	struct big big;
	char *from;
	char *to;

	big_upload(place, &big);
	from = in_upload(place, big.id, "data");
	to = in_upload(place, big.id, "joined");
	assert_int_equal(rename(from, to), 0);
	free(from);
	free(to);

	assert_int_equal(contract_complete(place->store, "big", big.id,
	                                   big.parts, 4),
	                 0);
	contract_has(place->store, "big", big.data, big.len);
	free(big.data);
}

static void a_slot_that_is_being_written_is_left_alone(void **state)
{
	struct place *place = *state;
	struct flock lock = {.l_type = F_WRLCK, .l_start = 0, .l_len = 1};
	struct big big;
	uint8_t *again = contract_bytes(PART, 77);
	char *path;
	int fd;

	contract_create(place->store, "big", big.id);
	big.parts[0].number = 2;
	assert_int_equal(contract_part(place->store, "big", big.id, again, PART,
	                               &big.parts[0]),
	                 0);
	path = in_upload(place, big.id, "data");
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);

	/* Somebody else has slot 1: the part gets a file of its own. */
	big.parts[0].number = 1;
	assert_int_equal(contract_part(place->store, "big", big.id, again, PART,
	                               &big.parts[0]),
	                 0);
	(void)close(fd);
	assert_int_equal(contract_complete(place->store, "big", big.id,
	                                   big.parts, 1),
	                 0);
	contract_has(place->store, "big", again, PART);
	free(path);
	free(again);
}

static void an_upload_that_was_published_is_no_upload(void **state)
{
	struct place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	struct store_part_info part;
	char *path;

	half_upload(place, "bytes", id, &part);
	path = in_upload(place, id, "completing");
	assert_int_equal(symlink("joined", path), 0);
	free(path);
	assert_int_equal(contract_complete(place->store, "big", id, &part, 1),
	                 -ENOENT);
	store_destroy(place->store);
	place->store = open_store(place->root, NULL);
	assert_int_equal(count_names(place, ".porterfs/b"), 1); /* .lock */
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
	struct place *place = *state;
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
	struct place *place = *state;
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
	struct place *place = *state;
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
	assert_int_equal(count_names(place, ".porterfs/.tmp"), 0);
	assert_int_equal(count_names(place, ".porterfs/b"), 1); /* .lock */
	assert_int_equal(count_names(place, "b"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(objects_are_plain_files),
		T(special_keys_lie_where_the_manual_says),
		T(directories_go_with_their_last_key),
		T(a_large_directory_goes_in_any_order),
		T(a_file_put_there_by_hand_is_an_object),
		T(a_file_changed_by_hand_has_another_etag),
		T(names_that_are_not_ours_are_no_objects),
		T(a_pipe_is_no_object_and_stops_nobody),
		T(empty_directories_are_no_prefixes),
		T(symbolic_links_are_never_followed),
		T(damaged_metadata_is_an_error),
		T(a_store_can_be_a_prefix),
		T(what_cannot_be_a_bucket_is_refused),
		T(there_are_no_urls),
		T(a_start_removes_what_the_dead_left),
		T(an_upload_survives_a_restart),
		T(parts_of_one_size_lie_where_the_object_wants_them),
		T(a_part_sent_again_leaves_its_slot),
		T(a_refused_complete_harms_no_part),
		T(an_interrupted_complete_can_be_repeated),
		T(a_slot_that_is_being_written_is_left_alone),
		T(an_upload_that_was_published_is_no_upload),
		T(a_cancelled_request_changes_nothing),
		T(a_read_ends_soon_when_cancelled),
		T(no_request_leaves_a_descriptor_or_file_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
