#!/usr/bin/python3 -ISB
"""Stands in for apt-get, apt-cache, dpkg-query and dpkg, by the name it is called with.

state.json beside it says what there is: {"installed": {...}, "available": {...}} by name and version, and what goes
wrong: "removes", "downgrades", "offline", "movedOn" (the archive has other files than the lists say until they are
fetched again), "fails", "waits" (installing waits until the file `go` is there), "daemon" (installing leaves a process
that keeps its output open, with its number in the file `daemon`). Each call is added to calls.json, a line each.
"""

import json
import os
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
tool, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
names = arguments[arguments.index("--") + 1:] if "--" in arguments else []


def path(name):
    return os.path.join(here, name)


def load():
    with open(path("state.json"), encoding="utf-8") as file:
        return json.load(file)


def save():
    with open(path("state.json"), "w", encoding="utf-8") as file:
        json.dump(state, file)


with open(path("calls.json"), "a", encoding="utf-8") as file:
    file.write(json.dumps([tool, *arguments]) + "\n")
state = load()

if tool == "dpkg-query":
    for name in names:
        if name in state["installed"]:
            print(name, "installed", state["installed"][name])
        else:
            print("dpkg-query: no packages found matching " + name, file=sys.stderr)
    sys.exit(0 if all(name in state["installed"] for name in names) else 1)

if tool == "apt-cache":
    for name in names:
        if name in state["available"]:
            version = state["available"][name]
            print("%s:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n     %s 500" % (name, version, version))
    sys.exit(0)

if tool == "dpkg":
    for name in os.listdir(path("updates")):
        os.remove(os.path.join(path("updates"), name))
    sys.exit(0)

if "update" in arguments:
    if state.get("offline"):
        print("E: Failed to fetch http://archive.example/InRelease")
        sys.exit(100)
    with open(path("lists/archive.example_Packages"), "w", encoding="utf-8"):
        pass
    state.pop("movedOn", None)
    state["available"].update(state.pop("published", {}))
    save()
    print("Get:1 http://archive.example trixie InRelease")
    sys.exit(0)

if "--simulate" in arguments:
    for name in state.get("removes", []):
        print("Remv %s [1.0]" % name)
    if state.get("downgrades"):
        print("The following packages will be DOWNGRADED:\n  libc6")
        print("E: Packages were downgraded and -y was used without --allow-downgrades.")
        sys.exit(100)
    for name in names:
        print("Inst %s (%s Debian:13 [amd64])" % (name, state["available"][name]))
    sys.exit(0)

if state.get("movedOn"):
    print("E: Failed to fetch http://archive.example/pool/x.deb  404  Not Found")
    sys.exit(100)
if state.get("fails"):
    print("E: Sub-process /usr/bin/dpkg returned an error code (1)")
    sys.exit(100)
while state.get("waits") and not os.path.exists(path("go")):
    time.sleep(0.02)
if state.get("daemon"):
    daemon = subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL)
    with open(path("daemon"), "w", encoding="ascii") as file:
        file.write(str(daemon.pid))
for name in names:
    print("Setting up %s (%s) ...\x1b[31m" % (name, state["available"][name]))
    state["installed"][name] = state["available"][name]
save()
