import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** Subjects that leave open which process, program or account is meant. */
const VAGUE = /\b(nobody|somebody|someone|anybody|anyone|everybody|whoever|whatever)\b/i;

/** In tests, the same words also stand in data, as names of accounts and in messages of other programs. */
const COMMENT_OR_NAME = /^\s*(\/\/|\/?\*|(test|it|describe)\b)/;

function filesOf(root: string, extension: RegExp): readonly string[] {
  const path = join(ROOT, root);
  if (statSync(path).isFile()) return [root];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name) && statSync(join(path, name)).isFile())
    .map((name) => join(root, name));
}

/** `FILE:LINE: TEXT` of each line with such a subject. */
function vagueLines(roots: readonly string[], extension: RegExp, isChecked: (line: string) => boolean = () => true) {
  const files = roots.flatMap((root) => filesOf(root, extension));
  expect(files.length).toBeGreaterThanOrEqual(roots.length);
  return files.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => (VAGUE.test(line) && isChecked(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test.each([
  ['comments and messages', ['main.ts', 'src', 'constructs', 'stacks', 'scripts'], /\.(ts|cjs)$/],
  ['scripts for VMs', ['assets/cli', 'assets/fleet', 'assets/smoke'], /./],
  ['documentation', ['README.md', 'docs'], /\.(md|json)$/],
])('%s name their subject', (_, roots, extension) => {
  expect(vagueLines(roots, extension)).toEqual([]);
});

test('comments and names of tests do so, too', () => {
  const lines = vagueLines(['__tests__'], /\.ts$/, (line) => COMMENT_OR_NAME.test(line));
  expect(lines).toEqual([]);
});
