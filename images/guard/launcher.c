/*
 * Stands in an agent's container of a pod until the agent may start, and becomes its guard.
 *
 *   launcher FOLDER GIVEN NETWORK GUARD SECONDS BYTES PROGRAM [ARGUMENT...]
 *
 * The kubelet starts all containers of a pod at once; an agent is started when its files are there and Crewtab says so: when
 * FOLDER/go appears. The agent's variables come in GIVEN/env, which lies in memory and is removed here. FOLDER/state says what
 * came of it. PROGRAM's input is what the keeper puts down in FOLDER, whole pieces in the order of their numbers, which a process
 * that stays behind hands over. While that process lives, FOLDER/alive is locked: so the keeper knows that the container does.
 *
 * NETWORK is open, none or allowlist. With none nothing that comes of this process opens an internet socket, not even to its own pod, whose
 * network it has. No policy of the cluster is needed for that, and none is trusted. With allowlist PROGRAM is forwarder.c with its two
 * arguments, and then the agent's; that it reaches no more than its forwarder's port is for the cluster's policies to keep.
 *
 * An agent is the same user and may spoil what is in FOLDER. It harms itself alone: its container's state is asked of the cluster.
 *
 * One static file without any need, because it runs in images that may have nothing. docs/adr/0022-a-team-is-one-pod.md says why.
 */
#include "pod.h"
#include "socket-filter.h"

/* Pieces of input that were handed over and are kept, so that one that comes again is known. */
#define KEPT_PIECES 8
#define LONGEST_ENV (16 * 1024 * 1024)
#define GATE_LOOK_MS 1000
/* The place of the agent's program behind a forwarder, its port and its socket. */
#define AFTER_FORWARDER 10

static void end_early(int signal) {
  _exit(128 + signal);
}

static void wait_at_gate(const char *path, int folder) {
  /* The first process of a container is ended by no signal that it does not take. */
  signal(SIGTERM, end_early);
  signal(SIGINT, end_early);
  int watch = watch_path(path, IN_CREATE | IN_MOVED_TO);
  while (!is_there(folder, GO)) wait_for_change(watch, GATE_LOOK_MS);
  close(watch);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
}

static void take_env(const char *given) {
  int folder = open_folder(given);
  int fd = open_regular(folder, ENV, O_RDONLY);
  struct stat file;
  if (fd < 0 || fstat(fd, &file) < 0 || file.st_size > LONGEST_ENV) die("the agent's variables");
  size_t length = (size_t)file.st_size, got = 0;
  char *text = malloc(length + 1);
  if (!text) die("memory");
  while (got < length) {
    ssize_t part = read(fd, text + got, length - got);
    if (part <= 0) die("the agent's variables");
    got += (size_t)part;
  }
  text[length] = 0;
  close(fd);
  if (unlinkat(folder, ENV, 0) < 0) die("the agent's variables");
  close(folder);
  for (char *next = text; next < text + length; next += strlen(next) + 1) putenv(next);
}

/* 0, or what keeps the program from being run: as a shell says it, with its errno. */
static int fault_of(const char *program) {
  struct stat file;
  if (stat(program, &file) < 0) return errno;
  if (!S_ISREG(file.st_mode)) return EACCES;
  return access(program, X_OK) < 0 ? errno : 0;
}

/* As execvp looks for it. */
static int find_program(const char *program) {
  if (strchr(program, '/')) return fault_of(program);
  const char *path = getenv("PATH");
  int fault = ENOENT;
  for (const char *next = path ? path : "/usr/local/bin:/usr/bin:/bin"; next;) {
    char candidate[PATH_BYTES];
    size_t length = strcspn(next, ":");
    int used = snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, next, length ? "/" : "", program);
    int found = used < (int)sizeof candidate ? fault_of(candidate) : ENAMETOOLONG;
    if (found == 0) return 0;
    if (found != ENOENT && found != ENOTDIR) fault = found;
    next = next[length] ? next + length + 1 : NULL;
  }
  return fault;
}

static void say_state(int folder, const char *text) {
  int fd = openat(folder, STATE ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || write_all(fd, text, strlen(text)) < 0 || renameat(folder, STATE ".new", folder, STATE) < 0) die(STATE);
  close(fd);
}

static void refuse(int folder, const char *program, int fault) {
  char text[PATH_BYTES];
  snprintf(text, sizeof text, "failed cannot run %s: %s\n", program, strerror(fault));
  say_state(folder, text);
  exit(fault == ENOENT ? 127 : 126);
}

/* The name of the piece with that number, in `name`. */
static int find_piece(int folder, unsigned long number, char *name, size_t bytes) {
  int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;
  DIR *entries = copy < 0 ? NULL : fdopendir(copy);
  if (!entries) return 0;
  for (struct dirent *entry; !found && (entry = readdir(entries));)
    if (input_number(entry->d_name) == number) found = snprintf(name, bytes, "%s", entry->d_name) < (int)bytes;
  closedir(entries);
  return found;
}

/* To the program, if it still reads. */
static void hand_over(int folder, const char *name, int *to) {
  char bytes[CHUNK_BYTES];
  int from = open_regular(folder, name, O_RDONLY);
  for (ssize_t got; from >= 0 && *to >= 0 && (got = read(from, bytes, sizeof bytes)) > 0;)
    if (write_all(*to, bytes, (size_t)got) < 0) {
      close(*to);
      *to = -1;
    }
  if (from >= 0) close(from);
}

static void pump(const char *path, int folder, int to, pid_t guard) {
  signal(SIGPIPE, SIG_IGN);
  /* The guard's end is the container's. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* Which may have come before. */
  if (getppid() != guard) _exit(0);
  /* Its own group: a program that signals its group means itself. */
  setpgid(0, 0);
  int watch = watch_path(path, IN_MOVED_TO);
  char name[NAME_MAX + 1], old[NAME_MAX + 1];
  for (unsigned long next = 1;; next++) {
    while (!find_piece(folder, next, name, sizeof name)) wait_for_change(watch, GATE_LOOK_MS);
    hand_over(folder, name, &to);
    if (is_last_input(name) && to >= 0) {
      close(to);
      to = -1;
    }
    if (next > KEPT_PIECES && find_piece(folder, next - KEPT_PIECES, old, sizeof old)) unlinkat(folder, old, 0);
  }
}

int main(int count, char **arguments) {
  if (count < 8) {
    fprintf(stderr, "usage: launcher FOLDER GIVEN NETWORK GUARD SECONDS BYTES PROGRAM [ARGUMENT...]\n");
    return 125;
  }
  /* No process of its own user may trace it, or what it leaves behind. */
  if (prctl(PR_SET_DUMPABLE, 0) < 0) die("prctl");
  const char *path = arguments[1];
  int folder = open_folder(path);
  wait_at_gate(path, folder);
  take_env(arguments[2]);
  const char *network = arguments[3];
  int program = strcmp(network, "allowlist") == 0 ? AFTER_FORWARDER : 7;
  if (count <= program) return 125;
  int fault = find_program(arguments[program]);
  if (fault) refuse(folder, arguments[program], fault);

  int alive = openat(folder, ALIVE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (alive < 0 || flock(alive, LOCK_EX | LOCK_NB) < 0) die(ALIVE);
  int input[2];
  if (pipe2(input, O_CLOEXEC) < 0) die("pipe");
  pid_t self = getpid(), left = fork();
  if (left < 0) die("fork");
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0) die("/dev/null");
  if (left == 0) {
    close(input[0]);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    pump(path, folder, input[1], self);
  }
  if (keep_sockets(strcmp(network, "none") != 0) < 0) die("the kernel filters no system calls");
  say_state(folder, "started\n");
  dup2(input[0], STDIN_FILENO);
  /* The guard's records are in its file; in the cluster's log nothing would mask secrets. */
  dup2(nowhere, STDOUT_FILENO);
  char *guard[count - 2];
  guard[0] = arguments[4];
  guard[1] = arguments[1];
  for (int at = 5; at < count; at++) guard[at - 3] = arguments[at];
  guard[count - 3] = NULL;
  execv(guard[0], guard);
  die(guard[0]);
}
