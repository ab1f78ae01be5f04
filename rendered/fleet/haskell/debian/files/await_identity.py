#!/usr/bin/python3 -ISB
"""In a template of a warm start: waits for the identity of a VM, gives it to the system, and lets services go on.

A template is a machine that has booted without a seed up to here. Its memory is saved, and each VM that is resumed from
it goes on at the same place. So nothing that runs before may hold or make a secret: tunnel, agent and sshd wait in their
sandboxes (become.py), and the random numbers of the kernel are told apart first.

The host and this program exchange lines over a virtio port. Here `->` is what the host sends:
    waiting                 everything has started, and nothing is left to do but to wait
 -> {"machineId": …}        a VM: machine-id, MAC address, random bytes (base64); its seed is attached as a CD
    time?                   -> seconds since 1970, asked right before the clock is set
    applied                 the VM has its identity, or `refused REASON`
"""

import base64
import ctypes
import fcntl
import glob
import json
import os
import pwd
import select
import socket
import struct
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import apply_seed  # noqa: E402

PORT_NAME = "org.buildfleet.identity"
RUNTIME = "/run/buildfleet-identity"
# A service and the account that its socket is for.
WAITING = {"ssh": "root", "build-tunnel": "build-tunnel", "build-agent": "build-agent"}
# Programs of the first login and the first build's transfer, read once so that no VM has to.
READ_BEFORE = ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth", "/usr/bin/ssh",
               "/usr/bin/bash", "/usr/bin/sh", "/usr/bin/rsync", "/usr/bin/cat", "/usr/bin/true")
MS_BIND = 4096
SIOCSIFHWADDR = 0x8924
ARPHRD_ETHER = 1
RNDADDENTROPY = 0x40085203
RNDRESEEDCRNG = 0x5207
# The rest would compete with the first login.
LATE_SECONDS = 5.0
# A longer exchange of two lines says little of the time.
PROMPT_SECONDS = 0.05
BYTES_PER_READ = 65536

libc = ctypes.CDLL(None, use_errno=True)


class Port:
    """Lines to and from the host."""

    def __init__(self):
        self.file = os.open(self.find(), os.O_RDWR | os.O_NONBLOCK)
        self.received = b""

    @staticmethod
    def find():
        while True:
            for directory in glob.glob("/sys/class/virtio-ports/*"):
                if apply_seed.read(directory + "/name") == PORT_NAME.encode() + b"\n":
                    device = "/dev/" + os.path.basename(directory)
                    if os.path.exists(device):
                        return device
            time.sleep(0.1)

    def write(self, text):
        try:
            os.write(self.file, text.encode() + b"\n")
        except BlockingIOError:
            # Nothing is read at the other end.
            pass

    def read_line(self):
        poll = select.poll()
        poll.register(self.file, select.POLLIN)
        while b"\n" not in self.received:
            poll.poll()
            try:
                part = os.read(self.file, BYTES_PER_READ)
            except BlockingIOError:
                part = b""
            if not part:
                # The other end is not connected, which the port tells at once and again and again.
                time.sleep(0.02)
            self.received += part
        line, _, self.received = self.received.partition(b"\n")
        return line.decode()


def listen():
    """Sockets at which services wait, by name. Each is for the account of its service alone."""
    sockets = {}
    for name, account in WAITING.items():
        path = "%s/%s" % (RUNTIME, name)
        sockets[name] = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sockets[name].bind(path)
        os.chmod(path, 0o600)
        entry = pwd.getpwnam(account)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        sockets[name].listen(1)
    return sockets


def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(text, os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


def settle():
    """Does all that does not depend on the VM."""
    for path in READ_BEFORE:
        apply_seed.read(path)
    # The file system of a seed.
    subprocess.run(["modprobe", "isofs"], check=False)
    subprocess.run(["systemctl", "is-system-running", "--wait"], check=False, stdout=subprocess.DEVNULL)
    os.sync()


def set_clock(port):
    """By the host's time: that of the saved machine is as old as the snapshot."""
    best = None
    for _ in range(5):
        before = time.monotonic()
        port.write("time?")
        answer = float(port.read_line())
        after = time.monotonic()
        if best is None or after - before < best[0]:
            best = (after - before, answer - (before + after) / 2)
        if best[0] < PROMPT_SECONDS:
            break
    time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + best[1])


def stir_random_numbers(seed):
    """Two machines of one snapshot would go on with the same numbers."""
    with open("/dev/urandom", "wb") as device:
        fcntl.ioctl(device, RNDADDENTROPY, struct.pack("ii", len(seed) * 8, len(seed)) + seed)
        fcntl.ioctl(device, RNDRESEEDCRNG)


def set_mac(address):
    """The card is the VM's own; the driver remembers that of the template."""
    for interface in os.listdir("/sys/class/net"):
        if not os.path.exists("/sys/class/net/%s/device" % interface):
            continue
        request = struct.pack("16sH14s", interface.encode(), ARPHRD_ETHER, bytes.fromhex(address.replace(":", "")))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCSIFHWADDR, request)


def set_boot_id():
    path = RUNTIME + "/boot_id"
    apply_seed.put(path, 0o444, (str(uuid.uuid4()) + "\n").encode())
    libc.mount(path.encode(), b"/proc/sys/kernel/random/boot_id", None, MS_BIND, None)


def environment_of(text):
    """Variables of a file for systemd's EnvironmentFile= as a deploy writes it: NAME="VALUE", no escapes."""
    variables = {}
    for line in text.decode().splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            variables[name] = value[1:-1]
    return variables


def release(connections, pieces):
    """Gives each service what it could not have when it started."""
    variables = environment_of(pieces["environment"])
    messages = {
        "ssh": {"environment": {}, "credentials": {}},
        "build-tunnel": {"environment": variables, "credentials": {"tunnel_key": pieces["tunnel_key"].decode()}},
        "build-agent": {"environment": variables, "credentials": {}},
    }
    for name, connection in connections.items():
        with connection:
            connection.sendall(json.dumps(messages[name]).encode())


def tidy_up():
    """What no login waits for. A reload leaves out what was only for a template; see the generator."""
    time.sleep(LATE_SECONDS)
    # Its number is that of every VM of the snapshot.
    subprocess.run(["systemctl", "restart", "systemd-journald.service"], check=False)
    subprocess.run(["systemctl", "daemon-reload"], check=False)
    subprocess.run(["systemctl", "start", "timers.target"], check=False)


def main():
    os.umask(0o022)
    sockets = listen()
    notify(b"READY=1")
    connections = {name: waiting.accept()[0] for name, waiting in sockets.items()}
    port = Port()
    settle()
    port.write("waiting")
    machine = json.loads(port.read_line())
    set_clock(port)
    stir_random_numbers(base64.b64decode(machine["random"]))
    os.umask(0o077)
    try:
        pieces, instance = apply_seed.read_attached(RUNTIME + "/seed")
        apply_seed.put("/etc/machine-id", 0o444, machine["machineId"].encode() + b"\n")
        apply_seed.apply(pieces, instance)
    except apply_seed.NotOurs as error:
        port.write("refused %s" % error)
        return
    set_boot_id()
    set_mac(machine["mac"])
    # From here on a reload, or a restart of a service, finds everything as after a boot.
    apply_seed.put(RUNTIME + "/applied", 0o644, b"")
    release(connections, pieces)
    port.write("applied")
    tidy_up()


if __name__ == "__main__":
    main()
