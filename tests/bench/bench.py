#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure porterfs against its peers on one server, in one run.

Every row is timed on a fresh mount with dropped caches, the file systems in
turn (A B A B ...), direct and with a delay added to every request; what counts
is the ratio of the medians.  Requests are counted where the delay is added.
Results are JSON Lines (one per measurement) and a Markdown table.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

MIB = 1 << 20
BUCKET = "porter-primary"


def log(text):
    """Progress goes to standard error."""
    print(text, file=sys.stderr, flush=True)


# ---- the server side ----

class Server:
    """The endpoint under test and its keys, from an .env of scripts/rgw."""

    def __init__(self, env_file):
        self.env = {}
        for line in pathlib.Path(env_file).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                self.env[key] = value.strip('"')
        self.endpoint = self.env["AWS_ENDPOINT"]
        self.bucket = self.env.get("AWS_BUCKET", BUCKET)

    def client(self):
        """A boto3 client straight to the server, for preparing and cleaning."""
        import boto3
        from botocore.config import Config
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            config=Config(max_pool_connections=32, s3={"addressing_style": "path"}))


def clear(server, prefix):
    """Delete everything under prefix."""
    s3 = server.client()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=server.bucket,
                                                             Prefix=prefix):
        keys = [{"Key": o["Key"]} for o in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=server.bucket, Delete={"Objects": keys, "Quiet": True})


def put_many(server, prefix, count, size):
    """count objects of size bytes, by many connections."""
    s3 = server.client()
    body = os.urandom(size)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: s3.put_object(Bucket=server.bucket, Key=f"{prefix}f{i:06}",
                                              Body=body), range(count)))


def put_big(server, key, size):
    """One object of size bytes in parts of 8 MiB."""
    import io
    import boto3.s3.transfer as transfer

    class Noise(io.RawIOBase):
        """size bytes that do not repeat within a part."""
        block = os.urandom(MIB)

        def __init__(self):
            super().__init__()
            self.left = size

        def readable(self):
            return True

        def read(self, n=-1):
            n = min(self.left, n if n >= 0 else self.left)
            self.left -= n
            return (self.block * (n // MIB + 1))[:n]
    server.client().upload_fileobj(Noise(), server.bucket, key,
                                   Config=transfer.TransferConfig(multipart_chunksize=8 * MIB))


def warm_up(server, args):
    """The first bytes a fresh server stores are slow: nobody's row shall pay."""
    log("warming the server")
    put_big(server, "bench-warm", args.size)
    clear(server, "bench-warm")


# ---- processes ----

def cpu_seconds(pid):
    """User and system time of a process so far."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class RssSampler(threading.Thread):
    """The peak of RssAnon, sampled ten times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.stop = pid, 0, threading.Event()

    def run(self):
        while not self.stop.wait(0.1):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        self.peak = max(self.peak, int(line.split()[1]) * 1024)


class Mount:
    """A file system mounted for one measurement."""

    def __init__(self, name, server, endpoint, work, tools):
        self.name, self.server, self.endpoint = name, server, endpoint
        self.work = pathlib.Path(tempfile.mkdtemp(dir=work))
        self.tools = tools
        self.mountpoint = self.work / "mnt"
        self.mountpoint.mkdir()
        self.process = None

    def command(self):
        """How this one is started, in the foreground."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.work)}
        key, secret = (self.server.env[k] for k in ("AWS_ACCESS_KEY_ID",
                                                    "AWS_SECRET_ACCESS_KEY"))
        if self.name.startswith("porterfs"):
            attrs = ",attrs=list" if self.name == "porterfs-list" else ""
            env |= {"AWS_ENDPOINT": self.endpoint, "AWS_BUCKET": self.server.bucket,
                    "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                    "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_USE_PATH_STYLE_ENDPOINT": "true"}
            return [self.tools["porterfs"], "-f", "-o",
                    f"state_dir={self.work}/state,cache_dir={self.work}/cache,log=warning"
                    f"{attrs}",
                    str(self.mountpoint)], env
        if self.name == "rclone":
            env |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
            return ["rclone", "mount", f":s3:{self.server.bucket}", str(self.mountpoint),
                    "--s3-provider=Ceph", "--s3-env-auth", f"--s3-endpoint={self.endpoint}",
                    "--config=/dev/null", "--use-server-modtime", f"--cache-dir={self.work}/rclone"], env
        passwd = self.work / "passwd"
        passwd.write_text(f"{key}:{secret}")
        passwd.chmod(0o600)
        return ["s3fs", self.server.bucket, str(self.mountpoint), "-f", "-o",
                f"passwd_file={passwd},url={self.endpoint},use_path_request_style,"
                "parallel_count=16,multireq_max=64,max_stat_cache_size=200000,"
                f"tmpdir={self.work},dbglevel=crit"], env

    def __enter__(self):
        self.start()
        return self

    def start(self):
        """Mount it."""
        argv, env = self.command()
        self.log = open(self.work / "log", "wb")
        self.process = subprocess.Popen(argv, env=env, stdout=self.log, stderr=self.log)
        for _ in range(500):
            if os.path.ismount(self.mountpoint):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not mount: "
                           f"{(self.work / 'log').read_text(errors='replace')[-2000:]}")

    def remount(self):
        """End it and mount it again, with what it keeps on disk."""
        self.stop()
        self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    def stop(self):
        """Unmount it and wait for its end."""
        for _ in range(100):
            if subprocess.run(["umount", str(self.mountpoint)], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0:
                break
            time.sleep(0.1)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.log.close()

    @property
    def root(self):
        """Where the bucket's keys begin."""
        return (self.mountpoint / "primary" if self.name.startswith("porterfs")
                else self.mountpoint)


# ---- the rows: prepare(server, args), then run(root, args) -> amount ----

def stream(path, size, block):
    """Write size bytes by blocks; done when close returns."""
    data = os.urandom(MIB)[:block]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for _ in range(size // block):
        os.write(fd, data)
    os.close(fd)
    return size / MIB


def drain(path):
    """Read a file by 1 MiB."""
    total = 0
    fd = os.open(path, os.O_RDONLY)
    while chunk := os.read(fd, MIB):
        total += len(chunk)
    os.close(fd)
    return total / MIB


def run_create(root, args):
    """args.files files of 4 KiB, one after the other."""
    where = root / "bench-create"
    where.mkdir()
    data = os.urandom(4096)
    for i in range(args.files):
        (where / f"f{i:06}").write_bytes(data)
    return args.files


def run_smallread(root, args):
    """Read them in listed order."""
    count = 0
    for name in sorted(os.listdir(root / "bench-small")):
        count += len((root / "bench-small" / name).read_bytes()) == 4096
    if count != args.files:
        raise RuntimeError(f"{count} of {args.files} small files read")
    return count


def run_ls(root, args):
    """ls -l of a flat directory."""
    out = subprocess.run(["ls", "-l", str(root / "bench-ls")], check=True, capture_output=True,
                         env={"LC_ALL": "C", "PATH": os.environ["PATH"]})
    count = out.stdout.count(b"\n") - 1
    if count != args.entries:
        raise RuntimeError(f"ls shows {count} of {args.entries}")
    return count


def run_find(root, args):
    """find of a flat directory, which needs no attributes."""
    out = subprocess.run(["find", str(root / "bench-ls"), "-name", "f*"], check=True,
                         capture_output=True)
    count = out.stdout.count(b"\n")
    if count != args.entries:
        raise RuntimeError(f"find shows {count} of {args.entries}")
    return count


def warm_ls(mount, args):
    """What was listed before."""
    run_ls(mount.root, args)


def remounted_ls(mount, args):
    """What was listed before, by a mount that has ended."""
    run_ls(mount.root, args)
    time.sleep(1)
    mount.remount()


ROWS = {
    "seqwrite": (None, lambda root, a: stream(root / "bench-w", a.size, MIB), "MiB/s"),
    "write8k": (None, lambda root, a: stream(root / "bench-w", a.size, 8192), "MiB/s"),
    "seqread": (lambda s, a: put_big(s, "bench-r", a.size),
                lambda root, a: drain(root / "bench-r"), "MiB/s"),
    "create": (None, run_create, "files/s"),
    "smallread": (lambda s, a: put_many(s, "bench-small/", a.files, 4096), run_smallread,
                  "files/s"),
    "ls": (lambda s, a: put_many(s, "bench-ls/", a.entries, 16), run_ls, "entries/s"),
    "lswarm": (lambda s, a: put_many(s, "bench-ls/", a.entries, 16), run_ls, "entries/s"),
    "lsagain": (lambda s, a: put_many(s, "bench-ls/", a.entries, 16), run_ls, "entries/s"),
    "find": (lambda s, a: put_many(s, "bench-ls/", a.entries, 16), run_find, "entries/s"),
    "findagain": (lambda s, a: put_many(s, "bench-ls/", a.entries, 16), run_find, "entries/s"),
}
# What is done on the mount before the clock starts.
BEFORE = {"lswarm": warm_ls, "lsagain": remounted_ls, "findagain": remounted_ls}
CLEAN_AFTER_RUN = {"seqwrite": "bench-w", "write8k": "bench-w", "create": "bench-create/"}


def take_requests(endpoint):
    """The requests at the forwarder since the last time, by verb."""
    with urllib.request.urlopen(f"{endpoint}/.s3peer/stats") as reply:
        counts = json.load(reply)["requests"]
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/.s3peer/stats",
                                                  method="DELETE")).close()
    return {verb: count for verb, count in counts.items() if count}


def measure(row, mount_name, delay, server, args, tools):
    """One timed run on a fresh mount; a dict for the log."""
    endpoint = tools["slow"] if delay else server.endpoint
    subprocess.run("sync; echo 3 >/proc/sys/vm/drop_caches", shell=True, check=False,
                   stderr=subprocess.DEVNULL)
    with Mount(mount_name, server, endpoint, args.work, tools) as mount:
        if row in BEFORE:
            BEFORE[row](mount, args)
        sampler = RssSampler(mount.process.pid)
        sampler.start()
        if delay:
            take_requests(endpoint)
        cpu = cpu_seconds(mount.process.pid)
        begin = time.monotonic()
        amount = ROWS[row][1](mount.root, args)
        seconds = time.monotonic() - begin
        cpu = cpu_seconds(mount.process.pid) - cpu
        requests = take_requests(endpoint) if delay else None
        sampler.stop.set()
        sampler.join()
    if row in CLEAN_AFTER_RUN:
        clear(server, CLEAN_AFTER_RUN[row])
    return {"row": row, "fs": mount_name, "delay_ms": delay, "seconds": round(seconds, 4),
            "rate": round(amount / seconds, 2), "unit": ROWS[row][2],
            "cpu_s": round(cpu, 3), "rss_anon": sampler.peak, "requests": requests}


@contextlib.contextmanager
def slow_endpoint(server, args):
    """The forwarder that adds the delay; its URL."""
    with tempfile.TemporaryDirectory() as where:
        port_file = pathlib.Path(where) / "port"
        process = subprocess.Popen(
            [args.s3peer, "--forward", server.endpoint, "--delay", f"{args.delay}ms",
             "--port", "0", "--port-file", str(port_file)])
        try:
            for _ in range(250):
                if port_file.exists() and port_file.read_text().strip():
                    break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port_file.read_text().strip()}"
        finally:
            process.terminate()
            process.wait()


def in_words(requests):
    """{"PUT": 2, "GET": 1} as "2 PUT, 1 GET", the most frequent first."""
    return ", ".join(f"{count} {verb}" for verb, count in
                     sorted((requests or {}).items(), key=lambda x: -x[1]))


def table(results):
    """Medians and ratios as Markdown."""
    lines = ["| row | delay | file system | median | min – max | ratio | CPU s | "
             "peak RssAnon MiB | requests |", "|---|---|---|---|---|---|---|---|---|"]
    groups = {}
    for r in results:
        groups.setdefault((r["row"], r["delay_ms"]), {}).setdefault(r["fs"], []).append(r)
    for (row, delay), by_fs in groups.items():
        peers = [statistics.median(x["rate"] for x in runs) for name, runs in by_fs.items()
                 if not name.startswith("porterfs")]
        for name, runs in by_fs.items():
            rates = [x["rate"] for x in runs]
            median = statistics.median(rates)
            ratio = f"{median / max(peers):.2f}" if name not in ("s3fs", "rclone") and peers else ""
            lines.append(
                f"| {row} | {'+%d ms' % delay if delay else 'direct'} | {name} | "
                f"{median:.1f} {runs[0]['unit']} | {min(rates):.1f} – {max(rates):.1f} | {ratio} | "
                f"{statistics.median(x['cpu_s'] for x in runs):.2f} | "
                f"{max(x['rss_anon'] for x in runs) / MIB:.0f} | {in_words(runs[0]['requests'])} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--env", required=True, help=".env of the server (scripts/rgw env)")
    parser.add_argument("--porterfs", required=True)
    parser.add_argument("--s3peer", required=True)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--fs", default="porterfs,s3fs",
                        help="of porterfs, porterfs-list (attrs=list), s3fs, rclone")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--delay", type=int, default=20, help="ms added to each request; 0: none")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the big files")
    parser.add_argument("--files", type=int, default=1000, help="small files")
    parser.add_argument("--entries", type=int, default=10000, help="names to list")
    parser.add_argument("--out", help="JSON Lines go here")
    args = parser.parse_args()
    args.size *= MIB
    for row in args.rows.split(","):
        if row not in ROWS:
            parser.error(f"there is no row '{row}'; there are {', '.join(ROWS)}")
    args.work = tempfile.mkdtemp(prefix="porterfs-bench.")
    server = Server(args.env)
    results = []
    with contextlib.ExitStack() as stack:
        tools = {"porterfs": args.porterfs}
        if args.delay:
            tools["slow"] = stack.enter_context(slow_endpoint(server, args))
        warm_up(server, args)
        for row in args.rows.split(","):
            if ROWS[row][0]:
                log(f"{row}: preparing")
                ROWS[row][0](server, args)
            for delay in (0, args.delay) if args.delay else (0,):
                for _ in range(args.runs):
                    for name in args.fs.split(","):
                        result = measure(row, name, delay, server, args, tools)
                        results.append(result)
                        log(json.dumps(result))
            if ROWS[row][0]:
                clear(server, "bench-")
    shutil.rmtree(args.work, ignore_errors=True)
    if args.out:
        pathlib.Path(args.out).write_text("".join(json.dumps(r) + "\n" for r in results))
    print(table(results))
    return 0


sys.exit(main())
