/* SPDX-License-Identifier: MIT */
/* Whom the transport trusts, asked of `openssl s_server` on loopback. */
#include "trip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct tls {
	char dir[64];
	char host[32];
	pid_t server;
};

/* Start a program with its output thrown away. */
static pid_t run(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	for (int fd = 0; fd < 3; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd,
		                                       "/dev/null", O_RDWR, 0);

	char **args = (char **)(uintptr_t)argv;

	assert_int_equal(
		posix_spawnp(&pid, argv[0], &actions, NULL, args, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* Wait until somebody accepts connections there. */
static void await_server(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)port),
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timespec pause = {.tv_nsec = 20000000};

	for (unsigned i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int r = connect(fd, (struct sockaddr *)&a, sizeof(a));

		(void)close(fd);
		if (r == 0)
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("openssl s_server does not listen");
}

/* A certificate of its own for names, and a server that has it. */
static void serve(struct tls *tls, const char *names, const char *option)
{
	char key[96], cert[96], address[32];
	int status = -1;

	(void)snprintf(tls->dir, sizeof(tls->dir), "/tmp/porter-tls.XXXXXX");
	assert_non_null(mkdtemp(tls->dir));
	(void)snprintf(key, sizeof(key), "%s/key.pem", tls->dir);
	(void)snprintf(cert, sizeof(cert), "%s/cert.pem", tls->dir);

	const char *const make[] = {"openssl", "req",      "-x509",   "-nodes",
	                            "-newkey", "rsa:2048", "-keyout", key,
	                            "-out",    cert,       "-days",   "1",
	                            "-subj",   "/CN=test", "-addext", names,
	                            NULL};

	assert_int_equal(waitpid(run(make), &status, 0) > 0 ? status : -1, 0);

	unsigned port = free_port();

	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	(void)snprintf(tls->host, sizeof(tls->host), "localhost:%u", port);

	const char *const server[] = {"openssl",
	                              "s_server",
	                              "-accept",
	                              address,
	                              "-key",
	                              key,
	                              "-cert",
	                              cert,
	                              "-www",
	                              "-cipher",
	                              "DEFAULT@SECLEVEL=0",
	                              option,
	                              NULL};

	tls->server = run(server);
	await_server(port);
}

static void stop(struct tls *tls)
{
	char path[96];

	(void)kill(tls->server, SIGKILL);
	(void)waitpid(tls->server, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/key.pem", tls->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/cert.pem", tls->dir);
	(void)unlink(path);
	(void)rmdir(tls->dir);
}

/* One GET over TLS, trusting the server's own certificate or the system. */
static int get(struct tls *tls, bool trust, struct trip *trip)
{
	char ca[96];
	struct transport_config config = {.threads = 1, .max_connections = 1};
	struct http_transport *t = NULL;

	(void)snprintf(ca, sizeof(ca), "%s/cert.pem", tls->dir);
	if (trust)
		config.ca_bundle = ca;
	assert_int_equal(transport_new(&config, &t, NULL), 0);
	trip_init(trip, "GET", tls->host, "/");
	free(trip->request.scheme);
	trip->request.scheme = strdup("https");

	int r = trip_run(trip, t);

	trip_transport_free(t);
	return r;
}

static void a_certificate_of_nobody_is_not_trusted(void **state)
{
	struct tls tls;
	struct trip trip;

	(void)state;
	serve(&tls, "subjectAltName=DNS:localhost", NULL);
	assert_int_equal(get(&tls, false, &trip), -EKEYREJECTED);
	assert_false(trip.call.reply.sent);
	assert_non_null(strstr(trip.call.reply.err.text, "is not trusted"));
	trip_release(&trip);
	stop(&tls);
}

static void a_ca_of_ones_own_is_trusted(void **state)
{
	struct tls tls;
	struct trip trip;

	(void)state;
	serve(&tls, "subjectAltName=DNS:localhost", NULL);
	assert_int_equal(get(&tls, true, &trip), 0);
	assert_int_equal(trip.call.reply.status, 200);
	trip_release(&trip);
	stop(&tls);
}

static void another_hosts_certificate_is_not_trusted(void **state)
{
	struct tls tls;
	struct trip trip;

	(void)state;
	serve(&tls, "subjectAltName=DNS:elsewhere.example", NULL);
	assert_int_equal(get(&tls, true, &trip), -EKEYREJECTED);
	trip_release(&trip);
	stop(&tls);
}

static void tls_1_1_is_too_old(void **state)
{
	struct tls tls;
	struct trip trip;

	(void)state;
	serve(&tls, "subjectAltName=DNS:localhost", "-tls1_1");
	assert_int_equal(get(&tls, true, &trip), -EPROTO);
	assert_false(trip.call.reply.sent);
	assert_non_null(strstr(trip.call.reply.err.text, "TLS with"));
	trip_release(&trip);
	stop(&tls);
}

static void tls_1_2_is_good_enough(void **state)
{
	struct tls tls;
	struct trip trip;

	(void)state;
	serve(&tls, "subjectAltName=DNS:localhost", "-tls1_2");
	assert_int_equal(get(&tls, true, &trip), 0);
	trip_release(&trip);
	stop(&tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_of_nobody_is_not_trusted),
		cmocka_unit_test(a_ca_of_ones_own_is_trusted),
		cmocka_unit_test(another_hosts_certificate_is_not_trusted),
		cmocka_unit_test(tls_1_1_is_too_old),
		cmocka_unit_test(tls_1_2_is_good_enough),
	};

	/* curl must not see a proxy of whoever runs the tests. */
	(void)unsetenv("https_proxy");
	(void)unsetenv("HTTPS_PROXY");
	(void)unsetenv("ALL_PROXY");
	(void)unsetenv("all_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
