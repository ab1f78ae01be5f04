import { z } from 'zod';
import { FleetError } from '../../../../../src/model/errors';
import { computed, defineShape, required } from '../../../../../src/model/resource-shape';
import { createProviderServer } from '../../../../../src/provider/plugin/framework/provider-server';
import type { Operation, OperationResult } from '../../../../../src/provider/plugin/journal';
import { resource } from '../../../../../src/provider/plugin/provider';
import type { Resource } from '../../../../../src/provider/plugin/resource';
import { encodeValue } from '../../../../../src/provider/plugin/wire/dynamic-value';

const shape = (type: string) =>
  defineShape({
    type,
    label: 'title',
    description: 'A thing.',
    attributes: { title: required(z.string(), 'Its title.'), id: computed(z.string(), 'Its id.') },
  });
const thing = shape('fake_thing');
const foreign = shape('other_thing');

let journals: number;
let log: (Operation | OperationResult | string)[];
let behaviour: Pick<Resource<typeof thing>, 'create'>;

function server() {
  const handler = (of: typeof thing): Resource<typeof thing> => ({
    shape: of,
    create: (planned, context) => behaviour.create(planned, context),
    read: (state, { progress }) => {
      progress.step('reading');
      return Promise.resolve(state);
    },
    delete: (_state, { progress }) => {
      progress.step('deleting it');
      return Promise.resolve();
    },
  });
  return createProviderServer(
    {
      name: 'fake',
      config: {},
      configure: () => null,
      resources: [resource(thing, () => handler(thing)), resource(foreign, () => handler(foreign))],
      journal: () => {
        journals += 1;
        return {
          begin: (operation) => {
            log.push(operation);
            return {
              step: (text) => log.push(text),
              amount: () => undefined,
              end: (result) => log.push(result),
            };
          },
        };
      },
      watched: (progress, work) => {
        progress.step('watched');
        return work();
      },
    },
    {
      isLogging: false,
      logger: () => ({ debug: () => undefined, info: () => undefined, warn: () => undefined }),
    },
  ).server;
}

const object = encodeValue({ title: 'one', id: '1' });
const none = encodeValue(null);

beforeEach(() => {
  journals = 0;
  log = [];
  behaviour = {
    create: (planned, context) => {
      context.progress.step('making it');
      context.warn('it is ugly', '');
      return Promise.resolve({ ...planned, id: '1' });
    },
  };
});

async function apply(typeName: string, priorState: Buffer | typeof none, plannedState: typeof none) {
  const serving = server();
  await serving.ConfigureProvider({ config: encodeValue({}) });
  return serving.ApplyResourceChange({ typeName, priorState, plannedState, config: plannedState } as never);
}

test('a change is recorded by its label, with its steps, its warnings and its end', async () => {
  await apply('fake_thing', none, object);
  expect(log).toEqual([
    { type: 'fake_thing', name: 'one', action: 'create' },
    'watched',
    'making it',
    { outcome: 'done', warnings: ['it is ugly'], error: null },
  ]);
});

test('a deletion is recorded by what was there', async () => {
  await apply('fake_thing', object, none);
  expect(log).toEqual([
    { type: 'fake_thing', name: 'one', action: 'delete' },
    'watched',
    'deleting it',
    { outcome: 'done', warnings: [], error: null },
  ]);
});

test('a failure is recorded with what Terraform says of it', async () => {
  behaviour = {
    create: () => {
      throw new FleetError({ code: 'vm-missing', problem: 'there is none', place: 'here', remedy: 'wait' });
    },
  };
  await apply('fake_thing', none, object);
  expect(log.at(-1)).toEqual({ outcome: 'failed', warnings: [], error: 'here: there is none' });
});

test('what was stopped half way is interrupted, whether the handler throws or warns', async () => {
  for (const create of [
    () => Promise.reject(new Error('aborted')),
    ((planned, context) => {
      context.warn('there and not ready', '');
      return Promise.resolve({ ...planned, id: '1' });
    }) satisfies Resource<typeof thing>['create'],
  ]) {
    const serving = server();
    await serving.ConfigureProvider({ config: encodeValue({}) });
    behaviour = {
      create: (planned, context) => {
        void serving.StopProvider({});
        return create(planned, context);
      },
    };
    await serving.ApplyResourceChange({
      typeName: 'fake_thing',
      priorState: none,
      plannedState: object,
      config: object,
    });
    expect(log.at(-1)).toMatchObject({ outcome: 'cancelled' });
  }
});

test('reads and plans make no journal, nor do types of another provider', async () => {
  const serving = server();
  await serving.ConfigureProvider({ config: encodeValue({}) });
  await serving.ReadResource({ typeName: 'fake_thing', currentState: object });
  await serving.PlanResourceChange({
    typeName: 'fake_thing',
    priorState: none,
    proposedNewState: object,
    config: object,
  });
  await serving.ApplyResourceChange({
    typeName: 'other_thing',
    priorState: none,
    plannedState: object,
    config: object,
  });
  expect(journals).toBe(0);
  expect(log).toEqual([]);
});
