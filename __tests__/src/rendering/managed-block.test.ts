import fc from 'fast-check';
import { findBlock, insertBlock, removeBlock } from '../../../src/rendering/managed-block';

const lineEnd = fc.constantFrom('\n', '\r\n');
const line = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replace(/[\r\n]/g, '')),
  fc.constantFrom('Host *', '# >>> something else >>>', '\t', ''),
);
/** Any text of lines, with either line end and with or without a last one. */
const text = fc
  .tuple(fc.array(fc.tuple(line, lineEnd)), line)
  .map(([lines, last]) => lines.map(([content, end]) => content + end).join('') + last);
const content = fc.array(line).map((lines) => lines.join('\n'));

test('removing what was inserted gives the text back, byte for byte', () => {
  fc.assert(
    fc.property(text, content, (before, block) => {
      expect(removeBlock(insertBlock(before, 'fleet', block), 'fleet')).toBe(before);
    }),
  );
});

test('the content is found as it was given, with a whole last line', () => {
  fc.assert(
    fc.property(text, content, (before, block) => {
      const found = findBlock(insertBlock(before, 'fleet', block), 'fleet')?.content;
      expect(found).toBe(block === '' || block.endsWith('\n') ? block : `${block}\n`);
    }),
  );
});

test('blocks of two fleets come and go in any order', () => {
  fc.assert(
    fc.property(text, content, content, fc.boolean(), (before, one, two, firstGoesFirst) => {
      const both = insertBlock(insertBlock(before, 'one', one), 'two', two);
      const order = firstGoesFirst ? ['one', 'two'] : ['two', 'one'];
      expect(removeBlock(removeBlock(both, order[0]!), order[1]!)).toBe(before);
    }),
  );
});

test('replacing leaves the block where it stands', () => {
  const moved = `Host mine\n${insertBlock('', 'fleet', 'Include a')}Host *\n`;
  expect(insertBlock(moved, 'fleet', 'Include b')).toBe(moved.replace('Include a', 'Include b'));
});

test('the block goes to the top, because ssh takes the first value it finds', () => {
  expect(insertBlock('Host *\n', 'fleet', 'Include a')).toBe(
    '# >>> buildfleet fleet >>>\nInclude a\n# <<< buildfleet fleet <<<\nHost *\n',
  );
});

test('an editor that changed line ends does not hide the block', () => {
  const edited = insertBlock('Host *\n', 'fleet', 'Include a').replaceAll('\n', '\r\n');
  expect(findBlock(edited, 'fleet')?.content).toBe('Include a\r\n');
  expect(removeBlock(edited, 'fleet')).toBe('Host *\r\n');
});

const open = '# >>> buildfleet fleet >>>\n';
const close = '# <<< buildfleet fleet <<<\n';
test.each([
  ['no end', `a\n${open}b\n`, '2'],
  ['no begin', `${close}b\n`, '1'],
  ['two begins', `${open}${open}${close}`, '1, 2, 3'],
  ['two blocks', `${open}${close}${open}${close}`, '1, 2, 3, 4'],
  ['end before begin', `${close}${open}`, '1, 2'],
])('%s is an error that names the lines', (_name, broken, lines) => {
  for (const act of [
    () => findBlock(broken, 'fleet'),
    () => removeBlock(broken, 'fleet'),
    () => insertBlock(broken, 'fleet', 'x'),
  ]) {
    expect(act).toThrow(
      expect.objectContaining({
        code: 'managed-block-broken',
        message: expect.stringContaining(`(line ${lines})`),
      }) as Error,
    );
  }
});

test('content that holds a marker is refused', () => {
  expect(() => insertBlock('', 'fleet', `x\n${close}`)).toThrow(
    expect.objectContaining({ code: 'managed-block-content' }) as Error,
  );
});
