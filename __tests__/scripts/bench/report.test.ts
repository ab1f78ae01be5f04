import fc from 'fast-check';
import { type Figure, allowed, isMissed } from '../../../scripts/bench/figure';
import { figureLine, renderReport, renewRows } from '../../../scripts/bench/report';
import { interleaved, median } from '../../../scripts/bench/timing';

const peer = { what: 'the floor', value: 2 };
const figure: Figure = { what: 'the work', value: 3.6, unit: 's', peer, limit: { factor: 1.5, plus: 0.6 } };

test('a figure may be exactly its limit and no more', () => {
  expect(allowed(figure)).toBeCloseTo(3.6);
  expect(isMissed({ ...figure, value: 3.5 })).toBe(false);
  expect(isMissed({ ...figure, value: 3.7 })).toBe(true);
  expect(isMissed({ what: 'alone', value: 5, unit: 'MiB', limit: { plus: 5 } })).toBe(false);
  expect(isMissed({ what: 'reported', value: 1e9, unit: 's' })).toBe(false);
});

test('the report shows figure, peer, ratio, limit and verdict', () => {
  const lines = renderReport({ CPU: 'some, 2 cores' }, [figure, { ...figure, value: 9 }]).split('\n');
  expect(lines).toContain('| CPU | some, 2 cores |');
  expect(lines).toContain('| the work | 3.60 s | the floor: 2.00 s | 1.80 | 1.5 × + 0.6 s = 3.60 s | kept |');
  expect(lines).toContain('| the work | 9.00 s | the floor: 2.00 s | 4.50 | 1.5 × + 0.6 s = 3.60 s | **missed** |');
  expect(figureLine(figure)).toBe('the work: 3.60 s; the floor 2.00 s, ratio 1.80; at most 3.60 s: kept');
});

describe('a part that is measured alone', () => {
  const machine = { CPU: 'some, 2 cores' };
  const report = renderReport(machine, [figure, { ...figure, what: 'the work of others' }]);

  test('renews its rows and leaves the rest', () => {
    const padded = report
      .replace('| the work | 3.60 s |', '| the work    |    3.60 s |')
      .replace('| CPU |', '| CPU   |');
    const renewed = renewRows(padded, machine, [{ ...figure, value: 9 }]).replace('| CPU   |', '| CPU |');
    expect(renewed).toBe(
      renderReport(machine, [
        { ...figure, value: 9 },
        { ...figure, what: 'the work of others' },
      ]),
    );
  });

  test.each([
    ['of another machine', { CPU: 'other, 2 cores' }, 'the work', 'the report has not CPU other, 2 cores'],
    ['that is new', machine, 'the play', 'the report has no row for the play'],
  ])('cannot renew the figure %s', (_, here, what, message) => {
    expect(() => renewRows(report, here, [{ ...figure, what }])).toThrow(message);
  });
});

test('the median lies in the middle, in any order', () => {
  expect(median([9, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
      const middle = median(values);
      expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
      expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
    }),
  );
});

test('what is compared is measured in turn', async () => {
  const order: string[] = [];
  const work = (name: string, seconds: number) => () => {
    order.push(name);
    return Promise.resolve(seconds);
  };
  expect(await interleaved(2, { a: work('a', 1), b: work('b', 2) })).toEqual({ a: 1, b: 2 });
  expect(order).toEqual(['a', 'b', 'a', 'b']);
});
