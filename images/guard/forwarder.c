/*
 * The way out of a container that has no network: a port on its loopback interface that leads to a unix socket.
 *
 *   forwarder PORT SOCKET PROGRAM [ARGUMENT...]
 *
 * Listens on 127.0.0.1:PORT, leaves a process behind that forwards, and becomes PROGRAM; so the port is there before PROGRAM
 * says its first word, and what PROGRAM does or fails to read never waits for a connection, nor a connection for it.
 *
 * For each connection it connects to SOCKET anew. Where nothing listens there, it tries again for as long as RETRY_MS: the
 * worker behind the socket may be gone, and the next one puts a socket of its own in the same place. A connection that
 * stands is broken with its worker. The client behind the 256th connection waits in the kernel until another one ends.
 *
 * One static file without any need, because it runs in images that may have nothing. Whatever happens to the forwarder, only
 * the network of its own container suffers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "socket-filter.h"

#define MOST_CONNECTIONS 256
#define BUFFER_BYTES 16384
#define RETRY_MS 20000
#define RETRY_EVERY_MS 100

enum { CANNOT_RUN = 126, NOT_FOUND = 127, OWN_FAULT = 125 };

/* What was read at one end and not yet written at the other. */
struct flow {
  size_t from, to;  /* of the bytes that wait */
  int is_ended;     /* its reader has nothing more to say */
  int is_told;      /* and its writer knows */
  char bytes[BUFFER_BYTES];
};

/* `client` came to the port, `worker` leads to the socket; worker is -1 while there is none to connect to. */
struct connection {
  int client, worker;
  long long retry_at, give_up_at;
  struct flow out, in; /* from client to worker, and back */
};

static struct connection connections[MOST_CONNECTIONS];
static int used = 0;
static struct sockaddr_un socket_address = {.sun_family = AF_UNIX};

static void die(const char *what) {
  fprintf(stderr, "crewtab forwarder: %s: %s\n", what, strerror(errno));
  exit(OWN_FAULT);
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int listen_at(const char *text) {
  char *end;
  long port = strtol(text, &end, 10);
  if (*end != '\0' || end == text || port < 1 || port > 65535) {
    fprintf(stderr, "crewtab forwarder: not a port: %s\n", text);
    exit(OWN_FAULT);
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(listener, MOST_CONNECTIONS) < 0) die("listen");
  return listener;
}

static void drop(struct connection *gone) {
  close(gone->client);
  if (gone->worker >= 0) close(gone->worker);
  used--;
  if (gone != &connections[used]) *gone = connections[used];
}

/* Whether the connection lives on. Never blocks: where the backlog of the socket is full it is tried again too. */
static int reach_worker(struct connection *of, long long now) {
  int worker = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (worker >= 0 && connect(worker, (struct sockaddr *)&socket_address, sizeof socket_address) == 0) {
    of->worker = worker;
    return 1;
  }
  if (worker >= 0) close(worker);
  of->retry_at = now + RETRY_EVERY_MS;
  return now < of->give_up_at;
}

static void welcome(int listener, long long now) {
  while (used < MOST_CONNECTIONS) {
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    struct connection *next = &connections[used++];
    next->client = client;
    next->worker = -1;
    next->give_up_at = now + RETRY_MS;
    next->out.from = next->out.to = next->in.from = next->in.to = 0;
    next->out.is_ended = next->out.is_told = next->in.is_ended = next->in.is_told = 0;
    if (!reach_worker(next, now)) drop(next);
  }
}

static int wants_bytes(const struct flow *flow) { return !flow->is_ended && flow->from == flow->to; }
static int has_bytes(const struct flow *flow) { return flow->from < flow->to; }

/* Reads once and writes once. Whether the connection lives on. */
static int move(struct flow *flow, int reader, int writer, int may_read, int may_write) {
  if (may_read && wants_bytes(flow)) {
    ssize_t got = read(reader, flow->bytes, BUFFER_BYTES);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return 0;
    if (got == 0) flow->is_ended = 1;
    flow->from = 0;
    flow->to = got > 0 ? (size_t)got : 0;
    may_write = 1;
  }
  if (may_write && has_bytes(flow)) {
    ssize_t written = write(writer, flow->bytes + flow->from, flow->to - flow->from);
    if (written < 0 && errno != EAGAIN && errno != EINTR) return 0;
    if (written > 0) flow->from += (size_t)written;
  }
  if (flow->is_ended && !has_bytes(flow) && !flow->is_told) {
    shutdown(writer, SHUT_WR);
    flow->is_told = 1;
  }
  return 1;
}

static short events_of(const struct flow *reads, const struct flow *writes) {
  return (short)((wants_bytes(reads) ? POLLIN : 0) | (has_bytes(writes) ? POLLOUT : 0));
}

static int carry(struct connection *of, short client, short worker, long long now) {
  if (of->worker < 0) {
    /* Gone already, and nobody is left to be answered. */
    if (client & (POLLERR | POLLHUP)) return 0;
    return now < of->retry_at || reach_worker(of, now);
  }
  const short broken = POLLERR | POLLNVAL;
  if ((client | worker) & broken) return 0;
  /* An end that hangs up may still have bytes to be read, and a read tells that there are none. */
  const short readable = POLLIN | POLLHUP;
  if (!move(&of->out, of->client, of->worker, client & readable, worker & (POLLOUT | POLLHUP))) return 0;
  if (!move(&of->in, of->worker, of->client, worker & readable, client & POLLOUT)) return 0;
  /* A worker that hung up hears nothing more either. */
  return !(of->in.is_told && (of->out.is_told || worker & POLLHUP));
}

/* -1 where there is no instant to wake up for. */
static int wait_ms(long long now) {
  long long first = -1;
  for (int at = 0; at < used; at++)
    if (connections[at].worker < 0 && (first < 0 || connections[at].retry_at < first)) first = connections[at].retry_at;
  return first < 0 ? -1 : first <= now ? 0 : (int)(first - now);
}

static void forward(int listener) {
  static struct pollfd ready[1 + 2 * MOST_CONNECTIONS];
  for (;;) {
    /* poll passes over what is -1. An end of which nothing is wanted is one: it would tell again and again that it hung up. */
    ready[0] = (struct pollfd){used < MOST_CONNECTIONS ? listener : -1, POLLIN, 0};
    for (int at = 0; at < used; at++) {
      struct connection *of = &connections[at];
      short client = events_of(&of->out, &of->in), worker = events_of(&of->in, &of->out);
      int is_waiting = of->worker < 0;
      ready[1 + 2 * at] = (struct pollfd){client || is_waiting ? of->client : -1, is_waiting ? 0 : client, 0};
      ready[2 + 2 * at] = (struct pollfd){worker ? of->worker : -1, worker, 0};
    }
    if (poll(ready, (nfds_t)(1 + 2 * used), wait_ms(now_ms())) < 0 && errno != EINTR) die("poll");
    long long now = now_ms();
    /* From the last to the first: a dropped one is replaced by the last, which has been looked at by then. */
    for (int at = used - 1; at >= 0; at--)
      if (!carry(&connections[at], ready[1 + 2 * at].revents, ready[2 + 2 * at].revents, now)) drop(&connections[at]);
    if (ready[0].revents) welcome(listener, now);
  }
}

/* Nothing of the program's: neither its input and output, which would stay open with it, nor its signals. */
static void stand_apart(void) {
  setsid();
  prctl(PR_SET_NAME, "crewtab-forward", 0, 0, 0);
  signal(SIGPIPE, SIG_IGN);
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; fd++) {
    if (nothing >= 0) dup2(nothing, fd);
    else close(fd);
  }
  if (chdir("/") < 0) return;
}

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "usage: forwarder PORT SOCKET PROGRAM [ARGUMENT...]\n");
    return OWN_FAULT;
  }
  if (strlen(arguments[2]) >= sizeof socket_address.sun_path) {
    fprintf(stderr, "crewtab forwarder: the path of the socket is too long\n");
    return OWN_FAULT;
  }
  strcpy(socket_address.sun_path, arguments[2]);
  /* The process that stays is the agent's user, who may make it do anything. */
  if (keep_usual_sockets() < 0) die("the kernel filters no system calls");
  int listener = listen_at(arguments[1]);
  pid_t forwarder = fork();
  if (forwarder < 0) die("fork");
  if (forwarder == 0) {
    stand_apart();
    forward(listener);
  }
  close(listener);
  execvp(arguments[3], arguments + 3);
  int status = errno == ENOENT ? NOT_FOUND : CANNOT_RUN;
  fprintf(stderr, "crewtab forwarder: cannot run %s: %s\n", arguments[3], strerror(errno));
  return status;
}
