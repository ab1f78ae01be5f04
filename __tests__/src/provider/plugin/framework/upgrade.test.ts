import { z } from 'zod';
import { defaulted, defineShape, optional, required, upgradeFrom } from '../../../../../src/model/resource-shape';
import { ObjectSchema } from '../../../../../src/provider/plugin/framework/object-schema';
import { upgradeState } from '../../../../../src/provider/plugin/framework/upgrade';

/** Version 0 said `size` in GiB, version 1 said `port` instead of the list `ports`. */
const shape = defineShape({
  type: 'fake_thing',
  label: 'thingName',
  description: 'A thing.',
  attributes: {
    thingName: required(z.string(), 'Name.'),
    sizeMib: required(z.number(), 'Size.'),
    ports: required(z.array(z.number()), 'Ports.'),
    mode: defaulted(z.string(), 'slow', 'Mode.'),
    note: optional(z.string(), 'Note.'),
  },
  upgrades: [
    upgradeFrom(z.looseObject({ size: z.number() }), ({ size, ...rest }) => ({ ...rest, size_mib: size * 1024 })),
    upgradeFrom(z.looseObject({ port: z.number() }), ({ port, ...rest }) => ({ ...rest, ports: [port], mode: 'fast' })),
  ],
});
const schema = new ObjectSchema(shape.attributes);
const upgrade = (version: number, state: unknown) =>
  upgradeState(shape, schema, version, Buffer.from(JSON.stringify(state)));

const today = { thing_name: 'a', size_mib: 2048, ports: [7], mode: 'fast', note: null };

test.each([
  [0, { thing_name: 'a', size: 2, port: 7, retired: true }],
  [1, { thing_name: 'a', size_mib: 2048, port: 7 }],
  [2, { thing_name: 'a', size_mib: 2048, ports: [7], mode: 'fast', note: null }],
])('a state of version %i goes through each later step once', (version, state) => {
  expect(upgrade(version, state)).toEqual(today);
});

test.each([
  [0, { thing_name: 'a', size: 'big', port: 7 }, 'size'],
  [0, { thing_name: 'a', size: 2 }, 'port'],
  [2, { thing_name: 'a', ports: 7 }, 'map is not a function'],
])('a state that is not of its version %i is refused', (version, state, problem) => {
  expect(() => upgrade(version, state)).toThrow(
    expect.objectContaining({
      ...{ code: 'state-not-upgradable', place: 'fake_thing a', problem: expect.stringContaining(problem) as string },
    }) as Error,
  );
});

test('a state of a version that is not known yet is refused', () => {
  expect(() => upgrade(3, today)).toThrow(
    'fake_thing a: a newer buildfleet has written this state: it has schema version 3, and this one knows 2: ' +
      'use the newer buildfleet, or restore a state from before it',
  );
});
