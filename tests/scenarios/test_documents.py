"""What the documents tell a newcomer to type works as typed; what is generated is fresh."""
import os
import re
import subprocess

import harness
import pytest

BLOCK = re.compile(r"^```sh test\n(.*?)^```", re.M | re.S)
WRITTEN_FOR = "http://127.0.0.1:8080"
BACKUPS = "/mnt/backups"


def documents():
    pages = [harness.ROOT / "README.md", harness.ROOT / "README.ko.md", *sorted((harness.ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if BLOCK.search(page.read_text())]


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(harness.ROOT)))
def test_every_command_of_a_page_works(server, page, tmp_path):
    """In a folder that has ./carillon-data, with `carillon` in the PATH."""
    here = tmp_path / "here"
    for folder in (here, tmp_path / "bin", tmp_path / "backups"):
        folder.mkdir()
    (here / "carillon-data").symlink_to(server.data)
    (tmp_path / "bin" / "carillon").symlink_to(harness.BINARY)
    environment = harness.clean_environment(KEY=server.app[0], SECRET=server.app[1], TOKEN=server.token,
                                            PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for block in BLOCK.findall(page.read_text()):
        script = block.replace(WRITTEN_FOR, server.url).replace(BACKUPS, str(tmp_path / "backups"))
        # --fail-with-body: a problem is a failed command, and is shown.
        script = script.replace("curl -s ", "curl -s --fail-with-body ")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=here,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    (here / "carillon-restored" / "ballast").unlink(missing_ok=True)


def test_the_pages_with_commands_are_found():
    names = {page.name for page in documents()}
    assert names >= {"README.md", "README.ko.md", "sending.md", "templates.md", "backup.md"}


def test_the_generated_reference_is_fresh(tmp_path):
    harness.run("reference", str(tmp_path))
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (harness.ROOT / "docs" / "reference").iterdir()}
    assert made.keys() == kept.keys()
    stale = [name for name in made if made[name] != kept[name]]
    assert not stale, f"run `make docs`: {stale} are not what the binary says"
