import fc from 'fast-check';
import { debianLines, parseDeb822Sources, parseOneLineSources } from '../../../src/images/apt-sources';

const STOCK = `Types: deb deb-src
# a comment inside a stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

test("a Debian workstation's archives serve the image's suite", () => {
  expect(debianLines(parseDeb822Sources(STOCK), 'trixie')).toEqual([
    'deb http://mirror.example/debian trixie main',
    'deb http://mirror.example/debian trixie-updates main',
    'deb http://mirror.example/debian-security trixie-security main',
  ]);
});

test('the one-line format says the same', () => {
  const text = `# deb http://off.example/debian bookworm main
deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://mirror.example/debian/ bookworm main contrib # why
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
`;
  expect(debianLines(parseOneLineSources(text), 'trixie')).toEqual([
    'deb http://mirror.example/debian/ trixie main',
    'deb http://mirror.example/debian-security trixie-security main',
  ]);
});

test.each([
  ['Ubuntu', 'deb http://archive.example/ubuntu noble main'],
  ['a vendor with a Debian suite name', 'deb https://apt.vendor.example bookworm main'],
  ['a vendor with a Debian path', 'deb https://download.vendor.example/linux/debian bookworm stable'],
  [
    'a vendor with its own key',
    'deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian bookworm main',
  ],
  ['a CD', 'deb cdrom:[Debian]/ bookworm main'],
  ['something with a quote', `deb http://mirror.example/a'b/debian bookworm main`],
])('%s is not a Debian mirror', (_, line) => {
  expect(debianLines(parseOneLineSources(line), 'trixie')).toEqual([]);
});

test('a disabled stanza, one of sources, and one without a URI are left out', () => {
  const stanza = (extra: string) =>
    `Types: deb\nURIs: http://x.example/debian\nSuites: sid\nComponents: main\n${extra}\n`;
  expect(parseDeb822Sources(stanza('Enabled: no'))).toEqual([]);
  expect(parseDeb822Sources(stanza('Types: deb-src'))).toEqual([]);
  expect(parseDeb822Sources('Types: deb\nSuites: sid\n')).toEqual([]);
  expect(parseDeb822Sources(stanza('Enabled: yes'))).toHaveLength(1);
});

test('a key inside the file is taken as the value of its field', () => {
  const text = `Types: deb
URIs: https://vendor.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://evil.example/debian
 -----END PGP PUBLIC KEY BLOCK-----
`;
  const sources = parseDeb822Sources(text);
  expect(sources.map((source) => source.uri)).toEqual(['https://vendor.example/debian']);
  expect(debianLines(sources, 'trixie')).toEqual([]);
});

test('what was written is read back, in both formats', () => {
  const word = fc.string({
    unit: fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz0123456789')),
    minLength: 1,
    maxLength: 8,
  });
  const source = fc.record({
    uri: word.map((name) => `http://${name}.example/debian`),
    suite: word,
    components: fc.array(word, { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(source, { maxLength: 5 }), fc.constantFrom('\n', '\n\n', '\n# x\n'), (sources, gap) => {
      const expected = sources.map((each) => ({ ...each, signedBy: undefined }));
      const lines = sources.map((each) => `deb ${each.uri} ${each.suite} ${each.components.join(' ')}`);
      expect(parseOneLineSources(lines.join(gap))).toEqual(expected);
      const stanzas = sources.map(
        (each) => `Types: deb\nURIs: ${each.uri}\nSuites: ${each.suite}\nComponents: ${each.components.join(' ')}\n`,
      );
      expect(parseDeb822Sources(stanzas.join('\n'))).toEqual(expected);
    }),
  );
});

test('no text makes a parser fail', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseOneLineSources(text);
      parseDeb822Sources(text);
    }),
  );
});
