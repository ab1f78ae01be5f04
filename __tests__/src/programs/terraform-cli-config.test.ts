import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBlockingCliConfig, hidesImpliedMirror } from '../../../src/programs/terraform-cli-config';
import { temporaryDirectory } from '../../support/temporary-directory';

test.each([
  ['provider_installation {\n  direct {}\n}', true],
  ['plugin_cache_dir = "/x"\nprovider_installation{\n direct {}\n}', true],
  ['{"provider_installation": [{"direct": {}}]}', true],
  ['provider_installation {\n filesystem_mirror {\n path = "/usr/share/terraform/providers"\n }\n}', true],
  ['provider_installation {\n filesystem_mirror {\n path = "terraform.d/plugins"\n }\n}', false],
  ['# provider_installation {}\n// provider_installation {}\n/* provider_installation {} */', false],
  ['plugin_cache_dir = "/x # " # provider_installation {', false],
  ['', false],
])('%j hides the implied mirror: %s', (text, expected) => {
  expect(hidesImpliedMirror(text)).toBe(expected);
});

describe('the files that are read', () => {
  let home: string;
  beforeEach(() => {
    home = temporaryDirectory();
  });
  const blocking = 'provider_installation {\n  direct {}\n}\n';

  test('none is no problem, also when one is named that does not exist', () => {
    expect(findBlockingCliConfig({}, home)).toBeNull();
    expect(findBlockingCliConfig({ TF_CLI_CONFIG_FILE: join(home, 'missing') }, home)).toBeNull();
  });

  test('the one of the home directory, unless the environment names another', () => {
    writeFileSync(join(home, '.terraformrc'), blocking);
    expect(findBlockingCliConfig({}, home)?.message).toContain(
      `${join(home, '.terraformrc')}: its provider_installation`,
    );
    expect(findBlockingCliConfig({ TF_CLI_CONFIG_FILE: '/dev/null' }, home)).toBeNull();
  });

  describe('of OpenTofu', () => {
    const tofu = { TERRAFORM_BINARY_NAME: '/opt/bin/tofu' };
    const place = (environment: NodeJS.ProcessEnv) => findBlockingCliConfig(environment, home)?.place;

    test('its own file goes before that of Terraform, which does not read it', () => {
      writeFileSync(join(home, '.tofurc'), blocking);
      expect(place(tofu)).toBe(join(home, '.tofurc'));
      expect(place({})).toBeUndefined();
      writeFileSync(join(home, '.terraformrc'), blocking);
      writeFileSync(join(home, '.tofurc'), '');
      expect(place(tofu)).toBeUndefined();
      expect(place({})).toBe(join(home, '.terraformrc'));
    });

    test("Terraform's is read where it has none", () => {
      writeFileSync(join(home, '.terraformrc'), blocking);
      expect(place(tofu)).toBe(join(home, '.terraformrc'));
      expect(place({ ...tofu, XDG_CONFIG_HOME: join(home, 'config') })).toBe(join(home, '.terraformrc'));
    });

    test('the XDG directory counts where the home directory has neither', () => {
      const environment = { ...tofu, XDG_CONFIG_HOME: join(home, 'config') };
      const own = join(home, 'config/opentofu');
      mkdirSync(own, { recursive: true });
      writeFileSync(join(own, 'tofurc'), blocking);
      expect(place(environment)).toBe(join(own, 'tofurc'));
      writeFileSync(join(own, 'tofurc'), '');
      writeFileSync(join(own, 'more.tfrc'), blocking);
      expect(place(environment)).toBe(join(own, 'more.tfrc'));
      mkdirSync(join(home, '.terraform.d'));
      expect(place(environment)).toBeUndefined();
    });
  });

  test('those of the configuration directory', () => {
    mkdirSync(join(home, '.terraform.d'));
    writeFileSync(join(home, '.terraform.d/more.tfrc'), blocking);
    expect(findBlockingCliConfig({}, home)?.place).toBe(join(home, '.terraform.d/more.tfrc'));
  });
});
