import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** The process of sshd that made a connection on behalf of a machine at the far end of its tunnel. */
export interface TunnelSession {
  /** Ports that this process listens on: the far machine has opened them, and its key allows no others. */
  readonly ports: readonly number[];
}

/** One line of `/proc/net/tcp`: addresses as the kernel prints them, `0100007F:1F40`. */
interface Row {
  readonly local: string;
  readonly remote: string;
  readonly listening: boolean;
  readonly inode: string;
}

/** 127.0.0.1 in the machine's byte order: little-endian on supported machines. */
const LOOPBACK = '0100007F';

/** Names that the kernel has for sshd's processes: `sshd` and, from 9.8 on, `sshd-session`. */
const SSHD = /^sshd(-session)?$/;

/** Finds out which connections to a port of 127.0.0.1 come from this account's sshd, and from which session of it. */
export class TunnelSessions {
  /** Processes of sshd that the last complete look found. They are asked first. */
  private known: readonly string[] = [];

  /**
   * @param server port on 127.0.0.1 that was connected to
   * @param clients ports at the other ends
   * @returns sessions by client port; a client that is missing is no session of an sshd that may be looked into
   */
  find(server: number, clients: readonly number[]): ReadonlyMap<number, TunnelSession> {
    const found = new Map<number, TunnelSession>();
    const rows = tcpRows();
    const wanted = new Map<string, number>();
    for (const client of clients) {
      const row = rows.get(`${address(client)} ${address(server)}`);
      // Without inode the socket belongs to no process any more.
      if (row !== undefined && row.inode !== '0') wanted.set(`socket:[${row.inode}]`, client);
    }
    if (wanted.size === 0) return found;
    const listening = new Map(
      [...rows.values()].filter((row) => row.listening).map((row) => [inodeLink(row), port(row)]),
    );
    const look = (pids: readonly string[]) => {
      for (const pid of pids) {
        if (wanted.size === 0) return;
        const links = socketsOf(pid);
        const mine = links.filter((link) => wanted.has(link));
        if (mine.length === 0) continue;
        const ports = links.flatMap((link) => listening.get(link) ?? []);
        for (const link of mine) {
          found.set(wanted.get(link) ?? 0, { ports });
          wanted.delete(link);
        }
      }
    };
    look(this.known.filter(isSshd));
    if (wanted.size > 0) {
      const before = new Set(this.known);
      this.known = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isSshd(name));
      look(this.known.filter((pid) => !before.has(pid)));
    }
    return found;
  }
}

function address(port: number): string {
  return `${LOOPBACK}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function port({ local }: Row): number {
  return parseInt(local.slice(-4), 16);
}

function inodeLink({ inode }: Row): string {
  return `socket:[${inode}]`;
}

function tcpRows(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || inode === undefined) continue;
    rows.set(`${local} ${remote}`, { local, remote, listening: state === '0A', inode });
  }
  return rows;
}

/** Only of this account: any other could give a program that name, and a tunnel's port while its machine is off. */
function isSshd(pid: string): boolean {
  try {
    if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return false;
    return SSHD.test(readFileSync(`/proc/${pid}/comm`, 'latin1').trim());
  } catch {
    return false;
  }
}

/** Links of the process's sockets; none when it has ended. */
function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
      try {
        const link = readlinkSync(`/proc/${pid}/fd/${name}`);
        return link.startsWith('socket:[') ? [link] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
