import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { run } from '../../src/process/run';
import { temporaryDirectory } from '../support/temporary-directory';
import { answer, type Misbehaviour, StandInHub } from './support/stand-in-hub';

const CLOCK = join(__dirname, '../../assets/haskell/files/build-clock.py');
const FAKE = join(__dirname, 'support/fake-clock.py');
const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];

jest.setTimeout(40_000);

describe('build-clock.py', () => {
  let directory: string;
  let hub: StandInHub;

  beforeEach(async () => {
    directory = temporaryDirectory();
    for (const name of ['state', 'run']) mkdirSync(join(directory, name));
    hub = new StandInHub();
    hub.misbehave = telling(() => Date.now() / 1000);
    await hub.listen();
  });

  afterEach(() => hub.close());

  /** A hub that tells this time. */
  function telling(seconds: () => number | string): Misbehaviour {
    return (_, response) => {
      response.setHeader('Unix-Time', seconds());
      answer(response, 200, {});
      return true;
    };
  }

  /** @param ahead how far the clock is from the right time, in seconds */
  async function correct(ahead: number, url = hub.url): Promise<{ said: string; set: number | undefined }> {
    const { stdout, stderr } = await run('python3', ['-ISB', FAKE, CLOCK], {
      env: {
        FAKE_AHEAD: String(ahead),
        STATE_HUB_URL: url,
        STATE_DIRECTORY: join(directory, 'state'),
        RUNTIME_DIRECTORY: join(directory, 'run'),
      },
    });
    const set = /^set to (.*)$/m.exec(stderr)?.[1];
    return { said: stdout.trim(), set: set === undefined ? undefined : Number(set) };
  }

  const steps = () =>
    existsSync(join(directory, 'state/steps')) ? readFileSync(join(directory, 'state/steps'), 'utf8') : '';

  test.each([HOUR, -HOUR, -61, 3 * DAY - HOUR, -40 * DAY])('a clock that is %d s ahead is put right', async (ahead) => {
    // It was right at boot, and went wrong later, as it does when a VM is paused.
    await correct(0);
    const { said, set } = await correct(ahead);
    const [word, seconds] = said.split(' ');
    expect(word).toBe('corrected');
    expect(Math.abs(Number(seconds) - ahead)).toBeLessThan(0.5);
    expect(Math.abs(set ?? NaN)).toBeLessThan(0.5);
  });

  test.each([HOUR, -20 * DAY])('a clock that is %d s ahead from the boot on is put right', async (ahead) => {
    expect((await correct(ahead)).said).toMatch(/^corrected/);
  });

  test('a tunnel that is dialled again meanwhile is waited for', async () => {
    let refused = 0;
    hub.misbehave = (...request) => {
      if (refused >= 3) return telling(() => Date.now() / 1000)(...request);
      refused += 1;
      if (refused === 2) request[1].destroy();
      else (request[1].socket as Socket).resetAndDestroy();
      return true;
    };
    expect((await correct(-15)).said).toMatch(/^corrected -1[45]/);
    expect(refused).toBe(3);
  });

  test('a clock that is right is left alone, and is so told', async () => {
    expect(await correct(0.2)).toEqual({ said: expect.stringMatching(/^right -?0\.\d{3}$/), set: undefined });
  });

  test('a difference that may be due to a slow answer is none', async () => {
    hub.misbehave = (...request) => {
      setTimeout(() => void telling(() => Date.now() / 1000)(...request), 1500);
      return true;
    };
    expect((await correct(0.7)).set).toBeUndefined();
    expect((await correct(MINUTE)).said).toMatch(/^corrected/);
  });

  test('steps back are noted, those forward are not, and no more than a hundred', async () => {
    await correct(-HOUR);
    expect(steps()).toBe('');
    const before = Date.now();
    await correct(HOUR);
    const [late, early] = steps().trim().split(' ').map(Number) as [number, number];
    expect(Math.abs(late - early - HOUR * 1e6)).toBeLessThan(1e6);
    expect(Math.abs(early / 1000 - before)).toBeLessThan(20_000);
    writeFileSync(join(directory, 'state/steps'), '2 1\n'.repeat(150));
    await correct(HOUR);
    expect(steps().trim().split('\n')).toHaveLength(100);
    expect(steps().trim().split('\n').at(-1)).not.toBe('2 1');
  });

  test.each([
    ['2 days back', -2 * DAY],
    ['40 years back', -40 * 365 * DAY],
    ['2 years on', 2 * 365 * DAY],
  ])('a hub that says %s is not believed, whatever was set before', async (_, seconds) => {
    await correct(0);
    hub.misbehave = telling(() => Date.now() / 1000 + seconds);
    const { said, set } = await correct(0);
    expect([said, set]).toEqual([expect.stringMatching(/^failed .*not believed$/), undefined]);
    // Step by step it gets no further than at once.
    let clock = 0;
    for (let times = 0; times < 3; times++) {
      hub.misbehave = telling(() => Date.now() / 1000 + clock - 20 * HOUR);
      clock = (await correct(clock)).set ?? clock;
    }
    expect(Math.round(clock / HOUR)).toBe(-20);
  });

  test.each<[string, Misbehaviour | null, RegExp]>([
    ['nothing', (_, response) => Boolean(response.destroy()), /the State Hub/],
    ['no time', (_, response) => (answer(response, 200, {}), true), /does not tell the time/],
    ['words', (request, response, me) => telling(() => 'noon')(request, response, me), /does not tell the time/],
    [
      'a negative time',
      (request, response, me) => telling(() => '-5')(request, response, me),
      /does not tell the time/,
    ],
    ['an endless time', (request, response, me) => telling(() => '9'.repeat(400))(request, response, me), /not tell/],
    ['what is no HTTP', (request) => Boolean(request.socket.end('x'.repeat(70_000))), /no HTTP/],
    ['not at all', null, /Connection refused/],
  ])('a hub that answers %s leaves the clock alone', async (_, misbehave, reason) => {
    hub.misbehave = misbehave ?? (() => false);
    if (misbehave === null) await hub.close();
    const { said, set } = await correct(HOUR, misbehave === null ? 'http://127.0.0.1:1' : hub.url);
    expect(said).toMatch(/^failed /);
    expect(said).toMatch(reason);
    expect(set).toBeUndefined();
  });

  test('nothing of the body counts', async () => {
    hub.misbehave = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'x-note': 'unix-time: 5' });
      response.end('\r\nUnix-Time: 5\r\n\r\n');
      return true;
    };
    expect((await correct(0)).said).toBe('failed the State Hub does not tell the time');
  });
});
