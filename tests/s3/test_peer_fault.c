/* SPDX-License-Identifier: MIT */
/*
 * What comes over the line for every action in every phase, byte by byte; the
 * same whether the peer serves itself or forwards.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEN "0123456789"

/* One fault on one request, and what both sides know afterwards. */
struct fault_case {
	const char *rule;
	enum talk_end end;
	int status;
	const char *body; /* how it begins; NULL = whatever */
	bool committed;
};

static const struct fault_case put_cases[] = {
	{"", TALK_WHOLE, 200, "", true},
	{"action=status:503:SlowDown", TALK_WHOLE, 503,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>SlowDown</Code>",
         false},
	{"action=status:403 phase=mid-request", TALK_WHOLE, 403,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>AccessDenied</Code>",
         false},
	{"action=status:500 phase=after-commit", TALK_WHOLE, 500,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>InternalError</Code>",
         true},
	{"action=reset", TALK_RESET, 0, NULL, false},
	{"action=reset phase=mid-request", TALK_RESET, 0, NULL, false},
	{"action=reset phase=after-commit", TALK_RESET, 0, NULL, true},
	{"action=reset phase=mid-reply", TALK_RESET, 0, NULL, true},
	{"action=stall", TALK_SILENT, 0, NULL, false},
	{"action=stall phase=mid-request", TALK_SILENT, 0, NULL, false},
	{"action=stall phase=after-commit", TALK_SILENT, 0, NULL, true},
	{"action=stall phase=mid-reply", TALK_SILENT, 0, NULL, true},
	{"action=cut phase=before", TALK_CLOSED, 0, NULL, false},
	{"action=cut phase=mid-request", TALK_CLOSED, 0, NULL, false},
	{"action=cut phase=after-commit", TALK_CLOSED, 0, NULL, true},
	{"action=cut", TALK_CLOSED, 0, NULL, true},
	{"action=ok-with-error-body", TALK_WHOLE, 200,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>InternalError</Code>",
         false},
	{"action=ok-with-error-body phase=after-commit", TALK_WHOLE, 200,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>", true},
	{"action=wrong-etag", TALK_WHOLE, 200, "", true},
	{"action=redirect:http://127.0.0.1:9/", TALK_WHOLE, 307, "", false},
	{"action=lose-reply", TALK_RESET, 0, NULL, true},
	{"action=junk", TALK_CLOSED, 0, NULL, true},
	{"action=flip phase=mid-request", TALK_WHOLE, 200, "", true},
	{"action=drip:500 phase=mid-request", TALK_WHOLE, 200, "", true},
};

static const struct fault_case get_cases[] = {
	{"", TALK_WHOLE, 200, TEN, false},
	{"action=cut", TALK_CLOSED, 200, "01234", false},
	{"action=stall phase=mid-reply", TALK_SILENT, 200, "01234", false},
	{"action=cut-matching-length", TALK_WHOLE, 200, "01234", false},
	{"action=flip", TALK_WHOLE, 200, "01234%6789", false},
	{"action=junk phase=mid-reply", TALK_WHOLE, 200, "01234\x16\x03\x01<<",
         false},
	{"action=junk", TALK_CLOSED, 0, NULL, false},
	{"action=ok-with-error-body", TALK_WHOLE, 200,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>", false},
	{"action=status:404:NoSuchKey", TALK_WHOLE, 404,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>NoSuchKey</Code>",
         false},
	{"action=reset phase=mid-reply", TALK_RESET, 0, NULL, false},
	{"action=drip:2000", TALK_WHOLE, 200, TEN, false},
};

/* The text of all rules of a case; request= and nth= in front. */
static char *rule_of(const struct fault_case *c)
{
	return *c->rule ? str_printf("request=* %s", c->rule) : strdup("");
}

/* What the case's reply has to be. */
static void check_reply(const struct fault_case *c,
                        const struct talk_reply *reply)
{
	cleanup(str_release) struct str body = talk_body(reply);

	if (reply->end != c->end)
		fail_msg("'%s' ended as %d: %s", c->rule, reply->end,
		         str_text(&reply->bytes));
	if (c->status)
		assert_int_equal(reply->status, c->status);
	if (c->body && *c->body)
		assert_memory_equal(str_text(&body), c->body, strlen(c->body));
	else if (c->body)
		assert_int_equal(body.len, 0);
	if (c->end != TALK_WHOLE && c->status)
		assert_int_equal(body.len, strlen(c->body));
}

/* Try one PUT; then look into the store. */
static void put_with(const struct fault_case *c, bool forward)
{
	cleanup(freep) char *rule = rule_of(c);
	const struct s3peer_config config = {.rules = rule};
	struct world *world = world_new(&config, forward);
	const struct talk_request request = {.method = "PUT",
	                                     .bucket = "one",
	                                     .key = "k",
	                                     .body = TEN,
	                                     .body_len = 10};
	struct talk_reply reply;

	talk(world->port, &request, &reply);
	check_reply(c, &reply);

	struct world_event event = world_event(world, 1);
	cleanup(freep) char *content = world_content(world->one, "k");
	bool flipped = strstr(c->rule, "flip") != NULL;

	assert_string_equal(content, !c->committed ? ""
	                             : flipped     ? "01234%6789"
	                                           : TEN);
	assert_int_equal(event.committed, c->committed);
	assert_int_equal(event.suffered, *c->rule != '\0');
	assert_int_equal(event.acknowledged,
	                 !*c->rule || flipped || strstr(c->rule, "drip"));
	talk_reply_release(&reply);
	world_free(world);
}

/* Try one GET. */
static void get_with(const struct fault_case *c, bool forward)
{
	cleanup(freep) char *rule = rule_of(c);
	const struct s3peer_config config = {.rules = rule};
	struct world *world = world_new(&config, forward);
	const struct talk_request request = {
		.method = "GET", .bucket = "one", .key = "k"};
	struct talk_reply reply;

	assert_int_equal(fake_store_put_text(world->one, "k", TEN), 0);
	talk(world->port, &request, &reply);
	check_reply(c, &reply);
	if (strstr(c->rule, "drip"))
		assert_true(reply.took_ms >= 80);
	talk_reply_release(&reply);
	world_free(world);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void puts_suffer_as_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(put_cases); i++)
		put_with(&put_cases[i], false);
}

static void forwarded_puts_suffer_as_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(put_cases); i++)
		put_with(&put_cases[i], true);
}

static void gets_suffer_as_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(get_cases); i++)
		get_with(&get_cases[i], false);
}

static void forwarded_gets_suffer_as_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(get_cases); i++)
		get_with(&get_cases[i], true);
}

/* How long a HEAD takes, in ms. */
static uint64_t head_takes(const struct s3peer_config *config, bool forward)
{
	struct world *world = world_new(config, forward);
	const struct talk_request request = {
		.method = "HEAD", .bucket = "one", .key = "k"};
	struct talk_reply reply;

	talk(world->port, &request, &reply);
	assert_int_equal(reply.status, 404);
	talk_reply_release(&reply);
	world_free(world);
	return reply.took_ms;
}

static void delays_of_all_phases_add_up(void **state)
{
	const struct s3peer_config config = {
		.rules = "request=* action=delay:30\n"
			 "request=* action=delay:30 phase=mid-request\n"
			 "request=* action=delay:30 phase=after-commit\n"
			 "request=* action=delay:30 phase=mid-reply\n",
	};

	(void)state;
	assert_in_range(head_takes(&config, false), 119, 2000);
	assert_in_range(head_takes(&config, true), 119, 2000);
}

static void a_plain_delay_is_kept_when_relaying(void **state)
{
	const struct s3peer_config config = {
		.rules = "request=* action=delay:30\n"
			 "request=* action=delay:30 phase=after-commit\n",
	};

	(void)state;
	assert_in_range(head_takes(&config, true), 59, 2000);
}

static void the_etag_is_wrong_by_one_digit(void **state)
{
	const struct s3peer_config config = {
		.rules = "request=PUT action=wrong-etag",
	};
	struct world *world = world_new(&config, false);
	const struct talk_request request = {
		.method = "PUT", .bucket = "one", .key = "k"};
	struct talk_reply reply;

	(void)state;
	talk(world->port, &request, &reply);
	/* MD5 of nothing is d41d8cd9... */
	assert_non_null(strstr(reply.bytes.data, "ETag: \"041d8cd9"));
	assert_string_equal(world_event(world, 1).etag,
	                    "\"d41d8cd98f00b204e9800998ecf8427e\"");
	talk_reply_release(&reply);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_suffer_as_told),
		cmocka_unit_test(forwarded_puts_suffer_as_told),
		cmocka_unit_test(gets_suffer_as_told),
		cmocka_unit_test(forwarded_gets_suffer_as_told),
		cmocka_unit_test(delays_of_all_phases_add_up),
		cmocka_unit_test(a_plain_delay_is_kept_when_relaying),
		cmocka_unit_test(the_etag_is_wrong_by_one_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
