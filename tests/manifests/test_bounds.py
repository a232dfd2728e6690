"""Hostile files end in a finding, soon and in little memory; each in a process of its own whose memory is limited."""

import json
import subprocess
import sys

import pytest

MEBIBYTE = 1024 * 1024
ADDRESS_SPACE = 700 * MEBIBYTE
"""Leaves 300 MB beside what the interpreter and the libraries map."""

SCRIPT = f"""
import json, resource, sys, time
def peak_bytes():
    # What getrusage tells begins with the peak of the process this one was forked from; Linux has its own as well.
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESS_SPACE}, {ADDRESS_SPACE}))
from callkeeper.manifests.loading import read_paths
from callkeeper.kinds.reading import read_object
started = time.process_time()
manifests = read_paths([sys.argv[1]])
print(json.dumps({{
    "seconds": time.process_time() - started,
    "memory": peak_bytes(),
    "rules": sorted({{one.finding.rule for one in manifests.findings}}),
}}))
"""

BOMBS = {
    "a file of 100 MB": ("yaml.too-large", lambda: b"\0" * 100 * MEBIBYTE),
    "an alias bomb": (
        "yaml.aliases",
        lambda: (
            b"a: &a ["
            + b"x," * 9
            + b"]\n"
            + b"".join(b"%c: &%c [%s]\n" % (at + 1, at + 1, b"*%c," % at * 9) for at in range(97, 106))
        ),
    ),
    "a merge bomb": (
        "yaml.aliases",
        lambda: (
            b"a: &a {"
            + b",".join(b"k%d: 1" % i for i in range(400))
            + b"}\n"
            + b"b: &b {<<: ["
            + b"*a," * 400
            + b"]}\n"
        ),
    ),
    "a flow depth bomb": ("yaml.depth", lambda: b"[" * 5 * MEBIBYTE),
    "a block depth bomb": ("yaml.depth", lambda: b"- " * 5 * MEBIBYTE),
    "keys within keys": ("yaml.depth", lambda: b"? " * 5 * MEBIBYTE),
    "invalid UTF-8 at the end": ("yaml.encoding", lambda: b"a: b\n" * 5 * MEBIBYTE + b"\xff"),
    "a text without end": ("yaml.syntax", lambda: b"a: '" + b"\n" * 25 * MEBIBYTE),
    "nothing but broken documents": ("yaml.syntax", lambda: b"---\na: [\n" * 3 * MEBIBYTE),
    "nothing but empty documents": ("yaml.too-large", lambda: b"---\n" * 7 * MEBIBYTE),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_file_ends_in_a_finding_within_a_second_and_300_mb(name, tmp_path):
    rule, make = BOMBS[name]
    path = tmp_path / "bomb.yaml"
    path.write_bytes(make())
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert rule in result["rules"]
    assert result["memory"] < 300 * MEBIBYTE
    # Processor time, and twice the bar: another process on the same core slows this one too.
    assert result["seconds"] < 2


def test_a_file_of_half_a_million_values_keeps_to_its_memory(tmp_path):
    path = tmp_path / "list.yaml"
    path.write_text("".join(f"- &a{number} x\n" for number in range(700_000)))
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)
    assert result["rules"] == ["yaml.too-large"]
    assert result["memory"] < 300 * MEBIBYTE
