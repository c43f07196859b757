/*
 * What a program tries that has no use for a proxy: sockets below TCP and UDP, of kinds that no network namespace holds, by other
 * ways of calling, and namespaces of its own. One line each. The
 * processes that it might make open one for it come with the number of their seccomp filters.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

static const unsigned char ECHO[16] = {8, 0, 0xf7, 0xfe, 0, 1, 0, 0};

static void say(const char *what, int result) {
  printf("%s: %s\n", what, result >= 0 ? "works" : strerror(errno));
}

static int opened(int domain, int type, int protocol) {
  int fd = socket(domain, type, protocol);
  if (fd >= 0) close(fd);
  return fd;
}

/* An echo request by the kind of socket that needs no privilege. */
static int ping(const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  if (fd < 0) return -1;
  inet_pton(AF_INET, address, &to.sin_addr);
  return (int)sendto(fd, ECHO, sizeof ECHO, 0, (struct sockaddr *)&to, sizeof to);
}

/* The machine that this one runs on, where it is a virtual one: such sockets know no network namespaces. */
static int reachHypervisor(void) {
  struct { unsigned short family, reserved; unsigned port, cid; unsigned char rest[4]; } to = {AF_VSOCK, 0, 22, 2, {0}};
  int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
  return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}

/* A family that no agent needs, and whose code the kernel would load for anyone who asks. */
static const struct { const char *name; int domain, type; } FAMILIES[] = {
    {"vsock", AF_VSOCK, SOCK_STREAM}, {"vsock datagrams", AF_VSOCK, SOCK_DGRAM}, {"crypto", 38, SOCK_SEQPACKET},
    {"bluetooth", 31, SOCK_RAW},      {"can", 29, SOCK_RAW},                     {"tipc", 30, SOCK_STREAM},
    {"rds", 21, SOCK_SEQPACKET},      {"xdp", 44, SOCK_RAW},                     {"nfc", 39, SOCK_SEQPACKET},
    {"key", 15, SOCK_RAW},            {"x25", 9, SOCK_SEQPACKET},                {"qipcrtr", 42, SOCK_DGRAM},
};

static void tryFamilies(void) {
  for (size_t at = 0; at < sizeof FAMILIES / sizeof *FAMILIES; at++)
    say(FAMILIES[at].name, opened(FAMILIES[at].domain, FAMILIES[at].type, 0));
  say("netfilter", opened(AF_NETLINK, SOCK_RAW, 12));
  say("sockets of others", opened(AF_NETLINK, SOCK_RAW, 4));
  int pair[2];
  say("tipc pair", socketpair(30, SOCK_STREAM, 0, pair));
  /* Only the low half of an argument counts. */
  say("vsock with a high half", (int)syscall(SYS_socket, 0x100000000l + AF_VSOCK, SOCK_STREAM, 0));
  char parameters[256] = {0};
  say("ring", (int)syscall(425, 4, parameters));
}

#ifdef __x86_64__
static int call32(long number, long first, long second, long third) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory", "r8", "r9", "r10", "r11");
  if ((int)result >= 0) return (int)result;
  errno = -(int)result;
  return -1;
}

static void try32(void) {
  unsigned *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  words[0] = AF_VSOCK, words[1] = SOCK_STREAM, words[2] = 0;
  say("i386 tcp", call32(359, AF_INET, SOCK_STREAM, 0));
  say("i386 vsock", call32(359, AF_VSOCK, SOCK_STREAM, 0));
  say("i386 vsock by socketcall", call32(102, 1, (long)words, 0));
  words[0] = 30;
  say("i386 tipc pair by socketcall", call32(102, 8, (long)words, 0));
  say("i386 tipc pair", call32(360, 30, SOCK_STREAM, 0));
  say("i386 ring", call32(425, 4, (long)(words + 64), 0));
  puts("i386: done");
  fflush(stdout);
}

static void tryOtherCalls(void) {
  say("x32 vsock", (int)syscall(0x40000000 + SYS_socket, AF_VSOCK, SOCK_STREAM, 0));
  fflush(stdout);
  /* Kernels without calls of 32 bits end who makes one. */
  if (fork() == 0) {
    try32();
    _exit(0);
  }
  wait(NULL);
}
#else
static void tryOtherCalls(void) {}
#endif

/* Itself, and the processes around it, of which there are few in a container. */
static void lookAtProcesses(void) {
  for (int pid = 1; pid <= getpid(); pid++) {
    char path[64], name[64] = "?";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *comm = fopen(path, "r");
    if (!comm) continue;
    if (fgets(name, sizeof name, comm)) name[strcspn(name, "\n")] = 0;
    fclose(comm);
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    int filters = -1;
    for (char line[256]; status && fgets(line, sizeof line, status);) sscanf(line, "Seccomp_filters: %d", &filters);
    if (status) fclose(status);
    printf("process %d %s: %d filters\n", pid, name, filters);
  }
}

int main(int count, char **addresses) {
  struct ifaddrs *all = NULL;
  say("raw IP", opened(AF_INET, SOCK_RAW, IPPROTO_RAW));
  say("raw TCP", opened(AF_INET, SOCK_RAW, IPPROTO_TCP));
  say("raw ICMP", opened(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  say("raw IPv6", opened(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
  say("packets", opened(AF_PACKET, SOCK_RAW, htons(3)));
  for (int index = 1; index < count; index++) {
    printf("%s ", addresses[index]);
    say("ping", ping(addresses[index]));
  }
  tryFamilies();
  tryOtherCalls();
  say("list of interfaces", getifaddrs(&all));
  if (count > 1) lookAtProcesses();
  say("hypervisor", reachHypervisor());
  say("network of its own", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  if (getifaddrs(&all) == 0)
    for (struct ifaddrs *one = all; one; one = one->ifa_next)
      if (!(one->ifa_flags & IFF_LOOPBACK) && (one->ifa_flags & IFF_UP)) printf("interface %s: works\n", one->ifa_name);
  puts("done");
  return 0;
}
