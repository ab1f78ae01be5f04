import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Stands in for a session of the private sshd: a process of that name that listens on the tunnel's port of a VM, and
 * passes on to the hub what comes to another port, as `-R` and `-L` of a VM's connection do.
 */
export interface StandInTunnel {
  /** The hub as the VM sees it. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

const SESSION = `
  const { createServer, connect } = require('node:net');
  process.title = process.argv[1];
  const [tunnelPort, hubPort] = process.argv.slice(2).map(Number);
  const near = createServer((socket) => {
    const hub = connect(hubPort, '127.0.0.1');
    for (const [one, other] of [[socket, hub], [hub, socket]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  const listen = (server, port, done) => server.listen(port, '127.0.0.1', done);
  const ready = () => listen(near, 0, () => console.log(near.address().port));
  tunnelPort === 0 ? ready() : listen(createServer(), tunnelPort, ready);
`;

/** @param tunnelPort 0: the session has opened no port */
export async function startStandInTunnel(tunnelPort: number, hubUrl: string, name = 'sshd'): Promise<StandInTunnel> {
  const child = spawn(process.execPath, ['-e', SESSION, name, String(tunnelPort), new URL(hubUrl).port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
