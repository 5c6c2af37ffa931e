#include "api/slices.h"

namespace carillon::api {
namespace {

constexpr std::string_view kMember = "notifications";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool is_at_end() const { return at_ >= text_.size(); }
  void step() { ++at_; }

  // From the opening quote past the closing one; what is between them, escapes as they are.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    const std::size_t end = at_ < text_.size() ? at_ : text_.size();
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }

  // One value of any kind.
  std::string_view value() {
    skip_space();
    const std::size_t begin = at_;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        string();
        if (depth == 0) break;
        continue;
      }
      if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_space(c))) break;
      ++at_;
      if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        break;
      }
    }
    const std::size_t end = at_ < text_.size() ? at_ : text_.size();
    return begin < end ? text_.substr(begin, end - begin) : std::string_view{};
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::vector<std::string_view> elements(Scanner& scanner) {
  std::vector<std::string_view> slices;
  scanner.step();
  scanner.skip_space();
  while (!scanner.is_at_end() && scanner.peek() != ']') {
    const std::string_view slice = scanner.value();
    if (slice.empty()) break;  // not JSON
    slices.push_back(slice);
    scanner.skip_space();
    if (scanner.peek() == ',') scanner.step();
    scanner.skip_space();
  }
  return slices;
}

}  // namespace

std::vector<std::string_view> batch_slices(std::string_view json) {
  Scanner scanner(json);
  scanner.skip_space();
  if (scanner.peek() == '[') return elements(scanner);
  if (scanner.peek() != '{') return {};
  scanner.step();
  scanner.skip_space();
  while (scanner.peek() == '"') {
    const std::string_view key = scanner.string();
    scanner.skip_space();
    if (scanner.peek() == ':') scanner.step();
    scanner.skip_space();
    if (key == kMember) return scanner.peek() == '[' ? elements(scanner) : std::vector<std::string_view>{};
    scanner.value();
    scanner.skip_space();
    if (scanner.peek() == ',') scanner.step();
    scanner.skip_space();
  }
  return {};
}

}  // namespace carillon::api
