import fc from 'fast-check';
import { workspaceName, workspacePath } from '../../../../src/cli/project/workspace';

const owner = { user: 'dev', host: 'desk' };

test('the name can be read', () => {
  expect(workspaceName(owner, '/home/dev/projects/My App')).toMatch(/^dev-my-app-[0-9a-f]{12}$/);
  expect(workspaceName({ ...owner, user: 'bäb.x' }, '/srv/日本')).toMatch(/^ba-b-x-project-[0-9a-f]{12}$/);
});

test('user, workstation and path tell workspaces apart', () => {
  const names = [
    workspaceName(owner, '/a/app'),
    workspaceName(owner, '/b/app'),
    workspaceName({ ...owner, user: 'ops' }, '/a/app'),
    workspaceName({ ...owner, host: 'other' }, '/a/app'),
  ];
  expect(new Set(names).size).toBe(4);
  expect(workspaceName(owner, '/a/app')).toBe(names[0]);
});

test('for all names of users and projects, the path is one directory in /build', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (user, host, root) => {
      const name = workspaceName({ user, host }, `/${root}`);
      expect(workspacePath(name)).toBe(`/build/${name}`);
      expect(name).toMatch(/^[a-z0-9-]+$/);
    }),
  );
});

test.each(['', '.', '..', '/', 'a', '../a-000000000000', 'a/b-000000000000', '-a-000000000000', 'a-000000000000\n'])(
  '%j is no workspace',
  (name) => {
    expect(() => workspacePath(name)).toThrow(/names no directory of ours in \/build/);
  },
);
