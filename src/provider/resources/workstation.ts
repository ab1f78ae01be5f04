import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeAbandonedWrites } from '../../files/atomic';
import { removeRuntimeNotes } from '../../files/runtime-directory';
import { createHubClient } from '../../hub/client';
import { inTurn } from '../../files/in-turn';
import { namesFileIn } from '../../files/links';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError, isFleetError } from '../../model/errors';
import { embeddedHubUrl } from '../../model/defaults';
import { valueOrRebuild, valueOrRefusal } from '../../files/record';
import { expandHome } from '../../model/paths';
import { workstationShape } from '../../model/resources/workstation';
import type { Planned, State } from '../../model/resource-shape';
import { describePortOwner, portOwner, settledPortOwner } from '../../process/port-owner';
import { readProcess, runsReplacedProgram } from '../../process/process-identity';
import { run as runCommand, type Run } from '../../process/run';
import { loginMachine, loginObstacles } from '../../ssh/loopback-login';
import { renderSshdConfig } from '../services/sshd-config';
import type { ApplyContext, Resource, ResourceContext } from '../plugin/resource';
import { CreatedPaths } from '../services/created-paths';
import { makeDirectories, removeEmptyDirectory } from '../../files/directories';
import {
  ensureDeveloperKeys,
  findDeveloperKeys,
  releaseDeveloperKeys,
  type DeveloperKeyContext,
} from '../services/developer-keys';
import { HUB_FILES, hubAnswers, hubArgv, hubPaths, removeHubFiles } from '../services/hub-service';
import { ensureKeyPairs, inspectKeyPair, removeAbandonedKeys, type KeyPairObservation } from '../services/key-pairs';
import { copyProgram, isOfferedProgram, programRevision } from '../services/program-files';
import type { ServiceDefinition } from '../services/service-list';
import { endProcesses } from '../services/end-processes';
import { findRunners } from '../services/runners';
import type { ProbedService, RunnerKind, RunnerObservation } from '../services/service-runner';
import {
  findSshd,
  installSshdConfig,
  lacksPrivilegeSeparationDirectory,
  removePrivilegeSeparationDirectory,
  removeSshdFiles,
  sshdAnswers,
  sshdArgv,
  sshdConfig,
  sshdDirectories,
  sshdPaths,
  sshdSessions,
} from '../services/sshd';
import { type EntryHub, orphanedEntries } from './workstation/orphaned-entries';
import { workstationRecord, type WorkstationRecord } from '../services/workstation-record';
import { fleetPaths, givenStateDirectory } from './fleet-paths';
import type { ProviderSettings } from './settings';

type Shape = typeof workstationShape;
/** Endpoints of both services. */
type Endpoints = Pick<State<Shape>, 'address' | 'sshdPort' | 'hubPort' | 'hubExpiryDays' | 'tunnelPorts'>;

/** Surroundings of the handler, so that tests can give it a home of its own. */
export interface WorkstationSurroundings {
  readonly run: Run;
  readonly home: string;
  /** Names the directories of the operator's systemd manager (`XDG_RUNTIME_DIR`, `XDG_CONFIG_HOME`). */
  readonly environment: NodeJS.ProcessEnv;
  /** Directory of the fleet's output that holds `hub.js` and `supervisor.js`. */
  readonly programs: string;
  /** @default the hub itself */
  readonly hub?: (url: string) => EntryHub;
}

/** The handler of `buildfleet_workstation`: the private sshd, the embedded hub, and the runner of both. */
export function workstationResource(
  settings: ProviderSettings,
  // Terraform starts the provider in the stack's output.
  { run, home, environment, programs, hub: hubOf }: WorkstationSurroundings = {
    run: runCommand,
    home: homedir(),
    environment: process.env,
    programs: join(process.cwd(), 'provider'),
  },
): Resource<Shape> {
  const paths = fleetPaths(settings, home);
  const given = givenStateDirectory(settings, home);
  const directory = paths.services;
  const hub = hubOf ?? ((url: string) => createHubClient({ url, services: directory }));
  const files = sshdPaths(directory);
  const created = new CreatedPaths(home);
  const { fleet } = settings;
  const keyContext = (signal: AbortSignal): DeveloperKeyContext => ({
    run,
    created,
    holder: `${fleet} developers`,
    signal,
  });
  const runnersOf = (signal: AbortSignal) =>
    findRunners({ run, home, environment, fleet, paths, givenStateDirectory: given, programs, created }, signal);
  const developerPaths = (developers: readonly string[]) => developers.map((path) => expandHome(path, home));

  const apply = (planned: Planned<Shape>, context: ApplyContext<Shape>): Promise<State<Shape>> =>
    withFileAdvice(directory, () =>
      inTurn(directory, context.signal, async () => {
        const { signal, progress } = context;
        progress.step('making keys and configuration');
        const [obstacle] = await loginObstacles(loginMachine(home));
        if (obstacle !== undefined)
          throw new FleetError({ ...obstacle, remedy: `${obstacle.remedy}, then deploy again` });
        await refuseTakenPorts(directory, planned);
        const former = valueOrRebuild(workstationRecord.read(directory));
        const { preferred: runner, all, former: formerRunners } = await runnersOf(signal);
        makeDirectories(directory, 0o700);
        chmodSync(directory, 0o700);
        removeAbandonedWrites(directory);
        const sshd = await findSshd(run, directory, signal);
        const developerPublicKeys = await ensureDeveloperKeys(keyContext(signal), developerPaths(planned.developers));
        const comment = `buildfleet ${fleet} workstation`;
        const [hostKey] = await ensureKeyPairs(run, directory, [{ file: 'ssh_host_ed25519_key', comment }], signal);
        const record: WorkstationRecord = {
          ...endpointsOf(planned),
          developers: planned.developers,
          sshd,
          node: former !== undefined && existsSync(former.node) ? former.node : process.execPath,
          hubRevision: copyProgram(programs, directory, HUB_FILES),
          runner: runner.kind,
          madeRunDirectory: former?.madeRunDirectory === true || lacksPrivilegeSeparationDirectory(sshd),
        };
        workstationRecord.write(directory, record);
        await installSshdConfig(run, directory, sshd, configText(directory, record), signal);
        const state: State<Shape> = {
          ...endpointsOf(planned),
          developers: planned.developers,
          sshd: 'running',
          hub: 'running',
          configuration: 'intact',
          tunnelAccount: planned.tunnelAccount ?? sshd.operator,
          sshdHostPublicKey: hostKey?.publicKey ?? '',
          developerPublicKeys,
          hubUrl: embeddedHubUrl(planned.hubPort),
        };
        context.keep({ ...state, sshd: 'dead', hub: 'dead' });
        const wanted = services(directory, record, state.sshdHostPublicKey);
        for (const other of [...Object.values(all), ...formerRunners].filter((candidate) => candidate !== runner))
          await other.remove(definitionsOf(wanted), signal);
        progress.step('waiting for sshd and hub to answer');
        const { running } = await runner.observe(definitionsOf(wanted));
        const outdatedHub = running.get('hub');
        // its runner starts it again
        if (outdatedHub !== undefined && runsReplacedProgram(outdatedHub.pid)) await endProcesses([outdatedHub]);
        await runner.ensure(wanted, context);
        for (const entry of await orphanedEntries(hub(state.hubUrl), { paths, ...state }, signal)) {
          context.log.info('removing the hub entry of a VM that is gone', { title: entry.title });
          await hub(state.hubUrl).ensureAbsent(entry, { signal });
        }
        return state;
      }),
    );

  const read = async (state: State<Shape>, context: ResourceContext): Promise<State<Shape> | null> => {
    const reading = workstationRecord.read(directory);
    const record = valueOrRebuild(reading);
    const hostKey = readableKey(files.hostKey, context);
    // Without both there is nothing to restart and nothing to stop.
    if (reading.status === 'absent' && hostKey === null) return null;
    const wanted = record === undefined ? null : { ...record, ...endpointsOf(state) };
    const [sshd, hubService] = wanted === null ? [] : services(directory, wanted, hostKey?.publicKey ?? '');
    const developers = developerPaths(state.developers);
    const keys = findDeveloperKeys(developers);
    const runners = await runnersOf(context.signal);
    const observed = await runners.all[wanted?.runner ?? runners.preferred.kind].observe(
      definitionsOf([sshd, hubService]),
    );
    // Asked first, so that the files are compared while the services answer.
    const answers = Promise.all([
      serviceState(directory, sshd, observed, state.sshdPort, context),
      serviceState(directory, hubService, observed, state.hubPort, context),
    ]);
    const configuration =
      wanted === null || hostKey?.files !== 'intact' || keys === null
        ? 'altered'
        : configurationState(directory, wanted, observed, { programs, runner: runners.preferred.kind });
    const [sshdState, hubState] = await answers;
    const orphans =
      hubState === 'running'
        ? await orphanedEntries(hub(embeddedHubUrl(state.hubPort)), { paths, ...state }, context.signal)
        : [];
    if (orphans.length > 0) {
      context.warn(
        'the State Hub has entries of VMs that are gone',
        `the next deploy removes ${orphans.map(({ title }) => title).join(', ')}`,
      );
    }
    return {
      ...state,
      sshd: sshdState,
      hub: hubState,
      configuration: configuration === 'intact' && orphans.length > 0 ? 'outdated' : configuration,
      sshdHostPublicKey: hostKey?.publicKey ?? '',
      developerPublicKeys: keys ?? developers.flatMap((path) => findDeveloperKeys([path]) ?? []),
      hubUrl: embeddedHubUrl(state.hubPort),
    };
  };

  return {
    shape: workstationShape,
    create: apply,
    update: (_prior, planned, context) => apply(planned, context),
    read,
    plan: (prior, planned) => ({
      unknown: [
        ...(prior.sshdHostPublicKey === '' ? (['sshdHostPublicKey'] as const) : []),
        // A file that is missing is made by the update, or has to be put back before it.
        ...(prior.developerPublicKeys.length === planned.developers.length ? [] : (['developerPublicKeys'] as const)),
      ],
    }),
    delete: (state, { signal, progress }) =>
      withFileAdvice(directory, () =>
        inTurn(directory, signal, async () => {
          progress.step('ending sshd and hub');
          const record = valueOrRebuild(workstationRecord.read(directory));
          const known = record === undefined ? [] : definitionsOf(services(directory, record, ''));
          const { all, former } = await runnersOf(signal);
          // Units first: their manager would start again what the supervisor's removal ends.
          for (const units of [all['user-units'], ...former]) await units.remove(known, signal);
          await all.supervisor.remove(known, signal);
          const sshdPorts = new Set([state.sshdPort, record?.sshdPort ?? state.sshdPort]);
          await endProcesses([...sshdPorts].flatMap((port) => sshdSessions(port)));
          removeAbandonedKeys(directory);
          removeAbandonedWrites(directory);
          removeSshdFiles(directory);
          removeHubFiles(directory);
          rmSync(workstationRecord.path(directory), { force: true });
          await releaseDeveloperKeys(keyContext(signal), developerPaths(state.developers));
          removeRuntimeNotes(environment);
          if (record?.madeRunDirectory === true) removePrivilegeSeparationDirectory();
          // VMs and identities have gone before; their own directories are all that can be left of them.
          const parents = [paths.vms, paths.identities, directory, paths.stateDirectory, dirname(paths.stateDirectory)];
          for (const path of parents) {
            // The directory above belongs to buildfleet only in the default place.
            if (path !== dirname(paths.stateDirectory) || path.endsWith('/buildfleet')) removeEmptyDirectory(path);
          }
        }),
      ),
    import: (id, context) =>
      withFileAdvice(directory, () => {
        const record = valueOrRefusal(workstationRecord.read(directory));
        const hostKey = readableKey(files.hostKey, context);
        if (record === undefined) {
          throw new FleetError({
            code: 'workstation-missing',
            problem: 'no workstation was deployed from this state directory',
            place: directory,
            value: id,
            remedy: 'give the provider block the state directory of the fleet that is to be imported',
          });
        }
        return {
          ...endpointsOf(record),
          developers: [...record.developers],
          sshd: 'dead',
          hub: 'dead',
          configuration: 'altered',
          tunnelAccount: record.sshd.operator,
          sshdHostPublicKey: hostKey?.publicKey ?? '',
          developerPublicKeys: findDeveloperKeys(developerPaths(record.developers)) ?? [],
          hubUrl: embeddedHubUrl(record.hubPort),
        };
      }),
  };
}

/** Both services as they shall run, sshd first. */
function services(
  directory: string,
  record: WorkstationRecord,
  hostPublicKey: string,
): readonly [ProbedService, ProbedService] {
  const revision = createHash('sha256').update(configText(directory, record)).update(hostPublicKey).digest('hex');
  return [
    {
      definition: {
        name: 'sshd',
        argv: sshdArgv(directory, record.sshd),
        log: sshdPaths(directory).log,
        directories: sshdDirectories(record.sshd),
        address: record.address,
        revision,
      },
      probe: (process) => sshdAnswers(process, record.sshdPort),
    },
    {
      definition: {
        name: 'hub',
        argv: hubArgv(directory, record, sshdPaths(directory).authorizedKeys),
        log: hubPaths(directory).log,
        directories: [],
        address: null,
        revision: record.hubRevision,
      },
      probe: (process) => hubAnswers(process, record.hubPort),
    },
  ];
}

function configText(directory: string, record: WorkstationRecord): string {
  return renderSshdConfig(sshdConfig(directory, record.sshd, record));
}

function definitionsOf(all: readonly (ProbedService | undefined)[]): ServiceDefinition[] {
  return all.flatMap((service) => (service === undefined ? [] : [service.definition]));
}

async function serviceState(
  directory: string,
  service: ProbedService | undefined,
  { running }: RunnerObservation,
  port: number,
  context: ResourceContext,
): Promise<'running' | 'dead'> {
  const process = running.get(service?.definition.name ?? '');
  if (service !== undefined && process !== undefined && (await service.probe(process))) return 'running';
  const owner = portOwner(port);
  if (owner !== null && !isOurs(directory, owner.pid)) {
    context.warn(
      `port ${port} is taken`,
      `${describePortOwner(owner)} listens on it; the workstation's ${service?.definition.name ?? 'service'} cannot`,
    );
  }
  return 'dead';
}

function configurationState(
  directory: string,
  record: WorkstationRecord,
  { files: runnerFiles, running }: RunnerObservation,
  offered: { readonly programs: string; readonly runner: RunnerKind },
): State<Shape>['configuration'] {
  const intact =
    readOrNull(sshdPaths(directory).config) === configText(directory, record) &&
    programRevision(directory, HUB_FILES) === record.hubRevision;
  if (!intact) return 'altered';
  if (runnerFiles !== 'intact') return runnerFiles;
  const hub = running.get('hub');
  if (!existsSync(record.node) || (hub !== undefined && runsReplacedProgram(hub.pid))) return 'outdated';
  const current = record.runner === offered.runner && isOfferedProgram(offered.programs, directory, HUB_FILES);
  return current ? 'intact' : 'outdated';
}

/** @throws FleetError `port-taken` that names the program */
async function refuseTakenPorts(directory: string, ports: Endpoints): Promise<void> {
  for (const [attribute, port] of [
    ['sshdPort', ports.sshdPort],
    ['hubPort', ports.hubPort],
  ] as const) {
    const owner = await settledPortOwner(port);
    if (owner === null || isOurs(directory, owner.pid)) continue;
    throw new FleetError({
      code: 'port-taken',
      problem: `port ${port} is taken by ${describePortOwner(owner)}`,
      place: `127.0.0.1:${port}`,
      remedy: `stop that program, or give the Workstation in main.ts another ${attribute}`,
      attribute,
    });
  }
}

/** Our services name their directory in their arguments, and sshd in its title. */
function isOurs(directory: string, pid: number | null): boolean {
  return pid !== null && namesFileIn(directory, readProcess(pid)?.argv.join(' ') ?? '');
}

function readableKey(path: string, context: ResourceContext): KeyPairObservation | null {
  try {
    return inspectKeyPair(path);
  } catch (error) {
    if (!isFleetError(error)) throw error;
    context.warn("the private sshd's host key cannot be read", error.message);
    return null;
  }
}

function endpointsOf({ address, sshdPort, hubPort, hubExpiryDays, tunnelPorts }: Endpoints): Endpoints {
  return { address, sshdPort, hubPort, hubExpiryDays, tunnelPorts };
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
