import { type NotableFindings, notesOn } from '../../../../src/cli/status/notes';
import { vmStatus } from './support/vm-status';

const { tunnel, hubEntry, facts, image } = vmStatus();
const FINE: NotableFindings = { fleet: 'fleet', vm: 'alpha', tunnel, hubEntry, facts, image, consoleLog: '/c.log' };

test('nothing to say of a VM that is as it should be, or does not tell', () => {
  expect(notesOn(FINE)).toEqual([]);
  expect(notesOn({ ...FINE, facts: { ...facts, diskFreeMib: null }, image: { ...image, state: 'unknown' } })).toEqual(
    [],
  );
});

test('an old image names its age and what makes the VM anew', () => {
  const old = (ageDays: number | null) => notesOn({ ...FINE, image: { ...image, state: 'outdated', ageDays } });
  expect(old(12)).toEqual([
    {
      reason: "the VM's disk was made from another image, built 12 days ago, than haskell is now",
      remedy: 'run `cdktf deploy fleet`, which makes the VM anew; what lies in /build is lost with it',
    },
  ]);
  expect(old(null)[0]?.reason).toBe("the VM's disk was made from another image than haskell is now");
  expect(old(0)[0]?.reason).toContain('built today');
});

test('a slow VM is told with the proof that it lives', () => {
  const [note, ...others] = notesOn({ ...FINE, tunnel: { state: 'slow', detail: 'no answer in 0.6 s' } });
  expect(note?.reason).toBe('the VM is slow: no answer in 0.6 s; its last heartbeat is 12 s old');
  expect(note?.remedy).toContain('/c.log');
  expect(others).toEqual([]);
});

test('a clock that differs is told by how much, and one within what builds tolerate is not', () => {
  const told = (clockAheadSeconds: number) => notesOn({ ...FINE, facts: { ...facts, clockAheadSeconds } })[0]?.reason;
  expect(told(3600)).toBe('its clock is 60 min ahead, and builds there would miss edits');
  expect(told(-61.2)).toBe('its clock is 61 s behind, and builds there would miss edits');
  expect(told(-2.4)).toContain('2.4 s behind');
  expect([told(2), told(-2)]).toEqual([undefined, undefined]);
});

test('a full disk is told before a build fails for it', () => {
  expect(notesOn({ ...FINE, facts: { ...facts, diskFreeMib: 1023 } })[0]?.reason).toContain('only 1023 MiB');
  expect(notesOn({ ...FINE, facts: { ...facts, diskFreeMib: 1024 } })).toEqual([]);
});
