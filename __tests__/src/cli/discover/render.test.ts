import { renderDiscovery } from '../../../../src/cli/discover/render';
import type { DiscoveryReport } from '../../../../src/cli/discover/report';

const REPORT: DiscoveryReport = {
  ...{ formatVersion: 1, hub: 'http://127.0.0.1:8000', type: null, domain: null, malformed: 0 },
  entries: [
    {
      ...{ id: '1', kind: 'type', capabilityType: 'agent', domain: 'railiance', title: 'Agent', description: '' },
      ...{ keywords: ['haskell', 'type-definition'], ageSeconds: null },
    },
    {
      ...{
        id: '2',
        kind: 'instance',
        capabilityType: 'agent',
        domain: 'railiance',
        title: 'a\u001b[31m\nb',
        description: '',
      },
      ...{ keywords: ['haskell'], ageSeconds: 12 },
    },
  ],
};

test('a line for each entry, the type told from the machines', () => {
  expect(renderDiscovery(REPORT, false).split('\n')).toEqual([
    'TYPE   DOMAIN     KIND      TITLE  WRITTEN   KEYWORDS',
    'agent  railiance  type      Agent            haskell type-definition',
    'agent  railiance  instance  a b    12 s ago  haskell',
  ]);
});

test('a narrow terminal goes without keywords', () => {
  expect(renderDiscovery(REPORT, false, 60).split('\n')[0]).toBe('TYPE   DOMAIN     KIND      TITLE  WRITTEN');
});
