import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeScratchDirectory } from '../../files/scratch-directory';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { endingWithUs } from '../../process/ending-with-us';
import { CommandError, type Run, type RunOptions } from '../../process/run';
import { shellWords } from '../../rendering/shell-word';
import { readCabalProject } from '../project/cabal-project';
import { describeRepository } from '../project/git-description';
import { readIgnoreFile } from '../project/ignore-file';
import { bringsBackGit, filterRules, IGNORE_FILE } from '../project/ignore-rules';
import { hpackDirectories } from '../project/packages';
import { visibleName } from '../project/visible-name';
import { type Sending, surveyProject } from '../project/survey';
import { workspacePath } from '../project/workspace';
import type { Connections } from '../ssh/connections';
import { ConnectionLost, wasCutOff } from './connection-lost';
import { diskFullOn } from './disk-full';
import { freshFiles } from './fresh-files';
import { unfitProgram } from './missing-program';
import { rsyncShell } from './rsync-shell';
import { SentMeanwhile, SetAside } from './set-aside';

/** Result of one synchronisation. */
export interface SyncReport {
  readonly files: number;
  readonly deleted: number;
  /** Sum of the sizes of the files that were not the same, in bytes. */
  readonly bytes: number;
  /** What is not sent and why, and what is sent in place of a link, one line each. */
  readonly remarks: readonly string[];
}

export interface SyncRequest {
  readonly vm: FleetVm;
  /** Absolute path of the project. */
  readonly root: string;
  /** Name of the workspace. */
  readonly workspace: string;
  readonly sending: Sending;
  /** Absolute path of a file on this workstation: see `SentJournal`. Default: none. */
  readonly journal?: string | undefined;
  /** Resolves when the workspace is held, for a start before: nothing is sent or changed until then, or if it rejects. */
  readonly after?: Promise<unknown> | undefined;
  readonly signal: AbortSignal;
}

interface SyncTools {
  readonly run: Run;
  readonly connections: Connections;
}

/** Exit codes of rsync: some files were not transferred; some vanished while it looked. */
const PARTIAL = 23;
const VANISHED = 24;
/** Begins the lines that name what was sent. */
const SENT = 'sent ';
/** How often a file that is being written on and on is sent again. */
const MOST_REPEATS = 3;

/**
 * Makes the workspace equal to the project, by sending what differs and deleting what is gone here. What is ignored is
 * neither sent nor deleted, so build products stay. The workspace has to be held: see `withWorkspace`.
 *
 * @throws ConnectionLost; FleetError `sync-incomplete`, `sync-in-the-way`, `sync-failed`, `vm-disk-full`,
 *   those of `unfitProgram`, or one of `surveyProject`
 */
export async function sync(tools: SyncTools, request: SyncRequest): Promise<SyncReport> {
  try {
    return await surveyAndSend(tools, request);
  } catch (error) {
    if (!(error instanceof SentMeanwhile)) throw error;
    // By now the workspace is held.
    return surveyAndSend(tools, { ...request, after: undefined });
  }
}

async function surveyAndSend(tools: SyncTools, request: SyncRequest): Promise<SyncReport> {
  const { root, sending, signal } = request;
  const aside = new SetAside(request.vm, request.workspace, request.journal);
  const scratch = makeScratchDirectory('buildfleet-sync-');
  try {
    const ignoreFile = readIgnoreFile(root);
    const survey = await surveyProject({ run: tools.run, signal }, { root, ignoreFile, sending, scratch });
    const isFile = lstatSync(join(root, '.git'), { throwIfNoEntry: false })?.isDirectory() !== true;
    const description =
      sending.git === true || (isFile && bringsBackGit(ignoreFile))
        ? await describeRepository({ run: tools.run, signal }, { root, home: sending.home, scratch })
        : undefined;
    const rules = join(scratch, 'rules');
    writeFileSync(
      rules,
      [
        ...(description?.rules ?? []),
        ...madeByHpack(root),
        ...filterRules(ignoreFile, survey.known, join(root, IGNORE_FILE)),
      ].join('\0'),
    );
    const remarks = [...survey.remarks, ...(description?.remarks ?? [])];
    const stages = [...(survey.stage.isEmpty ? [] : [survey.stage.directory]), ...(description?.directories ?? [])];
    return await send(tools, request, aside, { stages, remarks }, rules);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * @param stages directories that are sent as one with the project, and before it
 * @param rules path of a file with filter rules, each ended by a null byte
 */
async function send(
  { run, connections }: SyncTools,
  { vm, root, workspace, after, signal }: SyncRequest,
  aside: SetAside,
  { stages, remarks }: { readonly stages: readonly string[]; readonly remarks: readonly string[] },
  rules: string,
): Promise<SyncReport> {
  const target = `${vm.name}:${workspacePath(workspace)}/`;
  let superseded: SentMeanwhile | undefined;
  const begin = () => {
    aside.begin();
  };
  const gate = after?.then(begin);
  gate?.catch((error: unknown) => {
    if (error instanceof SentMeanwhile) superseded = error;
  });
  if (after === undefined) begin();
  const heard: string[] = [];
  const args = [
    // Whole seconds would hide an edit of the same size, as a formatter makes it right behind the editor.
    '--modify-window=-1',
    // A link is sent as a link and never followed: what may be followed has been copied.
    ...[
      '--recursive',
      '--links',
      '--perms',
      '--times',
      '--delete',
      '--stats',
      '--8-bit-output',
      `--out-format=${SENT}%n`,
    ],
    ...aside.options,
    // Builds write beside the sources, also where the sources are read-only here.
    '--chmod=u+rwX',
    // What a broken connection leaves of a large file is gone on with. A directory for it would be looked into for every file.
    '--partial',
    // Told of the files directory by directory, an emulated machine takes a third longer for ten thousand.
    '--no-inc-recursive',
    ...['--rsh', rsyncShell(connections, vm, after !== undefined)],
    // In a file, because there may be more than fit a command line. Lines would end at the line ends of names.
    ...['--from0', '--filter', `merge ${rules}`],
    // Of two with the same name the first one is sent.
    ...['--', ...stages.map((stage) => `${stage}/`), `${root}/`, target],
  ];
  for (let attempt = 1; ; attempt++) {
    const began = Date.now();
    const { stdout, stderr, exitCode } = await transfer(run, vm, args, { signal, gate }).catch((error: unknown) => {
      throw superseded ?? error;
    });
    heard.push(stderr);
    // Files changed during the transfer: vanished ones are gone, and new ones are seen the next time.
    if (exitCode === VANISHED && attempt < 3) continue;
    if (exitCode === PARTIAL)
      throw diskFullOn(vm, stderr) ?? inTheWay(stderr, vm, workspace) ?? incomplete(stderr, root);
    const names = sentNames(stdout);
    const since = await sendFresh({ run, connections }, { vm, root, target, signal }, names, began);
    const kept = await aside.settle(connections, heard, { root, names, since, signal });
    return { ...parseStats(stdout), remarks: [...remarks, ...remarksOf(stdout), ...kept] };
  }
}

/**
 * Sends files again that may have changed within the step of time in which they were sent.
 *
 * @returns when the last sending began, in ms
 */
async function sendFresh(
  { run, connections }: SyncTools,
  { vm, root, target, signal }: Pick<SyncRequest, 'vm' | 'root' | 'signal'> & { readonly target: string },
  sent: readonly string[],
  since: number,
): Promise<number> {
  let last = since;
  let fresh = freshFiles(root, sent, since);
  for (let attempt = 1; fresh.names.length > 0 && attempt <= MOST_REPEATS; attempt++) {
    await pause(Math.max(0, fresh.until - Date.now()), undefined, { signal });
    last = Date.now();
    const args = [
      ...['--links', '--perms', '--times', '--chmod=u+rwX', '--ignore-times', '--no-implied-dirs'],
      ...['--rsh', rsyncShell(connections, vm, false), '--from0', '--files-from=-', '--', `${root}/`, target],
    ];
    // Those that have vanished are seen the next time.
    await transfer(run, vm, args, { signal, input: fresh.names.join('\0') });
    fresh = freshFiles(root, fresh.names, last);
  }
  return last;
}

async function transfer(
  run: Run,
  vm: FleetVm,
  args: readonly string[],
  options: Pick<RunOptions, 'signal' | 'gate' | 'input'>,
) {
  try {
    // A transfer that outlives this process would delete and write in the workspace of its next holder.
    return await run('setpriv', endingWithUs('rsync', ...args), {
      ...options,
      acceptExitCodes: [0, PARTIAL, VANISHED],
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    const cause = unfitProgram(vm, 'setpriv', error) ?? diskFullOn(vm, error.stderr, error);
    if (cause !== undefined) throw cause;
    if (wasCutOff('rsync', error.exitCode)) throw new ConnectionLost(vm, error.stderr, error);
    throw failed(vm, error);
  }
}

/** Where hpack makes the `.cabal` files on the machine, they stay: anew they would have cabal configure anew. */
function madeByHpack(root: string): string[] {
  return hpackDirectories(root, readCabalProject(root)).map((directory) => {
    const escaped = directory.replace(/[\\*?[]/g, '\\$&');
    return `P ${join('/', escaped, '*.cabal')}`;
  });
}

/**
 * Names of the files that were sent, of names with escapes those that are told as they are. Those of git are left out:
 * the machine may have others than the project.
 */
function sentNames(stdout: string): string[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith(SENT) && !line.endsWith('/'));
  return lines.map((line) => line.slice(SENT.length)).filter((name) => !name.startsWith('.git/'));
}

function parseStats(stdout: string): Omit<SyncReport, 'remarks'> {
  const value = (name: string) => {
    const found = new RegExp(`^${name}: ([\\d,.]+)`, 'm').exec(stdout)?.[1] ?? '0';
    return Number(found.replace(/[,.]/g, ''));
  };
  return {
    files: value('Number of regular files transferred'),
    deleted: value('Number of deleted files'),
    bytes: value('Total transferred file size'),
  };
}

function remarksOf(stdout: string): string[] {
  const skipped = stdout.split('\n').filter((line) => line.startsWith('skipping non-regular file'));
  return skipped.map((line) => `not sent: ${visibleName(line)}`);
}

/** What is built in a directory stays when the directory goes, and then nothing else can have its name. */
function inTheWay(stderr: string, vm: FleetVm, workspace: string): FleetError | undefined {
  const path = /^could not make way for [^:]+: (.*)$/m.exec(stderr)?.[1];
  if (path === undefined) return undefined;
  const command = shellWords(['rm', '-r', '--', `${workspacePath(workspace)}/${path}`]);
  return new FleetError({
    code: 'sync-in-the-way',
    problem: `on ${vm.name} there is a directory in the place of ${path}, and what was built in it`,
    place: workspacePath(workspace),
    remedy: `delete it there: \`buildfleet exec ${vm.id} -- ${command}\``,
  });
}

function incomplete(stderr: string, root: string): FleetError {
  const lines = stderr
    .split('\n')
    .filter((line) => /^(rsync|symlink|file has vanished)/.test(line) && !/code 23/.test(line));
  return new FleetError({
    code: 'sync-incomplete',
    problem: `not everything could be sent: ${lines.slice(0, 5).join('; ')}${lines.length > 5 ? `; and ${lines.length - 5} more` : ''}`,
    place: root,
    remedy: `make it readable, or name it in ${join(root, IGNORE_FILE)}`,
  });
}

function failed(vm: FleetVm, cause: CommandError): FleetError {
  const said = cause.stderr.split('\n').filter((line) => line.startsWith('rsync'));
  return new FleetError({
    code: 'sync-failed',
    problem: `the sources could not be sent to ${vm.name}: ${said.slice(0, 3).join('; ')}`,
    remedy: `put right what it names; \`buildfleet ssh ${vm.id}\` looks there`,
    cause,
  });
}
