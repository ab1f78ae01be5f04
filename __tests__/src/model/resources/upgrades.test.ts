import { schemaVersion } from '../../../../src/model/resource-shape';
import { ObjectSchema, type WireObject } from '../../../../src/provider/plugin/framework/object-schema';
import { planUpdate } from '../../../../src/provider/plugin/framework/plan';
import { createProviderServer } from '../../../../src/provider/plugin/framework/provider-server';
import { decodeValue } from '../../../../src/provider/plugin/wire/dynamic-value';
import { resources } from '../../../../src/provider/resources';
import { added, earlierStates } from './earlier-states';

const log = () => undefined;
// not configured, as Terraform may ask for upgrades before it configures a provider
const { server } = createProviderServer(
  { name: 'buildfleet', config: {}, configure: () => ({}) as never, resources },
  { isLogging: false, logger: () => ({ debug: log, info: log, warn: log }) },
);

async function upgrade(typeName: string, version: number, state: object): Promise<WireObject> {
  const json = Buffer.from(JSON.stringify(state));
  const answer = await server.UpgradeResourceState({ typeName, version, rawState: { json } });
  expect(answer.diagnostics).toEqual([]);
  return decodeValue(answer.upgradedState) as WireObject;
}

/** The plan for a configuration that says what an object already is. */
function planFor(schema: ObjectSchema, prior: WireObject, wanted: WireObject = prior) {
  const configured = schema.attributes.filter(({ attribute }) =>
    ['required', 'optional', 'defaulted'].includes(attribute.kind),
  );
  const config = Object.fromEntries(configured.map(({ wireName }) => [wireName, wanted[wireName] as string]));
  return planUpdate(schema, true, prior, config, () => ({}));
}

const entries = resources.map(({ shape }) => ({ shape, schema: new ObjectSchema(shape.attributes) }));

describe.each(entries)('the state of $shape.type', ({ shape, schema }) => {
  const states = earlierStates[shape.type] ?? [];

  test.each(states)('of the shape "$shape", version $version, is upgraded to a whole one', async (earlier) => {
    const upgraded = await upgrade(shape.type, earlier.version, earlier.state);
    const all = Object.entries(added[shape.type] ?? {});
    // An optional attribute may be younger than any shape.
    const missing = earlier.shape === 'first' ? all : all.filter(([, value]) => value === null);
    expect(upgraded).toEqual({ ...Object.fromEntries(missing), ...earlier.state });
    for (const { name, attribute } of schema.attributes) {
      const value = schema.toHandler(upgraded)[name];
      if (attribute.kind === 'optional' && value === null) continue;
      expect([name, attribute.type.safeParse(value).error?.issues ?? []]).toEqual([name, []]);
    }
  });

  test.each(states)('of the shape "$shape", version $version, plans no change', async (earlier) => {
    const observed = schema.attributes.filter(({ attribute }) => attribute.kind === 'observed');
    const asDesired = Object.fromEntries(observed.map(({ wireName, attribute }) => [wireName, attribute.default]));
    const known = Object.keys(asDesired).filter((name) => name in earlier.state);
    const healthy = { ...earlier.state, ...Object.fromEntries(known.map((name) => [name, asDesired[name]])) };
    const upgraded = await upgrade(shape.type, earlier.version, healthy);
    expect(planFor(schema, upgraded)).toEqual({ planned: upgraded, replace: [] });
  });

  // An attribute was added, renamed or removed: see defineShape whether the version has to be raised, and add a state.
  test('is listed with the members and the version of today last', () => {
    const last = states.at(-1);
    expect(last?.version).toBe(schemaVersion(shape));
    expect(Object.keys(last?.state ?? {}).sort()).toEqual(schema.attributes.map(({ wireName }) => wireName).sort());
  });

  test('of a newer version is refused', async () => {
    const json = Buffer.from(JSON.stringify({ ...states.at(-1)?.state, name: 'haskell' }));
    const version = schemaVersion(shape) + 1;
    const { upgradedState, diagnostics } = await server.UpgradeResourceState({
      ...{ typeName: shape.type, version, rawState: { json } },
    });
    expect(upgradedState).toBeUndefined();
    expect(diagnostics).toEqual([
      expect.objectContaining({
        severity: 1,
        summary: expect.stringMatching(`^${shape.type}.*: a newer buildfleet has written this state`) as string,
        detail: 'Use the newer buildfleet, or restore a state from before it.',
      }),
    ]);
  });
});

test('a VM from before draining is updated in place where the fleet now says how', async () => {
  const { schema } = entries.find(({ shape }) => shape.type === 'buildfleet_vm')!;
  const upgraded = await upgrade('buildfleet_vm', 0, earlierStates['buildfleet_vm']![0]!.state);
  const wanted = { ...upgraded, developer_key: '~/.ssh/id_build', drain_timeout_seconds: 60 };
  expect(planFor(schema, upgraded, wanted)).toEqual({ planned: wanted, replace: [] });
});

test('the schemas that Terraform is told carry the versions', async () => {
  const { resourceSchemas } = await server.GetProviderSchema({});
  expect(Object.fromEntries(Object.entries(resourceSchemas).map(([type, { version }]) => [type, version]))).toEqual({
    ...{ buildfleet_capability: 0, buildfleet_identity: 1, buildfleet_image: 1, buildfleet_managed_file: 0 },
    ...{ buildfleet_managed_files: 0, buildfleet_vm: 1, buildfleet_workstation: 0, null_resource: 0 },
  });
});
