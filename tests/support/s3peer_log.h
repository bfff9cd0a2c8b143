/* SPDX-License-Identifier: MIT */
/*
 * Events as JSON, one a line: the request log and the oracle log.
 *
 * The request log has every request; the oracle log those that change
 * something (or should have), with what was committed and acknowledged.  Keys
 * are percent-encoded but for '/', so that any byte is told exactly.
 */
#ifndef PORTER_TEST_S3PEER_LOG_H
#define PORTER_TEST_S3PEER_LOG_H

#include "base/str.h"
#include "s3peer.h"

/* Append one line of the request log. */
void peer_log_request(struct str *s, const struct s3peer_event *event);

/* Append one line of the oracle log, or nothing for a request that only reads. */
void peer_log_oracle(struct str *s, const struct s3peer_event *event);

#endif
