#!/usr/bin/python3
"""Does the few things that need root on a build machine, for the account that builds.

build-helper.socket starts it for each connection, which is its standard input and output. The client sends one line,
{"verb": ..., "arguments": [...]}, and gets lines of JSON: {"type": "progress", "text": ...} as things happen, at last
{"type": "result", ...}. Verbs are fixed and arguments are checked against a grammar before anything is run; no shell
reads them, and no program gets a word that could be an option. What was asked, by whom, and how it ended goes to
standard error, which is the journal. One request is worked on at a time.

A client that goes away while apt works does not stop it: a half installed package is worse than one nobody waits for.
"""

import fcntl
import json
import os
import pwd
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

REQUEST_BYTES = 64 * 1024
REQUEST_SECONDS = 10.0
MOST_PACKAGES = 100
# A client that does not read for so long counts as gone.
SEND_SECONDS = 10.0
LISTS_SECONDS = 24 * 3600
LINE_CHARACTERS = 1000

# Debian policy 5.6.7, in a narrower form. At the end apt takes "-" for "remove" and "+" for "install", so a name may
# end only in a letter, a digit, or the "++" of g++. No architecture, version, suite, pattern or task fits into it.
PACKAGE = re.compile(r"[a-z0-9](?:[a-z0-9+.-]{0,126}[a-z0-9]|[a-z0-9+.-]{0,125}\+\+)")
PACKAGE_GRAMMAR = "lower case letters, digits, '+', '-' and '.', at least two, from a letter or digit to one or to '++'"
VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}")
VERSION_GRAMMAR = "two to four numbers with dots between them, such as 9.8.4"

# Exit codes of the client, too.
FAILED, INVALID, NOT_AVAILABLE, REFUSED = 1, 2, 3, 4


class Failure(Exception):
    """Why a request was not fulfilled: exit code, a word for programs, the reason and what to do about it."""

    def __init__(self, code, name, problem, remedy):
        super().__init__(problem)
        self.code, self.name, self.problem, self.remedy = code, name, problem, remedy


def invalid(problem, remedy):
    return Failure(INVALID, "request-invalid", problem, remedy)


class Settings:
    """The unit's environment. Clients have no influence on it."""

    def __init__(self, environ):
        self.account = environ.get("BUILD_HELPER_ACCOUNT") or "build"
        self.lock = environ.get("BUILD_HELPER_LOCK") or "/run/buildfleet/helper.lock"
        self.lists = environ.get("BUILD_HELPER_LISTS") or "/var/lib/apt/lists"
        self.interrupted = environ.get("BUILD_HELPER_DPKG_UPDATES") or "/var/lib/dpkg/updates"
        self.updated = (environ.get("STATE_DIRECTORY") or "/var/lib/build-helper") + "/apt-updated"


class Peer:
    """The client at the other end of the socket, as the kernel names it."""

    def __init__(self, connection):
        self.connection, self.gone = connection, False
        size = struct.calcsize("3i")
        self.pid, self.uid, _ = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )

    def read_request(self):
        """The bytes of the one line. Raises Failure."""
        deadline, data = time.monotonic() + REQUEST_SECONDS, b""
        while b"\n" not in data:
            self.connection.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                part = self.connection.recv(65536)
            except TimeoutError:
                raise invalid("no request came within %d s" % REQUEST_SECONDS, "send one line of JSON") from None
            if not part:
                raise invalid("the request does not end in a newline", "send one line of JSON")
            data += part
            if len(data) > REQUEST_BYTES:
                raise invalid("the request is longer than %d bytes" % REQUEST_BYTES, "ask for less at once")
        line, _, rest = data.partition(b"\n")
        if rest:
            raise invalid("something follows the request", "send one line of JSON, and nothing else")
        return line

    def send(self, message):
        if self.gone:
            return
        try:
            self.connection.settimeout(SEND_SECONDS)
            self.connection.sendall(json.dumps(message).encode("ascii") + b"\n")
        except OSError:
            self.gone = True

    def progress(self, text):
        self.send({"type": "progress", "text": printable(text)[:LINE_CHARACTERS]})

    def has_left(self):
        """Whether the client has closed the connection; it sends nothing after its request."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1)
        except OSError:
            return True


def printable(text):
    """Without what could move the cursor of a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def parse_request(line):
    """(verb, arguments). Raises Failure."""
    remedy = 'send {"verb": "...", "arguments": ["..."]}'
    try:
        request = json.loads(line.decode("utf-8"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        raise invalid("the request is not JSON", remedy) from None
    if not isinstance(request, dict) or set(request) != {"verb", "arguments"}:
        raise invalid("the request is not an object with verb and arguments, and nothing else", remedy)
    verb, arguments = request["verb"], request["arguments"]
    if not isinstance(verb, str) or verb not in VERBS:
        raise invalid("there is no such verb: %s" % shown(verb), "use one of: %s" % ", ".join(sorted(VERBS)))
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        raise invalid("the arguments are not a list of strings", remedy)
    check, _ = VERBS[verb]
    return verb, check(arguments)


def unique_keys(pairs):
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def shown(value):
    """A value of the client's for the journal and for messages: one line of ASCII, not too long."""
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "..."


def check_packages(arguments):
    if not 1 <= len(arguments) <= MOST_PACKAGES:
        raise invalid(
            "%d packages were named" % len(arguments), "name at least one and at most %d" % MOST_PACKAGES
        )
    for argument in arguments:
        if not PACKAGE.fullmatch(argument):
            raise invalid("%s is not the name of a package" % shown(argument), "a name is made of " + PACKAGE_GRAMMAR)
    return list(dict.fromkeys(arguments))


def check_version(arguments):
    if len(arguments) != 1:
        raise invalid("%d versions were named" % len(arguments), "name one")
    if not VERSION.fullmatch(arguments[0]):
        raise invalid("%s is not a version of GHC" % shown(arguments[0]), "a version is " + VERSION_GRAMMAR)
    return arguments


class Apt:
    """apt and dpkg, told to ask nothing and to remove nothing."""

    OPTIONS = (
        "--quiet",
        "--option=Acquire::Languages=none",
        "--option=Acquire::Retries=3",
        # Another apt may be at work, the distribution's own upkeep for one.
        "--option=DPkg::Lock::Timeout=600",
        "--option=Dpkg::Use-Pty=0",
        "--option=Dpkg::Options::=--force-confdef",
        "--option=Dpkg::Options::=--force-confold",
    )
    INSTALL = (
        "--yes",
        "--no-remove",
        "--no-install-recommends",
        "--option=APT::Get::allow-downgrades=false",
        "--option=APT::Get::AllowUnauthenticated=false",
    )

    def __init__(self, settings, peer):
        self.settings, self.peer = settings, peer
        self.fresh = False

    def installed(self, names):
        """Versions of those of the packages that are installed, by name."""
        form = "${Package} ${db:Status-Status} ${Version}\n"
        # It ends with 1 when it knows one of them not at all.
        _, lines = self.run(["dpkg-query", "--show", "--showformat", form, "--", *names])
        words = [line.split(" ") for line in lines]
        return {word[0]: word[2] for word in words if len(word) == 3 and word[1] == "installed" and word[0] in names}

    def candidates(self, names):
        """Versions that the archive has of the packages, by name. Fetches lists that are missing or old."""
        self.refresh_lists()
        found = self.policy(names)
        if len(found) < len(names) and not self.fresh:
            self.update()
            found = self.policy(names)
        return found

    def policy(self, names):
        _, lines = self.run(["apt-cache", "policy", "--", *names])
        found, name = {}, None
        for line in lines:
            if not line.startswith(" "):
                name = line.rstrip(":")
            elif line.startswith("  Candidate: ") and name in names and line[13:] != "(none)":
                found[name] = line[13:]
        return found

    def refresh_lists(self):
        try:
            old = not 0 <= time.time() - os.stat(self.settings.updated).st_mtime < LISTS_SECONDS
            missing = not any("_Packages" in name for name in os.listdir(self.settings.lists))
        except OSError:
            old = missing = True
        if old or missing:
            self.update()

    def update(self):
        self.peer.progress("fetching package lists")
        # Without this option lists that could not be fetched are a warning.
        status, lines = self.run(
            ["apt-get", *self.OPTIONS, "--option=APT::Update::Error-Mode=any", "update"], self.peer.progress
        )
        if status != 0:
            raise Failure(
                FAILED, "lists-not-fetched", "the package lists cannot be fetched: " + complaint(lines),
                "see that this machine reaches the archives in /etc/apt, and try again",
            )
        os.makedirs(os.path.dirname(self.settings.updated), exist_ok=True)
        with open(self.settings.updated, "w", encoding="ascii"):
            pass
        self.fresh = True

    def install(self, names):
        """Installs packages that the archive has, if nothing has to go for them."""
        self.finish_interrupted()
        self.check_plan(names)
        self.peer.progress("installing " + " ".join(names))
        status, lines = self.run_install(names)
        if status != 0 and not self.fresh and any("Failed to fetch" in line for line in lines):
            # The archive has moved on since the lists were fetched.
            self.update()
            self.check_plan(names)
            status, lines = self.run_install(names)
        if status != 0:
            raise Failure(
                FAILED, "not-installed", "apt cannot install %s: %s" % (" ".join(names), complaint(lines)),
                "the whole output stands in /var/log/apt/term.log",
            )

    def run_install(self, names):
        return self.run(["apt-get", *self.OPTIONS, *self.INSTALL, "install", "--", *names], self.peer.progress)

    def check_plan(self, names):
        # Downgrades and removals are allowed here, so that apt names them instead of giving up.
        status, lines = self.run(
            ["apt-get", *self.OPTIONS, "--yes", "--no-install-recommends", "--simulate", "install", "--", *names]
        )
        gone = [line.split(" ")[1] for line in lines if re.match(r"(Remv|Purg) \S", line)]
        if gone:
            raise Failure(
                REFUSED, "would-remove", "apt would remove %s to install %s" % (" ".join(gone), " ".join(names)),
                "describe the packages in main.ts: an image is made from nothing",
            )
        if any("DOWNGRADED" in line or "were downgraded" in line for line in lines):
            raise Failure(
                REFUSED, "would-downgrade", "apt would downgrade packages to install " + " ".join(names),
                "describe the packages in main.ts: an image is made from nothing",
            )
        if status != 0:
            raise Failure(
                FAILED, "not-installable", "apt finds no way to install %s: %s" % (" ".join(names), complaint(lines)),
                "see what `apt-get --simulate install %s` says on the machine" % " ".join(names),
            )

    def finish_interrupted(self):
        """What a power cut in the middle of an installation left; apt refuses to go on before."""
        try:
            interrupted = any(name.isdigit() for name in os.listdir(self.settings.interrupted))
        except OSError:
            interrupted = False
        if interrupted:
            self.peer.progress("finishing an installation that was interrupted")
            self.run(["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"], self.peer.progress)

    def run(self, argv, tell=lambda line: None):
        """Runs a program to its end. Returns its exit code and the lines it printed, on both streams."""
        environment = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "HOME": "/",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            "DEBCONF_NONINTERACTIVE_SEEN": "true",
        }
        lines, rest = [], b""
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", env=environment,
        ) as child:
            while True:
                # A daemon that a package starts may keep the pipe open for ever.
                ended = child.poll() is not None
                readable, _, _ = select.select([child.stdout], [], [], 0 if ended else 0.2)
                part = os.read(child.stdout.fileno(), 65536) if readable else b""
                if readable and part:
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        lines.append(line.decode("utf-8", "replace").rstrip("\r"))
                        tell(lines[-1])
                elif readable:
                    child.wait()
                    break
                elif ended:
                    break
        if rest:
            lines.append(rest.decode("utf-8", "replace"))
            tell(lines[-1])
        return child.returncode, lines


def complaint(lines):
    """What apt gives as reasons, in one line."""
    reasons = [line[3:] for line in lines if line.startswith("E: ")] or lines[-3:] or ["it said nothing"]
    return printable("; ".join(reasons))[:LINE_CHARACTERS]


def add_packages(names, apt):
    present = apt.installed(names)
    wanted = [name for name in names if name not in present]
    if wanted:
        available = apt.candidates(wanted)
        missing = [name for name in wanted if name not in available]
        if missing:
            raise Failure(
                NOT_AVAILABLE, "package-unknown", "the archive has no package %s" % ", ".join(missing),
                "look for its name with `apt-cache search WORD` on the machine",
            )
        apt.install(wanted)
    now = apt.installed(names)
    return [
        {"name": name, "version": now.get(name, "unknown"), "change": "present" if name in present else "added"}
        for name in names
    ]


def add_ghc(versions, apt):
    """The distribution has one GHC, in one version."""
    (version,) = versions
    found = apt.installed(["ghc"]).get("ghc")
    if found is None:
        has = apt.candidates(["ghc"]).get("ghc")
        if has is not None and upstream(has) == version:
            apt.install(["ghc"])
            return [{"name": "ghc", "version": version, "change": "added"}]
    elif upstream(found) == version:
        return [{"name": "ghc", "version": version, "change": "present"}]
    else:
        has = found
    raise Failure(
        NOT_AVAILABLE, "ghc-unknown",
        "GHC %s cannot be had from the distribution, which has %s" % (version, upstream(has) if has else "none"),
        "use that one, or an image whose toolchain comes from GHCup, which has others",
    )


def upstream(version):
    return version.rpartition(":")[2].partition("-")[0].partition("+")[0]


VERBS = {"add-package": (check_packages, add_packages), "add-ghc": (check_version, add_ghc)}


def take_turn(settings, peer, what):
    """Waits until no other request is worked on, and returns what holds the turn; None when the client gave up."""
    turn = open(settings.lock, "a+", encoding="ascii")  # closed by the end of this process
    told = False
    while True:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                turn.seek(0)
                peer.progress("waiting for another request: " + (turn.read(LINE_CHARACTERS) or "unknown"))
                told = True
            if peer.has_left():
                return None
            time.sleep(0.2)
            continue
        turn.truncate(0)
        turn.write(what)
        turn.flush()
        return turn


def log(message):
    print(message, file=sys.stderr, flush=True)


def answer(settings, peer):
    """Works on the one request. Returns the result that the client is sent."""
    # Read in any case: a connection that is closed with something unread is reset, and so may be the answer.
    line = peer.read_request()
    if peer.uid not in (0, pwd.getpwnam(settings.account).pw_uid):
        raise Failure(
            REFUSED, "not-permitted", "this account may not ask for anything", "log in as " + settings.account
        )
    verb, arguments = parse_request(line)
    what = "%s %s" % (verb, " ".join(arguments))
    log("uid %d, pid %d asks for: %s" % (peer.uid, peer.pid, what))
    turn = take_turn(settings, peer, what)
    if turn is None:
        raise Failure(FAILED, "client-gone", "the client left while it waited", "ask again")
    # From here on a machine that is switched off waits for us, as long as the unit allows.
    signal.signal(signal.SIGTERM, lambda *_: log("told to end: finishing first"))
    packages = VERBS[verb][1](arguments, Apt(settings, peer))
    return {"type": "result", "ok": True, "code": 0, "packages": packages}


def main():
    os.umask(0o022)
    settings, peer = Settings(os.environ), Peer(socket.socket(fileno=0))
    try:
        result = answer(settings, peer)
        log("uid %d: done: %s" % (peer.uid, shown(result["packages"])))
    except Failure as failure:
        log("uid %d, pid %d: %s: %s" % (peer.uid, peer.pid, failure.name, printable(failure.problem)))
        result = {
            "type": "result", "ok": False, "code": failure.code,
            "error": {"code": failure.name, "problem": failure.problem, "remedy": failure.remedy},
        }
    peer.send(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
