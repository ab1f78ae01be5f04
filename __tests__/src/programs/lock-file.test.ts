import { renderLockFile } from '../../../src/programs/lock-file';

const OWN = { source: 'buildfleet.local/fleet/buildfleet', version: '0.1.0', hash: 'h1:abc=' };

const locked = (source: string, constraints: string): string =>
  `provider "${source}" {\n  version     = "3.2.4"\n  constraints = "${constraints}"\n  hashes = [\n    "h1:x=",\n  ]\n}`;

test('a stack that requires our provider alone gets what terraform init would write', () => {
  expect(renderLockFile(OWN, [OWN], '')).toMatchInlineSnapshot(`
   "# This file is maintained automatically by "terraform init".
   # Manual edits may be lost in future updates.

   provider "buildfleet.local/fleet/buildfleet" {
     version     = "0.1.0"
     constraints = "0.1.0"
     hashes = [
       "h1:abc=",
     ]
   }
   "
  `);
});

test('each other provider gets an entry that cdktf reads and Terraform does not', () => {
  const text = renderLockFile(
    OWN,
    [OWN, { source: 'null', version: '3.2.4' }, { source: 'a/b' }, { source: 'h.x/a/b' }],
    '',
  );
  expect(text.slice(text.indexOf('/*'))).toMatchInlineSnapshot(`
   "/*
   provider "registry.terraform.io/hashicorp/null" {
     constraints = ">= 0"
   }
   provider "registry.terraform.io/a/b" {
     constraints = ">= 0"
   }
   provider "h.x/a/b" {
     constraints = ">= 0"
   }
   */
   "
  `);
});

describe('an entry that Terraform has written', () => {
  const rendered = (version: string | undefined, present: string): string =>
    renderLockFile(OWN, [{ source: 'hashicorp/null', version }], renderLockFile(OWN, [], '') + present);

  test.each([
    ['3.2.4', '3.2.4'],
    ['= 3.2.4', '3.2.4'],
    ['~> 3.2', '~> 3.2'],
    ['>=3.0,<4', '>= 3.0.0, < 4.0.0'],
    [undefined, ''],
  ])('for %s stays as %j, once', (version, constraints) => {
    for (const host of ['registry.terraform.io', 'registry.opentofu.org']) {
      const entry = locked(`${host}/hashicorp/null`, constraints);
      const once = rendered(version, `\n${entry}\n`);
      expect(once).toContain(entry);
      expect(rendered(version, once)).toBe(once);
    }
  });

  test('for another constraint or of a provider that is no longer required goes', () => {
    const entry = locked('registry.terraform.io/hashicorp/null', '~> 3.1');
    expect(rendered('~> 3.2', `\n${entry}\n`)).toBe(rendered('~> 3.2', ''));
    expect(rendered('~> 3.2', `\n${locked('example.com/a/b', '~> 3.2')}\n`)).toBe(rendered('~> 3.2', ''));
  });
});
