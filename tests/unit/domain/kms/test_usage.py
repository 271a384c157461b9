"""What keys cost in a month."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.events import arn
from harness.world import ALICE_ACCOUNT, REGION
from selfkms.domain.kms.usage import FeePeriod, KeyRequests, Month, Prices, costs

PRICES = Prices(key_month_usd=1.0, requests_10000_usd=0.03)
NOVEMBER = Month.named("2026-11")
LATER = NOVEMBER.until + 1e6
OF = (ALICE_ACCOUNT, REGION)


def second(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]  # year, month, day


class TestMonth:
    """Months of UTC."""

    @pytest.mark.parametrize(
        ("name", "since", "until"),
        [
            ("2026-11", (2026, 11, 1), (2026, 12, 1)),
            ("2026-12", (2026, 12, 1), (2027, 1, 1)),
            ("2028-02", (2028, 2, 1), (2028, 3, 1)),
        ],
    )
    def test_borders(self, name: str, since: tuple[int, ...], until: tuple[int, ...]) -> None:
        """From the first second to the first one of the next month."""
        assert Month.named(name) == (name, second(*since), second(*until))

    @pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-00", "November", "2026-11-24"])
    def test_what_is_no_month(self, name: str) -> None:
        """It is refused."""
        with pytest.raises(ValueError, match=r"match|remains"):
            Month.named(name)

    @given(st.floats(0, 4e9))
    def test_a_moment_is_in_its_month(self, moment: float) -> None:
        """Whichever it is."""
        month = Month.at(moment)
        assert month.since <= moment < month.until
        assert Month.named(month.name) == month


class TestCosts:
    """Two prices: for a key by the hour, and for requests."""

    def test_a_whole_month(self) -> None:
        """A key that was there before and after costs a month's fee."""
        fees = [FeePeriod(arn(1), second(2026, 1, 1), None)]
        (line,) = costs(NOVEMBER, [], fees, PRICES, now=LATER)
        assert (line.account_id, line.region, line.key_arn) == (*OF, arn(1))
        assert (line.key_usd, line.key_hours, line.requests_usd) == (1.0, 720.0, 0.0)

    @pytest.mark.parametrize(
        ("fees", "days"),
        [
            ([(second(2026, 11, 21), None)], 10),
            ([(second(2026, 10, 1), second(2026, 11, 4))], 3),
            ([(second(2026, 11, 3), second(2026, 11, 6)), (second(2026, 11, 29), None)], 5),
            ([(second(2026, 12, 1), None)], 0),
            ([(second(2026, 10, 1), second(2026, 11, 1))], 0),
        ],
    )
    def test_a_part_of_it(self, fees: list[tuple[int, int | None]], days: int) -> None:
        """By the time for which the key was there and not on its way out."""
        (line,) = costs(NOVEMBER, [], [FeePeriod(arn(1), *fee) for fee in fees], PRICES, now=LATER)
        assert line.key_hours == days * 24
        assert line.key_usd == pytest.approx(days / 30)

    def test_the_present_month_is_counted_up_to_now(self) -> None:
        """Nobody pays for tomorrow."""
        fees = [
            FeePeriod(arn(1), second(2026, 1, 1), None),
            FeePeriod(arn(2), second(2026, 11, 1), second(2026, 11, 25)),
        ]
        first, other = costs(NOVEMBER, [], fees, PRICES, now=second(2026, 11, 16))
        assert (first.key_usd, other.key_usd) == (0.5, 0.5)

    def test_a_month_that_has_not_begun(self) -> None:
        """Nothing costs anything yet."""
        (line,) = costs(NOVEMBER, [], [FeePeriod(arn(1), second(2026, 1, 1), None)], PRICES, now=second(2026, 10, 1))
        assert line.key_usd == 0

    def test_requests(self) -> None:
        """10,000 for a price, whatever they are; those about no key in a line of their own."""
        requests = [
            KeyRequests(*OF, arn(1), "Encrypt", 15_000),
            KeyRequests(*OF, arn(1), "Sign", 5_000),
            KeyRequests(*OF, "", "ListKeys", 10_000),
        ]
        without, line = costs(NOVEMBER, requests, [], PRICES, now=LATER)
        assert (without.key_arn, without.requests, without.requests_usd) == (None, {"ListKeys": 10_000}, 0.03)
        assert (line.requests, line.request_count) == ({"Encrypt": 15_000, "Sign": 5_000}, 20_000)
        assert line.requests_usd == pytest.approx(0.06)
        assert line.key_usd == 0

    def test_a_price_list_of_ones_own(self) -> None:
        """Twice the prices, twice the costs."""
        double = Prices(key_month_usd=2.0, requests_10000_usd=0.06)
        fees = [FeePeriod(arn(1), second(2026, 1, 1), None)]
        (line,) = costs(NOVEMBER, [KeyRequests(*OF, arn(1), "Encrypt", 10_000)], fees, double, now=LATER)
        assert (line.key_usd, line.requests_usd) == (2.0, 0.06)
