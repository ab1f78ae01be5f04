import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { type OvfAppliance, renderOvf } from '../../../../src/images/ova/ovf';

const APPLIANCE: OvfAppliance = {
  ...{ name: 'haskell', guest: 'Debian_64', cpus: 4, memoryMib: 8192 },
  machineUuid: '5bd7a3f0-0000-8000-8000-000000000001',
  disk: {
    ...{ fileName: 'haskell-disk001.vmdk', fileBytes: 400_000_000, capacityBytes: 40_960 * 2 ** 20 },
    uuid: '5bd7a3f0-0000-8000-8000-000000000002',
  },
};

test('the whole descriptor of an image', () => {
  expect(renderOvf(APPLIANCE)).toMatchSnapshot();
});

// Reads a JSON array of descriptors as an importer does: by namespace, following the references between the sections.
const READ = `
import json, sys
import xml.etree.ElementTree as tree
ENVELOPE = '{http://schemas.dmtf.org/ovf/envelope/1}'
CIM = '{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}'
VBOX = '{http://www.virtualbox.org/ovf/machine}'
def read(text):
    envelope = tree.fromstring(text.encode())
    system = envelope.find(ENVELOPE + 'VirtualSystem')
    items = [{child.tag.replace(CIM, ''): child.text for child in item} for item in system.iter(ENVELOPE + 'Item')]
    assert all(list(item) == sorted(item) for item in items)
    by_type = {item['ResourceType']: item for item in items}
    assert len(by_type) == len(items) == len({item['InstanceID'] for item in items})
    attached = by_type['17']
    assert attached['Parent'] == by_type['20']['InstanceID']
    disk = next(d for d in envelope.iter(ENVELOPE + 'Disk') if attached['HostResource'] == 'ovf:/disk/' + d.get(ENVELOPE + 'diskId'))
    file = next(f for f in envelope.iter(ENVELOPE + 'File') if f.get(ENVELOPE + 'id') == disk.get(ENVELOPE + 'fileRef'))
    assert by_type['10']['Connection'] in [n.get(ENVELOPE + 'name') for n in envelope.iter(ENVELOPE + 'Network')]
    machine = system.find(VBOX + 'Machine')
    image = machine.find('.//' + ENVELOPE + 'Image')
    assert image.get('uuid') == '{' + disk.get(VBOX + 'uuid') + '}'
    assert system.get(ENVELOPE + 'id') == machine.get('name')
    hardware = machine.find(ENVELOPE + 'Hardware')
    assert hardware.find(ENVELOPE + 'CPU').get('count') == by_type['3']['VirtualQuantity']
    assert hardware.find(ENVELOPE + 'Memory').get('RAMSize') == by_type['4']['VirtualQuantity']
    return {
        'name': machine.get('name'), 'guest': system.find('.//' + VBOX + 'OSType').text,
        'cpus': int(by_type['3']['VirtualQuantity']), 'memoryMib': int(by_type['4']['VirtualQuantity']),
        'machineUuid': machine.get('uuid')[1:-1],
        'disk': {'fileName': file.get(ENVELOPE + 'href'), 'fileBytes': int(file.get(ENVELOPE + 'size')),
                 'capacityBytes': int(disk.get(ENVELOPE + 'capacity')), 'uuid': disk.get(VBOX + 'uuid')},
    }
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
`;

test('an importer finds everything in it, and every reference leads somewhere, for all names', () => {
  // eslint-disable-next-line no-control-regex -- what XML has no place for
  const text = fc.string({ minLength: 1 }).filter((value) => !/[\u0000-\u001f\ufffe\uffff]/.test(value));
  const appliances = fc.record<OvfAppliance>({
    name: text,
    guest: fc.constantFrom('Debian_64', 'Ubuntu_64'),
    cpus: fc.integer({ min: 1, max: 256 }),
    memoryMib: fc.integer({ min: 16, max: 1_000_000 }),
    machineUuid: fc.uuid(),
    disk: fc.record({ fileName: text, fileBytes: fc.maxSafeNat(), capacityBytes: fc.maxSafeNat(), uuid: fc.uuid() }),
  });
  fc.assert(
    fc.property(fc.array(appliances, { minLength: 20, maxLength: 30 }), (samples) => {
      const input = JSON.stringify(samples.map(renderOvf));
      expect(JSON.parse(execFileSync('python3', ['-c', READ], { input, encoding: 'utf8' }))).toEqual(samples);
    }),
    { numRuns: 10 },
  );
});
