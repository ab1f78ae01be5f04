import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Fleet } from '../../../../src/model/fleet';
import { buildfleet } from '../../../support/buildfleet';
import { StandInMachine, writeStandInFleet } from '../../../support/stand-in-machine';
import { MountedDirectory } from '../../../support/mounted-directory';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { until } from '../../../support/until';
import { ClockedHub, type Heartbeat } from './clocked-hub';
import { documentedLines, printedLines } from './documented';
import { FakeQemu } from './fake-qemu';

const NAME = 'haskell-build-alpha';

/** A fault: what makes it, what puts it right, and what to look at meanwhile. */
export interface Fault {
  /** Heading in docs/troubleshooting.md. */
  readonly symptom: string;
  readonly provoke: () => unknown;
  readonly repair: () => unknown;
  /** Commands, by their line in the guide, besides `buildfleet status`. */
  readonly also?: Readonly<Record<string, () => Promise<string>>>;
  /** Set where `buildfleet status` has nothing to say. */
  readonly statusIsHealthy?: true;
}

/**
 * A workstation with one machine. Real are its sshd, the hub, the machine's sshd and every command of ours; the
 * hypervisor is a fake, and the machine is this one.
 */
export class SmallFleet {
  private constructor(
    readonly directory: string,
    readonly machine: StandInMachine,
    /** Stands in for the sshd that tunnels end at. */
    readonly workstation: StandInMachine,
    readonly hub: ClockedHub,
    readonly qemu: FakeQemu,
    readonly file: string,
    /** The machine's `/build`, where it has one of its own. */
    readonly build: MountedDirectory | undefined,
  ) {}

  /**
   * @param environment what the machine's commands have in their environment, given {@link directory}
   * @param buildMib gives the machine a `/build` of its own of this size, for which root is needed
   */
  static async create({
    environment = () => ({}),
    buildMib,
  }: {
    readonly environment?: (directory: string) => Readonly<Record<string, string>>;
    readonly buildMib?: number;
  } = {}): Promise<SmallFleet> {
    const directory = temporaryDirectory();
    const state = join(directory, 'state');
    const path = join(directory, 'build');
    const build = buildMib === undefined ? undefined : await MountedDirectory.mount(path, buildMib);
    mkdirSync(join(directory, 'run'), { mode: 0o700 });
    const machine = await StandInMachine.create(join(directory, 'machine'), environment(directory), build?.path);
    const workstation = await StandInMachine.create(join(state, 'workstation'));
    const hub = await ClockedHub.start(join(directory, 'hub.sqlite'));
    const file = writeStandInFleet(state, machine.userKey, hub.url, [
      { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
    ]);
    const fleet = JSON.parse(readFileSync(file, 'utf8')) as Fleet;
    const tunnelPorts = { first: machine.port, last: machine.port };
    const patched = { ...fleet, workstation: { ...fleet.workstation, sshdPort: workstation.port, tunnelPorts } };
    writeFileSync(file, JSON.stringify(patched));
    const qemu = new FakeQemu(join(state, 'vms', NAME), 'stand-in', NAME);
    await qemu.start();
    return new SmallFleet(directory, machine, workstation, hub, qemu, file, build);
  }

  async dispose(): Promise<void> {
    await Promise.all([this.machine.dispose(), this.workstation.dispose(), this.hub.stop(), this.qemu.stop()]);
    await this.build?.unmount();
  }

  /** What the machine's agent does every 30 seconds. */
  heartbeat(heartbeat: Partial<Heartbeat> = {}): Promise<void> {
    return this.hub.heartbeat({ name: NAME, tunnelPort: this.machine.port, ...heartbeat });
  }

  /** The hub knows the machine no longer. */
  forget(): Promise<void> {
    return this.hub.forget(NAME);
  }

  /** What makes commands work on this fleet, with connections of their own. */
  get environment(): Readonly<Record<string, string>> {
    return { BUILDFLEET_FLEET: this.file, XDG_RUNTIME_DIR: join(this.directory, 'run') };
  }

  /** Runs a command on this fleet; gives everything that it printed. */
  async say(args: readonly string[], cwd?: string): Promise<string> {
    const { stdout, stderr } = await buildfleet(args, {
      env: this.environment,
      ...(cwd === undefined ? {} : { cwd }),
    });
    return `${stdout.toString()}\n${stderr}`;
  }

  /** The sentences that stand below the table of `buildfleet status`. */
  async sentences(): Promise<readonly string[]> {
    const printed = await this.say(['status']);
    expect(printed).toMatch(/^VM +POWER/);
    return printedLines(printed.slice(printed.indexOf('\n\n')));
  }

  /**
   * Looks before, during and after a fault. During it `status` says what the guide has it say and nothing else, and
   * every other command what the guide has it say; before and after it none of them says anything of it.
   */
  async goThrough({ symptom, provoke, repair, also = {}, statusIsHealthy }: Fault): Promise<void> {
    await this.heartbeat();
    await this.requireHealthy(symptom, also);
    await provoke();
    try {
      if (statusIsHealthy) expect(await this.sentences()).toEqual([]);
      else requireDocumented(await this.sentences(), documentedLines(symptom, 'buildfleet status'), true);
      for (const [command, run] of Object.entries(also))
        requireDocumented(printedLines(await run()), documentedLines(symptom, command));
    } finally {
      await repair();
    }
    await this.requireHealthy(symptom, also);
  }

  /** Until `status` has nothing to say: a look takes two seconds at most, in which a loaded machine may not answer. */
  async untilHealthy(): Promise<void> {
    let said: readonly string[] = [];
    await until('status is healthy', 20, async () => (said = await this.sentences()).length === 0).catch(() => {
      throw new Error(`status is not healthy: ${said.join('\n')}`);
    });
  }

  private async requireHealthy(symptom: string, also: Fault['also'] = {}): Promise<void> {
    await this.untilHealthy();
    for (const [command, run] of Object.entries(also)) {
      const lines = printedLines(await run());
      const present = lines.filter((line) => documentedLines(symptom, command).some((pattern) => pattern.test(line)));
      expect(present).toEqual([]);
    }
  }
}

/** Each line of the guide is printed; with `exactly`, nothing else is. */
export function requireDocumented(printed: readonly string[], documented: readonly RegExp[], exactly = false): void {
  const missing = documented.filter((pattern) => !printed.some((line) => pattern.test(line)));
  const further = exactly ? printed.filter((line) => !documented.some((pattern) => pattern.test(line))) : [];
  if (missing.length === 0 && further.length === 0) return;
  const text = [
    ...['not printed:', ...missing.map(String)],
    ...['not in docs/troubleshooting.md:', ...further],
    ...['all that was printed:', ...printed],
  ];
  throw new Error(text.join('\n'));
}

/** A program that takes a port and is no sshd; with a greeting it sends that, else nothing at all. */
export class Squatter {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(private readonly greeting: string) {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      if (this.greeting !== '') socket.write(this.greeting);
    });
  }

  async take(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
  }

  async leave(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
