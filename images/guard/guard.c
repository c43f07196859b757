/*
 * Keeps what an agent says where its container engine cannot lose it, and ends the agent at its deadline.
 *
 *   guard FOLDER SECONDS BYTES PROGRAM [ARGUMENT...]
 *
 * Runs PROGRAM with its own stdin, and with stdout and stderr in two pipes. What comes out is written as records, first to
 * FOLDER/output and then to the guard's own stdout, which is the container's log:
 *
 *   KIND SPACE POSITION SPACE LENGTH SPACE PAYLOAD NEWLINE
 *
 *   KIND      o, e: a line of stdout, stderr, or the rest of one. O, E: a piece of a line that goes on. x: the end, whose
 *             payload is the exit code.
 *   POSITION  of the record among all records, in bytes, decimal: a reader of the log sees where some are missing, and
 *             finds them at that place of the file.
 *   LENGTH    of the payload, in bytes, decimal. A log may replace bytes that are no UTF-8, so it cannot be counted there.
 *
 * Nothing is held back but the beginning of a character that is not complete, since a log would replace its halves. When
 * PROGRAM has ended by itself and all that it said is in the file, FOLDER/ended has its exit code. A program that was told to
 * end, perhaps by an engine that shuts down, did not end by itself: its exit code is no word about its work. After SECONDS all
 * ends with 137, and so does a PROGRAM whose records come to more than BYTES: nothing of it is written beyond that, and a last
 * line of stderr says so. Nobody else may be there to stop it before the disk is full. 0 BYTES: as much as it likes.
 *
 * It is the container's first process, which nothing inside can kill or stop, and takes care of processes whose parents are
 * gone. The program runs as the same user, and may spoil what is kept in FOLDER; into the guard itself, its memory and its
 * descriptors, it cannot look. Neither opens other sockets than socket-filter.h allows.
 *
 * A folder that takes nothing keeps nothing, and the program goes on: its words are in the log alone then.
 *
 * FOLDER/environment, where it is there, has variables for PROGRAM that the engine was not told, since it shows what it knows:
 * NAME=VALUE and a NUL each. The file is gone before PROGRAM runs.
 *
 * One static file without any need, because it runs in images that may have nothing. docs/adr/0014-output-outlives-the-engine.md says why.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "socket-filter.h"

/* An engine cuts what is longer than 16 KiB (moby daemon/logger/copier.go). */
#define PIECE_BYTES 8192
#define HEAD_BYTES 64
#define BATCH_BYTES 65536
#define PATH_BYTES 4096

enum { KILLED = 128 + SIGKILL, CANNOT_RUN = 126, NOT_FOUND = 127, OWN_FAULT = 125 };

struct stream {
  int fd;
  char whole, piece; /* kinds of its records */
  char bytes[PIECE_BYTES];
  size_t used;
};

static pid_t program;
static int kept = -1;                   /* the file; -1 where nothing is kept (any more) */
static int is_log_open = 1;
static int was_told_to_end = 0;
static unsigned long long position = 0; /* of the next record */
static unsigned long long most = 0;     /* bytes of records; 0: any */
static int is_over = 0;                 /* the program has gone beyond them */
static char batch[BATCH_BYTES];         /* records that are written together */
static size_t batched = 0;

static void die(const char *what) {
  fprintf(stderr, "crewtab guard: %s: %s\n", what, strerror(errno));
  exit(OWN_FAULT);
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

static void keep_nothing_more(void) {
  close(kept);
  kept = -1;
}

static void write_batch(void) {
  /* The file first: what is in the log is in the file too, so a gap of the log can always be filled. */
  if (kept >= 0 && write_all(kept, batch, batched) < 0) keep_nothing_more();
  if (is_log_open && write_all(STDOUT_FILENO, batch, batched) < 0) is_log_open = 0;
  batched = 0;
}

static void record(char kind, const char *payload, size_t length) {
  if (batched + HEAD_BYTES + length + 1 > BATCH_BYTES) write_batch();
  char *line = batch + batched;
  size_t used = (size_t)snprintf(line, HEAD_BYTES, "%c %llu %zu ", kind, position, length);
  memcpy(line + used, payload, length);
  line[used + length] = '\n';
  batched += used + length + 1;
  position += used + length + 1;
}

/* How many bytes at the end are the beginning of a UTF-8 character that is not complete; 0 to 3. */
static size_t unfinished(const char *bytes, size_t length) {
  for (size_t back = 1; back <= 3 && back <= length; back++) {
    unsigned char byte = (unsigned char)bytes[length - back];
    if ((byte & 0xc0) == 0x80) continue; /* goes on with a character */
    size_t wants = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wants > back ? back : 0;
  }
  return 0;
}

/* True where nothing more of the program is written. */
static int is_too_much(void) {
  if (!is_over && most > 0 && position > most) {
    static const char words[] = "crewtab guard: ended the agent, whose output had become too large";
    is_over = 1;
    kill(program, SIGKILL);
    record('e', words, sizeof words - 1);
    write_batch();
  }
  return is_over;
}

static void pass_on(struct stream *from, int is_last) {
  if (is_too_much()) {
    from->used = 0;
    return;
  }
  char *next = from->bytes, *end = from->bytes + from->used, *newline;
  while ((newline = memchr(next, '\n', (size_t)(end - next)))) {
    record(from->whole, next, (size_t)(newline - next));
    next = newline + 1;
  }
  size_t rest = (size_t)(end - next);
  size_t held = is_last ? 0 : unfinished(next, rest);
  if (rest > held) record(from->piece, next, rest - held);
  memmove(from->bytes, end - held, held);
  from->used = held;
  write_batch();
}

/* Reads once. The bytes that came; 0: none now; -1: none ever. */
static ssize_t take_from(struct stream *from) {
  ssize_t got = read(from->fd, from->bytes + from->used, PIECE_BYTES - from->used);
  if (got < 0) return errno == EINTR || errno == EAGAIN ? 0 : -1;
  if (got == 0) return -1;
  from->used += (size_t)got;
  pass_on(from, 0);
  return got;
}

/* All that is there by now. What others hold open, or still say, after the program's end is not waited for. */
static void drain(struct stream *from) {
  int left = 0;
  if (from->fd >= 0 && ioctl(from->fd, FIONREAD, &left) < 0) left = 0;
  while (left > 0) {
    ssize_t got = take_from(from);
    if (got <= 0) break;
    left -= (int)got;
  }
  pass_on(from, 1);
}

/* Also while a write to the log hangs, because its engine is away. */
static void on_deadline(int signal) {
  (void)signal;
  kill(program, SIGKILL);
  _exit(KILLED);
}

static void run(char **command, const int out[2], const int err[2], const sigset_t *mask) {
  /* A script that signals its own group means itself, and not its guard. */
  setpgid(0, 0);
  dup2(out[1], STDOUT_FILENO);
  dup2(err[1], STDERR_FILENO);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(command[0], command);
  int status = errno == ENOENT ? NOT_FOUND : CANNOT_RUN;
  fprintf(stderr, "crewtab guard: cannot run %s: %s\n", command[0], strerror(errno));
  _exit(status);
}

/* What cannot be read ends the guard: without its variables the program would do something else than it was made for. */
static void take_environment(const char *folder) {
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/environment", folder);
  int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return;
  struct stat facts;
  if (file < 0 || fstat(file, &facts) < 0) die("environment");
  size_t size = (size_t)facts.st_size, used = 0;
  char *text = malloc(size + 1);
  if (text == NULL) die("malloc");
  while (used < size) {
    ssize_t more = read(file, text + used, size - used);
    if (more <= 0) die("read");
    used += (size_t)more;
  }
  text[size] = 0;
  close(file);
  if (unlink(path) < 0) die("unlink");
  for (char *at = text; at < text + size; at += strlen(at) + 1)
    if (putenv(at) != 0) die("putenv");
}

static void open_streams(int out[2], int err[2]) {
  if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) die("pipe");
  if (fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(err[0], F_SETFL, O_NONBLOCK) < 0) die("fcntl");
}

static int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Passes a signal on to the program. The exit code of the program once it has ended, -1 before. */
static int hear(int signals) {
  struct signalfd_siginfo heard;
  if (read(signals, &heard, sizeof heard) != sizeof heard) return -1;
  int number = (int)heard.ssi_signo;
  if (number != SIGCHLD) {
    if (number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT) was_told_to_end = 1;
    kill(program, number);
    return -1;
  }
  /* One signal may stand for many ends: of the program, and of what it left behind. */
  int status, code = -1;
  for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
    if (ended == program && (WIFEXITED(status) || WIFSIGNALED(status))) code = exit_code_of(status);
  return code;
}

/* Until the program has ended. */
static int follow(int signals, struct stream *out, struct stream *err) {
  for (;;) {
    struct pollfd ready[] = {{signals, POLLIN, 0}, {out->fd, POLLIN, 0}, {err->fd, POLLIN, 0}};
    if (poll(ready, 3, -1) < 0 && errno != EINTR) die("poll");
    if (ready[1].revents && take_from(out) < 0) out->fd = -1;
    if (ready[2].revents && take_from(err) < 0) err->fd = -1;
    int code = ready[0].revents ? hear(signals) : -1;
    if (code >= 0) return code;
  }
}

/* All records are in the file, and it was neither removed nor changed. */
static int is_all_kept(void) {
  struct stat file;
  return kept >= 0 && fstat(kept, &file) == 0 && file.st_nlink > 0 && (unsigned long long)file.st_size == position;
}

static void say_end(const char *folder, int code) {
  char path[PATH_BYTES], text[16];
  int length = snprintf(text, sizeof text, "%d", code);
  snprintf(path, sizeof path, "%s/ended", folder);
  /* Before the last record, which may have to wait for an engine that is away. */
  int is_proof = is_all_kept() && !was_told_to_end && !is_over;
  int ended = is_proof ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (ended >= 0 && write_all(ended, text, (size_t)length) < 0) unlink(path);
  record('x', text, (size_t)length);
  write_batch();
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: guard FOLDER SECONDS BYTES PROGRAM [ARGUMENT...]\n");
    return OWN_FAULT;
  }
  /* Its files in /proc belong to root then, and no process of its own user may trace it. The program gets this back. */
  if (prctl(PR_SET_DUMPABLE, 0) < 0) die("prctl");
  if (keep_usual_sockets() < 0) die("the kernel filters no system calls");
  const char *folder = arguments[1];
  char path[PATH_BYTES];
  /* An image that was made of a container brings what another guard has kept. */
  snprintf(path, sizeof path, "%s/ended", folder);
  unlink(path);
  snprintf(path, sizeof path, "%s/output", folder);
  unlink(path);
  kept = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);

  static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};
  sigset_t heard, before;
  sigemptyset(&heard);
  for (size_t at = 0; at < sizeof passed_on / sizeof *passed_on; at++) sigaddset(&heard, passed_on[at]);
  sigprocmask(SIG_BLOCK, &heard, &before);
  int signals = signalfd(-1, &heard, SFD_CLOEXEC);
  if (signals < 0) die("signalfd");

  take_environment(folder);
  int out[2], err[2];
  open_streams(out, err);
  program = fork();
  if (program < 0) die("fork");
  if (program == 0) run(arguments + 4, out, err, &before);
  close(out[1]);
  close(err[1]);
  /* The program alone is to read the input, so that the writer is told once the program no longer does. */
  close(STDIN_FILENO);
  open("/dev/null", O_RDONLY);
  /* What cannot be written is an error to be seen, here or in the file, and no reason to die. */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGALRM, on_deadline);
  alarm((unsigned)strtoul(arguments[2], NULL, 10));
  most = strtoull(arguments[3], NULL, 10);

  static struct stream stdout_of = {.whole = 'o', .piece = 'O'}, stderr_of = {.whole = 'e', .piece = 'E'};
  stdout_of.fd = out[0];
  stderr_of.fd = err[0];
  int code = follow(signals, &stdout_of, &stderr_of);
  drain(&stdout_of);
  drain(&stderr_of);
  /* It may have ended by itself with more in its pipes than is kept. */
  if (is_over) code = KILLED;
  say_end(folder, code);
  return code;
}
