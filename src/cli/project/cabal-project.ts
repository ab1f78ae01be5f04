import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

/** A field that stands outside of all stanzas, in `cabal.project` or in a file that belongs to it. */
export interface ProjectSetting {
  /** In lower case: cabal does not tell them apart. */
  readonly name: string;
  /** With line ends where the value goes on in further lines. */
  readonly value: string;
  /** `FILE:LINE`, the file as an absolute path. */
  readonly place: string;
  /** Conditions of the blocks around it, all of which have to hold. */
  readonly conditions: readonly Condition[];
}

/** Text behind `if`, or its opposite for what stands behind `else`. */
export interface Condition {
  readonly text: string;
  readonly holds: boolean;
}

/** Larger files are not taken for projects. */
const LARGEST = 1024 * 1024;

/** What cabal reads beside a project's file, in the order in which it does. */
const BESIDE = ['', '.freeze', '.local'] as const;

/**
 * Settings of a project in the order in which cabal reads them: `cabal.project` with what it imports in the place of the
 * import, then `cabal.project.freeze` and `cabal.project.local`. What an import fetches from elsewhere is not known here.
 *
 * @param root absolute
 * @param file the project's file, relative to the root
 */
export function readCabalProject(root: string, file = 'cabal.project'): readonly ProjectSetting[] {
  return BESIDE.flatMap((suffix) => settingsOf(join(root, `${file}${suffix}`), []));
}

function settingsOf(path: string, importers: readonly string[]): readonly ProjectSetting[] {
  return parseCabalProject(textOf(path), path).flatMap((setting) => {
    if (setting.name !== 'import') return [setting];
    const imported = importedFile(setting);
    if (imported === undefined || imported === path || importers.includes(imported)) return [setting];
    const inner = settingsOf(imported, [...importers, path]);
    return [setting, ...inner.map((one) => ({ ...one, conditions: [...setting.conditions, ...one.conditions] }))];
  });
}

/** Absolute path of the file that an `import:` names; undefined for an address. */
export function importedFile({ value, place }: ProjectSetting): string | undefined {
  if (value === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return undefined;
  return isAbsolute(value) ? value : join(dirname(place), value);
}

function textOf(path: string): string {
  try {
    const status = statSync(path);
    return status.isFile() && status.size <= LARGEST ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}

interface Line {
  readonly indentation: number;
  readonly text: string;
  readonly number: number;
}

/** Fields of a text, with those in conditional blocks, without those in stanzas. */
export function parseCabalProject(text: string, path: string): readonly ProjectSetting[] {
  const lines = text.split('\n').flatMap((line, index): Line[] => {
    const content = line.trim();
    // A comment has a line of its own; braces may stand around a block, which is indented all the same.
    if (content === '' || content.startsWith('--') || content === '}') return [];
    return [{ indentation: line.length - line.trimStart().length, text: content, number: index + 1 }];
  });
  return settingsIn(lines, path, []);
}

function settingsIn(lines: readonly Line[], path: string, conditions: readonly Condition[]): ProjectSetting[] {
  const settings: ProjectSetting[] = [];
  /** Conditions of the branches of the present `if` that came before. */
  let before: Condition[] = [];
  for (let rest = lines; rest[0] !== undefined;) {
    const [{ indentation, text, number }, ...others] = rest as [Line, ...Line[]];
    const end = others.findIndex((line) => line.indentation <= indentation);
    const inner = end === -1 ? others : others.slice(0, end);
    rest = others.slice(inner.length);
    const [, word = '', condition = ''] = /^(if|elif|else)\b(?!\s*:)(.*?)\{?$/i.exec(text) ?? [];
    const [, name, first = ''] = /^([a-z][a-z0-9-]*)\s*:(.*)$/i.exec(text) ?? [];
    if (word !== '') {
      if (word.toLowerCase() === 'if') before = [];
      const own = word.toLowerCase() === 'else' ? [] : [{ text: condition.trim(), holds: true }];
      settings.push(...settingsIn(inner, path, [...conditions, ...before, ...own]));
      before = [...before, ...own.map((one) => ({ ...one, holds: false }))];
    } else if (name !== undefined) {
      const value = [first, ...inner.map((line) => line.text)].map((part) => part.trim()).join('\n');
      settings.push({ name: name.toLowerCase(), value: value.trim(), place: `${path}:${number}`, conditions });
    }
  }
  return settings;
}
