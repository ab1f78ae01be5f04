import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';
import { EXIT, exitCodeOf } from '../../../src/cli/exit-codes';
import { ERROR_CODES, type ErrorCode, HELPER_CODES, HUB_ANSWERS } from '../../../src/model/error-codes';

const ROOT = join(__dirname, '../../..');
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

/** Literals that become the code of an error: the value of a property `code`, or what a function or constructor is given. */
function codesIn(path: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) && becomesCode(node)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}

function becomesCode(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node && parent.name.getText() === 'code';
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) {
    return parent.arguments?.includes(node as ts.Expression) === true;
  }
  if (ts.isConditionalExpression(parent)) return parent.condition !== node && becomesCode(parent);
  const isFallback = ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken;
  return (isFallback || ts.isAsExpression(parent) || ts.isParenthesizedExpression(parent)) && becomesCode(parent);
}

// That no other code can be thrown is what the compiler checks.
test('every code that is listed can occur', () => {
  const sources = ['constructs', 'src', 'stacks'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(ROOT, folder, path)),
  );
  expect(sources.length).toBeGreaterThan(200);
  const thrown = new Set(sources.flatMap(codesIn));
  expect(CODES.filter((code) => !thrown.has(code))).toEqual([]);
});

test('codes of the helper are those of the programs on the VM', () => {
  const programs = ['assets/haskell/files/build-helper.py', 'assets/cli/add-ghc.py'];
  const answered = programs.flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\b(?:Failure|failed)\(\s*\w+,\s*"([^"]+)"/g)].map(
      ([, code]) => code,
    ),
  );
  expect(Object.keys(HELPER_CODES)).toEqual([...new Set(answered)].sort());
});

test('codes of the hub can occur', () => {
  const answered = ['server.ts', 'rights.ts', 'connections.ts'].flatMap((name) => codesIn(join(ROOT, 'src/hub', name)));
  expect(Object.keys(HUB_ANSWERS).filter((code) => !answered.includes(code))).toEqual([]);
});

test.each([ERROR_CODES, HELPER_CODES, HUB_ANSWERS])('a table is in order, each code with words', (table) => {
  const codes = Object.keys(table);
  expect(codes).toEqual([...codes].sort());
  expect(codes.filter((code) => !/^[a-z]+(-[a-z0-9]+)*$/.test(code))).toEqual([]);
  const words = Object.values(table).map((facts: string | { when: string }) =>
    typeof facts === 'string' ? facts : facts.when,
  );
  expect(words.filter((when) => !/^[^|\n]*[^.|\n]$/.test(when))).toEqual([]);
});

test('exit codes are those that scripts know', () => {
  const others = CODES.map((code) => [code, exitCodeOf(code)]).filter(([, exit]) => exit !== EXIT.failure);
  expect(Object.fromEntries(others)).toEqual({
    'connection-lost': 255,
    'fleet-ambiguous': 3,
    'fleet-not-found': 3,
    'fleet-unreadable': 3,
    'hub-entry-missing': 3,
    'hub-host': 2,
    'hub-unavailable': 5,
    'image-ambiguous': 3,
    'image-unknown': 3,
    'no-vm-usable': 4,
    'nothing-built': 3,
    'nothing-matches': 3,
    'project-not-built': 3,
    'project-not-cabal': 3,
    'project-not-found': 3,
    'project-refused': 2,
    'project-unreadable': 3,
    'registry-not-found': 3,
    'rendered-missing': 3,
    'rendered-unreadable': 3,
    'revision-unknown': 3,
    'slot-unknown': 3,
    usage: 2,
    'vm-clock-wrong': 4,
    'vm-draining': 4,
    'vm-not-usable': 4,
    'vm-unknown': 3,
    'workspace-in-use': 4,
    'workspace-unknown': 3,
  });
});
