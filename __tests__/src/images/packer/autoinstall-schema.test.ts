import { parse } from 'yaml';
import { parseAutoinstall } from '../../../../src/images/packer/autoinstall-schema';
import { FleetError } from '../../../../src/model/errors';
import { renderAutoinstall } from '../../../../src/images/packer/autoinstall';
import { AUTOINSTALL, BUILD_KEY } from './support/autoinstall';

type Members = Record<string, unknown>;

/** A valid file as a reader sees it, of which a test may change anything. */
function valid(): { autoinstall: Members } {
  return parse(renderAutoinstall(AUTOINSTALL)) as { autoinstall: Members };
}

/** A valid file with the value at a path replaced, or removed. */
function changed(path: readonly string[], value?: unknown): unknown {
  const document = valid();
  const at = path.slice(0, -1).reduce<Members>((members, key) => members[key] as Members, document.autoinstall);
  const last = path.at(-1)!;
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return document;
}

const SUDOERS = '/target/etc/sudoers.d/90-buildfleet-build-time';

test('accepts what is rendered, with a placeholder or with a key', () => {
  expect(parseAutoinstall(valid())).toEqual(valid());
  expect(() => parseAutoinstall(changed(['ssh', 'authorized-keys'], [BUILD_KEY]))).not.toThrow();
});

const bad: [string, readonly string[], unknown, RegExp][] = [
  ['an unknown key', ['packges'], ['jq'], /autoinstall: unrecognized key: "packges"/],
  ['an unknown key further down', ['ssh', 'permit-root'], true, /autoinstall\.ssh: unrecognized key/],
  ['sections that ask questions', ['interactive-sections'], ['network'], /unrecognized key: "interactive-sections"/],
  ['no version', ['version'], undefined, /autoinstall\.version: must be 1/],
  ['a version that is text', ['version'], '1', /autoinstall\.version: must be 1/],
  ['what YAML 1.1 makes of an unquoted locale', ['locale'], false, /autoinstall\.locale/],
  ['what YAML 1.1 makes of an unquoted host name', ['identity', 'hostname'], 45_296, /identity\.hostname/],
  ['a host name in capitals', ['identity', 'hostname'], 'Build', /identity\.hostname: must match/],
  ['a layout without LVM', ['storage', 'layout', 'name'], 'direct', /layout\.name: must be "lvm"/],
  ['a volume group left half empty', ['storage', 'layout', 'sizing-policy'], 'scaled', /sizing-policy: must be "all"/],
  ['no sizing policy', ['storage', 'layout', 'sizing-policy'], undefined, /sizing-policy: must be "all"/],
  ['storage by hand', ['storage'], { config: [] }, /autoinstall\.storage/],
  ['no storage', ['storage'], undefined, /autoinstall\.storage/],
  ['a password that logs in', ['identity', 'password'], '$6$salt$hash', /identity\.password: must be "\*"/],
  ['an empty password', ['identity', 'password'], '', /identity\.password: must be "\*"/],
  ['a locked account, which may log in by no key either', ['identity', 'password'], '!', /password: must be "\*"/],
  ['no password', ['identity', 'password'], undefined, /identity\.password: must be "\*"/],
  ['the account of the developers', ['identity', 'username'], 'build', /username: must be an account that goes/],
  ['the superuser', ['identity', 'username'], 'root', /username: must be an account that goes/],
  ['passwords over ssh', ['ssh', 'allow-pw'], true, /allow-pw: must be false/],
  ['no sshd', ['ssh', 'install-server'], false, /install-server: must be true/],
  ['no key that may log in', ['ssh', 'authorized-keys'], [], /authorized-keys/],
  ['a second key', ['ssh', 'authorized-keys'], [BUILD_KEY, BUILD_KEY], /authorized-keys/],
  ['a key with options', ['ssh', 'authorized-keys'], [`command="sh" ${BUILD_KEY}`], /authorized-keys/],
  ['no early commands', ['early-commands'], undefined, /early-commands: is missing: the live sshd/],
  ['a live sshd that stays', ['early-commands'], ['true'], /early-commands: must stop ssh\.service and ssh\.socket/],
  ['a live sshd with its socket', ['early-commands'], ['systemctl stop ssh.service'], /early-commands: must stop/],
  ['a command that is none', ['early-commands'], [true], /early-commands\.0: must be a command/],
  ['no late commands', ['late-commands'], undefined, /late-commands: is missing/],
  [
    'a rule that others read',
    ['late-commands'],
    [`cp rule ${SUDOERS}`],
    /late-commands: must write \S+ with mode 0440/,
  ],
  [
    'a rule that stays',
    ['late-commands'],
    [`install -m 0440 rule ${SUDOERS}`, 'install -m 0440 rule /target/etc/sudoers.d/build'],
    /late-commands: must write \S+ with mode 0440, and no other rule/,
  ],
  ['an installer that renews itself', ['refresh-installer', 'update'], true, /update: must be false/],
  ['all updates', ['updates'], 'all', /updates: must be "security"/],
  ['a power-off', ['shutdown'], 'poweroff', /shutdown: must be "reboot"/],
];
test.each(bad)('refuses %s', (_, path, value, message) => {
  const check = () => parseAutoinstall(changed(path, value), 'user-data');
  expect(check).toThrow(FleetError);
  expect(check).toThrow(message);
  expect(check).toThrow(/^user-data: the installer's user-data cannot be used/);
});

test('shows the value that it refuses, but no password', () => {
  expect(() => parseAutoinstall(changed(['updates'], 'all'))).toThrow(/must be "security": .* \(received "all"\)/);
  expect(() => parseAutoinstall(changed(['identity', 'password'], 'SECRET'))).toThrow(/password: must be/);
  expect(() => parseAutoinstall(changed(['identity', 'password'], 'SECRET'))).not.toThrow(/SECRET/);
});

test('says everything that is wrong at once', () => {
  const document = valid();
  document.autoinstall['version'] = 2;
  document.autoinstall['updates'] = 'all';
  expect(() => parseAutoinstall(document)).toThrow(/version: must be 1.*; autoinstall\.updates: must be "security"/);
});

test.each([null, 'autoinstall', {}, { autoinstall: [] }, { ...valid(), packages: [] }])('refuses %j', (value) => {
  expect(() => parseAutoinstall(value)).toThrow(FleetError);
});
