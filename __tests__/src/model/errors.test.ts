import { FleetError, isFleetError } from '../../../src/model/errors';

type Errors = typeof import('../../../src/model/errors');

const PARTS = { code: 'vm-unknown', problem: 'no such VM', remedy: 'use alpha' } as const;

/** The module as another bundle has it: a second class of the same name. */
function otherCopy(): Errors {
  let copy: Errors | undefined;
  jest.isolateModules(() => {
    copy = jest.requireActual<Errors>('../../../src/model/errors');
  });
  if (copy === undefined) throw new Error('the module was not loaded');
  return copy;
}

test('an error of another copy of the class is recognised, both ways', () => {
  const other = otherCopy();
  const error = new other.FleetError(PARTS);
  expect(error).not.toBeInstanceOf(FleetError);
  expect(isFleetError(error)).toBe(true);
  expect(other.isFleetError(new FleetError(PARTS))).toBe(true);
});

test('a kind of it is one, and nothing else is', () => {
  class UnknownVm extends FleetError {}
  expect(isFleetError(new UnknownVm(PARTS))).toBe(true);
  const lookalike = Object.assign(new Error('x'), { ...PARTS, name: 'FleetError' });
  for (const value of [lookalike, new Error('x'), PARTS, null, undefined, 'FleetError', 1]) {
    expect(isFleetError(value)).toBe(false);
  }
});
