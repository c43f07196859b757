/*
 * Files into and out of a pod, through stdin and stdout of the keeper.
 *
 *   KIND SPACE MODE SPACE BYTES SPACE PATH-BYTES SPACE TARGET-BYTES NEWLINE PATH TARGET CONTENT
 *
 * KIND is f: a file, d: a folder, l: a link, o: anything else; MODE is octal. A line "." is the end: without it there is more. Agents
 * may change everything meanwhile, so no path is followed but step by step, without links; a file that shrinks is filled up with zeros.
 */
#ifndef CREWTAB_KEEPER_FILES_H
#define CREWTAB_KEEPER_FILES_H
#include "pod.h"

enum { WRONG_INPUT = 3, NOT_FOUND = 4 };

#define LONGEST_PATH 4096
/* What goes on for long says a "." on stderr so often. */
#define BEAT_MS 5000
#define DEEPEST 200

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int read_exactly(int fd, char *bytes, size_t length) {
  while (length > 0) {
    ssize_t got = read(fd, bytes, length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    bytes += got;
    length -= (size_t)got;
  }
  return 0;
}

/* So many bytes from stdin to an open file. */
static int copy_in(int to, off_t bytes) {
  char chunk[CHUNK_BYTES];
  while (bytes > 0) {
    size_t part = bytes > CHUNK_BYTES ? CHUNK_BYTES : (size_t)bytes;
    if (read_exactly(STDIN_FILENO, chunk, part) < 0) return WRONG_INPUT;
    if (write_all(to, chunk, part) < 0) die("write");
    bytes -= (off_t)part;
  }
  return 0;
}

/* A new file with what comes from stdin; nothing is left of one that does not come whole. */
static int take_file(int folder, const char *name, off_t bytes) {
  int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) die(name);
  int code = copy_in(fd, bytes);
  close(fd);
  if (code) unlinkat(folder, name, 0);
  return code;
}

/* The folder that the last name of a path is in, made where it is not; `name` becomes that last name. */
static int open_parent(int root, char *path, char **name, int is_made) {
  int folder = dup(root);
  char *next = path;
  for (char *slash; folder >= 0 && (slash = strchr(next, '/')); next = slash + 1) {
    *slash = 0;
    if (is_made) mkdirat(folder, next, 0755);
    int inner = openat(folder, next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(folder);
    folder = inner;
  }
  *name = next;
  return folder;
}

static int put_one(int root, char *path, unsigned mode, off_t bytes) {
  char *name, made[64];
  int folder = open_parent(root, path, &name, 1);
  if (folder < 0) die(path);
  snprintf(made, sizeof made, ".crewtab-put-%ld", (long)getpid());
  int code = take_file(folder, made, bytes);
  if (code) return code;
  if (fchmodat(folder, made, mode, 0) < 0 || renameat(folder, made, folder, name) < 0) die(name);
  close(folder);
  return 0;
}

/* A line of stdin, without its newline. */
static int read_line(char *line, size_t most) {
  for (size_t used = 0; used < most; used++) {
    if (read_exactly(STDIN_FILENO, line + used, 1) < 0) return -1;
    if (line[used] != '\n') continue;
    line[used] = 0;
    return 0;
  }
  return -1;
}

static int put(const char *path, const char *gate) {
  char line[128], name[LONGEST_PATH + 1];
  int root = open_folder(path), folder = gate ? open_folder(gate) : -1, lock = -1;
  if (folder >= 0) {
    lock = open_regular(folder, LOCK, O_RDWR | O_CREAT);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) die(LOCK);
    /* The agent may have changed its files since. */
    if (is_there(folder, GO)) return 0;
  }
  while (read_line(line, sizeof line) == 0) {
    unsigned mode;
    long long bytes;
    unsigned long length, target;
    if (strcmp(line, ".") == 0) return 0;
    if (sscanf(line, "f %o %lld %lu %lu", &mode, &bytes, &length, &target) != 4) return WRONG_INPUT;
    if (bytes < 0 || length == 0 || length > LONGEST_PATH || target != 0) return WRONG_INPUT;
    if (read_exactly(STDIN_FILENO, name, length) < 0) return WRONG_INPUT;
    name[length] = 0;
    int code = put_one(root, name, mode & 07777, (off_t)bytes);
    if (code) return code;
  }
  return WRONG_INPUT;
}

static void say_head(char kind, const struct stat *of, off_t bytes, const char *path, const char *target) {
  char head[128];
  int used = snprintf(head, sizeof head, "%c %o %lld %zu %zu\n", kind, of->st_mode & 07777, (long long)bytes, strlen(path), strlen(target));
  if (write_all(STDOUT_FILENO, head, (size_t)used) < 0 || write_all(STDOUT_FILENO, path, strlen(path)) < 0 ||
      write_all(STDOUT_FILENO, target, strlen(target)) < 0)
    exit(WRONG_INPUT);
}

static void say_content(int fd, off_t bytes) {
  char chunk[CHUNK_BYTES];
  while (bytes > 0) {
    size_t part = bytes > CHUNK_BYTES ? CHUNK_BYTES : (size_t)bytes;
    ssize_t got = read(fd, chunk, part);
    if (got <= 0) memset(chunk, 0, part);
    size_t length = got <= 0 ? part : (size_t)got;
    if (write_all(STDOUT_FILENO, chunk, length) < 0) exit(WRONG_INPUT);
    bytes -= (off_t)length;
  }
}

static void say_folder(int folder, const char *path, int depth);

/* One entry and what is in it. */
static int say_entry(int folder, const char *name, const char *path, int depth) {
  struct stat found;
  if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0) return NOT_FOUND;
  if (S_ISDIR(found.st_mode)) {
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    say_head('d', &found, 0, path, "");
    if (inner >= 0) say_folder(inner, path, depth + 1);
    return 0;
  }
  if (S_ISLNK(found.st_mode)) {
    char target[LONGEST_PATH + 1];
    ssize_t length = readlinkat(folder, name, target, LONGEST_PATH);
    target[length < 0 ? 0 : length] = 0;
    say_head('l', &found, 0, path, target);
    return 0;
  }
  int fd = S_ISREG(found.st_mode) ? open_regular(folder, name, O_RDONLY) : -1;
  if (fd < 0 || fstat(fd, &found) < 0) {
    say_head('o', &found, 0, path, "");
    return 0;
  }
  say_head('f', &found, found.st_size, path, "");
  say_content(fd, found.st_size);
  close(fd);
  return 0;
}

/* Closes the folder. */
static void say_folder(int folder, const char *path, int depth) {
  DIR *entries = depth > DEEPEST ? NULL : fdopendir(folder);
  if (!entries) {
    close(folder);
    return;
  }
  for (struct dirent *entry; (entry = readdir(entries));) {
    char inner[LONGEST_PATH + 1];
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    int used = snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "/" : "", name);
    if (used <= LONGEST_PATH) say_entry(dirfd(entries), name, inner, depth);
  }
  closedir(entries);
}

static int read_files(const char *root, const char *path) {
  char steps[LONGEST_PATH + 1], *name;
  if (strlen(path) > LONGEST_PATH) return NOT_FOUND;
  strcpy(steps, path);
  int folder = open_folder(root), code = 0;
  if (*path == 0) say_folder(folder, "", 0);
  else {
    int parent = open_parent(folder, steps, &name, 0);
    code = parent < 0 ? NOT_FOUND : say_entry(parent, name, path, 0);
  }
  if (code == 0 && write_all(STDOUT_FILENO, ".\n", 2) < 0) return WRONG_INPUT;
  return code;
}
#endif
