import { renderSshdConfig, type SshdConfig } from '../../../../src/provider/services/sshd-config';
import { tunnelKeyLine } from '../../../../src/rendering/authorized-keys';

const config: SshdConfig = {
  address: null,
  port: 12220,
  hostKey: '/state/dir/ssh_host_ed25519_key',
  authorizedKeys: '/state/100%/authorized_keys',
  pidFile: '/state/a b/sshd.pid',
  operator: 'alice',
  operatorIsRoot: false,
  usePam: false,
  strictModes: true,
  hasPerSourcePenalties: false,
  tunnelPorts: { first: 12221, last: 12223 },
  hubPort: 8000,
};

test('paths are quoted, and a percent sign is no token', () => {
  expect(renderSshdConfig(config)).toContain('AuthorizedKeysFile "/state/100%%/authorized_keys"\n');
  expect(renderSshdConfig(config)).toContain('PidFile "/state/a b/sshd.pid"\n');
});

test('every port of the range may be listened on, and no other', () => {
  expect(renderSshdConfig(config)).toContain('\nPermitListen localhost:12221 localhost:12222 localhost:12223\n');
});

test('what depends on the machine', () => {
  expect(renderSshdConfig(config)).toContain('\nPermitRootLogin no\n');
  expect(renderSshdConfig(config)).not.toContain('PerSourcePenalties');
  const other = renderSshdConfig({
    ...config,
    operatorIsRoot: true,
    usePam: true,
    strictModes: false,
    hasPerSourcePenalties: true,
  });
  expect(other).toContain('\nPermitRootLogin prohibit-password\n');
  expect(other).toContain('\nUsePAM yes\n');
  expect(other).toContain('\nStrictModes no\n');
  expect(other).toContain('\nPerSourcePenalties no\n');
});

test.each(['/a"b', '/a\\b', '/a\nForceCommand /bin/sh'])('a path that sshd would misread is refused: %j', (path) => {
  expect(() => renderSshdConfig({ ...config, hostKey: path })).toThrow(
    expect.objectContaining({ code: 'sshd-path' }) as Error,
  );
});

test.each(['*', 'a b', 'a@b@c', '@host', 'a@*', 'a\nb', '!root', ''])(
  'an account that sshd would take for a pattern is refused: %j',
  (operator) => {
    expect(() => renderSshdConfig({ ...config, operator })).toThrow(
      expect.objectContaining({ code: 'sshd-account' }) as Error,
    );
  },
);

test('the account of a directory service has an @, for which AllowUsers has no word', () => {
  expect(renderSshdConfig({ ...config, operator: 'me@corp.example' })).toContain('\nAllowUsers me?corp.example\n');
});

test('a line of authorized_keys', () => {
  expect(tunnelKeyLine({ port: 12221, hubPort: 8000, publicKey: 'ssh-ed25519 AAAA alpha' })).toBe(
    'restrict,port-forwarding,permitlisten="localhost:12221",permitopen="localhost:8000",command="/bin/false" ssh-ed25519 AAAA alpha\n',
  );
  expect(() => tunnelKeyLine({ port: 1, hubPort: 2, publicKey: 'a\nb' })).toThrow('one line');
});
