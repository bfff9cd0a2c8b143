#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our signatures against botocore's, over many random requests.

usage: test_sign_botocore.py SIGN_TOOL [COUNT [SEED]]

Requests have keys of all bytes, queries with empty, repeated and valueless
names, headers with runs of blanks and names given twice, session tokens,
bodies hashed and not; signed in headers and in the query.  A difference is
printed with both canonical requests and the seed.  Exit status 77 (skipped)
without botocore.
"""
import datetime
import hashlib
import random
import subprocess
import sys

try:
    import botocore
    from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.utils import percent_encode
except ImportError as error:
    print(f"SKIP: no botocore ({error}): apt install python3-botocore")
    sys.exit(77)

PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
SPECIAL = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
HEADERS = ["Content-Type", "Content-MD5", "Range", "If-Match", "X-Amz-Acl",
           "x-amz-meta-a", "X-Amz-Meta-B", "x-amz-storage-class", "Cache-Control"]


def some_bytes(rng, low, high):
    """Any bytes but NUL, which no key of ours has."""
    return bytes(rng.randrange(1, 256) for _ in range(rng.randint(low, high)))


def some_text(rng, low, high):
    """Text with what URLs and signatures find difficult."""
    alphabet = rng.choice([PLAIN, PLAIN + SPECIAL, PLAIN + SPECIAL + "äß€😀\x01\x7f"])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


def some_key(rng, number):
    """A key; the first 255 requests have each byte once."""
    if number < 255:
        return b"k" + bytes([number + 1]) + b"k"
    kind = rng.randrange(4)
    if kind == 0:
        return some_bytes(rng, 1, 60)
    if kind == 1:
        return "/".join(rng.choice(["", ".", "..", "a", "b c"])
                        for _ in range(rng.randint(1, 8))).encode() or b"/"
    if kind == 2:
        return some_text(rng, 1, 1024).encode()[:1024]
    return some_text(rng, 1, 40).encode()


def some_query(rng, mode):
    """Names and values; None = no '=' at all."""
    if mode == "query":
        # botocore parses these again, as text, one value a name.
        names = {some_text(rng, 1, 12) for _ in range(rng.randint(0, 4))}
        names = sorted(n for n in names if not n.lower().startswith("x-amz"))
        return [(n.encode(), some_text(rng, 1, 20).encode()) for n in names]
    pairs = []
    for _ in range(rng.randint(0, 6)):
        if pairs and rng.random() < 0.3:
            name = rng.choice(pairs)[0]
        else:
            name = rng.choice([b"prefix", b"uploads", b"a", b"A", b"a-", b"a.", some_bytes(rng, 1, 9)])
        value = rng.choice([None, b"", b"1", some_bytes(rng, 0, 30), some_text(rng, 0, 30).encode()])
        pairs.append((name, value))
    return pairs


def some_headers(rng, mode):
    """Headers; query signing of ours signs none but Host."""
    if mode == "query":
        return []
    headers = []
    for _ in range(rng.randint(0, 6)):
        name = rng.choice(HEADERS)
        if rng.random() < 0.3:
            name = rng.choice([name.upper(), name.lower()])
        value = "".join(rng.choice(PLAIN + SPECIAL + "   \t") for _ in range(rng.randint(0, 40)))
        headers.append((name, value))
    return headers


class Request:
    """One random request and how either side is told of it."""

    def __init__(self, rng, number):
        self.mode = rng.choice(["header", "header", "query"])
        self.method = rng.choice(["GET", "HEAD", "PUT", "POST", "DELETE"])
        self.url = rng.choice(["https://bucket.s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000",
                               "http://Localhost:80", "https://store.example.com:443",
                               "https://h.example:8443/base/path", "http://[::1]:7480"])
        self.key = some_key(rng, number)
        self.query = some_query(rng, self.mode)
        self.headers = some_headers(rng, self.mode)
        self.region = rng.choice(["us-east-1", "eu-west-1", "default", "auto"])
        self.id = rng.choice(["AKIAIOSFODNN7EXAMPLE", some_text(rng, 1, 30)])
        self.secret = rng.choice(["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", some_text(rng, 1, 60)])
        self.token = rng.choice([None, None, "FwoGZXIvYXdzE//+=", "".join(rng.choice(PLAIN + "/+=") for _ in range(900))])
        self.time = rng.randrange(0, 4102444800)
        self.ttl = rng.randint(1, 604800)
        self.body = rng.choice([None, b"", some_bytes(rng, 1, 200)])

    def line(self):
        """The request for the tool."""
        words = [("mode", self.mode), ("method", self.method), ("url", self.url), ("region", self.region),
                 ("id", self.id), ("secret", self.secret), ("time", str(self.time)), ("ttl", str(self.ttl))]
        if self.token is not None:
            words.append(("token", self.token))
        text = " ".join(f"{name}={value.encode().hex()}" for name, value in words)
        text += f" key={self.key.hex()}"
        if self.body is not None:
            text += f" body={self.body.hex()}"
        for name, value in self.query:
            text += f" q={name.hex()}" + ("" if value is None else f":{value.hex()}")
        for name, value in self.headers:
            text += f" h={name.encode().hex()}:{value.encode().hex()}"
        return text

    def aws_request(self):
        """The request for botocore."""
        url = self.url + "/" + percent_encode(self.key, safe="/~")
        query = "&".join(percent_encode(name, safe="~") + ("" if value is None else "=" + percent_encode(value, safe="~"))
                         for name, value in self.query)
        if query:
            url += "?" + query
        request = AWSRequest(method=self.method, url=url, data=self.body or b"")
        for name, value in self.headers:
            request.headers[name] = value
        request.context["timestamp"] = datetime.datetime.fromtimestamp(
            self.time, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        request.context["client_config"] = Config(s3={"payload_signing_enabled": self.body is not None})
        return request

    def sign(self):
        """(botocore's answer, its canonical request)"""
        credentials = Credentials(self.id, self.secret, self.token)
        request = self.aws_request()
        if self.mode == "query":
            request.data = b""
            auth = S3SigV4QueryAuth(credentials, "s3", self.region, expires=self.ttl)
        else:
            auth = S3SigV4Auth(credentials, "s3", self.region)
        # add_auth() without its look at the clock.
        auth._modify_request_before_signing(request)
        canonical = auth.canonical_request(request)
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        auth._inject_signature_to_request(request, signature)
        if self.mode == "query":
            return sorted(request.url.partition("?")[2].split("&")), canonical
        return request.headers["Authorization"], canonical


def ours(tool, requests, *arguments):
    """The tool's answers."""
    text = "".join(request.line() + "\n" for request in requests)
    done = subprocess.run([tool, *arguments], input=text, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 12000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20130524
    rng = random.Random(seed)
    requests = [Request(rng, number) for number in range(count)]
    answers = ours(tool, requests)
    if len(answers) != count:
        print(f"{len(answers)} answers to {count} requests")
        return 1

    failed = 0
    signatures = set()
    for number, (request, answer) in enumerate(zip(requests, answers)):
        want, canonical = request.sign()
        got = sorted(answer.split("&")) if request.mode == "query" else answer
        signatures.add(answer[-64:])
        if got == want:
            continue
        failed += 1
        if failed <= 5:
            theirs = bytes.fromhex((ours(tool, [request], "canonical") or [""])[0]) if request.mode == "header" else b""
            print(f"request {number} of seed {seed} differs:\n{request.line()}\n"
                  f"ours:     {got}\nbotocore: {want}\n--- ours\n{theirs.decode(errors='replace')}\n"
                  f"--- botocore\n{canonical}")
    digest = hashlib.sha256("".join(answers).encode()).hexdigest()[:16]
    print(f"botocore {botocore.__version__}, seed {seed}: {count} requests, "
          f"{len(signatures)} signatures, {failed} differ ({digest})")
    return 1 if failed or len(signatures) < count * 0.99 else 0


if __name__ == "__main__":
    sys.exit(main())
