"""Decides when a beacon's silence or darkness is worth waking the keeper."""

from dataclasses import dataclass
from datetime import datetime, timedelta

SILENCE_LIMIT = timedelta(minutes=3)


@dataclass(frozen=True)
class Reading:
    beacon: str
    at: datetime
    lit: bool
    battery: float


@dataclass(frozen=True)
class Alarm:
    beacon: str
    reason: str


def alarms_for(readings: list[Reading], now: datetime, is_night: bool) -> list[Alarm]:
    """One alarm per beacon at most; the worst reason wins."""
    latest: dict[str, Reading] = {}
    for reading in readings:
        known = latest.get(reading.beacon)
        if known is None or reading.at > known.at:
            latest[reading.beacon] = reading
    return [alarm for reading in latest.values() if (alarm := judge(reading, now, is_night))]


def judge(reading: Reading, now: datetime, is_night: bool) -> Alarm | None:
    if now - reading.at > SILENCE_LIMIT:
        return Alarm(reading.beacon, "silent")
    if is_night and not reading.lit:
        return Alarm(reading.beacon, "dark")
    # TODO: warn earlier in winter, when the panels charge less
    if reading.battery < 0.2:
        return Alarm(reading.beacon, "battery low")
    return None
