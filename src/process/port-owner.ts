import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readProcess } from './process-identity';

/** One TCP socket as `/proc/net/tcp` and `tcp6` list it. */
export interface TcpSocket {
  /** `127.0.0.1`, `0.0.0.0`, or the 32 hexadecimal digits of an IPv6 address as the kernel prints them. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly listening: boolean;
  readonly uid: number;
  readonly inode: number;
}

/** The process that listens on a port. Facts that another user's process hides are null. */
export interface PortOwner {
  readonly pid: number | null;
  /** Name of the program, `python3`. */
  readonly program: string | null;
  readonly user: string;
}

/** IPv6 addresses that also take connections to 127.0.0.1: `::`, `::ffff:0.0.0.0`, `::ffff:127.0.0.1`. */
const DUAL_STACK = [
  '00000000000000000000000000000000',
  '0000000000000000FFFF000000000000',
  '0000000000000000FFFF00000100007F',
];

/** Reads the text of `/proc/net/tcp` or `/proc/net/tcp6`; lines that are none are left out. */
export function parseTcpTable(text: string): TcpSocket[] {
  return text.split('\n').flatMap((line) => {
    const match =
      /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ (\d+)/.exec(line);
    if (match === null) return [];
    const [, address = '', port = '', state = '', uid = '', inode = ''] = match;
    return [
      {
        localAddress: address.length === 8 ? dottedAddress(address) : address,
        localPort: parseInt(port, 16),
        listening: state === '0A',
        uid: Number(uid),
        inode: Number(inode),
      },
    ];
  });
}

/** Sockets that take connections to 127.0.0.1 on this port. Needs no privilege and starts no program. */
export function listenersOn(port: number): readonly TcpSocket[] {
  return tcpSockets().filter((socket) => takesLoopback(socket, port));
}

/** The process that accepts connections to 127.0.0.1 on this port, or null. Too slow for plans: reads all processes. */
export function portOwner(port: number): PortOwner | null {
  const socket = listenersOn(port)[0];
  if (socket === undefined) return null;
  const pid = processIds().find((candidate) => holdsSocket(candidate, [socket.inode])) ?? null;
  return { pid, program: pid === null ? null : programName(pid), user: userName(socket.uid) };
}

/** Milliseconds that the kernel may take to close the sockets of a process that was killed. */
const CLOSING_TIME = 2_000;

/** As {@link portOwner}, after a process has ended: waits until its sockets are closed, which outlive it briefly. */
export async function settledPortOwner(port: number): Promise<PortOwner | null> {
  const patience = Date.now() + CLOSING_TIME;
  for (;;) {
    const owner = portOwner(port);
    if (owner?.pid !== null || !isVisible(owner) || Date.now() > patience) return owner;
    await pause(20);
  }
}

/** Whether the owner's process would be seen, if there were one. */
function isVisible({ user }: PortOwner): boolean {
  const uid = process.getuid?.();
  return uid === 0 || (uid !== undefined && user === userName(uid));
}

/** `python3 (pid 4711, user alice)` */
export function describePortOwner(owner: PortOwner): string {
  const pid = owner.pid === null ? '' : `pid ${owner.pid}, `;
  return `${owner.program ?? 'a program'} (${pid}user ${owner.user})`;
}

/**
 * Whether this process listens on the port. Only this process is looked at, and the second table only where the first
 * does not have the answer: the kernel takes milliseconds for each, however short it is.
 */
export function listensOn(pid: number, port: number): boolean {
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((table) => {
    const sockets = parseTcpTable(readOrEmpty(table)).filter((socket) => takesLoopback(socket, port));
    return (
      sockets.length > 0 &&
      holdsSocket(
        pid,
        sockets.map((socket) => socket.inode),
      )
    );
  });
}

/** Processes that have a socket, listening or connected, with this local port. */
export function processesOnLocalPort(port: number): readonly number[] {
  const inodes = tcpSockets()
    .filter((socket) => socket.localPort === port && socket.inode !== 0)
    .map((socket) => socket.inode);
  return inodes.length === 0 ? [] : processIds().filter((pid) => holdsSocket(pid, inodes));
}

/** Login name of a user id, from `/etc/passwd`; the number itself where it is not there. */
function userName(uid: number): string {
  const line = readOrEmpty('/etc/passwd')
    .split('\n')
    .find((candidate) => candidate.split(':')[2] === String(uid));
  return line?.split(':')[0] ?? String(uid);
}

function takesLoopback(socket: TcpSocket, port: number): boolean {
  const { localAddress } = socket;
  const loopback = ['127.0.0.1', '0.0.0.0'].includes(localAddress) || DUAL_STACK.includes(localAddress);
  return socket.listening && socket.localPort === port && loopback;
}

function tcpSockets(): TcpSocket[] {
  return [...parseTcpTable(readOrEmpty('/proc/net/tcp')), ...parseTcpTable(readOrEmpty('/proc/net/tcp6'))];
}

function holdsSocket(pid: number, inodes: readonly number[]): boolean {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  let names: string[];
  try {
    // Cheaper than an attempt to list descriptors of another account.
    if (process.getuid?.() !== 0 && statSync(`/proc/${pid}`).uid !== process.getuid?.()) return false;
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return names.some((name) => {
    try {
      return wanted.has(readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      return false;
    }
  });
}

function programName(pid: number): string | null {
  const program = readProcess(pid)?.argv[0];
  return program === undefined ? null : basename(program.split(' ')[0] ?? program);
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The kernel prints the address as one number in the machine's byte order: little-endian on supported machines. */
function dottedAddress(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => String(parseInt(byte, 16)))
    .join('.');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
