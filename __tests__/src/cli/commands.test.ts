import { readFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { allCommands } from '../../../src/cli/commands';
import { parseLine } from '../../../src/cli/completion/bash-line';
import { buildProgram } from '../../../src/cli/program';

const ROOT = join(__dirname, '../../..');

/** Every command that does something, by its words; what `--help` hides is not for people. */
function leaves(command: Command, words: readonly string[] = []): [string, Command][] {
  const children = command.commands.filter((child) => command.createHelp().visibleCommands(command).includes(child));
  if (children.length === 0) return [[words.join(' '), command]];
  return children.flatMap((child) => leaves(child, [...words, child.name()]));
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

const LEAVES = leaves(buildProgram([], () => undefined));

const EXAMPLES = LEAVES.flatMap(([name, command]) => {
  const [, examples = ''] = helpOf(command).split(/\nExamples?:\n/);
  return [...examples.matchAll(/^ {2}buildfleet (.*)$/gm)].map(([, line = '']) => [name, line] as const);
});

test.each(LEAVES)('%s has an example and describes itself, its arguments and its options', (name, command) => {
  expect(EXAMPLES.filter(([owner]) => owner === name)).not.toEqual([]);
  expect(command.description()).toMatch(/^[^A-Z].*[^.]$/);
  expect(command.options.filter(({ description }) => description === '')).toEqual([]);
  expect(command.registeredArguments.filter(({ description }) => description === '')).toEqual([]);
});

test('every command but those without data of their own has a schema of what --json prints', () => {
  const without = allCommands().filter(([, { document }]) => document === null);
  expect(without.map(([words]) => words.join(' '))).toEqual([
    'build',
    'test',
    'run',
    'bench',
    'haddock',
    'repl',
    'ssh',
    'exec',
    '__complete',
  ]);
});

test('every folder that declares a command is in the list', () => {
  const folders = readdirSync(join(ROOT, 'src/cli')).filter((name) =>
    existsSync(join(ROOT, 'src/cli', name, 'command.ts')),
  );
  const sources = folders.map((name) => `./${name}/command`);
  const list = readFileSync(join(ROOT, 'src/cli/commands.ts'), 'utf8');
  expect(sources.length).toBeGreaterThan(15);
  expect(sources.filter((path) => !list.includes(`from '${path}'`))).toEqual([]);
});

test.each(EXAMPLES)('%s: the example `%s` is understood', async (name, line) => {
  const argv = parseLine(line).words;
  const chosen: string[] = [];
  await buildProgram(argv, ({ command }) => {
    chosen.push(
      command.parent?.name() === 'buildfleet' ? command.name() : `${command.parent?.name()} ${command.name()}`,
    );
  }).parseAsync(argv, { from: 'user' });
  expect(chosen).toEqual([name]);
});

describe('docs/cli.md', () => {
  const text = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
  const [, list = ''] = /```\n(buildfleet [\s\S]*?)```/.exec(text) ?? [];
  const names = LEAVES.map(([name]) => name);

  test('lists every command, and no other', () => {
    const listed = list
      .match(/^buildfleet (?:(?:hub|image|ports|workspaces) )?[a-z-]+/gm)
      ?.map((line) => line.slice('buildfleet '.length));
    expect(listed?.sort()).toEqual([...names].sort());
  });

  test('has sections for commands that exist', () => {
    const groups = names.flatMap((name) => [name, name.split(' ')[0]]);
    const headings = [...text.matchAll(/^## (.*`.*)$/gm)].flatMap(([, title = '']) => [
      ...title.matchAll(/`([^`]+)`/g),
    ]);
    expect(headings.length).toBeGreaterThan(10);
    expect(headings.map(([, name]) => name).filter((name) => !groups.includes(name))).toEqual([]);
  });
});
