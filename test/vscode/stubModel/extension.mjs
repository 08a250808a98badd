import * as vscode from 'vscode';

const model = {
  id: 'stub-1',
  name: 'Stub One',
  family: 'stub',
  version: '1',
  maxInputTokens: 8000,
  maxOutputTokens: 100,
  capabilities: {},
};

/** Whatever it is asked about, it calls a refusal. */
export function activate(context) {
  context.subscriptions.push(
    vscode.lm.registerLanguageModelChatProvider('stub', {
      provideLanguageModelChatInformation: () => [model],
      provideLanguageModelChatResponse: async (_model, _messages, _options, progress) =>
        progress.report(new vscode.LanguageModelTextPart('REFUSED')),
      provideTokenCount: async (_model, text) => String(text).length >> 2,
    }),
  );
}
