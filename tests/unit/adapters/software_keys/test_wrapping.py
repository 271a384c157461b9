"""What wrapped secrets are bound to."""

import pytest

from selfkms.adapters.software_keys import wrapping
from selfkms.domain.installation import DomainKey
from selfkms.domain.kms.keys import KeyMaterial
from selfkms.domain.secrets import SECRET_ACCESS, Secret
from selfkms.ports.database import CorruptRecordError
from selfkms.ports.entropy import Entropy

KEY = Secret(bytes(32))
DOMAIN_KEY = DomainKey(region="eu-central-1", version=1, created_at=0.0, wrapped=b"")


def test_the_kinds_do_not_open_as_each_other(material: KeyMaterial, entropy: Entropy) -> None:
    """A domain key is no key material and no small secret, even under one key."""
    bindings = [
        wrapping.domain_key_binding(DOMAIN_KEY, row_version=1),
        wrapping.key_material_binding(material, domain_key_version=1),
        wrapping.small_secret_binding(("access_keys", "AKIAIOSFODNN7EXAMPLE")),
    ]
    for made_as in bindings:
        wrapped = wrapping.wrap(KEY, Secret(b"secret"), made_as, entropy)
        assert wrapping.unwrap(KEY, wrapped, made_as, what="row").open(SECRET_ACCESS) == b"secret"
        for opened_as in bindings:
            if opened_as is not made_as:
                with pytest.raises(CorruptRecordError, match="row"):
                    wrapping.unwrap(KEY, wrapped, opened_as, what="row")


def test_the_version_of_the_domain_key_is_bound(material: KeyMaterial, entropy: Entropy) -> None:
    """Material that was wrapped by version 1 does not open as wrapped by version 2."""
    first = wrapping.key_material_binding(material, domain_key_version=1)
    second = wrapping.key_material_binding(material, domain_key_version=2)
    wrapped = wrapping.wrap(KEY, Secret(b"secret"), first, entropy)
    with pytest.raises(CorruptRecordError):
        wrapping.unwrap(KEY, second.header + wrapped[5:], second, what="row")


@pytest.mark.parametrize("wrapped", [b"", b"\xd2", b"\xd2\0\0\0", b"\xd1\0\0\0\1"])
def test_what_is_no_wrapped_material_names_no_version(wrapped: bytes) -> None:
    """Too short, or another kind."""
    with pytest.raises(CorruptRecordError, match="row: not wrapped key material"):
        wrapping.domain_key_version(wrapped, what="row")
