"""What KMS keys cost in a month, by the two prices of a price list.

A customer managed key has its fee by the hour from its making until it is scheduled for deletion, and again when that
is cancelled. AWS managed keys have none. Requests cost the same whatever the key; refused ones cost nothing.

Source: the page "AWS Key Management Service pricing".
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

_REQUESTS_PER_PRICE: Final = 10_000
_SECONDS_PER_HOUR: Final = 3_600


class KeyRequests(NamedTuple):
    """How often an operation succeeded with a KMS key; `key_arn` is empty for requests that are about none."""

    account_id: str
    region: str
    key_arn: str
    operation: str
    number: int


class FeePeriod(NamedTuple):
    """A time for which a KMS key has its monthly fee."""

    key_arn: str
    since: int
    """Seconds since the epoch."""
    until: int | None
    """None: it goes on."""


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """A price list, in US dollars."""

    key_month_usd: float
    requests_10000_usd: float


class Month(NamedTuple):
    """A month of UTC, and its borders in seconds since the epoch."""

    name: str
    """`2026-11`"""
    since: float
    until: float

    @classmethod
    def named(cls, name: str) -> "Month":
        """The month of that name.

        Raises:
            ValueError: there is none.
        """
        return cls._from(datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC))

    @classmethod
    def at(cls, moment: float) -> "Month":
        """The month of a moment, seconds since the epoch."""
        day = datetime.fromtimestamp(moment, UTC)
        return cls._from(datetime(day.year, day.month, 1, tzinfo=UTC))

    @classmethod
    def _from(cls, begin: datetime) -> "Month":
        following = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
        return cls(f"{begin:%Y-%m}", begin.timestamp(), following.timestamp())


class KeyCost(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the report: a KMS key, or what an account asked for in a Region without any."""

    account_id: str
    region: str
    key_arn: str | None
    requests: dict[str, int]
    request_count: int
    key_hours: float
    """For which the key had its fee."""
    requests_usd: float
    key_usd: float


def costs(
    month: Month, requests: Sequence[KeyRequests], fees: Iterable[FeePeriod], prices: Prices, *, now: float
) -> list[KeyCost]:
    """What each KMS key cost in a month, up to `now` if the month is not over.

    Args:
        month: the month.
        requests: those of that month.
        fees: all periods that touch it.
        prices: the price list.
        now: seconds since the epoch.
    """
    end = min(month.until, max(now, month.since))
    seconds: dict[str, float] = {}
    for fee in fees:
        covered = min(end if fee.until is None else fee.until, end) - max(fee.since, month.since)
        seconds[fee.key_arn] = seconds.get(fee.key_arn, 0.0) + max(covered, 0.0)
    counted: dict[tuple[str, str, str], dict[str, int]] = {_whose(arn): {} for arn in seconds}
    for request in requests:
        line = (request.account_id, request.region, request.key_arn)
        counted.setdefault(line, {})[request.operation] = request.number
    return [
        _line(line, operations, seconds.get(line[2], 0.0), month, prices)
        for line, operations in sorted(counted.items())
    ]


def _whose(key_arn: str) -> tuple[str, str, str]:
    _, _, _, region, account_id, _ = key_arn.split(":", 5)
    return account_id, region, key_arn


def _line(
    line: tuple[str, str, str], operations: dict[str, int], seconds: float, month: Month, prices: Prices
) -> KeyCost:
    account_id, region, key_arn = line
    count = sum(operations.values())
    return KeyCost(
        account_id=account_id,
        region=region,
        key_arn=key_arn or None,
        requests=operations,
        request_count=count,
        key_hours=seconds / _SECONDS_PER_HOUR,
        requests_usd=count * prices.requests_10000_usd / _REQUESTS_PER_PRICE,
        key_usd=seconds / (month.until - month.since) * prices.key_month_usd,
    )
