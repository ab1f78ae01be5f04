import type { PowerState } from '../driver';

const POWER: Readonly<Record<string, PowerState>> = {
  poweroff: 'stopped',
  // The process of the VM is gone, as after a kill or a power cut of the host.
  aborted: 'stopped',
  // A start resumes it; a change of the hardware drops what was saved.
  saved: 'stopped',
  'aborted-saved': 'stopped',
  teleported: 'stopped',
  // A start is refused, and no guest runs.
  inaccessible: 'stopped',
  paused: 'paused',
  gurumeditation: 'crashed',
};

/** Unknown states count as running. */
export function powerOf(state: string): PowerState {
  return POWER[state] ?? 'running';
}

/** Whether the state was kept on disk, to go on from there. */
export function isSaved(state: string): boolean {
  return state === 'saved' || state === 'aborted-saved';
}

const SETTLED = ['poweroff', 'aborted', 'saved', 'aborted-saved', 'teleported', 'running', 'paused', 'gurumeditation'];

/** Whether VirtualBox is on its way to another state; unknown states count as such. */
export function isBusy(state: string): boolean {
  return !SETTLED.includes(state) && state !== 'inaccessible';
}
