"""What the AWS SDK for Python makes of Amphi's addresses, one JSON object each on standard output:

    python client.py fetch URL                          GET by the SDK's own HTTP: status, SHA-256 of the body, content type
    python client.py get ENDPOINT BUCKET KEY            get_object with the credentials of the environment
    python client.py presign ENDPOINT BUCKET KEY        the address that the SDK itself would give out, for 60 s
    python client.py cloudfront KEY_FILE ID URL EXPIRES the URL that its CloudFrontSigner makes, SHA-256 by openssl
"""

import datetime
import hashlib
import json
import subprocess
import sys

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.signers import CloudFrontSigner


def told(status, body, content_type):
    return {"status": status, "sha256": hashlib.sha256(body).hexdigest(), "content_type": content_type}


def fetch(url):
    with_timeout = URLLib3Session(timeout=20)
    response = with_timeout.send(AWSRequest("GET", url).prepare())
    return told(response.status_code, response.content, response.headers.get("content-type"))


def client(endpoint):
    # As all stores take it: the bucket in the path.
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, read_timeout=20)
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)


def get(endpoint, bucket, key):
    got = client(endpoint).get_object(Bucket=bucket, Key=key)
    return told(got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read(), got.get("ContentType"))


def presign(endpoint, bucket, key):
    params = {"Bucket": bucket, "Key": key}
    return {"url": client(endpoint).generate_presigned_url("get_object", Params=params, ExpiresIn=60)}


def cloudfront(key_file, key_pair_id, url, expires):
    def sign(message):
        command = ["openssl", "dgst", "-sha256", "-sign", key_file]
        return subprocess.run(command, input=message, capture_output=True, check=True).stdout

    until = datetime.datetime.fromtimestamp(int(expires), datetime.timezone.utc)
    return {"url": CloudFrontSigner(key_pair_id, sign).generate_presigned_url(url, date_less_than=until)}


COMMANDS = {"fetch": fetch, "get": get, "presign": presign, "cloudfront": cloudfront}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
