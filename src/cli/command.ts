import { type Argument, type Command, InvalidArgumentError, type Option } from 'commander';
import type { ZodType } from 'zod';
import type { Context } from './context';

/** One command: its arguments and options, its `--help`, its `--json` documents, and its implementation. */
export interface CommandDeclaration {
  readonly name: string;
  /** One line, without a period. */
  readonly description: string;
  /** Command lines that can be typed as they stand, without the program's name. */
  readonly examples: readonly string[];
  /** Usage in `--help`, after the name. Default: made of arguments and options. */
  readonly usage?: string;
  readonly arguments?: readonly Argument[];
  /** Its own, besides those that all commands take. */
  readonly options?: readonly Option[];
  /** What stands behind `--` is for another program, and comes as {@link CommandLine.rest}. Default false. */
  readonly takesRest?: boolean;
  /** Options behind the first argument are for another program. Default false. */
  readonly passesThrough?: boolean;
  /** Whether Ctrl-C is the command's own affair, and {@link Context.signal} fires on SIGTERM only. Default false. */
  readonly handlesInterrupt?: boolean;
  /** For scripts rather than users: without help, and without the options that all commands take. Default false. */
  readonly hidden?: boolean;
  /**
   * Schema of each document that `--json` prints; docs/reference/ has a page made of it. Null for a command without
   * data of its own, of which `--json` changes the errors only.
   */
  readonly document: (() => ZodType) | null;
  /**
   * Runs the command and returns the exit code. Loads its modules when it is called: `--help` does without. An
   * implementation declares the types of its arguments and options.
   */
  run(context: Context, line: CommandLine): Promise<number>;
}

/** Commands that share their first word. */
export interface CommandGroup {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly CommandDeclaration[];
  /** Name of the command that the first word alone stands for. Default: none, and the word alone shows help. */
  readonly default?: string;
}

/** A command line that has been understood. */
export interface CommandLine<Arguments extends readonly unknown[] = readonly unknown[], Options = object> {
  readonly args: Arguments;
  readonly options: Options;
  /** What stands behind `--`, for another program. */
  readonly rest: readonly string[];
  /** The whole program. */
  readonly program: Command;
}

/** Parses an option's value: a whole number, zero or more. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('give a whole number');
  return Number(text);
}

/** Parses an option's value: seconds, at least a tenth of one. */
export function seconds(text: string): number {
  if (!/^\d{1,5}(\.\d{1,3})?$/.test(text) || Number(text) < 0.1) throw new InvalidArgumentError('give seconds');
  return Number(text);
}

/** Parses an option's value: an amount of data, in bytes. */
export function bytes(text: string): number {
  const [, amount, unit] = /^(\d{1,7})(MiB|GiB)$/.exec(text) ?? [];
  if (amount === undefined || Number(amount) === 0)
    throw new InvalidArgumentError('give a size, such as 500MiB or 20GiB');
  return Number(amount) * 2 ** (unit === 'MiB' ? 20 : 30);
}

/** A remote command without the separator that came before it. */
export function withoutSeparator(command: readonly string[]): readonly string[] {
  return command[0] === '--' ? command.slice(1) : command;
}
