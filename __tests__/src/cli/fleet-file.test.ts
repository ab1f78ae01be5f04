import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findFleetFile, findVm, loadFleet } from '../../../src/cli/fleet-file';
import { Validated } from '../../../src/cli/validated';
import { hubOfFleet } from '../../../src/provider/journal/hub-notes';
import { deployedDeveloperKey } from '../../../src/provider/resources/vm/deployed-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';

const RENDERED = join(__dirname, '../../../rendered/fleet/fleet.json');

let home: string;

beforeEach(() => {
  home = temporaryDirectory();
});

function deployed(name: string): string {
  const file = join(home, '.local/state/buildfleet', name, 'fleet.json');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '{}');
  return file;
}

const find = (option?: string, environment: NodeJS.ProcessEnv = {}) => findFleetFile({ option, environment, home });

/** The error that a call ends with. */
function errorOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

describe('findFleetFile', () => {
  test('--fleet comes before the environment, and that before what was deployed', () => {
    const only = deployed('fleet');
    expect(find('/a/fleet.json', { BUILDFLEET_FLEET: '/b/fleet.json' })).toBe('/a/fleet.json');
    expect(find(undefined, { BUILDFLEET_FLEET: '/b/fleet.json' })).toBe('/b/fleet.json');
    expect(find(undefined, { BUILDFLEET_FLEET: '' })).toBe(only);
    expect(find('~/mine.json')).toBe(join(home, 'mine.json'));
  });

  test('directories without a fleet.json do not count', () => {
    mkdirSync(join(home, '.local/state/buildfleet/half'), { recursive: true });
    expect(errorOf(() => find())).toMatchObject({
      code: 'fleet-not-found',
      message: expect.stringContaining('make deploy'),
    });
    const only = deployed('whole');
    expect(find()).toBe(only);
  });

  test('of several fleets none is guessed; all are named', () => {
    const files = [deployed('fleet'), deployed('laptops')];
    expect(errorOf(() => find())).toMatchObject({
      code: 'fleet-ambiguous',
      message: expect.stringContaining(files.join(', ')),
    });
  });
});

describe('loadFleet', () => {
  test('reads what synth writes, with the home directory filled in', () => {
    const { fleet, sshConfig, paths } = loadFleet(RENDERED, '/home/somebody');
    expect(fleet.vms.map(({ id }) => id)).toContain('alpha');
    expect(sshConfig).toBe(`/home/somebody/.local/state/buildfleet/${fleet.fleet}/ssh-config`);
    expect(paths.stateDirectory).toBe(dirname(sshConfig));
  });

  test.each([
    ['no JSON', '{', 'not JSON'],
    ['another version', JSON.stringify({ formatVersion: 2 }), 'formatVersion'],
    ['a field too many', JSON.stringify({ ...JSON.parse(readFileSync(RENDERED, 'utf8')), surprise: 1 }), 'surprise'],
  ])('refuses %s and names file, field and remedy', (_, text, named) => {
    const file = join(home, 'fleet.json');
    writeFileSync(file, text);
    const act = () => loadFleet(file, home);
    expect(errorOf(act)).toMatchObject({
      code: 'fleet-unreadable',
      place: file,
      problem: expect.stringContaining(named),
      remedy: expect.stringContaining('make deploy'),
    });
  });

  test('a file that is not there is no unreadable one', () => {
    expect(errorOf(() => loadFleet(join(home, 'none.json'), home))).toMatchObject({ code: 'fleet-not-found' });
  });
});

describe('a fleet.json that an earlier version deployed', () => {
  const read = (name: string) => join(__dirname, 'support', name);

  test.each([
    ['earlier-fleet.json', 'nat'],
    ['earlier-laptops.json', 'bridged'],
  ])('%s stands for the defaults that clients took then', (name, network) => {
    const earlier = JSON.parse(readFileSync(read(name), 'utf8')) as {
      workstation: object;
      hosts: object[];
      images: object[];
    };
    const loaded = loadFleet(read(name), '/home/somebody');
    expect(loaded.fleet).toEqual({
      ...earlier,
      cacheDirectory: '~/.cache/buildfleet',
      workstation: { ...earlier.workstation, operatorSshConfig: '~/.ssh/config' },
      hosts: earlier.hosts.map((host) => ({ ...host, network, bridgeAdapter: null, userNetwork: 'isolated' })),
      images: earlier.images.map((image) => ({ ...image, buildHypervisor: null })),
    });
    expect(loaded).toMatchObject({
      cacheDirectory: '/home/somebody/.cache/buildfleet',
      operatorSshConfig: '/home/somebody/.ssh/config',
    });
  });

  test('is completed also where it was found valid before', () => {
    mkdirSync(join(home, 'run'), { mode: 0o700 });
    const validated = new Validated({ XDG_RUNTIME_DIR: join(home, 'run') });
    const first = loadFleet(read('earlier-fleet.json'), home, validated);
    expect(validated.knows(read('earlier-fleet.json'), readFileSync(read('earlier-fleet.json'), 'utf8'))).toBe(true);
    expect(loadFleet(read('earlier-fleet.json'), home, validated)).toEqual(first);
  });

  test('is read by the provider that takes the fleet over', () => {
    expect(hubOfFleet(read('earlier-fleet.json'))).toMatchObject({ client: { url: 'http://127.0.0.1:8000' } });
    expect(deployedDeveloperKey(read('earlier-fleet.json'))).toBe('~/.ssh/id_build');
  });
});

describe('findVm', () => {
  const loaded = loadFleet(RENDERED, '/home/somebody');

  test.each(['alpha', 'haskell-build-alpha', 'haskell-build'])('takes %s for alpha', (alias) => {
    expect(findVm(loaded, alias).id).toBe('alpha');
  });

  test('names the VMs there are when there is no such one', () => {
    expect(errorOf(() => findVm(loaded, 'omega'))).toMatchObject({
      code: 'vm-unknown',
      remedy: expect.stringMatching(/use one of: alpha/),
    });
  });
});

describe('a text that was found valid', () => {
  const valid = readFileSync(RENDERED, 'utf8');
  let environment: NodeJS.ProcessEnv;
  let file: string;

  beforeEach(() => {
    mkdirSync(join(home, 'run'), { mode: 0o700 });
    environment = { XDG_RUNTIME_DIR: join(home, 'run') };
    file = join(home, 'fleet.json');
  });

  const loadIt = () => loadFleet(file, home, new Validated(environment));

  test('is read as it was the first time', () => {
    writeFileSync(file, valid);
    const first = loadIt();
    expect(new Validated(environment).knows(file, valid)).toBe(true);
    expect(loadIt()).toEqual(first);
  });

  test('does not stand for another text, nor for another file', () => {
    writeFileSync(file, valid);
    loadIt();
    const wrong = valid.replace('"formatVersion": 1', '"formatVersion": 2');
    expect(wrong).not.toBe(valid);
    writeFileSync(file, wrong);
    expect(loadIt).toThrow('formatVersion');
    expect(new Validated(environment).knows(join(home, 'other.json'), valid)).toBe(false);
  });
});
