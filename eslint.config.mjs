import tseslint from 'typescript-eslint';

const outside = (f) =>
  `^(\\.\\./)+(${['runtime', 'extension', 'webview'].filter((x) => x !== f).join('|')})/(?!contract/[^/]+$|(.*/)?protocol(\\.js)?$)`;
/** The import law: an import that leaves its folder may end only in runtime/contract/, or at a file named protocol.ts. */
const layer = (f, never) => ({
  files: [`${f}/**/*.ts`],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          { group: never, message: `${f} may not import this.` },
          {
            regex: outside(f),
            message: 'Only runtime/contract/ and files named protocol.ts may be imported from another folder.',
          },
          ...(f === 'webview'
            ? [{ regex: '^(\\.\\./)+runtime/(.*/)?protocol', allowTypeImports: true, message: 'Types only.' }]
            : []),
        ],
      },
    ],
  },
});

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'out/', 'test/vscode/host/', 'media/'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  layer('runtime', ['vscode', '**/webview/**', '**/extension/**']),
  layer('webview', ['vscode', 'node:*', 'onnxruntime-node', '**/extension/**']),
  layer('extension', ['onnxruntime-node']),
  {
    // The platform-free room: it imports itself and types of the protocol, and knows nothing of Node or a page.
    files: ['runtime/contract/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^(?!\\./[^/]+$|\\.\\./protocol\\.js$)', message: 'runtime/contract imports only itself.' },
            { regex: '^\\.\\./protocol\\.js$', allowTypeImports: true, message: 'Types only.' },
          ],
        },
      ],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'require', 'global', 'window', 'document', 'navigator'],
    },
  },
  {
    files: ['runtime/**/*.ts'],
    ignores: ['runtime/device/session.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: ['onnxruntime-node'] }] },
  },
);
