import { mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SourceWatcher } from '../../../../src/cli/work/source-watcher';
import { run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { describeWithTools } from '../../../support/tools';
import { until } from '../../../support/until';

describeWithTools(['git', 'rsync'], 'SourceWatcher', () => {
  let root: string;
  let changes: (readonly string[])[];
  let watcher: SourceWatcher | undefined;

  beforeEach(() => {
    root = realpathSync(temporaryDirectory());
    changes = [];
  });

  afterEach(() => watcher?.close());

  function write(path: string, text = 'x'): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  async function watch(ignored = false): Promise<void> {
    watcher = await SourceWatcher.start(
      { run, signal: new AbortController().signal },
      {
        root,
        sending: { follow: [], ignored, home: root },
        onChange: (paths) => changes.push([...paths].sort()),
        onError: (error) => {
          throw error;
        },
      },
    );
  }

  const seen = (count: number) => until(`change ${count}`, 10, () => changes.length >= count);

  test('what a save does is one change, however it is done', async () => {
    for (const path of ['A.hs', 'B.hs']) write(path);
    await watch();
    write('A.hs', 'other');
    await seen(1);
    write('A.hs~', 'renamed');
    renameSync(join(root, 'A.hs~'), join(root, 'A.hs'));
    await seen(2);
    write('A.hs', '1');
    write('B.hs', '1');
    await seen(3);
    expect(changes[0]).toEqual(['A.hs']);
    expect(changes[1]).toContain('A.hs');
    expect(changes[2]).toEqual(['A.hs', 'B.hs']);
    // A new directory is looked into first, which may take longer than a save.
    write('new/deep/C.hs', '1');
    await seen(4);
    expect(changes[3]).toEqual(['new/deep/C.hs']);
    rmSync(join(root, 'new'), { recursive: true });
    await seen(5);
    expect(changes[4]).toEqual(['new/deep/C.hs']);
  });

  test.each([
    [false, ['.env', 'kept.log', 'src/A.hs']],
    [true, ['.env', 'kept.log', 'src/A.hs', 'src/a.log', 'tmp/x']],
  ])('what is not sent is not told (--send-ignored: %s)', async (ignored, expected) => {
    await run('git', ['init', '-q', root]);
    write('.gitignore', '*.log\ntmp/\n.env\n');
    write('.buildfleetignore', 'secret/\n!kept.log\n!.env\n');
    write('fetched/.buildfleet-fetched');
    for (const path of ['tmp/before', 'dist-newstyle/x', 'secret/x']) write(path);
    await watch(ignored);
    const paths = ['src/a.log', 'tmp/x', 'secret/y', 'dist-newstyle/y', 'fetched/bin/x', '.git/x', 'src/A.o'];
    for (const path of [...paths, 'kept.log', '.env', 'src/A.hs']) write(path);
    await until('all are told', 10, () => new Set(changes.flat()).size >= expected.length);
    expect([...new Set(changes.flat())].sort()).toEqual(expected);
  });

  test('git is waited for while it changes files', async () => {
    await run('git', ['init', '-q', root]);
    write('A.hs');
    await watch();
    write('.git/index.lock', '');
    write('A.hs', 'first');
    // Longer than it waits for quiet: that nothing comes cannot be awaited.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(changes).toEqual([]);
    write('B.hs', 'second');
    rmSync(join(root, '.git/index.lock'));
    await seen(1);
    expect(changes).toEqual([['A.hs', 'B.hs']]);
  });
});
