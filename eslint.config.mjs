import tseslint from 'typescript-eslint';

/** What each program may import of the others: the contract, and of the pages their messages. */
const SHARED = {
  runtime: '$^',
  extension: 'runtime/contract/[^/]+$|runtime/runs/ownerOf\\.js$|webview/protocol/[^/]+$',
  webview: 'runtime/contract/[^/]+$',
};
/** Who shows a run draws `runView` of it and does not read it once more. */
const oneReading = {
  regex: 'runtime/contract/(verdict|signs|sentences|brief)\\.js$',
  allowTypeImports: true,
  message: 'What a run says comes from runtime/contract/runView.ts; extension/runs/reading.ts makes it of a run.',
};
/** The import law, see docs/architecture.md. */
const layer = (folder, never, patterns = [], files = `${folder}/**/*.ts`) => ({
  files: [files],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          ...patterns,
          { group: never, message: `${folder} may not import this.` },
          {
            regex: `^(\\.\\./)+(?=(${Object.keys(SHARED)
              .filter((other) => other !== folder)
              .join('|')})/)(?!${SHARED[folder]})`,
            message: 'Only runtime/contract/ (and webview/protocol/, for the extension) may be imported from here.',
          },
        ],
      },
    ],
  },
});

/** node:test runs what these return. */
const TEST_CALLS = [
  { from: 'package', name: ['test', 'it', 'describe', 'suite', 'before', 'after'], package: 'node:test' },
];

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'out/', 'test/vscode/host/', 'test/vscode/oldest/', 'media/'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: TEST_CALLS }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
  },
  layer('runtime', ['vscode', '**/webview/**', '**/extension/**']),
  layer('webview', ['vscode', 'node:*', 'onnxruntime-node', '**/extension/**'], [oneReading]),
  layer('extension', ['onnxruntime-node'], [oneReading]),
  layer('extension', ['onnxruntime-node'], [], 'extension/runs/reading.ts'),
  {
    // The platform-free room: it imports itself, zod for the schema of recipes and the parser of JSON with comments; it knows
    // nothing of Node or a page.
    files: ['runtime/contract/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [{ regex: '^(?!\\./[^/]+$|zod$|jsonc-parser$)', message: 'runtime/contract imports only itself.' }],
        },
      ],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'require', 'global', 'window', 'document', 'navigator'],
    },
  },
  {
    // Without noUncheckedIndexedAccess, which numerical code would answer with a ! after every array[i].
    files: ['runtime/**/*.ts'],
    rules: { '@typescript-eslint/no-unnecessary-type-assertion': 'error' },
  },
  {
    files: ['runtime/**/*.ts'],
    ignores: ['runtime/device/session.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: ['onnxruntime-node'] }] },
  },
);
