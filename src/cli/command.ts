import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context';

/** Does the work of one command and answers its exit code. Modules are loaded when they are needed. */
export type Work = (context: Context) => Promise<number>;

/** One command as `--help` shows it. */
export interface CommandHelp {
  /** One line, without a period. */
  readonly description: string;
  /** Command lines that can be typed as they stand, without the program's name. */
  readonly examples: readonly [string, ...string[]];
  /** The group it belongs to. Default: the program. */
  readonly parent?: Command;
}

/** What a file of this folder defines its commands with. */
export interface CommandLine {
  /** The words as they were typed, without the program. */
  readonly argv: readonly string[];
  /** The whole program. */
  readonly program: Command;
  /** A command with the options that all commands take. `usage` is its name, and arguments if there are any. */
  readonly add: (usage: string, help: CommandHelp) => Command;
  /** Takes the work of the command that the command line names, which is started when all of it is understood. */
  readonly choose: (command: Command, work: Work) => void;
}

/** Defines some commands. */
export type Define = (commandLine: CommandLine) => void;

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

/** A remote command without the separator that came before it. */
export function withoutSeparator(command: readonly string[]): readonly string[] {
  return command[0] === '--' ? command.slice(1) : command;
}
