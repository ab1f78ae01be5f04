import { z } from 'zod';
import {
  type ResourceShape,
  computed,
  defaulted,
  observed,
  optional,
  required,
} from '../../../../../src/model/resource-shape';
import { ObjectSchema, type WireObject } from '../../../../../src/provider/plugin/framework/object-schema';
import { planCreation, planUpdate } from '../../../../../src/provider/plugin/framework/plan';
import { Unknown } from '../../../../../src/provider/plugin/wire/dynamic-value';
import type { PlanAdvice } from '../../../../../src/provider/plugin/resource';

const schema = new ObjectSchema({
  vmName: required(z.string(), 'Name.', { replaces: true }),
  memoryMib: defaulted(z.int(), 2048, 'Memory.'),
  note: optional(z.string(), 'Note.'),
  power: observed(z.string(), 'running', 'Power.'),
  macAddress: computed(z.string(), 'MAC.', { stable: true }),
  bootId: computed(z.string(), 'Boot.'),
});
const prior: WireObject = {
  vm_name: 'alpha',
  memory_mib: 2048,
  note: null,
  power: 'running',
  mac_address: '52:54:00:00:00:01',
  boot_id: 'b1',
};
const config: WireObject = {
  vm_name: 'alpha',
  memory_mib: null,
  note: null,
  power: null,
  mac_address: null,
  boot_id: null,
};

function update(before: WireObject, wanted: WireObject, advice: PlanAdvice<ResourceShape> = {}, canUpdate = true) {
  return planUpdate(schema, canUpdate, before, wanted, () => advice);
}

test('a new object has defaults, and unknown computed and observed values', () => {
  expect(planCreation(schema, config)).toEqual({
    planned: { ...prior, power: Unknown.value, mac_address: Unknown.value, boot_id: Unknown.value },
    replace: [],
  });
});

test('nothing changes without a change, and the handler is not asked', () => {
  const ask = jest.fn();
  expect(planUpdate(schema, true, prior, config, ask)).toEqual({ planned: prior, replace: [] });
  expect(ask).not.toHaveBeenCalled();
});

test('a change makes computed values unknown, stable ones not', () => {
  expect(update(prior, { ...config, memory_mib: 4096 })).toEqual({
    planned: { ...prior, memory_mib: 4096, boot_id: Unknown.value },
    replace: [],
  });
});

test('a value that is not known yet counts as a change', () => {
  expect(update(prior, { ...config, vm_name: Unknown.value }).replace).toEqual(['vmName']);
});

test('a drifted default is set back', () => {
  expect(update({ ...prior, memory_mib: 512 }, config).planned['memory_mib']).toBe(2048);
});

test('an observed value alone is healed without touching anything computed', () => {
  expect(update({ ...prior, power: 'stopped' }, config)).toEqual({ planned: prior, replace: [] });
});

test('a new object is made for what replaces, for what the handler says, and for everything without an update', () => {
  expect(update(prior, { ...config, vm_name: 'beta', note: 'x' }).replace).toEqual(['vmName']);
  expect(update(prior, { ...config, memory_mib: 1, note: 'x' }, { replace: ['memoryMib'] }).replace).toEqual([
    'memoryMib',
  ]);
  expect(update(prior, { ...config, note: 'x' }, {}, false).replace).toEqual(['note']);
  expect(update({ ...prior, power: 'stopped' }, config, {}, false).replace).toEqual(['power']);
});

test('the handler can make a stable value unknown, and a value that an older state lacks is unknown', () => {
  const wanted = { ...config, note: 'x' };
  expect(update(prior, wanted, { unknown: ['macAddress'] }).planned['mac_address']).toBe(Unknown.value);
  expect(update({ ...prior, mac_address: null }, wanted).planned['mac_address']).toBe(Unknown.value);
});
