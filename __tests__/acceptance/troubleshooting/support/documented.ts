import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const GUIDE = join(__dirname, '../../../../docs/troubleshooting.md');

/** What a program printed in one place of docs/troubleshooting.md. */
interface Example {
  /** `buildfleet status`, without the `$ ` before it. */
  readonly command: string;
  /** What it prints, placeholders in angle brackets. */
  readonly lines: readonly string[];
}

/** One symptom: a heading of the third level, and the examples below it. */
interface Symptom {
  readonly heading: string;
  readonly examples: readonly Example[];
}

/** What a placeholder of the guide may stand for. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  '<vm>': '(?:haskell-build-)?[a-z]+',
  '<fleet>': '[a-z][a-z-]*',
  '<port>': '\\d+',
  '<pid>': '\\d+',
  '<program>': '\\S+',
  '<user>': '\\S+',
  '<host>': '\\S+',
  '<n>': '\\d+(?:\\.\\d+)?',
  '<age>': '\\d+ (?:s|min|h|d)',
  '<image>': '[a-z][a-z0-9-]*',
  '<library>': '[\\w.+-]+',
  '<linker>': '\\S+',
  '<hub>': 'http://127\\.0\\.0\\.1:\\d+',
  '<path>': '(?:~|\\.{0,2}/)\\S*',
  '<version>': '\\d+(?:\\.\\d+)+',
  // Words of ssh, the system or the machine, which differ from one to the next.
  '<reason>': '(?: \\(.+\\))?',
  '<words>': '\\S.*',
};

/** The symptoms that docs/troubleshooting.md describes. */
export function readSymptoms(text = readFileSync(GUIDE, 'utf8')): readonly Symptom[] {
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => ({
      heading: section.slice(0, section.indexOf('\n')),
      examples: [...section.matchAll(/^```console\n(.*?)\n```$/gms)].flatMap(([, block = '']) => examplesIn(block)),
    }));
}

function examplesIn(block: string): Example[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, lines: lines.map(tidy).filter((line) => line !== '') };
    });
}

/** What the guide says that a command prints when there is this symptom. */
export function documentedLines(heading: string, command: string): readonly RegExp[] {
  const symptom = readSymptoms().find((one) => one.heading === heading);
  const example = symptom?.examples.find((one) => one.command === command);
  if (example === undefined || example.lines.length === 0)
    throw new Error(`docs/troubleshooting.md does not say what \`${command}\` prints under "${heading}"`);
  return example.lines.map(pattern);
}

/** A line of the guide as a pattern for the whole line. */
function pattern(line: string): RegExp {
  const parts = line.split(/(<[a-z]+>)/);
  const source = parts.map((part) => PLACEHOLDERS[part] ?? part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  return new RegExp(`^${source.join('')}$`);
}

/** What a program printed, line by line: columns, indentation and empty lines say nothing. */
export function printedLines(text: string): readonly string[] {
  return text
    .split('\n')
    .map(tidy)
    .filter((line) => line !== '');
}

function tidy(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}
