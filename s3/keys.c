/* SPDX-License-Identifier: MIT */
/*
 * Fresh keys.
 *
 * Looking for them may block, so it is a task of the net's executor; one at a
 * time per client, however many requests were refused.  Those wait in a line;
 * when the task is done it sends all of them on.
 */
#include "base/lock.h"
#include "base/log.h"
#include "call.h"

#include <errno.h>

#define WATCH_MS 1000 /* how often files are looked at */
#define EARLY_S  300  /* keys that expire are fetched anew so much before */

/* Whether somebody asked for a forced refresh; forgets it. */
static bool take_force_locked(struct s3_client *client)
{
	bool force = client->keys_force;

	client->keys_force = false;
	return force;
}

/* Look, and look harder if that is asked for meanwhile. */
static void look(struct s3_client *client, struct list *line)
{
	bool force;

	{
		WITH_LOCK(&client->lock);
		force = take_force_locked(client);
	}
	for (;;) {
		struct err err = {.code = 0};
		int r = creds_refresh(client->creds, force, &err);

		if (r != 0)
			log_debug("keys of '%s': %s", client->name,
			          r < 0 ? err.text : "new ones found");

		WITH_LOCK(&client->lock);
		force = take_force_locked(client);
		if (!force) {
			client->keys_busy = false;
			list_splice(line, &client->keys_waiting);
			return;
		}
	}
}

/* Take the next one out; whoever is out is not cancelled by others any more. */
static struct call *next_of(struct s3_client *client, struct list *line)
{
	WITH_LOCK(&client->lock);
	struct call *call = list_first(line, struct call, keys_link);

	if (call)
		list_remove(&call->keys_link);
	return call;
}

void client_refresh_keys(struct task *task)
{
	struct s3_client *client =
		container_of(task, struct s3_client, keys_task);
	struct list line;

	list_init(&line);
	look(client, &line);
	for (struct call *c; (c = next_of(client, &line));)
		call_keys_done(c);
	client_release(client);
}

void client_ask_keys(struct s3_client *client)
{
	{
		WITH_LOCK(&client->lock);
		if (client->keys_busy)
			return;
		client->keys_busy = true;
		client->live++;
	}
	exec_run(client->net->exec, &client->keys_task);
}

void client_line_up(struct s3_client *client, struct call *call, bool force)
{
	WITH_LOCK(&client->lock);
	list_append(&client->keys_waiting, &call->keys_link);
	client->keys_force |= force;
}

bool client_leave_keys(struct s3_client *client, struct call *call)
{
	WITH_LOCK(&client->lock);
	bool in_line = !list_empty(&call->keys_link);

	list_remove(&call->keys_link);
	return in_line;
}

/* Keys that are about to expire cannot wait for a refusal. */
static void force_if_expiring(struct s3_client *client)
{
	const struct creds_keys *keys = creds_get(client->creds);
	bool expiring =
		keys->expires && client_now(client) + EARLY_S >= keys->expires;

	creds_keys_unref(keys);
	if (expiring) {
		WITH_LOCK(&client->lock);
		client->keys_force = true;
	}
}

void client_watch_keys(struct s3_client *client)
{
	unsigned long long seen = atomic_load_explicit(&client->keys_seen_ms,
	                                               memory_order_relaxed);
	uint64_t now = clock_ms(client->net->clock);

	if (now - seen < WATCH_MS || !creds_may_change(client->creds))
		return;
	if (!atomic_compare_exchange_strong(&client->keys_seen_ms, &seen, now))
		return; /* another request is looking */
	force_if_expiring(client);
	client_ask_keys(client);
}
