/*
 * A unix socket of a pod that is answered elsewhere: its connections go through stdin and stdout, in frames.
 *
 *   KIND CONNECTION LENGTH PAYLOAD
 *
 * KIND is one byte, o: opened (from here), d: data, c: closed; CONNECTION and LENGTH are 32 bits each, the greatest first. The socket is
 * made beside its place and put there in one step, so that another server, of a worker that takes over, can do the same at any time.
 */
#ifndef CREWTAB_KEEPER_SERVE_H
#define CREWTAB_KEEPER_SERVE_H
#include "keeper-files.h"
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST_CONNECTIONS 32
#define FRAME_HEAD 9

struct served {
  int fd; /* -1: free */
  uint32_t id;
};

static void say_frame(char kind, uint32_t id, const char *payload, uint32_t length) {
  unsigned char head[FRAME_HEAD] = {(unsigned char)kind,          (unsigned char)(id >> 24),      (unsigned char)(id >> 16),
                                    (unsigned char)(id >> 8),     (unsigned char)id,              (unsigned char)(length >> 24),
                                    (unsigned char)(length >> 16), (unsigned char)(length >> 8), (unsigned char)length};
  if (write_all(STDOUT_FILENO, (char *)head, sizeof head) < 0 || write_all(STDOUT_FILENO, payload, length) < 0) exit(0);
}

static uint32_t number_at(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int listen_in(const char *path) {
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
  if (server < 0 || bind(server, (struct sockaddr *)&made, sizeof made) < 0 || listen(server, MOST_CONNECTIONS) < 0) die(path);
  if (rename(made.sun_path, place) < 0) die(path);
  return server;
}

static void close_served(struct served *one, int is_told) {
  close(one->fd);
  one->fd = -1;
  if (is_told) say_frame('c', one->id, "", 0);
}

static void accept_one(int server, struct served *all) {
  static uint32_t last_id = 0;
  int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
  for (int at = 0; fd >= 0 && at < MOST_CONNECTIONS; at++) {
    if (all[at].fd >= 0) continue;
    all[at].fd = fd;
    all[at].id = ++last_id;
    say_frame('o', all[at].id, "", 0);
    return;
  }
  if (fd >= 0) close(fd);
}

/* One frame from stdin. -1 at its end. */
static int take_frame(struct served *all) {
  unsigned char head[FRAME_HEAD];
  char bytes[CHUNK_BYTES];
  if (read_exactly(STDIN_FILENO, (char *)head, sizeof head) < 0) return -1;
  uint32_t id = number_at(head + 1), length = number_at(head + 5);
  if (length > sizeof bytes || read_exactly(STDIN_FILENO, bytes, length) < 0) return -1;
  for (int at = 0; at < MOST_CONNECTIONS; at++) {
    if (all[at].fd < 0 || all[at].id != id) continue;
    if (head[0] == 'c') close_served(&all[at], 0);
    else if (write_all(all[at].fd, bytes, length) < 0) close_served(&all[at], 1);
  }
  return 0;
}

static int serve(const char *path) {
  struct served all[MOST_CONNECTIONS];
  struct pollfd ready[MOST_CONNECTIONS + 2];
  char bytes[CHUNK_BYTES];
  for (int at = 0; at < MOST_CONNECTIONS; at++) all[at].fd = -1;
  int server = listen_in(path);
  for (;;) {
    ready[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    ready[1] = (struct pollfd){server, POLLIN, 0};
    /* Those that are free have -1, which poll passes over. */
    for (int at = 0; at < MOST_CONNECTIONS; at++) ready[at + 2] = (struct pollfd){all[at].fd, POLLIN, 0};
    int happened = poll(ready, MOST_CONNECTIONS + 2, BEAT_MS);
    if (happened < 0 && errno != EINTR) die("poll");
    /* A sign of life, and a look whether anyone is there to hear it. */
    if (happened == 0 && write_all(STDERR_FILENO, ".", 1) < 0) return 0;
    if (happened <= 0) continue;
    if (ready[0].revents && take_frame(all) < 0) return 0;
    if (ready[1].revents) accept_one(server, all);
    for (int at = 0; at < MOST_CONNECTIONS; at++) {
      if (!ready[at + 2].revents || all[at].fd < 0 || all[at].fd != ready[at + 2].fd) continue;
      ssize_t got = read(all[at].fd, bytes, sizeof bytes);
      if (got > 0) say_frame('d', all[at].id, bytes, (uint32_t)got);
      else close_served(&all[at], 1);
    }
  }
}
#endif
