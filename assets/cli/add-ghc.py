"""Adds a GHC to a build machine; runs there as the account that builds: add-ghc.py VERSION

Where GHCup is, it installs, which needs no root; elsewhere the machine's helper is asked, which has what the
distribution has. Prints what the helper prints: {"type": "progress", "text": ...} a line, at last a result.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys

GHCUP = os.path.expanduser("~/.ghcup")
HELPER = "buildfleet-helper"
# As install-haskell.sh asks it: what GHCup believes has to be signed, and an old list is no list.
STRICT = ["--gpg", "strict", "--metadata-caching", "0", "--metadata-fetching-mode", "Strict"]


def say(message):
    print(json.dumps(message), flush=True)


def progress(text):
    say({"type": "progress", "text": "".join(c if c.isprintable() else " " for c in text)[:1000]})


def done(version, change):
    say({"type": "result", "ok": True, "code": 0, "packages": [{"name": "ghc", "version": version, "change": change}]})
    return 0


def failed(code, name, problem, remedy):
    say({"type": "result", "ok": False, "code": code, "error": {"code": name, "problem": problem, "remedy": remedy}})
    return code


def is_there(version):
    try:
        said = subprocess.run(
            ["%s/bin/ghc-%s" % (GHCUP, version), "--numeric-version"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
        )
    except OSError:
        return False
    return said.stdout.decode("utf-8", "replace").strip() == version


def ask_distribution(version):
    progress("this machine has no GHCup: asking for the distribution's GHC")
    try:
        os.execvp(HELPER, [HELPER, "--json", "add-ghc", version])
    except FileNotFoundError:
        return failed(
            5, "helper-missing", "this machine has neither GHCup nor a helper that installs the distribution's GHC",
            "its image is older than both: deploy, which replaces the VM by one of today's image",
        )


def take_turn():
    turn = open(GHCUP + "/.add-ghc.lock", "w", encoding="ascii")  # closed by the end of this process
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress("waiting for another request that adds a GHC")
        fcntl.flock(turn, fcntl.LOCK_EX)
    return turn


def run_ghcup(version):
    """Returns GHCup's exit code and what it printed, line by line."""
    lines = []
    with subprocess.Popen(
        [GHCUP + "/bin/ghcup", *STRICT, "install", "ghc", version],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as ghcup:
        for line in ghcup.stdout:
            # A progress bar that is written over.
            text = line.decode("utf-8", "replace").rstrip("\r\n").rpartition("\r")[2].strip()
            if text:
                lines.append(text)
                progress(text)
    return ghcup.returncode, lines


def main(version):
    if not os.access(GHCUP + "/bin/ghcup", os.X_OK):
        return ask_distribution(version)
    if is_there(version):
        return done(version, "present")
    turn = take_turn()
    if is_there(version):
        return done(version, "present")
    progress("GHCup installs GHC " + version)
    status, lines = run_ghcup(version)
    if status != 0:
        errors = [line for line in lines if "rror" in line] or lines[-3:] or ["it said nothing"]
        text = "; ".join(errors)[:1000]
        if "Unable to find" in text or "No tag" in text:
            return failed(
                3, "ghc-unknown", "GHCup knows no GHC %s: %s" % (version, text),
                "see what it has with `~/.ghcup/bin/ghcup list -t ghc` on the machine",
            )
        return failed(
            1, "not-installed", "GHCup cannot install GHC %s: %s" % (version, text),
            "see that the machine reaches downloads.haskell.org, and try again: it begins anew",
        )
    if not is_there(version):
        return failed(
            1, "not-installed", "GHCup installed GHC %s, but ghc-%s is not that version" % (version, version),
            "look into the machine with `buildfleet ssh %s`" % os.uname().nodename,
        )
    # Downloads, which are of no further use.
    for name in ("cache", "tmp", "trash"):
        shutil.rmtree("%s/%s" % (GHCUP, name), ignore_errors=True)
    turn.close()
    return done(version, "added")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
