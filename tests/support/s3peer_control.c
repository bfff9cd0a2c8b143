/* SPDX-License-Identifier: MIT */
/* Requests to the peer itself: rules in, counts out. */
#include "s3peer_core.h"

#include <string.h>

/* Counts as one JSON object. */
static void add_stats(struct str *s, const struct s3peer_stats *stats)
{
	str_add(s, "{\"requests\":{");
	for (unsigned verb = 0; verb < S3PEER_VERBS; verb++)
		str_addf(s, "%s\"%s\":%ju", verb ? "," : "",
		         peer_verb_name(verb),
		         (uintmax_t)stats->requests[verb]);
	str_addf(s,
	         "},\"faults\":%ju,\"errors\":%ju,\"bytes_in\":%ju,"
	         "\"bytes_out\":%ju,\"connections\":%ju}\n",
	         (uintmax_t)stats->faults, (uintmax_t)stats->errors,
	         (uintmax_t)stats->bytes_in, (uintmax_t)stats->bytes_out,
	         (uintmax_t)stats->connections);
}

static void answer_stats(struct peer_exchange *ex)
{
	struct s3peer_stats stats;

	if (strcmp(ex->head.method, "DELETE") == 0) {
		s3peer_reset_stats(ex->peer);
		ex->reply.status = 204;
		return;
	}
	s3peer_get_stats(ex->peer, &stats);
	peer_reply_field(&ex->reply, "Content-Type", "application/json");
	add_stats(&ex->reply.body, &stats);
}

static void answer_rules(struct peer_exchange *ex)
{
	bool none = strcmp(ex->head.method, "DELETE") == 0;
	struct err why;

	ex->reply.status = 204;
	if (s3peer_set_rules(ex->peer, none ? "" : str_text(&ex->body), &why) <
	    0) {
		ex->reply.status = 400;
		str_addf(&ex->reply.body, "%s\n", why.text);
	}
}

void peer_control_answer(struct peer_exchange *ex)
{
	const char *what = strrchr(ex->route.path, '/') + 1;

	ex->reply.status = 200;
	if (strcmp(what, "stats") == 0)
		answer_stats(ex);
	else if (strcmp(what, "rules") == 0)
		answer_rules(ex);
	else
		ex->reply.status = 404;
}
