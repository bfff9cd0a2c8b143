/* SPDX-License-Identifier: MIT */
/*
 * Inside the store contract: its tests, one array a file, and short ways to
 * say what they do.
 */
#ifndef PORTER_TEST_CONTRACT_H
#define PORTER_TEST_CONTRACT_H

#include "base/str.h"
#include "store_contract.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a test is given. */
struct contract_env {
	const struct store_contract *contract;
	struct object_store *store;
	struct object_store *other; /* NULL until contract_other() */
	const struct store_limits *limits;
};

struct contract_test {
	const char *name;
	void (*run)(struct contract_env *env);
};

#define CONTRACT_TEST(function)     \
	{                           \
#function, function \
	}

extern const struct contract_test contract_object_tests[];
extern const size_t contract_object_count;
extern const struct contract_test contract_copy_tests[];
extern const size_t contract_copy_count;
extern const struct contract_test contract_list_tests[];
extern const size_t contract_list_count;
extern const struct contract_test contract_upload_tests[];
extern const size_t contract_upload_count;
extern const struct contract_test contract_thread_tests[];
extern const size_t contract_thread_count;

/* Skip the running test unless it can be. */
void contract_need(struct contract_env *env, bool can);
bool contract_is(const struct contract_env *env, unsigned flag);
/* The second store; skips the test where there is none. */
struct object_store *contract_other(struct contract_env *env);

/* Requests that return their status. */
int contract_put(struct object_store *store, const char *key, const void *data,
                 size_t len);
int contract_put_text(struct object_store *store, const char *key,
                      const char *text);
/* With conditions, either may be NULL. */
int contract_put_if(struct object_store *store, const char *key,
                    const char *text, const char *if_match,
                    const char *if_none_match);
/* A range; ret is what came, appended. */
int contract_get(struct object_store *store, const char *key, uint64_t offset,
                 uint64_t length, struct str *ret);
int contract_head(struct object_store *store, const char *key,
                  struct object_info *ret);
int contract_delete(struct object_store *store, const char *key);

/* The ETag of what is there; asserts that it is. */
void contract_etag(struct object_store *store, const char *key,
                   char ret[STORE_ETAG_MAX]);
/* Asserts an object's whole content (not empty). */
void contract_has(struct object_store *store, const char *key, const void *data,
                  size_t len);
void contract_has_text(struct object_store *store, const char *key,
                       const char *text);

/*
 * A whole listing, page by page: "KEY SIZE\n", "PREFIX\n"; what is not
 * printable as \xNN.  Asserts that it is in byte order and says what HEAD says.
 */
void contract_list(struct object_store *store, const struct store_list *list,
                   struct str *ret);
void contract_lists(struct object_store *store, const struct store_list *list,
                    const char *expected);

/* len bytes that differ by seed, malloc'ed for the caller. */
uint8_t *contract_bytes(size_t len, uint64_t seed);

/* Uploads. */
void contract_create(struct object_store *store, const char *key,
                     char ret_id[STORE_UPLOAD_ID_MAX]);
int contract_part(struct object_store *store, const char *key, const char *id,
                  const uint8_t *data, size_t len,
                  struct store_part_info *info);
int contract_complete(struct object_store *store, const char *key,
                      const char *id, const struct store_part_info *parts,
                      size_t count);
int contract_abort(struct object_store *store, const char *key, const char *id);

#endif
