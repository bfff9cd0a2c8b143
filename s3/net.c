/* SPDX-License-Identifier: MIT */
#include "net.h"

#include "base/lock.h"
#include "transport.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A gate, its name and how many clients have it. */
struct named_gate {
	struct list link;
	struct gate *gate;
	unsigned refs;
	char name[];
};

/* As the metric's label says it. */
static const char *const class_names[S3_CLASSES] = {
	[S3_CLASS_2XX] = "2xx",   [S3_CLASS_3XX] = "3xx",
	[S3_CLASS_4XX] = "4xx",   [S3_CLASS_5XX] = "5xx",
	[S3_CLASS_NONE] = "none",
};

static void register_one(struct s3_net *net, struct metric *m,
                         enum metric_kind kind, const char *name,
                         const char *help)
{
	m->kind = kind;
	m->name = name;
	m->help = help;
	metrics_register(net->registry, m);
}

/* One counter per verb and class of status. */
static void register_requests(struct s3_net *net)
{
	for (unsigned v = 0; v < STORE_VERBS; v++) {
		for (unsigned c = 0; c < S3_CLASSES; c++) {
			struct metric *m = &net->metrics.requests[v][c];
			char *labels = net->metrics.labels[v][c];

			(void)snprintf(labels,
			               sizeof(net->metrics.labels[v][c]),
			               "verb=\"%s\",status=\"%s\"",
			               store_verb_name(v), class_names[c]);
			m->labels = labels;
			register_one(net, m, METRIC_COUNTER,
			             "porterfs_s3_requests_total",
			             "HTTP requests by verb and class of their "
			             "reply's status.");
		}
	}
}

static void register_all(struct s3_net *net)
{
	struct s3_metrics *m = &net->metrics;

	register_requests(net);
	register_one(net, &m->latency, METRIC_HISTOGRAM,
	             "porterfs_s3_request_seconds",
	             "From the start of an HTTP request to its reply's end.");
	register_one(net, &m->retries, METRIC_COUNTER,
	             "porterfs_s3_retries_total",
	             "HTTP requests that were sent again.");
	register_one(net, &m->bytes_in, METRIC_COUNTER,
	             "porterfs_s3_received_bytes_total",
	             "Bytes of replies' bodies.");
	register_one(net, &m->bytes_out, METRIC_COUNTER,
	             "porterfs_s3_sent_bytes_total",
	             "Bytes of requests' bodies.");
	register_one(net, &m->in_flight, METRIC_GAUGE,
	             "porterfs_s3_requests_in_flight",
	             "HTTP requests under way.");
	register_one(net, &m->connections, METRIC_COUNTER,
	             "porterfs_s3_connections_total",
	             "Connections opened; far fewer than requests.");
}

static void remove_all(struct s3_net *net)
{
	struct s3_metrics *m = &net->metrics;

	for (unsigned v = 0; v < STORE_VERBS; v++) {
		for (unsigned c = 0; c < S3_CLASSES; c++)
			metrics_remove(net->registry, &m->requests[v][c]);
	}
	metrics_remove(net->registry, &m->latency);
	metrics_remove(net->registry, &m->retries);
	metrics_remove(net->registry, &m->bytes_in);
	metrics_remove(net->registry, &m->bytes_out);
	metrics_remove(net->registry, &m->in_flight);
	metrics_remove(net->registry, &m->connections);
}

int s3_net_new_over(const struct s3_net_config *config,
                    struct http_transport *transport, struct exec *exec,
                    struct s3_net **ret)
{
	struct s3_net *net = calloc(1, sizeof(*net));

	if (!net) {
		transport->ops->destroy(transport);
		exec_free(exec);
		return -ENOMEM;
	}
	net->clock = config->clock;
	net->timers = config->timers;
	net->registry = config->metrics;
	net->transport = transport;
	net->exec = exec;
	net->allow_plaintext = config->allow_plaintext;
	net->max_connections = config->max_connections;
	(void)pthread_mutex_init(&net->lock, NULL);
	list_init(&net->gates);
	register_all(net);
	*ret = net;
	return 0;
}

int s3_net_new(const struct s3_net_config *config, struct s3_net **ret,
               struct err *reterr)
{
	const struct transport_config how = {
		.threads = config->threads,
		.max_connections = config->max_connections,
		.ca_bundle = config->ca_bundle,
		.proxy = config->proxy,
		.allow_plaintext = config->allow_plaintext,
	};
	struct http_transport *transport = NULL;
	struct exec *exec = NULL;
	int r = transport_new(&how, &transport, reterr);

	if (r < 0)
		return r;
	r = exec_new("s3keys", 1, &exec);
	if (r < 0) {
		transport->ops->destroy(transport);
		return err_set(reterr, r, "cannot start a thread: %s",
		               strerrordesc_np(-r));
	}
	r = s3_net_new_over(config, transport, exec, ret);
	return r < 0 ? err_set(reterr, r, "out of memory") : 0;
}

void s3_net_free(struct s3_net *net)
{
	if (!net)
		return;

	assert(list_empty(&net->gates));
	exec_free(net->exec);
	net->transport->ops->destroy(net->transport);
	remove_all(net);
	(void)pthread_mutex_destroy(&net->lock);
	free(net);
}

struct gate *s3_net_gate(struct s3_net *net, const char *endpoint)
{
	WITH_LOCK(&net->lock);
	list_for_each(pos, &net->gates) {
		struct named_gate *g =
			container_of(pos, struct named_gate, link);

		if (strcmp(g->name, endpoint) == 0) {
			g->refs++;
			return g->gate;
		}
	}

	size_t size = strlen(endpoint) + 1;
	struct named_gate *g = calloc(1, sizeof(*g) + size);

	if (!g)
		return NULL;
	g->gate = gate_new(net->max_connections);
	if (!g->gate) {
		free(g);
		return NULL;
	}
	(void)memcpy(g->name, endpoint, size);
	g->refs = 1;
	list_append(&net->gates, &g->link);
	return g->gate;
}

void s3_net_gate_release(struct s3_net *net, struct gate *gate)
{
	if (!gate)
		return;

	WITH_LOCK(&net->lock);
	list_for_each_safe(pos, &net->gates) {
		struct named_gate *g =
			container_of(pos, struct named_gate, link);

		if (g->gate != gate || --g->refs > 0)
			continue;
		list_remove(&g->link);
		gate_free(g->gate);
		free(g);
	}
}

static enum s3_class class_of(const struct http_reply *reply)
{
	if (reply->error)
		return S3_CLASS_NONE;
	switch (reply->status / 100) {
	case 2:
		return S3_CLASS_2XX;
	case 3:
		return S3_CLASS_3XX;
	case 4:
		return S3_CLASS_4XX;
	default:
		return S3_CLASS_5XX;
	}
}

void s3_net_count(struct s3_net *net, enum store_verb verb,
                  const struct http_request *request,
                  const struct http_reply *reply, uint64_t took_ms)
{
	struct s3_metrics *m = &net->metrics;

	metric_add(&m->requests[verb][class_of(reply)], 1);
	metric_observe_ms(&m->latency, took_ms);
	metric_add(&m->bytes_in, reply->received + reply->text.len);
	if (!reply->sent)
		return;
	metric_add(&m->bytes_out,
	           chain_size(&request->body) + request->text.len);
	if (!reply->reused)
		metric_add(&m->connections, 1);
}
