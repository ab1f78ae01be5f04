import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetVm } from '../../../src/model/fleet';
import { run } from '../../../src/process/run';
import { workspaceRefused } from '../../../src/cli/work/session';
import { MountedDirectory } from '../../support/mounted-directory';
import { describeAsRoot } from '../../support/as-root';
import { temporaryDirectory } from '../../support/temporary-directory';

const SESSION = join(__dirname, '../../../assets/cli/session.sh');
const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;

describeAsRoot('as root: a workspace on a disk that is full', () => {
  const session = async (root: string, workspace: string) => {
    const { stdout } = await run('bash', [SESSION, root, workspace, 'me', '0'], { acceptExitCodes: [0, 1] });
    return workspaceRefused(VM, stdout.trim().replace(/^refused /, ''));
  };

  test('is refused for that, also where it would be the first one', async () => {
    const disk = await MountedDirectory.mount(join(temporaryDirectory(), 'build'), 1);
    try {
      // the root and one file: nothing else has room, not even an empty one
      writeFileSync(join(disk.path, 'file'), '');
      await run('mount', ['-o', 'remount,nr_inodes=2', disk.path]);
      const error = await session(disk.path, 'project');
      expect(error).toMatchObject({ code: 'vm-disk-full', problem: 'the disk of haskell-build-alpha is full' });
      await run('mount', ['-o', 'remount,nr_inodes=20', disk.path]);
      expect(await session(disk.path, 'no name')).toMatchObject({ code: 'workspace-refused' });
    } finally {
      await disk.unmount();
    }
  });
});
