/* SPDX-License-Identifier: MIT */
/*
 * The rule language of faults and delays (pure).
 *
 * One rule a line, '#' begins a comment, words in any order:
 *
 *   request=VERB[:KEY-GLOB]  which requests; VERB is a name of store_verb_name()
 *                            or "*" for all; the glob is fnmatch(3)'s, '*' also
 *                            matches '/'
 *   nth=N | every=N | probability=P | (nothing: always)
 *                            which of the matching requests
 *   times=N                  at most so often; default without end
 *   phase=PHASE              when; each action has its own default
 *   action=ACTION[:VALUE]    what
 *
 *   phase         is when
 *   before        the request is there, nothing was done
 *   mid-request   half of its body is there
 *   after-commit  it was done, no byte of the reply was sent
 *   mid-reply     half of the reply's body was sent
 *
 *   action                phases (the first is the default)
 *   status:503[:Code]     before, mid-request, after-commit
 *   reset                 all, before: TCP RST
 *   stall                 all, before: silence until the client goes
 *   cut                   mid-reply, all others: the connection is closed
 *   delay:MS              all, before
 *   drip:BYTES            mid-reply, mid-request: so many bytes a second
 *   cut-matching-length   mid-reply: half a body, and Content-Length says so
 *   flip                  mid-reply, mid-request: one bit of the body
 *   wrong-etag            after-commit
 *   ok-with-error-body    before, after-commit: 200 and <Error>InternalError
 *   junk                  after-commit: no HTTP; mid-reply: junk in the body
 *   redirect:URL          before, after-commit: 307 with Location
 *   lose-reply            after-commit: done, then TCP RST
 *
 * For each request the delays of all matching rules add up, and the first
 * matching rule with another action is its one fault.
 */
#ifndef PORTER_TEST_S3PEER_RULE_H
#define PORTER_TEST_S3PEER_RULE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "s3/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Requests that are no store verb: buckets, locations, unknown ones. */
#define PEER_VERB_OTHER ((unsigned)STORE_VERBS)
#define PEER_VERBS      (STORE_VERBS + 1)

/* store_verb_name(), or "OTHER". */
const char *peer_verb_name(unsigned verb);

enum peer_phase {
	PEER_BEFORE,
	PEER_MID_REQUEST,
	PEER_AFTER_COMMIT,
	PEER_MID_REPLY,
};
#define PEER_PHASES 4

const char *peer_phase_name(enum peer_phase phase);

enum peer_action {
	PEER_NOTHING,
	PEER_STATUS,
	PEER_RESET,
	PEER_STALL,
	PEER_CUT,
	PEER_DELAY,
	PEER_DRIP,
	PEER_CUT_MATCHING_LENGTH,
	PEER_FLIP,
	PEER_WRONG_ETAG,
	PEER_OK_WITH_ERROR_BODY,
	PEER_JUNK,
	PEER_REDIRECT,
	PEER_LOSE_REPLY,
};

const char *peer_action_name(enum peer_action action);

struct peer_fault {
	enum peer_action action; /* PEER_NOTHING = none */
	enum peer_phase phase;
	uint64_t number; /* HTTP status, milliseconds or bytes a second */
	char text[256];  /* S3 code or URL; "" = none */
};

/* What one request has to suffer. */
struct peer_plan {
	struct peer_fault fault;
	uint64_t delay_ms[PEER_PHASES];
};

struct peer_rules; /* with the counts of what they saw */

/*
 * A text of rules; seed is of probability=.  -EINVAL with the line and what
 * would be right.
 */
int peer_rules_parse(const char *text, uint64_t seed, struct peer_rules **ret,
                     struct err *reterr);
void peer_rules_free(struct peer_rules *rules);
DEFINE_CLEANUP(struct peer_rules *, peer_rules_free);

/* Count this request (key: "" = none) and say what it has to suffer. */
void peer_rules_match(struct peer_rules *rules, unsigned verb, const char *key,
                      struct peer_plan *ret);

#endif
