import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CDK_COMMAND } from '../../model/cdk-command';
import type { FleetVm } from '../../model/fleet';
import { describePortOwner, listenersOn, portOwner } from '../../process/port-owner';
import { lastLines } from '../../process/output';
import type { Run } from '../../process/run';
import { classifySshFailure } from '../../ssh/client-messages';
import { SshFailure } from '../../ssh/failure';
import type { LoadedFleet } from '../fleet-file';
import { inCheckout } from '../package-root';
import { Connections } from '../ssh/connections';
import { supervisedCommand } from '../ssh/remote-command';
import { hubProblem, tunnelProblem } from '../status/diagnose';
import { askHubForEntries, hubEntryOf } from '../status/hub-entries';
import type { Step, StepName } from './report';
import { expectedResult, ghcVersionOf, parseRemoteLine, type RemoteLine } from './steps';

/** Tools of {@link smokeVm}. */
export interface SmokeTools {
  readonly run: Run;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Where the serial console of a VM is logged, for remedies. */
  readonly consoleLog: (vm: FleetVm) => string;
  /** Called once for each step, when it is done. */
  readonly onStep: (step: Step) => void;
  /** Directory on the VM that workspaces are made in. Default `/build`. */
  readonly workspaceRoot?: string;
  /** Longest that the whole work on the VM may take. Default 5 minutes. */
  readonly timeoutMs?: number;
}

/**
 * Proves the whole chain for one VM over one connection: its tunnel with the pinned host key, its GHC, its entry in
 * the State Hub, and a program of several modules that is built and run there and whose result comes back.
 *
 * @returns every step that was tried; the first that fails ends the work on the VM
 */
export async function smokeVm(loaded: LoadedFleet, vm: FleetVm, tools: SmokeTools): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const report = (step: Step) => {
    steps.push(step);
    tools.onStep(step);
  };
  await Promise.all([checkHubEntry(loaded, vm, tools).then(report), workOnVm(loaded, vm, tools, report)]);
  return steps;
}

async function checkHubEntry(loaded: LoadedFleet, vm: FleetVm, tools: SmokeTools): Promise<Step> {
  const seconds = stopwatch();
  const hub = await askHubForEntries(loaded, tools.signal);
  const hubEntry = hubEntryOf(hub, vm, new Date());
  const problem = hubProblem({
    hubEntry,
    hub,
    fleet: loaded.fleet.fleet,
    tunnelPort: vm.tunnelPort,
    consoleLog: tools.consoleLog(vm),
  });
  return problem === null
    ? done('hub entry', seconds(), `tunnel-port:${vm.tunnelPort}, ghc-${hubEntry.ghcVersions.join(', ghc-')}`)
    : failed('hub entry', seconds(), problem.reason, problem.remedy);
}

async function workOnVm(
  loaded: LoadedFleet,
  vm: FleetVm,
  tools: SmokeTools,
  report: (step: Step) => void,
): Promise<void> {
  const nonce = randomBytes(8).toString('hex');
  const sources = await packSources(tools);
  const seconds = stopwatch();
  const lines: RemoteLine[] = [];
  const stderr = await runOnVm(loaded, vm, tools, nonce, sources, (text) => {
    const line = parseRemoteLine(text);
    if (line === undefined) return;
    lines.push(line);
    if (line.kind === 'step' && line.ok) report(toStep(line, loaded, vm, seconds(), ''));
  });
  // What a failed step said comes on a stream of its own, which may be read later than the step's line.
  const failure = lines.find((line) => line.kind === 'step' && !line.ok);
  if (failure?.kind === 'step') {
    report(toStep(failure, loaded, vm, seconds(), remarksOf(stderr)));
  } else if (lines.length === 0) {
    report(connectionFailure(loaded, vm, tools, seconds(), stderr));
  } else {
    report(checkResult(lines.at(-1), nonce, vm, stderr));
  }
}

/** Runs the script on the VM and gives what ssh and the compiler wrote to standard error. */
async function runOnVm(
  loaded: LoadedFleet,
  vm: FleetVm,
  tools: SmokeTools,
  nonce: string,
  sources: string,
  onLine: (line: string) => void,
): Promise<string> {
  const script = readFileSync(inCheckout('assets/smoke/remote.sh'), 'utf8');
  const command = supervisedCommand(['bash', '-c', script, 'smoke', tools.workspaceRoot ?? '/build', nonce]);
  try {
    const { stderr } = await new Connections(loaded, tools).run(vm, {
      ...{ what: 'smoke', command, input: sources, timeout: tools.timeoutMs ?? 300_000, onLine },
      // The tunnel and the login are part of the chain.
      ownConnection: true,
    });
    return stderr;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    // The lines that came name the failed step; a time limit is the reason why no more came.
    return error.exitCode === undefined ? error.message : error.stderr;
  }
}

/** The program's sources as a tar archive, which is ASCII from end to end. */
async function packSources({ run, signal }: SmokeTools): Promise<string> {
  const reproducible = [
    '--format=ustar',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--mode=u=rwX,go=rX',
  ];
  const { stdout } = await run(
    'tar',
    ['--create', ...reproducible, '--directory', inCheckout('assets/smoke'), 'Fleet', 'Main.hs'],
    { signal },
  );
  return stdout;
}

function toStep(
  line: RemoteLine & { kind: 'step' },
  loaded: LoadedFleet,
  vm: FleetVm,
  sinceStart: number,
  remarks: string,
): Step {
  const lookInside = `look into the VM with \`buildfleet ssh ${vm.id}\``;
  switch (line.name) {
    case 'connected':
      return done('tunnel', sinceStart, `127.0.0.1:${vm.tunnelPort} has the pinned host key and lets us in`);
    case 'ghc-version':
      return line.ok
        ? compareGhc(line, loaded, vm)
        : failed('ghc version', line.seconds, remarks || 'ghc failed', lookInside);
    case 'compile':
      return line.ok
        ? done('compile', line.seconds, `${line.detail} modules`)
        : failed('compile', line.seconds, line.detail || remarks, lookInside);
    case 'execute':
      return line.ok
        ? done('run', line.seconds, `${line.detail} lines written`)
        : failed('run', line.seconds, line.detail || remarks, lookInside);
  }
}

function compareGhc(line: RemoteLine & { kind: 'step' }, loaded: LoadedFleet, vm: FleetVm): Step {
  const expected = loaded.fleet.images.find((image) => image.id === vm.image)?.ghcVersions[0];
  const found = ghcVersionOf(line.detail);
  return found !== undefined && found === expected
    ? done('ghc version', line.seconds, found)
    : failed(
        'ghc version',
        line.seconds,
        `the VM has GHC ${found ?? line.detail}, its image ${vm.image} has ${expected ?? 'none'}`,
        `put back what was changed in the VM, or replace it: \`${CDK_COMMAND} deploy ${loaded.fleet.fleet}\` after its disk was removed`,
      );
}

function checkResult(line: RemoteLine | undefined, nonce: string, vm: FleetVm, stderr: string): Step {
  const remedy = `try again; if this stays, look into the VM with \`buildfleet ssh ${vm.id}\``;
  if (line?.kind !== 'result')
    return failed('fetch result', 0, `the connection ended early: ${remarksOf(stderr)}`, remedy);
  const expected = expectedResult(nonce);
  return line.content === expected
    ? done('fetch result', 0, `${Buffer.byteLength(expected)} bytes, as expected`)
    : failed(
        'fetch result',
        0,
        `the program wrote ${JSON.stringify(line.content)} instead of ${JSON.stringify(expected)}`,
        remedy,
      );
}

function connectionFailure(loaded: LoadedFleet, vm: FleetVm, tools: SmokeTools, seconds: number, stderr: string): Step {
  const tunnel = classifySshFailure(stderr);
  if (tunnel.state === 'up') {
    return failed(
      'tunnel',
      seconds,
      `the VM does not let us in: ${remarksOf(stderr)}`,
      `see that ${loaded.fleet.workstation.developerKey} is yours, and its public key one of the fleet's developers`,
    );
  }
  const { sshdPort } = loaded.fleet.workstation;
  const owner = tunnel.state === 'closed' ? null : portOwner(vm.tunnelPort);
  const problem = tunnelProblem({
    fleet: loaded.fleet.fleet,
    tunnelPort: vm.tunnelPort,
    tunnel,
    sshdPort,
    sshdListens: listenersOn(sshdPort).length > 0,
    portOwner: owner === null ? '' : describePortOwner(owner),
    consoleLog: tools.consoleLog(vm),
  });
  return failed('tunnel', seconds, problem?.reason ?? remarksOf(stderr), problem?.remedy ?? '');
}

function done(step: StepName, seconds: number, detail: string): Step {
  return { step, ok: true, seconds, detail, remedy: '' };
}

function failed(step: StepName, seconds: number, detail: string, remedy: string): Step {
  return { step, ok: false, seconds, detail, remedy };
}

/** Seconds since it was made, to the millisecond. */
function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start) / 1000;
}

/** What a failed step said, in one line. */
function remarksOf(stderr: string): string {
  return lastLines(stderr, 8).join(' | ');
}
