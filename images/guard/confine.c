/*
 * Runs a program that may open none but the usual sockets, and ends with its exit code.
 *
 *   confine PROGRAM [ARGUMENT...]
 *
 * The first process of a container without a guard, in the place of the engine's init: that one runs as the same user and could be
 * made to open any socket for the program. Takes care of processes whose parents are gone, and passes signals on. Runs in images
 * that may have nothing, as the guard does.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "socket-filter.h"

enum { CANNOT_RUN = 126, NOT_FOUND = 127, OWN_FAULT = 125 };

static void die(const char *what) {
  fprintf(stderr, "crewtab confine: %s: %s\n", what, strerror(errno));
  exit(OWN_FAULT);
}

static void run(char **command, const sigset_t *mask) {
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(command[0], command);
  int status = errno == ENOENT ? NOT_FOUND : CANNOT_RUN;
  fprintf(stderr, "crewtab confine: cannot run %s: %s\n", command[0], strerror(errno));
  _exit(status);
}

/* One signal may stand for many ends. The exit code of the program once it has ended, -1 before. */
static int reap(pid_t program) {
  int status, code = -1;
  for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
    if (ended == program) code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return code;
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: confine PROGRAM [ARGUMENT...]\n");
    return OWN_FAULT;
  }
  if (prctl(PR_SET_DUMPABLE, 0) < 0) die("prctl");
  if (keep_usual_sockets() < 0) die("the kernel filters no system calls");
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  pid_t program = fork();
  if (program < 0) die("fork");
  if (program == 0) run(arguments + 1, &before);
  for (;;) {
    int heard = sigwaitinfo(&all, NULL);
    if (heard > 0 && heard != SIGCHLD) kill(program, heard);
    int code = reap(program);
    if (code >= 0) return code;
  }
}
