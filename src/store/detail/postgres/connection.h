// One connection to PostgreSQL, behind the same words as one to SQLite (decision 0019).
//
// What run() is given is sent, in libpq's pipeline mode, and its answer waited for only where somebody asks:
// with the next row that is read, changes(), flush(), the commit. A transaction of a hundred writes is a few
// round trips. A connection that is lost is made again with the next transaction or read, never inside of
// one.
#pragma once

#include <libpq-fe.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/secret.h"
#include "store/detail/db.h"

namespace carillon::store::detail {

// Reading a SQLSTATE: 08, 53, 57, 58 (connection, resources, shutdown, I/O), serialization failure and
// deadlock → Unavailable · 23505 → AlreadyExists · other 22, 23 → InvalidArgument · XX001, XX002 → Corruption
// · 28, 3D, 42501 (who we are, which database, what we may) → FailedPrecondition · else Internal.
[[nodiscard]] Errc errc_of_state(std::string_view sqlstate) noexcept;
// A text of SQL as PostgreSQL wants it: $1 for ?1, without INDEXED BY and NOT INDEXED, the names of attached
// files, and `CROSS` before a JOIN … ON. What is quoted stays.
[[nodiscard]] std::string to_postgres(std::string_view sql);
// PostgreSQL takes neither other bytes than UTF-8 nor the character of number 0. What a provider answered may
// be anything: it is kept as far as it is text.
[[nodiscard]] bool is_storable(std::string_view text) noexcept;
[[nodiscard]] std::string mended(std::string_view text);

enum class Isolation : std::uint8_t {
  ReadCommitted,  // for those that name the rows they meet others at
  Serializable    // for those that read, decide and write: run again when others were in between
};

struct PgOptions {
  base::Secret url;  // postgres://user:password@host:port/database?sslmode=verify-full&…; as libpq reads it
  Isolation isolation = Isolation::ReadCommitted;
  std::string name = "carillon";  // shown in pg_stat_activity
  // Each statement is planned once, whatever its parameters: for those that find rows by their key alone.
  bool plans_once = false;
  // A statement that takes longer is ended (Unavailable): nothing waits for ever. ms.
  std::int64_t statement_timeout_ms = 30'000;
};

class PgStatement;

class PgDb final : public Db {
 public:
  // Errors: FailedPrecondition (refused: password, database, rights; a server older than 14) · Unavailable.
  static Result<std::unique_ptr<PgDb>> open(PgOptions options);
  ~PgDb() override;

  [[nodiscard]] Statement statement(const char* sql) override;
  // The same for parameters that are arrays.
  [[nodiscard]] PgStatement& with_arrays(const char* sql);
  Result<void> exec(const char* sql) override;
  // The rows of a query that is put together at run time and gives numbers; NULL is 0. And the first column
  // of the first row, 0 when there is none.
  Result<std::vector<std::vector<std::int64_t>>> numbers(const std::string& sql);
  Result<std::int64_t> number(const std::string& sql);
  // `sql`: "COPY … FROM STDIN"; `rows`: what it reads, in the format it says. Waits for the end of it.
  Result<void> copy_in(const char* sql, std::string_view rows);
  [[nodiscard]] std::int64_t changes() noexcept override;
  [[nodiscard]] std::int64_t last_id() noexcept override;
  [[nodiscard]] bool in_transaction() const noexcept override { return in_transaction_; }
  Result<void> begin() override;
  // Of the transaction, which no other ever has (xid8): asked for with what is sent next, and known, not 0,
  // once the answer to that was read. By it anybody can ask later what became of the transaction.
  Result<void> ask_number();
  [[nodiscard]] std::int64_t transaction() const noexcept;
  Result<void> commit() override;
  void rollback() noexcept override;
  Result<void> flush() override;
  [[nodiscard]] bool wants_retry() const noexcept override { return wants_retry_; }
  Result<void> begin_read() override;
  void end_read() noexcept override;
  Result<void> lock(std::int64_t number) override;
  Result<void> lock_shared(std::int64_t number) override;
  // Files of a server are its own: what is deleted goes with the next vacuum.
  void overwrite_deleted(bool) noexcept override {}
  [[nodiscard]] bool is_server() const noexcept override { return true; }
  // How the server is reached: by a socket here or an address of this machine; by TLS; with its certificate
  // and name checked.
  [[nodiscard]] bool is_local() const;
  [[nodiscard]] bool is_encrypted() const noexcept;
  [[nodiscard]] bool is_verified() const;

 private:
  friend class PgStatement;
  explicit PgDb(PgOptions options) : options_(std::move(options)) {}

  // What was sent and not answered yet.
  enum class Sent : std::uint8_t { Prepare, Run, Read, Sync };
  struct Waiting {
    Sent kind;
    PgStatement* statement = nullptr;  // of Prepare and Read
  };
  Result<void> connect();
  Result<void> ensure();  // a connection, outside of a transaction
  Result<void> ready();   // to send something
  Result<void> send(PgStatement& statement, Sent kind);
  Result<void> send_text(const char* sql);
  Result<void> sync();
  // What is sent next is answered by itself.
  Result<void> leave_pipeline();
  // Takes `result` over.
  Result<void> checked(PGresult* result);
  // Reads all answers there are to come.
  Result<void> drain();
  void take(const Waiting& waiting);
  void note(const PGresult* result, bool is_prepare);
  Error lost();  // the connection is: says so, and forgets it
  [[nodiscard]] bool is_ended() const noexcept;
  Result<void> so_far() const;
  Result<void> still_there() const;

  PgOptions options_;
  PGconn* conn_ = nullptr;
  std::unordered_map<const char*, std::unique_ptr<PgStatement>> statements_;
  std::uint64_t generation_ = 0;  // of the connection: what was prepared on an earlier one is not on this
  std::deque<Waiting> waiting_;
  std::optional<Error> error_;  // the first since flush()
  std::int64_t changes_ = 0;
  bool in_transaction_ = false, wants_retry_ = false, is_committing_ = false;
  PgStatement* number_ = nullptr;  // asked for in this transaction
  bool is_lost_ = false;           // the transaction that the caller is in went with its connection
};

// A column of many rows as one parameter, for `unnest`. Bound with bind_array() of a PgStatement.
class PgArray {
 public:
  enum class Of : std::uint8_t { Integer, Text, Bytes, Uuid };
  explicit PgArray(Of of = Of::Integer) : of_(of) { value_.resize(kHeaderBytes); }
  void add(std::int64_t v);
  void add(std::string_view v);
  void add_null();
  void add_or_null(std::int64_t v) { v == 0 ? add_null() : add(v); }
  void add_or_null(std::string_view v) { v.empty() ? add_null() : add(v); }
  void add(const std::optional<Time>& v) { v ? add(to_ms(*v)) : add_null(); }
  void add(const base::Hash128& v) {
    add(std::string_view(reinterpret_cast<const char*>(v.data()), v.size()));
  }
  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  // In the binary form of the protocol.
  [[nodiscard]] std::string_view value();
  [[nodiscard]] Oid type() const noexcept;
  [[nodiscard]] bool is_integer() const noexcept { return of_ == Of::Integer; }
  // One after the other: the length in four bytes, the highest first (-1: null), and its bytes.
  [[nodiscard]] std::string_view elements() const noexcept {
    return std::string_view(value_).substr(kHeaderBytes);
  }

 private:
  static constexpr std::size_t kHeaderBytes = 20;
  Of of_;
  std::uint32_t n_ = 0;
  bool has_null_ = false;
  std::string value_;
};

class PgStatement final : public RemoteStatement {
 public:
  PgStatement(PgDb& db, const char* sql, std::uint64_t number);
  ~PgStatement() override { reset(); }
  void bind_integer(int i, std::optional<std::int64_t> v) override;
  void bind_text(int i, std::optional<std::string_view> v) override;
  void bind_bytes(int i, std::string_view v) override;
  void bind_null(int i) override;
  void bind_array(int i, PgArray& array);
  // Rows that the last run() changed; known when its answer is there, after next() of another or flush().
  [[nodiscard]] std::int64_t changed() const noexcept { return changed_; }
  Result<bool> next() override;
  Result<void> run() override;
  void reset() noexcept override;
  [[nodiscard]] std::int64_t integer(int c) const noexcept override;
  [[nodiscard]] std::string_view text(int c) const noexcept override;
  [[nodiscard]] bool is_null(int c) const noexcept override;

 private:
  friend class PgDb;
  struct Value {
    Oid type = 0;  // 0: the server finds out
    bool is_null = true, is_binary = false, is_number = false;
    std::string_view bytes{};       // unless it is a number
    std::array<char, 24> digits{};  // a number's, with a zero at the end
    std::string mended{};           // a text that the database would not take as it was
  };
  Value& at(int i);
  [[nodiscard]] std::int64_t numeric(int c) const noexcept;

  PgDb& db_;
  const std::string sql_, name_;
  std::uint64_t prepared_on_ = 0;  // a connection's generation; 0: on none
  std::vector<Value> values_;
  PGresult* result_ = nullptr;
  std::int64_t changed_ = 0;
  bool is_run_ = false;
  int row_ = -1;
};

}  // namespace carillon::store::detail
