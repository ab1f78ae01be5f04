#!/usr/bin/python3 -ISB
"""Stands for a service in a template of a warm start: waits in its sandbox for an identity, and becomes its program.

usage: become.py UNIT.service, the file that names the program
"""

import json
import os
import socket
import sys

RUNTIME = "/run/buildfleet-identity"


def program_of(path):
    """The words of ExecStart=, as they stand in a unit of this image: without quotes and escapes."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().replace("\\\n", " ").splitlines()
    return next(line for line in lines if line.startswith("ExecStart=")).partition("=")[2].split()


def expanded(word, environment):
    """None for a word that is a variable without value, as systemd leaves it out."""
    if word.startswith("$") and not word.startswith("${"):
        return environment.get(word[1:]) or None
    head, brace, rest = word.partition("${")
    if brace:
        name, _, tail = rest.partition("}")
        word = head + environment.get(name, "") + tail
    return word.replace("%d", environment.get("CREDENTIALS_DIRECTORY", ""))


def main(path):
    words = program_of(path)
    name = os.path.basename(path).partition(".")[0]
    if "NOTIFY_SOCKET" in os.environ:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    message = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect("%s/%s" % (RUNTIME, name))
        while part := connection.recv(65536):
            message += part
    if not message:
        # The identity was refused: systemd starts another one, which finds nothing to wait for.
        sys.exit(1)
    told = json.loads(message)
    environment = {**os.environ, **told["environment"]}
    os.umask(0o077)
    for credential, text in told["credentials"].items():
        # PID 1 would have made a directory for it.
        environment["CREDENTIALS_DIRECTORY"] = environment["RUNTIME_DIRECTORY"]
        with open(os.path.join(environment["RUNTIME_DIRECTORY"], credential), "w", encoding="utf-8") as file:
            file.write(text)
    command = [word for word in (expanded(word, environment) for word in words) if word is not None]
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(sys.argv[1])
