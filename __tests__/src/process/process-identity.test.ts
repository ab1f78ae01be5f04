import { spawn, type ChildProcess } from 'node:child_process';
import {
  isRunning,
  listProcesses,
  readProcess,
  signalProcess,
  waitForEnd,
} from '../../../src/process/process-identity';

describe('a process is told from any other', () => {
  let child: ChildProcess;
  const pid = () => child.pid ?? 0;

  beforeEach(async () => {
    child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('spawn', resolve));
  });

  afterEach(() => {
    child.kill('SIGKILL');
  });

  test('by argv and start time', () => {
    expect(readProcess(pid())?.argv).toEqual(['sleep', '1000']);
    expect(listProcesses().map((seen) => seen.pid)).toContain(pid());
  });

  test('a pid with another start time is another process: it is neither running nor killed', async () => {
    const reused = { pid: pid(), startTime: '1' };
    expect(isRunning(reused)).toBe(false);
    signalProcess(reused, 'SIGKILL');
    expect(await waitForEnd({ pid: pid(), startTime: readProcess(pid())?.startTime ?? '' }, 200)).toBe(false);
    expect(child.signalCode).toBeNull();
  });

  test('its end is noticed, and signalling it again does nothing', async () => {
    const identity = readProcess(pid());
    if (!identity) throw new Error('no process');
    signalProcess(identity, 'SIGKILL');
    expect(await waitForEnd(identity, 5000)).toBe(true);
    signalProcess(identity, 'SIGKILL');
    expect(isRunning(identity)).toBe(false);
  });

  test('a wait for its end can be cancelled', async () => {
    const identity = readProcess(pid());
    if (!identity) throw new Error('no process');
    await expect(waitForEnd(identity, 60_000, AbortSignal.timeout(50))).rejects.toThrow();
  });
});

test('there is no process 0 and none with an absurd number', () => {
  expect(readProcess(0)).toBeUndefined();
  expect(readProcess(2 ** 30)).toBeUndefined();
});
