"""Templates live in git: pull writes them as files, push stores what was changed."""
import json

import pytest

from people import template

HTML = "<h1>{{name}}</h1>\n<p>Welcome.</p>\n"


@pytest.fixture
def folder(tmp_path):
    """Beside the server's own, which is in tmp_path too."""
    return tmp_path / "mail"


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(server, folder, *flags, code=0):
    done = server.cli("template", "push", folder, "--json", *flags, code=code)
    return {(row["kind"], row["key"]): row for row in json.loads(done.out)["data"]} if code == 0 else done


def fill(server):
    server.put("/v1/layouts/main", {"html": "<html>{{{content}}}</html>\n", "text": "{{content}}\n--"})
    template(server, "welcome", layout="main", params=[{"name": "name", "sample": "Kim"}], content={
        "en": {"title": "Hi {{name}}", "body": "one\ntwo", "email": {"html": HTML, "text": "Welcome, {{name}}."}},
        "ko": {"title": "안녕 {{name}}", "email": {"html": "<h1>{{name}}님</h1>"}}})
    template(server, "short", content={"en": {"title": "x", "body": "y"}})


def test_pull_writes_files_that_people_can_edit(server, folder):
    fill(server)
    server.cli("template", "pull", folder)
    files = tree(folder)
    assert sorted(files) == [
        "layouts/main/layout.html", "layouts/main/layout.json", "layouts/main/layout.txt",
        "templates/short/template.json",
        "templates/welcome/en.body.txt", "templates/welcome/en.email.html", "templates/welcome/en.email.txt",
        "templates/welcome/ko.email.html", "templates/welcome/template.json"]
    assert files["templates/welcome/en.email.html"].decode() == HTML + "\n"
    settings = json.loads(files["templates/welcome/template.json"])
    assert settings["content"]["en"]["email"]["html"] == {"file": "en.email.html"}
    assert settings["content"]["ko"]["title"] == "안녕 {{name}}"
    assert "version" not in settings and "key" not in settings


def test_pull_after_push_changes_nothing(server, folder):
    fill(server)
    server.cli("template", "pull", folder)
    before = tree(folder)
    assert {row["change"] for row in pushed(server, folder, "--publish").values()} == {"same"}
    assert server.get("/v1/templates/welcome")["version"] == 1
    done = server.cli("template", "pull", folder, "--json")
    assert {row["change"] for row in json.loads(done.out)["data"]} == {"same"}
    assert tree(folder) == before


def test_push_stores_only_what_differs(server, folder):
    fill(server)
    server.cli("template", "pull", folder)
    file = folder / "templates/welcome/en.email.html"
    file.write_text(file.read_text().replace("Welcome.", "Welcome back."))
    dry = pushed(server, folder, "--dry-run")
    change, = dry["template", "welcome"]["changes"]
    assert change["pointer"] == "/content/en/email/html"
    assert "-<p>Welcome.</p>\n+<p>Welcome back.</p>\n" in change["diff"]
    assert dry["template", "short"]["change"] == dry["layout", "main"]["change"] == "same"
    assert server.get("/v1/templates/welcome")["version"] == 1, "a dry run stores nothing"

    rows = pushed(server, folder)
    assert (rows["template", "welcome"]["change"], rows["template", "welcome"]["version"]) == ("changed", 2)
    assert server.get("/v1/templates/welcome")["version"] == 1, "a draft is not used"
    before = tree(folder)
    server.cli("template", "pull", folder)
    assert tree(folder) == before, "pull takes the newest version"

    assert pushed(server, folder, "--publish")["template", "welcome"]["change"] == "published"
    there = server.get("/v1/templates/welcome")
    assert there["version"] == 2 and "Welcome back." in there["content"]["en"]["email"]["html"]
    assert [v["version"] for v in server.get("/v1/templates/welcome/versions")["data"]] == [2, 1]


def test_a_folder_fills_an_empty_server(server, folder, tmp_path):
    fill(server)
    server.cli("template", "pull", folder)
    files = tree(folder)
    for key in ("welcome", "short"):
        server.delete(f"/v1/templates/{key}")
    server.delete("/v1/layouts/main")
    rows = pushed(server, folder, "--publish")
    assert {row["change"] for row in rows.values()} == {"new"} and len(rows) == 3
    other = tmp_path / "other"
    server.cli("template", "pull", other)
    assert tree(other) == files


def test_a_mistake_is_named_and_nothing_is_stored(server, folder):
    fill(server)
    server.cli("template", "pull", folder)
    (folder / "templates/short/template.json").write_text('{"content":{"en":{"title":"{{nobody}}"}}}')
    (folder / "templates/welcome/en.email.txt").unlink()
    (folder / "layouts/main/layout.html").write_text("<html>{{{content}}}</html> changed")
    done = pushed(server, folder, "--publish", code=2)
    assert 'templates/short: /content/en/title: "nobody" is not a declared parameter' in done.err
    assert 'templates/welcome: there is no file "en.email.txt"' in done.err
    assert server.get("/v1/layouts/main")["version"] == 1


def test_a_text_that_is_gone_takes_its_file_along(server, folder):
    fill(server)
    server.cli("template", "pull", folder)
    (folder / "templates/welcome/notes.md").write_text("ours")
    template(server, "welcome", content={"en": {"title": "x", "body": "y"}})
    server.cli("template", "pull", folder)
    assert sorted(p.name for p in (folder / "templates/welcome").iterdir()) == ["notes.md", "template.json"]


def test_the_commands_say_what_they_did(server, folder):
    fill(server)
    assert "welcome" in server.cli("template", "pull", folder).out
    shown = server.cli("template", "preview", "welcome", "--channel", "email", "--locale", "ko", "--all-locales").out
    assert "Kim" in shown
    template(server, "short", content={"en": {"title": "x", "body": "z"}})
    assert '/content/en/body: y → z' in server.cli("template", "diff", "short", "2").out
    assert "archived" in server.cli("template", "archive", "short").out
    server.cli("template", "unarchive", "short")
    assert "main" in server.cli("layout", "list").out
    assert "'welcome'" in server.cli("layout", "delete", "main", code=1).err
