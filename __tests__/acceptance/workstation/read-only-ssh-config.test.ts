import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { managedFileResource } from '../../../src/provider/resources/managed-file';
import { recordingContext } from '../../src/provider/resources/support/context';
import { MountedDirectory } from '../../support/mounted-directory';
import { testAsRoot } from '../../support/as-root';
import { temporaryDirectory } from '../../support/temporary-directory';

testAsRoot(
  "an ssh configuration that another program keeps, read-only: the error's own remedy satisfies the next deploy",
  async () => {
    const home = temporaryDirectory();
    const store = await MountedDirectory.mount(join(home, 'store'), 1);
    try {
      const file = join(store.path, 'config');
      writeFileSync(file, 'Host *\n  User me\n');
      mkdirSync(join(home, '.ssh'), { mode: 0o700 });
      symlinkSync(file, join(home, '.ssh/config'));
      await store.makeReadOnly();
      const handler = managedFileResource({ fleet: 'test', stateDirectory: null, cacheDirectory: null }, home);
      const state = {
        ...{ path: '~/.ssh/config', content: 'Include ~/state/ssh-config\n', mode: '0644', block: 'test' },
        expandHome: true,
      };
      const refusal = await handler.create(state, recordingContext()).then(
        () => null,
        (error: unknown) => error as { code: string; received: string; remedy: string },
      );
      expect(refusal).toMatchObject({
        code: 'managed-block-unwritable',
        remedy: expect.stringContaining('written there'),
      });
      const lines = JSON.parse(refusal?.received ?? 'null') as string;
      expect(lines).toBe(`Include ${home}/state/ssh-config\n`);
      await store.makeWritable();
      const written = `${lines}Host *\n  User me\n`;
      writeFileSync(file, written);
      await store.makeReadOnly();
      expect(await handler.create(state, recordingContext())).toEqual(state);
      expect(await handler.read(state, recordingContext())).toEqual(state);
      await handler.delete(state, recordingContext());
      expect(readFileSync(file, 'utf8')).toBe(written);
    } finally {
      await store.unmount();
    }
  },
);
