"""The table of labels."""

from selfkms.crypto.labels import Envelope, OfDataKey, Purpose


def test_no_two_uses_share_a_label() -> None:
    """All labels of all tables differ, and none holds the separator."""
    labels = [*map(str, Purpose), *map(str, Envelope), *map(str, OfDataKey)]
    assert len({*labels}) == len(labels)
    assert all(label.startswith("selfkms/v1/") and "\0" not in label for label in labels)
