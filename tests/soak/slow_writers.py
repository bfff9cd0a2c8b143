#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many slow writers: slow_writers.py DIRECTORY WRITERS BYTES BYTES_PER_SECOND

Each writes a file of its own, all of them at that pace, and closes it. Prints
one line: the seconds until the last close, the longest a write and a close took.
"""
import os
import sys
import threading
import time

PIECE = 20000


def content(number, offset, size):
    """size bytes of file number, from offset on: they repeat every 256 files."""
    line = b"%03d %012d\n" % (number % 256, 0)
    start = offset % len(line)
    return (line * (size // len(line) + 2))[start:start + size]


def write(number, directory, total, rate, worst, failures):
    """One writer."""
    try:
        fd = os.open(os.path.join(directory, f"slow{number}"),
                     os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        begin = time.monotonic()
        done = 0
        while done < total:
            wait = begin + done / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            piece = content(number, done, min(PIECE, total - done))
            at = time.monotonic()
            done += os.write(fd, piece)
            worst["write"] = max(worst["write"], time.monotonic() - at)
        at = time.monotonic()
        os.close(fd)
        worst["close"] = max(worst["close"], time.monotonic() - at)
    except OSError as error:
        failures.append(f"writer {number}: {error}")


def main():
    """Start them all, wait for them all."""
    directory, writers, total, rate = sys.argv[1], *map(int, sys.argv[2:5])
    worst = {"write": 0.0, "close": 0.0}
    failures = []
    begin = time.monotonic()
    threads = [threading.Thread(target=write, args=(i, directory, total, rate,
                                                    worst, failures))
               for i in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{time.monotonic() - begin:.1f} {worst['write']:.2f} {worst['close']:.2f}")
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
