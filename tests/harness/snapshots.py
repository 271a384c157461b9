"""A world with snapshots: requests to the EBS direct APIs and to Amazon EC2, written and read by botocore."""

import io
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from harness.block_checksums import checksum_of
from harness.world import ALICE_ACCOUNT, REGION, Refused, World, loaded
from selfkms.domain.arns import root_arn
from selfkms.domain.ebs.blocks import BLOCK_BYTES
from selfkms.domain.ebs.storage import EBSDefaults
from selfkms.domain.records import Put
from selfkms.domain.secrets import SECRET_ACCESS
from selfkms.protocol.http import HTTPRequest

MODELS: Final = {name: loaded(name) for name in ("ebs", "ec2")}
_PROTOCOLS: Final = {"ebs": "rest-json", "ec2": "ec2"}


def block(mark: int) -> bytes:
    """A block that is not like another one."""
    return mark.to_bytes(4, "big") * (BLOCK_BYTES // 4)


class SnapshotWorld(World):
    """With the keeper's rounds when a test says so."""

    def direct(
        self, operation: str, *, by: str = ALICE_ACCOUNT, region: str = REGION, **parameters: Any
    ) -> dict[str, Any]:
        """The answer of an EBS direct API, or `Refused`; its body has the reason."""
        return self._answer("ebs", operation, parameters, by=by, region=region)

    def compute(
        self, operation: str, *, by: str = ALICE_ACCOUNT, region: str = REGION, **parameters: Any
    ) -> dict[str, Any]:
        """The answer of Amazon EC2, or `Refused`."""
        return self._answer("ec2", operation, parameters, by=by, region=region)

    def direct_refusal(self, operation: str, **parameters: Any) -> tuple[int, str, str | None]:
        """Status, code and reason."""
        try:
            answer = self.direct(operation, **parameters)
        except Refused as refused:
            return refused.status, refused.code, refused.body.get("Reason")
        raise AssertionError(f"{operation} was answered: {answer}")

    def compute_refusal(self, operation: str, **parameters: Any) -> tuple[str, str | None]:
        """Code and text."""
        try:
            answer = self.compute(operation, **parameters)
        except Refused as refused:
            return refused.code, refused.message
        raise AssertionError(f"{operation} was answered: {answer}")

    def put(self, snapshot_id: str, index: int, data: bytes, **changed: Any) -> dict[str, Any]:
        """PutSnapshotBlock."""
        parameters = {
            "SnapshotId": snapshot_id,
            "BlockIndex": index,
            "BlockData": data,
            "DataLength": len(data),
            "Checksum": checksum_of(data),
            "ChecksumAlgorithm": "SHA256",
        }
        return self.direct("PutSnapshotBlock", **{**parameters, **changed})

    def complete(self, snapshot_id: str, blocks: Mapping[int, bytes], **changed: Any) -> str:
        """CompleteSnapshot, and the keeper's round after it; the state."""
        self.direct("CompleteSnapshot", SnapshotId=snapshot_id, ChangedBlocksCount=len(blocks), **changed)
        self.keep()
        return self.state_of(snapshot_id, region=changed.get("region", REGION))

    def uploaded(self, blocks: Mapping[int, bytes], *, size: int = 1, **parameters: Any) -> str:
        """The ID of a completed snapshot with these blocks."""
        place = {name: parameters[name] for name in ("by", "region") if name in parameters}
        snapshot_id: str = self.direct("StartSnapshot", VolumeSize=size, **parameters)["SnapshotId"]
        for index, data in blocks.items():
            self.put(snapshot_id, index, data, **place)
        assert self.complete(snapshot_id, blocks, **place) == "completed"
        return snapshot_id

    def read(self, snapshot_id: str, **place: str) -> dict[int, bytes]:
        """All blocks of a snapshot."""
        listed = self.direct("ListSnapshotBlocks", SnapshotId=snapshot_id, **place)["Blocks"]
        return {
            entry["BlockIndex"]: self.direct("GetSnapshotBlock", SnapshotId=snapshot_id, **entry, **place)["BlockData"]
            for entry in listed
        }

    def encrypt_by_default(self, *, enabled: bool) -> None:
        """What the account wants in this Region."""
        found = self.database.ebs_defaults(ALICE_ACCOUNT, REGION) or EBSDefaults(
            account_id=ALICE_ACCOUNT, region=REGION
        )
        self.database.commit([Put(found.changed(encrypted=enabled))])

    def only_via_ec2(self, key: str, *actions: str, region: str = REGION) -> None:
        """A key policy that lets the account administer the KMS key, and do this through Amazon EC2 alone."""
        account = {"Effect": "Allow", "Principal": {"AWS": root_arn(ALICE_ACCOUNT)}, "Resource": "*"}
        through = {"StringEquals": {"kms:ViaService": f"ec2.{region}.amazonaws.com"}}
        statements = [
            {**account, "Action": ["kms:PutKeyPolicy", "kms:DisableKey", "kms:EnableKey"]},
            {**account, "Action": list(actions), "Condition": through},
        ]
        policy = json.dumps({"Statement": statements[: 2 if actions else 1]})
        self.call("PutKeyPolicy", {"KeyId": key, "Policy": policy}, region=region)

    def keep(self) -> None:
        """The keeper's rounds, until nothing is to be done at once."""
        while self.storage_keeper.attend():
            pass

    def state_of(self, snapshot_id: str, *, region: str = REGION) -> str:
        """The state of a snapshot."""
        snapshot = self.database.snapshot_of_anybody(region, snapshot_id)
        assert snapshot is not None
        return f"{snapshot.state}: {snapshot.state_message}" if snapshot.state_message else str(snapshot.state)

    def records_of(self, name: str) -> list[dict[str, Any]]:
        """All audit records of an operation."""
        return [record for record in self.all_records() if record["eventName"] == name]

    def _answer(
        self, service: str, operation: str, parameters: Mapping[str, Any], *, by: str, region: str
    ) -> dict[str, Any]:
        model = MODELS[service].operation_model(operation)
        serialized = create_serializer(_PROTOCOLS[service], include_validation=False).serialize_to_request(
            dict(parameters), model
        )
        outcome = self.send(self._signed_as_is(serialized, service, by=by, region=region))
        response = outcome.response
        streaming = model.has_streaming_output and response.status < 300
        answer: dict[str, Any] = create_parser(_PROTOCOLS[service]).parse(
            {
                "body": io.BytesIO(response.body) if streaming else response.body,
                "headers": HeadersDict(dict(response.headers)),
                "status_code": response.status,
                "context": {},
            },
            model.output_shape,
        )
        answer.pop("ResponseMetadata", None)
        if response.status >= 300:
            error = answer["Error"]
            reason = json.loads(response.body).get("Reason") if service == "ebs" else None
            body = {"__type": error["Code"], "message": error.get("Message"), "Reason": reason}
            raise Refused(response.status, body)
        if streaming:
            answer["BlockData"] = answer["BlockData"].read()
        return answer

    def _signed_as_is(self, serialized: Mapping[str, Any], service: str, *, by: str, region: str) -> HTTPRequest:
        host = f"{service}.{region}.amazonaws.com"
        query = urlencode(serialized["query_string"] or {}) if service == "ebs" else ""
        target = serialized["url_path"] + (f"?{query}" if query else "")
        unsigned = AWSRequest(
            method=serialized["method"],
            url=f"https://{host}{target}",
            data=serialized["body"],
            headers={**serialized["headers"], "Host": host},
        )
        credential = self.credentials[by]
        secret = credential.secret_access_key.open(SECRET_ACCESS).decode()
        token = self.session_tokens.get(by)
        SigV4Auth(Credentials(credential.access_key_id, secret, token), service, region).add_auth(unsigned)
        body = unsigned.prepare().body or b""
        return HTTPRequest(
            method=serialized["method"],
            target=target,
            headers=tuple((name.lower(), str(value)) for name, value in unsigned.headers.items()),
            body=body if isinstance(body, bytes) else body.encode(),
            peer="198.51.100.7",
        )
