#include "store/detail/postgres/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>

#include "base/log.h"

namespace carillon::store::detail {
namespace {

constexpr Oid kBytea = 17, kInt8 = 20, kText = 25, kNumeric = 1700, kUuid = 2950;
constexpr Oid kByteaArray = 1001, kTextArray = 1009, kInt8Array = 1016, kUuidArray = 2951;
constexpr int kServerMin = 140'000;
// Answers of so many statements fit into what the system holds for a socket, so that nobody waits for a
// reader.
constexpr std::size_t kWaitingMax = 1'000;

std::string_view trimmed(const char* message) {
  std::string_view text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

// libpq advises on lines of their own.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += "; ";
    if (c != '\n' && c != '\t') out += c;
  }
  return out;
}

template <class T>
T big_endian(const char* p) noexcept {
  T v{};
  std::memcpy(&v, p, sizeof v);
  return std::byteswap(v);
}

void append_big_endian(std::string& out, std::uint32_t v) {
  v = std::byteswap(v);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

}  // namespace

bool is_storable(std::string_view text) noexcept {
  return text.find('\0') == std::string_view::npos && simdjson::validate_utf8(text.data(), text.size());
}

std::string mended(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\0' || static_cast<unsigned char>(c) > 0x7f ? '?' : c;
  return out;
}

Errc errc_of_state(std::string_view state) noexcept {
  const std::string_view group = state.substr(0, 2);
  if (group == "08" || group == "53" || group == "57" || group == "58") return Errc::Unavailable;
  if (state == "40001" || state == "40P01" || state == "55P03") return Errc::Unavailable;
  if (state == "25006") return Errc::Unavailable;  // a standby: it may become the primary, or another is
  if (state == "23505") return Errc::AlreadyExists;
  if (group == "22" || group == "23") return Errc::InvalidArgument;
  if (state == "XX001" || state == "XX002") return Errc::Corruption;
  if (group == "28" || group == "3D" || state == "42501") return Errc::FailedPrecondition;
  return Errc::Internal;
}

Result<std::unique_ptr<PgDb>> PgDb::open(PgOptions options) {
  std::unique_ptr<PgDb> db(new PgDb(std::move(options)));
  CARILLON_CHECK(db->connect());
  return db;
}

PgDb::~PgDb() {
  statements_.clear();
  PQfinish(conn_);
}

Result<void> PgDb::connect() {
  PQfinish(std::exchange(conn_, nullptr));
  waiting_.clear();
  error_.reset();
  in_transaction_ = is_committing_ = wants_retry_ = false;
  ++generation_;
  const std::string url(options_.url.reveal());
  // What stands before the URL is what it need not say, what stands after it goes whatever it says.
  const std::array keys{"connect_timeout",
                        "tcp_user_timeout",
                        "keepalives_idle",
                        "dbname",
                        "application_name",
                        "client_encoding",
                        static_cast<const char*>(nullptr)};
  const std::array values{
      "5", "10000", "10", url.c_str(), options_.name.c_str(), "UTF8", static_cast<const char*>(nullptr)};
  conn_ = PQconnectdbParams(keys.data(), values.data(), 1);
  if (PQstatus(conn_) != CONNECTION_OK) {
    const std::string message = one_line(trimmed(PQerrorMessage(conn_)));
    PQfinish(std::exchange(conn_, nullptr));
    // libpq tells no SQLSTATE here; what the server itself refuses is "FATAL: …".
    const bool is_refused = message.contains("authentication failed") || message.contains("does not exist") ||
                            message.contains("no pg_hba.conf entry") || message.contains("invalid URI") ||
                            message.contains("invalid connection option") || message.contains("certificate");
    return fail(is_refused ? Errc::FailedPrecondition : Errc::Unavailable,
                fmt::format("store: cannot connect to PostgreSQL (store.url): {}", message));
  }
  if (PQserverVersion(conn_) < kServerMin)
    return fail(Errc::FailedPrecondition, "store: PostgreSQL 14 or newer is needed (store.url)");
  const char* const encoding = PQparameterStatus(conn_, "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) != "UTF8")
    return fail(
        Errc::FailedPrecondition,
        fmt::format("store: the database of store.url keeps texts as {}, which lacks most of them; give one "
                    "made with ENCODING 'UTF8'",
                    encoding));
  PQsetNoticeProcessor(conn_, [](void*, const char*) {}, nullptr);
  // All that is asked is asked by key: a plan that reads a table to hash it is a guess about a batch whose
  // size the plan does not know, and a serializable transaction that read all of a table is in everybody's
  // way. A plan that is made once is made while nothing is known of a day: a bitmap of all the day's rows
  // looks as cheap then as the one row that is wanted.
  const std::string settings = fmt::format(
      "SET statement_timeout = {0}; SET lock_timeout = {0}; SET idle_in_transaction_session_timeout = 60000; "
      "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
      "SET TimeZone = 'UTC'; SET default_transaction_isolation = '{1}'; SET plan_cache_mode = {2}; SET "
      "enable_bitmapscan = {3}; SET carillon.notes_users = 1",
      options_.statement_timeout_ms,
      options_.isolation == Isolation::Serializable ? "serializable" : "read committed",
      options_.plans_once ? "force_generic_plan" : "auto", options_.plans_once ? "off" : "on");
  return exec((settings + ";").c_str());
}

Result<void> PgDb::ensure() {
  if (!waiting_.empty()) static_cast<void>(drain());
  if (conn_ != nullptr && PQstatus(conn_) == CONNECTION_OK && !is_ended()) return {};
  return connect();
}

// The server closed a connection that nothing was asked on.
bool PgDb::is_ended() const noexcept {
  pollfd socket{.fd = PQsocket(conn_), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&socket, 1, 0) <= 0) return false;
  const bool is_read = PQconsumeInput(conn_) == 1 && PQstatus(conn_) == CONNECTION_OK;
  return !is_read || (socket.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

Error PgDb::lost() {
  const std::string message(trimmed(PQerrorMessage(conn_)));
  const Errc code = is_committing_ ? Errc::DeadlineExceeded : Errc::Unavailable;
  PQfinish(std::exchange(conn_, nullptr));
  waiting_.clear();
  // What had not come to its commit is not there: the same again may do.
  wants_retry_ = code != Errc::DeadlineExceeded;
  is_lost_ = is_lost_ || in_transaction_;
  in_transaction_ = is_committing_ = false;
  Error error{code, fmt::format("store: the connection to PostgreSQL was lost: {}", message)};
  // Whatever was said before: the commit may have been carried out.
  if (!error_ || code == Errc::DeadlineExceeded) error_ = error;
  return error;
}

// The rest of a transaction must not run by itself on the next connection.
Result<void> PgDb::still_there() const {
  if (is_lost_)
    return fail(Errc::Unavailable, "store: the transaction ended with its connection to PostgreSQL");
  return {};
}

Result<void> PgDb::so_far() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

Result<void> PgDb::ready() {
  CARILLON_CHECK(so_far());
  CARILLON_CHECK(still_there());
  if (conn_ == nullptr) { CARILLON_CHECK(ensure()); }
  if (PQpipelineStatus(conn_) == PQ_PIPELINE_OFF && PQenterPipelineMode(conn_) == 0)
    return std::unexpected(lost());
  if (waiting_.size() >= kWaitingMax) return drain();
  return {};
}

Result<void> PgDb::send(PgStatement& statement, Sent kind) {
  CARILLON_CHECK(ready());
  const int n = static_cast<int>(statement.values_.size());
  if (statement.prepared_on_ != generation_) {
    std::vector<Oid> types;
    for (const auto& value : statement.values_) types.push_back(value.type);
    if (PQsendPrepare(conn_, statement.name_.c_str(), statement.sql_.c_str(), n, types.data()) == 0)
      return std::unexpected(lost());
    waiting_.push_back({Sent::Prepare, &statement});
    statement.prepared_on_ = generation_;
  }
  std::vector<const char*> values(static_cast<std::size_t>(n));
  std::vector<int> lengths(values.size()), formats(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& value = statement.values_[i];
    formats[i] = value.is_binary ? 1 : 0;
    if (value.is_null) continue;
    values[i] = value.is_number                 ? value.digits.data()
                : value.bytes.data() == nullptr ? ""
                                                : value.bytes.data();
    lengths[i] = static_cast<int>(value.bytes.size());
  }
  if (PQsendQueryPrepared(conn_, statement.name_.c_str(), n, values.data(), lengths.data(), formats.data(),
                          1) == 0) {
    return std::unexpected(lost());
  }
  waiting_.push_back({kind, &statement});
  return {};
}

Result<void> PgDb::send_text(const char* sql) {
  CARILLON_CHECK(ready());
  if (PQsendQueryParams(conn_, sql, 0, nullptr, nullptr, nullptr, nullptr, 1) == 0)
    return std::unexpected(lost());
  waiting_.push_back({Sent::Run, nullptr});
  return {};
}

Result<void> PgDb::sync() {
  if (PQpipelineSync(conn_) == 0) return std::unexpected(lost());
  waiting_.push_back({Sent::Sync, nullptr});
  return {};
}

Result<void> PgDb::drain() {
  if (conn_ == nullptr) return so_far();
  if (waiting_.empty()) return so_far();
  if (waiting_.back().kind != Sent::Sync) CARILLON_CHECK(sync());
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    take(next);
    if (conn_ == nullptr) break;
  }
  return so_far();
}

void PgDb::note(const PGresult* result, bool is_prepare) {
  if (error_) return;
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? "" : field;
  wants_retry_ = state == "40001" || state == "40P01";
  const std::string_view message = trimmed(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
  error_ = Error{errc_of_state(state), fmt::format("store: {} ({})", message, state)};
  if (state.starts_with("42") || is_prepare) {
    const char* query = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    base::log_error("store: PostgreSQL refuses a statement of ours: {} {}", message, trimmed(query));
  }
}

void PgDb::take(const Waiting& waiting) {
  for (;;) {
    PGresult* result = PQgetResult(conn_);
    if (result == nullptr) {
      // The end of one statement's answers; a sync has none after it.
      if (PQstatus(conn_) != CONNECTION_OK) lost();
      return;
    }
    const ExecStatusType status = PQresultStatus(result);
    switch (status) {
      case PGRES_PIPELINE_SYNC: PQclear(result); return;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (waiting.kind == Sent::Run || waiting.kind == Sent::Read) {
          const std::string_view n = PQcmdTuples(result);
          if (!n.empty()) std::from_chars(n.data(), n.data() + n.size(), changes_);
          if (waiting.statement != nullptr) waiting.statement->changed_ = changes_;
          if (is_committing_ && waiting.statement == nullptr &&
              std::string_view(PQcmdStatus(result)) == "ROLLBACK" && !error_) {
            error_ = Error{Errc::Internal, "store: the transaction had failed before its commit"};
          }
        }
        if (waiting.kind == Sent::Read) {
          PQclear(std::exchange(waiting.statement->result_, result));
          result = nullptr;
        }
        break;
      case PGRES_PIPELINE_ABORTED:
      case PGRES_FATAL_ERROR:
        if (waiting.kind == Sent::Prepare) waiting.statement->prepared_on_ = 0;
        if (status == PGRES_FATAL_ERROR) {
          if (PQstatus(conn_) != CONNECTION_OK) {
            PQclear(result);
            lost();
            return;
          }
          note(result, waiting.kind == Sent::Prepare);
        }
        break;
      default: break;
    }
    PQclear(result);
  }
}

PgStatement& PgDb::with_arrays(const char* sql) {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<PgStatement>(*this, sql, statements_.size());
  statement->reset();
  return *statement;
}

Statement PgDb::statement(const char* sql) { return Statement(&with_arrays(sql)); }

Result<void> PgDb::leave_pipeline() {
  CARILLON_CHECK(drain());
  CARILLON_CHECK(still_there());
  if (conn_ == nullptr) CARILLON_CHECK(ensure());
  if (PQpipelineStatus(conn_) != PQ_PIPELINE_OFF && PQexitPipelineMode(conn_) == 0)
    return std::unexpected(lost());
  return {};
}

Result<void> PgDb::checked(PGresult* result) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> owned(result, PQclear);
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_IN: return {};
    default: break;
  }
  if (PQstatus(conn_) != CONNECTION_OK) return std::unexpected(lost());
  note(result, false);
  Error error = std::move(*error_);
  error_.reset();
  return std::unexpected(std::move(error));
}

Result<void> PgDb::exec(const char* sql) {
  if (std::strchr(sql, ';') == nullptr) return send_text(sql);
  CARILLON_CHECK(leave_pipeline());
  return checked(PQexec(conn_, sql));
}

Result<std::vector<std::vector<std::int64_t>>> PgDb::numbers(const std::string& sql) {
  CARILLON_CHECK(leave_pipeline());
  PGresult* result = PQexec(conn_, sql.c_str());
  std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(PQntuples(result)));
  for (int r = 0; r < PQntuples(result); ++r) {
    for (int c = 0; c < PQnfields(result); ++c) {
      std::int64_t& value = rows[static_cast<std::size_t>(r)].emplace_back(0);
      const std::string_view text = PQgetvalue(result, r, c);
      std::from_chars(text.data(), text.data() + text.size(), value);
    }
  }
  CARILLON_CHECK(checked(result));
  return rows;
}

Result<std::int64_t> PgDb::number(const std::string& sql) {
  CARILLON_TRY(const auto rows, numbers(sql));
  return rows.empty() || rows[0].empty() ? 0 : rows[0][0];
}

Result<void> PgDb::copy_in(const char* sql, std::string_view rows) {
  CARILLON_CHECK(leave_pipeline());
  CARILLON_CHECK(checked(PQexec(conn_, sql)));
  if (PQputCopyData(conn_, rows.data(), static_cast<int>(rows.size())) != 1 ||
      PQputCopyEnd(conn_, nullptr) != 1)
    return std::unexpected(lost());
  Result<void> done;
  while (PGresult* result = PQgetResult(conn_)) {
    Result<void> one = checked(result);
    if (done && !one) done = std::move(one);
    if (conn_ == nullptr) break;
  }
  return done;
}

std::int64_t PgDb::changes() noexcept { return drain() ? changes_ : 0; }

std::int64_t PgDb::last_id() noexcept {
  Statement s = statement("SELECT lastval()");
  const Result<bool> has_row = s.next();
  return has_row && *has_row ? s.integer(0) : 0;
}

Result<void> PgDb::begin() {
  is_lost_ = false;
  CARILLON_CHECK(ensure());
  error_.reset();
  wants_retry_ = false;
  number_ = nullptr;
  in_transaction_ = true;
  return send_text("BEGIN");
}

Result<void> PgDb::ask_number() {
  if (number_ != nullptr) return {};
  PgStatement& asked = with_arrays("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)");
  CARILLON_CHECK(send(asked, Sent::Read));
  asked.row_ = 0;
  number_ = &asked;
  return {};
}

std::int64_t PgDb::transaction() const noexcept {
  return number_ == nullptr || PQntuples(number_->result_) != 1 ? 0 : number_->integer(0);
}

Result<void> PgDb::commit() {
  CARILLON_CHECK(so_far());
  CARILLON_CHECK(send_text("COMMIT"));
  is_committing_ = true;
  const Result<void> done = drain();
  is_committing_ = false;
  if (done) in_transaction_ = false;
  return done;
}

void PgDb::rollback() noexcept {
  static_cast<void>(drain());
  error_.reset();
  is_lost_ = false;
  if (conn_ != nullptr && in_transaction_) static_cast<void>(exec("ROLLBACK;"));
  in_transaction_ = false;
}

Result<void> PgDb::flush() {
  Result<void> done = drain();
  error_.reset();
  return done;
}

Result<void> PgDb::begin_read() {
  CARILLON_CHECK(ensure());
  error_.reset();
  return send_text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

void PgDb::end_read() noexcept {
  // After an error its part of the pipeline is over, and this ends the transaction like any other.
  error_.reset();
  if (conn_ == nullptr || !send_text("COMMIT")) return;
  static_cast<void>(sync());  // nobody waits for its answer
}

Result<void> PgDb::lock(std::int64_t number) {
  return statement("SELECT pg_advisory_xact_lock(?1)").bind(1, number).run();
}

bool PgDb::is_local() const {
  const char* const address = conn_ == nullptr ? nullptr : PQhostaddr(conn_);
  const std::string_view at = address == nullptr ? "" : address;
  return at.empty() || at == "::1" || at.starts_with("127.");
}

bool PgDb::is_encrypted() const noexcept { return conn_ != nullptr && PQsslInUse(conn_) == 1; }

bool PgDb::is_verified() const {
  if (!is_encrypted()) return false;
  bool is_full = false;
  PQconninfoOption* const options = PQconninfo(conn_);
  for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o)
    is_full |= std::string_view(o->keyword) == "sslmode" && o->val != nullptr &&
               std::string_view(o->val) == "verify-full";
  PQconninfoFree(options);
  return is_full;
}

Result<void> PgDb::lock_shared(std::int64_t number) {
  return statement("SELECT pg_advisory_xact_lock_shared(?1)").bind(1, number).run();
}

// ---- statements
PgStatement::PgStatement(PgDb& db, const char* sql, std::uint64_t number)
    : db_(db), sql_(to_postgres(sql)), name_(fmt::format("c{}", number)) {}

PgStatement::Value& PgStatement::at(int i) {
  if (values_.size() < static_cast<std::size_t>(i)) values_.resize(static_cast<std::size_t>(i));
  return values_[static_cast<std::size_t>(i) - 1];
}

void PgStatement::bind_integer(int i, std::optional<std::int64_t> v) {
  Value& value = at(i);
  value = Value{.type = kInt8, .is_null = !v, .is_number = true};
  if (v) *std::to_chars(value.digits.data(), value.digits.data() + value.digits.size() - 1, *v).ptr = 0;
}

void PgStatement::bind_text(int i, std::optional<std::string_view> v) {
  Value& value = at(i);
  value = Value{.type = kText, .is_null = !v, .is_binary = true, .bytes = v.value_or("")};
  if (is_storable(value.bytes)) return;
  // What a provider answered may be anything: it is kept as far as it is text.
  value.mended = mended(value.bytes);
  value.bytes = value.mended;
}

void PgStatement::bind_bytes(int i, std::string_view v) {
  at(i) = Value{.type = kBytea, .is_null = false, .is_binary = true, .bytes = v};
}

void PgStatement::bind_null(int i) { at(i) = Value{}; }

void PgStatement::bind_array(int i, PgArray& array) {
  at(i) = Value{.type = array.type(), .is_null = false, .is_binary = true, .bytes = array.value()};
}

Result<bool> PgStatement::next() {
  if (!is_run_) {
    PQclear(std::exchange(result_, nullptr));
    CARILLON_CHECK(db_.send(*this, PgDb::Sent::Read));
    is_run_ = true;
    row_ = -1;
    CARILLON_CHECK(db_.drain());
  }
  return ++row_ < PQntuples(result_);
}

Result<void> PgStatement::run() {
  Result<void> sent = db_.send(*this, PgDb::Sent::Run);
  reset();
  return sent;
}

void PgStatement::reset() noexcept {
  PQclear(std::exchange(result_, nullptr));
  is_run_ = false;
  row_ = -1;
}

std::int64_t PgStatement::integer(int c) const noexcept {
  if (is_null(c)) return 0;
  const char* p = PQgetvalue(result_, row_, c);
  if (PQftype(result_, c) == kNumeric) return numeric(c);
  switch (PQgetlength(result_, row_, c)) {
    case 1: return *p;  // a truth, or the byte of a "char"
    case 2: return big_endian<std::int16_t>(p);
    case 4: return big_endian<std::int32_t>(p);
    case 8: return big_endian<std::int64_t>(p);
    default: return 0;
  }
}

// Of a sum: whole, in groups of four digits, the highest first.
std::int64_t PgStatement::numeric(int c) const noexcept {
  const char* p = PQgetvalue(result_, row_, c);
  const int digits = big_endian<std::int16_t>(p), weight = big_endian<std::int16_t>(p + 2);
  const bool is_negative = big_endian<std::int16_t>(p + 4) != 0;
  std::int64_t v = 0;
  for (int i = 0; i <= weight; ++i)
    v = v * 10'000 + (i < digits ? big_endian<std::int16_t>(p + 8 + 2 * i) : 0);
  return is_negative ? -v : v;
}

std::string_view PgStatement::text(int c) const noexcept {
  if (is_null(c)) return {};
  return {PQgetvalue(result_, row_, c), static_cast<std::size_t>(PQgetlength(result_, row_, c))};
}

bool PgStatement::is_null(int c) const noexcept {
  return result_ == nullptr || row_ < 0 || row_ >= PQntuples(result_) || PQgetisnull(result_, row_, c) == 1;
}

// ---- arrays
void PgArray::add(std::int64_t v) {
  append_big_endian(value_, sizeof v);
  const std::int64_t swapped = std::byteswap(v);
  value_.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
  ++n_;
}

void PgArray::add(std::string_view v) {
  if (of_ == Of::Text && !is_storable(v)) return add(std::string_view(mended(v)));
  append_big_endian(value_, static_cast<std::uint32_t>(v.size()));
  value_ += v;
  ++n_;
}

void PgArray::add_null() {
  append_big_endian(value_, 0xffff'ffffU);
  has_null_ = true;
  ++n_;
}

std::string_view PgArray::value() {
  std::string header;
  constexpr std::array<Oid, 4> kElements{kInt8, kText, kBytea, kUuid};
  const Oid element = kElements[static_cast<std::size_t>(of_)];
  for (const std::uint32_t v : {n_ == 0 ? 0U : 1U, std::uint32_t{has_null_}, element, n_, 1U})
    append_big_endian(header, v);
  value_.replace(0, kHeaderBytes, header);
  // Without elements it has no dimension either.
  return n_ == 0 ? std::string_view(value_).substr(0, kHeaderBytes - 8) : std::string_view(value_);
}

Oid PgArray::type() const noexcept {
  constexpr std::array<Oid, 4> kTypes{kInt8Array, kTextArray, kByteaArray, kUuidArray};
  return kTypes[static_cast<std::size_t>(of_)];
}

}  // namespace carillon::store::detail
