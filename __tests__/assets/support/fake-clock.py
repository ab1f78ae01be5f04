#!/usr/bin/python3 -ISB
"""Runs a script with a clock that is FAKE_AHEAD seconds ahead, and in place of setting it says on standard error to what.

usage: fake-clock.py SCRIPT
"""

import os
import runpy
import sys
import time

real, ahead = time.time, float(os.environ["FAKE_AHEAD"])


def set_clock(clock, value):
    global ahead
    assert clock == time.CLOCK_REALTIME
    ahead = value - real()
    print("set to %+.3f" % ahead, file=sys.stderr, flush=True)


time.time = lambda: real() + ahead
time.clock_settime = set_clock
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
