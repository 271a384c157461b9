"""The installation's own keys, from the root key in this process."""

from selfkms.adapters.software_keys.wrapping import small_secret_binding, unwrap, wrap
from selfkms.crypto.framing import frame
from selfkms.crypto.labels import Purpose
from selfkms.crypto.mac import MACKey
from selfkms.crypto.root_key import RootKey
from selfkms.domain.secrets import Secret
from selfkms.ports.entropy import Entropy


class RootInstallationKeys:
    """The port `InstallationKeys`. Safe to share between threads: nothing in it changes."""

    def __init__(self, root_key: RootKey, entropy: Entropy) -> None:
        self._sealing_key = root_key.subkey(Purpose.SECRET_SEALING)
        self._tag_key = MACKey(root_key.subkey(Purpose.TAG))
        self._entropy = entropy

    def seal(self, secret: Secret, *, bound_to: tuple[str, ...]) -> bytes:
        """The secret in a committed envelope."""
        return wrap(self._sealing_key, secret, small_secret_binding(bound_to), self._entropy)

    def open(self, sealed: bytes, *, bound_to: tuple[str, ...]) -> Secret:
        """The secret.

        Raises:
            CorruptRecordError: altered, or bound to something else.
        """
        return unwrap(self._sealing_key, sealed, small_secret_binding(bound_to), what="/".join(bound_to))

    def tag(self, purpose: str, data: bytes) -> bytes:
        """16 bytes. The purpose stands in front with its length, so no data of another purpose gives the same input."""
        return self._tag_key.short_tag(frame(purpose) + data)
