import { rmSync, symlinkSync } from 'node:fs';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { shellWords } from '../../rendering/shell-word';
import { rememberFetched } from '../project/fetched';
import { visibleName } from '../project/visible-name';
import { workspacePath } from '../project/workspace';
import { supervisedCommand } from '../ssh/remote-command';
import { type Artifact, type BuildPlan, parseBuildPlan } from './build-plan';
import { placeIn, prepareDestination } from './destination';
import type { Fetched } from './report';
import {
  bring,
  type FetchSource,
  type FetchTools,
  LARGEST_OUTPUT,
  MODES,
  onVm,
  rsync,
  tooLarge,
  type Wanted,
} from './transfer';

/** What has been fetched, and what people have to know of what has not, one line each. */
export interface Fetching {
  readonly files: readonly Fetched[];
  readonly remarks: readonly string[];
  readonly plan: BuildPlan;
}

/**
 * Prints `SHA256  PATH` and a zero byte for each file that is named and there: LIMIT ROOT FILE… Where they have more than
 * LIMIT bytes together, which is known before any is read, it prints `large BYTES` only. Of a directory, which ends with a
 * slash, the shared objects count that are no links.
 */
const LIST = `limit=$1 total=0
cd "$2" && shift 2 || exit 1
add() {
  files+=("$1")
  total=$((total + $(stat --dereference --format=%s -- "$1")))
}
files=()
for file; do
  case $file in
    */) for object in "$file"lib*.so*; do if [ -f "$object" ] && [ ! -L "$object" ]; then add "$object"; fi; done ;;
    *) if [ -f "$file" ]; then add "$file"; fi ;;
  esac
done
if [ "$total" -gt "$limit" ]; then echo "large $total"; exit; fi
[ "\${#files[@]}" -eq 0 ] || exec sha256sum --zero -- "\${files[@]}"`;

/**
 * Prints the directory in ROOT that cabal has built in last, with a zero byte, and its plan: `dist-newstyle`, or what
 * `--builddir` named. A plan that lies among sources has no other files of cabal beside it.
 */
const PLAN = `cd "$1" 2>/dev/null || exit 0
newest= IFS=$'\\n'
set -f
for plan in dist-newstyle/cache/plan.json $(find . -maxdepth 5 -name .git -prune -o -path '*/cache/improved-plan' -printf '%h/plan.json\\n' 2>/dev/null); do
  if [ -f "$plan" ] || [ -c "$plan" ]; then
    if [ -z "$newest" ] || [ "$plan" -nt "$newest" ]; then newest=$plan; fi
  fi
done
[ -z "$newest" ] || { directory=\${newest#./} && printf '%s\\0' "\${directory%/cache/plan.json}" && cat "$newest"; }`;

/** Largest `plan.json`, in bytes: cabal writes some kilobytes for each package. */
const LARGEST_PLAN = 32 * 2 ** 20;

/** Components that one remark names. */
const MOST_NAMED = 8;

/**
 * Brings the executables, libraries and foreign libraries that cabal has built: to `bin/` and `lib/` of the destination.
 *
 * @throws ConnectionLost; FleetError `nothing-built`, `fetch-damaged`, `fetch-failed`, `fetch-too-large`, `destination-refused`,
 *   `build-plan-unreadable`
 */
export async function fetchArtifacts(tools: FetchTools, source: FetchSource, to: string): Promise<Fetching> {
  const { directory, text } = await readPlan(tools, source);
  const plan = parseBuildPlan(text);
  const { wanted, remarks } = await listWanted(tools, source, directory, plan);
  if (wanted.length === 0)
    throw plan.artifacts.length === 0 ? nothingToFetch(source.vm) : nothingBuilt(source.vm, remarks);
  prepareDestination(to);
  const arrived = await bring(tools, source.vm, wanted, to);
  const links = wanted.flatMap(({ artifact, target }) =>
    artifact.kind === 'foreign-library' ? linkVersions(to, target) : [],
  );
  rememberFetched(to, [...arrived.map(({ path }) => path), ...links]);
  return {
    files: arrived.map(({ wanted: { artifact, sha256 }, path, sizeBytes }) => {
      const { kind, package: owner, name } = artifact;
      return { kind, package: owner, name, path, sizeBytes, sha256 };
    }),
    remarks: directory === 'dist-newstyle' ? remarks : [`built last in ${visibleName(directory)}`, ...remarks],
    plan,
  };
}

/**
 * Makes a directory equal to the whole one that cabal has built in last, which mostly is `dist-newstyle`.
 *
 * @throws ConnectionLost; FleetError `nothing-built`, `fetch-failed`, `fetch-too-large`, `destination-refused`
 */
export async function fetchEverything(tools: FetchTools, source: FetchSource, to: string): Promise<void> {
  const { directory } = await readPlan(tools, source);
  prepareDestination(to);
  await rsync(tools, source.vm, [
    ...['--recursive', '--links', '--safe-links', '--perms', MODES, '--times', '--delete'],
    ...['--filter', 'protect /.buildfleet-fetched', '--partial-dir=.buildfleet-partial'],
    ...['--', `${source.vm.name}:${workspacePath(source.workspace)}/${directory}/`, `${to}/`],
  ]);
}

interface WantedArtifact extends Wanted {
  readonly artifact: Artifact;
}

async function listWanted(
  tools: FetchTools,
  source: FetchSource,
  directory: string,
  { artifacts, compiler }: BuildPlan,
): Promise<{ wanted: WantedArtifact[]; remarks: string[] }> {
  const root = workspacePath(source.workspace);
  const inside = (file: string) => (isInside(root, file) ? [file.slice(root.length + 1)] : []);
  const recordOf = ({ record }: Artifact) =>
    record === undefined || !/^[\w.-]+$/.test(compiler) ? [] : [`${directory}/packagedb/${compiler}/${record}.conf`];
  const candidates = artifacts.map((artifact) => ({ artifact, files: artifact.files.flatMap(inside) }));
  const asked = candidates.flatMap(({ artifact, files }) => [...files, ...recordOf(artifact)]);
  if (asked.length === 0) return { wanted: [], remarks: [] };
  const argv = ['bash', '-c', LIST, 'list', String(tools.limitBytes), root, ...asked];
  // Checksums take long, and end when we are gone.
  const listing = await onVm(tools, source.vm, supervisedCommand(argv), LARGEST_OUTPUT);
  const large = /^large (\d{1,20})\n$/.exec(listing)?.[1];
  if (large !== undefined) throw tooLarge(source.vm, tools.limitBytes, Number(large));
  const sums = new Map(
    listing
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)] as const),
  );
  const there = candidates.map(({ artifact, files }) => ({ artifact, found: presentFiles(artifact, files, sums) }));
  const all = there.flatMap(({ artifact, found }) => found.map((file) => ({ artifact, source: file })));
  const absent = there.filter(({ found }) => found.length === 0).map(({ artifact }) => artifact);
  const isRecorded = (artifact: Artifact) => recordOf(artifact).some((record) => sums.has(record));
  return {
    wanted: all.map((one) => ({ ...one, root, target: targetOf(one, all), sha256: sums.get(one.source) ?? '' })),
    remarks: [
      ...named('without code of its own, such as signatures that nothing fills', absent.filter(isRecorded)),
      ...named(
        'not fetched, because it is not built',
        absent.filter((one) => !isRecorded(one)),
      ),
    ],
  };
}

/** Of files with the same name, which an older cabal or another setting has left, the first. */
function presentFiles(artifact: Artifact, files: readonly string[], sums: ReadonlyMap<string, string>): string[] {
  const found = files.flatMap((file) => {
    if (!file.endsWith('/')) return sums.has(file) ? [file] : [];
    const versions = new RegExp(`^lib${escaped(artifact.name)}\\.so(\\.\\d+)*$`);
    return [...sums.keys()].filter((path) => path.startsWith(file) && versions.test(path.slice(file.length)));
  });
  return found.filter((file, index) => found.findIndex((other) => baseName(other) === baseName(file)) === index);
}

function named(what: string, artifacts: readonly Artifact[]): string[] {
  if (artifacts.length === 0) return [];
  const names = artifacts.map((one) => `${one.package}:${visibleName(one.component)}`);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return [`${what}: ${names.slice(0, MOST_NAMED).join(', ')}${more}`];
}

/** Two packages may have an executable of the same name: then each goes into a directory of its package. */
function targetOf(
  { artifact, source }: { readonly artifact: Artifact; readonly source: string },
  all: readonly { readonly artifact: Artifact; readonly source: string }[],
): string {
  const file = baseName(source);
  const folder = artifact.kind === 'executable' ? 'bin' : 'lib';
  const shared = all.some((other) => other.source !== source && baseName(other.source) === file);
  return shared ? `${folder}/${artifact.package}/${file}` : `${folder}/${file}`;
}

/** Makes the links that cabal makes when it installs `libfoo.so.6.3.2`: linkers and loaders look for those. */
function linkVersions(to: string, target: string): string[] {
  const [, base = '', version = ''] = /^(.*\.so)\.(\d+)[\d.]*$/.exec(target) ?? [];
  const links = base === '' ? [] : [base, `${base}.${version}`].filter((link) => link !== target);
  return links.map((link) => {
    const place = placeIn(to, link);
    rmSync(place, { force: true });
    symlinkSync(baseName(target), place);
    return place;
  });
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function isInside(root: string, file: string): boolean {
  return file.startsWith(`${root}/`) && !file.split('/').includes('..');
}

async function readPlan(
  tools: FetchTools,
  { vm, workspace }: FetchSource,
): Promise<{ directory: string; text: string }> {
  const command = shellWords(['bash', '-c', PLAN, 'plan', workspacePath(workspace)]);
  const answer = await onVm(tools, vm, command, LARGEST_PLAN);
  const end = answer.indexOf('\0');
  const directory = answer.slice(0, end);
  if (end < 1 || directory.startsWith('/') || directory.split('/').includes('..')) throw nothingBuilt(vm);
  return { directory, text: answer.slice(end + 1) };
}

function nothingToFetch(vm: FleetVm): FleetError {
  return new FleetError({
    code: 'nothing-built',
    problem: `this project has neither executables nor libraries on ${vm.name}: tests and benchmarks are not fetched`,
    remedy: 'bring other files with `buildfleet fetch --path PATTERN`',
  });
}

function nothingBuilt(vm: FleetVm, remarks: readonly string[] = []): FleetError {
  return new FleetError({
    code: 'nothing-built',
    problem: [`nothing of this project is built on ${vm.name}`, ...remarks].join('; '),
    remedy: 'run `buildfleet build` first',
  });
}
