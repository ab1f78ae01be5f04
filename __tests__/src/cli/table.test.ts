import fc from 'fast-check';
import { renderTable } from '../../../src/cli/table';

describe('renderTable', () => {
  test('aligns columns and leaves nothing after the last cell', () => {
    const rows = [
      ['alpha', { text: 'running', colour: 'good' as const }, ''],
      ['b', 'off', 'ssh b'],
    ];
    expect(renderTable(['VM', 'POWER', 'LOG IN'], rows, false)).toBe(
      ['VM     POWER    LOG IN', 'alpha  running', 'b      off      ssh b'].join('\n'),
    );
  });

  test('colours change nothing but the colour', () => {
    const cell = fc.oneof(
      fc.string(),
      fc.record({ text: fc.string(), colour: fc.constantFrom('good' as const, 'bad' as const) }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(cell, { maxLength: 4 }), { maxLength: 5 }), (rows) => {
        const header = ['A', 'B', 'C', 'D'];
        // eslint-disable-next-line no-control-regex -- colour codes start with an escape character
        const plain = renderTable(header, rows, true).replace(/\u001b\[\d+m/g, '');
        expect(plain.replace(/ +$/gm, '')).toBe(renderTable(header, rows, false));
      }),
    );
  });

  test('a cell stays on its line, also with newlines in it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 }), (rows) => {
        expect(renderTable(['A', 'B'], rows, false).split('\n')).toHaveLength(rows.length + 1);
      }),
    );
    expect(renderTable(['A'], [['red\u001b[31m\n']], false)).toBe('A\nred');
  });
});
