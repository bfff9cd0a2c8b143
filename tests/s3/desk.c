/* SPDX-License-Identifier: MIT */
#include "desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void desk_open(struct desk *d, unsigned connections, struct exec *exec)
{
	*d = (struct desk){.http = fake_http_new()};
	fake_clock_init(&d->clock);
	assert_int_equal(timers_new_manual(&d->clock.clock, &d->timers), 0);
	assert_int_equal(metrics_new(&d->metrics), 0);

	const struct s3_net_config net = {
		.threads = 1,
		.max_connections = connections,
		.clock = &d->clock.clock,
		.timers = d->timers,
		.metrics = d->metrics,
	};

	assert_int_equal(s3_net_new_over(&net, fake_http_transport(d->http),
	                                 exec ? exec : exec_inline(), &d->net),
	                 0);
	d->config = (struct s3_client_config){
		.name = "primary",
		.bucket = "bkt",
		.endpoint = "http://127.0.0.1:9000",
		.creds = {.access_key_id = "AK", .secret_access_key = "SK"},
		.retry_attempts = 4,
		.op_deadline_ms = 60000,
		.write_deadline_ms = 300000,
		.retry_seed = 1,
	};
}

void desk_client(struct desk *d)
{
	struct err err = {.code = 0};

	if (s3_client_new(d->net, &d->config, &d->store, &err) < 0)
		fail_msg("%s", err.text);
}

void desk_start(struct desk *d)
{
	desk_open(d, 8, NULL);
	desk_client(d);
}

void desk_close(struct desk *d)
{
	store_destroy(d->store);
	s3_net_free(d->net);
	assert_int_equal(timers_next_ms(d->timers), UINT64_MAX);
	timers_free(d->timers);
	metrics_free(d->metrics);
}

void desk_wait(struct desk *d, uint64_t ms)
{
	(void)fake_clock_advance(&d->clock, d->timers, ms);
}

static void on_done(struct store_req *req)
{
	struct errand *e = container_of(req, struct errand, req);

	e->done++;
}

static void on_progress(struct store_req *req)
{
	struct errand *e = container_of(req, struct errand, req);

	assert_true(e->told < 8);
	e->told_at[e->told++] = req->get.received;
}

void errand_submit(struct desk *d, struct errand *e)
{
	e->req.done = on_done;
	store_submit(d->store, &e->req);
}

void errand_get(struct desk *d, struct errand *e, const char *key,
                uint64_t length)
{
	*e = (struct errand){.req = {.verb = STORE_GET, .key = key}};
	e->slice = (struct slice){(uint8_t *)e->data, length};
	e->req.get.length = length;
	e->req.get.into = (struct chain){&e->slice, 1};
	e->req.get.progress = on_progress;
	errand_submit(d, e);
}

void errand_put(struct desk *d, struct errand *e, const char *key,
                const char *text)
{
	*e = (struct errand){.req = {.verb = STORE_PUT, .key = key}};
	(void)str_copy(e->data, sizeof(e->data), text);
	e->slice = (struct slice){(uint8_t *)e->data, strlen(text)};
	e->req.put.body = (struct chain){&e->slice, 1};
	errand_submit(d, e);
}

void errand_send(struct desk *d, struct errand *e, enum store_verb verb,
                 const char *key)
{
	*e = (struct errand){.req = {.verb = verb, .key = key}};
	if (verb == STORE_LIST)
		e->req.list.prefix = "";
	errand_submit(d, e);
}
