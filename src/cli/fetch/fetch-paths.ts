import { lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import { rememberFetched } from '../project/fetched';
import { visibleName } from '../project/visible-name';
import { booksPath, workspacePath } from '../project/workspace';
import { supervisedCommand } from '../ssh/remote-command';
import { scriptText } from '../work/script';
import { prepareDestination } from './destination';
import { pathPattern } from './path-pattern';
import type { Fetched } from './report';
import { bring, type FetchSource, type FetchTools, isThere, LARGEST_OUTPUT, onVm, tooLarge } from './transfer';

/** A file of the project on the VM. */
interface Found {
  /** Absolute path of the directory that it is found in, and its path in that, which is also its path in the project. */
  readonly root: string;
  readonly path: string;
  /** In seconds, with the fraction as the VM has it. */
  readonly mtime: string;
  readonly sha256: string;
}

/** Files that a remark names. */
const MOST_NAMED = 5;

/**
 * Brings the files that match: of what the VM has and what a sync has put aside there the one that is not here already,
 * of two such the newer one.
 *
 * @param to directory they keep their paths in; undefined: the project. There a file that is newer than the VM's stays
 * @throws ConnectionLost; FleetError `usage`, `nothing-matches`, `fetch-damaged`, `fetch-failed`, `fetch-too-large`,
 *   `destination-refused`, `disk-full`
 */
export async function fetchPaths(
  tools: FetchTools,
  source: FetchSource,
  {
    project,
    to,
    patterns,
  }: { readonly project: string; readonly to: string | undefined; readonly patterns: readonly string[] },
): Promise<{ readonly files: Fetched[]; readonly remarks: string[] }> {
  const matchers = patterns.map(pathPattern);
  const { found: all, others } = await listMatches(tools, source, patterns);
  const leftOut = [...others].filter(([path]) => matchers.some((matches) => matches(path)));
  const byPath = new Map<string, Found[]>();
  for (const one of all.filter(({ path }) => matchers.some((matches) => matches(path)))) {
    byPath.set(one.path, [...(byPath.get(one.path) ?? []), one]);
  }
  if (byPath.size === 0) throw nothingMatches(source, patterns, leftOut);
  const kept: string[] = [];
  const wanted: Found[] = [];
  for (const [path, found] of [...byPath].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const one = await newestOfTheVm(found, join(project, path), tools.signal);
    if (to === undefined && (await isNewerHere(join(project, one.path), one, tools.signal))) kept.push(one.path);
    else wanted.push(one);
  }
  const destination = to ?? project;
  if (to === undefined) await mkdir(destination, { recursive: true });
  else prepareDestination(to);
  const arrived = await bring(
    tools,
    source.vm,
    wanted.map(({ root, path, sha256 }) => ({ root, source: path, target: path, sha256 })),
    destination,
  );
  const paths = arrived.map(({ path }) => path);
  if (to !== undefined) rememberFetched(to, paths);
  const files = arrived.map(({ wanted: { source: name, sha256 }, path, sizeBytes }) => {
    return { kind: 'file' as const, package: '', name, path, sizeBytes, sha256 };
  });
  return { files, remarks: [...leftOutRemarks(leftOut), ...remarksOf(kept)] };
}

/** What a sync has sent is here already: where there is anything else of this path, that is meant. */
async function newestOfTheVm(found: readonly Found[], place: string, signal: AbortSignal): Promise<Found> {
  const others: Found[] = [];
  if (found.length > 1) {
    for (const one of found) if (!(await isThere(place, one.sha256, signal))) others.push(one);
  }
  const candidates = others.length > 0 ? others : found;
  return candidates.reduce((newest, one) => (Number(one.mtime) > Number(newest.mtime) ? one : newest));
}

async function listMatches(
  tools: FetchTools,
  { vm, workspace }: FetchSource,
  patterns: readonly string[],
): Promise<{ readonly found: Found[]; readonly others: ReadonlyMap<string, string> }> {
  const roots = { workspace: workspacePath(workspace), kept: `${booksPath(workspace)}.kept` };
  const args = [String(tools.limitBytes), roots.workspace, roots.kept, ...patterns];
  const argv = ['bash', '-c', scriptText('matches'), 'matches', ...args];
  const entries = (await onVm(tools, vm, supervisedCommand(argv), LARGEST_OUTPUT)).split('\0');
  let root = roots.workspace;
  const times = new Map<string, string>();
  const found: Found[] = [];
  const others = new Map<string, string>();
  for (const entry of entries) {
    const large = /^large (\d{1,20})$/.exec(entry)?.[1];
    if (large !== undefined) throw tooLarge(vm, tools.limitBytes, Number(large));
    if (entry === 'root workspace' || entry === 'root kept')
      root = entry === 'root kept' ? roots.kept : roots.workspace;
    const [, mtime, timed] = /^file (\d+\.\d+) \.\/([^]+)$/.exec(entry) ?? [];
    if (mtime !== undefined && timed !== undefined) times.set(`${root}/${timed}`, mtime);
    const [, type, other] = /^other (\w) \.\/([^]+)$/.exec(entry) ?? [];
    if (type !== undefined && other !== undefined) others.set(other, type);
    const [, sha256, path] = /^([0-9a-f]{64}) {2}\.\/([^]+)$/.exec(entry) ?? [];
    if (sha256 !== undefined && path !== undefined)
      found.push({ root, path, sha256, mtime: times.get(`${root}/${path}`) ?? '1' });
  }
  return { found, others };
}

/** Whether the file here has other content, and a time behind the VM's. */
async function isNewerHere(place: string, { sha256, mtime }: Found, signal: AbortSignal): Promise<boolean> {
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.mtimeMs / 1000 <= Number(mtime)) return false;
  return !(await isThere(place, sha256, signal));
}

function remarksOf(kept: readonly string[]): string[] {
  if (kept.length === 0) return [];
  const more = kept.length > MOST_NAMED ? ` and ${kept.length - MOST_NAMED} more` : '';
  const names = kept.slice(0, MOST_NAMED).map(visibleName).join(', ');
  return [`left as it is, because it is newer here: ${names}${more}; --to DIRECTORY brings the VM's beside it`];
}

/** @param others paths of what is no file, and its type in a letter of find's */
function leftOutRemarks(others: readonly (readonly [path: string, type: string])[]): string[] {
  const kinds = [
    { name: 'a symbolic link, which may lead anywhere', own: others.filter(([, type]) => type === 'l') },
    { name: 'no file', own: others.filter(([, type]) => type !== 'l') },
  ];
  return kinds.flatMap(({ name, own }) => {
    if (own.length === 0) return [];
    const more = own.length > MOST_NAMED ? ` and ${own.length - MOST_NAMED} more` : '';
    return [
      `not fetched, because it is ${name}: ${own
        .slice(0, MOST_NAMED)
        .map(([path]) => visibleName(path))
        .join(', ')}${more}`,
    ];
  });
}

function nothingMatches(
  { vm }: FetchSource,
  patterns: readonly string[],
  others: readonly (readonly [path: string, type: string])[],
): FleetError {
  return new FleetError({
    code: 'nothing-matches',
    problem: [`no file of this project on ${vm.name} matches`, ...leftOutRemarks(others)].join('; '),
    value: patterns.join(' '),
    remedy:
      "give the path as it is seen from the project's root, in quotes where it has a *; ** stands for directories",
  });
}
