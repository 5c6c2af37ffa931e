// The control socket: how the command line speaks to a running server of the same data folder.
//
// A Unix socket in a folder of mode 0700; only the server's own user and root are answered (peer
// credentials). One request per connection: four bytes of length (big endian), then JSON
// {"method","target","body","type","project"}; the answer likewise {"status","type","body"}. Targets are
// those of the API, and the few of app/backup.h.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/node.h"
#include "base/task.h"
#include "net/http.h"

namespace carillon::app {

// Where the socket of a data folder is: DATA/control/socket, or, where that path is longer than the
// 107 bytes a Unix socket may have, a folder under the user's runtime directory named after it.
std::string control_path(const std::string& data);

class ControlServer {
 public:
  // Listens and answers on the node's first API executor. Errors: Unavailable.
  static Result<std::unique_ptr<ControlServer>> open(Node& node);
  virtual ~ControlServer() = default;
  // Stops listening, waits for requests under way. Blocks; not to be called on the executor.
  virtual void close() = 0;
};

// Asks the running server of that folder; nullopt when none listens. Errors: Unavailable (it listens
// but does not answer) · PermissionDenied (another user's).
Result<std::optional<net::HttpResponse>> control_call(const std::string& data,
                                                      const net::HttpRequest& request);

}  // namespace carillon::app
