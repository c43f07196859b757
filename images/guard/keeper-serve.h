/*
 * Unix sockets of a pod that are answered elsewhere: their connections go through stdin and stdout, in frames.
 *
 *   KIND CONNECTION LENGTH PAYLOAD
 *
 * KIND is one byte; CONNECTION and LENGTH are 32 bits each, the greatest first. Both ends say all of them, but for o:
 *
 *   o  opened, from here: PAYLOAD is one byte, the socket's place in the arguments, from 0 on
 *   d  data, at most CHUNK_BYTES
 *   w  window: so many bytes (32 bits) were passed on, and as many more may come
 *   e  end: no more data from this side
 *   c  closed: once from each side. The connection counts until both have said it
 *
 * So that a connection of which one end does not read stops no other one, and nothing grows: each side may have WINDOW_BYTES of a connection
 * under way, and says w for what it has passed on. What this program holds is bounded by that and by the number of connections; a client
 * beyond that number waits in the kernel. A frame that breaks these rules ends the program: only a fault makes one.
 *
 * A socket is made beside its place and put there in one step, so that another server, of a worker that takes over, can do the same at
 * any time.
 */
#ifndef CREWTAB_KEEPER_SERVE_H
#define CREWTAB_KEEPER_SERVE_H
#include "keeper-files.h"
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST_SOCKETS 4
#define MOST_CONNECTIONS 512
#define WINDOW_BYTES (128 * 1024)
/* Said in pieces of at least this. */
#define WINDOW_STEP (WINDOW_BYTES / 2)
#define FRAME_HEAD 9

struct served {
  int is_used;
  int fd; /* -1: closed, and the other side has not said so yet */
  int socket;
  uint32_t id;
  uint32_t credit;   /* so many bytes may be sent */
  uint32_t room;     /* so many may come */
  uint32_t passed;   /* so many were passed on, and not said yet */
  int has_read_end;  /* the client says nothing more, or is not asked for more */
  int has_heard_end; /* the other side says nothing more */
  int has_told_end;  /* and the client knows */
  int has_heard_close;
  char *held; /* WINDOW_BYTES for what the client has not taken yet; NULL: nothing waits */
  size_t from, to;
};

struct listener {
  int fd;
  int most, open;
};

static struct served connections[MOST_CONNECTIONS];
static struct listener listeners[MOST_SOCKETS];
static int listener_count = 0;

static void put_number(unsigned char *at, uint32_t number) {
  for (int byte = 0; byte < 4; byte++) at[byte] = (unsigned char)(number >> (24 - 8 * byte));
}

static uint32_t number_at(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Blocks while stdout is full: what reads it never waits for what it writes. */
static void say_frame(char kind, uint32_t id, const char *payload, uint32_t length) {
  unsigned char head[FRAME_HEAD];
  head[0] = (unsigned char)kind;
  put_number(head + 1, id);
  put_number(head + 5, length);
  if (write_all(STDOUT_FILENO, (char *)head, sizeof head) < 0 || write_all(STDOUT_FILENO, payload, length) < 0) exit(0);
}

static int listen_in(const char *path, int most) {
  struct sockaddr_un made = {.sun_family = AF_UNIX};
  char place[PATH_BYTES];
  int used = snprintf(made.sun_path, sizeof made.sun_path, "%s.%ld", path, (long)getpid());
  snprintf(place, sizeof place, "%s", path);
  if (used >= (int)sizeof made.sun_path) {
    errno = ENAMETOOLONG;
    die(path);
  }
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  unlink(made.sun_path);
  if (server < 0 || bind(server, (struct sockaddr *)&made, sizeof made) < 0 || listen(server, most) < 0) die(path);
  if (rename(made.sun_path, place) < 0) die(path);
  return server;
}

static void forget_held(struct served *one) {
  free(one->held);
  one->held = NULL;
  one->from = one->to = 0;
}

static void release_slot(struct served *one) {
  listeners[one->socket].open--;
  one->is_used = 0;
}

/* Ends the client's side. */
static void close_client(struct served *one) {
  close(one->fd);
  one->fd = -1;
  forget_held(one);
  say_frame('c', one->id, "", 0);
  if (one->has_heard_close) release_slot(one);
}

/* Where there is nothing more to be carried either way. */
static void close_if_done(struct served *one) {
  if (one->fd < 0 || one->held) return;
  if (one->has_heard_end && !one->has_told_end) {
    shutdown(one->fd, SHUT_WR);
    one->has_told_end = 1;
  }
  if (one->has_heard_close || (one->has_told_end && one->has_read_end)) close_client(one);
}

static void accept_one(int from) {
  static uint32_t last_id = 0;
  int fd = accept4(listeners[from].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  struct served *one = connections;
  while (one->is_used) one++;
  *one = (struct served){.is_used = 1, .fd = fd, .socket = from, .id = ++last_id, .credit = WINDOW_BYTES, .room = WINDOW_BYTES};
  listeners[from].open++;
  char place = (char)from;
  say_frame('o', one->id, &place, 1);
}

/* What the client takes at once. @returns -1 where it takes nothing any more */
static ssize_t write_some(int fd, const char *bytes, size_t length) {
  ssize_t written = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (written >= 0) return written;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void note_passed(struct served *one, size_t bytes) {
  unsigned char more[4];
  one->passed += (uint32_t)bytes;
  if (one->passed < WINDOW_STEP) return;
  put_number(more, one->passed);
  one->room += one->passed;
  one->passed = 0;
  say_frame('w', one->id, (char *)more, sizeof more);
}

/* -1 where the frame breaks the rules. */
static int take_data(struct served *one, const char *bytes, uint32_t length) {
  if (length > one->room || one->has_heard_end) return -1;
  one->room -= length;
  if (one->fd < 0) return 0;
  ssize_t written = one->held ? 0 : write_some(one->fd, bytes, length);
  if (written < 0) {
    close_client(one);
    return 0;
  }
  size_t left = length - (size_t)written;
  if (left > 0) {
    if (!one->held && !(one->held = malloc(WINDOW_BYTES))) die("memory");
    if (one->to + left > WINDOW_BYTES) {
      memmove(one->held, one->held + one->from, one->to - one->from);
      one->to -= one->from;
      one->from = 0;
    }
    memcpy(one->held + one->to, bytes + written, left);
    one->to += left;
  }
  note_passed(one, (size_t)written);
  return 0;
}

static void hand_held(struct served *one) {
  ssize_t written = write_some(one->fd, one->held + one->from, one->to - one->from);
  if (written < 0) {
    close_client(one);
    return;
  }
  one->from += (size_t)written;
  if (one->from == one->to) forget_held(one);
  note_passed(one, (size_t)written);
  close_if_done(one);
}

static void read_client(struct served *one, int has_hung_up) {
  char bytes[CHUNK_BYTES];
  ssize_t got = read(one->fd, bytes, one->credit < sizeof bytes ? one->credit : sizeof bytes);
  if (got > 0) {
    one->credit -= (uint32_t)got;
    say_frame('d', one->id, bytes, (uint32_t)got);
  } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  } else if (got < 0 || has_hung_up) {
    close_client(one);
  } else {
    one->has_read_end = 1;
    say_frame('e', one->id, "", 0);
    close_if_done(one);
  }
}

static struct served *find_connection(uint32_t id) {
  for (struct served *one = connections; one < connections + MOST_CONNECTIONS; one++)
    if (one->is_used && one->id == id) return one;
  return NULL;
}

/* One frame from stdin. -1 at its end, and where it breaks the rules. */
static int take_frame(void) {
  unsigned char head[FRAME_HEAD];
  char bytes[CHUNK_BYTES];
  if (read_exactly(STDIN_FILENO, (char *)head, sizeof head) < 0) return -1;
  uint32_t length = number_at(head + 5);
  if (length > sizeof bytes || read_exactly(STDIN_FILENO, bytes, length) < 0) return -1;
  struct served *one = find_connection(number_at(head + 1));
  if (!one) return -1;
  switch (head[0]) {
  case 'd':
    return take_data(one, bytes, length);
  case 'w':
    if (length != 4 || number_at((unsigned char *)bytes) > WINDOW_BYTES - one->credit) return -1;
    one->credit += number_at((unsigned char *)bytes);
    return 0;
  case 'e':
    one->has_heard_end = 1;
    close_if_done(one);
    return 0;
  case 'c':
    one->has_heard_close = one->has_heard_end = one->has_read_end = 1;
    if (one->fd < 0) release_slot(one);
    else close_if_done(one);
    return 0;
  default:
    return -1;
  }
}

static short wanted_of(const struct served *one) {
  if (!one->is_used || one->fd < 0) return 0;
  return (short)((!one->has_read_end && one->credit > 0 ? POLLIN : 0) | (one->held ? POLLOUT : 0));
}

static void look_after(struct served *one, short events) {
  if (events & (POLLERR | POLLNVAL)) {
    close_client(one);
    return;
  }
  /* A client that hung up may still have said something before. */
  if (one->held && events & (POLLOUT | POLLHUP)) hand_held(one);
  if (one->is_used && one->fd >= 0 && !one->has_read_end && one->credit > 0 && events & (POLLIN | POLLHUP))
    read_client(one, events & POLLHUP);
}

static void serve_all(void) {
  enum { FIRST_CONNECTION = 1 + MOST_SOCKETS };
  static struct pollfd ready[FIRST_CONNECTION + MOST_CONNECTIONS];
  for (long beatAt = now_ms() + BEAT_MS;;) {
    ready[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    /* What is -1 is passed over: a connection of which nothing is wanted would tell again and again that it hung up. */
    for (int at = 0; at < MOST_SOCKETS; at++) {
      int is_heard = at < listener_count && listeners[at].open < listeners[at].most;
      ready[1 + at] = (struct pollfd){is_heard ? listeners[at].fd : -1, POLLIN, 0};
    }
    for (int at = 0; at < MOST_CONNECTIONS; at++) {
      short wanted = wanted_of(&connections[at]);
      ready[FIRST_CONNECTION + at] = (struct pollfd){wanted ? connections[at].fd : -1, wanted, 0};
    }
    long left = beatAt - now_ms();
    if (poll(ready, FIRST_CONNECTION + MOST_CONNECTIONS, left > 0 ? (int)left : 0) < 0 && errno != EINTR) die("poll");
    /* A sign of life, and a look whether anyone is there to hear it. */
    if (now_ms() >= beatAt) {
      if (write_all(STDERR_FILENO, ".", 1) < 0) return;
      beatAt = now_ms() + BEAT_MS;
    }
    /* Before anything is closed or opened: so a place stands for the connection that it stood for. */
    for (int at = 0; at < MOST_CONNECTIONS; at++)
      if (ready[FIRST_CONNECTION + at].revents) look_after(&connections[at], ready[FIRST_CONNECTION + at].revents);
    if (ready[0].revents && take_frame() < 0) return;
    for (int at = 0; at < listener_count; at++)
      if (ready[1 + at].revents) accept_one(at);
  }
}

/* @param pairs how many connections a socket has at most, and its path, again and again */
static int serve(int count, char **pairs) {
  int all = 0;
  for (; listener_count < count / 2; listener_count++) {
    int most = atoi(pairs[2 * listener_count]);
    if (listener_count >= MOST_SOCKETS || most < 1 || (all += most) > MOST_CONNECTIONS) return WRONG_INPUT;
    listeners[listener_count] = (struct listener){.fd = listen_in(pairs[2 * listener_count + 1], most), .most = most};
  }
  serve_all();
  return 0;
}
#endif
