import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { buildProgram } from '../../../src/cli/program';
import { CDK_COMMAND } from '../../../src/model/cdk-command';

const ROOT = join(__dirname, '../../..');
const MAKEFILE = readFileSync(join(ROOT, 'Makefile'), 'utf8');

/** Files of the directories with one of these ends. */
function files(directories: readonly string[], ends: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
      .filter((name) => ends.some((end) => name.endsWith(end)))
      .map((name) => join(directory, name)),
  );
}

/** Every text that a program is made with, with a word in the place of each value; what is added up is one text. */
function textsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = ts.isExpression(node) ? textOf(node) : undefined;
    if (text !== undefined) texts.push(text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return texts;
}

function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    const rest = node.templateSpans.map(({ expression, literal }) => `${valueOf(expression)}${literal.text}`);
    return `${node.head.text}${rest.join('')}`;
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const sides = [textOf(node.left), textOf(node.right)];
    return sides.every((side) => side === undefined) ? undefined : sides.map((side) => side ?? 'word').join('');
  }
  return undefined;
}

function valueOf(expression: ts.Expression): string {
  return expression.getText() === 'CDK_COMMAND' ? CDK_COMMAND : 'word';
}

/** The commands that a text names, between backticks or quotes. What describes an output has no arguments. */
function commandsIn(text: string): string[] {
  if (text.startsWith('What `')) return [];
  return [...text.matchAll(/(["`])((?:npx )?(?:buildfleet|cdktf|make)(?: [^"`\n]+)?)\1/g)].map(
    ([, , command = '']) => command,
  );
}

const TEXTS = files(['src', 'constructs', 'stacks'], ['.ts']).flatMap((file) =>
  textsOf(file).flatMap((text) => commandsIn(text).map((command) => [command, file] as const)),
);
const SCRIPTS = files(['assets', 'scripts'], ['.py', '.sh', 'Makefile', 'buildfleet-helper']).flatMap((file) =>
  commandsIn(readFileSync(join(ROOT, file), 'utf8').replaceAll('\\`', '`')).map((command) => [command, file] as const),
);
const COMMANDS = [...new Map([...TEXTS, ...SCRIPTS])];
const of = (program: string) => COMMANDS.filter(([command]) => command.split(' ')[0] === program);

/** Words as a shell reads them. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

test('commands are found in texts that are put together, and in scripts', () => {
  const names = COMMANDS.map(([command]) => command);
  expect(names).toEqual(
    expect.arrayContaining(['buildfleet add-package --vm word rsync', 'make deploy', `${CDK_COMMAND} deploy word`]),
  );
  expect(SCRIPTS.map(([command]) => command)).toContain('buildfleet add-package --vm $HOSTNAME ghc-prof');
  expect(COMMANDS.length).toBeGreaterThan(30);
});

test.each(of('buildfleet'))('`%s` of %s is a command of ours', async (command) => {
  const words = wordsOf(command).slice(1);
  let chosen: unknown;
  const program = buildProgram(words, (choice) => (chosen = choice.command.name()));
  if (words.join(' ') === '--help') return;
  await program.parseAsync(words, { from: 'user' });
  expect(chosen).toBeDefined();
});

test.each([...of(CDK_COMMAND), ...of('npx')])('`%s` of %s is a command of the CDK', (command) => {
  expect(command).toMatch(new RegExp(`^(npx )?${CDK_COMMAND}( (synth|(diff|deploy|destroy)( \\w+)*))?$`));
});

test.each(of('make'))('`%s` of %s is a target', (command) => {
  const [, target = '', ...more] = command.split(' ');
  expect(more).toEqual([]);
  expect(MAKEFILE).toMatch(new RegExp(`^${target}:`, 'm'));
});
