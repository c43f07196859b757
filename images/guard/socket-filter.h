/*
 * Leaves a process, and all that come of it, the sockets that an agent needs: unix, IPv4, IPv6, and netlink's list of interfaces.
 *
 * A network namespace does not hold all kinds of sockets: vsock leads out of it to the host of a virtual machine, and not every
 * engine's seccomp profile refuses it. This filter stands beside that profile and takes away more; nothing gives it back.
 * docs/adr/0021-which-sockets-agents-open.md says why it is here, and not in the engine's settings. For amd64 and arm64; on
 * other architectures the engine's profile is all that there is.
 */
#ifndef SOCKET_FILTER_H
#define SOCKET_FILTER_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__ || defined __aarch64__
#if defined __x86_64__
/* Any process may also make the calls of i386 (int 0x80). */
enum { SOCKET_32 = 359, SOCKETPAIR_32 = 360, SOCKETCALL_32 = 102 };
#define NATIVE 0xc000003eu
#define NATIVE_32 0x40000003u
#else
enum { SOCKET_32 = 281, SOCKETPAIR_32 = 288, SOCKETCALL_32 = 102 };
#define NATIVE 0xc00000b7u
#define NATIVE_32 0x40000028u
#endif

/* From linux/filter.h, seccomp.h and audit.h, which musl does not bring. */
struct filter_step { uint16_t code; uint8_t then, otherwise; uint32_t value; };
struct filter_program { unsigned short length; const struct filter_step *steps; };
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_AT_LEAST = 0x35, RETURN = 0x06 };
enum { SET_MODE_FILTER = 1, MODE_FILTER = 2, KEEP_SPECULATION = 4 };
#define ALLOW 0x7fff0000u
#define KILL 0x80000000u
#define REFUSE(error) (0x00050000u | (error))
/* Places in what a filter is given. Of an argument the low half, which the kernel takes for its int. */
enum { CALL = 0, ARCHITECTURE = 4, FIRST_ARGUMENT = 16, THIRD_ARGUMENT = 32 };

/* x86_64 numbers the calls of x32 from here on. */
#define X32_CALLS 0x40000000u
/* The same everywhere. A ring makes sockets without a call that a filter sees. */
enum { IO_URING_SETUP = 425 };
/* What socketcall is to do. Its arguments are in memory, where a filter cannot look. */
enum { CALLS_SOCKET = 1, CALLS_SOCKETPAIR = 8 };
enum { LIST_OF_INTERFACES = 0 };

#define STEP(at, code, value) [at] = {(code), 0, 0, (value)}
#define BRANCH(at, code, value, then, otherwise) [at] = {(code), (then) - (at) - 1, (otherwise) - (at) - 1, (value)}
enum { FOR_32 = 8, JUDGE = 17, IPV4 = 19, IPV6 = 20, ALLOWED = 24, NO_FAMILY, NO_PROTOCOL, NO_CALL, NO_ARCHITECTURE, STEPS };

static const struct filter_step socket_filter[STEPS] = {
    STEP(0, LOAD, ARCHITECTURE),
    BRANCH(1, IF_EQUAL, NATIVE, 2, FOR_32),
    STEP(2, LOAD, CALL),
    BRANCH(3, IF_AT_LEAST, X32_CALLS, NO_CALL, 4),
    BRANCH(4, IF_EQUAL, IO_URING_SETUP, NO_CALL, 5),
    BRANCH(5, IF_EQUAL, SYS_socket, JUDGE, 6),
    BRANCH(6, IF_EQUAL, SYS_socketpair, JUDGE, 7),
    STEP(7, RETURN, ALLOW),

    BRANCH(FOR_32, IF_EQUAL, NATIVE_32, 9, NO_ARCHITECTURE),
    STEP(9, LOAD, CALL),
    BRANCH(10, IF_EQUAL, IO_URING_SETUP, NO_CALL, 11),
    BRANCH(11, IF_EQUAL, SOCKET_32, JUDGE, 12),
    BRANCH(12, IF_EQUAL, SOCKETPAIR_32, JUDGE, 13),
    BRANCH(13, IF_EQUAL, SOCKETCALL_32, 14, ALLOWED),
    STEP(14, LOAD, FIRST_ARGUMENT),
    BRANCH(15, IF_EQUAL, CALLS_SOCKET, NO_CALL, 16),
    BRANCH(16, IF_EQUAL, CALLS_SOCKETPAIR, NO_CALL, ALLOWED),

    STEP(JUDGE, LOAD, FIRST_ARGUMENT),
    BRANCH(18, IF_EQUAL, AF_UNIX, ALLOWED, IPV4),
    BRANCH(IPV4, IF_EQUAL, AF_INET, ALLOWED, IPV6),
    BRANCH(IPV6, IF_EQUAL, AF_INET6, ALLOWED, 21),
    BRANCH(21, IF_EQUAL, AF_NETLINK, 22, NO_FAMILY),
    STEP(22, LOAD, THIRD_ARGUMENT),
    BRANCH(23, IF_EQUAL, LIST_OF_INTERFACES, ALLOWED, NO_PROTOCOL),

    STEP(ALLOWED, RETURN, ALLOW),
    STEP(NO_FAMILY, RETURN, REFUSE(EAFNOSUPPORT)),
    STEP(NO_PROTOCOL, RETURN, REFUSE(EPROTONOSUPPORT)),
    STEP(NO_CALL, RETURN, REFUSE(ENOSYS)),
    STEP(NO_ARCHITECTURE, RETURN, KILL),
};

/* For this process and all that it becomes or starts. @returns -1 with errno where the kernel refuses */
static inline int keep_sockets(int has_internet) {
  struct filter_step steps[STEPS];
  memcpy(steps, socket_filter, sizeof steps);
  if (!has_internet) {
    steps[IPV4].then = NO_FAMILY - IPV4 - 1;
    steps[IPV6].then = NO_FAMILY - IPV6 - 1;
  }
  const struct filter_program program = {STEPS, steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
  /* As fast as without it: older kernels would end a processor's speculation for good. */
  if (syscall(SYS_seccomp, SET_MODE_FILTER, KEEP_SPECULATION, &program) == 0) return 0;
  return prctl(PR_SET_SECCOMP, MODE_FILTER, &program);
}
#else
static inline int keep_sockets(int has_internet) {
  errno = ENOSYS;
  return has_internet ? 0 : -1;
}
#endif

static inline int keep_usual_sockets(void) {
  return keep_sockets(1);
}
#endif
