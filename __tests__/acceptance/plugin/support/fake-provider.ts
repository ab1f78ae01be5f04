import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FleetError } from '../../../../src/model/errors';
import {
  computed,
  defaulted,
  defineShape,
  observed,
  optional,
  required,
  type State,
  upgradeFrom,
} from '../../../../src/model/resource-shape';
import { resource } from '../../../../src/provider/plugin/provider';
import type { ApplyContext, Resource } from '../../../../src/provider/plugin/resource';
import { serveProvider } from '../../../../src/provider/plugin/serve';

/* A provider for tests whose only resource is a JSON file. The tests bundle this file and give it to Terraform. */

const fakeThingShape = defineShape({
  type: 'buildfleet_fake_thing',
  description: 'A JSON file that stands for something real.',
  attributes: {
    name: required(z.string().regex(/^[a-z]+$/, 'must be lowercase letters'), 'Name.', { replaces: true }),
    size: defaulted(z.int().min(1), 1, 'Size in units.'),
    note: optional(z.string(), 'Free text.'),
    secret: optional(z.string().min(4), 'Never shown.', { sensitive: true }),
    forwards: optional(z.array(z.object({ hostPort: z.int().min(1024), label: z.string().optional() })), 'Ports.'),
    labels: optional(z.record(z.string(), z.string()), 'Labels by name.'),
    power: observed(z.enum(['running', 'stopped']), 'running', 'Power state.'),
    path: computed(z.string(), 'Where it lies.', { stable: true }),
    revision: computed(z.number(), 'Counts updates.'),
  },
  upgrades: [
    // version 0 called the size `amount`, counted no revisions, and had members that are gone
    upgradeFrom(z.looseObject({ amount: z.number().nullish() }), ({ amount, ...rest }) => ({
      ...{ size: amount, revision: 1 },
      ...rest,
    })),
  ],
});

type FakeState = State<typeof fakeThingShape>;

class FakeThing implements Resource<typeof fakeThingShape> {
  readonly shape = fakeThingShape;

  constructor(private readonly directory: string) {}

  async create(
    planned: Parameters<Resource<typeof fakeThingShape>['create']>[0],
    context: ApplyContext<typeof fakeThingShape>,
  ): Promise<FakeState> {
    const path = join(this.directory, `${planned.name}.json`);
    const state: FakeState = { ...planned, power: 'running', path, revision: 1 };
    context.log.debug('command', { argv: ['fake-tool', 'create', planned.name] });
    if (planned.name === 'slow') {
      writeFileSync(join(this.directory, 'started'), '');
      await delay(60_000, undefined, { signal: context.signal }).catch(() => {
        writeFileSync(join(this.directory, 'cancelled'), '');
        throw new Error('the wait was ended');
      });
    }
    this.write(state);
    if (planned.name === 'half') {
      context.keep(state);
      throw new FleetError({
        code: 'disk-full',
        problem: 'only half of it could be made',
        value: planned.size,
        remedy: 'try a smaller one',
        attribute: 'size',
      });
    }
    if (planned.name === 'defect') throw new TypeError('undefined is not a function');
    if (planned.name === 'loud') context.warn('it is loud', 'Nothing to be done.');
    return state;
  }

  read(state: FakeState): Promise<FakeState | null> {
    try {
      return Promise.resolve(JSON.parse(readFileSync(state.path, 'utf8')) as FakeState);
    } catch {
      return Promise.resolve(null);
    }
  }

  update(prior: FakeState, planned: Parameters<Resource<typeof fakeThingShape>['create']>[0]): Promise<FakeState> {
    const revision = planned.revision ?? prior.revision + 1;
    const state: FakeState = { ...planned, power: 'running', path: prior.path, revision };
    this.write(state);
    return Promise.resolve(state);
  }

  delete(state: FakeState): Promise<void> {
    rmSync(state.path, { force: true });
    return Promise.resolve();
  }

  import(id: string): Promise<FakeState> {
    return Promise.resolve(JSON.parse(readFileSync(join(this.directory, `${id}.json`), 'utf8')) as FakeState);
  }

  private write(state: FakeState): void {
    writeFileSync(state.path, JSON.stringify(state));
  }
}

void serveProvider({
  name: 'buildfleet',
  config: { stateDirectory: required(z.string().startsWith('/'), 'Where the files lie.') },
  configure: (config) => config,
  resources: [resource(fakeThingShape, (config: { stateDirectory: string }) => new FakeThing(config.stateDirectory))],
});
