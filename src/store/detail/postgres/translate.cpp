// The SQL of the shared code in PostgreSQL's words.
#include <cctype>
#include <string>

#include "store/detail/postgres/connection.h"

namespace carillon::store::detail {
namespace {

bool is_word(char c) noexcept { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The text in pieces: words, quoted texts, spaces, single other characters.
class Pieces {
 public:
  explicit Pieces(std::string_view sql) : rest_(sql) {}
  std::string_view next() {
    if (rest_.empty()) return {};
    std::size_t n = 1;
    if (const char c = rest_[0]; c == '\'' || c == '"') {
      // A quote inside of one is two of them, which reads as two texts side by side.
      n = rest_.find(c, 1);
      n = n == std::string_view::npos ? rest_.size() : n + 1;
    } else if (is_word(c)) {
      while (n < rest_.size() && is_word(rest_[n])) ++n;
    } else if (c == ' ') {
      while (n < rest_.size() && rest_[n] == ' ') ++n;
    }
    const std::string_view piece = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return piece;
  }
  // Takes it away when it comes next, whatever spaces are before it.
  bool skip(std::string_view wanted) {
    Pieces ahead = *this;
    std::string_view piece = ahead.next();
    if (!piece.empty() && piece[0] == ' ') piece = ahead.next();
    if (piece != wanted) return false;
    *this = ahead;
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string to_postgres(std::string_view sql) {
  std::string out;
  out.reserve(sql.size() + 32);
  bool ignores = false;
  Pieces pieces(sql);
  for (std::string_view piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    if (piece == "?") {
      out += '$';
    } else if (piece == "INDEXED" && pieces.skip("BY")) {
      static_cast<void>(pieces.next());  // the space
      static_cast<void>(pieces.next());  // the index
    } else if (piece == "NOT" && pieces.skip("INDEXED")) {
    } else if (piece == "CROSS" && pieces.skip("JOIN")) {
      out += "JOIN";
    } else if ((piece == "main" || piece == "people") && pieces.skip(".")) {
    } else if (piece == "ifnull") {
      out += "coalesce";
    } else if (piece == "INSERT" && pieces.skip("OR")) {
      ignores = pieces.skip("IGNORE");
      out += ignores ? "INSERT" : "INSERT OR";
    } else {
      out += piece;
    }
  }
  if (ignores) out += " ON CONFLICT DO NOTHING";
  return out;
}

}  // namespace carillon::store::detail
