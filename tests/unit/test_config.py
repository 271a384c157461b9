"""The settings: what is taken, from where, and what is refused."""

import os
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from selfkms.config import ServerSettings, Settings, SettingsError, load_settings

FILE: Final = """
regions = ["eu-central-1", "us-east-1"]

[server]
host = "192.0.2.1"
port = 443
workers = 4
tls_certificate = "tls/chain.pem"
tls_private_key = "tls/key.pem"

[signature]
skew_seconds = 900

[audit]
durability = "process"
segment_bytes = 1048576

[seal]
kind = "file"
file = "/run/secrets/seal.key"
"""


def write(folder: Path, text: str) -> Path:
    """A data directory with this settings file."""
    (folder / "selfkms.toml").write_text(text, encoding="utf-8")
    return folder


def setting(settings: Settings, name: str) -> Any:
    """The value of a setting by its dotted name."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_without_a_file_everything_is_at_its_default(tmp_path: Path) -> None:
    """An installation runs on loopback, verifies strictly and keeps its audit through a power failure."""
    settings = load_settings(tmp_path)
    assert settings == Settings()
    assert msgspec.to_builtins(settings) == {
        "server": {
            "host": "127.0.0.1",
            "port": 4599,
            "workers": 0,
            "threads": 4,
            "tls_certificate": None,
            "tls_private_key": None,
            "plain_http": False,
            "body_bytes_max": 1_048_576,
            "connections_max": 1_000,
            "request_timeout_seconds": 30,
            "idle_timeout_seconds": 120,
            "drain_seconds": 10,
        },
        "signature": {"skew_seconds": 300},
        "audit": {"durability": "power", "segment_bytes": 16_777_216},
        "seal": {"kind": "file", "file": "seal.key"},
        "keys": {"allow_variable_time": False, "rsa_pairs_ahead": 2},
        "trail": {
            "history_days": 90,
            "delivery_interval_seconds": 300,
            "digest_interval_seconds": 3600,
            "digest_key_days": 30,
            "directory": "trails",
            "s3_endpoint": None,
            "s3_region": "us-east-1",
            "s3_access_key_id": None,
            "s3_secret_access_key": None,
        },
        "usage": {"key_month_usd": 1.0, "requests_10000_usd": 0.03},
        "attestation": {"root_file": None, "skew_seconds": 300},
        "web_identity": {"allow_private_addresses": False, "ca_file": None},
        "regions": (),
    }


def test_the_file_is_read(tmp_path: Path) -> None:
    """Every table, with what it leaves out at its default."""
    settings = load_settings(write(tmp_path, FILE))
    assert settings.regions == ("eu-central-1", "us-east-1")
    assert settings.server == ServerSettings(
        host="192.0.2.1", port=443, workers=4, tls_certificate="tls/chain.pem", tls_private_key="tls/key.pem"
    )
    assert settings.signature.skew_seconds == 900
    assert (settings.audit.durability, settings.audit.segment_bytes) == ("process", 1_048_576)
    assert settings.seal.file == "/run/secrets/seal.key"


@pytest.mark.parametrize(
    ("assignment", "name", "value"),
    [
        ("server.port=8443", "server.port", 8443),
        ("server.port=0", "server.port", 0),
        (" server.port=1", "server.port", 1),
        ("server.host=::1", "server.host", "::1"),
        ("server.plain_http=true", "server.plain_http", True),
        ("server.plain_http=false", "server.plain_http", False),
        ("server.tls_certificate=a=b.pem", "server.tls_certificate", "a=b.pem"),
        ("audit.durability=power", "audit.durability", "power"),
        ("seal.file=", "seal.file", ""),
        ("regions=eu-west-1", "regions", ("eu-west-1",)),
        ("regions=eu-west-1,eu-west-2", "regions", ("eu-west-1", "eu-west-2")),
    ],
)
def test_an_assignment_wins_over_the_file(tmp_path: Path, assignment: str, name: str, value: object) -> None:
    """With the type of the setting; the rest of the file counts as before."""
    settings = load_settings(write(tmp_path, FILE), [assignment])
    assert setting(settings, name) == value
    assert settings.signature.skew_seconds == 900


def test_an_assignment_needs_no_file(tmp_path: Path) -> None:
    """`selfkms dev` has none."""
    assert load_settings(tmp_path, ["server.port=1", "server.workers=2"]).server == ServerSettings(port=1, workers=2)


def test_the_last_assignment_wins(tmp_path: Path) -> None:
    """As with any command line."""
    assert load_settings(tmp_path, iter(["server.port=1", "server.port=2"])).server.port == 2


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("verify = false", "verify"),
        ("[servers]\nport = 1", "servers"),
        ("[server]\nports = 1", "ports"),
        ("[server]\nPort = 1", "Port"),
        ("[signature]\nverify = false", "verify"),
        ("[audit]\nenabled = false", "enabled"),
        ("[seal]\npassphrase = 'x'", "passphrase"),
        ("[server.tls]\ncertificate = 'x'", "tls"),
    ],
)
def test_an_unknown_setting_is_refused(tmp_path: Path, text: str, unknown: str) -> None:
    """A misspelt one would silently leave its default; the message names it. Nothing turns verification off."""
    with pytest.raises(SettingsError, match=f"unknown field `{unknown}`"):
        load_settings(write(tmp_path, text))


@pytest.mark.parametrize(
    "assignment", ["verify=false", "server.ports=1", "server.port.x=1", "signature.verify=false", "a..b=1"]
)
def test_an_unknown_assignment_is_refused(tmp_path: Path, assignment: str) -> None:
    """As in the file."""
    with pytest.raises(SettingsError):
        load_settings(tmp_path, [assignment])


@pytest.mark.parametrize("assignment", ["", "server.port", "=1", "server.=1", " =1"])
def test_what_is_no_assignment_is_refused(tmp_path: Path, assignment: str) -> None:
    """The message shows what was given."""
    with pytest.raises(SettingsError) as refusal:
        load_settings(tmp_path, [assignment])
    assert str(refusal.value) == f"'{assignment}' is not KEY=VALUE"


def test_a_value_is_no_table(tmp_path: Path) -> None:
    """An assignment below a value of the file is refused, and says which it is."""
    with pytest.raises(SettingsError) as refusal:
        load_settings(write(tmp_path, "server = 5"), ["server.port=1"])
    assert str(refusal.value) == "'server' is a value, not a table of settings"


@pytest.mark.parametrize("assignment", ["server=5", "regions.first=eu-west-1"])
def test_a_table_is_no_value(tmp_path: Path, assignment: str) -> None:
    """And a list is no table."""
    with pytest.raises(SettingsError):
        load_settings(tmp_path, [assignment])


@pytest.mark.parametrize(
    "assignment",
    [
        "server.port=https",
        "server.port=",
        "server.port=1.5",
        "server.port=0x10",
        "server.workers=true",
        "server.plain_http=yes",
        "server.plain_http=",
        "signature.skew_seconds=5m",
        "audit.durability=memory",
        "audit.durability=Power",
        "seal.kind=none",
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, assignment: str) -> None:
    """The message names the setting."""
    with pytest.raises(SettingsError, match=assignment.partition("=")[0].replace(".", r"\.")):
        load_settings(tmp_path, [assignment])


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("server.port", 0, 65_535),
        ("server.workers", 0, 256),
        ("server.body_bytes_max", 1, None),
        ("server.connections_max", 1, None),
        ("server.request_timeout_seconds", 1, None),
        ("server.idle_timeout_seconds", 1, None),
        ("server.drain_seconds", 1, None),
        ("signature.skew_seconds", 1, 900),
        ("audit.segment_bytes", 1_048_576, None),
        ("trail.history_days", 1, None),
        ("usage.key_month_usd", 0, None),
        ("usage.requests_10000_usd", 0, None),
    ],
)
def test_numbers_have_bounds(tmp_path: Path, name: str, lowest: int, highest: int | None) -> None:
    """The bounds themselves are taken, what lies outside is refused: no signature is good for more than 15 minutes."""
    assert setting(load_settings(tmp_path, [f"{name}={lowest}"]), name) == lowest
    outside = [lowest - 1, -1]
    if highest is not None:
        assert setting(load_settings(tmp_path, [f"{name}={highest}"]), name) == highest
        outside.append(highest + 1)
    for value in outside:
        with pytest.raises(SettingsError):
            load_settings(tmp_path, [f"{name}={value}"])


@pytest.mark.parametrize(
    "text",
    [
        "[server]\nport = 'x'",
        "[server]\nport = [1]",
        "[server]\nworkers = true",
        "[server]\nhost = 1",
        "server = []",
        "regions = 'eu-central-1'",
        "regions = [1]",
    ],
)
def test_a_value_of_another_type_in_the_file_is_refused(tmp_path: Path, text: str) -> None:
    """A Region alone is not taken for a list of letters."""
    with pytest.raises(SettingsError):
        load_settings(write(tmp_path, text))


@pytest.mark.parametrize(
    "content", [b"port =", b"[server\n", b"port = 1\nport = 2\n", b"\xff", b"server: {port: 1}", b'{"server": {}}']
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message says which file."""
    path = tmp_path / "selfkms.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"selfkms\.toml"):
        load_settings(tmp_path)


def test_one_worker_for_each_processor() -> None:
    """Zero means as many as there are processors that this process may use."""
    assert ServerSettings(workers=0).worker_count == len(os.sched_getaffinity(0))
    assert ServerSettings(workers=3).worker_count == 3


def test_settings_do_not_change() -> None:
    """What was checked is what counts until the next start."""
    settings = Settings()
    with pytest.raises(AttributeError):
        settings.server = ServerSettings()  # type: ignore[misc]  # that it cannot be assigned is the claim
    assert msgspec.structs.replace(settings, regions=("eu-west-1",)) != settings


def test_an_empty_list_of_regions_is_empty(tmp_path: Path) -> None:
    """`regions=` takes back what the file says: all Regions."""
    assert load_settings(write(tmp_path, FILE), ["regions="]).regions == ()


@pytest.mark.parametrize("assignment", ["regions=eu-central", "regions=eu-west-1;eu-west-2", "regions=Frankfurt"])
def test_a_misspelt_region_is_refused(tmp_path: Path, assignment: str) -> None:
    """It would otherwise not be served, in silence."""
    with pytest.raises(SettingsError):
        load_settings(tmp_path, [assignment])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The operator sees which file it is, and no traceback."""
    (tmp_path / "selfkms.toml").mkdir()
    with pytest.raises(SettingsError):
        load_settings(tmp_path)


def test_the_secret_for_s3_is_not_shown(tmp_path: Path) -> None:
    """Not even where somebody prints all settings."""
    settings = load_settings(tmp_path, ["trail.s3_secret_access_key=hidden"])
    assert settings.trail.s3_secret_access_key == "hidden"
    assert "hidden" not in repr(settings)
