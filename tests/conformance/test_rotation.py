"""Rotation on a server: by the clock, on demand, and while it was down."""

import struct
from contextlib import closing
from pathlib import Path

from harness.calls import make_key
from harness.server import read_journal, running

DAY = 86_400


def test_keys_rotate_and_old_blobs_open_for_ever(data_dir: Path) -> None:
    """On demand, by itself on its day, and once for the days on which the server was down; also after a SIGKILL."""
    with running(data_dir) as server:
        kms = server.client()
        key_id = make_key(kms)["KeyId"]
        kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
        blobs = {}

        def encrypt() -> None:
            blob = kms.encrypt(KeyId=key_id, Plaintext=b"text")["CiphertextBlob"]
            blobs[kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]] = blob

        encrypt()
        kms.rotate_key_on_demand(KeyId=key_id)
        encrypt()
        server.move_clock(90 * DAY)
        encrypt()
        server.kill()
    # The file of the moved clock says that it went on while nobody was there.
    clock = data_dir / "clock-offset"
    (offset,) = struct.unpack("=d", clock.read_bytes())
    clock.write_bytes(struct.pack("=d", offset + 400 * DAY))
    with running(data_dir) as server:
        kms = server.client()
        server.move_clock(0)
        encrypt()
        assert len(blobs) == 4
        rotations = kms.list_key_rotations(KeyId=key_id)["Rotations"]
        assert [entry["RotationType"] for entry in rotations] == ["AUTOMATIC", "AUTOMATIC", "ON_DEMAND"]
        for material_id, blob in blobs.items():
            opened = kms.decrypt(CiphertextBlob=blob)
            assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"text", material_id)


def test_every_rotation_is_one_event(data_dir: Path) -> None:
    """RotateKey stands in the journal once for each, after a stop in between too; a disabled key has none."""
    with running(data_dir, "--workers", "2") as server, closing(server.client()) as kms:
        rotating, disabled = (make_key(kms)["KeyId"] for _ in range(2))
        for key_id in (rotating, disabled):
            kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
        kms.disable_key(KeyId=disabled)
        kms.rotate_key_on_demand(KeyId=rotating)
        server.move_clock(90 * DAY)
        assert len(kms.list_key_rotations(KeyId=disabled)["Rotations"]) == 0
        due = kms.get_key_rotation_status(KeyId=rotating)["NextRotationDate"]
        assert server.stop() == 0
    with running(data_dir) as server, closing(server.client()) as kms:
        server.move_clock(1)
        assert len(kms.list_key_rotations(KeyId=rotating)["Rotations"]) == 2
        kms.enable_key(KeyId=disabled)
        server.move_clock(1)
        assert len(kms.list_key_rotations(KeyId=disabled)["Rotations"]) == 1
        assert kms.get_key_rotation_status(KeyId=rotating)["NextRotationDate"] == due
        assert server.stop() == 0
    events = [record["serviceEventDetails"] for record in read_journal(data_dir) if record["eventName"] == "RotateKey"]
    assert [(event["keyId"], event["rotationType"]) for event in events] == [
        (rotating, "ON_DEMAND"),
        (rotating, "AUTOMATIC"),
        (disabled, "AUTOMATIC"),
    ]
    assert events[0]["currentKeyMaterialId"] == events[1]["previousKeyMaterialId"]
