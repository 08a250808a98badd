import { safeParse } from '../../runtime/contract/safeParse.js';
import * as vscode from 'vscode';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import {
  CHAT_STRINGS,
  type ChatPageEvent,
  type ChatPageRequest,
  type ChatPageState,
} from '../../webview/protocol/chat.js';
import type { WalkthroughTopic } from '../../webview/protocol/run.js';
import { PANELS } from '../host/contributions.js';
import { Disposables } from '../host/disposable.js';
import type { Engine } from '../engine/engine.js';
import { t, textLanguage } from '../host/text.js';
import type { WorkspaceModels } from '../workspace/models.js';
import { Chat, EMPTY_CHAT, type ChatMemory, type ChatOptions, type Said } from './chat.js';
import { PageChannel } from './channel.js';
import { Pages } from './page.js';
import { CHAT_REQUEST, CHAT_STATE } from './requests.js';
import { translated } from '../host/strings.js';
import type { Remembered } from '../host/sharedMemory.js';

/** What a chat page asks of the rest of the extension. */
interface ChatActions extends Pick<ChatOptions, 'states' | 'vector' | 'maxNewTokens' | 'device'> {
  /** Asks before it attaches a security vector. */
  attach(model: string, adapter: string, attached: boolean): Promise<unknown>;
  /** Asks before a column with a security vector is shown; throws when it is not to be. */
  confirmDanger(name: string): Promise<unknown>;
  /** Adds a question to an evaluation set. */
  addRow(model: string, said: Said): Promise<unknown>;
  openWalkthrough(topic: WalkthroughTopic): unknown;
  /** Throws where running is not allowed. */
  assertTrusted(): void;
  onBug(error: unknown): void;
}

interface ChatServices {
  extension: vscode.Uri;
  models: WorkspaceModels;
  engine: Pick<Engine, 'request'>;
  /** Chats survive a reload of the window here. */
  memento: Remembered;
  actions: ChatActions;
}

/** Chat pages, one per model. */
export class ChatPanels implements vscode.WebviewPanelSerializer<ChatPageState>, vscode.Disposable {
  private readonly disposables = new Disposables();
  private readonly pages: Pages<string, ChatPanel>;

  constructor(private readonly services: ChatServices) {
    this.pages = this.disposables.add(
      new Pages(services.extension, 'chat', (panel, model) => new ChatPanel(panel, model, services)),
    );
    this.disposables.add(vscode.window.registerWebviewPanelSerializer(PANELS.chat, this));
    this.disposables.add(services.models.onDidChange(() => this.pages.all().forEach(([, page]) => page.draw())));
  }

  async show(model: string): Promise<void> {
    await this.pages.show(model, async () => t('Chat: {0}', this.services.models.get(model)?.name ?? model));
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const state = safeParse(CHAT_STATE, kept).data;
    if (!state) return panel.dispose();
    this.pages.adopt(panel, state.chat);
  }

  dispose(): void {
    this.disposables.dispose();
  }
}

class ChatPanel {
  private readonly channel: PageChannel<ChatPageEvent, ChatPageRequest>;
  private readonly chat: Chat;
  private readonly disposables = new Disposables();

  constructor(
    readonly panel: vscode.WebviewPanel,
    private readonly model: string,
    private readonly services: ChatServices,
  ) {
    const { models, engine, memento, actions } = services;
    const key = `chatColumns:${model}`;
    this.chat = new Chat({
      path: model,
      memory: memento.get<ChatMemory>(key, EMPTY_CHAT),
      model: () => models.get(model),
      states: actions.states,
      vector: actions.vector,
      generate: (params, listener) => {
        actions.assertTrusted();
        return engine.request('generate', params, listener);
      },
      explain: (params, listener) => engine.request('explainAnswer', params, listener),
      newStop: () => new CancellationTokenSource(),
      maxNewTokens: actions.maxNewTokens,
      device: actions.device,
      post: (event) => this.channel.post(event),
      changed: () => this.draw(),
      keep: (memory) => void memento.update(key, memory).then(undefined, actions.onBug),
      onBug: actions.onBug,
    });
    this.channel = this.disposables.add(
      new PageChannel(panel, CHAT_REQUEST, (request) => this.handle(request), actions.onBug),
    );
    this.disposables.add(panel.onDidChangeViewState(() => this.draw()));
  }

  draw(): void {
    if (!this.channel.ready) return;
    const strings = translated(CHAT_STRINGS);
    this.channel.post({ type: 'state', language: textLanguage(), strings, chat: this.chat.state() });
  }

  dispose(): void {
    this.chat.stop();
    this.disposables.dispose();
  }

  private async handle(request: ChatPageRequest): Promise<unknown> {
    switch (request.type) {
      case 'ready':
        this.channel.ready = true;
        return this.draw();
      case 'send':
        // A box that was ticked just before counts.
        await this.services.models.settled();
        return this.chat.send(request.text);
      case 'stop':
        return this.chat.stop();
      case 'clear':
        return this.chat.clear();
      case 'showColumn':
        return this.showColumn(request.column, request.shown);
      case 'addRow': {
        const said = this.chat.said(request.round, request.column);
        return said && this.services.actions.addRow(this.model, said);
      }
      case 'toggleAdapter':
        return this.services.actions.attach(this.model, request.path, request.attached);
      case 'openWalkthrough':
        return this.services.actions.openWalkthrough(request.topic);
    }
  }

  private async showColumn(id: string, shown: boolean): Promise<void> {
    const column = this.chat.column(id);
    if (shown && column?.danger && !column.attached) await this.services.actions.confirmDanger(column.name);
    this.chat.show(id, shown);
  }
}
