import fc from 'fast-check';
import { type ActiveOperation, type EndEvent, Operations } from '../../../../src/cli/deploy/operations';
import { renderActive, renderEnd, renderPlain } from '../../../../src/cli/deploy/render';
import type { JournalEvent } from '../../../../src/model/journal';

const BEGUN = Date.UTC(2026, 0, 2);
const NOW = BEGUN + 95_400;

const operation = (parts: Partial<ActiveOperation>): ActiveOperation => ({
  ...{ label: 'alpha', begun: BEGUN, step: 'waiting for the tunnel', detail: undefined, amount: undefined },
  ...parts,
});
const OPERATIONS = [
  operation({}),
  operation({
    label: 'image haskell',
    step: 'checking the image in the cache',
    amount: { done: 210 * 2 ** 20, total: 414 * 2 ** 20, unit: 'bytes' },
    begun: NOW - 2000,
  }),
  operation({
    label: 'image ubuntu',
    step: 'compressing the disk',
    amount: { done: 52.4, total: 100, unit: 'percent' },
    begun: BEGUN - 3_600_000,
  }),
  operation({ label: 'image other', step: 'installing packages', detail: 'downloading packages with apt...' }),
  operation({ label: 'file ~/.local/state/buildfleet/fleet/workstation/authorized_keys', step: 'creating' }),
];

test.each([120, 80, 40])('what is worked on, in %d columns', (columns) => {
  const lines = renderActive(OPERATIONS, { columns, colour: false, frame: 3, now: NOW });
  expect(lines.join('\n')).toMatchSnapshot();
});

test('no line reaches the last column, where a terminal would break it', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 80 });
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          label: text,
          step: text,
          detail: fc.option(text, { nil: undefined }),
          amount: fc.constant(undefined),
          begun: fc.integer({ min: 0, max: NOW }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      fc.integer({ min: 10, max: 200 }),
      (operations, columns) => {
        const lines = renderActive(operations, { columns, colour: false, frame: 0, now: NOW });
        expect(Math.max(...lines.map((line) => Array.from(line).length))).toBeLessThan(columns);
      },
    ),
  );
});

test('without a terminal: one sentence', () => {
  expect(OPERATIONS.map((each) => renderPlain(each, NOW))).toEqual([
    'alpha: waiting for the tunnel (95 s)',
    'image haskell: checking the image in the cache, 210 of 414 MiB (2 s)',
    'image ubuntu: compressing the disk, 52 % (61 min 35 s)',
    'image other: installing packages (95 s)',
    'file ~/.local/state/buildfleet/fleet/workstation/authorized_keys: creating (95 s)',
  ]);
});

const SUBJECT = {
  time: new Date(BEGUN).toISOString(),
  operation: '1-1',
  type: 'buildfleet_vm',
  name: 'haskell-build-alpha',
  action: 'create',
} as const;
const end = (parts: Partial<EndEvent>): EndEvent => ({
  ...{ event: 'end', ...SUBJECT, outcome: 'done', seconds: 95.4, warnings: [] },
  ...parts,
});

test('how an operation ended', () => {
  const ends = [
    end({}),
    end({ action: 'update', seconds: 0.2 }),
    end({ action: 'delete', type: 'buildfleet_identity' }),
    end({ warnings: ['haskell-build-alpha is there and not ready'] }),
    end({ outcome: 'failed', error: 'haskell-build-alpha: the image of the VM is missing' }),
    end({ outcome: 'cancelled', warnings: ['haskell-build-alpha is there and not ready'] }),
    end({ type: 'buildfleet_something', name: '' }),
  ];
  expect(ends.map((each) => renderEnd(each, false))).toEqual([
    'alpha: created (95 s)',
    'alpha: changed',
    'keys of alpha: removed (95 s)',
    'alpha: created (95 s); haskell-build-alpha is there and not ready',
    'alpha: FAILED (95 s): haskell-build-alpha: the image of the VM is missing',
    'alpha: interrupted (95 s): haskell-build-alpha is there and not ready',
    'buildfleet_something: created (95 s)',
  ]);
  expect(renderEnd(end({}), true)).toBe('\u001b[32malpha: created\u001b[0m (95 s)');
});

test('operations follow their events, and two of one name do not mix', () => {
  const operations = new Operations();
  const take = (...events: JournalEvent[]) => {
    for (const event of events) operations.take(event);
    return operations.active.map(({ id, label, step, amount }) => [id, label, step, amount?.done]);
  };
  const old = { ...SUBJECT, operation: '1-2', action: 'delete' } as const;
  expect(take({ event: 'begin', ...SUBJECT }, { event: 'begin', ...old })).toEqual([
    ['1-1', 'alpha', 'creating', undefined],
    ['1-2', 'alpha', 'removing', undefined],
  ]);
  const amount = { done: 1, total: 2, unit: 'bytes' } as const;
  expect(take({ event: 'step', ...SUBJECT, step: 'copying', amount })).toEqual([
    ['1-1', 'alpha', 'copying', 1],
    ['1-2', 'alpha', 'removing', undefined],
  ]);
  expect(take({ event: 'step', ...SUBJECT, step: 'starting the VM' }, { ...end({}), ...old, event: 'end' })).toEqual([
    ['1-1', 'alpha', 'starting the VM', undefined],
  ]);
  expect(take(end({}))).toEqual([]);
});
