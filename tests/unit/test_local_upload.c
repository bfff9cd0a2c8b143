/* SPDX-License-Identifier: MIT */
/* Uploads of the embedded store: where parts lie, and what a restart finds. */
#include "contract.h"
#include "local_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ROOT/.porterfs/b/ID/name, in memory that is the caller's. */
static char *in_upload(struct local_place *place, const char *id,
                       const char *name)
{
	return str_printf("%s/.porterfs/b/%s/%s", place->root, id, name);
}

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

static void an_upload_survives_a_restart(void **state)
{
	struct local_place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	struct store_part_info part;

	half_upload(place, "bytes", id, &part);
	local_place_restart(place);
	assert_int_equal(contract_complete(place->store, "big", id, &part, 1),
	                 0);
	contract_has_text(place->store, "big", "bytes");
	assert_int_equal(local_place_count(place, ".porterfs/b"),
	                 1); /* .lock */
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
static void big_upload(struct local_place *place, struct big *big)
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
	struct local_place *place = *state;
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
	assert_int_equal(stat(local_place_at(place, "b/big"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	contract_has(place->store, "big", big.data, big.len);
	assert_int_equal(local_place_count(place, ".porterfs/b"),
	                 1); /* .lock */
	free(path);
	free(big.data);
}

static void a_part_sent_again_leaves_its_slot(void **state)
{
	struct local_place *place = *state;
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
	struct local_place *place = *state;
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
	struct local_place *place = *state;
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
	struct local_place *place = *state;
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
	struct local_place *place = *state;
	char id[STORE_UPLOAD_ID_MAX];
	struct store_part_info part;
	char *path;

	half_upload(place, "bytes", id, &part);
	path = in_upload(place, id, "completing");
	assert_int_equal(symlink("joined", path), 0);
	free(path);
	assert_int_equal(contract_complete(place->store, "big", id, &part, 1),
	                 -ENOENT);
	local_place_restart(place);
	assert_int_equal(local_place_count(place, ".porterfs/b"),
	                 1); /* .lock */
}

int main(void)
{
#define T(name)                                                   \
	cmocka_unit_test_setup_teardown(name, local_place_set_up, \
	                                local_place_tear_down)
	const struct CMUnitTest tests[] = {
		T(an_upload_survives_a_restart),
		T(parts_of_one_size_lie_where_the_object_wants_them),
		T(a_part_sent_again_leaves_its_slot),
		T(a_refused_complete_harms_no_part),
		T(an_interrupted_complete_can_be_repeated),
		T(a_slot_that_is_being_written_is_left_alone),
		T(an_upload_that_was_published_is_no_upload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
