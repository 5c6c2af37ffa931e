// Where large content is kept by name: pictures, attachments, whatever is uploaded once and fetched by
// workers.
//
// Bytes only: who may use them, for how long and as what is the Store's business. An object is written once
// and never changes; the same name again replaces it. Methods may be awaited from any executor and resume on
// it; several may run at a time. A deadline that passes ends a call with Unavailable; a write may still have
// happened then.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/settings.h"
#include "base/task.h"
#include "net/body.h"

namespace carillon::objects {

inline constexpr std::size_t kPieceMax = 1 << 20;  // bytes of one read()
inline constexpr std::size_t kNameMax = 64;

// 1 to kNameMax of a-z 0-9 and '_': what any backend can hold.
[[nodiscard]] bool is_name(std::string_view name) noexcept;
Result<void> check_name(std::string_view name);  // Errors: InvalidArgument.

// What an object is shown as to whoever has its URL.
struct ShownAs {
  std::string type;         // "image/png"
  std::string disposition;  // value of Content-Disposition
};

class Objects {
 public:
  virtual ~Objects() = default;

  // Keeps `content` under `name`: all of it, safely, or (after an error, a crash) nothing that read() would
  // give as the whole. Memory: a piece at a time. Errors: InvalidArgument (name) · Unavailable (disk full,
  // server away) · FailedPrecondition (credentials, bucket).
  virtual Task<Result<void>> put(std::string name, std::shared_ptr<const net::Body> content,
                                 base::Deadline deadline) = 0;
  // Up to `count` bytes (1 to kPieceMax) from `offset` on; less only at the end, none behind it.
  // Errors: NotFound · those of put().
  virtual Task<Result<std::string>> read(std::string name, std::uint64_t offset, std::size_t count,
                                         base::Deadline deadline) = 0;
  // Not finding it is no error. Errors: those of put().
  virtual Task<Result<void>> remove(std::string name, base::Deadline deadline) = 0;
  // Asks whether objects could be kept now. Errors: those of put().
  virtual Task<Result<void>> check(base::Deadline deadline) = 0;

  // A URL that gives the object to anybody for `expires` (1 s to 7 d) from now, by the machine's clock.
  // Nullopt: this backend has no server of its own. No I/O.
  [[nodiscard]] virtual std::optional<std::string> presign(std::string_view name, const ShownAs& as,
                                                           std::chrono::seconds expires) const = 0;
  // Ends what is under way, Unavailable. Awaited once, before the object goes.
  virtual Task<void> close() = 0;
};

struct Options {
  std::string
      url;  // "file:DIR" or "s3://bucket/prefix?endpoint=https://…&region=…"; empty: file:DATA/objects
  std::string access_key_id;
  base::Secret secret_access_key, session_token;
  std::string ca_file;  // PEM roots for the endpoint; empty: the system's
};
void describe(base::SettingsGroup& group, Options& options);

// Opens what `options.url` names. `executor`: one thread that may block on files, of the backend alone; it
// outlives it. Errors: InvalidArgument (the setting, with what to write) · Unavailable (folder).
Result<std::unique_ptr<Objects>> open(const Options& options, boost::asio::any_io_executor executor);

// ---- backends
// A folder: 256 folders in it, files in those; written aside, synced, renamed.
Result<std::unique_ptr<Objects>> open_folder(std::string folder, boost::asio::any_io_executor executor);

struct S3Options {
  std::string bucket;
  std::string prefix;    // of every key, ends with '/' unless it is empty
  std::string endpoint;  // "https://minio.example.com:9000"; empty: AWS
  std::string region = "us-east-1";
  bool is_path_style = true;  // https://endpoint/bucket/key, else https://bucket.endpoint/key
  std::string access_key_id;
  base::Secret secret_access_key, session_token;
  std::string ca_file;
};
// Reads "s3://…". Errors: InvalidArgument.
Result<S3Options> parse_s3_url(std::string_view url);
Result<std::unique_ptr<Objects>> open_s3(S3Options options, boost::asio::any_io_executor executor);

}  // namespace carillon::objects
