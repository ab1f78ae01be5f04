import fc from 'fast-check';
import { withHeartbeat } from '../../../../src/hub/heartbeats';
import { renderFleet, type FleetView } from '../../../../src/hub/page/fleet';
import { BUILD_AGENT_TYPE, instanceTitle, typeEntry, type Capability } from '../../../../src/model/capability';

const NOW = new Date('2026-11-21T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString();

const machine = (name: string, changes: Partial<Capability> = {}): Capability => ({
  id: name,
  domain: 'railiance',
  capability_type: BUILD_AGENT_TYPE,
  title: instanceTitle(name),
  description:
    'Compiles Haskell. cpus=4 memory=3922MiB memory-free=1024MiB disk-free=18432MiB load=1.5 uptime=7300s builds=cabal-fmt-1a2b,parser',
  keywords: ['haskell', 'ghc-9.8.4', 'ghc-9.6.6', `host:${name}`, 'tunnel-port:12221'],
  created_at: ago(86_400),
  updated_at: ago(12),
  ...changes,
});

const render = (view: Partial<FleetView>) =>
  renderFleet({ entries: [], heartbeatsOf: () => undefined, notes: [], now: NOW, ...view });

/** Words of the markup, as a person reads them. */
const words = (markup: string) =>
  markup
    .replace(/<title>[^<]*<\/title>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** Words of the cells of each machine. */
const rows = (markup: string) =>
  [...markup.matchAll(/<tr role="row" class=[\s\S]*?<\/tr>/g)].map(([row]) =>
    [...row.matchAll(/<t[hd] [\s\S]*?<\/t[hd]>/g)].map(([cell]) => words(cell)),
  );

it('shows what is known of a machine', () => {
  expect(rows(render({ entries: [machine('haskell-build-alpha')] }))).toEqual([
    [
      'haskell-build-alpha up 2 h',
      'fresh 12 s ago',
      '',
      'cabal-fmt-1a2b, parser',
      '9.8.4, 9.6.6',
      '12221',
      '1.50 of 4 CPUs',
      '1.0 GiB of 3.8 GiB',
      '18.0 GiB',
    ],
  ]);
});

it('leaves empty what a machine does not say', () => {
  const entry = machine('haskell-build-alpha', { description: 'load=unknown builds=none', keywords: [] });
  expect(rows(render({ entries: [entry] }))).toEqual([
    ['haskell-build-alpha', 'fresh 12 s ago', '', 'none', 'none', '', '', '', ''],
  ]);
});

it.each([
  [90, 'fresh 90 s ago', '1 machine, 1 fresh'],
  [91, 'stale 91 s ago', '1 machine, 0 fresh, 1 without heartbeats : buildfleet status says why.'],
  [-200, 'unknown 0 s ago', '1 machine, 0 fresh, 1 without heartbeats : buildfleet status says why.'],
])('says that a machine whose last heartbeat was %i s ago is %s', (age, state, sentence) => {
  const markup = render({ entries: [machine('haskell-build-alpha', { updated_at: ago(age) })] });
  expect(rows(markup)[0]?.[1]).toBe(state);
  expect(words(markup)).toContain(sentence);
});

it.each([
  ['heartbeat=120s', 300, 'fresh 5 min ago'],
  ['heartbeat=120s', 361, 'stale 6 min ago'],
  ['heartbeat=5s', 16, 'stale 16 s ago'],
])('judges a machine with %s by that', (description, age, state) => {
  const markup = render({ entries: [machine('haskell-build-alpha', { description, updated_at: ago(age) })] });
  expect(rows(markup)[0]?.[1]?.replaceAll('\u00a0', ' ')).toBe(state);
});

it('draws the heartbeats of each machine', () => {
  const history = [5, 4, 2, 1, 0].reduce<ReturnType<typeof withHeartbeat> | undefined>(
    (known, minutes) => withHeartbeat(known, new Date(ago(minutes * 60))),
    undefined,
  );
  const markup = render({
    entries: [machine('a'), machine('b')],
    heartbeatsOf: (id) => (id === 'a' ? history : undefined),
  });
  expect(markup).toContain('aria-label="last hour: heartbeats in 5 of 6 minutes"');
  expect(markup).toContain('aria-label="last 24 hours: heartbeats in 5 of 6 minutes"');
  expect(markup).toContain('<path class="beat" d="M54 0h2v1h-2zM57 0h3v1h-3z" />');
  expect(markup).toContain('<path class="missed" d="M56 0h1v1h-1z" />');
  expect(markup.match(/no heartbeat known/g)).toHaveLength(4);
});

it('tells machines from other entries', () => {
  const lamp = machine('lamp', { capability_type: 'lamp', title: 'Lamp', description: 'gives light' });
  const markup = render({ entries: [machine('haskell-build-alpha'), { ...typeEntry(), id: '2' } as Capability, lamp] });
  expect(rows(markup)).toHaveLength(1);
  expect(words(markup)).toContain(`Haskell Build Agent (type definition) ${BUILD_AGENT_TYPE} A virtual machine`);
  expect(words(markup)).toContain('Lamp lamp gives light');
});

it('shows machines by name, so that they keep their places', () => {
  const markup = render({ entries: ['gamma', 'alpha', 'beta'].map((name) => machine(`haskell-build-${name}`)) });
  expect(rows(markup).map(([name]) => name?.slice(14, 19))).toEqual(['alpha', 'beta ', 'gamma']);
});

it('says that there is nothing', () => {
  expect(words(render({}))).toBe('No machine has registered.');
});

it('shows progress notes', () => {
  const note = { id: '1', domain: 'railiance', event_type: 'image', summary: 'building', detail: 'a\n  b' };
  const markup = render({ notes: [{ ...note, created_at: ago(600), author: '' }] });
  expect(words(markup)).toMatch(/Progress 10 min ago building image a b$/);
  expect(markup).toContain('<pre>a\n  b</pre>');
});

it('shows the first of very many, and asks for no more', () => {
  const heartbeatsOf = jest.fn(() => undefined);
  const markup = render({ entries: Array.from({ length: 305 }, (_, n) => machine(`m${n}`)), heartbeatsOf });
  expect(rows(markup)).toHaveLength(300);
  expect(words(markup)).toContain('5 more are not shown');
  expect(heartbeatsOf).toHaveBeenCalledTimes(300);
});

describe('what entries and notes say', () => {
  const FIELDS = ['title', 'other', 'kind', 'description', 'summary', 'event', 'detail'] as const;
  type Texts = Record<(typeof FIELDS)[number], string>;
  const page = (texts: Texts) =>
    render({
      entries: [
        machine('a', { title: texts.title }),
        machine('b', { title: texts.other, capability_type: texts.kind, description: texts.description }),
      ],
      notes: [
        {
          id: '1',
          domain: 'd',
          event_type: texts.event,
          summary: texts.summary,
          detail: texts.detail,
          created_at: NOW.toISOString(),
          author: texts.event,
        },
      ],
    });
  const escaped = (text: string) =>
    text.replace(
      /[&<>"']/g,
      (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[character] ?? '',
    );
  const hostile = fc.oneof(
    fc.constantFrom(
      '<script>alert(1)</script>',
      '</td></table><img src=x onerror=alert(1)>',
      '" onmouseover="alert(1)',
      "' autofocus onfocus='alert(1)",
      '</pre></title></svg><script>',
      '&lt;script&gt;&#60;',
      '${alert(1)}',
      '<!-- ',
      ']]>',
      '\u202etxet',
    ),
    fc.string({ minLength: 1, unit: fc.constantFrom(...'<>&"\'/=`!- \u00e4\u{1f600}xs'.split('')) }),
    fc.string({ minLength: 1, unit: 'binary' }),
  );

  it('never becomes markup', () => {
    // The page with harmless words in the places of the hostile ones says where those must stand, and in which form.
    const places = Object.fromEntries(FIELDS.map((field) => [field, `PLACE${field}PLACE`])) as Texts;
    const harmless = page(places);
    for (const place of Object.values(places)) expect(harmless).toContain(place);
    fc.assert(
      fc.property(
        fc.record(Object.fromEntries(FIELDS.map((field) => [field, hostile])) as Record<keyof Texts, typeof hostile>),
        (texts) => {
          const expected = harmless.replace(/PLACE([a-z]+)PLACE/g, (_, field: keyof Texts) => escaped(texts[field]));
          expect(page(texts)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is not shown where it should be a fact and is none', () => {
    const entry = machine('a', {
      description: 'load=<b> builds=<script> cpus="1" memory-free=1 uptime=-1s',
      keywords: ['ghc-<script>', 'tunnel-port:"><script>', 'host:<b>'],
    });
    expect(render({ entries: [entry] })).not.toMatch(/<script|&lt;|<b>/);
  });
});
