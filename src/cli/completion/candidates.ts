import type { Argument, Command, Option } from 'commander';

/** A word that can stand at the cursor. */
export interface Candidate {
  readonly value: string;
  /** One line; empty where the value says it all. */
  readonly description: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** What the shell itself completes when there is no candidate. */
  readonly paths: 'none' | 'files' | 'directories';
}

/** Sources of names outside the command line's definition. Each is called only when it is needed. */
export interface Names {
  /** @param fleetOption value of a `--fleet` that stands on the line */
  readonly vms: (fleetOption: string | undefined) => readonly Candidate[];
  readonly ghcs: (fleetOption: string | undefined) => readonly Candidate[];
  readonly stacks: () => readonly Candidate[];
}

/** What a value is, by the placeholder that the definition of its argument or option has for it. */
const KINDS: Readonly<Record<string, 'vms' | 'stacks' | 'files' | 'directories'>> = {
  vm: 'vms',
  stack: 'stacks',
  project: 'directories',
  workspaces: 'directories',
  directory: 'directories',
  path: 'files',
};

const NOTHING: Completion = { candidates: [], paths: 'none' };

/** The words before the cursor, as commander understands them. */
interface Position {
  readonly command: Command;
  /** Whether the command is `help`, whose argument is a command of {@link command}. */
  readonly isHelp: boolean;
  readonly positionals: readonly string[];
  /** Values of options by attribute name; true for those without one. */
  readonly options: ReadonlyMap<string, string | true>;
  /** The option whose value comes next. */
  readonly awaiting: Option | undefined;
  /** Whether options belong to another program: after `--`, or within a remote command. */
  readonly isPassedThrough: boolean;
  /** Whether `--` was there. */
  readonly isSeparated: boolean;
}

/**
 * Everything that can stand in the place of the last word. It follows the definition of the program and knows no command
 * by name. Candidates need not begin with what is typed: shells have their own ways to match.
 *
 * @param words without the program; the last is the one at the cursor, and may be empty
 */
export function complete(program: Command, words: readonly string[], names: Names): Completion {
  const current = words.at(-1) ?? '';
  const position = walk(program, words.slice(0, -1));
  const found = at(position, current, names);
  const candidates = found.candidates.filter(({ value }) => isPrintable(value));
  return { ...found, candidates: [...new Map(candidates.map((candidate) => [candidate.value, candidate])).values()] };
}

/** No shell shows other names in one line. */
function isPrintable(value: string): boolean {
  return value !== '' && !/\p{Cc}/u.test(value);
}

function walk(program: Command, words: readonly string[]): Position {
  let command = program;
  let isHelp = false;
  let isSeparated = false;
  let awaiting: Option | undefined;
  let positionals: string[] = [];
  const options = new Map<string, string | true>();
  for (const word of words) {
    if (awaiting !== undefined) {
      options.set(awaiting.attributeName(), word);
      awaiting = undefined;
    } else if (isSeparated || isRemote(command, positionals)) {
      positionals.push(word);
    } else if (word === '--') {
      isSeparated = true;
    } else if (word.startsWith('-') && word !== '-') {
      const [flag, value] = splitOption(word);
      const option = findOption(command, flag);
      if (option === undefined) continue;
      if (option.required && value === undefined) awaiting = option;
      else options.set(option.attributeName(), value ?? true);
    } else if (positionals.length === 0 && !isHelp && subcommandsOf(command).length > 0) {
      const next = command.commands.find((candidate) => candidate.name() === word);
      if (next !== undefined) command = next;
      else if (subcommandsOf(command).some((candidate) => candidate.name() === word)) isHelp = true;
      else positionals = [word];
    } else {
      positionals.push(word);
    }
  }
  const isPassedThrough = isSeparated || isRemote(command, positionals);
  return { command, isHelp, positionals, options, awaiting, isPassedThrough, isSeparated };
}

function at(position: Position, current: string, names: Names): Completion {
  const { command, positionals, options, awaiting } = position;
  const name = (kind: keyof typeof KINDS | undefined) => named(kind, position, names);
  if (awaiting !== undefined) return valueOf(awaiting, name);
  if (!position.isPassedThrough && current.startsWith('-')) {
    const [flag, value] = splitOption(current);
    const option = findOption(command, flag);
    if (value === undefined) return { candidates: unusedOptions(command, options), paths: 'none' };
    if (option === undefined) return NOTHING;
    const values = valueOf(option, name);
    return { ...values, candidates: values.candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })) };
  }
  if (subcommandsOf(command).length > 0 || position.isHelp) {
    const commands = position.isHelp
      ? command.commands.filter((one) => !isHidden(command, one))
      : subcommandsOf(command);
    return positionals.length > 0 ? NOTHING : { candidates: commands.map(describeCommand), paths: 'none' };
  }
  // What stands behind `--` is for cabal, or for a program on another machine.
  if (position.isSeparated) return NOTHING;
  const argument = command.registeredArguments[positionals.length] ?? lastIfVariadic(command);
  const found = argument === undefined ? NOTHING : argumentValue(argument, position, name);
  if (found !== NOTHING || position.isPassedThrough || positionals.length < requiredCount(command)) return found;
  return { candidates: unusedOptions(command, options), paths: 'none' };
}

function valueOf(option: Option, name: (kind: string | undefined) => Completion): Completion {
  if (option.argChoices !== undefined) return choices(option.argChoices);
  if (option.attributeName() === 'ghc') return name('ghcs');
  return name(KINDS[/[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? '']);
}

function argumentValue(
  argument: Argument,
  { command, positionals, options }: Position,
  name: (kind: string | undefined) => Completion,
): Completion {
  if (argument.argChoices !== undefined) return choices(argument.argChoices);
  // A VM and a command, unless the options say which VM.
  const isVmOfWords = argument.name() === 'words' && positionals.length === 0 && !options.has('project');
  const found = name(isVmOfWords ? 'vms' : KINDS[argument.name()]);
  if (!argument.variadic || found.candidates.length === 0) return found;
  const given = new Set(positionals.slice(command.registeredArguments.length - 1));
  return { ...found, candidates: found.candidates.filter(({ value }) => !given.has(value)) };
}

function named(kind: string | undefined, { options }: Position, names: Names): Completion {
  const given = options.get('fleet');
  const fleet = given === true ? undefined : given;
  switch (kind) {
    case 'vms':
      return { candidates: names.vms(fleet), paths: 'none' };
    case 'ghcs':
      return { candidates: names.ghcs(fleet), paths: 'none' };
    case 'stacks':
      return { candidates: names.stacks(), paths: 'none' };
    case 'files':
    case 'directories':
      return { candidates: [], paths: kind };
    default:
      return NOTHING;
  }
}

function choices(values: readonly string[]): Completion {
  return { candidates: values.map((value) => ({ value, description: '' })), paths: 'none' };
}

/** `--flag=value` in two; a word without a value in one. */
function splitOption(word: string): readonly [string, string?] {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals === -1 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** Those that `--help` lists, that of help itself included. */
function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function findOption(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => flag === long || flag === short);
}

function subcommandsOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [] : command.createHelp().visibleCommands(command);
}

function isHidden(parent: Command, command: Command): boolean {
  return !subcommandsOf(parent).includes(command);
}

function unusedOptions(command: Command, used: ReadonlyMap<string, unknown>): readonly Candidate[] {
  return optionsOf(command)
    .filter((option) => !used.has(option.attributeName()))
    .map((option) => ({ value: option.long ?? option.short ?? '', description: option.description }));
}

function describeCommand(command: Command): Candidate {
  return { value: command.name(), description: command.description() };
}

function lastIfVariadic(command: Command): Argument | undefined {
  const last = command.registeredArguments.at(-1);
  return last?.variadic === true ? last : undefined;
}

function requiredCount(command: Command): number {
  return command.registeredArguments.filter((argument) => argument.required).length;
}

/** Whether what follows belongs to a command elsewhere, options included. */
function isRemote(command: Command, positionals: readonly string[]): boolean {
  // There is a setter for this, and no getter.
  const { _passThroughOptions: passesThrough } = command as unknown as { _passThroughOptions?: boolean };
  return passesThrough === true && positionals.length > 0;
}
