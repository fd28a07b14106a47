// The server of builds without cpp-httplib.
#include "serve/server.h"

namespace trm::serve {

class Server::Http {};

namespace {

[[noreturn]] void refuse() {
  throw ServeError(
      "--serve needs cpp-httplib, which this program was built without: install it (Debian: libcpp-httplib-dev) and "
      "build again");
}

}  // namespace

Server::Server(const Served&, const ServeOptions&) { refuse(); }
Server::~Server() = default;
int Server::port() const { return 0; }
void Server::drain(double) {}
void serve(const Served&, const ServeOptions&, const std::function<void(const std::string&)>&) { refuse(); }

}  // namespace trm::serve
