"""Cases that run on the board, with MicroPython's own unittest."""

import os
import unittest

from ring_log import RingLog


class TestRingLog(unittest.TestCase):
    def setUp(self):
        self.log = RingLog("/test.log", count=3, size=8)

    def tearDown(self):
        self.log.close()
        os.remove("/test.log")

    def test_is_empty_at_first(self):
        self.assertEqual(list(self.log), [])

    def test_oldest_entries_go(self):
        for number in range(5):
            self.log.add(str(number))
        self.assertEqual(list(self.log), ["2", "3", "4"])

    def test_goes_on_where_it_was(self):
        for number in range(4):
            self.log.add(str(number))
        self.log.close()
        self.log = RingLog("/test.log", count=3, size=8)
        self.log.add("4")
        self.assertEqual(list(self.log), ["2", "3", "4"])

    def test_entry_may_be_too_long(self):
        self.log.add("12345678")
        with self.assertRaises(ValueError):
            self.log.add("123456789")


if __name__ == "__main__":
    unittest.main()
