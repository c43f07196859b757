/* What a program tries that has no use for a proxy: sockets below TCP and UDP, and namespaces of its own. One line each. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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
  say("hypervisor", reachHypervisor());
  say("network of its own", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  if (getifaddrs(&all) == 0)
    for (struct ifaddrs *one = all; one; one = one->ifa_next)
      if (!(one->ifa_flags & IFF_LOOPBACK) && (one->ifa_flags & IFF_UP)) printf("interface %s: works\n", one->ifa_name);
  puts("done");
  return 0;
}
