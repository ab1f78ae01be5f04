import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** `require` stands in `lazy<typeof import('./run')>(() => require('./run'))` only, and both paths are the same. */
const lazyRequire = {
  create: (context) => ({
    'CallExpression[callee.name="require"]'(node) {
      const call = node.parent?.parent;
      const type = call?.callee?.name === 'lazy' ? call.typeArguments?.params[0]?.exprName : undefined;
      const path = (type?.argument?.literal ?? type?.source)?.value;
      if (path === undefined || path !== node.arguments[0]?.value) {
        context.report({ node, message: "write lazy<typeof import('PATH')>(() => require('PATH'))" });
      }
    },
  }),
};

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'cdktf.out/', 'rendered/', 'coverage/', '.cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // numbers are what messages about ports and sizes are made of
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
      // a constructor with side effects is how a CDK tree is built
      'no-new': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: "BinaryExpression[operator='instanceof'][right.name='FleetError']",
          message: 'Use isFleetError: each bundle has a class of its own.',
        },
      ],
    },
  },
  {
    // src/model/cdk-command.ts says its name
    files: ['constructs/**/*.ts', 'stacks/**/*.ts', 'src/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['Literal[value=/\\bcdktf [a-z]/]', 'TemplateElement[value.raw=/\\bcdktf [a-z]/]'].map((selector) => ({
          selector,
          message: 'Name the command by CDK_COMMAND.',
        })),
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { buildfleet: { rules: { 'lazy-require': lazyRequire } } },
    rules: { 'buildfleet/lazy-require': 'error', '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['__tests__/**/*.ts'],
    rules: {
      // jest's matchers are typed with any
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: {
        module: 'writable',
        require: 'readonly',
        process: 'readonly',
        __dirname: 'readonly',
        console: 'readonly',
      },
    },
  },
);
