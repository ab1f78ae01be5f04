import type { FleetVm } from '../../../../src/model/fleet';
import { readClock, requireRightClock } from '../../../../src/cli/work/clock';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
/** Asked at 1000 s, and answered three seconds later. */
const [ASKED, RECEIVED] = [1_000_000, 1_003_000];
const reading = (began: number, last: number, answer = '') =>
  readClock(`clock ${began * 1e6} ${last * 1e6} ${answer}`, ASKED, RECEIVED);

test.each([
  ['within what the connection took', 1001, 1002, 0],
  ['at its ends', 1000, 1003, 0],
  ['behind', 940, 942, -60],
  ['ahead', 4600, 4602, 3599],
  // The workspace was waited for: what the clock said at last is no proof.
  ['behind, and late', 940, 1001, -60],
])('a clock that is %s', (_, began, last, ahead) => {
  expect(reading(began, last)).toEqual({ ahead, corrected: undefined, trouble: '' });
});

test('one that has been put right counts as it is now', () => {
  expect(reading(940, 1002, 'corrected -60.000')).toEqual({ ahead: 0, corrected: -60, trouble: '' });
});

test.each(['clock', 'clock x y', 'clock 1 1e9', `clock ${'9'.repeat(30)} 1`, 'clock 1 2 3 4 5 \u001b[2J'])(
  'what a machine says in other forms is not read, or harmless: %j',
  (line) => {
    const found = readClock(line, ASKED, RECEIVED);
    expect(found?.corrected).toBeUndefined();
    expect(found?.trouble ?? '').toBe('');
  },
);

test('the reason of a machine is shown in one line, without what moves the cursor, and not for ever', () => {
  const { trouble = '' } = reading(1, 1, `failed \u001b[2J${'x'.repeat(1000)}`) ?? {};
  expect(trouble.length).toBe(200);
  expect(trouble).not.toContain('\u001b');
});

test('a difference that builds do not tolerate is one error, with the reason and a remedy', () => {
  const check = (began: number, last: number, answer?: string) => () => {
    requireRightClock(VM, reading(began, last, answer));
  };
  expect(check(998.5, 1002)).not.toThrow();
  expect(check(1001, 1004.5)).not.toThrow();
  expect(check(1001, 1002, 'failed the State Hub does not answer')).not.toThrow();
  expect(check(940, 942, 'failed the State Hub does not answer: Connection refused')).toThrow(
    expect.objectContaining({
      code: 'vm-clock-wrong',
      problem:
        'the clock of haskell-build-alpha is 60 s behind, so that edits would not be built, and it cannot be put ' +
        'right: the State Hub does not answer: Connection refused',
      remedy: expect.stringContaining('`make deploy`') as string,
    }) as Error,
  );
  expect(check(4600, 4603)).toThrow('is 60 min ahead, so that edits would not be built:');
  requireRightClock(VM, undefined);
});
