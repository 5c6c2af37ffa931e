// What the hot path pays in this folder. Not in the build; by hand, from the repository's root, after
// building carillon_model in build/:
//
//   clang++-19 -std=c++23 -O2 -Isrc src/model/model_bench.cpp -o build/model_bench build/libcarillon_model.a
//     build/libcarillon_base.a -fuse-ld=lld -lfmt -lsimdjson -lssl -lcrypto -lspdlog -l:libphonenumber.so.8
//     -ldate-tz -lpthread && build/model_bench
//
// Prints nanoseconds per call: the best of five rounds.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <kainjow/mustache.hpp>

#include "model/notification.h"
#include "model/template.h"

namespace {

using namespace carillon;

template <class Work>
void measure(const char* what, int count, Work&& work) {
  double best = 1e18;
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) work();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / count);
  }
  fmt::print("{:<48} {:>9.0f} ns\n", what, best);
}

std::shared_ptr<model::CompiledTemplate> compiled(std::string_view json) {
  base::JsonDocument document;
  base::Problems problems;
  auto t =
      std::make_shared<const model::Template>(model::read_template(*document.parse(json), "t", problems));
  return *model::CompiledTemplate::compile(std::move(t));
}

}  // namespace

int main() {
  constexpr std::string_view kRequest =
      R"({"event_id":"order-7264519-shipped","to":[{"user_id":"user-000481516"}],"category":"orders",)"
      R"("template":"order_shipped","params":{"order_id":"A-1002391","item_name":"Bluetooth headphones"}})";
  constexpr std::string_view kParams = R"({"order_id":"A-1002391","item_name":"Bluetooth headphones"})";
  constexpr std::string_view kOther = R"({"order_id":"A-1002392","item_name":"Bluetooth headphones"})";
  base::JsonDocument document;
  std::size_t kept = 0;
  measure("parse a request", 200'000, [&] { kept += document.parse(kRequest)->is_object(); });
  const auto root = *document.parse(kRequest);
  measure("read_send_request", 200'000, [&] {
    base::Problems problems;
    kept += model::read_send_request(root, std::nullopt, {}, problems).to.size();
  });
  measure("fingerprint", 200'000, [&] { kept += model::fingerprint(kRequest)[0]; });

  const auto t = compiled(R"({"params":[{"name":"order_id","required":true},{"name":"item_name"}],"content":{
      "en":{"title":"Order {{order_id}}","body":"{{item_name}} is on its way to you."},
      "ko":{"title":"주문 {{order_id}}","body":"{{item_name}} 배송이 시작되었습니다."}}})");
  model::CompiledTemplate::Input input;
  input.locales = {"ko-KR"};
  input.params = kParams;
  measure("render push, the same params again", 200'000, [&] { kept += t->render(input)->body.size(); });
  measure("render push, other params each time", 200'000, [&] {
    input.params = input.params == kParams ? kOther : kParams;
    kept += t->render(input)->body.size();
  });
  base::JsonDocument declared;
  base::Problems problems;
  const model::Template source = model::read_template(
      *declared.parse(
          R"({"params":[{"name":"order_id"},{"name":"item_name"}],"content":{"en":{"body":"x"}}})"),
      "t", problems);
  measure("check_params", 200'000, [&] {
    model::check_params(source, kParams, {}, "/params", problems);
    kept += problems.size();
  });

  const auto sections = compiled(R"({"params":[{"name":"list","type":"list"}],"content":{
      "en":{"body":"Your order:{{#list}} {{name}} ({{count}}){{/list}}."}}})");
  input.params =
      R"({"list":[{"name":"tea","count":"1"},{"name":"cup","count":"2"},{"name":"pot","count":"1"}]})";
  input.channel = model::Channel::Sms;
  measure("render a section over 3 items", 100'000, [&] { kept += sections->render(input)->body.size(); });
  kainjow::mustache::mustache other("Your order:{{#list}} {{name}} ({{count}}){{/list}}.");
  kainjow::mustache::data data, list(kainjow::mustache::data::type::list);
  for (const char* name : {"tea", "cup", "pot"}) {
    kainjow::mustache::data item;
    item.set("name", name);
    item.set("count", "1");
    list.push_back(item);
  }
  data.set("list", list);
  measure("the same by kainjow mustache, data ready", 100'000, [&] { kept += other.render(data).size(); });
  return kept == 0 ? 1 : 0;
}
