/* SPDX-License-Identifier: MIT */
/* Locks and other things that end with their scope. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Whether somebody holds the lock. */
static bool is_held(pthread_mutex_t *lock)
{
	if (pthread_mutex_trylock(lock) != 0)
		return true;
	(void)pthread_mutex_unlock(lock);
	return false;
}

/* Returns from inside the scope. */
static bool held_inside(pthread_mutex_t *lock)
{
	WITH_LOCK(lock);

	return is_held(lock);
}

static void a_lock_is_held_to_the_end_of_the_scope(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

	(void)state;
	assert_true(held_inside(&lock));
	assert_false(is_held(&lock));
	{
		WITH_LOCK(&lock);
		WITH_LOCK(&other);
		assert_true(is_held(&lock) && is_held(&other));
	}
	assert_false(is_held(&lock) || is_held(&other));
}

static void files_are_closed_and_errno_kept(void **state)
{
	int fd;

	(void)state;
	{
		cleanup(closep) int scoped = open("/dev/null", O_RDONLY);
		cleanup(closep) int none __attribute__((unused)) = -1;

		fd = scoped;
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) >= 0);
		errno = ENOTDIR;
	}
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* Counts in *p how often it was destroyed. */
static void destroy(unsigned *p)
{
	if (p)
		++*p;
}
DEFINE_CLEANUP(unsigned *, destroy);

static void what_was_taken_is_not_destroyed(void **state)
{
	unsigned kept = 0;
	unsigned gone = 0;
	unsigned *taken;

	(void)state;
	{
		cleanup(destroyp) unsigned *a = &kept;
		cleanup(destroyp) unsigned *b = &gone;

		taken = take(&a);
		assert_null(a);
		assert_non_null(b);
	}
	assert_ptr_equal(taken, &kept);
	assert_int_equal(kept, 0);
	assert_int_equal(gone, 1);
}

struct word {
	char text[8];
	UT_hash_handle hh;
};

static void a_hash_table_finds_what_was_added(void **state)
{
	struct word words[] = {{.text = "one"}, {.text = "two"}};
	struct word *table = NULL;
	struct word *found;

	(void)state;
	HASH_ADD_STR(table, text, &words[0]);
	HASH_ADD_STR(table, text, &words[1]);
	assert_non_null(words[1].hh.tbl); /* else memory had run out */
	HASH_FIND_STR(table, "two", found);
	assert_ptr_equal(found, &words[1]);
	HASH_FIND_STR(table, "three", found);
	assert_null(found);
	HASH_CLEAR(hh, table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_is_held_to_the_end_of_the_scope),
		cmocka_unit_test(files_are_closed_and_errno_kept),
		cmocka_unit_test(what_was_taken_is_not_destroyed),
		cmocka_unit_test(a_hash_table_finds_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
