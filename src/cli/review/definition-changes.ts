import type { Json } from './rendered-stack';
import { same } from './plan';
import { arrow, counted, listed, setChange, shortHash } from './words';

/** Keys of a definition that are lists of files, and what one of them is called. */
const FILE_LISTS = { scripts: 'script', files: 'file', overlays: 'overlay' } as const;

/** How people call what a definition says once; by path in it. */
const LABELS: Readonly<Record<string, string>> = {
  formatVersion: 'format version of images',
  'base.kind': 'distribution',
  'base.suite': 'Debian release',
  'base.release': 'Ubuntu release',
  'base.mirror': 'mirror',
  'base.snapshot': 'snapshot of the archive',
  'base.iso.urls': 'address of the installer',
  'base.iso.sha256': 'checksum of the installer',
  'base.builder': 'hypervisor that builds it',
  'toolchain.kind': 'source of the toolchain',
  'toolchain.ghc': 'GHC',
  'toolchain.secondaryGhc': 'second GHC',
  'toolchain.cabal': 'cabal',
  'toolchain.ghcup.version': 'GHCup',
  'toolchain.ghcup.sha256': 'checksum of GHCup',
  'toolchain.indexState': 'state of the package index',
  timezone: 'time zone',
};

/** With a unit. */
const MEBIBYTES: Readonly<Record<string, string>> = { diskMib: 'disk' };

interface ListedFile {
  readonly path: string;
  readonly sha256: string;
  readonly mode: string;
  readonly target: string;
}

/** Everything in which two definitions of an image differ, as parts of a sentence: what people decided on comes first. */
export function definitionChanges(before: Json, after: Json): readonly string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const plain = keys.filter((key) => key !== 'packages' && !(key in FILE_LISTS));
  return [
    ...plain.flatMap((key) => valueChanges(key, before[key], after[key])),
    ...packageChanges(textList(before['packages']), textList(after['packages'])),
    ...Object.entries(FILE_LISTS).flatMap(([key, noun]) =>
      fileChanges(noun, fileList(before[key]), fileList(after[key])),
    ),
  ];
}

function valueChanges(path: string, before: unknown, after: unknown): readonly string[] {
  if (same(before, after)) return [];
  const both = [before, after].map((value) => (isObject(value) ? value : null));
  if (both.some((value) => value !== null)) {
    const [one, other] = both.map((value) => value ?? {}) as [Json, Json];
    const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
    return keys.flatMap((key) => valueChanges(`${path}.${key}`, one[key], other[key]));
  }
  if (path in MEBIBYTES) return [`${MEBIBYTES[path] ?? path} ${arrow(before, after, 'MiB')}`];
  const label = LABELS[path] ?? path;
  return [`${label} ${path.endsWith('.sha256') ? arrow(short(before), short(after)) : arrow(before, after)}`];
}

function packageChanges(before: readonly string[], after: readonly string[]): readonly string[] {
  const { added, removed } = setChange(before, after);
  return [...phrase(added, 'added'), ...phrase(removed, 'removed')];
}

function phrase(names: readonly string[], what: string): readonly string[] {
  return names.length === 0 ? [] : [`${counted(names, 'package', 'packages')} ${what}`];
}

function fileChanges(noun: string, before: readonly ListedFile[], after: readonly ListedFile[]): readonly string[] {
  const earlier = new Map(before.map((file) => [file.path, file]));
  const { added, removed } = setChange(
    before.map(({ path }) => path),
    after.map(({ path }) => path),
  );
  const kept = after.filter(({ path }) => earlier.has(path));
  const changed = kept.flatMap((file) => {
    const differences = fileDifferences(earlier.get(file.path) ?? file, file);
    return differences.length === 0 ? [] : [`${noun} ${file.path} ${listed(differences)}`];
  });
  const order = (files: readonly ListedFile[]) => files.map(({ path }) => path).filter((path) => earlier.has(path));
  const former = before.map(({ path }) => path).filter((path) => !removed.includes(path));
  return [
    ...changed,
    ...added.map((path) => `${noun} ${path} added${installed(after, path)}`),
    ...removed.map((path) => `${noun} ${path} removed${installed(before, path)}`),
    ...(same(order(after), former) ? [] : [`another order of ${noun}s: ${order(after).join(', ')}`]),
  ];
}

function fileDifferences(before: ListedFile, after: ListedFile): readonly string[] {
  return [
    ...(before.sha256 === after.sha256 ? [] : ['changes']),
    ...(before.mode === after.mode ? [] : [`gets another mode (${arrow(before.mode, after.mode)})`]),
    ...(before.target === after.target ? [] : [`is installed elsewhere (${arrow(before.target, after.target)})`]),
  ];
}

function installed(files: readonly ListedFile[], path: string): string {
  const target = files.find((file) => file.path === path)?.target ?? '';
  return target === '' ? '' : ` (${target} in the image)`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function short(value: unknown): unknown {
  return typeof value === 'string' ? shortHash(value) : value;
}

function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function fileList(value: unknown): readonly ListedFile[] {
  const text = (item: unknown): string => (typeof item === 'string' ? item : '');
  return (Array.isArray(value) ? value : []).filter(isObject).map((file) => ({
    path: text(file['path']),
    sha256: text(file['sha256']),
    mode: text(file['mode']),
    target: text(file['target']),
  }));
}
