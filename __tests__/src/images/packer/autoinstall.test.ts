import fc from 'fast-check';
import { parse } from 'yaml';
import {
  type Autoinstall,
  BUILD_KEY_PLACEHOLDER,
  parseAutoinstall,
} from '../../../../src/images/packer/autoinstall-schema';
import { FleetError } from '../../../../src/model/errors';
import { NAME_PATTERN } from '../../../../src/model/names';
import {
  type AutoinstallInput,
  checkAutoinstall,
  fillBuildKey,
  renderAutoinstall,
  renderAutoinstallMetaData,
} from '../../../../src/images/packer/autoinstall';
import { AUTOINSTALL, BUILD_KEY } from './support/autoinstall';
import { readYaml } from '../../../support/python-yaml';

const name = fc.oneof(fc.stringMatching(NAME_PATTERN), fc.constantFrom('no', 'on', 'y', 'null', 'true'));
const input: fc.Arbitrary<AutoinstallInput> = fc.record({
  hostName: name,
  locale: fc.stringMatching(/^[A-Za-z_]{1,16}\.UTF-8$/),
  keyboard: fc.oneof(fc.stringMatching(/^[a-z]{2,8}$/), fc.constantFrom('no', 'on')),
  timezone: fc.oneof(
    fc.stringMatching(/^[A-Z][A-Za-z_]{1,9}(\/[A-Za-z0-9+-]{1,9}){0,2}$/),
    fc.constantFrom('UTC', 'NO', 'On', 'Null'),
  ),
});
const publicKey = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9+/]{68}$/), fc.stringMatching(/^( [A-Za-z0-9@._-]{1,20})?$/))
  .map(([body, comment]) => `ssh-ed25519 ${body}${comment}`);

describe('renderAutoinstall', () => {
  test('writes the whole file', () => {
    expect(renderAutoinstall(AUTOINSTALL)).toMatchSnapshot();
  });

  test('readers of YAML 1.1 and 1.2 get back what went in', () => {
    const inputs = fc.sample(fc.tuple(input, publicKey), 200);
    const texts = inputs.map(([settings, key]) => fillBuildKey(renderAutoinstall(settings), key));
    readYaml(...texts).forEach((read, index) => {
      const [settings, key] = inputs[index]!;
      const { autoinstall } = parseAutoinstall(read);
      expect(autoinstall).toMatchObject({
        identity: { hostname: settings.hostName },
        locale: settings.locale,
        keyboard: { layout: settings.keyboard },
        timezone: settings.timezone,
      });
      expect(autoinstall.ssh['authorized-keys']).toEqual([key]);
      for (const version of ['1.1', '1.2'] as const) expect(parse(texts[index]!, { version })).toEqual(read);
    });
  });

  test('puts every string in quotes', () => {
    const plain = renderAutoinstall(AUTOINSTALL)
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^[\s-]*/, '').replace(/^[a-z-]+:\s*/, ''))
      .filter((value) => value !== '' && !value.startsWith('"'));
    expect(new Set(plain)).toEqual(new Set(['1', 'true', 'false']));
  });

  const bad: [string, Partial<AutoinstallInput>, RegExp][] = [
    ['a host name of two lines', { hostName: 'a\nb' }, /identity\.hostname/],
    ['a locale that is none', { locale: 'C' }, /autoinstall\.locale/],
    ['a keyboard that is none', { keyboard: 'u s' }, /keyboard\.layout/],
    ['a way out of the zone directory', { timezone: '../etc' }, /autoinstall\.timezone/],
  ];
  test.each(bad)('refuses %s', (_, change, message) => {
    expect(() => renderAutoinstall({ ...AUTOINSTALL, ...change })).toThrow(message);
  });
});

describe('checkAutoinstall', () => {
  const text = renderAutoinstall(AUTOINSTALL);

  test('accepts what is rendered', () => {
    expect(checkAutoinstall(text).autoinstall.identity.hostname).toBe('haskell-build');
  });

  const bad: [string, (text: string) => string, RegExp][] = [
    ['a file without a header', (valid) => valid.replace('#cloud-config\n', ''), /is no cloud-config/],
    ['what is no YAML', (valid) => `${valid}  "`, /is not YAML/],
    [
      'a key that stands twice',
      (valid) => valid.replace('  version: 1\n', '  version: 1\n  version: 1\n'),
      /is not YAML/,
    ],
    [
      'an unquoted no',
      (valid) => valid.replace('layout: "us"', 'layout: no'),
      /autoinstall\.keyboard\.layout in the installer's user-data means different things/,
    ],
    ['an unquoted on', (valid) => valid.replace('"Europe/Berlin"', 'on'), /autoinstall\.timezone .* different things/],
    [
      'unquoted minutes',
      (valid) => valid.replace('hostname: "haskell-build"', 'hostname: 12:34:56'),
      /different things/,
    ],
    ['an unquoted octal', (valid) => valid.replace('hostname: "haskell-build"', 'hostname: 0644'), /different things/],
    ['an unquoted version', (valid) => valid.replace('hostname: "haskell-build"', 'hostname: 9.10'), /hostname/],
    ['a password', (valid) => valid.replace('password: "*"', 'password: "$6$a$b"'), /password: must be "\*"/],
  ];
  test.each(bad)('refuses %s', (_, change, message) => {
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(() => checkAutoinstall(changed, 'user-data')).toThrow(FleetError);
    expect(() => checkAutoinstall(changed, 'user-data')).toThrow(message);
  });
});

describe('fillBuildKey', () => {
  const text = renderAutoinstall(AUTOINSTALL);

  test('changes the placeholder and nothing else', () => {
    expect(fillBuildKey(text, `${BUILD_KEY}\n`)).toBe(text.replace(BUILD_KEY_PLACEHOLDER, BUILD_KEY));
  });

  test.each(['', 'ssh-rsa AAAA', `${BUILD_KEY}\n${BUILD_KEY}`, `command="sh" ${BUILD_KEY}`, BUILD_KEY_PLACEHOLDER])(
    'refuses the key %j',
    (key) => {
      expect(() => fillBuildKey(text, key)).toThrow(/the build's public key: must/);
    },
  );

  test('refuses a file that holds a key already', () => {
    expect(() => fillBuildKey(fillBuildKey(text, BUILD_KEY), BUILD_KEY)).toThrow(/has no place for the key/);
  });

  test('refuses a file that was edited into something else', () => {
    const edited = text.replace('allow-pw: false', 'allow-pw: true');
    expect(() => fillBuildKey(edited, BUILD_KEY, 'user-data')).toThrow(/^user-data: .*allow-pw: must be false/);
  });
});

test('the meta-data names an instance that no VM is', () => {
  const read = readYaml(renderAutoinstallMetaData('haskell-build'));
  expect(read).toEqual([{ 'instance-id': 'image-haskell-build', 'local-hostname': 'haskell-build' }]);
});

test('the schema says as much about what is read as about what is written', () => {
  const read: Autoinstall = checkAutoinstall(renderAutoinstall(AUTOINSTALL));
  expect(readYaml(renderAutoinstall(AUTOINSTALL))).toEqual([read]);
});
