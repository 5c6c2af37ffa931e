"""Each rule of tidy.py fires on a bad example and stays silent on a good one."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy  # noqa: E402

TABLE = """# Architecture
### Dependency table
| folder | may include | front door | what |
|---|---|---|---|
| `base` | – | all | everywhere |
| `net` | base | all | bytes |
| `store` | base | `store/store.h`; app: all | truth |
| `providers` | base net | `providers/provider.h` `providers/catalog.h` | vendors |
| `sim` | base net | all | simulator |
| `app` | base net store providers sim | all | main |
"""
H = "#pragma once\n"
TREE = {
    "ARCHITECTURE.md": TABLE,
    "src/base/error.h": H,
    "src/net/http.h": H,
    "src/store/store.h": H,
    "src/store/sqlite.h": H,
    "src/providers/catalog.def": "PROVIDER(bird_sms)\n",
    "src/providers/bird_sms.cpp": 'const char* kName = "bird_sms";\n',
    "src/sim/bird.cpp": 'const char* kVendor = "bird_sms";\n',
    "src/app/main.cpp": '#include "store/sqlite.h"\nint main() { return 0; }\n',
    "tests/fixtures/providers/bird_sms/success.json": "{}",
}


def problems(tmp_path, files):
    for path, text in {**TREE, **files}.items():
        if text is None:
            continue
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return [(p.path, p.line, p.rule) for p in tidy.check(tmp_path)]


def body(lines):
    return "  f();\n" * lines


# rule, file, text, line of the problem
BAD = [
    ("layers", "src/net/a.cpp", '#include "store/store.h"\n', 1),
    ("layers", "src/base/a.cpp", '\n#include "net/http.h"\n', 2),
    ("layers", "src/net/a.cpp", '#include "http.h"\n', 1),
    ("layers", "src/net/a.cpp", '#include "net/../base/error.h"\n', 1),
    ("layers", "src/sim/a.cpp", '#include "providers/catalog.h"\n', 1),
    ("front-door", "src/net/a.cpp", '#include "base/detail/x.h"\n', 1),
    ("front-door", "src/app/a.cpp", '#include "providers/bird.h"\n', 1),
    ("banned-folders", "src/base/util/a.h", H, 1),
    ("banned-folders", "tests/helpers/a.py", "", 1),
    ("size", "src/net/a.cpp", "// x\n" * 801, 801),
    ("size", "src/net/a.h", H + "// x\n" * 250, 251),
    ("size", "src/net/a.cpp", "\nvoid g() {\n" + body(69) + "}\n", 2),
    ("size", "src/net/a.cpp", "struct A {\n  A(int b)\n      : b_{b} {\n" + body(69) + "  }\n};\n", 3),
    ("size", "src/net/a.cpp", "TEST(A, B) {\n" + body(30) + "  auto f = [] {\n" + body(40) + "  };\n}\n", 1),
    ("size", "src/net/a.cpp", "// " + "x" * 108 + "\n", 1),
    ("size", "tools/a.py", "# " + "x" * 119 + "\n", 1),
    ("pragma-once", "src/net/a.h", "// A header.\nint a();\n", 1),
    ("own-header-first", "src/net/http.cpp", '#include <string>\n#include "net/http.h"\n', 1),
    ("no-using-namespace-in-header", "src/net/a.h", H + "using namespace std;\n", 2),
    ("no-detached", "src/net/a.cpp", "void f() { co_spawn(ex, task(), asio::detached); }\n", 1),
    ("no-detached", "src/net/a.cpp", "void f() { std::thread(g).detach(); }\n", 1),
    ("no-sleep", "src/net/a_test.cpp", "void f() { std::this_thread::sleep_for(1s); }\n", 1),
    ("property-is-asserted", "src/net/a_test.cpp", "TEST(A, B) {\n  rc::check([] {});\n}\n", 2),
    ("property-is-asserted", "tests/conformance/a.cpp", "void f() { g(); rc::check(\"x\", [] {}); }\n", 1),
    ("coroutine-lambda-called", "src/net/a.cpp",
     "void f(int& n) {\n  co_spawn(ex, [&n]() -> Task<void> { co_return; }(), token);\n}\n", 2),
    ("coroutine-lambda-called", "src/net/a.cpp",
     "void f() { run([this] -> asio::awaitable<int> { co_return 1; }()); }\n", 1),
    ("coroutine-parameters", "src/net/a.h", H + "Task<Result<int>> read(int fd,\n  std::string_view name);\n", 3),
    ("coroutine-parameters", "src/net/a.h", H + "Task<void> write(const std::string& text);\n", 2),
    ("coroutine-parameters", "src/net/a.h", H + "boost::asio::awaitable<void> write(Job&& job);\n", 2),
    ("lock-across-suspension", "src/net/a.cpp",
     "Task<void> f() {\n  std::lock_guard lock(m);\n  if (x) {\n    co_await g();\n  }\n}\n", 4),
    ("provider-name-only-in-its-file", "src/net/a.cpp", 'bool f() { return p == "bird_sms"; }\n', 1),
    ("provider-name-only-in-its-file", "src/app/a.cpp", "\nBirdSms b;\n", 2),
    ("provider-name-only-in-its-file", "src/providers/cat_sms.cpp", 'auto a = "bird_sms";\n', 1),
    ("provider-has-fixtures", "src/providers/catalog.def", "PROVIDER(bird_sms)\nPROVIDER(cat_sms)\n", 1),
    ("map-fresh", "src/extra/a.cpp", "", 1),
    ("map-fresh", "ARCHITECTURE.md", TABLE + "| `gone` | base | all | nothing |\n", 11),
    ("doc-links", "docs/a.md", "\nsee [this](missing.md#part)\n", 2),
    ("no-fixme", "src/net/a.cpp", "\n// TO" + "DO later\n", 2),
    ("no-fixme", "docs/a.md", "FIX" + "ME\n", 1),
    ("machine-paths", "docs/a.md", "run /ro" + "ot/bin/x\n", 1),
]


@pytest.mark.parametrize("rule,path,text,line", BAD, ids=[f"{b[0]}-{i}" for i, b in enumerate(BAD)])
def test_rule_fires(tmp_path, rule, path, text, line):
    reported = "src/base/util" if path.startswith("src/base/util") else path
    reported = "tests/helpers" if path.startswith("tests/helpers") else reported
    reported = "ARCHITECTURE.md" if rule == "map-fresh" else reported
    reported = "tests/fixtures/providers/cat_sms" if rule == "provider-has-fixtures" else reported
    assert (reported, line, rule) in problems(tmp_path, {path: text})


def test_every_rule_has_a_bad_example():
    assert {bad[0] for bad in BAD} == set(tidy.RULES)


GOOD = {
    "src/store/a.cpp": '#include "base/error.h"\n#include "store/sqlite.h"\n#include <vector>\n',
    "src/net/b.cpp": "\n".join([
        "// detached, using namespace std, sleep_for: words in comments are free; so is \"bird_sms\"",
        'const char* kText = "co_spawn(ex, f(), detached)";',
        'const char* kRaw = R"x(std::thread().detach(); } } })x";',
        "constexpr int kBig = 1'000'000; const char kBrace = '{';",
        "#define OPEN_BRACE {",
        "Task<void> f(std::string text, Stream& stream, std::span<Job> jobs) {",
        "  { const std::lock_guard lock(m); ++n; }",
        "  EXPECT_TRUE(rc::check([] {}));",
        "  co_await g();",
        "  std::unique_lock second(m);",
        "  second.unlock();",
        "  co_await g();",
        "  gate.spawn(ex, \"x\", [this]() -> Task<void> { co_return; });",
        "}",
        "const std::array kTable = {", *["  Row{1, f(2)},"] * 90, "};",
        "enum class Long {", *["  A,"] * 90, "};",
        "struct Long {", *["  int f() { return 1; }"] * 90, "};",
        "void at_the_limit() {", *["  f();"] * 68, "}", "",
    ]),
    "src/net/b_test.cpp": 'const char* kName = "bird_sms";\n',
    "docs/a.md": "[code](../src/net/http.h) [web](https://a.example/x) [here](#a) [route](/docs)\n"
                 "```\n[x](nothing.md)\n```\n`[y](nothing.md)`\n",
}


def test_good_code_passes(tmp_path):
    assert problems(tmp_path, GOOD) == []


def test_allowed_line_silences_one_rule_of_one_file(tmp_path):
    files = {"src/net/a.h": "int a();\nusing namespace std;\n",
             "tools/tidy-allow.txt": "# comment\nsrc/net/a.h pragma-once because of a test\n"}
    assert problems(tmp_path, files) == [("src/net/a.h", 2, "no-using-namespace-in-header")]


def test_allowed_line_that_allows_nothing_is_a_problem(tmp_path):
    files = {"tools/tidy-allow.txt": "src/net/http.h pragma-once was needed once\n"}
    assert problems(tmp_path, files) == [("tools/tidy-allow.txt", 1, "allow")]


def test_allowed_line_needs_a_known_rule_and_a_reason(tmp_path):
    files = {"tools/tidy-allow.txt": "src/net/http.h pragma-once\nsrc/net/http.h no-such-rule because\n"}
    assert problems(tmp_path, files) == [("tools/tidy-allow.txt", 1, "allow"), ("tools/tidy-allow.txt", 2, "allow")]


def test_missing_dependency_table_is_a_problem(tmp_path):
    assert ("ARCHITECTURE.md", 1, "layers") in problems(tmp_path, {"ARCHITECTURE.md": "# Architecture\n"})


def test_exit_code_and_format(tmp_path, capsys):
    problems(tmp_path, {"src/net/a.h": "int a();\n"})
    assert tidy.main([str(tmp_path)]) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("src/net/a.h:1: ") and "; " in line and line.endswith("(pragma-once)")
    (tmp_path / "src/net/a.h").write_text(H)
    assert tidy.main([str(tmp_path)]) == 0
