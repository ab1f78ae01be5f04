import { readFileSync } from 'node:fs';
import { NAME_PATTERN } from '../../../src/model/names';

test.each(['setup-vm.sh', 'inject-keys.sh'])('%s takes the names that a fleet takes', (script) => {
  const text = readFileSync(`assets/haskell/scripts/${script}`, 'utf8');
  expect(text.split('\n').filter((line) => /^(must_match )?(\[\[ \$name =~ |--name )/.test(line))).toEqual([
    expect.stringContaining(NAME_PATTERN.source),
  ]);
});
