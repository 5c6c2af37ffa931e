"""A PostgreSQL for the scenarios: a cluster of its own in a temporary folder, reached by a socket there."""
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile



def binaries():
    """The folder with `postgres` and `initdb`; None when it is not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Cluster:
    """Started when it is made; `database()` makes one and gives its URL."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-pg-", dir="/tmp"))
        self._user = None
        if os.geteuid() == 0:  # it refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self._user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "carillon", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync", "--no-instructions")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nfsync = off\n"
                           "full_page_writes = off\n")
        self._count = 0
        self.port = 5432  # of the socket's name
        self.start()

    @property
    def data(self):
        return self.folder / "data"

    def _run(self, program, *arguments):
        def leave_root():
            if self._user:
                os.setgroups([])
                os.setgid(self._user.pw_gid)
                os.setuid(self._user.pw_uid)
        done = subprocess.run([str(binaries() / program), *map(str, arguments)], preexec_fn=leave_root, cwd="/",
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def start(self):
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "start")

    def listen(self, certificate=None, key=None):
        """On localhost at `port` from now on, with TLS when it gets a certificate, and then with nothing else."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.stop("fast")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\n")
            if certificate:
                settings.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n")
        for source, name in ((certificate, "server.pem"), (key, "server.key")):
            if source:
                place = self.data / name
                shutil.copyfile(source, place)
                place.chmod(0o600)
                if self._user:
                    os.chown(place, self._user.pw_uid, self._user.pw_gid)
        lines = (self.data / "pg_hba.conf").read_text().splitlines()
        kept = [line for line in lines if not line.startswith("host")]
        kept.append(("hostssl" if certificate else "host") + " all all 127.0.0.1/32 trust")
        (self.data / "pg_hba.conf").write_text("\n".join(kept) + "\n")
        self.start()

    def stop(self, mode="immediate"):
        """immediate: as after a crash."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def sql(self, statement, database="postgres"):
        """What psql prints of one statement."""
        done = subprocess.run([str(binaries() / "psql"), "-h", str(self.folder), "-p", str(self.port), "-U", "carillon",
                               "-d", database, "-qAt", "-c", statement], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def database(self):
        self._count += 1
        name = f"story{self._count}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://carillon@/{name}?host={self.folder}&port={self.port}"

    def beside(self, url, name):
        """The URL of a database of that name, which is not there yet, whatever an earlier story left."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return url.replace(f"/{name_of(url)}?", f"/{name}?")

    def end(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def name_of(url):
    return re.search(r"/(\w+)\?", url).group(1)
