"""`selfkms usage`: the report of a month, for people and for programs."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.assembled import made
from harness.events import arn, event
from harness.world import ALICE_ACCOUNT, BOB_ACCOUNT, REGION
from selfkms.bootstrap.assembly import Assembly
from selfkms.cli.exit_codes import ExitCode
from selfkms.cli.usage import usage

BASE = 1_600_000_000  # 2020-09-13
OCTOBER = 1_601_510_400  # 2020-10-01


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An installation whose journal has requests of September and October."""
    journal = Assembly(made(tmp_path, "audit.segment_bytes=1048576")).journal()
    journal.append(
        [
            event(1, "CreateKey", arn(1), at=BASE),
            *(event(number, "Encrypt", arn(1), at=BASE) for number in range(2, 12)),
            event(12, "Decrypt", arn(1), at=BASE, errorCode="AccessDenied"),
            event(13, "Decrypt", arn(1), at=BASE, account_id=BOB_ACCOUNT),
            event(14, "ListKeys", at=BASE, account_id=BOB_ACCOUNT),
            event(15, "ScheduleKeyDeletion", arn(1), at=BASE + 36_000),
            event(16, "Encrypt", arn(2), at=OCTOBER),
        ]
    )
    journal.close()
    return tmp_path


def run(directory: Path, *options: str) -> Result:
    return CliRunner().invoke(usage, ["--data-dir", str(directory), *options])


def test_for_programs(directory: Path) -> None:
    """Everything, by account, Region and key; a request counts for the account of the key."""
    result = run(directory, "--month", "2020-09", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["month"] == "2020-09"
    assert report["prices"] == {"key_month_usd": 1.0, "requests_10000_usd": 0.03}
    assert report["recorded_since"] == BASE
    key, without = report["usage"]
    assert (key["account_id"], key["region"], key["key_arn"]) == (ALICE_ACCOUNT, REGION, arn(1))
    assert key["requests"] == {"CreateKey": 1, "Encrypt": 10, "Decrypt": 1, "ScheduleKeyDeletion": 1}
    assert key["request_count"] == 13
    assert key["requests_usd"] == pytest.approx(13 * 0.03 / 10_000)
    assert key["key_hours"] == 10
    assert key["key_usd"] == pytest.approx(key["key_hours"] / 720)
    assert (without["account_id"], without["key_arn"], without["requests"]) == (BOB_ACCOUNT, None, {"ListKeys": 1})
    assert report["total_usd"] == pytest.approx(key["key_usd"] + 14 * 0.03 / 10_000)


def test_for_people(directory: Path) -> None:
    """A block an account and Region, and the sum."""
    lines = run(directory, "--month", "2020-09").stdout.splitlines()
    assert lines[0] == f"account {ALICE_ACCOUNT}, {REGION}"
    assert re.split(r"\s{2,}", lines[1].strip()) == [arn(1).partition("key/")[2], "13 requests", "0.0139 USD"]
    assert lines[2].strip() == "key for 10.0 h; CreateKey 1, Decrypt 1, Encrypt 10, ScheduleKeyDeletion 1"
    assert lines[3] == f"account {BOB_ACCOUNT}, {REGION}"
    assert lines[4].split()[:4] == ["no", "key", "1", "requests"]
    assert lines[-1] == "2020-09: 14 requests, 0.0139 USD"


def test_another_month(directory: Path) -> None:
    """Only what is of it."""
    report = json.loads(run(directory, "--month", "2020-10", "--json").stdout)
    assert [line["requests"] for line in report["usage"]] == [{"Encrypt": 1}]


def test_a_month_without_anything(directory: Path) -> None:
    """Nothing was asked for, nothing is to be paid."""
    assert run(directory, "--month", "2019-01").stdout == "2019-01: 0 requests, 0.0000 USD\n"


def test_the_present_month_is_the_default(directory: Path) -> None:
    """By the service's clock."""
    month = json.loads(run(directory, "--json").stdout)["month"]
    assert re.fullmatch(r"\d{4}-\d{2}", month)


def test_prices_are_settings(directory: Path) -> None:
    """The costs are those of one's own price list."""
    (directory / "selfkms.toml").write_text("[usage]\nkey_month_usd = 0\nrequests_10000_usd = 10000\n")
    report = json.loads(run(directory, "--month", "2020-09", "--json").stdout)
    assert report["total_usd"] == 14


@pytest.mark.parametrize("month", ["2026", "November", "2026-13"])
def test_what_is_no_month(directory: Path, month: str) -> None:
    """It is refused."""
    result = run(directory, "--month", month)
    assert result.exit_code == ExitCode.USAGE
    assert "is not a month such as 2026-11" in result.stderr
