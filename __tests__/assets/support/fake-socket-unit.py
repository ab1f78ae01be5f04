"""Stands in for build-helper.socket: starts the helper for each connection, with that as its input and output.

usage: fake-socket-unit.py SOCKET PROGRAM...
"""

import os
import signal
import socket
import subprocess
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
path, program = sys.argv[1], sys.argv[2:]
children = []
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(64)
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            # Kept, so that none becomes a zombie.
            children = [child for child in children if child.poll() is None]
            children.append(subprocess.Popen(program, stdin=connection, stdout=connection))
