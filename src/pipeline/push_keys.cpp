#include "pipeline/push_keys.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "base/p256.h"

namespace carillon::pipeline {
namespace {

// What the sealed key is bound to.
std::string seal_context(std::int32_t project) { return fmt::format("push_key/{}", project); }

Result<PushKey> read(const store::Record& record, const base::Sealer& sealer, std::int32_t project) {
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(record.data));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  PushKey key;
  std::string sealed;
  reader.require("public_key");
  reader.require("private_key");
  reader.text("public_key", key.public_key, 100);
  reader.text("private_key", sealed, 500);
  if (!problems.empty()) return fail(Errc::Corruption, "the project's key pair for web push cannot be read");
  auto opened = sealer.open(sealed, seal_context(project));
  if (opened) {
    key.private_key = std::move(*opened);
  } else {
    // What is sealed with another key sends nothing, but must not keep the server from starting.
    base::log_error("the key pair for web push of project {} is not usable: {}", project,
                    opened.error().message);
  }
  return key;
}

}  // namespace

Task<Result<PushKey>> obtain_push_key(store::Store& store, const base::Sealer& sealer, std::int32_t project,
                                      Time now) {
  const store::RecordKey place{std::string(kKindPushKey), project, "project"};
  auto found = co_await store.get_record(place);
  if (!found && found.error().code == Errc::NotFound) {
    const base::P256Pair pair = base::make_p256_pair();
    base::JsonWriter out;
    out.object().field("public_key", base::base64url(pair.public_key));
    out.field("private_key", sealer.seal(pair.private_key.reveal(), seal_context(project))).end_object();
    store::Record record;
    record.key = place;
    record.data = out.str();
    found = co_await store.put_record(std::move(record), 0, {}, now);
    // Somebody was first: theirs is the pair.
    if (!found && found.error().code == Errc::Conflict) found = co_await store.get_record(place);
  }
  if (!found) co_return std::unexpected(found.error());
  co_return read(*found, sealer, project);
}

}  // namespace carillon::pipeline
