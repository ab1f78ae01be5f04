import * as fc from 'fast-check';
import { parseWorkspaces } from '../../../../src/cli/workspaces/parse';
import { workspaceListSchema } from '../../../../src/cli/workspaces/report';

describe('parseWorkspaces', () => {
  test('reads what the script prints', () => {
    const text = [
      'workspace dev-app-0c1d2e3f4a5b',
      'who dev@here, pid 12',
      'used 1700000000',
      'project /home/dev/my app',
      'size 12',
      'in-use',
      'workspace dev-old-0c1d2e3f4a5c',
      'who dev@here, pid 13',
      'used 1600000000',
      'project ',
      'size 0',
    ].join('\n');
    expect(parseWorkspaces(text, 'haskell-build-alpha')).toEqual([
      {
        vm: 'haskell-build-alpha',
        workspace: 'dev-app-0c1d2e3f4a5b',
        project: '/home/dev/my app',
        user: 'dev@here',
        bytes: 12288,
        lastUsed: '2023-11-14T22:13:20.000Z',
        inUse: true,
      },
      {
        vm: 'haskell-build-alpha',
        workspace: 'dev-old-0c1d2e3f4a5c',
        project: null,
        user: 'dev@here',
        bytes: 0,
        lastUsed: '2020-09-13T12:26:40.000Z',
        inUse: false,
      },
    ]);
  });

  test('makes a valid document of anything', () => {
    const word = fc.constantFrom('workspace', 'who', 'used', 'project', 'size', 'in-use', '', '\u001b[2J');
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.nat().map(String), fc.constant('9'.repeat(15)));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, value)), (lines) => {
        const text = lines.map((line) => line.join(' ')).join('\n');
        const document = { formatVersion: 1, workspaces: parseWorkspaces(text, 'vm'), notAsked: [] };
        expect(workspaceListSchema.safeParse(document).success).toBe(true);
      }),
    );
  });
});
