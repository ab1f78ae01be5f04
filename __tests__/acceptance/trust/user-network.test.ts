import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';

const ROOT = join(__dirname, '../../..');

describeWithTools(['pasta', 'ip', 'unshare', 'nsenter'], 'what a process that is started as QEMU is can reach', () => {
  let seen: Record<string, Record<string, unknown>>;

  beforeAll(async () => {
    const script = join(__dirname, 'support/stand-in-workstation.ts');
    const node = [process.execPath, '--require', join(ROOT, 'scripts/ts-node.cjs'), script, temporaryDirectory()];
    const { stdout } = await run(
      'unshare',
      ['--user', '--map-root-user', '--net', '--mount', '--fork', '--kill-child', ...node],
      {
        cwd: ROOT,
        timeout: 120_000,
      },
    );
    seen = JSON.parse(stdout) as typeof seen;
  }, 150_000);

  test('the relay and names, on a workstation without any network', () => {
    expect(seen['offline']).toEqual({
      ...{ '127.0.0.1 12220': 'answers', '203.0.113.5 4000': 'silent', '192.168.9.1 4000': 'silent' },
      name: '203.0.113.5',
    });
  });

  test('what is outside, too, as soon as the workstation has a network; its new address until the next start', () => {
    expect(seen['later']).toEqual({
      ...{ '127.0.0.1 12220': 'answers', '203.0.113.5 4000': 'answers', '192.168.9.1 4000': 'answers' },
      '192.168.9.2 4000': 'answers',
    });
  });

  test('the relay, the internet by both protocols, and the other machines of the network', () => {
    expect(seen['online']?.['reached']).toEqual({
      ...{ '127.0.0.1 12220': 'answers', '203.0.113.5 4000': 'answers', '192.168.9.1 4000': 'answers' },
      '2001:db8:77::5 4000': 'answers',
    });
    expect(seen['online']?.['name']).toBe('203.0.113.5');
  });

  test('nothing else of the workstation, by no address', () => {
    const kept = Object.entries(seen['online']?.['kept'] ?? {});
    expect(kept.length).toBeGreaterThanOrEqual(13);
    expect(kept.filter(([, answer]) => answer !== 'silent')).toEqual([]);
  });
});
