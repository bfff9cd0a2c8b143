/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "base/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* The peer's thread: keep what happened. */
static void observe(void *ctx, const struct s3peer_event *event)
{
	struct world *world = ctx;

	WITH_LOCK(&world->lock);
	if (world->count < WORLD_EVENTS_MAX) {
		struct world_event *kept = &world->events[world->count];

		(void)str_copy(kept->verb, sizeof(kept->verb), event->verb);
		(void)str_copy(kept->key, sizeof(kept->key), event->key);
		(void)str_copy(kept->etag, sizeof(kept->etag), event->etag);
		kept->status = event->status;
		kept->committed = event->committed;
		kept->acknowledged = event->acknowledged;
		kept->suffered = event->fault != NULL;
		kept->bytes_in = event->bytes_in;
		kept->bytes_out = event->bytes_out;
		kept->nth_on_connection = event->nth_on_connection;
	}
	world->count++;
	(void)pthread_cond_broadcast(&world->more);
}

/* The peer that passes everything on to the front. */
static void add_forwarder(struct world *world, const char *rules, uint64_t seed)
{
	cleanup(freep) char *url =
		str_printf("http://127.0.0.1:%u", s3peer_port(world->front));
	const struct s3peer_config config = {.forward = url,
	                                     .rules = rules,
	                                     .seed = seed,
	                                     .observe = observe,
	                                     .ctx = world};
	struct err why = {0};

	assert_non_null(url);
	if (s3peer_new(&config, &world->forwarder, &why) < 0)
		fail_msg("%s", why.text);
	world->port = s3peer_port(world->forwarder);
}

struct world *world_new(const struct s3peer_config *given, bool forward)
{
	struct world *world = calloc(1, sizeof(*world));
	struct s3peer_config config = {0};
	struct err why = {0};

	assert_non_null(world);
	(void)pthread_mutex_init(&world->lock, NULL);
	(void)pthread_cond_init(&world->more, NULL);
	world->one = fake_store_new(NULL);
	world->two = fake_store_new(NULL);
	assert_non_null(world->one);
	assert_non_null(world->two);

	const struct s3peer_bucket buckets[] = {
		{"one", fake_store_object_store(world->one)},
		{"two", fake_store_object_store(world->two)},
	};

	if (given)
		config = *given;
	config.buckets = buckets;
	config.bucket_count = 2;
	if (forward) {
		config.rules = NULL;
	} else {
		config.observe = observe;
		config.ctx = world;
	}
	if (s3peer_new(&config, &world->front, &why) < 0)
		fail_msg("%s", why.text);
	world->port = s3peer_port(world->front);
	if (forward)
		add_forwarder(world, given ? given->rules : NULL, config.seed);
	return world;
}

void world_free(struct world *world)
{
	if (!world)
		return;
	s3peer_free(world->forwarder);
	s3peer_free(world->front);
	fake_store_free(world->one);
	fake_store_free(world->two);
	(void)pthread_cond_destroy(&world->more);
	(void)pthread_mutex_destroy(&world->lock);
	free(world);
}

struct world_event world_event(struct world *world, size_t n)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;

	WITH_LOCK(&world->lock);
	while (world->count < n) {
		if (pthread_cond_timedwait(&world->more, &world->lock,
		                           &until) != 0)
			break;
	}
	assert_true(world->count >= n && n <= WORLD_EVENTS_MAX);
	return world->events[n - 1];
}

char *world_content(struct fake_store *store, const char *key)
{
	struct str bytes = {0};

	if (fake_store_get(store, key, &bytes) < 0)
		return strdup("");
	str_add(&bytes, "");
	return bytes.len ? str_take(&bytes) : strdup("");
}
