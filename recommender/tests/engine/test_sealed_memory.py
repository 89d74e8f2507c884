"""Memory that forked processes hold together, seen from outside by the kernel's own account."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.engine.sealed_memory import Draft, draft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memfd_create is Linux's")

CONTENT = bytes(range(256)) * 4096

# Forks readers as gunicorn does its workers; each says on its pipe in which memory (inode) the
# bytes under a key are, and stays until it is told to end.
FAMILY = """
import json, os, sys
from recommender.engine.sealed_memory import draft

CONTENT = bytes(range(256)) * 4096

def hold(key, content):
    memory = draft(len(content))
    memory.write(0, content)
    view = memory.seal(key)
    memory.drop()
    assert bytes(view) == content
    return view

def place(view):
    maps = open("/proc/self/maps").read().splitlines()
    return sorted(line.split()[4] for line in maps if "memfd:artifact " in line)

class Reader:
    def __init__(self, key, content):
        answer, tell = os.pipe()
        wait, self.leave = os.pipe()
        self.process = os.fork()
        if not self.process:
            view = hold(key, content)
            os.write(tell, json.dumps(place(view)).encode())
            os.read(wait, 1)
            os._exit(0)
        self.places = json.loads(os.read(answer, 65536))

    def end(self):
        # Not by closing: those forked later have this end too.
        os.write(self.leave, b".")
        os.waitpid(self.process, 0)
"""


def family(script: str) -> dict[str, list[list[str]]]:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", FAMILY + script],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_forked_processes_hold_the_same_bytes_once() -> None:
    found = family("""
readers = [Reader("one", CONTENT) for _ in range(3)]
print(json.dumps({"places": [reader.places for reader in readers]}))
for reader in readers: reader.end()
""")
    assert [len(places) for places in found["places"]] == [1, 1, 1], "each maps one memory"
    assert len({places[0] for places in found["places"]}) == 1, "and it is the same"


def test_who_comes_later_finds_those_who_are_left() -> None:
    found = family("""
first, second = Reader("one", CONTENT), Reader("one", CONTENT)
first.end()
third = Reader("one", CONTENT)
second.end()
third.end()
fourth = Reader("one", CONTENT)
fourth.end()
print(json.dumps({"places": [r.places for r in (first, second, third, fourth)]}))
""")
    first, second, third, fourth = (places[0] for places in found["places"])
    assert first == second == third, "the second held on when the first had ended"
    assert len(fourth) and fourth != third, "nobody was left"


def test_other_bytes_are_never_taken() -> None:
    found = family("""
readers = [
    Reader("one", CONTENT),
    Reader("two", CONTENT),
    Reader("one", CONTENT[1:] + b"x"),
    Reader("one", CONTENT[1:]),
]
print(json.dumps({"places": [reader.places for reader in readers]}))
for reader in readers: reader.end()
""")
    assert len({places[0] for places in found["places"]}) == 4


def test_a_board_that_was_half_written_stops_nobody() -> None:
    found = family("""
from recommender.engine import sealed_memory
first = Reader("one", CONTENT)
half = b'{"one": [[1'.ljust(sealed_memory._BOARD_BYTES, bytes(1))
os.pwrite(sealed_memory._board._descriptor, half, 0)
second, third = Reader("one", CONTENT), Reader("one", CONTENT)
print(json.dumps({"places": [r.places for r in (first, second, third)]}))
for reader in (first, second, third): reader.end()
""")
    first, second, third = (places[0] for places in found["places"])
    assert first != second == third


def test_nobody_can_change_or_shorten_it() -> None:
    memory = draft(len(CONTENT))
    memory.write(0, CONTENT)
    view = memory.seal("sealed")
    memory.drop()
    assert view.readonly
    mine = Path("/proc/self/fd")
    held = [
        fd for fd in mine.iterdir() if fd.is_symlink() and "memfd:artifact " in str(fd.readlink())
    ]
    assert held
    for descriptor in held:
        if descriptor.stat().st_size != len(CONTENT):
            continue
        with pytest.raises(PermissionError), descriptor.open("r+b", buffering=0) as file:
            file.write(b"other")
        with pytest.raises(PermissionError):
            os.truncate(descriptor, 1)
    assert bytes(view) == CONTENT


def test_it_goes_with_the_last_use_of_it() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        memory = draft(4096)
        memory.write(0, b"x" * 4096)
        view = memory.seal("short")
        memory.drop()
        assert view[0] == ord("x")
    del view
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_where_it_cannot_be_shared_it_is_the_same_bytes() -> None:
    memory = Draft(len(CONTENT))
    memory.write(0, CONTENT[:1000])
    memory.write(1000, CONTENT[1000:])
    view = memory.seal("own")
    memory.drop()
    assert view.readonly and bytes(view) == CONTENT
