"""Runs a command in a terminal of its own and copies what it prints.

usage: in-terminal.py COLUMNS [WAIT_FOR TYPE]... -- COMMAND...
Once WAIT_FOR has been printed, TYPE is typed; ^C is Ctrl-C.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

separator = sys.argv.index("--")
columns, *script = sys.argv[1:separator]
steps = list(zip(script[::2], script[1::2]))
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    os.execvp(sys.argv[separator + 1], sys.argv[separator + 1 :])
printed = b""
seen = 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
    printed += data
    while steps and steps[0][0].encode() in printed[seen:]:
        wanted, typed = steps.pop(0)
        seen = printed.index(wanted.encode(), seen) + len(wanted)
        os.write(terminal, b"\x03" if typed == "^C" else f"{typed}\n".encode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
