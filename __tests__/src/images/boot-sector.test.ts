import { bootSectors, PARTITION_START, SECTOR } from '../../../src/images/boot-sector';

const bootImage = Buffer.alloc(512, 0x11);
const coreImage = Buffer.alloc(1000, 0x22);
const sectors = bootSectors({ bootImage, coreImage, diskMib: 40_960, diskId: 0xdeadbeef });

test('the partition table has one active Linux partition up to the end of the disk', () => {
  expect(sectors.readUInt32LE(440)).toBe(0xdeadbeef);
  expect(sectors[446]).toBe(0x80);
  expect(sectors[450]).toBe(0x83);
  expect(sectors.readUInt32LE(454)).toBe(PARTITION_START);
  expect(sectors.readUInt32LE(458)).toBe(40_960 * 2048 - PARTITION_START);
  expect([...sectors.subarray(462, 510)].every((byte) => byte === 0)).toBe(true);
  expect(sectors.readUInt16LE(510)).toBe(0xaa55);
});

test("GRUB's boot code stands before the table, its core after it, in whole sectors", () => {
  expect(sectors[0]).toBe(0x11);
  expect([...sectors.subarray(0x66, 0x68)]).toEqual([0x90, 0x90]);
  expect(sectors.subarray(SECTOR, SECTOR + 1000)).toEqual(coreImage);
  expect(sectors.length).toBe(3 * SECTOR);
});

test('a core that would reach into the partition is refused', () => {
  const parts = { bootImage, diskMib: 40_960, diskId: 1 };
  expect(() => bootSectors({ ...parts, coreImage: Buffer.alloc((PARTITION_START - 1) * SECTOR) })).not.toThrow();
  expect(() => bootSectors({ ...parts, coreImage: Buffer.alloc((PARTITION_START - 1) * SECTOR + 1) })).toThrow();
});
