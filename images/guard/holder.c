/*
 * Does nothing for a while: the container that it runs in holds a volume, which the engine would unmount without any.
 *
 *   holder SECONDS
 *
 * The first process of its container, which ends at SIGTERM only because it says so. Runs in images that may have nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void on_end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int count, char **arguments) {
  signal(SIGTERM, on_end);
  for (unsigned left = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0; left > 0;) left = sleep(left);
  return 0;
}
