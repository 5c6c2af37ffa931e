// What the sandbox integration "sent": the newest 100,000 messages.
#include "store/detail/lists.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

Result<void> insert_message(Txn& txn, const SandboxMessage& m) {
  Statement s = txn.db.statement(
      "INSERT INTO sandbox_message(id, project, delivery, notification, channel, recipient, content, at) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING");
  s.bind(1, m.id).bind(2, std::int64_t{m.project}).bind(3, m.delivery).bind(4, m.notification);
  s.bind(5, static_cast<std::int64_t>(m.channel)).bind(6, m.to).bind(7, m.content).bind(8, m.at);
  return s.run();
}

}  // namespace

Task<Result<void>> SqlStore::add_sandbox_messages(std::vector<SandboxMessage> messages) {
  const std::size_t rows = messages.size();
  const auto call = [this, messages = std::move(messages)](Txn& txn) -> Result<void> {
    std::int64_t added = 0;
    for (const SandboxMessage& m : messages) {
      CARILLON_CHECK(insert_message(txn, m));
      // About how many is enough where asking costs a round trip each.
      added += txn.db.is_server() ? 1 : txn.db.changes();
    }
    return sandbox_changed(txn, added);
  };
  co_return co_await write(call, JobClass::Other, rows);
}

Task<Result<std::vector<SandboxMessage>>> SqlStore::list_sandbox_messages(std::int32_t project,
                                                                          ListPage page) {
  co_return co_await read([project, page](Db& db) -> Result<std::vector<SandboxMessage>> {
    std::vector<SandboxMessage> messages;
    // Without an index of its own: the table is bounded, and every sandbox send writes into it.
    Statement s = db.statement(
        "SELECT id, delivery, notification, channel, recipient, content, at FROM sandbox_message "
        "WHERE id < ?2 AND project = ?1 ORDER BY id DESC LIMIT ?3");
    s.bind(1, std::int64_t{project}).bind(2, below(page)).bind(3, rows_of(page));
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return messages;
      messages.push_back(SandboxMessage{.id = s.integer(0),
                                        .project = project,
                                        .delivery = s.integer(1),
                                        .notification = s.integer(2),
                                        .channel = s.as<model::Channel>(3),
                                        .to = s.string(4),
                                        .content = s.string(5),
                                        .at = s.time(6)});
    }
  });
}

}  // namespace carillon::store::detail
