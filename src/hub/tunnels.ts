import { readFileSync, statSync } from 'node:fs';

/** Name of the VM behind each tunnel port; undefined where the line's key does not tell. */
export type Tunnels = ReadonlyMap<number, string | undefined>;

/** A key's comment as the deploy makes it: `buildfleet haskell-build-alpha tunnel_ed25519`. */
const COMMENT = /\sbuildfleet ([a-z][a-z0-9-]{0,62}) tunnel_ed25519\s*$/;

/** Reads the private sshd's authorized_keys: the line that lets a VM in is what tells who it is. */
export function parseTunnels(text: string): Tunnels {
  const tunnels = new Map<number, string | undefined>();
  for (const line of text.split('\n')) {
    const port = /^[^#]*permitlisten="localhost:(\d{1,5})"/.exec(line)?.[1];
    if (port !== undefined) tunnels.set(Number(port), COMMENT.exec(line)?.[1]);
  }
  return tunnels;
}

/** Gives the tunnels as the file has them now; it is read again when it was replaced. A file that is absent has none. */
export function watchTunnels(path: string): () => Tunnels {
  let stamp = '';
  let tunnels: Tunnels = new Map();
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const now = stat === undefined ? 'absent' : [stat.ino, stat.size, stat.mtimeMs].join(' ');
    if (now !== stamp) {
      tunnels = stat === undefined ? new Map() : parseTunnels(readFileSync(path, 'utf8'));
      stamp = now;
    }
    return tunnels;
  };
}
