/*
 * Files into and out of a pod, through stdin and stdout of the keeper.
 *
 *   KIND SPACE MODE SPACE BYTES SPACE PATH-BYTES SPACE TARGET-BYTES [SPACE AGE] NEWLINE PATH TARGET CONTENT
 *
 * KIND is f: a file, d: a folder, l: a link, o: anything else, which is only read; MODE is octal; AGE says how long ago it was changed, in ms,
 * is always said of what is read, and kept of a file that is put. A line "." is the end: without it there is
 * more. Agents may change everything meanwhile, so no path is followed but step by step, without links; a file that shrinks is filled up with
 * zeros. What is put takes the place of what is there; a folder stays, with what is in it.
 */
#ifndef CREWTAB_KEEPER_FILES_H
#define CREWTAB_KEEPER_FILES_H
#include "pod.h"
#include <stdint.h>

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

/* One entry with all that is in it. What resists stays. */
static void remove_tree(int folder, const char *name, int depth) {
  int inner = unlinkat(folder, name, 0) < 0 && depth < DEEPEST ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
  DIR *entries = inner < 0 ? NULL : fdopendir(inner);
  if (!entries) {
    if (inner >= 0) close(inner);
    return;
  }
  for (struct dirent *entry; (entry = readdir(entries));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove_tree(dirfd(entries), entry->d_name, depth + 1);
  closedir(entries);
  unlinkat(folder, name, AT_REMOVEDIR);
}

static struct timespec clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

static long long age_ms(const struct timespec *changed) {
  struct timespec now = clock_now();
  long long age = (now.tv_sec - changed->tv_sec) * 1000LL + (now.tv_nsec - changed->tv_nsec) / 1000000;
  return age > 0 ? age : 0;
}

static void set_age(int folder, const char *name, long long ms) {
  struct timespec then = clock_now();
  long long nanoseconds = then.tv_nsec - ms % 1000 * 1000000;
  then.tv_sec -= ms / 1000 + (nanoseconds < 0);
  then.tv_nsec = nanoseconds + (nanoseconds < 0 ? 1000000000LL : 0);
  const struct timespec times[2] = {then, then};
  if (utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) < 0) die(name);
}

static int is_folder(int folder, const char *name) {
  struct stat found;
  return fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

/* What was made beside its place goes there; a folder does not give way to it by itself. */
static void put_in_place(int folder, const char *made, const char *name) {
  if (is_folder(folder, name)) remove_tree(folder, name, 0);
  if (renameat(folder, made, folder, name) < 0) die(name);
}

/* @param target of a link. @param age in ms; -1: of now */
static int put_one(int root, char kind, char *path, const char *target, unsigned mode, off_t bytes, long long age) {
  char *name, made[64];
  int folder = open_parent(root, path, &name, 1), code = 0;
  if (folder < 0) die(path);
  snprintf(made, sizeof made, ".crewtab-put-%ld", (long)getpid());
  if (kind == 'd') {
    if (!is_folder(folder, name)) unlinkat(folder, name, 0);
    /* Its owner is to put more into it. */
    if ((mkdirat(folder, name, 0700) < 0 && errno != EEXIST) || fchmodat(folder, name, mode | 0700, 0) < 0) die(name);
  } else if (kind == 'l') {
    if (symlinkat(target, folder, made) < 0) die(made);
    put_in_place(folder, made, name);
  } else {
    code = take_file(folder, made, bytes);
    if (code) return code;
    if (fchmodat(folder, made, mode, 0) < 0) die(name);
    if (age >= 0) set_age(folder, made, age);
    put_in_place(folder, made, name);
  }
  close(folder);
  return code;
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

/* The paths that were put, each by a number that tells it from others nearly always: where it does not, something is left. */
struct put_paths {
  uint64_t *numbers;
  size_t count, most;
};

static uint64_t number_of_path(const char *path) {
  uint64_t number = 14695981039346656037u;
  for (; *path; path++) number = (number ^ (unsigned char)*path) * 1099511628211u;
  return number;
}

static void note_path(struct put_paths *paths, const char *path) {
  if (paths->count == paths->most) {
    paths->most = paths->most ? 2 * paths->most : 1024;
    paths->numbers = realloc(paths->numbers, paths->most * sizeof *paths->numbers);
    if (!paths->numbers) die("memory");
  }
  paths->numbers[paths->count++] = number_of_path(path);
}

static int compare_numbers(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return a < b ? -1 : a > b;
}

/* Removes files, folders and links below a folder that were not put. Closes it. */
static void remove_others(int folder, const char *path, const struct put_paths *put, int depth) {
  DIR *entries = depth > DEEPEST ? NULL : fdopendir(folder);
  if (!entries) {
    close(folder);
    return;
  }
  for (struct dirent *entry; (entry = readdir(entries));) {
    char inner[LONGEST_PATH + 1];
    const char *name = entry->d_name;
    struct stat found;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "/" : "", name) > LONGEST_PATH) continue;
    if (fstatat(dirfd(entries), name, &found, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode) && !S_ISLNK(found.st_mode)) continue;
    uint64_t number = number_of_path(inner);
    if (!bsearch(&number, put->numbers, put->count, sizeof number, compare_numbers)) {
      remove_tree(dirfd(entries), name, depth);
    } else if (S_ISDIR(found.st_mode)) {
      int next = openat(dirfd(entries), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (next >= 0) remove_others(next, inner, put, depth + 1);
    }
  }
  closedir(entries);
}

/* What comes from stdin, until its end. @param paths NULL: they are not noted */
static int take_all(int root, struct put_paths *paths) {
  char line[128], name[LONGEST_PATH + 1], target[LONGEST_PATH + 1];
  while (read_line(line, sizeof line) == 0) {
    char kind;
    unsigned mode;
    long long bytes, age = -1;
    unsigned long length, target_length;
    if (strcmp(line, ".") == 0) return 0;
    if (sscanf(line, "%c %o %lld %lu %lu %lld", &kind, &mode, &bytes, &length, &target_length, &age) < 5) return WRONG_INPUT;
    if (!strchr("fdl", kind) || bytes < 0 || length == 0 || length > LONGEST_PATH || target_length > LONGEST_PATH) return WRONG_INPUT;
    if ((kind != 'f' && bytes > 0) || (kind == 'l') != (target_length > 0)) return WRONG_INPUT;
    if (read_exactly(STDIN_FILENO, name, length) < 0 || read_exactly(STDIN_FILENO, target, target_length) < 0) return WRONG_INPUT;
    name[length] = target[target_length] = 0;
    if (paths) note_path(paths, name);
    int code = put_one(root, kind, name, target, mode & 07777, (off_t)bytes, age);
    if (code) return code;
  }
  return WRONG_INPUT;
}

/* Makes a folder hold what comes from stdin, and nothing else but sockets, pipes and devices. */
static int mirror(const char *path) {
  struct put_paths paths = {NULL, 0, 0};
  int root = open_folder(path), code = take_all(root, &paths);
  if (code) return code;
  if (paths.count > 0) qsort(paths.numbers, paths.count, sizeof *paths.numbers, compare_numbers);
  remove_others(root, "", &paths, 0);
  return 0;
}

static int put(const char *path, const char *gate) {
  int root = open_folder(path), folder = gate ? open_folder(gate) : -1, lock = -1;
  if (folder >= 0) {
    lock = open_regular(folder, LOCK, O_RDWR | O_CREAT);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) die(LOCK);
    /* The agent may have changed its files since. */
    if (is_there(folder, GO)) return 0;
  }
  return take_all(root, NULL);
}

static void say_head(char kind, const struct stat *of, off_t bytes, const char *path, const char *target) {
  char head[128];
  int used = snprintf(head, sizeof head, "%c %o %lld %zu %zu %lld\n", kind, of->st_mode & 07777, (long long)bytes, strlen(path),
                      strlen(target), age_ms(&of->st_mtim));
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
