/* SPDX-License-Identifier: MIT */
/*
 * The door to libcurl.
 *
 * Each call is loaded into a pooled easy handle (a "ride") whose habits were
 * set once; curl_multi_socket_action() moves the bytes when the loop's epoll
 * set says so, and exchange.c takes them.
 *
 * Ways to fail: curl says why (explain), or we ended it (exchange.stop): caps,
 * stalls, the caller's own judgement of the headers.
 */
#include "transport_curl.h"

#include "base/clock.h"
#include "exchange.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BIG_BODY     ((uint64_t)1 << 20) /* from here on large buffers pay */
#define BIG_RIDES    16                  /* at once with large buffers */
#define SMALL_BUFFER (64L << 10)
#define RECV_BUFFER  (512L << 10)
#define SEND_BUFFER  (1L << 20)

/* An easy handle and the exchange it carries; used again and again. */
struct ride {
	struct exchange ex;
	struct carrier *carrier;
	CURL *easy;
	struct list link;         /* carrier->active or ->idle */
	struct str url;           /* scratch */
	struct str lines;         /* scratch: header lines, NUL between */
	struct curl_slist *nodes; /* scratch: one per line */
	size_t nodes_cap;
	long send_buffer; /* bytes, as curl was told */
	char detail[CURL_ERROR_SIZE];
};

struct carrier {
	const struct carrier_config *config; /* borrowed */
	CURLM *multi;
	uint64_t timer_ms;  /* when curl wants to be called; UINT64_MAX never */
	struct list active; /* rides under way */
	struct list idle;   /* rides to use again */
	unsigned count;     /* of active */
};

static uint64_t now_ms(void)
{
	return clock_ms(clock_system());
}

/* ---- what curl calls while bytes move ---- */

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct ride *ride = ctx;

	return exchange_header(&ride->ex, data, size * n) < 0 ? 0 : size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct ride *ride = ctx;

	return exchange_body(&ride->ex, data, size * n) < 0 ? 0 : size * n;
}

static size_t on_read(char *data, size_t size, size_t n, void *ctx)
{
	struct ride *ride = ctx;

	return exchange_read(&ride->ex, data, size * n);
}

/* curl rewinds when a kept connection turns out to be dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct ride *ride = ctx;

	if (origin != SEEK_SET || exchange_seek(&ride->ex, offset) < 0)
		return CURL_SEEKFUNC_FAIL;
	return CURL_SEEKFUNC_OK;
}

/* Connected, nothing of the request sent yet: the last moment to say no. */
/* NOLINTNEXTLINE(readability-non-const-parameter): curl wants these types */
static int on_request(void *ctx, char *peer_ip, char *own_ip, int peer_port,
                      int own_port)
{
	struct ride *ride = ctx;
	bool plain_ok = ride->carrier->config->allow_plaintext;

	(void)own_ip;
	(void)peer_port;
	(void)own_port;
	return exchange_send(&ride->ex, peer_ip, plain_ok) < 0
	               ? CURL_PREREQFUNC_ABORT
	               : CURL_PREREQFUNC_OK;
}

/* A socket that no program we start inherits. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose,
                             struct curl_sockaddr *a)
{
	(void)ctx;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
                     void *known)
{
	struct carrier *carrier = ctx;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(carrier->config->epoll, EPOLL_CTL_DEL, fd,
		                NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (!known)
		(void)curl_multi_assign(carrier->multi, fd, carrier);
	/* Out of memory for a watch: the deadline ends the exchange. */
	(void)epoll_ctl(carrier->config->epoll,
	                known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct carrier *carrier = ctx;

	(void)multi;
	carrier->timer_ms = timeout_ms < 0 ? UINT64_MAX : now_ms() + timeout_ms;
	return 0;
}

/* ---- rides ---- */

static void ride_free(struct ride *ride)
{
	if (!ride)
		return;

	curl_easy_cleanup(ride->easy);
	exchange_release(&ride->ex);
	str_release(&ride->url);
	str_release(&ride->lines);
	free(ride->nodes);
	free(ride);
}
DEFINE_CLEANUP(struct ride *, ride_free);

/* 1 = refused, for lack of memory. */
#define SET(ride, option, value)                                               \
	(curl_easy_setopt((ride)->easy, CURLOPT_##option, (value)) == CURLE_OK \
	         ? 0                                                           \
	         : 1)

/* What is the same for every request. */
static const struct {
	CURLoption option;
	long value;
} habits[] = {
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_QUICK_EXIT, 1}, /* never wait for a slow resolver */
	{CURLOPT_PATH_AS_IS, 1}, /* a key may be "a/../b" */
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2}, /* or newer */
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
	{CURLOPT_TCP_NODELAY, 1},
	{CURLOPT_TCP_KEEPALIVE, 1},
};

/* Set all that. Returns the number of refusals. */
static int set_habits(struct ride *ride, const struct carrier_config *config)
{
	int bad = 0;

	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		bad += curl_easy_setopt(ride->easy, habits[i].option,
		                        habits[i].value) != CURLE_OK;
	bad += SET(ride, PROTOCOLS_STR, "http,https");
	bad += SET(ride, USERAGENT, "porterfs/" PORTERFS_VERSION);
	if (config->ca_bundle)
		bad += SET(ride, CAINFO, config->ca_bundle);
	if (config->proxy)
		bad += SET(ride, PROXY, config->proxy);
	return bad;
}

/* Who is called back. Returns the number of refusals. */
static int set_callbacks(struct ride *ride)
{
	int bad = 0;

	bad += SET(ride, ERRORBUFFER, ride->detail);
	bad += SET(ride, PRIVATE, ride);
	bad += SET(ride, HEADERFUNCTION, on_header);
	bad += SET(ride, HEADERDATA, ride);
	bad += SET(ride, WRITEFUNCTION, on_body);
	bad += SET(ride, WRITEDATA, ride);
	bad += SET(ride, READFUNCTION, on_read);
	bad += SET(ride, READDATA, ride);
	bad += SET(ride, SEEKFUNCTION, on_seek);
	bad += SET(ride, SEEKDATA, ride);
	bad += SET(ride, OPENSOCKETFUNCTION, on_open);
	bad += SET(ride, PREREQFUNCTION, on_request);
	bad += SET(ride, PREREQDATA, ride);
	return bad;
}

/* A ride of the pool, or a new one. NULL when out of memory. */
static struct ride *ride_get(struct carrier *carrier)
{
	struct ride *used = list_first(&carrier->idle, struct ride, link);

	if (used) {
		list_remove(&used->link);
		return used;
	}

	cleanup(ride_freep) struct ride *ride = calloc(1, sizeof(*ride));

	if (!ride)
		return NULL;
	list_init(&ride->link);
	ride->carrier = carrier;
	ride->easy = curl_easy_init();
	if (!ride->easy)
		return NULL;
	if (set_habits(ride, carrier->config) + set_callbacks(ride) > 0)
		return NULL;
	return take(&ride);
}

/* The method, and whether a body goes out. */
static int set_method(struct ride *ride)
{
	const char *method = ride->ex.call->request->method;
	bool upload = ride->ex.out_size > 0 || strcmp(method, "PUT") == 0 ||
	              strcmp(method, "POST") == 0;
	int bad = SET(ride, HTTPGET, 1L); /* forgets UPLOAD and NOBODY */

	if (strcmp(method, "GET") == 0 && !upload)
		return bad + SET(ride, CUSTOMREQUEST, NULL);

	bad += SET(ride, CUSTOMREQUEST, method);
	if (upload) {
		bad += SET(ride, UPLOAD, 1L);
		bad += SET(ride, INFILESIZE_LARGE,
		           (curl_off_t)ride->ex.out_size);
	} else if (strcmp(method, "HEAD") == 0) {
		bad += SET(ride, NOBODY, 1L);
	}
	return bad;
}

/* Header lines in curl's list form, made in scratch memory. */
static int set_headers(struct ride *ride)
{
	size_t count = ride->ex.call->request->headers.count + 1;

	if (count > ride->nodes_cap) {
		void *more =
			reallocarray(ride->nodes, count, sizeof(*ride->nodes));

		if (!more)
			return 1;
		ride->nodes = more;
		ride->nodes_cap = count;
	}
	if (exchange_header_lines(&ride->ex, &ride->lines) < 0)
		return 1;

	char *line = ride->lines.data;

	for (size_t i = 0; i < count; i++) {
		ride->nodes[i].data = line;
		ride->nodes[i].next =
			i + 1 < count ? &ride->nodes[i + 1] : NULL;
		line += strlen(line) + 1;
	}
	return SET(ride, HTTPHEADER, ride->nodes);
}

static int set_url(struct ride *ride)
{
	if (exchange_url(&ride->ex, &ride->url) < 0)
		return 1;
	return SET(ride, URL, str_text(&ride->url));
}

/* Large buffers for the first large bodies: a hundred at once stay small. */
static int set_buffers(struct ride *ride)
{
	bool few = ride->carrier->count <= BIG_RIDES;
	bool get = few && ride->ex.call->request->into_length >= BIG_BODY;
	bool put = few && ride->ex.out_size >= BIG_BODY;
	long size = put ? SEND_BUFFER : SMALL_BUFFER;
	int bad = SET(ride, BUFFERSIZE, get ? RECV_BUFFER : SMALL_BUFFER);

	if (ride->send_buffer == size)
		return bad;
	ride->send_buffer = size; /* telling it makes curl allocate anew */
	return bad + SET(ride, UPLOAD_BUFFERSIZE, size);
}

/* Everything about one request. Returns the number of refusals. */
static int ride_load(struct ride *ride, uint64_t now)
{
	const struct http_call *call = ride->ex.call;
	long left = 0; /* for ever */

	if (call->due_ms > 0)
		left = call->due_ms > now ? (long)(call->due_ms - now) : 1;
	ride->detail[0] = '\0';
	return set_url(ride) + set_method(ride) + set_headers(ride) +
	       set_buffers(ride) + SET(ride, TIMEOUT_MS, left) +
	       SET(ride, CONNECTTIMEOUT_MS, (long)call->request->connect_ms);
}

/* ---- why it failed ---- */

/* curl's code as errno and sentence. */
static int explain(struct ride *ride, CURLcode code, struct err *reterr)
{
	const char *host = ride->ex.call->request->host;
	const char *detail =
		ride->detail[0] ? ride->detail : curl_easy_strerror(code);

	long cause = 0;

	(void)curl_easy_getinfo(ride->easy, CURLINFO_OS_ERRNO, &cause);
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(reterr, -EHOSTUNREACH,
		               "the name of '%s' cannot be resolved", host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(reterr, -EHOSTUNREACH,
		               "the proxy's name cannot be resolved");
	case CURLE_COULDNT_CONNECT:
		return exchange_unconnected(&ride->ex, (int)cause, reterr);
	case CURLE_OPERATION_TIMEDOUT:
		return exchange_timeout(&ride->ex, now_ms(), reterr);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return err_set(
			reterr, -ECONNRESET, "'%s' broke the connection off%s",
			host, ride->ex.header_bytes > 0 ? " in its reply" : "");
	case CURLE_SSL_CONNECT_ERROR:
		return err_set(reterr, -EPROTO, "TLS with '%s' failed: %s",
		               host, detail);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(reterr, -EKEYREJECTED,
		               "the certificate of '%s' is not trusted: %s",
		               host, detail);
	case CURLE_OUT_OF_MEMORY:
		return err_set(reterr, -ENOMEM, "out of memory");
	case CURLE_PARTIAL_FILE:
		return err_set(reterr, -EPROTO, "'%s' cut its reply short",
		               host);
	default:
		return err_set(reterr, -EPROTO, "exchange with '%s' failed: %s",
		               host, detail);
	}
}

/* ---- the road ---- */

/* Take the ride off the road and keep it for the next call. */
static void retire(struct ride *ride)
{
	struct carrier *carrier = ride->carrier;

	(void)curl_multi_remove_handle(carrier->multi, ride->easy);
	if (ride->lines.data) /* may hold a session token */
		explicit_bzero(ride->lines.data, ride->lines.len);
	list_remove(&ride->link);
	list_prepend(&carrier->idle, &ride->link);
	carrier->count--;
}

/* The ride has ended: by ex.stop, by error, or as curl's code tells. */
static void arrive(struct ride *ride, CURLcode code, int error)
{
	const struct carrier_config *config = ride->carrier->config;
	struct http_call *call = ride->ex.call;
	struct http_reply *reply = &call->reply;
	long request_size = 0, connects = 0;

	(void)curl_easy_getinfo(ride->easy, CURLINFO_REQUEST_SIZE,
	                        &request_size);
	(void)curl_easy_getinfo(ride->easy, CURLINFO_NUM_CONNECTS, &connects);
	reply->sent = request_size > 0;
	reply->reused = reply->sent && connects == 0;
	if (ride->ex.stop)
		reply->error = ride->ex.stop;
	else if (error)
		reply->error = err_set(&reply->err, error, "cancelled");
	else if (code != CURLE_OK)
		reply->error = explain(ride, code, &reply->err);
	else if (!ride->ex.final)
		reply->error =
			err_set(&reply->err, -EPROTO, "'%s' sent no HTTP reply",
		                call->request->host);
	call->ride = NULL;
	retire(ride);
	config->arrived(config->ctx, call);
}

int carrier_launch(struct carrier *carrier, struct http_call *call)
{
	struct ride *ride = ride_get(carrier);

	if (!ride)
		return -ENOMEM;

	exchange_begin(&ride->ex, call);
	call->ride = ride;
	list_append(&carrier->active, &ride->link);
	carrier->count++;
	if (ride_load(ride, now_ms()) > 0 ||
	    curl_multi_add_handle(carrier->multi, ride->easy) != CURLM_OK) {
		call->ride = NULL;
		retire(ride);
		return -ENOMEM;
	}
	return 0;
}

void carrier_drop(struct carrier *carrier, struct http_call *call, int error)
{
	(void)carrier;
	arrive(call->ride, CURLE_OK, error);
}

unsigned carrier_count(const struct carrier *carrier)
{
	return carrier->count;
}

uint64_t carrier_due_ms(const struct carrier *carrier)
{
	return carrier->timer_ms;
}

void carrier_ready(struct carrier *carrier, int fd, unsigned events)
{
	int running = 0;
	int what = 0;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(carrier->multi, fd, what, &running);
}

/* Tell that bytes came, once per round however many pieces there were. */
static void tell_progress(struct carrier *carrier)
{
	list_for_each(pos, &carrier->active) {
		struct ride *ride = container_of(pos, struct ride, link);
		struct http_call *call = ride->ex.call;

		if (!ride->ex.fresh)
			continue;
		ride->ex.fresh = false;
		if (call->progress)
			call->progress(call);
	}
}

void carrier_turn(struct carrier *carrier, uint64_t now)
{
	int left = 0;

	if (carrier->timer_ms <= now) {
		carrier->timer_ms = UINT64_MAX;
		(void)curl_multi_socket_action(carrier->multi,
		                               CURL_SOCKET_TIMEOUT, 0, &left);
	}
	tell_progress(carrier);

	for (CURLMsg *m; (m = curl_multi_info_read(carrier->multi, &left));) {
		struct ride *ride = NULL;
		CURLcode code = m->data.result;

		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		                        &ride);
		arrive(ride, code, 0);
	}
}

void carrier_scan(struct carrier *carrier, uint64_t now)
{
	list_for_each_safe(pos, &carrier->active) {
		struct ride *ride = container_of(pos, struct ride, link);
		curl_off_t sent = 0, got = 0;

		if (ride->ex.sends == 0)
			continue; /* curl watches over connecting */
		(void)curl_easy_getinfo(ride->easy, CURLINFO_SIZE_UPLOAD_T,
		                        &sent);
		(void)curl_easy_getinfo(ride->easy, CURLINFO_SIZE_DOWNLOAD_T,
		                        &got);
		if (exchange_watch(&ride->ex, now, (uint64_t)sent,
		                   (uint64_t)got) < 0)
			arrive(ride, CURLE_OK, 0);
	}
}

/* Once per process, before curl looks at the environment. */
static void global_init(void)
{
	(void)unsetenv("SSLKEYLOGFILE");
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Who is called back, and how many connections are kept. */
static bool set_multi(struct carrier *carrier)
{
	CURLM *m = carrier->multi;
	long most = (long)carrier->config->max_connections;

	return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) == 0 &&
	       curl_multi_setopt(m, CURLMOPT_SOCKETDATA, carrier) == 0 &&
	       curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) == 0 &&
	       curl_multi_setopt(m, CURLMOPT_TIMERDATA, carrier) == 0 &&
	       curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) ==
	               0 &&
	       curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, most) == 0 &&
	       curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS, most) == 0;
}

int carrier_new(const struct carrier_config *config, struct carrier **ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	cleanup(carrier_freep) struct carrier *carrier =
		calloc(1, sizeof(*carrier));

	(void)pthread_once(&once, global_init);
	if (!carrier)
		return -ENOMEM;

	carrier->config = config;
	carrier->timer_ms = UINT64_MAX;
	list_init(&carrier->active);
	list_init(&carrier->idle);
	carrier->multi = curl_multi_init();
	if (!carrier->multi || !set_multi(carrier))
		return -ENOMEM;

	*ret = take(&carrier);
	return 0;
}

void carrier_free(struct carrier *carrier)
{
	if (!carrier)
		return;

	list_for_each_safe(pos, &carrier->idle)
		ride_free(container_of(pos, struct ride, link));
	(void)curl_multi_cleanup(carrier->multi);
	free(carrier);
}
