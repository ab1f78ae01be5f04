#!/usr/bin/python3
"""Puts this machine's clock right by that of the workstation, as its State Hub tells the time.

build-clock.socket starts it for each connection, which is its standard output. It reads nothing from there: a client can
have the clocks compared, and has no say in what is found. It asks the hub itself, through the tunnel, and sends one line:
`right SECONDS`, `corrected SECONDS` or `failed REASON`, where SECONDS is how far the clock was ahead, negative for behind.

Each step back is noted in the state directory, one line `FROM TO` in microseconds since 1970, so that what was built by
the wrong time can be told: see assets/cli/session.sh.
"""

import fcntl
import os
import socket
import sys
import time

REQUEST_SECONDS = 5.0
# A machine that was paused has lost its tunnel, which is dialled again within a second or two.
TUNNEL_SECONDS = 8.0
AGAIN_SECONDS = 0.5
ANSWER_BYTES = 64 * 1024
MOST_TRIES = 3
# A measurement that is better than this needs no other.
GOOD_ENOUGH_SECONDS = 0.1
# What is left alone: sources are rarely edited and built within less.
TOLERANCE_SECONDS = 0.5
# From what the clock said when the machine booted. Old certificates and package lists become valid no further back; a
# laptop may sleep for long.
MOST_BACK_SECONDS = 24 * 3600.0
MOST_FORWARD_SECONDS = 400 * 24 * 3600.0
MOST_NOTES = 100


class Failure(Exception):
    """Why the clock cannot be compared or put right."""


class Unreachable(Failure):
    """The tunnel or the hub is not there."""


class Settings:
    """The unit's environment. Clients have no influence on it."""

    def __init__(self, environ):
        url = environ.get("STATE_HUB_URL") or "http://127.0.0.1:18000"
        scheme, _, authority = url.rstrip("/").partition("://")
        host, _, port = authority.partition(":")
        if scheme != "http" or not host or not port.isdigit():
            raise Failure("STATE_HUB_URL is %r: expected http://HOST:PORT" % url)
        self.hub_host, self.hub_port = host, int(port)
        runtime = environ.get("RUNTIME_DIRECTORY") or "/run/build-clock"
        self.turn, self.boot = runtime + "/turn", runtime + "/boot"
        self.steps = (environ.get("STATE_DIRECTORY") or "/var/lib/build-clock") + "/steps"


def measure(settings):
    """(how far our clock is ahead, how far off that may be), in seconds. Raises Failure."""
    best = None
    deadline = time.monotonic() + TUNNEL_SECONDS
    for _ in range(MOST_TRIES):
        while True:
            sent, began = time.time(), time.monotonic()
            try:
                told = hub_time(settings)
                break
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            time.sleep(AGAIN_SECONDS)
        took = time.monotonic() - began
        # It was told at some time in between.
        found = (sent + took / 2 - told, took / 2)
        if best is None or found[1] < best[1]:
            best = found
        if best[1] <= GOOD_ENOUGH_SECONDS:
            break
    return best


def hub_time(settings):
    """What the hub's clock says, in seconds since 1970. Raises Failure."""
    request = "GET /health HTTP/1.0\r\nHost: %s:%d\r\nConnection: close\r\n\r\n" % (settings.hub_host, settings.hub_port)
    deadline, data = time.monotonic() + REQUEST_SECONDS, b""
    try:
        with socket.create_connection((settings.hub_host, settings.hub_port), timeout=REQUEST_SECONDS) as connection:
            connection.sendall(request.encode("ascii"))
            while b"\r\n\r\n" not in data:
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                part = connection.recv(4096)
                data += part
                if not part and not data:
                    raise Unreachable("the State Hub does not answer: the connection was closed")
                if not part or len(data) > ANSWER_BYTES:
                    raise Failure("the State Hub's answer is no HTTP")
    except ConnectionError as error:
        raise Unreachable("the State Hub does not answer: %s" % (error.strerror or error)) from error
    except OSError as error:
        raise Failure("the State Hub does not answer: %s" % (error.strerror or error)) from error
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        digits = value.strip()
        if name.lower() == b"unix-time" and len(digits) < 20 and digits.replace(b".", b"", 1).isdigit():
            return float(digits)
    raise Failure("the State Hub does not tell the time")


def boot_time(settings):
    """When the machine was booted, by the clock as it was before anything was put right."""
    now = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        with open(settings.boot, "x", encoding="ascii") as file:
            file.write("%f" % now)
        return now
    except FileExistsError:
        with open(settings.boot, encoding="ascii") as file:
            return float(file.read())


def correct(settings):
    """Compares and corrects. Returns the word for it and the seconds. Raises Failure."""
    booted = boot_time(settings)
    ahead, error = measure(settings)
    if abs(ahead) <= max(TOLERANCE_SECONDS, error):
        return "right", ahead
    moved = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - ahead - booted
    if not -MOST_BACK_SECONDS <= moved <= MOST_FORWARD_SECONDS:
        raise Failure(
            "the State Hub's clock is %d s from where ours began, which is not believed" % moved
        )
    if ahead > 0:
        note_step_back(settings, ahead)
    time.clock_settime(time.CLOCK_REALTIME, time.time() - ahead)
    return "corrected", ahead


def note_step_back(settings, ahead):
    try:
        with open(settings.steps, encoding="ascii") as file:
            lines = file.readlines()[-MOST_NOTES + 1:]
    except FileNotFoundError:
        lines = []
    now = time.time()
    lines.append("%d %d\n" % (now * 1e6, (now - ahead) * 1e6))
    with open(settings.steps + ".new", "w", encoding="ascii") as file:
        file.writelines(lines)
    os.replace(settings.steps + ".new", settings.steps)


def main():
    # The notes are for the sessions of developers, too.
    os.umask(0o022)
    try:
        settings = Settings(os.environ)
        with open(settings.turn, "a", encoding="ascii") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            answer = "%s %.3f" % correct(settings)
    except (Failure, OSError) as error:
        answer = "failed %s" % error
    if not answer.startswith("right"):
        print(answer, file=sys.stderr, flush=True)
    try:
        print(answer, flush=True)
    except OSError:
        # The client has left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
