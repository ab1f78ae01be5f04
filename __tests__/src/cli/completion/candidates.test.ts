import { Argument, Command } from 'commander';
import { complete, type Names } from '../../../../src/cli/completion/candidates';

const names = (values: readonly string[]) => values.map((value) => ({ value, description: '' }));

const NAMES: Names = {
  vms: (fleet) => names(fleet === undefined ? ['alpha', 'beta', 'alpha'] : [`${fleet}-vm`]),
  ghcs: () => names(['9.6.6', '9.8.4']),
  stacks: () => names(['fleet', 'two words', 'two\nlines', '']),
};

/** A program of its own: what is completed follows from the definition, not from what our commands are called. */
function program(): Command {
  const root = new Command('prog').enablePositionalOptions().option('--fleet <path>', 'F').option('--quiet');
  root.command('hidden', { hidden: true });
  root
    .command('run')
    .description('runs')
    .argument('<vm>')
    .argument('[command...]')
    .option('-n, --now')
    .passThroughOptions();
  root.command('many').argument('[vm...]').option('--fleet <path>', 'F');
  root
    .command('make')
    .argument('[project]')
    .option('--vm <vm>', 'where')
    .option('--ghc <version>', 'which')
    .option('--to <directory>')
    .option('--every [seconds]');
  root.command('up').argument('[stack]').option('--yes');
  root.command('shell').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
  const group = root.command('group').description('several');
  group.command('one').option('--dry-run');
  group.command('two').argument('<path>');
  return root;
}

const valuesAt = (...words: string[]) => {
  const { candidates, paths } = complete(program(), words, NAMES);
  return paths === 'none' ? candidates.map(({ value }) => value) : paths;
};

const COMMANDS = ['run', 'many', 'make', 'up', 'shell', 'group', 'help'];

test.each<[string[], string[] | string]>([
  [[''], COMMANDS],
  [['--quiet', ''], COMMANDS],
  [['--fleet', ''], 'files'],
  [['--fleet', 'f', ''], COMMANDS],
  [
    ['--fleet=f', '--'],
    ['--quiet', '--help'],
  ],
  [
    ['group', ''],
    ['one', 'two', 'help'],
  ],
  [
    ['group', 'one', ''],
    ['--dry-run', '--help'],
  ],
  [['group', 'one', '--dry-run', ''], ['--help']],
  [['group', 'two', ''], 'files'],
  [['group', 'nonsense', ''], []],
  [['nonsense', ''], []],
  [['hidden', ''], ['--help']],
  [
    ['help', ''],
    ['run', 'many', 'make', 'up', 'shell', 'group'],
  ],
  [['help', 'run', ''], []],
  [
    ['run', ''],
    ['alpha', 'beta'],
  ],
  [
    ['run', '-'],
    ['--now', '--help'],
  ],
  [['run', '-n', '-'], ['--help']],
  [['run', 'alpha', ''], []],
  [['run', 'alpha', '-'], []],
  [['run', 'alpha', '--', ''], []],
  [['many', 'beta', ''], ['alpha']],
  [['many', '--fleet', 'x', ''], ['x-vm']],
  [['--fleet', 'x', 'many', ''], ['x-vm']],
  [['many', '--fleet=', ''], ['-vm']],
  [['make', ''], 'directories'],
  [
    ['make', 'here', ''],
    ['--vm', '--ghc', '--to', '--every', '--help'],
  ],
  [
    ['make', '--vm', ''],
    ['alpha', 'beta'],
  ],
  [
    ['make', '--vm=al'],
    ['--vm=alpha', '--vm=beta'],
  ],
  [
    ['make', '--ghc', ''],
    ['9.6.6', '9.8.4'],
  ],
  [['make', '--to='], 'directories'],
  [['make', '--nonsense=x'], []],
  [['make', '--every', ''], 'directories'],
  [['make', '--', ''], []],
  [['make', '--', '--'], []],
  [
    ['up', ''],
    ['fleet', 'two words'],
  ],
  [['up', 'fleet', '--yes', ''], ['--help']],
  [
    ['shell', ''],
    ['bash', 'zsh'],
  ],
  [['shell', 'bash', ''], ['--help']],
])('%j', (words, expected) => {
  expect(valuesAt(...words)).toEqual(expected);
});

test('candidates carry the descriptions of the definition', () => {
  const { candidates } = complete(program(), ['gr'], NAMES);
  expect(candidates).toContainEqual({ value: 'group', description: 'several' });
});
