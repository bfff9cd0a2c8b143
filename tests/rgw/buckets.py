#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""buckets.py COMMAND BUCKET...: what a test asks of its buckets as a whole.

objects: one key a line; uploads: one id a line; remove: the buckets with all
that is in them, open uploads too.  The endpoint and its keys are AWS_ENDPOINT,
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""
import os
import sys

import botocore.session
from botocore.config import Config


def client():
    """A client of the endpoint in the environment."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3})
    return botocore.session.get_session().create_client(
        "s3", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT"], config=config)


def objects(s3, bucket):
    """All keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", []))


def uploads(s3, bucket):
    """Key and id of all open multipart uploads."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        yield from ((entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", []))


def remove(s3, bucket):
    """Everything in the bucket, and the bucket."""
    for key, upload in list(uploads(s3, bucket)):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    keys = [{"Key": key} for key in objects(s3, bucket)]
    for i in range(0, len(keys), 1000):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[i:i + 1000], "Quiet": True})
    s3.delete_bucket(Bucket=bucket)


def main():
    """Do what the command line says."""
    command, buckets = sys.argv[1], sys.argv[2:]
    s3 = client()
    for bucket in buckets:
        if command == "remove":
            remove(s3, bucket)
        elif command == "objects":
            sys.stdout.writelines(key + "\n" for key in objects(s3, bucket))
        elif command == "uploads":
            sys.stdout.writelines(upload + "\n" for _, upload in uploads(s3, bucket))
        else:
            sys.exit(f"buckets.py: no command {command}")


main()
