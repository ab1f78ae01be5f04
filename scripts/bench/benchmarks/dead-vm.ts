import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildfleetProcess } from '../../../__tests__/support/buildfleet';
import { StandInMachine, writeStandInFleet } from '../../../__tests__/support/stand-in-machine';
import type { Benchmark } from '../figure';
import { interleaved, median } from '../timing';

const IDS = ['alpha', 'beta', 'gamma'];
const ROUNDS = 5;

const FAKE_CABAL = join(__dirname, '../../../__tests__/support/fake-cabal');

/** How long a build that compares the VMs waits for one that hangs: stand-ins, the last of which is replaced by a listener that says nothing. */
export const deadVm: Benchmark = async ({ progress }) => {
  if (process.getuid?.() !== 0) throw new Error('only root can give the stand-ins a /build of their own');
  progress('starting three sshd that stand in for VMs');
  const directory = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  const machines: StandInMachine[] = [];
  let silent: Server | undefined;
  try {
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    copyFileSync(FAKE_CABAL, join(bin, 'cabal'));
    for (const id of IDS) {
      const own = join(directory, id);
      mkdirSync(join(own, 'build'), { recursive: true });
      machines.push(await StandInMachine.create(own, { PATH: `${bin}:/usr/bin:/bin` }, join(own, 'build')));
    }
    const [first, last] = [machines.at(0), machines.at(-1)];
    if (first === undefined || last === undefined) throw new Error('there are no machines');
    for (const { userKey } of machines.slice(1)) copyFileSync(`${first.userKey}.pub`, `${userKey}.pub`);
    const vms = machines.map(({ port, hostKey }, index) => ({ id: IDS[index] ?? '', port, hostKey }));
    const file = writeStandInFleet(join(directory, 'state'), first.userKey, 'http://127.0.0.1:1', vms);
    const runtime = join(directory, 'run');
    mkdirSync(runtime, { mode: 0o700 });
    const project = join(directory, 'project');
    mkdirSync(project);
    for (const name of ['app.cabal', 'Main.hs']) writeFileSync(join(project, name), '');
    const environment = { BUILDFLEET_FLEET: file, XDG_RUNTIME_DIR: runtime };

    /** Seconds until cabal runs. It ends at once. */
    const start = async (...options: string[]): Promise<number> => {
      const begin = performance.now();
      const build = new BuildfleetProcess(['build', ...options], { input: '', cwd: project, env: environment });
      const begun = new Promise<number>((resolve) => {
        build.child.stdout.once('data', () => {
          resolve((performance.now() - begin) / 1000);
        });
      });
      const { exitCode, stderr } = await build.finished;
      if (exitCode !== 0) throw new Error(`the build failed: ${stderr}`);
      return begun;
    };
    // The last one has the project at no time, so the choice is the same with and without it.
    await start('--vm', IDS[0] ?? '');
    const forget = (what: 'home' | 'trouble'): void => {
      for (const name of readdirSync(join(runtime, 'buildfleet')))
        if (name.startsWith(`${what}-`)) rmSync(join(runtime, 'buildfleet', name));
    };
    /** A build that has to compare the VMs, as the first one of a project does: later ones ask one VM and no other. */
    const compare = (): Promise<number> => {
      forget('home');
      return start();
    };

    progress('starting builds with one of them hanging');
    let lastAlive = 0;
    const differences: number[] = [];
    const seconds = await interleaved(ROUNDS, {
      alive: async () => {
        forget('trouble');
        await compare();
        const begun = await compare();
        lastAlive = begun;
        return begun;
      },
      // The same once more: its difference is chance, and smaller differences mean nothing.
      same: async () => {
        const begun = await compare();
        differences.push(Math.abs(begun - lastAlive));
        return begun;
      },
      first: async () => {
        await last.dispose();
        silent = await silentListener(last.port);
        return compare();
      },
      second: async () => {
        const second = await compare();
        await close(silent);
        silent = undefined;
        await last.start();
        return second;
      },
    });
    const peer = { what: 'with all three alive', value: seconds.alive };
    const chance = Math.round(median(differences) * 1000) / 1000;
    return {
      figures: [
        {
          ...{ what: 'start of a build on three stand-ins, one of which hangs', value: seconds.first, unit: 's', peer },
          limit: { factor: 1, plus: 3 },
        },
        {
          ...{ what: 'start of the next build', value: seconds.second, unit: 's', peer },
          limit: { factor: 1, plus: chance },
        },
      ],
    };
  } finally {
    await close(silent);
    await Promise.all(machines.map((machine) => machine.dispose()));
    rmSync(directory, { recursive: true, force: true });
  }
};

/** Accepts connections and says nothing, as the tunnel of a VM that hangs does. */
async function silentListener(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

async function close(server: Server | undefined): Promise<void> {
  if (server !== undefined) await new Promise((resolve) => server.close(resolve));
}
