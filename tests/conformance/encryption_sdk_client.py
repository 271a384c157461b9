"""A program with the AWS Encryption SDK: encrypts or decrypts a file as a stream, under one KMS key.

    encryption_sdk_client.py encrypt|decrypt KEY_ARN SOURCE TARGET [NAME=VALUE]...

It runs in the environment of the AWS clients, with the endpoint, Region and credentials of its environment variables,
and prints what came of it as JSON. What the SDK or AWS KMS refuses ends it with a traceback and exit code 1.
"""

import hashlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

import aws_encryption_sdk  # type: ignore[import-not-found]  # in the environment of the clients only
import boto3
from aws_cryptographic_material_providers.mpl import (  # type: ignore[import-not-found]  # the same
    AwsCryptographicMaterialProviders,
)
from aws_cryptographic_material_providers.mpl.config import (  # type: ignore[import-not-found]  # the same
    MaterialProvidersConfig,
)
from aws_cryptographic_material_providers.mpl.models import (  # type: ignore[import-not-found]  # the same
    CreateAwsKmsKeyringInput,
)


def transform(mode: str, key_arn: str, source: Path, target: Path, context: dict[str, str]) -> dict[str, Any]:
    """Stream `source` into `target`; the SHA-256 of what was written, the encryption context, and memory in KiB."""
    providers = AwsCryptographicMaterialProviders(MaterialProvidersConfig())
    keyring = providers.create_aws_kms_keyring(
        CreateAwsKmsKeyringInput(kms_key_id=key_arn, kms_client=boto3.client("kms"))
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = hashlib.sha256()
    client = aws_encryption_sdk.EncryptionSDKClient()
    with (
        source.open("rb") as read,
        target.open("wb") as output,
        client.stream(mode=mode, source=read, keyring=keyring, encryption_context=context) as stream,
    ):
        for chunk in stream:
            written.update(chunk)
            output.write(chunk)
        bound = dict(stream.header.encryption_context)
    return {
        "sha256": written.hexdigest(),
        "encryption_context": bound,
        "grown_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
    }


def main() -> None:
    """Read the command line, do it, and say what came of it."""
    mode, key_arn, source, target, *pairs = sys.argv[1:]
    context = dict(pair.split("=", 1) for pair in pairs)
    json.dump(transform(mode, key_arn, Path(source), Path(target), context), sys.stdout)


if __name__ == "__main__":
    main()
