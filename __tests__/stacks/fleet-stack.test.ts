import { Construct } from 'constructs';
import { z } from 'zod';
import { BuildVm } from '../../constructs/build-vm';
import { HaskellBuildImage } from '../../constructs/haskell-build-image';
import { NullResource } from '../../constructs/private/cdktf';
import type { ResourceShape } from '../../src/model/resource-shape';
import { capabilityShape } from '../../src/model/resources/capability';
import { identityShape } from '../../src/model/resources/identity';
import { imageShape } from '../../src/model/resources/image';
import { managedFileShape } from '../../src/model/resources/managed-file';
import { managedFilesShape } from '../../src/model/resources/managed-files';
import { vmShape } from '../../src/model/resources/vm';
import { workstationShape } from '../../src/model/resources/workstation';
import { type Plan, TestFleet } from '../support/test-fleet';

function fleetOfTwo(): TestFleet {
  const fleet = new TestFleet();
  new BuildVm(fleet.stack, 'alpha', fleet.standard);
  new BuildVm(fleet.stack, 'beta', fleet.standard);
  return fleet;
}

test('providers come from the stack itself, and the state lies beside main.ts', () => {
  const plan = fleetOfTwo().plan();
  expect(plan.terraform).toEqual({
    backend: { local: { path: '../../../terraform.fleet.tfstate' } },
    required_providers: { buildfleet: { source: 'buildfleet.local/fleet/buildfleet', version: '0.1.0' } },
  });
  expect(plan.provider['buildfleet']).toEqual([
    { fleet: 'fleet', state_directory: '~/.local/state/buildfleet/fleet', cache_directory: '~/.cache/buildfleet' },
  ]);
});

test('our process serves every null_resource of the stack, also one that names no provider', () => {
  const fleet = fleetOfTwo();
  new NullResource(fleet.stack, 'own', { triggers: { a: 'b' } });
  const resources = Object.values(fleet.plan().resource['null_resource']!);
  expect(resources.map((resource) => resource['provider' as keyof typeof resource])).toEqual([
    'buildfleet',
    'buildfleet',
    'buildfleet',
  ]);
});

test("a stack may ask for the registry's null provider", () => {
  const fleet = new TestFleet({ stack: { nullProvider: 'registry' } });
  new NullResource(fleet.stack, 'own', { triggers: { a: 'b' } });
  const plan = fleet.plan();
  expect(plan.terraform['required_providers']!['null']).toMatchObject({ source: 'null' });
  expect(plan.resource['null_resource']!['own']).not.toHaveProperty('provider');
});

test('addresses are what people call things', () => {
  const { resource } = fleetOfTwo().plan();
  const addresses = Object.entries(resource).flatMap(([type, ofType]) =>
    Object.keys(ofType).map((name) => `${type}.${name}`),
  );
  expect(addresses).toEqual(
    expect.arrayContaining([
      'buildfleet_vm.alpha',
      'buildfleet_image.haskell',
      'buildfleet_identity.beta_identity',
      'null_resource.alpha_smoke',
    ]),
  );
});

describe('a construct that moves in the tree', () => {
  const planIn = (scopeOf: (fleet: TestFleet) => Construct): Plan => {
    const fleet = new TestFleet();
    const scope = scopeOf(fleet);
    const image = HaskellBuildImage.debian(scope, 'other');
    new BuildVm(scope, 'beta', { ...fleet.standard, image });
    return fleet.plan();
  };
  const withoutPlaces = (plan: Plan): unknown =>
    JSON.parse(JSON.stringify(plan.resource, (key, value: unknown) => (key === '//' ? undefined : value)));
  const flat = planIn(({ stack }) => stack);

  test.each<[string, (fleet: TestFleet) => Construct, string]>([
    ['a group', ({ stack }) => new Construct(stack, 'team'), 'team'],
    ['a group of a group', ({ stack }) => new Construct(new Construct(stack, 'here'), 'team'), 'here_team'],
    ['the workstation', ({ workstation }) => workstation, 'workstation'],
    ['an image', ({ image }) => image, 'haskell'],
  ])('into %s keeps its addresses; what is deployed under others is moved', (_, scopeOf, place) => {
    const nested = planIn(scopeOf);
    expect(withoutPlaces(nested)).toEqual(withoutPlaces(flat));
    expect(nested.moved).toEqual(
      expect.arrayContaining([
        { from: `buildfleet_image.${place}_other`, to: 'buildfleet_image.other' },
        { from: `buildfleet_identity.${place}_beta_identity`, to: 'buildfleet_identity.beta_identity' },
        { from: `buildfleet_vm.${place}_beta`, to: 'buildfleet_vm.beta' },
        { from: `null_resource.${place}_beta_smoke`, to: 'null_resource.beta_smoke' },
      ]),
    );
  });

  test('what stands in the stack itself has nothing to move', () => {
    expect(flat).not.toHaveProperty('moved');
  });

  test('two images of one name are reported, also in two groups: their files have the same place', () => {
    const fleet = new TestFleet();
    HaskellBuildImage.debian(new Construct(fleet.stack, 'team'), 'haskell');
    expect(() => fleet.plan()).toThrow('fleet/team/haskell: fleet/haskell has the same name');
  });
});

test('every resource fits its shape, references apart', () => {
  const shapes: readonly ResourceShape[] = [
    capabilityShape,
    identityShape,
    imageShape,
    managedFileShape,
    managedFilesShape,
    vmShape,
    workstationShape,
  ];
  const { resource } = fleetOfTwo().plan();
  const ours = Object.entries(resource).filter(([type]) => type !== 'null_resource');
  expect(ours.map(([type]) => type).sort()).toEqual(shapes.map(({ type }) => type).sort());
  for (const [type, ofType] of ours) {
    const { attributes } = shapes.find((shape) => shape.type === type)!;
    for (const resource of Object.values(ofType)) {
      const given = Object.entries(resource).filter(([name]) => !['//', 'depends_on', 'lifecycle'].includes(name));
      const values = camelCase(Object.fromEntries(given)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(values)) {
        const attribute = attributes[name]!;
        expect(['required', 'optional', 'defaulted']).toContain(attribute.kind);
        if (!isReference(value)) expect(z.safeParse(attribute.type, value).error?.issues ?? []).toEqual([]);
      }
      for (const [name, attribute] of Object.entries(attributes)) {
        if (attribute.kind === 'required') expect(Object.keys(values)).toContain(name);
      }
    }
  }
});

function isReference(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('${');
}

function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [toCamelCase(key), camelCase(member)]));
}

/** `memory_mib` → `memoryMib` */
function toCamelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
