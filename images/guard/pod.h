/* What launcher.c and keeper.c have in common: names in the folder that an agent's container shares with the keeper of its pod. */
#ifndef CREWTAB_POD_H
#define CREWTAB_POD_H
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GO "go"         /* is there once the agent may start */
#define STATE "state"   /* what came of it: "started", or "failed" and why */
#define ALIVE "alive"   /* locked for as long as the agent's container lives */
#define LOCK "lock"     /* held by the keeper's programs while they change the folder */
#define OUTPUT "output" /* the guard's records */
#define ENV "env"       /* in the other folder, in memory: the agent's variables, each ended by a NUL */
/* Input: in.NUMBER.ID, or in.NUMBER.ID.end for the last; numbers from 1 on, without a gap. */
#define INPUT "in."
#define PATH_BYTES 4096
#define CHUNK_BYTES 65536

static void die(const char *what) {
  fprintf(stderr, "crewtab: %s: %s\n", what, strerror(errno));
  exit(125);
}

static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

/* What an agent may have put in the place of a file is not opened: a link, a pipe, a folder. */
static int open_regular(int folder, const char *name, int flags) {
  struct stat found;
  int fd = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) return fd;
  close(fd);
  errno = ELOOP;
  return -1;
}

static int open_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) die(path);
  return fd;
}

static int is_there(int folder, const char *name) {
  return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The number of an input's file; 0 for any other. */
static unsigned long input_number(const char *name) {
  if (strncmp(name, INPUT, sizeof INPUT - 1) != 0) return 0;
  char *end;
  unsigned long number = strtoul(name + sizeof INPUT - 1, &end, 10);
  return *end == '.' ? number : 0;
}

static int is_last_input(const char *name) {
  size_t length = strlen(name);
  return length > 4 && strcmp(name + length - 4, ".end") == 0;
}

/* Until something happens to what is watched, or a while has passed, in case that is not told. */
static void wait_for_change(int watch, int limit_ms) {
  char events[4096];
  struct pollfd ready = {watch, POLLIN, 0};
  if (poll(&ready, 1, limit_ms) > 0)
    while (read(watch, events, sizeof events) > 0) {
    }
}

static int watch_path(const char *path, unsigned mask) {
  int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch < 0) die("inotify");
  if (inotify_add_watch(watch, path, mask) < 0) die(path);
  return watch;
}
#endif
