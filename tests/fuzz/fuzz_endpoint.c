/* SPDX-License-Identifier: MIT */
/*
 * Endpoints from lines: style, endpoint, region, bucket, another region.  What
 * is accepted is a host that a Host header can hold, and no region leads to
 * another domain.
 */
#include "endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line; the last one again and again is "". */
static char *next_line(char **text)
{
	char *line = *text;
	size_t len = strcspn(line, "\n");

	*text = line + len + (line[len] == '\n');
	line[len] = '\0';
	return line;
}

static void check_host(const struct s3_endpoint *e)
{
	assert(e->host[0]);
	assert(strspn(e->host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") ==
	       strlen(e->host));
	assert(!e->base_path[0] || e->base_path[0] == '/');
	assert(!strpbrk(e->base_path, "?#@ \r\n"));
	assert(e->region[0] && !strpbrk(e->region, "./:@ \r\n"));
}

/* The end of a host that must stay: ".amazonaws.com", ".cn" or all of it. */
static const char *domain(const struct s3_endpoint *e)
{
	const char *suffix = e->aws ? strstr(e->host, ".amazonaws.com") : NULL;

	for (const char *p = suffix; p; p = strstr(p + 1, ".amazonaws.com"))
		suffix = p;
	return suffix ? suffix : e->host;
}

static void check_move(const struct s3_endpoint *before, const char *region)
{
	struct s3_endpoint after = *before;
	struct err err = {0};
	int r = endpoint_set_region(&after, region, &err);

	if (r < 0) {
		assert((r == -EPERM || r == -EINVAL) && err.text[0]);
		assert(memcmp(before, &after, sizeof(after)) == 0);
		return;
	}
	check_host(&after);
	assert(before->tls == after.tls && after.region_known);
	assert(strcmp(domain(before), domain(&after)) == 0);
	assert(strcmp(after.region, region) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *rest = text;
	struct s3_endpoint e = {0};
	struct err err = {0};

	assert(text);
	unsigned style = (unsigned)next_line(&rest)[0] % 3;
	const char *endpoint = next_line(&rest);
	const char *region = next_line(&rest);
	const char *bucket = next_line(&rest);
	int r = endpoint_parse(endpoint, region, (enum s3_path_style)style,
	                       bucket, &e, &err);

	assert(r == 0 || (r == -EINVAL && err.text[0]));
	if (r == 0) {
		check_host(&e);
		check_move(&e, next_line(&rest));
	}
	free(text);
	return 0;
}
