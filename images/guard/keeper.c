/*
 * The keeper of a pod: one container that outlives the agents' ones and sees the folders that each of them has. Crewtab does all it
 * does in a pod by `exec` of this program there. It is the same user as the agents and trusts nothing that they can write to.
 *
 *   keeper hold AGENTS                 the container's main process. Told to end, it waits until the agents have ended, and until what
 *                                      reads their output has read it
 *   keeper release FOLDER GIVEN BYTES  lets an agent start, with variables from stdin, and says what came of it
 *   keeper feed FOLDER                 takes input for an agent from stdin: ID SPACE BYTES [SPACE end] NEWLINE and so many bytes, again and
 *                                      again. Each is answered with ID SPACE CODE NEWLINE: with 0 it has all of it, once for each ID
 *   keeper follow FOLDER POSITION      an agent's output from there, until it has ended. Stderr has a "." every few seconds, and at the
 *                                      end "end POSITION": without these words there is more
 *   keeper put ROOT [FOLDER]           files from stdin, see keeper-files.h; with FOLDER not once its agent may start
 *   keeper mirror ROOT                 the same, and removes what is not among them
 *   keeper read ROOT PATH              files to stdout
 *   keeper serve MOST SOCKET ...       unix sockets, each of so many connections, that are answered through stdin and stdout: keeper-serve.h
 *   keeper end GRACE                   ends all that runs in its container, which is an agent's: SIGTERM, and so many ms later SIGKILL
 *   keeper listen PORT                 the main process of a pod that others try to reach
 *   keeper reach ADDRESS PORT          0 where a connection is made within a second, otherwise 9
 *
 * Lengths are counted, because a broken connection is an end of stdin. Exit codes: see the enumeration.
 */
#include "keeper-files.h"
#include "keeper-serve.h"
#include "keeper-reach.h"

enum { AGENT_ENDED = 5, NO_ANSWER = 6, INPUT_ENDED = 7, INPUT_FULL = 8 };

/* Input that waits for an agent that does not read it, and what is kept of what it has read. */
#define MOST_INPUT (128L * 1024 * 1024)
#define RELEASE_LIMIT_MS 30000
#define LOOK_MS 1000
#define ENDING_LOOK_MS 50

/* True where the agent was started and its container lives. */
static int is_alive(int folder) {
  int fd = open_regular(folder, ALIVE, O_RDONLY);
  if (fd < 0) return 0;
  int is_locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
  close(fd);
  return is_locked;
}

static volatile sig_atomic_t is_told_to_end = 0;

static void note_end(int signal) {
  (void)signal;
  is_told_to_end = 1;
}

static void hear_end(void) {
  struct sigaction on_end = {.sa_handler = note_end};
  sigaction(SIGTERM, &on_end, NULL);
  sigaction(SIGINT, &on_end, NULL);
}

static int has_live_agent(const char *agents) {
  DIR *entries = opendir(agents);
  int is_any = 0;
  for (struct dirent *entry; entries && !is_any && (entry = readdir(entries));) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s/guard", agents, entry->d_name);
    int folder = entry->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) continue;
    is_any = is_alive(folder);
    close(folder);
  }
  if (entries) closedir(entries);
  return is_any;
}

/* Of this container: what was started in it by `exec`. */
static int has_other_process(void) {
  DIR *entries = opendir("/proc");
  int is_any = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    long process = strtol(entry->d_name, NULL, 10);
    if (process > 0 && process != (long)getpid()) is_any = 1;
  }
  if (entries) closedir(entries);
  return is_any;
}

/* Longer is not waited for what was started here: it may serve a connection that is dead. */
#define READERS_LIMIT_MS 3000

static int hold(const char *agents) {
  hear_end();
  signal(SIGCHLD, SIG_IGN);
  while (!is_told_to_end) poll(NULL, 0, LOOK_MS);
  while (has_live_agent(agents)) poll(NULL, 0, ENDING_LOOK_MS);
  for (long giveUpAt = now_ms() + READERS_LIMIT_MS; has_other_process() && now_ms() < giveUpAt;) poll(NULL, 0, ENDING_LOOK_MS);
  return 0;
}

static int lock_folder(int folder) {
  int fd = open_regular(folder, LOCK, O_RDWR | O_CREAT);
  if (fd < 0 || flock(fd, LOCK_EX) < 0) die(LOCK);
  return fd;
}

/* Waits for the launcher's word and passes it on. */
static int say_state(const char *path, int folder) {
  char text[PATH_BYTES];
  int watch = watch_path(path, IN_MOVED_TO), fd;
  for (long giveUpAt = now_ms() + RELEASE_LIMIT_MS; (fd = open_regular(folder, STATE, O_RDONLY)) < 0;) {
    if (now_ms() > giveUpAt) return NO_ANSWER;
    wait_for_change(watch, ENDING_LOOK_MS);
  }
  ssize_t length = read(fd, text, sizeof text);
  return length > 0 && write_all(STDOUT_FILENO, text, (size_t)length) == 0 ? 0 : NO_ANSWER;
}

static int release(const char *path, const char *given, off_t bytes) {
  int folder = open_folder(path), hands = open_folder(given);
  char name[64];
  snprintf(name, sizeof name, ENV ".%ld", (long)getpid());
  int code = take_file(hands, name, bytes);
  if (code) return code;
  int lock = lock_folder(folder);
  if (is_there(folder, GO)) {
    unlinkat(hands, name, 0);
  } else {
    if (renameat(hands, name, hands, ENV) < 0) die(ENV);
    int go = openat(folder, GO, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (go < 0) die(GO);
    close(go);
  }
  close(lock);
  return say_state(path, folder);
}

struct pieces {
  unsigned long last; /* the greatest number */
  off_t bytes;
  int is_ended;
  int has_id;
};

static struct pieces look_at_input(int folder, const char *id) {
  struct pieces found = {0, 0, 0, 0};
  DIR *entries = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!entries) die("the input's folder");
  for (struct dirent *entry; (entry = readdir(entries));) {
    unsigned long number = input_number(entry->d_name);
    if (number == 0) continue;
    struct stat file;
    if (number > found.last) found.last = number;
    if (fstatat(folder, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0) found.bytes += file.st_size;
    if (is_last_input(entry->d_name)) found.is_ended = 1;
    const char *rest = strchr(entry->d_name + sizeof INPUT - 1, '.') + 1;
    if (strncmp(rest, id, strlen(id)) == 0) found.has_id = 1;
  }
  closedir(entries);
  return found;
}

/* WRONG_INPUT where it did not come whole. */
static int feed_one(int folder, const char *id, off_t bytes, int is_last) {
  char taken[NAME_MAX], name[NAME_MAX];
  snprintf(taken, sizeof taken, "taken.%s.%ld", id, (long)getpid());
  int code = take_file(folder, taken, bytes);
  if (code) return code;
  int lock = lock_folder(folder);
  struct pieces found = look_at_input(folder, id);
  if (!found.has_id) {
    if (!is_alive(folder)) code = AGENT_ENDED;
    else if (found.is_ended) code = INPUT_ENDED;
    else if (found.bytes + bytes > MOST_INPUT) code = INPUT_FULL;
    snprintf(name, sizeof name, INPUT "%lu.%s%s", found.last + 1, id, is_last ? ".end" : "");
    if (code == 0 && renameat(folder, taken, folder, name) < 0) die("the input");
  }
  unlinkat(folder, taken, 0);
  close(lock);
  return code;
}

static int feed(const char *path) {
  char line[128], id[41], last[8], answer[64];
  long long bytes;
  int folder = open_folder(path);
  while (read_line(line, sizeof line) == 0) {
    int parts = sscanf(line, "%40[0-9a-f-] %lld %7s", id, &bytes, last);
    if (parts < 2 || bytes < 0) return WRONG_INPUT;
    int code = feed_one(folder, id, (off_t)bytes, parts == 3);
    if (code == WRONG_INPUT) return code;
    int length = snprintf(answer, sizeof answer, "%s %d\n", id, code);
    if (write_all(STDOUT_FILENO, answer, (size_t)length) < 0) return WRONG_INPUT;
  }
  return 0;
}

/* What is there from a position on; the position after it, or -1 where nobody reads. */
static off_t pass_on(int output, off_t position) {
  char bytes[CHUNK_BYTES];
  for (ssize_t got; (got = pread(output, bytes, sizeof bytes, position)) > 0; position += got)
    if (write_all(STDOUT_FILENO, bytes, (size_t)got) < 0) return -1;
  return position;
}

static int follow(const char *path, off_t position) {
  int folder = open_folder(path), output;
  /* Also the end of the lock's holder, whose file is closed then. */
  int watch = watch_path(path, IN_MODIFY | IN_CREATE | IN_CLOSE_WRITE);
  long beatAt = now_ms() + BEAT_MS;
  for (;;) {
    int was_alive = is_alive(folder) || !is_there(folder, ALIVE);
    output = open_regular(folder, OUTPUT, O_RDONLY);
    if (output >= 0) {
      position = pass_on(output, position);
      close(output);
    }
    if (position < 0) return WRONG_INPUT;
    if (!was_alive) break;
    wait_for_change(watch, LOOK_MS);
    if (now_ms() < beatAt) continue;
    if (write_all(STDERR_FILENO, ".", 1) < 0) return WRONG_INPUT;
    beatAt = now_ms() + BEAT_MS;
  }
  fprintf(stderr, "end %lld\n", (long long)position);
  return 0;
}

static off_t number(const char *text) {
  char *end;
  long long value = strtoll(text, &end, 10);
  if (*text == 0 || *end != 0 || value < 0) {
    fprintf(stderr, "crewtab: not a number: %s\n", text);
    exit(WRONG_INPUT);
  }
  return (off_t)value;
}

/* The container's main process is the guard, or the launcher: with their end it ends, and this process too. */
static int end_container(long grace_ms) {
  enum { KILLING_LIMIT_MS = 10000 };
  if (getpid() == 1 || kill(1, SIGTERM) < 0) return WRONG_INPUT;
  for (long killAt = now_ms() + grace_ms; now_ms() < killAt;) poll(NULL, 0, ENDING_LOOK_MS);
  /* All but the first one and this one. Again and again: they may be making more. */
  for (long giveUpAt = now_ms() + KILLING_LIMIT_MS; now_ms() < giveUpAt; poll(NULL, 0, ENDING_LOOK_MS)) kill(-1, SIGKILL);
  return NO_ANSWER;
}

int main(int count, char **arguments) {
  if (prctl(PR_SET_DUMPABLE, 0) < 0) die("prctl");
  signal(SIGPIPE, SIG_IGN);
  const char *act = count > 1 ? arguments[1] : "";
  if (count == 3 && strcmp(act, "hold") == 0) return hold(arguments[2]);
  if (count == 5 && strcmp(act, "release") == 0) return release(arguments[2], arguments[3], number(arguments[4]));
  if (count == 3 && strcmp(act, "feed") == 0) return feed(arguments[2]);
  if (count == 4 && strcmp(act, "follow") == 0) return follow(arguments[2], number(arguments[3]));
  if ((count == 3 || count == 4) && strcmp(act, "put") == 0) return put(arguments[2], count == 4 ? arguments[3] : NULL);
  if (count == 3 && strcmp(act, "mirror") == 0) return mirror(arguments[2]);
  if (count == 3 && strcmp(act, "end") == 0) return end_container(number(arguments[2]));
  if (count == 4 && strcmp(act, "read") == 0) return read_files(arguments[2], arguments[3]);
  if (count >= 4 && count % 2 == 0 && strcmp(act, "serve") == 0) return serve(count - 2, arguments + 2);
  if (count == 3 && strcmp(act, "listen") == 0) {
    hear_end();
    return listen_until_told(arguments[2], &is_told_to_end);
  }
  if (count == 4 && strcmp(act, "reach") == 0) return reach(arguments[2], arguments[3]);
  fprintf(stderr, "crewtab keeper: no such act\n");
  return WRONG_INPUT;
}
