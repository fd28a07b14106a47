#pragma once
// TCP between the processes of a run: frames of a kind and some bytes.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace trm {

using Deadline = std::chrono::steady_clock::time_point;
inline Deadline in_seconds(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

/// A connected or listening socket; closed with the object.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  /// On all interfaces, IPv6 and IPv4; port 0: any free one. Empty with `why` set where the port is not to be had.
  static std::optional<Socket> listen(int port, std::string& why);
  /// Tries all addresses of a host name or address once. Empty with `why` set where nobody answers before the deadline.
  static std::optional<Socket> connect(const std::string& host, int port, Deadline deadline, std::string& why);

  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  int port() const;
  /// A connection, or none by the deadline.
  std::optional<Socket> accept(Deadline deadline);
  void close();

  struct Frame {
    uint8_t kind = 0;
    std::string bytes;
  };
  /// False where the other side is gone, or does not take it by the deadline.
  bool send(uint8_t kind, const std::string& bytes, Deadline deadline);
  /// Nothing where the other side is gone or says nothing whole by the deadline, or a frame is larger than `most`.
  std::optional<Frame> receive(Deadline deadline, size_t most = size_t{1} << 30);

 private:
  bool read(void* to, size_t bytes, Deadline deadline);

  int descriptor_ = -1;
};

/// This machine's name.
std::string host_name();

}  // namespace trm
