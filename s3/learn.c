/* SPDX-License-Identifier: MIT */
/*
 * What replies teach a client: its profile, its region, the server's clock.
 *
 * All of it is read without a lock by requests that begin, so each is one
 * atomic value; endpoints left behind stay in a chain until the client goes,
 * since requests under way borrow them.
 */
#include "base/lock.h"
#include "call.h"

#include <errno.h>
#include <string.h>

#define PLACES_MAX 8 /* moves of a client; more is a server gone mad */

/* COPY: what the encoder needs of the source's store. */
static int source_context(struct object_store *store, struct op_context *ret)
{
	struct s3_client *client = client_of(store);

	if (!client)
		return -EXDEV;
	client_context(client, ret);
	return 0;
}

void client_context(struct s3_client *client, struct op_context *ret)
{
	*ret = client->context;
	ret->endpoint = &atomic_load(&client->place)->endpoint;
	ret->profile = atomic_load(&client->profile);
	ret->checksum = client->checksum == S3_CHECKSUM_AUTO
	                        ? ret->profile->checksum
	                        : client->checksum;
	ret->source = source_context;
}

void client_learn_profile(struct s3_client *client,
                          const struct http_reply *reply)
{
	if (atomic_load_explicit(&client->profile_known, memory_order_relaxed))
		return;

	const struct place *place = atomic_load(&client->place);
	const struct s3_profile *profile =
		profile_learn_reply(place->endpoint.host, &reply->headers);

	if (!profile)
		return;
	atomic_store(&client->profile, profile);
	atomic_store(&client->profile_known, true);
}

int client_learn_region(struct s3_client *client,
                        const struct s3_endpoint *seen, const char *region,
                        struct err *reterr)
{
	WITH_LOCK(&client->lock);
	struct place *here = atomic_load(&client->place);
	unsigned moves = 0;

	if (&here->endpoint != seen &&
	    strcmp(here->endpoint.region, region) == 0)
		return 0; /* somebody else was told before us */
	for (struct place *p = here; p; p = p->before)
		moves++;
	if (moves > PLACES_MAX)
		return err_set(reterr, -ELOOP,
		               "the server names one region after the other");

	cleanup(freep) struct place *there = malloc(sizeof(*there));

	if (!there)
		return err_set(reterr, -ENOMEM, "out of memory");
	there->endpoint = here->endpoint;
	there->before = here;
	int r = endpoint_set_region(&there->endpoint, region, reterr);

	if (r < 0)
		return r;
	atomic_store(&client->place, take(&there));
	return 0;
}

void client_learn_clock(struct s3_client *client, time_t server_time)
{
	if (server_time == 0)
		return;

	time_t ours = clock_wall(client->net->clock).tv_sec;

	atomic_store(&client->clock_offset_s, (long long)server_time - ours);
}

time_t client_now(struct s3_client *client)
{
	return clock_wall(client->net->clock).tv_sec +
	       (time_t)atomic_load(&client->clock_offset_s);
}

/*
 * splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014.
 */
uint64_t client_random(struct s3_client *client)
{
	uint64_t z = atomic_fetch_add(&client->random,
	                              UINT64_C(0x9e3779b97f4a7c15)) +
	             UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
