import { z } from 'zod';
import { BuildVm } from '../../constructs/build-vm';
import { NullResource } from '../../constructs/private/cdktf';
import type { ResourceShape } from '../../src/model/resource-shape';
import { capabilityShape } from '../../src/model/resources/capability';
import { identityShape } from '../../src/model/resources/identity';
import { imageShape } from '../../src/model/resources/image';
import { managedFileShape } from '../../src/model/resources/managed-file';
import { managedFilesShape } from '../../src/model/resources/managed-files';
import { vmShape } from '../../src/model/resources/vm';
import { workstationShape } from '../../src/model/resources/workstation';
import { TestFleet } from '../support/test-fleet';

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
