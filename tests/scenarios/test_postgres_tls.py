"""PostgreSQL is reached by TLS with its certificate and name checked; whoever cannot show them is refused by name."""
import subprocess

import pytest

import harness
import postgres


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments, folder):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def authority(folder, name):
    openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", folder=folder)
    return folder / f"{name}.pem"


def certificate(folder, by, host):
    openssl("req", *NEW_KEY, "-subj", f"/CN={host}", "-keyout", f"{host}.key", "-out", f"{host}.csr", folder=folder)
    (folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
    openssl("x509", "-req", "-in", f"{host}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", f"{host}.pem", folder=folder)
    return folder / f"{host}.pem", folder / f"{host}.key"


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roots")
    return {name: authority(folder, name) for name in ("ours", "theirs")}


@pytest.fixture(scope="module")
def encrypted(roots):
    """A server that takes connections of the network by TLS only, as `localhost`."""
    if not postgres.binaries():
        pytest.skip("postgres: PostgreSQL is not installed; run tools/install_dependencies.sh test")
    cluster = postgres.Cluster()
    cluster.listen(*certificate(roots["ours"].parent, "ours", "localhost"))
    yield cluster
    cluster.end()


def url_of(cluster, root, mode="verify-full", host="localhost", password="geheim"):
    name = postgres.name_of(cluster.database())
    return f"postgres://carillon:{password}@{host}:{cluster.port}/{name}?sslmode={mode}&sslrootcert={root}"


def refused(folder, url):
    done = harness.run("serve", "--data", folder, "--listen", "127.0.0.1:0", environment={"CARILLON_STORE_URL": url})
    assert done.code != 0, done
    said = done.out + done.err
    assert "store.url" in said and "geheim" not in said, said
    return said


def test_a_certificate_and_name_that_fit_are_taken(make_server, encrypted, roots):
    server = make_server(environment={"CARILLON_STORE_URL": url_of(encrypted, roots["ours"])})
    sent = server.send(to=[{"email": "ok@sandbox.carillon.test"}], channels=["email"], title="x", body="y", auth="test")
    assert server.wait_final(sent["id"])["outcome"] == "success"
    # All of its connections are encrypted.
    seen = encrypted.sql("SELECT bool_and(s.ssl), count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                         "WHERE a.application_name LIKE 'carillon%'")
    assert seen.startswith("t|") and int(seen[2:]) >= 8
    found = server.cli("doctor", "--json", "--set", f"server.listen=127.0.0.1:{server.port}", code=1,
                       environment=server.environment).json["checks"]
    assert not [check for check in found if check["check"] == "postgres TLS"]
    # This one is a test's: the doctor says so, and refuses.
    assert {check["check"] for check in found if check["result"] == "FAIL"} == {
        "postgres fsync", "postgres full_page_writes"}


def test_another_root_is_refused(tmp_path, encrypted, roots):
    said = refused(tmp_path / "data", url_of(encrypted, roots["theirs"]))
    assert "certificate verify failed" in said


def test_another_name_is_refused(tmp_path, encrypted, roots):
    said = refused(tmp_path / "data", url_of(encrypted, roots["ours"], host="127.0.0.1"))
    assert "does not match host name" in said
    # Where only the root is checked, the name does not matter.
    done = harness.run("status", "--data", tmp_path / "data", environment={
        "CARILLON_STORE_URL": url_of(encrypted, roots["ours"], mode="verify-ca", host="127.0.0.1")})
    assert "certificate" not in done.err


def test_a_root_that_is_not_there_is_named(tmp_path, encrypted):
    assert "/no/such/root.pem" in refused(tmp_path / "data", url_of(encrypted, "/no/such/root.pem"))


@pytest.fixture
def plain(encrypted):
    cluster = postgres.Cluster()
    cluster.listen()
    yield cluster
    cluster.end()


def test_a_server_without_tls_is_refused(tmp_path, encrypted, roots, plain):
    said = refused(tmp_path / "data", url_of(plain, roots["ours"]))
    assert "does not support SSL" in said
    # And the other way: who does not want it is not let in.
    said = refused(tmp_path / "other", url_of(encrypted, roots["ours"], mode="disable"))
    assert "no encryption" in said or "pg_hba.conf" in said


def test_a_move_goes_by_tls_too(make_server, encrypted, roots):
    server = make_server()
    server.put_user("ann", name="Ann")
    server.stop()
    wrong = harness.run("migrate", "--from", f"sqlite:{server.data}",
                        environment={"CARILLON_STORE_URL": url_of(encrypted, roots["theirs"])})
    assert wrong.code == 1 and "certificate verify failed" in wrong.err and "geheim" not in wrong.err
    url = url_of(encrypted, roots["ours"])
    done = harness.run("migrate", "--from", f"sqlite:{server.data}", environment={"CARILLON_STORE_URL": url})
    assert done.code == 0, done
    server.environment = {"CARILLON_STORE_URL": url}
    server.start()
    assert server.get("/v1/users/ann")["name"] == "Ann"
