import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootUntilReady } from '../../../../../src/provider/resources/vm/boot';
import { recordingContext } from '../support/context';
import { temporaryDirectory } from '../../../../support/temporary-directory';

const TRAPPED =
  '[    3.6] Kernel panic - not syncing: Fatal exception in interrupt\n[    7.3] Shutting down cpus with NMI\n';

let directory: string;
let calls: string[];

beforeEach(() => {
  directory = temporaryDirectory();
  calls = [];
});

/** @param consoles what each boot leaves on its console; one that leaves nothing becomes ready */
function boot(consoles: readonly string[], signal = new AbortController().signal): Promise<void> {
  const consoleLog = join(directory, 'console.log');
  let boots = 0;
  return bootUntilReady({
    ...{ name: 'alpha', consoleLog, log: recordingContext().log, signal },
    start: () => {
      calls.push('start');
      writeFileSync(consoleLog, consoles[boots++] ?? '');
      return Promise.resolve();
    },
    waitUntilReady: () =>
      (consoles[boots - 1] ?? '') === '' ? Promise.resolve() : Promise.reject(new Error(`boot ${boots} failed`)),
    cut: () => {
      calls.push('cut');
      return Promise.resolve();
    },
  });
}

test('a VM whose kernel trapped is started again', async () => {
  await boot([TRAPPED, TRAPPED, '']);
  expect(calls).toEqual(['start', 'cut', 'start', 'cut', 'start']);
});

test('and is given up when it does so three times', async () => {
  await expect(boot([TRAPPED, TRAPPED, TRAPPED, ''])).rejects.toThrow('boot 3 failed');
  expect(calls).toEqual(['start', 'cut', 'start', 'cut', 'start']);
});

test('any other failure is told at once', async () => {
  await expect(boot(['Kernel panic - not syncing: VFS: Unable to mount root fs\n', ''])).rejects.toThrow(
    'boot 1 failed',
  );
  expect(calls).toEqual(['start']);
});

test('nothing is started again after a Ctrl-C', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stopped'));
  await expect(boot([TRAPPED, ''], abort.signal)).rejects.toThrow('stopped');
  expect(calls).toEqual(['start']);
});
