/* SPDX-License-Identifier: MIT */
/* The embedded store as a directory: what lies where, and what else is there. */
#include "base/exec.h"
#include "contract.h"
#include "local_place.h"
#include "s3/local.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void objects_are_plain_files(void **state)
{
	struct local_place *place = *state;
	char text[64] = "";
	char json[1024];
	ssize_t len;
	FILE *file;

	assert_int_equal(contract_put_text(place->store, "as/path/key", "text"),
	                 0);
	file = fopen(local_place_at(place, "b/as/path/key"), "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	(void)fclose(file);
	assert_string_equal(text, "text");

	len = getxattr(local_place_at(place, "b/as/path/key"), "user.porterfs",
	               json, sizeof(json) - 1);
	assert_true(len > 0);
	json[len] = '\0';
	assert_non_null(strstr(json, "{\"etag\":\"\\\""));
	assert_non_null(strstr(json, "\"size\":4"));
}

static void special_keys_lie_where_the_manual_says(void **state)
{
	struct local_place *place = *state;

	assert_int_equal(contract_put_text(place->store, "dir/", "1"), 0);
	assert_int_equal(contract_put_text(place->store, "x%", "2"), 0);
	assert_int_equal(contract_put_text(place->store, "../../y", "3"), 0);
	assert_int_equal(contract_put_text(place->store, "a", "4"), 0);
	local_place_has(place, "b/dir/%", true);
	local_place_has(place, "b/x%25", true);
	local_place_has(place, "b/%2E%2E/%2E%2E/y", true);
	local_place_has(place, "b/a", true);
	assert_int_equal(contract_put_text(place->store, "a/b", "5"), 0);
	local_place_has(place, "b/a%", true);
	local_place_has(place, "b/a/b", true);
	local_place_has(place, "y", false);
}

static void directories_go_with_their_last_key(void **state)
{
	struct local_place *place = *state;

	assert_int_equal(contract_put_text(place->store, "a/b/c/d", "x"), 0);
	assert_int_equal(contract_put_text(place->store, "a/x", "x"), 0);
	assert_int_equal(contract_delete(place->store, "a/b/c/d"), 0);
	local_place_has(place, "b/a/b", false);
	local_place_has(place, "b/a/x", true);
	assert_int_equal(contract_delete(place->store, "a/x"), 0);
	local_place_has(place, "b/a", false);
	local_place_has(place, "b", true);
}

static void a_large_directory_goes_in_any_order(void **state)
{
	struct local_place *place = *state;
	char key[32];

	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "d/%u", i);
		assert_int_equal(contract_put(place->store, key, "", 0), 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "d/%u", i * 7 % 300);
		local_place_has(place, "b/d", true);
		assert_int_equal(contract_delete(place->store, key), 0);
	}
	local_place_has(place, "b/d", false);
}

static void a_file_put_there_by_hand_is_an_object(void **state)
{
	struct local_place *place = *state;
	struct object_info info;
	char etag[STORE_ETAG_MAX];

	assert_int_equal(mkdir(local_place_at(place, "b/d"), 0755), 0);
	local_place_by_hand(place, "b/d/hand", "made", "w");
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
	struct local_place *place = *state;
	char before[STORE_ETAG_MAX];
	char after[STORE_ETAG_MAX];

	assert_int_equal(contract_put_text(place->store, "a", "one"), 0);
	contract_etag(place->store, "a", before);
	local_place_by_hand(place, "b/a", "more", "a");
	contract_etag(place->store, "a", after);
	assert_string_not_equal(before, after);
	contract_has_text(place->store, "a", "onemore");
	assert_int_equal(contract_put_if(place->store, "a", "x", before, NULL),
	                 -ESTALE);
}

static void names_that_are_not_ours_are_no_objects(void **state)
{
	struct local_place *place = *state;

	local_place_by_hand(place, "b/100%.txt", "x", "w");
	local_place_by_hand(place, "b/%41", "x", "w");
	assert_int_equal(mkfifo(local_place_at(place, "b/fifo"), 0644), 0);
	contract_lists(place->store, &(struct store_list){0}, "");
}

static void a_pipe_is_no_object_and_stops_nobody(void **state)
{
	struct local_place *place = *state;
	struct object_info info;

	assert_int_equal(mkfifo(local_place_at(place, "b/fifo"), 0644), 0);
	assert_int_equal(contract_head(place->store, "fifo", &info), -ENOENT);
}

static void empty_directories_are_no_prefixes(void **state)
{
	struct local_place *place = *state;
	const struct store_list list = {.delimiter = "/"};

	assert_int_equal(mkdir(local_place_at(place, "b/d"), 0755), 0);
	assert_int_equal(mkdir(local_place_at(place, "b/d/e"), 0755), 0);
	contract_lists(place->store, &list, "");
	local_place_by_hand(place, "b/d/e/f", "x", "w");
	contract_lists(place->store, &list, "d/\n");
}

static void symbolic_links_are_never_followed(void **state)
{
	struct local_place *place = *state;
	struct object_info info;
	struct str bytes = {0};

	assert_int_equal(mkdir(local_place_at(place, "outside"), 0755), 0);
	local_place_by_hand(place, "outside/secret", "secret", "w");
	assert_int_equal(symlink("../outside", local_place_at(place, "b/d")),
	                 0);
	assert_int_equal(
		symlink("../outside/secret", local_place_at(place, "b/f")), 0);

	assert_int_equal(contract_head(place->store, "d/secret", &info),
	                 -ENOENT);
	assert_int_equal(contract_get(place->store, "f", 0, 9, &bytes),
	                 -ENOENT);
	assert_int_equal(contract_put_text(place->store, "d/x", "x"), -EACCES);
	assert_int_equal(contract_delete(place->store, "d/secret"), 0);
	contract_lists(place->store, &(struct store_list){0}, "");
	local_place_has(place, "outside/secret", true);
	assert_int_equal(local_place_count(place, "outside"), 1);

	/* A link that is in the way of an object itself is replaced. */
	assert_int_equal(contract_put_text(place->store, "f", "ours"), 0);
	contract_has_text(place->store, "f", "ours");
	assert_int_equal(local_place_count(place, "outside"), 1);
}

static void damaged_metadata_is_an_error(void **state)
{
	struct local_place *place = *state;
	struct object_info info;

	assert_int_equal(contract_put_text(place->store, "a", "x"), 0);
	assert_int_equal(setxattr(local_place_at(place, "b/a"), "user.porterfs",
	                          "{\"et", 4, 0),
	                 0);
	assert_int_equal(contract_head(place->store, "a", &info), -EIO);
	contract_lists(place->store, &(struct store_list){0}, "a 1\n");
	assert_int_equal(contract_put_text(place->store, "a", "whole"), 0);
	contract_has_text(place->store, "a", "whole");
}

static void a_store_can_be_a_prefix(void **state)
{
	struct local_place *place = *state;
	struct object_store *inner = local_place_open(place->root, "p/q/");
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
static void assert_refused(struct local_place *place, const char *bucket,
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
	struct local_place *place = *state;

	assert_refused(place, "missing", -ENOENT, "no bucket 'missing'");
	assert_refused(place, ".porterfs", -EINVAL, "begin with a dot");
	assert_refused(place, "..", -EINVAL, "bucket's name");
	assert_refused(place, "b/c", -EINVAL, "bucket's name");
	assert_refused(place, "", -EINVAL, "bucket's name");
	local_place_by_hand(place, "file", "x", "w");
	assert_refused(place, "file", -ENOTDIR, "cannot open the bucket");
}

static void there_are_no_urls(void **state)
{
	struct local_place *place = *state;
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
	struct local_place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	int living;

	local_place_by_hand(place, ".porterfs/.tmp/dead", "half", "w");
	local_place_by_hand(place, ".porterfs/.tmp/living", "half", "w");
	living = open(local_place_at(place, ".porterfs/.tmp/living"), O_RDONLY);
	assert_int_equal(flock(living, LOCK_EX), 0);
	contract_create(place->store, "big", id);
	(void)mkdir(
		local_place_at(place,
	                       ".porterfs/b/00000000000000000000000000000000"),
		0755);

	local_place_restart(place);
	local_place_has(place, ".porterfs/.tmp/dead", false);
	local_place_has(place, ".porterfs/.tmp/living", true);
	assert_int_equal(local_place_count(place, ".porterfs/b"),
	                 2); /* and .lock */
	assert_int_equal(contract_abort(place->store, "big", id), 0);
	(void)close(living);
}

int main(void)
{
#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, local_place_set_up, \
	                                local_place_tear_down)
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
