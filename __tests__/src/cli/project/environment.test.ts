import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { ENVIRONMENT_FILE, parseEnvironmentFile, variablesOf } from '../../../../src/cli/project/environment';
import { temporaryDirectory } from '../../../support/temporary-directory';

const refusal = (parts: object): Error => expect.objectContaining(parts) as Error;

describe('parseEnvironmentFile', () => {
  test('values are all that stands behind the first =', () => {
    const text = ['# comment', '', 'A=1 "two" # three', 'B', '  # other', 'C=a=b=', 'D=', 'E=x\r'].join('\n');
    expect(parseEnvironmentFile(text, 'file')).toEqual([
      { name: 'A', value: '1 "two" # three' },
      { name: 'B', value: undefined },
      { name: 'C', value: 'a=b=' },
      { name: 'D', value: '' },
      { name: 'E', value: 'x' },
    ]);
  });

  test('every value without a line end comes back', () => {
    const value = fc.string({ unit: 'binary' }).filter((text) => !/[\n\r\0]/.test(text));
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z]{3,9}X$/), value, (name, text) => {
        expect(parseEnvironmentFile(`${name}=${text}\n`, 'file')).toEqual([{ name, value: text }]);
      }),
    );
  });

  test.each(['1A=x', 'A B=x', '=x', 'export A=1', 'A-B', 'UID=1', 'BASH_ENV=/x', 'SHELLOPTS=x', 'é=1'])(
    '%j is refused with its place, and without what may be a secret',
    (line) => {
      const parse = () => parseEnvironmentFile(`OK=1\n${line}secret`, '/p/file');
      expect(parse).toThrow(refusal({ code: 'environment-refused', place: '/p/file:2' }));
      expect(parse).not.toThrow(/secret/);
    },
  );
});

test.each([
  ['1A=secret', '"1A"', /give NAME/],
  ['export A=secret', '"export A"', /leave out `export`/],
  ['\uFEFFA=secret', '"\\\\u{feff}A"', /byte order mark/],
  ['BASH_ENV=secret', '"BASH_ENV"', /leave it out: the VM sets it/],
  ['PATH=secret', '"PATH"', /leave it out; `buildfleet exec/],
])('%j is refused with its name, and what to do', (line, received, remedy) => {
  const parse = () => parseEnvironmentFile(line, '/p/file');
  expect(parse).toThrow(refusal({ received, remedy: expect.stringMatching(remedy) as string, place: '/p/file:1' }));
  expect(parse).not.toThrow(/secret/);
});

describe('variablesOf', () => {
  function variables(files: Readonly<Record<string, string>>, given: readonly string[]) {
    const home = temporaryDirectory();
    const messages: string[] = [];
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), text);
    }
    mkdirSync(join(home, 'project'), { recursive: true });
    const terminal = { message: (text: string) => messages.push(text) } as never;
    const environment = { TOKEN: 'of here', OTHER: 'other' };
    const found = variablesOf({ environment, home, terminal }, join(home, 'project'), given);
    return { found: Object.fromEntries(found), messages };
  }

  test('the command line wins over the project, and that over the user', () => {
    const files = {
      '.config/buildfleet/env': 'A=user\nB=user\nC=user\nMISSING\n',
      'project/.buildfleet-env': 'B=p\nC=p',
    };
    expect(variables(files, ['C=line', 'TOKEN'])).toEqual({
      found: { A: 'user', B: 'p', C: 'line', TOKEN: 'of here' },
      messages: [],
    });
  });

  test('a project gets no value of our environment that the user does not name', () => {
    const project = { 'project/.buildfleet-env': 'TOKEN\nOTHER\nMISSING\n' };
    const refused = variables(project, ['OTHER']);
    expect(refused.found).toEqual({ OTHER: 'other' });
    expect(refused.messages).toEqual([expect.stringMatching(/^not passed: TOKEN of \.buildfleet-env: `--env TOKEN`/)]);
    expect(variables({ ...project, '.config/buildfleet/env': 'TOKEN' }, []).found).toEqual({ TOKEN: 'of here' });
  });

  test('a list that is a link, a variable that is not set and a bad name are refused', () => {
    const root = temporaryDirectory();
    symlinkSync('/etc/passwd', join(root, ENVIRONMENT_FILE));
    const context = { environment: {}, home: temporaryDirectory(), terminal: {} as never };
    expect(() => variablesOf(context, root)).toThrow(refusal({ code: 'environment-refused' }));
    for (const given of ['NOT_SET', 'A B=1', 'A=\0', 'PATH=/x', 'BASH_ENV='])
      expect(() => variablesOf(context, undefined, [given])).toThrow(refusal({ code: 'usage' }));
  });
});
