/* SPDX-License-Identifier: MIT */
/* What real clients of one server share in a test: threads and keys. */
#ifndef PORTER_TEST_CLIENT_PLACE_H
#define PORTER_TEST_CLIENT_PLACE_H

#include "s3/client.h"
#include "s3/store.h"

struct client_place {
	char endpoint[256];
	char access_key_id[128];
	char secret_access_key[128];
	struct timers *timers;
	struct s3_net *net;
};

/* Fails the test when it cannot. */
void client_place_open(struct client_place *place, const char *endpoint,
                       const char *access_key_id,
                       const char *secret_access_key);
void client_place_close(struct client_place *place);

/* A client of a bucket, which has answered a probe; destroy it. */
struct object_store *client_place_store(struct client_place *place,
                                        const char *bucket);

/* Delete every object of a bucket and abort every upload. */
void client_place_empty(struct object_store *store);

#endif
