#!/usr/bin/python3
"""Keeps this build machine's one entry in the State Hub.

Runs as build-agent.service with its settings in the environment (/etc/build-agent.env, read by systemd). Every beat
asks the hub for the entry with our title, then creates, updates or just confirms it. The hub is only ever spoken to
through the tunnel's forward on the loopback address, in plain HTTP/1.0: one request, one connection, no chunked
answers. Only modules that the interpreter loads quickly are imported, because a virtual machine without hardware
acceleration pays for each of them while it boots.
"""

import json
import os
import socket
import sys
import time

CAPABILITY_TYPE = "haskell-build-agent"
CATALOG = "/capability-catalog/"

REQUEST_SECONDS = 10.0
RESPONSE_BYTES = 1024 * 1024
# While the tunnel comes up, which is soon after boot or after a cut, somebody is waiting for us.
IMPATIENT_TRIES = 120
IMPATIENT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
# How long a POST whose answer got lost may still turn into an entry.
UNCERTAIN_POST_SECONDS = 30.0
REPEAT_LOG_SECONDS = 300.0
# How far the clock may be from the hub's before it is put right, which build-clock.py does.
CLOCK_SECONDS = 0.5
CLOCK_ANSWER_SECONDS = 20.0
# A hub takes 64 keywords and 4000 characters of description. What builds can make more of than fits is cut: names of
# workspaces, and versions, which are directories of theirs.
BUILDS_CHARACTERS = 2000
MOST_VERSIONS = 24
VERSION_CHARACTERS = 24


class Unreachable(Exception):
    """Nothing was sent: the tunnel or the hub is not there."""


class NoAnswer(Exception):
    """The request may or may not have reached the hub."""


class BadAnswer(Exception):
    """The hub said something that cannot be used."""


class Settings:
    """The environment, validated. Raises ValueError naming the variable."""

    def __init__(self, environ):
        self.hub_host, self.hub_port, self.hub_path = parse_hub_url(
            environ.get("STATE_HUB_URL") or "http://127.0.0.1:18000"
        )
        self.domain = environ.get("STATE_HUB_DOMAIN", "")
        if not self.domain:
            raise ValueError("STATE_HUB_DOMAIN is empty: name the domain of the fleet's capabilities")
        self.tunnel_port = parse_number("REMOTE_PORT", environ.get("REMOTE_PORT", ""), 1, 65535, int)
        self.heartbeat = parse_number("HEARTBEAT_SECONDS", environ.get("HEARTBEAT_SECONDS") or "30", 0.1, 86400, float)
        self.host_name = environ.get("BUILD_HOST_NAME") or socket.gethostname()
        self.ghcup = environ.get("GHCUP_DIRECTORY") or "/home/build/.ghcup"
        self.dpkg_status = environ.get("DPKG_STATUS") or "/var/lib/dpkg/status"
        self.build_directory = environ.get("BUILD_DIRECTORY") or "/build"
        self.clock_socket = environ.get("BUILD_CLOCK_SOCKET") or "/run/buildfleet/clock.sock"

    @property
    def title(self):
        return "Haskell Build Agent \u2014 " + self.host_name


def parse_number(name, text, low, high, kind):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise ValueError("%s is %r: expected a number from %s to %s" % (name, text, low, high))
    return value


def parse_hub_url(url):
    """Host, port and path prefix of an http URL."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.partition(":")
    if scheme != "http" or not separator or not host or "@" in host or "?" in path or "#" in path:
        raise ValueError("STATE_HUB_URL is %r: expected http://HOST:PORT" % url)
    return host, parse_number("STATE_HUB_URL", port or "80", 1, 65535, int), (slash + path).rstrip("/")


class Hub:
    """HTTP to the hub: every request is limited in time, every answer in size, and redirects are not followed."""

    def __init__(self, host, port, prefix):
        self.host, self.port, self.prefix = host, port, prefix
        # Seconds that our clock was ahead of the hub's at the last request, as far as that is certain; None: not told.
        self.clock_ahead = None

    def request(self, method, path, body=None):
        """Returns (status, bytes). Raises Unreachable, NoAnswer or BadAnswer."""
        deadline = time.monotonic() + REQUEST_SECONDS
        payload = b"" if body is None else json.dumps(body).encode("ascii")
        head = "%s %s%s HTTP/1.0\r\nHost: %s:%d\r\nAccept: application/json\r\nConnection: close\r\n" % (
            method, self.prefix, path, self.host, self.port,
        )
        if body is not None:
            head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(payload)
        try:
            connection = socket.create_connection((self.host, self.port), timeout=REQUEST_SECONDS)
        except OSError as error:
            raise Unreachable("%s:%d: %s" % (self.host, self.port, error.strerror or error)) from error
        sent, began = time.time(), time.monotonic()
        with connection:
            try:
                connection.sendall(head.encode("ascii") + b"\r\n" + payload)
                answer = receive(connection, deadline)
            except TimeoutError as error:
                raise NoAnswer("%s took longer than %d s" % (method, REQUEST_SECONDS)) from error
            except OSError as error:
                raise NoAnswer("%s: %s" % (method, error.strerror or error)) from error
        self.clock_ahead = certain_difference(answer, sent, time.monotonic() - began)
        status, content = parse_answer(answer)
        if 300 <= status < 400:
            raise BadAnswer("%s was redirected (status %d), which is not followed" % (method, status))
        return status, content


def receive(connection, deadline):
    """Everything until the hub closes the connection or has sent what it announced."""
    parts, size, wanted = [], 0, None
    while wanted is None or size < wanted:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(65536)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > RESPONSE_BYTES:
            raise BadAnswer("the hub's answer is larger than %d bytes" % RESPONSE_BYTES)
        if wanted is None:
            wanted = announced_size(b"".join(parts))
    if wanted is not None and size < wanted:
        raise NoAnswer("the answer ended after %d of %d bytes" % (size, wanted))
    return b"".join(parts)


def announced_size(data):
    """Length of the whole answer by its Content-Length, None while unknown."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return len(head) + 4 + int(value)
    return None


def certain_difference(answer, sent, took):
    """Seconds between our clock and the hub's, which told the time somewhere within the request; None: it did not."""
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        digits = value.strip()
        if name.lower() == b"unix-time" and len(digits) < 20 and digits.replace(b".", b"", 1).isdigit():
            ahead = sent - float(digits)
            return ahead if ahead > 0 else min(0.0, ahead + took)
    return None


def correct_clock(path):
    """Has the clock put right. Returns the seconds that it is still ahead, None where that is not known, and a message."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CLOCK_ANSWER_SECONDS)
            connection.connect(path)
            with connection.makefile("r", encoding="ascii", errors="replace") as lines:
                answer = lines.readline().strip()
    except OSError as error:
        return None, "the clock cannot be put right: %s: %s" % (path, error.strerror or error)
    word, _, rest = answer.partition(" ")
    if word == "corrected":
        return 0.0, "put the clock right, which was %s s ahead" % rest
    if word == "right":
        return 0.0, "the clock needs no correction"
    return None, "the clock cannot be put right: %s" % (rest or "no answer")


def parse_answer(data):
    if not data:
        raise NoAnswer("the connection was closed without an answer")
    head, end, content = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split(None, 2)
    if not end or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise BadAnswer("the answer is not HTTP")
    if b"\ntransfer-encoding:" in head.lower():
        raise BadAnswer("the answer is chunked although HTTP/1.0 was asked for")
    return int(words[1]), content


def parse_entries(content):
    """The catalog entries in an answer: a list, or an object that carries it as items."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("the answer is not JSON") from error
    if isinstance(document, dict):
        document = document.get("items")
    if not isinstance(document, list):
        raise BadAnswer("the answer is not a list of entries")
    return [entry for entry in document if isinstance(entry, dict)]


def entry_path(entry):
    """Path of one entry; its id comes from the hub and must not be able to name another path."""
    name = str(entry.get("id"))
    if not 0 < len(name) <= 128 or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise BadAnswer("the entry's id %r cannot be used in a path" % name[:140])
    return CATALOG + name


def percent_encoded(text):
    return "".join("%%%02X" % byte for byte in text.encode("utf-8"))


def age_order(entry):
    """Oldest first, in the order that every other client of the hub uses too."""
    created = entry.get("created_at")
    return (created if isinstance(created, str) else "", str(entry.get("id")).rjust(40, "0"))


class Toolchain:
    """GHC and cabal versions of this machine, found by looking at files: nothing is run."""

    def __init__(self, ghcup, dpkg_status):
        self.ghcup, self.dpkg_status = ghcup, dpkg_status
        self.status_stamp, self.packages = None, {}

    def find(self):
        """(GHC versions, the default first, then newest first; cabal versions likewise)."""
        packages = self.installed_packages()
        ghcs = set(name for name in list_directory(self.ghcup + "/ghc") if is_version(name))
        cabals = set(
            name[6:] for name in list_directory(self.ghcup + "/bin") if name.startswith("cabal-") and is_version(name[6:])
        )
        return (
            ordered(ghcs | packages.get("ghc", set()), self.chosen("ghc-")),
            ordered(cabals | packages.get("cabal-install", set()), self.chosen("cabal-")),
        )

    def chosen(self, prefix):
        """The version that GHCup's plain `ghc` or `cabal` stands for, or None."""
        path, version = self.ghcup + "/bin/" + prefix[:-1], None
        for _ in range(8):
            try:
                path = os.path.join(os.path.dirname(path), os.readlink(path))
            except OSError:
                break
            name = os.path.basename(path)
            if name.startswith(prefix) and is_version(name[len(prefix):]):
                version = name[len(prefix):]
        return version

    def installed_packages(self):
        try:
            status = os.stat(self.dpkg_status)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self.status_stamp:
                with open(self.dpkg_status, encoding="utf-8", errors="replace") as file:
                    self.packages = parse_packages("\n" + file.read(), ("ghc", "cabal-install"))
                self.status_stamp = stamp
        except OSError:
            self.packages = {}
        return self.packages


def parse_packages(text, names):
    """Upstream versions of the named packages that dpkg calls installed."""
    found = {}
    for name in names:
        start = text.find("\nPackage: %s\n" % name)
        if start < 0:
            continue
        stanza = text[start:text.find("\n\n", start + 1) if "\n\n" in text[start + 1:] else len(text)] + "\n"
        version = stanza.partition("\nVersion: ")[2].partition("\n")[0]
        upstream = version.rpartition(":")[2].partition("-")[0].partition("+")[0]
        if "\nStatus: install ok installed\n" in stanza and is_version(upstream):
            found[name] = {upstream}
    return found


def is_version(text):
    parts = text.split(".")
    if len(text) > VERSION_CHARACTERS or not text.isascii() or len(parts) < 2:
        return False
    return all(part.isdigit() and len(part) < 10 for part in parts)


def ordered(versions, first):
    """The newest of them, `first` before all others."""
    newest_first = sorted(versions, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    return sorted(newest_first, key=lambda version: version != first)[:MOST_VERSIONS]


def list_directory(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def own_address():
    """The address this machine has towards others, or unknown. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "unknown"


def load_average():
    try:
        return "%.2f" % os.getloadavg()[0]
    except OSError:
        return "unknown"


def read_text(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def uptime():
    try:
        return "%ds" % float(read_text("/proc/uptime").split()[0])
    except (OSError, ValueError, IndexError):
        return "unknown"


def memory():
    """Total and available memory."""
    try:
        lines = (line.split() for line in read_text("/proc/meminfo").splitlines())
        kibibytes = {words[0]: words[1] for words in lines if len(words) > 1}
        return tuple("%dMiB" % (int(kibibytes[name]) // 1024) for name in ("MemTotal:", "MemAvailable:"))
    except (OSError, ValueError, KeyError):
        return "unknown", "unknown"


def disk_free(directory):
    """What is left for those who are not root."""
    try:
        disk = os.statvfs(directory)
        return "%dMiB" % (disk.f_bavail * disk.f_frsize // (1024 * 1024))
    except OSError:
        return "unknown"


def running_builds(directory):
    """Names of the workspaces whose lock is held, comma separated.

    The kernel's table of locks is read instead of trying the locks: a lock that we held for a moment would make a build
    that starts in it wait. The table names files by the device of their file system, which is also what stat says,
    except on btrfs and overlays.
    """
    try:
        names = [name for name in os.listdir(directory) if name.endswith(".run")]
    except FileNotFoundError:
        return "none"
    except OSError:
        return "unknown"
    try:
        held = set()
        for words in (line.split() for line in read_text("/proc/locks").splitlines()) if names else ():
            # `1: FLOCK ADVISORY WRITE 812 fe:00:1234 0 EOF`; a lock that somebody waits for has an arrow before FLOCK.
            if len(words) > 5 and words[1] == "FLOCK" and words[3] == "WRITE":
                held.add(words[5])
    except OSError:
        return "unknown"
    builds = ",".join(sorted(plain_name(name[:-4]) for name in names if lock_key(directory + "/" + name) in held))
    if len(builds) > BUILDS_CHARACTERS:
        builds = builds[:BUILDS_CHARACTERS].rpartition(",")[0]
    return builds or "none"


def lock_key(path):
    """How /proc/locks names a file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return "%02x:%02x:%d" % (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)


def plain_name(name):
    """A name that cannot be taken for several, nor for another fact."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in name)


class Agent:
    def __init__(self, settings, hub, toolchain):
        self.settings, self.hub, self.toolchain = settings, hub, toolchain
        self.can_patch = True
        self.can_delete = True
        self.clock_ahead = None
        self.clock_trouble = TroubleLog()
        self.known_id = None
        self.uncertain_until = 0.0

    def beat(self):
        """Makes the hub's catalog hold exactly one current entry of ours. Raises what Hub.request raises."""
        mine = self.find_own()
        self.keep_time()
        if not mine:
            self.register()
            return
        keep = mine[0]
        if keep.get("id") != self.known_id:
            log("adopted entry %s, which the hub had already" % keep.get("id"))
            self.known_id = keep.get("id")
        self.remove(mine[1:])
        if self.can_patch:
            self.refresh(keep)

    def find_own(self):
        # A hub that ignores what it is asked for answers with more.
        query = "?capability_type=%s&title=%s" % (CAPABILITY_TYPE, percent_encoded(self.settings.title))
        status, content = self.hub.request("GET", CATALOG + query)
        if status != 200:
            raise BadAnswer("GET was answered with status %d" % status)
        return sorted(
            (
                entry
                for entry in parse_entries(content)
                if entry.get("title") == self.settings.title and entry.get("capability_type") == CAPABILITY_TYPE
            ),
            key=age_order,
        )

    def keep_time(self):
        """A machine that was paused, or whose workstation's clock was put right, goes on by another time."""
        ahead = self.hub.clock_ahead
        if ahead is not None and abs(ahead) > CLOCK_SECONDS:
            corrected, message = correct_clock(self.settings.clock_socket)
            self.clock_trouble.say(message)
            ahead = ahead if corrected is None else corrected
        self.clock_ahead = ahead

    def register(self):
        if time.monotonic() < self.uncertain_until:
            raise NoAnswer("an earlier POST got no answer: waiting to see whether its entry appears")
        # Until the answer says otherwise the entry may exist; only a refused connection proves that it does not.
        self.uncertain_until = time.monotonic() + UNCERTAIN_POST_SECONDS
        try:
            status, content = self.hub.request("POST", CATALOG, self.entry())
        except Unreachable:
            self.uncertain_until = 0.0
            raise
        if 400 <= status < 500:
            self.uncertain_until = 0.0
        if status not in (200, 201):
            raise BadAnswer("POST was answered with status %d: %r" % (status, content[:200]))
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise NoAnswer("the answer to POST is not JSON") from error
        self.uncertain_until = 0.0
        self.known_id = document.get("id") if isinstance(document, dict) else None
        log("registered as entry %s" % self.known_id)

    def refresh(self, entry):
        status, _ = self.hub.request("PATCH", entry_path(entry), self.entry())
        if status in (200, 204):
            return
        if status == 404 and not self.is_listed(entry):
            self.register()
        elif status in (404, 405, 501):
            self.can_patch = False
            log("the hub cannot update entries (status %d): only looking that ours stays there" % status)
        else:
            raise BadAnswer("PATCH was answered with status %d" % status)

    def is_listed(self, entry):
        """Tells an entry that is gone from a hub that does not know the method: both answer 404."""
        return any(other.get("id") == entry.get("id") for other in self.find_own())

    def remove(self, duplicates):
        for entry in duplicates:
            if not self.can_delete:
                return
            status, _ = self.hub.request("DELETE", entry_path(entry))
            if status in (200, 202, 204):
                log("removed duplicate entry %s" % entry.get("id"))
            elif status in (405, 501) or (status == 404 and self.is_listed(entry)):
                self.can_delete = False
                log("the hub holds %d more of our entries and cannot delete them" % len(duplicates))
            elif status != 404:
                raise BadAnswer("DELETE was answered with status %d" % status)

    def entry(self):
        ghcs, cabals = self.toolchain.find()
        host, port, build = self.settings.host_name, self.settings.tunnel_port, self.settings.build_directory
        memory_total, memory_free = memory()
        facts = {
            "ghc": ",".join(ghcs) or "none",
            "cabal": ",".join(cabals) or "none",
            "host": host,
            "address": own_address(),
            "tunnel-port": port,
            "cpus": os.cpu_count() or "unknown",
            "memory": memory_total,
            "memory-free": memory_free,
            "disk-free": disk_free(build),
            "load": load_average(),
            "uptime": uptime(),
            "builds": running_builds(build + "/.buildfleet"),
            "clock": "unknown" if self.clock_ahead is None else "%+.1fs" % self.clock_ahead,
            "heartbeat": "%gs" % self.settings.heartbeat,
            "seen": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return {
            "domain": self.settings.domain,
            "capability_type": CAPABILITY_TYPE,
            "title": self.settings.title,
            "description": "Compiles Haskell for this fleet. "
            + " ".join("%s=%s" % (name, value) for name, value in facts.items()),
            "keywords": ["haskell", "ghc"]
            + ["ghc-" + version for version in ghcs]
            + ["build-agent", "cabal", "host:" + host, "tunnel-port:%d" % port],
        }


def back_off(failures, hub_is_there):
    """Seconds until the next try, half of it random so that a fleet does not come back in step."""
    if not hub_is_there and failures <= IMPATIENT_TRIES:
        longest = IMPATIENT_SECONDS
    else:
        longest = min(LONGEST_WAIT_SECONDS, 2.0 ** min(failures - (0 if hub_is_there else IMPATIENT_TRIES), 10) / 2)
    return longest * (0.5 + os.urandom(1)[0] / 512)


def log(message):
    print(message, flush=True)


class TroubleLog:
    """Says each trouble once, and again when it changes or lasts."""

    def __init__(self):
        self.last, self.said_at = None, 0.0

    def say(self, message):
        now = time.monotonic()
        if message != self.last or now - self.said_at > REPEAT_LOG_SECONDS:
            log(message)
            self.last, self.said_at = message, now

    def clear(self):
        if self.last is not None:
            log("the hub answers")
        self.last = None


def main():
    try:
        settings = Settings(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 78  # EX_CONFIG: trying again changes nothing
    agent = Agent(
        settings,
        Hub(settings.hub_host, settings.hub_port, settings.hub_path),
        Toolchain(settings.ghcup, settings.dpkg_status),
    )
    trouble = TroubleLog()
    failures = 0
    while True:
        try:
            agent.beat()
            trouble.clear()
            failures = 0
            wait = settings.heartbeat
        except Unreachable as error:
            failures += 1
            trouble.say("waiting for the tunnel to the hub: %s" % error)
            wait = back_off(failures, hub_is_there=False)
        except (NoAnswer, BadAnswer) as error:
            failures += 1
            trouble.say("hub: %s" % error)
            # The tunnel's end accepts connections even while the hub behind it is away.
            wait = back_off(failures, hub_is_there=isinstance(error, BadAnswer))
        time.sleep(wait)


if __name__ == "__main__":
    sys.exit(main())
