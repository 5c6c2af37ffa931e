"""Records of Kafka topics for the scenarios, written and read with kcat, which shares nothing with the server."""
import json
import shutil
import subprocess

import pytest


def _kcat(broker, *words, stdin=""):
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed: tools/install_dependencies.sh test")
    done = subprocess.run(["kcat", "-q", "-b", f"127.0.0.1:{broker.port}", *words], input=stdin, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def write(broker, topic, *values, key=None, headers=None, partition=None):
    """Records with these values (texts, or what becomes JSON), all with the same key and headers."""
    lines = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    assert not any("\n" in line for line in lines)
    words = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}={value}")]
    words += ["-k", key] if key else []
    words += ["-p", str(partition)] if partition is not None else []
    _kcat(broker, "-P", "-t", topic, *words, stdin="".join(line + "\n" for line in lines))


def read(broker, topic):
    """All there is: dicts with partition, offset, key, payload and headers."""
    found = []
    for line in _kcat(broker, "-C", "-t", topic, "-o", "beginning", "-e", "-J").splitlines():
        record = json.loads(line)
        flat = record.get("headers") or []
        record["headers"] = dict(zip(flat[::2], flat[1::2]))
        found.append(record)
    return found
