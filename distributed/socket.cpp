#include "distributed/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#if !defined(MSG_NOSIGNAL)  // macOS: programs ignore SIGPIPE
#define MSG_NOSIGNAL 0
#endif

namespace trm {
namespace {

constexpr size_t header_bytes = 5;  // length, little-endian, and kind

int milliseconds_to(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
}

/// Waits until the socket is ready; false at the deadline.
bool wait_for(int descriptor, short events, Deadline deadline) {
  while (true) {
    pollfd waited{descriptor, events, 0};
    const int ready = ::poll(&waited, 1, milliseconds_to(deadline));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void set(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

int open_socket(int family) {
  const int descriptor = ::socket(family, SOCK_STREAM, 0);
  if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
}

void make_prompt(int descriptor) {
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void Socket::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::optional<Socket> Socket::listen(int port, std::string& why) {
  for (const int family : {AF_INET6, AF_INET}) {
    Socket socket(open_socket(family));
    if (!socket) continue;
    set(socket.descriptor_, SOL_SOCKET, SO_REUSEADDR, 1);
    int bound = 0;
    if (family == AF_INET6) {
      set(socket.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_any;
      address.sin6_port = htons(static_cast<uint16_t>(port));
      bound = ::bind(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_ANY);
      address.sin_port = htons(static_cast<uint16_t>(port));
      bound = ::bind(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    if (bound == 0 && ::listen(socket.descriptor_, 1024) == 0) return socket;
    why = std::strerror(errno);
    if (errno == EADDRINUSE) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Socket> Socket::connect(const std::string& host, int port, Deadline deadline, std::string& why) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found)) {
    why = ::gai_strerror(error);
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  why = "no address";
  for (const addrinfo* one = found; one; one = one->ai_next) {
    Socket socket(open_socket(one->ai_family));
    if (!socket) continue;
    const int flags = ::fcntl(socket.descriptor_, F_GETFL);
    ::fcntl(socket.descriptor_, F_SETFL, flags | O_NONBLOCK);
    int error = ::connect(socket.descriptor_, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (!wait_for(socket.descriptor_, POLLOUT, std::min(deadline, in_seconds(10))))
        error = ETIMEDOUT;
      else
        ::getsockopt(socket.descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      why = std::strerror(error);
      continue;
    }
    ::fcntl(socket.descriptor_, F_SETFL, flags);
    make_prompt(socket.descriptor_);
    return socket;
  }
  return std::nullopt;
}

int Socket::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

std::optional<Socket> Socket::accept(Deadline deadline) {
  if (!wait_for(descriptor_, POLLIN, deadline)) return std::nullopt;
  const int descriptor = ::accept(descriptor_, nullptr, nullptr);
  if (descriptor < 0) return std::nullopt;
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  make_prompt(descriptor);
  return Socket(descriptor);
}

bool Socket::send(uint8_t kind, const std::string& bytes, Deadline deadline) {
  std::string frame(header_bytes, '\0');
  for (int i = 0; i < 4; ++i) frame[static_cast<size_t>(i)] = static_cast<char>(bytes.size() >> (8 * i));
  frame[4] = static_cast<char>(kind);
  frame += bytes;
  for (size_t sent = 0; sent < frame.size();) {
    const ssize_t now = ::send(descriptor_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now > 0)
      sent += static_cast<size_t>(now);
    else if (now < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!wait_for(descriptor_, POLLOUT, deadline)) return false;
    } else if (now < 0 && errno != EINTR)
      return false;
  }
  return true;
}

bool Socket::read(void* to, size_t bytes, Deadline deadline) {
  for (size_t done = 0; done < bytes;) {
    if (!wait_for(descriptor_, POLLIN, deadline)) return false;
    const ssize_t now = ::recv(descriptor_, static_cast<char*>(to) + done, bytes - done, 0);
    if (now == 0 || (now < 0 && errno != EINTR && errno != EAGAIN)) return false;
    if (now > 0) done += static_cast<size_t>(now);
  }
  return true;
}

std::optional<Socket::Frame> Socket::receive(Deadline deadline, size_t most) {
  std::array<unsigned char, header_bytes> header{};
  if (!read(header.data(), header.size(), deadline)) return std::nullopt;
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= static_cast<size_t>(header[i]) << (8 * i);
  if (size > most) return std::nullopt;
  Frame frame{header[4], std::string(size, '\0')};
  if (size > 0 && !read(frame.bytes.data(), size, deadline)) return std::nullopt;
  return frame;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

}  // namespace trm
