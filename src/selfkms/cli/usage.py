"""`selfkms usage`: how KMS keys were used in a month, and what that costs by the price list of the settings."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from selfkms.cli.options import existing_data_dir
from selfkms.cli.past import past_of

if TYPE_CHECKING:
    from selfkms.domain.kms.usage import KeyCost, Month


@click.command(short_help="Say how KMS keys were used in a month, and what they cost.")
@existing_data_dir
@click.option("--month", "month_name", metavar="YYYY-MM", help="In UTC.  [default: the present one]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def usage(*, data_dir: Path, month_name: str | None, as_json: bool) -> None:
    """Say how KMS keys were used in a month, and what they cost.

    By account, Region and KMS key: successful requests by operation, as the audit has them, and costs by
    usage.key_month_usd and usage.requests_10000_usd. A customer managed key costs from its making until it is scheduled
    for deletion, by the hour; AWS managed keys cost nothing. The present month is counted up to now.
    """
    from selfkms.domain.kms.usage import Month, Prices, costs

    with past_of(data_dir) as past:
        now, settings = past.unsealed.clock.now(), past.unsealed.settings.usage
        try:
            month = Month.at(now) if month_name is None else Month.named(month_name)
        except ValueError as error:
            raise click.BadParameter(f"'{month_name}' is not a month such as 2026-11", param_hint="--month") from error
        prices = Prices(key_month_usd=settings.key_month_usd, requests_10000_usd=settings.requests_10000_usd)
        requests, fees = past.history.requests(month.name), past.history.fees(month.since, month.until)
        lines = costs(month, requests, fees, prices, now=now)
        recorded_since = past.history.tracked_since()
    if as_json:
        report = {
            "month": month.name,
            "prices": prices,
            "recorded_since": recorded_since,
            "usage": lines,
            "total_usd": sum(line.requests_usd + line.key_usd for line in lines),
        }
        click.echo(json.dumps(msgspec.to_builtins(report)))
        return
    for text in _table(month, lines):
        click.echo(text)


def _table(month: "Month", lines: Sequence["KeyCost"]) -> Iterator[str]:
    """The report for people: a block an account and Region, its keys by their IDs."""
    block: tuple[str, str] | None = None
    for line in lines:
        if block != (line.account_id, line.region):
            block = (line.account_id, line.region)
            yield click.style(f"account {line.account_id or 'unknown'}, {line.region}", bold=True)
        key = "no key" if line.key_arn is None else line.key_arn.partition("key/")[2]
        yield f"  {key:<36}  {line.request_count:>12,} requests  {line.requests_usd + line.key_usd:>12.4f} USD"
        detail = ", ".join(f"{operation} {number:,}" for operation, number in sorted(line.requests.items()))
        hours = f"key for {line.key_hours:.1f} h" if line.key_hours else ""
        if detail or hours:
            yield click.style(f"    {'; '.join(filter(None, (hours, detail)))}", dim=True)
    total = sum(line.requests_usd + line.key_usd for line in lines)
    yield click.style(
        f"{month.name}: {sum(line.request_count for line in lines):,} requests, {total:.4f} USD", bold=True
    )
