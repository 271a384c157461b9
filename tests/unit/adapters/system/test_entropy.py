"""Randomness from the kernel."""

import uuid

from selfkms.adapters.system.entropy import SystemEntropy


def test_random_bytes_come_in_the_number_asked_for() -> None:
    """And not twice."""
    entropy = SystemEntropy()
    assert [len(entropy.random_bytes(count)) for count in (0, 1, 32)] == [0, 1, 32]
    assert entropy.random_bytes(32) != entropy.random_bytes(32)


def test_uuids_are_random_ones() -> None:
    """Version 4 of the RFC's variant, lower case with dashes, none twice; all four digits of the variant occur."""
    made = [SystemEntropy().uuid() for _ in range(500)]
    assert len(set(made)) == len(made)
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)
    assert {text[19] for text in made} == set("89ab")
