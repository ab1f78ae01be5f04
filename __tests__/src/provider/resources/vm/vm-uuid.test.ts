import { vmUuid } from '../../../../../src/provider/resources/vm/vm-uuid';

const IDENTITY = { fleet: 'fleet', name: 'alpha', imageHash: 'i', hostFingerprint: 'h', tunnelFingerprint: 't' };

test('the same VM has the same UUID for ever, which is a valid version 5 one', () => {
  expect(vmUuid(IDENTITY)).toMatchInlineSnapshot(`"5e7861e7-bfaa-562b-97fe-fd403a691d39"`);
  expect(vmUuid(IDENTITY)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test.each(Object.keys(IDENTITY))('another %s is another VM', (part) => {
  expect(vmUuid({ ...IDENTITY, [part]: 'other' })).not.toBe(vmUuid(IDENTITY));
});

test('parts do not run into each other', () => {
  expect(vmUuid({ ...IDENTITY, fleet: 'a', name: 'b-c' })).not.toBe(vmUuid({ ...IDENTITY, fleet: 'a-b', name: 'c' }));
});
