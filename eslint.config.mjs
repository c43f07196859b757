import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Where settings may be read from the environment: one place in the product, and the programs around it. */
const readersOfTheEnvironment = [
  'libs/config/**',
  // Programs that run inside containers.
  'images/**',
  'scripts/**',
  'test/**',
  'bench/**',
  '**/*.config.{ts,cjs,mjs,mts}',
  '**/*.spec.ts',
];

export default defineConfig(
  {
    ignores: [
      'node_modules/',
      'dist/',
      'coverage/',
      '.crewtab/',
      'libs/store-prisma/generated/',
      'images/demo-agent/sample-repo/',
    ],
  },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    rules: {
      eqeqeq: 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.{mjs,cjs,js}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'Buffer',
          'URL',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'setImmediate',
          'AbortController',
          'AbortSignal',
          'fetch',
          'structuredClone',
          'performance',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    // Those that threads and processes of the product run from their sources are CommonJS, like all of it.
    files: ['**/*.cjs', 'libs/**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { require: 'readonly', module: 'writable', __dirname: 'readonly', __filename: 'readonly' },
    },
  },
  {
    files: ['**/*.{ts,tsx,mts}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-unused-vars': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Nest's injection needs the classes themselves, not only their types.
      '@typescript-eslint/consistent-type-imports': 'off',
      // A method of a port is a promise whether or not an implementation of it waits for anything.
      '@typescript-eslint/require-await': 'off',
      // Passing on what was caught, whatever it is, keeps it intact.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowRethrowing: true }],
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Numbers and ids in messages are what template literals are for.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name, so that a symbol is called the same everywhere.',
        },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: readersOfTheEnvironment,
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only libs/config reads the environment: take a typed slice of it.',
        },
      ],
    },
  },
  {
    files: ['apps/web/src/**/*.tsx'],
    plugins: { 'react-hooks': reactHooks },
    rules: { 'react-hooks/rules-of-hooks': 'error', 'react-hooks/exhaustive-deps': 'error' },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', 'test/fakes/**/*.ts'],
    rules: {
      // expect(object.method) hands methods over without calling them.
      '@typescript-eslint/unbound-method': 'off',
      // expect.any(), expect.objectContaining() and answers over HTTP are `any`; the expectation is what checks them.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    // The tools that read these files ask for a default export.
    files: ['**/*.config.{ts,cjs,mjs,mts}', 'test/support/global-*.ts', 'test/real-agents/support/set-up.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
