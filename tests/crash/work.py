#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A workload that writes down what it was told, and who checks it afterwards.

work.py run KIND DIR NOTES [SEED]    does the workload KIND in DIR
work.py check DIR NOTES              after a crash: C1 and C2 hold in DIR

NOTES is a file outside of the mount, one JSON line before each operation and
one after it was acknowledged.  A file's bytes follow from its id and size, so
what is found is exactly one of the versions that may be there, or wrong:

  acknowledged last                must be there
  begun, not acknowledged          may be there instead, whole
  never acknowledged               may be absent

The end of the daemon ends the workload: any OSError is an answer, and the
operation then counts as not acknowledged.
"""
import json
import os
import random
import sys


def content(number, size):
    """The bytes of a version."""
    return random.Random(number).randbytes(size)


class Notes:
    """What was begun and what was acknowledged."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.next = 0

    def write(self, **what):
        self.file.write(json.dumps(what) + "\n")
        self.file.flush()

    def number(self):
        """An id that no version has had."""
        self.next += 1
        return self.next


class Work:
    """The workloads; each file operation is noted before and after."""

    def __init__(self, directory, notes, seed):
        self.dir = directory
        self.notes = notes
        self.dice = random.Random(seed)
        self.now = {}  # name -> bytes

    def path(self, name):
        return os.path.join(self.dir, name)

    def publish(self, name, data, how):
        """Make name hold data by how(path); note it as one operation."""
        self.notes.write(begin=name, hex=digest(data), size=len(data))
        how(self.path(name))
        self.notes.write(done=name, hex=digest(data), size=len(data))
        self.now[name] = data

    def put(self, name, size, step=1 << 20, sync=False):
        """Write a whole new version."""
        data = content(self.notes.number(), size)

        def how(path):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                for at in range(0, size, step):
                    os.write(fd, data[at:at + step])
                    if sync and at >= size // 2:
                        os.fsync(fd)
                        sync_once.append(1)
            finally:
                os.close(fd)
        sync_once = []
        self.publish(name, data, how)

    def append(self, name, size):
        """Add bytes at the end."""
        more = content(self.notes.number(), size)
        data = self.now[name] + more

        def how(path):
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, more)
            finally:
                os.close(fd)
        self.publish(name, data, how)

    def patch(self, name, offset, size):
        """Change bytes in the middle."""
        new = content(self.notes.number(), size)
        old = self.now[name]
        data = old[:offset] + new + old[offset + size:]

        def how(path):
            fd = os.open(path, os.O_RDWR)
            try:
                os.pwrite(fd, new, offset)
            finally:
                os.close(fd)
        self.publish(name, data, how)

    def remove(self, name):
        self.notes.write(begin=name, hex=None, size=0)
        os.unlink(self.path(name))
        self.notes.write(done=name, hex=None, size=0)
        del self.now[name]

    def rename(self, name, new):
        """Afterwards: the old or the new name or both, never neither."""
        data = self.now[name]
        self.notes.write(move=name, to=new, hex=digest(data), size=len(data))
        os.rename(self.path(name), self.path(new))
        self.notes.write(moved=name, to=new, hex=digest(data), size=len(data))
        self.now[new] = self.now.pop(name)

    def stream(self):
        """Long files, as dumps write them; one replaces an old version."""
        self.put("old", 1 << 20)
        self.put("old", 20 << 20)
        self.put("new", 20 << 20, sync=True)

    def append_and_patch(self):
        """A file that grows and is changed in its middle."""
        self.put("log", 6 << 20)
        for _ in range(3):
            self.append("log", self.dice.randrange(1, 200000))
            self.patch("log", self.dice.randrange(5 << 20), 4096)

    def small(self):
        """Many files, renamed, removed, replaced."""
        for i in range(8):
            self.put(f"s{i}", self.dice.randrange(20000))
        for i in range(3):
            self.rename(f"s{i}", f"t{i}")
            self.put(f"s{i}", 100)
            self.remove(f"s{i + 3}")
        self.rename("s6", "s7")


def digest(data):
    """What tells a version from others: its first bytes would not do."""
    import hashlib
    return hashlib.sha256(data).hexdigest()


def run(kind, directory, notes, seed):
    work = Work(directory, Notes(notes), seed)
    try:
        {"stream": work.stream, "append": work.append_and_patch,
         "small": work.small}[kind]()
    except OSError as error:
        work.notes.write(error=str(error))
        return 3
    work.notes.write(end=True)
    return 0


def allowed_after(notes):
    """name -> (what is acknowledged, what else may be there), and the moves."""
    sure, maybe, moves = {}, {}, []
    for line in open(notes, encoding="utf-8"):
        note = json.loads(line)
        if "begin" in note:
            maybe.setdefault(note["begin"], set()).add(note["hex"])
        elif "done" in note:
            sure[note["done"]] = note["hex"]
            maybe[note["done"]] = set()
        elif "move" in note:
            maybe.setdefault(note["to"], set()).add(note["hex"])
            maybe.setdefault(note["move"], set()).add(None)
            moves.append((note["move"], note["to"], note["hex"]))
        elif "moved" in note:
            sure[note["to"]], sure[note["moved"]] = note["hex"], None
            maybe[note["to"]] = maybe[note["moved"]] = set()
            moves.pop()
    return sure, maybe, moves


def found(path):
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except FileNotFoundError:
        return None


def check(directory, notes):
    sure, maybe, moves = allowed_after(notes)
    wrong = 0
    have = {}
    for name in sorted(set(sure) | set(maybe)):
        have[name] = found(os.path.join(directory, name))
        good = {sure.get(name)} | maybe.get(name, set())
        if have[name] not in good:
            print(f"wrong: '{name}' is {have[name] and have[name][:12]}, may be "
                  f"{sorted(h and h[:12] or 'absent' for h in good)}")
            wrong += 1
    for name, new, hexes in moves:
        if hexes not in (have[name], have[new]):
            print(f"wrong: neither '{name}' nor '{new}' has the file")
            wrong += 1
    known = set(have)
    for name in os.listdir(directory):
        if name not in known:
            print(f"wrong: '{name}' is nobody's")
            wrong += 1
    return 1 if wrong else 0


def main():
    if sys.argv[1] == "run":
        seed = int(sys.argv[5]) if len(sys.argv) > 5 else 1
        return run(sys.argv[2], sys.argv[3], sys.argv[4], seed)
    return check(sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    sys.exit(main())
