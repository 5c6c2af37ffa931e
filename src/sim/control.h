// The simulator's control API, plain HTTP/1.1 with JSON.
//
//   GET    /                         the same document as sim.json
//   GET    /counts                   {"apns":{"accepted","unanswered","refused":{"BadDeviceToken":1}},…}
//   GET    /log?vendor=&since=&limit=  {"data":[{"time_ms","vendor","recipient","delivery","collapse",
//                                    "message_id","answered"}],"next"}; `next` is the following `since`
//   DELETE /log                      empties log, counters and kept messages
//   GET    /messages/last?vendor=&limit=  the latest messages with "content", newest first (default 1)
//   GET    /faults  PUT /faults  DELETE /faults   see sim/faults.h
//   POST   /clock {"advance":"65m"}  moves the vendors' clock forward
#pragma once

#include <functional>
#include <string>

#include "net/http.h"
#include "sim/context.h"

namespace carillon::sim {

// Thread-safe. `context` must outlive it.
class Control {
 public:
  // `describe` gives the document for GET /.
  Control(Context& context, std::function<std::string()> describe)
      : context_(context), describe_(std::move(describe)) {}

  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request);

 private:
  [[nodiscard]] net::HttpResponse log(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse last(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse webhooks(const net::HttpRequest& request);
  [[nodiscard]] net::HttpResponse clock(const net::HttpRequest& request);
  [[nodiscard]] std::string counts() const;

  Context& context_;
  const std::function<std::string()> describe_;
};

}  // namespace carillon::sim
