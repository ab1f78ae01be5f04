import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { account } from '../../process/account';
import { SshFailure } from '../../ssh/failure';
import type { Context } from '../context';
import { findVm, type LoadedFleet } from '../fleet-file';
import type { Project } from '../project/find-project';
import type { Sending } from '../project/survey';
import { workspaceName } from '../project/workspace';
import { Connections } from '../ssh/connections';
import { later } from '../status/later';
import { askHubForGhcs, type CandidateTools, findCandidates, ghcVersionsOf, imageGhcs } from './candidates';
import { choose, describe, isBeyondComparison, lacksGhc, matchingGhc, type PassedOver } from './choose';
import { differenceText } from '../../model/clock-difference';
import { ConnectionLost } from './connection-lost';
import { Home } from './home';
import { keyRefused } from './key-refused';
import { probe, type Probe } from './probe';
import { NotAdmitted, type SessionRequest, withWorkspace } from './session';
import { journalPath } from './sent-journal';
import { sync, type SyncReport } from './sync';
import { Trouble } from './trouble';

/** How long a VM that was lost is waited for: it may have to boot. */
const RETURN_MS = 300_000;

/** A VM that is lost this often within {@link OFTEN_MS} is not waited for any more. */
const OFTEN = 5;
const OFTEN_MS = 60_000;

/** A project on a machine of the fleet. */
export interface Place {
  readonly vm: FleetVm;
  /** Name of the workspace. */
  readonly workspace: string;
  /** Absolute path of the project here. */
  readonly root: string;
  /** The version that was asked for, as the machine has it. */
  readonly ghcVersion: string | undefined;
}

export interface PlaceRequest {
  readonly project: Project;
  /** `--vm` */
  readonly vm: string | undefined;
  /** Wanted version, or the begin of one. */
  readonly ghc: string | undefined;
}

export interface SourcesRequest extends PlaceRequest {
  readonly sending: Sending;
  /** Whether the action may be begun anew when the machine is lost in the middle. */
  readonly again: boolean;
}

/** Remarks of one kind of work that are shown at most. */
const MOST_REMARKS = 20;

/** @param sent settles when the machine has the sources, or cannot have them */
type OnSources<T> = (place: Place, sent: Promise<SyncReport>) => Promise<T>;

/** Options of one session. */
interface SessionChanges extends Pick<SessionRequest, 'onlyIf' | 'outlivesInterrupt'> {
  /** Called when another session has the workspace. */
  readonly onWaiting?: () => void;
}

/** One run of a command that works on projects: its connections, and its findings about the machines. */
export class ProjectWork {
  readonly connections: Connections;
  private readonly trouble: Trouble;

  /** @param told remarks on the sources that need not be repeated */
  constructor(
    readonly context: Context,
    readonly loaded: LoadedFleet,
    private readonly told = new Set<string>(),
  ) {
    this.connections = new Connections(loaded, context);
    this.trouble = new Trouble(loaded, context.environment);
  }

  /** The same work for as long as a signal has not fired. */
  until(signal: AbortSignal, changes: Partial<Context> = {}): ProjectWork {
    return new ProjectWork({ ...this.context, ...changes, signal }, this.loaded, this.told);
  }

  /**
   * Runs an action on a machine that has the sources as they are here, while no other session has the workspace. The
   * machine is the given one, else the one that has worked on the project last, else that of {@link choosePlace}.
   *
   * @param action is called while the sources are on their way, and may touch the workspace when they are there
   */
  async withSources<T>(request: SourcesRequest, action: OnSources<T>): Promise<T> {
    const { again } = request;
    const run = (place: Place, onlyIf?: SessionRequest['onlyIf']) => {
      let condition = onlyIf;
      const once = () => {
        const attempt = this.holdWithSources(request, place, condition, action);
        // What has been admitted once need not be compared with others any more.
        condition = undefined;
        return attempt;
      };
      return again ? this.resuming(place, once) : once();
    };
    const home = request.vm === undefined ? await this.findHome(request) : undefined;
    if (home !== undefined) {
      try {
        return await run(home, (probe) => this.isGoodEnough(home.vm, probe));
      } catch (error) {
        if (!(error instanceof NotAdmitted)) throw error;
        if (error.silence !== undefined) this.trouble.remember(home.vm, error.silence);
      }
    }
    const place = await this.choosePlace(request);
    new Home(this.loaded, this.context.environment, place.workspace).remember(place.vm);
    return run(place);
  }

  /** The machine that worked on the project last, if it can be asked at once. */
  private async findHome({ project, ghc }: PlaceRequest): Promise<Place | undefined> {
    const workspace = this.workspaceOf(project);
    const vm = new Home(this.loaded, this.context.environment, workspace).find();
    if (vm === undefined || this.trouble.dead(vm) !== undefined) return undefined;
    const ghcVersion = ghc === undefined ? undefined : matchingGhc(imageGhcs(this.loaded, vm), ghc);
    if (ghc !== undefined && ghcVersion === undefined) return undefined;
    return (await this.connections.isOpen(vm)) ? { vm, workspace, root: project.root, ghcVersion } : undefined;
  }

  private isGoodEnough(vm: FleetVm, probe: Probe): boolean {
    const candidate = { recentFailures: this.trouble.recentFailures(vm) };
    if (!isBeyondComparison(candidate, probe)) return false;
    const { terminal } = this.context;
    terminal.message(`on ${vm.name}: ${describe(candidate, probe)}`);
    for (const other of this.loaded.fleet.vms) {
      if (other === vm) continue;
      const dead = this.trouble.dead(other);
      const reason = dead === undefined ? `not asked, because ${vm.id} will do` : `did not answer: ${dead}`;
      terminal.message(`  not on ${other.name}: ${reason}`);
    }
    return true;
  }

  /**
   * The machine to work on: the given one, else the least loaded one with the wanted GHC. Prints the reason.
   *
   * @throws FleetError `vm-unknown`; `no-vm-usable`, with the reason and the remedy for each
   */
  async choosePlace({ project, vm: alias, ghc }: PlaceRequest): Promise<Place> {
    const workspace = this.workspaceOf(project);
    if (alias !== undefined) {
      const vm = findVm(this.loaded, alias);
      await this.connect(vm);
      return {
        vm,
        workspace,
        root: project.root,
        ghcVersion: ghc === undefined ? undefined : await this.ghcOf(vm, ghc),
      };
    }
    const { chosen, passedOver } = choose(
      await findCandidates(this.loaded, { workspace, wantsGhc: ghc !== undefined }, this.candidateTools()),
      ghc,
    );
    if (chosen === undefined) throw await this.noneUsable(passedOver);
    this.context.terminal.message(`on ${chosen.vm.name}: ${chosen.reason}`);
    for (const { vm, reason } of passedOver) this.context.terminal.message(`  not on ${vm.name}: ${reason}`);
    return { vm: chosen.vm, workspace, root: project.root, ghcVersion: chosen.ghcVersion };
  }

  /**
   * The machine that worked on the project last: the one to fetch from.
   *
   * @throws FleetError `vm-unknown`, `project-not-built`
   */
  async findPlace({ project, vm: alias }: Omit<PlaceRequest, 'ghc'>): Promise<Place> {
    const workspace = this.workspaceOf(project);
    if (alias !== undefined) return this.choosePlace({ project, vm: alias, ghc: undefined });
    const candidates = await findCandidates(this.loaded, { workspace, wantsGhc: false }, this.candidateTools());
    const [last] = candidates
      .flatMap(({ vm, state }) => ('probe' in state ? [{ vm, used: state.probe.workspaceUsed }] : []))
      .filter(({ used }) => used !== undefined)
      .sort((one, other) => (other.used ?? 0) - (one.used ?? 0));
    if (last !== undefined) return { vm: last.vm, workspace, root: project.root, ghcVersion: undefined };
    const silent = candidates.flatMap(({ vm, state }) =>
      'problem' in state ? [`${vm.id} (${state.problem.reason})`] : [],
    );
    throw new FleetError({
      code: 'project-not-built',
      problem: `no machine that answers has this project${silent.length === 0 ? '' : `; not asked: ${silent.join(', ')}`}`,
      place: project.root,
      remedy: 'run `buildfleet build` first',
    });
  }

  /**
   * Runs an action on a prompt's behalf: no other session waits for it, and none ends it.
   *
   * @param action gets the place under the name that the prompt has in the workspace
   */
  holdPrompt<T>(place: Place, action: (place: Place) => Promise<T>): Promise<T> {
    const prompt = { ...place, workspace: `${place.workspace}.repl-${randomBytes(4).toString('hex')}` };
    return this.session(prompt, { outlivesInterrupt: true }, () => action(prompt));
  }

  /** Runs an action while the workspace is held, and names the holder that it waits for. */
  hold<T>(place: Place, action: () => Promise<T>): Promise<T> {
    return this.session(place, {}, action);
  }

  private session<T>(
    { vm, workspace, root }: Place,
    { onlyIf, outlivesInterrupt, onWaiting }: SessionChanges,
    action: () => Promise<T>,
  ): Promise<T> {
    const { user, host } = this.owner();
    const ourselves = `${user}@${host}, pid ${process.pid}`;
    const request: SessionRequest = {
      ...{ vm, workspace, who: ourselves, project: root, onlyIf, outlivesInterrupt },
      onWait: (who) => {
        onWaiting?.();
        // A build that was cancelled takes a moment to end.
        if (who !== ourselves)
          this.context.terminal.message(`waiting for ${who}, who works on this project on ${vm.name}`);
      },
      onClockSet: (ahead) => {
        this.context.terminal.message(`the clock of ${vm.name} was ${differenceText(ahead)} and has been put right`);
      },
      signal: this.context.signal,
    };
    return withWorkspace(this.connections, request, action);
  }

  /** Starts rsync on both sides while the session is being opened: it is let through when the workspace is held. */
  private async holdWithSources<T>(
    request: SourcesRequest,
    place: Place,
    onlyIf: SessionRequest['onlyIf'],
    action: OnSources<T>,
  ): Promise<T> {
    const stop = new AbortController();
    let open: () => void = () => undefined;
    const after = new Promise<void>((resolve) => (open = resolve));
    const finishing = async (): Promise<SyncReport> => {
      const report = await ahead.catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
        return this.send(request, place, {});
      });
      this.tell(report.remarks);
      return report;
    };
    // The wait may be long, and the sources change meanwhile.
    const onWaiting = () => {
      stop.abort();
    };
    // It takes longer to open than rsync to start.
    const held = this.session(place, { onlyIf, onWaiting }, () => {
      open();
      return action(place, finishing());
    });
    const ahead = this.send(request, place, { after, signal: AbortSignal.any([this.context.signal, stop.signal]) });
    ahead.catch(() => undefined);
    try {
      return await held;
    } finally {
      stop.abort();
      await ahead.catch(() => undefined);
    }
  }

  /** Says what was not said before. */
  private tell(remarks: readonly string[]): void {
    const news = remarks.filter((line) => !this.told.has(line));
    for (const line of news) this.told.add(line);
    for (const line of news.slice(0, MOST_REMARKS)) this.context.terminal.message(line);
    if (news.length > MOST_REMARKS) this.context.terminal.message(`and ${news.length - MOST_REMARKS} more like these`);
  }

  private send(
    { project, sending }: SourcesRequest,
    { vm, workspace }: Place,
    changes: { readonly after?: Promise<void>; readonly signal?: AbortSignal },
  ): Promise<SyncReport> {
    const { run, signal, environment } = this.context;
    const journal = journalPath(this.loaded, environment, { vm, workspace });
    const request = { vm, root: project.root, workspace, sending, journal, signal, ...changes };
    return sync({ run, connections: this.connections }, request);
  }

  /**
   * Does something that may be begun anew when the machine is lost in the middle, as soon as it is back.
   *
   * @throws ConnectionLost when it does not come back, or is lost again and again
   */
  async resuming<T>({ vm }: Place, action: () => Promise<T>): Promise<T> {
    const losses: number[] = [];
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        this.trouble.rememberLost(vm, error.problem);
        losses.push(Date.now());
        if (Date.now() - (losses.at(-OFTEN) ?? -Infinity) < OFTEN_MS) throw error;
        this.context.terminal.message(`${error.problem}; waiting until ${vm.name} is back`);
        await this.untilBack(vm, error);
        this.context.terminal.message(`${vm.name} is back: going on`);
      }
    }
  }

  private async untilBack(vm: FleetVm, lost: ConnectionLost): Promise<void> {
    const deadline = Date.now() + RETURN_MS;
    for (;;) {
      this.context.signal.throwIfAborted();
      try {
        await this.connections.open(vm);
        this.trouble.forgive(vm);
        return;
      } catch (error) {
        if (!(error instanceof SshFailure)) throw error;
        if (Date.now() > deadline) throw lost;
        await pause(1000, undefined, { signal: this.context.signal });
      }
    }
  }

  /** The wanted version as the VM has it. */
  private async ghcOf(vm: FleetVm, wanted: string): Promise<string> {
    const versions = ghcVersionsOf(this.loaded, vm, await askHubForGhcs(this.loaded, this.context.signal));
    const version = matchingGhc(versions, wanted);
    if (version !== undefined) return version;
    const found = await probe(this.connections, vm, '', this.context.signal);
    const { reason, remedy } = lacksGhc(vm, versions, wanted, found);
    throw new FleetError({ code: 'no-vm-usable', problem: `${vm.name} cannot be used: it ${reason}`, remedy });
  }

  private async connect(vm: FleetVm): Promise<void> {
    try {
      await this.connections.open(vm);
    } catch (error) {
      if (!(error instanceof SshFailure)) throw error;
      const refused = keyRefused(this.loaded.fleet, error);
      const problem = refused ?? (await later.describeTrouble()(this.context, this.loaded, [vm]))[0];
      throw new FleetError({
        code: 'no-vm-usable',
        problem: `${vm.name} cannot be used: ${problem?.reason ?? (error.stderr.trim() || error.message)}`,
        remedy: problem?.remedy ?? 'leave out --vm to build on another one',
        cause: error,
      });
    }
  }

  /** Explains why each VM is not usable. No command waits for the result by now, so that it may take its time. */
  private async noneUsable(passedOver: readonly PassedOver[]): Promise<FleetError> {
    const details = await later.describeTrouble()(
      this.context,
      this.loaded,
      passedOver.map(({ vm }) => vm),
    );
    const lines = passedOver.map(({ vm, reason, remedy }) => {
      const closer = details.find((one) => one.vm === vm);
      return `${vm.name}: ${closer?.reason ?? reason}: ${closer?.remedy ?? remedy}`;
    });
    return new FleetError({
      code: 'no-vm-usable',
      problem: lines.length === 0 ? 'the fleet has no VM' : 'no VM can be used',
      place: this.loaded.file,
      remedy: lines.length === 0 ? 'declare one in main.ts and run `make deploy`' : `\n  ${lines.join('\n  ')}`,
    });
  }

  private candidateTools(): CandidateTools {
    const { signal } = this.context;
    return { signal, connections: this.connections, trouble: this.trouble };
  }

  private workspaceOf({ root }: Project): string {
    return workspaceName(this.owner(), root);
  }

  private owner(): { readonly user: string; readonly host: string } {
    return { user: account().username, host: hostname() };
  }
}
