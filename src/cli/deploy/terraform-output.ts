import { stripVTControlCharacters } from 'node:util';

/** Phase of a deploy, as Terraform's output shows it. */
export type Phase = 'synthesizing' | 'starting Terraform' | 'looking at what is there' | 'changing' | 'finished';

/** How many objects a plan, or the end of an apply, names. */
export interface Changes {
  readonly add: number;
  readonly change: number;
  readonly destroy: number;
}

const PHASES: readonly (readonly [RegExp, Phase])[] = [
  [/^Initializing the backend/, 'starting Terraform'],
  [/has been successfully initialized!$/, 'looking at what is there'],
  [/^Plan: \d+ to /, 'changing'],
  [/^(Apply|Destroy) complete!/, 'finished'],
];

/** Lines that cdktf redraws below Terraform's output. */
const DRAWN = /^([⠀-⣿] {2}\S.*|\d+ Stacks? (deploying|destroying)\b.*|No outputs found\.)$/;

/** Lines that cdktf prints after Terraform has ended. */
const AFTER_DIAGNOSTICS = /^(Invoking Terraform CLI failed|Error in|non-zero exit code|\[\d{4}-)/;

/** Reads cdktf's output for one stack, in pieces of any size. */
export class TerraformOutput {
  phase: Phase = 'synthesizing';
  /** Of the plan. */
  planned: Changes | undefined;
  /** Of the end. */
  done: Changes | undefined;
  hasNoChanges = false;
  private readonly lines: string[] = [];
  private readonly diagnostics: string[][] = [];
  private diagnostic: string[] | undefined;
  private rest = '';

  constructor(private readonly stack: string) {}

  /** Everything that Terraform and synth said, without cdktf's own drawing. */
  get text(): string {
    return this.lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
  }

  /** Terraform's errors, each in full; the same one once. */
  get errors(): string[] {
    const errors = this.diagnostics.filter(([first = '']) => first.startsWith('Error: '));
    return [...new Set(errors.map((lines) => lines.join('\n').trim()))];
  }

  /** @returns the lines that are complete now */
  take(text: string): string[] {
    const pieces = (this.rest + text).split('\n');
    this.rest = pieces.pop() ?? '';
    const lines = pieces.map((piece) => this.plain(piece)).filter((line) => !DRAWN.test(line));
    for (const line of lines) this.takeLine(line);
    return lines;
  }

  /** What came last, without an end of line. */
  end(): string[] {
    return this.rest === '' ? [] : this.take('\n');
  }

  private takeLine(line: string): void {
    this.lines.push(line);
    this.phase = PHASES.find(([pattern]) => pattern.test(line))?.[1] ?? this.phase;
    this.hasNoChanges ||= /^No changes\. /.test(line);
    this.planned ??= changesIn(/^Plan: (\d+) to add, (\d+) to change, (\d+) to destroy\./.exec(line));
    this.done ??=
      changesIn(/^Apply complete! Resources: (\d+) added, (\d+) changed, (\d+) destroyed\./.exec(line)) ??
      changesIn(/^Destroy complete! Resources:()() (\d+) destroyed\./.exec(line));
    this.takeDiagnostic(line);
  }

  /** Diagnostics stand in a frame (`╷`, lines that begin with `│`, `╵`); without colours it has none. */
  private takeDiagnostic(line: string): void {
    const text = line.replace(/^│ ?/, '');
    const isBegin = /^(Error|Warning): /.test(text);
    if (isBegin) this.diagnostics.push((this.diagnostic = [text]));
    else if (/^[╷╵]$/.test(line) || AFTER_DIAGNOSTICS.test(line)) this.diagnostic = undefined;
    else this.diagnostic?.push(text);
  }

  /** Without colours, cursor movements, and the name of the stack that cdktf puts before every line. */
  private plain(line: string): string {
    const text = stripVTControlCharacters(line).replaceAll('\r', '').trimEnd();
    const margin = `${this.stack}  `;
    if (text.startsWith(margin)) return text.slice(margin.length);
    return text.startsWith(' '.repeat(margin.length)) ? text.slice(margin.length) : text;
  }
}

/** Output of a program that a resource ran; undefined for every other line. */
export function programOutput(line: string): string | undefined {
  const [, resource, text] = /^(\S+)(?: \([^)]*\))? \(local-exec\): (.*)$/.exec(line) ?? [];
  return resource === undefined || /^Executing: \[/.test(text ?? '') ? undefined : text;
}

function changesIn(match: RegExpExecArray | null): Changes | undefined {
  if (match === null) return undefined;
  const [add = 0, change = 0, destroy = 0] = match.slice(1).map(Number);
  return { add, change, destroy };
}
