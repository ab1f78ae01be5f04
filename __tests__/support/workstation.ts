import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { FleetPaths } from '../../src/model/paths';
import type { workstationShape } from '../../src/model/resources/workstation';
import type { Planned, State } from '../../src/model/resource-shape';
import { run, type Run } from '../../src/process/run';
import type { ApplyContext } from '../../src/provider/plugin/resource';
import { workstationResource } from '../../src/provider/resources/workstation';
import { readSupervisorRecord } from '../../src/provider/services/service-list';
import { bundleHub } from '../../src/programs/hub';
import { bundleSupervisor } from '../../src/programs/supervisor';
import { temporaryDirectory } from './temporary-directory';

export type WorkstationState = State<typeof workstationShape>;

/** A workstation with a home, a state directory and ports of its own, handled by the real handler. */
export interface TestWorkstation {
  readonly home: string;
  /** Where the programs lie, as in a stack's output. */
  readonly programs: string;
  readonly paths: FleetPaths;
  readonly planned: Planned<typeof workstationShape>;
  readonly handler: ReturnType<typeof workstationResource>;
  readonly warnings: string[];
  readonly kept: WorkstationState[];
  context(signal?: AbortSignal): ApplyContext<typeof workstationShape>;
  /** Pid of the supervisor or of a service, as the supervisor recorded it. */
  pid(name: 'supervisor' | 'sshd' | 'hub'): number;
  /** The same; undefined while it is being restarted. */
  recordedPid(name: 'supervisor' | 'sshd' | 'hub'): number | undefined;
  /** Ends everything, in any state. */
  dispose(): Promise<void>;
}

let bundled: string | undefined;

/** Bundles hub and supervisor once per test file. */
function bundlePrograms(): string {
  const directory = temporaryDirectory();
  bundleHub(directory);
  bundleSupervisor(directory);
  return directory;
}

/** @param surroundings where a manager of systemd runs for the test; without it there is none */
export async function makeTestWorkstation(
  surroundings: {
    readonly environment?: NodeJS.ProcessEnv;
    readonly home?: string;
    /** Called before each command; what it throws is the command's failure. */
    readonly beforeRun?: (file: string) => void;
  } = {},
): Promise<TestWorkstation> {
  bundled ??= bundlePrograms();
  const home = surroundings.home ?? temporaryDirectory();
  const environment = surroundings.environment ?? { XDG_RUNTIME_DIR: join(home, 'no-manager') };
  const programs = join(home, 'output');
  if (!existsSync(programs)) await run('cp', ['-r', bundled, programs]);
  const stateDirectory = join(home, '.local/state/buildfleet/test');
  const settings = { fleet: 'test', stateDirectory, cacheDirectory: null };
  // Nothing may reach the login manager of the machine that the tests run on.
  const noSystemBus = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
  const runHere: Run = async (file, args, options) => {
    surroundings.beforeRun?.(file);
    return run(file, args, { ...options, env: { ...noSystemBus, ...options?.env } });
  };
  const handler = workstationResource(settings, { run: runHere, home, environment, programs });
  const [sshdPort, hubPort, first] = await freePorts(3);
  const planned: Planned<typeof workstationShape> = {
    sshdPort: sshdPort!,
    address: null,
    hubPort: hubPort!,
    hubExpiryDays: null,
    tunnelPorts: { first: first!, last: first! + 3 },
    developers: ['~/.ssh/id_build.pub'],
    sshd: 'running',
    hub: 'running',
    configuration: 'intact',
    tunnelAccount: undefined,
    sshdHostPublicKey: undefined,
    developerPublicKeys: undefined,
    hubUrl: undefined,
  };
  const warnings: string[] = [];
  const kept: WorkstationState[] = [];
  const context = (signal = new AbortController().signal): ApplyContext<typeof workstationShape> => ({
    signal,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    progress: { step: () => undefined, amount: () => undefined },
    warn: (summary, detail) => warnings.push(`${summary}: ${detail}`),
    keep: (state) => kept.push(state),
  });
  const paths = new FleetPaths(stateDirectory);
  const recordedPid = (name: 'supervisor' | 'sshd' | 'hub') => {
    const record = readSupervisorRecord(paths.services);
    return name === 'supervisor'
      ? record?.supervisor.pid
      : record?.services.find((service) => service.name === name)?.pid;
  };
  return {
    home,
    programs,
    paths,
    planned,
    handler,
    warnings,
    kept,
    context,
    recordedPid,
    pid: (name) => {
      const pid = recordedPid(name);
      if (pid === undefined) throw new Error(`${name} is not recorded`);
      return pid;
    },
    dispose: async () => {
      await handler.delete(
        {
          ...{ ...planned, tunnelAccount: '', sshdHostPublicKey: '', developerPublicKeys: [], hubUrl: '' },
          ...{ sshd: 'running', hub: 'running', configuration: 'intact' },
        },
        context(),
      );
    },
  };
}

/** Free ports, the last one with three more above it. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenOn(0)));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

export function listenOn(port: number, host = '127.0.0.1'): Promise<ReturnType<typeof createServer>> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.end());
    server.once('error', fail);
    server.listen(port, host, () => {
      done(server);
    });
  });
}

/** The text of a file, or null. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
