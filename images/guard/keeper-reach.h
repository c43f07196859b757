/*
 * One pod that listens and another one that tries to reach it: so Crewtab finds out whether a cluster keeps to its network policies.
 */
#ifndef CREWTAB_KEEPER_REACH_H
#define CREWTAB_KEEPER_REACH_H
#include "keeper-files.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { NOT_REACHED = 9 };
#define REACH_LIMIT_MS 1000

/* At all addresses of the pod, of either family. */
static int listen_until_told(const char *port, volatile sig_atomic_t *is_told_to_end) {
  struct sockaddr_in6 place = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons((uint16_t)atoi(port))};
  struct sockaddr_in old = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY), .sin_port = place.sin6_port};
  int off = 0, server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (server >= 0) setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (server < 0 || bind(server, (struct sockaddr *)&place, sizeof place) < 0) {
    /* A node without IPv6. */
    if (server >= 0) close(server);
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&old, sizeof old) < 0) die(port);
  }
  if (listen(server, 16) < 0) die(port);
  while (!*is_told_to_end) {
    struct pollfd ready = {server, POLLIN, 0};
    if (poll(&ready, 1, 1000) <= 0) continue;
    int client = accept(server, NULL, NULL);
    if (client >= 0) close(client);
  }
  return 0;
}

static int reach(const char *address, const char *port) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
  int is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
  if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) return WRONG_INPUT;
  int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), fault = 0;
  if (fd < 0) die("socket");
  socklen_t length = sizeof fault;
  int made = is_four ? connect(fd, (struct sockaddr *)&four, sizeof four) : connect(fd, (struct sockaddr *)&six, sizeof six);
  if (made == 0) return 0;
  if (errno != EINPROGRESS) return NOT_REACHED;
  struct pollfd ready = {fd, POLLOUT, 0};
  if (poll(&ready, 1, REACH_LIMIT_MS) <= 0) return NOT_REACHED;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &length) == 0 && fault == 0 ? 0 : NOT_REACHED;
}
#endif
