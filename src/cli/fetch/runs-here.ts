import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CommandError, type Run } from '../../process/run';
import { visibleName } from '../project/visible-name';
import { workspacePath } from '../project/workspace';
import type { BuildPlan } from './build-plan';
import type { Fetched } from './report';
import type { FetchSource } from './transfer';

/** What a program or shared library asks of the system that it is started on. */
export interface Needs {
  /** Names of shared libraries. */
  readonly libraries: readonly string[];
  /** Directories that are searched for them, as they stand in the file. */
  readonly searched: readonly string[];
  /** Newest version of glibc of which it uses something, `2.38`; undefined for none. */
  readonly glibc: string | undefined;
}

/** What this workstation has. Undefined is what cannot be found out. */
interface Here {
  readonly glibc: string | undefined;
  readonly libraries: ReadonlySet<string> | undefined;
  /** Of the distribution, where it is Debian: `bookworm`. */
  readonly debian: string | undefined;
}

interface Subject {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly environment: NodeJS.ProcessEnv;
}

/** glibc of the oldest image of buildfleet, which is of Debian's `bookworm`. */
const OLDEST_IMAGE = '2.36';

const LIST_OF_LIBRARIES = '/sbin/ldconfig';

/**
 * Looks whether fetched programs and shared libraries can run on this workstation, by what readelf tells of them: nothing
 * of them is executed.
 *
 * @param root absolute path of the project
 * @returns what is missing, with the remedy, one line each
 */
export async function whatDoesNotRunHere(
  subject: Subject,
  { vm, workspace }: FetchSource,
  root: string,
  { files, plan }: { readonly files: readonly Fetched[]; readonly plan: BuildPlan },
): Promise<string[]> {
  const programs = files.filter(({ kind, path }) => kind !== 'library' || /\.so$/.test(path));
  if (programs.length === 0) return [];
  const [here, ...needs] = await Promise.all([
    whatIsHere(subject),
    ...programs.map((one) => needsOf(subject, one.path)),
  ]);
  if (needs.includes('unknown'))
    return ['whether it runs here was not looked at: readelf is not installed: apt-get install binutils'];
  const data = dataDirectories(root, workspacePath(workspace), plan.packages);
  const remarks = programs.flatMap(({ kind, path }, index) => {
    const found = needs[index];
    if (found === undefined || found === 'unknown') return [];
    const name = visibleName(relative('', path));
    return [
      ...missingGlibc(name, found, here, vm.name),
      ...missingLibraries(name, path, found, here, subject.environment, { compiler: plan.compiler, vmId: vm.id, kind }),
      ...(kind === 'executable' ? missingData(name, path, data) : []),
    ];
  });
  if (here.libraries === undefined)
    remarks.push('whether the shared libraries that it needs are here was not looked at: ldconfig does not list them');
  return remarks;
}

/** Reads what `readelf --dynamic --version-info --wide` prints of one file. */
export function parseNeeds(text: string): Needs {
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, value = '']) => value);
  const needed = text.slice(Math.max(0, text.indexOf('Version needs section')));
  const versions = all(/\(NEEDED\)/g).length === 0 ? [] : [...needed.matchAll(/Name: GLIBC_([\d.]+)/g)];
  return {
    libraries: all(/\(NEEDED\)\s+Shared library: \[([^\]]*)\]/g),
    searched: all(/\((?:RUNPATH|RPATH)\)\s+Library r(?:un)?path: \[([^\]]*)\]/g).flatMap((path) => path.split(':')),
    glibc: versions.map(([, version = '']) => version).reduce<string | undefined>(newer, undefined),
  };
}

/** Undefined for what is no such file; `unknown` without readelf. */
async function needsOf({ run, signal }: Subject, path: string): Promise<Needs | 'unknown' | undefined> {
  try {
    const { stdout } = await run('readelf', ['--dynamic', '--version-info', '--wide', '--', path], { signal });
    return parseNeeds(stdout);
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    return error.code === 'ENOENT' ? 'unknown' : undefined;
  }
}

async function whatIsHere({ run, signal }: Subject): Promise<Here> {
  const answer = async (program: string, args: readonly string[]): Promise<string | undefined> => {
    try {
      return (await run(program, args, { signal })).stdout;
    } catch (error) {
      if (!(error instanceof CommandError) || error.cancelled) throw error;
      return undefined;
    }
  };
  const [libc = '', cache] = await Promise.all([
    answer('getconf', ['GNU_LIBC_VERSION']),
    answer(LIST_OF_LIBRARIES, ['-p']),
  ]);
  const listed = [...(cache ?? '').matchAll(/^\t(\S+) \(/gm)].map(([, name = '']) => name);
  return {
    glibc: /^glibc ([\d.]+)/.exec(libc)?.[1],
    libraries: listed.length === 0 ? undefined : new Set(listed),
    debian: debianRelease(),
  };
}

function debianRelease(): string | undefined {
  let text: string;
  try {
    text = readFileSync('/etc/os-release', 'utf8');
  } catch {
    return undefined;
  }
  return /^ID="?debian"?$/m.test(text) ? /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] : undefined;
}

function missingGlibc(name: string, { glibc: needed }: Needs, { glibc, debian }: Here, vmName: string): string[] {
  if (needed === undefined || (glibc !== undefined && newer(glibc, needed) === glibc)) return [];
  const has = glibc === undefined ? 'this system has none' : `this system has ${glibc}`;
  const suits = glibc !== undefined && newer(glibc, OLDEST_IMAGE) === glibc;
  const image = `build on an image of this system's release: \`suite: '${debian ?? 'bookworm'}'\` of the image in main.ts; or `;
  return [
    `${name} does not run here: it needs glibc ${needed} of ${vmName}, and ${has}: ${suits ? image : ''}link it statically, ` +
      'with `executable-static: True` in cabal.project',
  ];
}

function missingLibraries(
  name: string,
  path: string,
  { libraries, searched }: Needs,
  here: Here,
  environment: NodeJS.ProcessEnv,
  { compiler, vmId, kind }: { readonly compiler: string; readonly vmId: string; readonly kind: Fetched['kind'] },
): string[] {
  if (here.libraries === undefined) return [];
  const directories = [...searched, ...(environment['LD_LIBRARY_PATH'] ?? '').split(':')]
    .map((directory) => directory.replace(/\$\{?ORIGIN\}?/, dirname(path)))
    .filter((directory) => directory.startsWith('/'));
  const isHere = (library: string) =>
    existsSync(library.startsWith('/') ? library : '') ||
    here.libraries?.has(library) === true ||
    directories.some((directory) => existsSync(join(directory, library)));
  const missing = libraries.filter((library) => !isHere(library));
  const ofGhc = missing.filter((library) => library.startsWith('libHS'));
  const others = missing.filter((library) => !library.startsWith('libHS'));
  const there = kind === 'executable' ? `; \`buildfleet run --vm ${vmId}\` runs it there` : '';
  return [
    ...(others.length === 0
      ? []
      : [`${name} does not run here: ${list(others)} is not installed: install it, or link it statically${there}`]),
    ...(ofGhc.length === 0
      ? []
      : [
          `${name} does not run here: it is linked to shared libraries of Haskell, ${list(ofGhc)}: ` +
            (kind === 'executable'
              ? `build with \`executable-dynamic: False\` in cabal.project${there}`
              : `install ${compiler} here, and name their directory in LD_LIBRARY_PATH`),
        ]),
  ];
}

/** Where the data files of local packages are here, by the variable that their `Paths_` modules read. */
function dataDirectories(
  root: string,
  workspace: string,
  packages: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, path] of packages) {
    if (!`${path}/`.startsWith(`${workspace}/`) || path.split('/').includes('..')) continue;
    const directory = join(root, path.slice(workspace.length));
    let text: string;
    try {
      text = readFileSync(join(directory, `${name}.cabal`), 'utf8');
    } catch {
      continue;
    }
    if (!/^\s*data-files\s*:/im.test(text)) continue;
    const inner = /^\s*data-dir\s*:\s*(\S+)/im.exec(text)?.[1] ?? '';
    found.set(`${name.replaceAll('-', '_')}_datadir`, join(directory, inner));
  }
  return found;
}

/** A program looks for its data where the package would be installed there, or where a variable says. */
function missingData(name: string, path: string, data: ReadonlyMap<string, string>): string[] {
  if (data.size === 0) return [];
  const content = readFileSync(path);
  const wanted = [...data].filter(([variable]) => content.includes(`${variable}\0`));
  if (wanted.length === 0) return [];
  const settings = wanted.map(([variable, directory]) => `${variable}=${visibleName(directory)}`).join(' ');
  return [`${name} does not find its data files here by itself: start it with ${settings}`];
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(visibleName).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** Of two versions, the newer one. */
function newer(one: string | undefined, other: string): string {
  if (one === undefined) return other;
  return one.localeCompare(other, 'en', { numeric: true }) >= 0 ? one : other;
}
