import fc from 'fast-check';
import { escapeTemplates } from '../../../constructs/private/template-escape';

test.each([
  ['${path}', '$${path}'],
  ['%{ if x }', '%%{ if x }'],
  ['$HOME and 100 %', '$HOME and 100 %'],
  ['key ${TfToken[TOKEN.3]}', 'key ${TfToken[TOKEN.3]}'],
])('%j becomes %j', (text, escaped) => {
  expect(escapeTemplates(text)).toBe(escaped);
});

test('Terraform would read back what was written', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('${', '%{', '}', 'a', ' ')), (parts) => {
      const text = parts.join('');
      const read = escapeTemplates(text).replaceAll('$${', '${').replaceAll('%%{', '%{');
      expect(read).toBe(text);
    }),
  );
});
