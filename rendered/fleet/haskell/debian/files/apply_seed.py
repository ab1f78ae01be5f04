#!/usr/bin/python3 -ISB
"""Gives a build machine what its seed brings, at boot and before cloud-init.

cloud-init would do the same, with modules that an emulated machine loads for as long as all the rest of its boot takes.
So this knows one shape of seed, the one that a deploy and inject-keys.sh write, line by line; what looks different is
left to cloud-init as it is.

usage: apply_seed.py             finds the seed by its label
       apply_seed.py SEED ROOT   takes it from the directory SEED, for the system in ROOT
"""

import os
import sys

# @NAME@ stands for a piece: in quotes for a text without escapes, alone on a line for all lines with its indentation.
SHAPE = b"""\
#cloud-config
hostname: "@hostname@"
preserve_hostname: false
disable_root: true
ssh_pwauth: false
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
    @host_key@
  ed25519_public: "@host_key.pub@"
write_files:
  - path: "/etc/build-agent.env"
    owner: "root:root"
    permissions: "0600"
    content: |
      @environment@
  - path: "/etc/buildfleet/tunnel_key"
    owner: "root:root"
    permissions: "0600"
    content: |
      @tunnel_key@
  - path: "/etc/buildfleet/known_hosts"
    owner: "root:root"
    permissions: "0644"
    content: |
      @known_hosts@
  - path: "/etc/ssh/authorized_keys.d/build"
    owner: "root:root"
    permissions: "0644"
    content: |
      @developer_keys@
"""

# The host key comes last and whole: sshd does not start without it.
FILES = (
    ("environment", 0o600, "/etc/build-agent.env"),
    ("tunnel_key", 0o600, "/etc/buildfleet/tunnel_key"),
    ("known_hosts", 0o644, "/etc/buildfleet/known_hosts"),
    ("developer_keys", 0o644, "/etc/ssh/authorized_keys.d/build"),
    ("hostname", 0o644, "/etc/hostname"),
    ("host_key.pub", 0o644, "/etc/ssh/ssh_host_ed25519_key.pub"),
    ("host_key", 0o600, "/etc/ssh/ssh_host_ed25519_key"),
)

INSTANCE_LINE = b'instance-id: "'
INSTANCE_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-")


class NotOurs(Exception):
    """The seed is not one that a deploy writes."""


def pieces_of(user_data):
    """The pieces of a seed by name, as bytes that end with a newline."""
    lines = user_data.split(b"\n")
    if lines[-1:] == [b""]:
        lines.pop()
    pieces, at = {}, 0
    for wanted in SHAPE.splitlines():
        margin, mark, rest = wanted.partition(b"@")
        name = rest.partition(b"@")[0].decode()
        if mark and not margin.strip():
            begin = at
            while at < len(lines) and lines[at].startswith(margin) and len(lines[at]) > len(margin):
                at += 1
            if at > begin:
                pieces[name] = b"".join(line[len(margin):] + b"\n" for line in lines[begin:at])
                continue
        elif at < len(lines) and mark:
            line = lines[at]
            value = line[len(margin):-1]
            if line.startswith(margin) and line.endswith(b'"') and value and b'"' not in value and b"\\" not in value:
                pieces[name] = value + b"\n"
                at += 1
                continue
        elif at < len(lines) and lines[at] == wanted:
            at += 1
            continue
        raise NotOurs("line %d of user-data is not what a deploy writes" % (at + 1))
    if at < len(lines):
        raise NotOurs("line %d of user-data is not what a deploy writes" % (at + 1))
    return pieces


def instance_of(meta_data):
    """The instance-id, without which the seed could be applied twice or never."""
    for line in meta_data.split(b"\n"):
        value = line[len(INSTANCE_LINE):-1]
        if line.startswith(INSTANCE_LINE) and line.endswith(b'"') and 0 < len(value) <= 100:
            if INSTANCE_LETTERS.issuperset(value):
                return value
    raise NotOurs("its meta-data is not what a deploy writes")


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def put(path, mode, content):
    """Appears complete or not at all."""
    with open(path + ".new", "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
    os.rename(path + ".new", path)


def read_seed(seed):
    """Pieces and instance-id of the seed in a directory."""
    user_data = read(seed + "/user-data")
    if user_data is None:
        raise NotOurs("it has no user-data")
    instance = instance_of(read(seed + "/meta-data") or b"")
    return pieces_of(user_data), instance


def apply(pieces, instance, root=""):
    """Writes the pieces, once for each instance-id."""
    applied = root + "/var/lib/buildfleet/instance-id"
    if read(applied) == instance + b"\n":
        return
    ssh = root + "/etc/ssh"
    for name in os.listdir(ssh):
        if name.startswith("ssh_host_"):
            os.unlink(ssh + "/" + name)
    for name, mode, path in FILES:
        put(root + path, mode, pieces[name])
    if not root:
        # The kernel took the old name at boot.
        with open("/proc/sys/kernel/hostname", "wb") as file:
            file.write(pieces["hostname"])
    # Last and on the disk only after the rest: a machine that dies before starts all over.
    os.makedirs(os.path.dirname(applied), mode=0o755, exist_ok=True)
    os.sync()
    put(applied, 0o644, instance + b"\n")


def run(*command):
    """@raises NotOurs when it fails"""
    child = os.posix_spawnp(command[0], command, os.environ)
    if os.waitpid(child, 0)[1] != 0:
        raise NotOurs("`%s` failed" % " ".join(command))


def seed_device():
    """The CD with a seed: an ISO 9660 file system whose label stands 40 bytes into its 16th sector of 2 KiB."""
    for name in sorted(os.listdir("/dev")):
        if not name.startswith("sr"):
            continue
        try:
            with open("/dev/" + name, "rb", buffering=0) as device:
                label = os.pread(device.fileno(), 32, 16 * 2048 + 40)
        except OSError:
            # The drive is empty.
            continue
        if label.rstrip() == b"CIDATA":
            return "/dev/" + name
    raise NotOurs("there is no seed")


def read_attached(work):
    """Pieces and instance-id of the seed that is attached as a CD. The empty directory `work` is used and removed."""
    device = seed_device()
    os.makedirs(work, mode=0o700, exist_ok=True)
    run("mount", "-t", "iso9660", "-o", "ro,nosuid,nodev,noexec", device, work)
    try:
        return read_seed(work)
    finally:
        run("umount", work)
        os.rmdir(work)


def main(arguments):
    os.umask(0o077)
    root = arguments[1] if arguments else ""
    state = root + "/run/buildfleet-seed"
    os.makedirs(state, exist_ok=True)
    try:
        apply(*(read_seed(arguments[0]) if arguments else read_attached(state + "/seed")), root)
    except NotOurs as error:
        print("apply-seed: left to cloud-init: %s" % error)
        return
    put(state + "/applied", 0o644, b"")


if __name__ == "__main__":
    main(sys.argv[1:])
