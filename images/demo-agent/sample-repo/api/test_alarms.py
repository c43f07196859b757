import unittest
from datetime import datetime, timedelta

from alarms import Alarm, Reading, alarms_for

NOW = datetime(2026, 3, 1, 22, 0)


def reading(minutes_ago: int, lit: bool = True, battery: float = 0.9) -> Reading:
    return Reading("north-mole", NOW - timedelta(minutes=minutes_ago), lit, battery)


class AlarmsTest(unittest.TestCase):
    def test_a_lit_beacon_is_left_alone(self):
        self.assertEqual(alarms_for([reading(1)], NOW, is_night=True), [])

    def test_a_dark_beacon_at_night(self):
        alarms = alarms_for([reading(1, lit=False)], NOW, is_night=True)
        self.assertEqual(alarms, [Alarm("north-mole", "dark")])

    def test_silence_counts_from_the_latest_reading(self):
        alarms = alarms_for([reading(9), reading(1)], NOW, is_night=False)
        self.assertEqual(alarms, [])


if __name__ == "__main__":
    unittest.main()
