// The extension: it starts rollcall's language server, and shows what the server and the program say.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LanguageClient, RevealOutputChannelOn, type LanguageClientOptions, type StaticFeature } from 'vscode-languageclient/node';
import * as server from './server';

let current: Extension | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
	current = new Extension(context);
	await current.start();
}

export async function deactivate(): Promise<void> {
	await current?.stop();
	current = undefined;
}

/** The scheme of the documents that show what a command has written. */
const scheme = 'rollcall';

class Extension {
	private readonly output = vscode.window.createOutputChannel('Rollcall');
	private readonly bar = vscode.window.createStatusBarItem('rollcall.status', vscode.StatusBarAlignment.Left);
	private readonly texts = new Texts();
	private program: server.Program | undefined;
	private client: LanguageClient | undefined;
	private status: server.Status | undefined;
	/** Why there is no server; undefined while there is one. */
	private failure: string | undefined;
	/** Starting and stopping, one after another. */
	private turn: Promise<void> = Promise.resolve();

	constructor(private readonly context: vscode.ExtensionContext) {
		this.bar.name = 'Rollcall';
		this.bar.command = 'rollcall.showOutput';
		const command = (name: string, run: (...args: unknown[]) => unknown) =>
			vscode.commands.registerCommand(`rollcall.${name}`, async (...args: unknown[]) => {
				try {
					await run(...args);
				} catch (error) {
					this.complain(error);
				}
			});
		context.subscriptions.push(
			this.output,
			this.bar,
			command('explainRule', (rule) => this.explainRule(typeof rule === 'string' ? rule : undefined)),
			command('showFailover', () => this.showFailover()),
			command('restart', () => this.restart()),
			command('showOutput', () => this.output.show()),
			command('init', () => this.init()),
			vscode.workspace.registerTextDocumentContentProvider(scheme, this.texts),
			vscode.languages.registerCodeActionsProvider(selector, new Explanations(), { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] }),
			vscode.window.onDidChangeActiveTextEditor(() => this.show()),
			vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
			vscode.workspace.onDidChangeConfiguration((event) => {
				if (['enable', 'path', 'args', 'ownRules'].some((name) => event.affectsConfiguration(`rollcall.${name}`))) {
					void this.restart();
				}
			}),
		);
	}

	start(): Promise<void> {
		return this.after(() => this.startNow());
	}

	stop(): Promise<void> {
		return this.after(() => this.stopNow());
	}

	private restart(): Promise<void> {
		return this.after(async () => {
			await this.stopNow();
			await this.startNow();
		});
	}

	private after(work: () => Promise<void>): Promise<void> {
		this.turn = this.turn.then(work).catch((error) => {
			this.failure = this.complain(error);
			this.show();
		});
		return this.turn;
	}

	private async startNow(): Promise<void> {
		if (!configuration().get('enable', true)) {
			this.bar.hide();
			return;
		}
		const program = await this.find();
		this.output.appendLine(`${program.path}: rollcall ${program.version}, from ${program.from}`);
		const options: LanguageClientOptions = {
			documentSelector: selector,
			outputChannel: this.output,
			revealOutputChannelOn: RevealOutputChannelOn.Never,
		};
		const client = new LanguageClient('rollcall', 'Rollcall', { command: program.path, args: ['lsp', ...server.flags(settings())] }, options);
		client.registerFeature(asksForStatus);
		client.onNotification('rollcall/status', (status: server.Status) => {
			this.status = status;
			this.show();
		});
		this.client = client;
		await client.start();
		this.show();
	}

	private async stopNow(): Promise<void> {
		const client = this.client;
		this.client = this.status = this.program = this.failure = undefined;
		await client?.dispose();
	}

	private async find(): Promise<server.Program> {
		this.program ??= await server.find(settings(), {
			bundled: path.join(this.context.extensionPath, 'bin'),
			searchPath: process.env.PATH ?? '',
			platform: process.platform,
		});
		return this.program;
	}

	/** show shows in the status bar what was followed of the tree of the file in front. */
	private show(): void {
		if (!this.client && this.failure === undefined) {
			this.bar.hide();
			return;
		}
		if (this.failure !== undefined) {
			this.bar.text = '$(error) Rollcall: not started';
			this.bar.tooltip = this.failure;
			this.bar.show();
			return;
		}
		const { text, tooltip, warns } = server.shown(this.status, fileInFront());
		this.bar.text = `${warns ? '$(warning)' : '$(checklist)'} ${text}`;
		this.bar.tooltip = this.program ? `${tooltip}\nrollcall ${this.program.version}` : tooltip;
		this.bar.show();
	}

	/** complain shows an error, and gives it in words. */
	private complain(error: unknown): string {
		const why = error instanceof Error ? error.message : String(error);
		this.output.appendLine(why);
		void vscode.window.showErrorMessage(`Rollcall: ${why}`, 'Settings').then((chosen) => {
			if (chosen) {
				void vscode.commands.executeCommand('workbench.action.openSettings', 'rollcall');
			}
		});
		return why;
	}

	private async explainRule(rule: string | undefined): Promise<void> {
		const program = await this.find();
		rule ??= ruleAtCursor() ?? (await this.pickRule(program));
		if (rule === undefined) {
			return;
		}
		const text = await server.explain(program.path, settings(), rule, folderInFront());
		await vscode.window.showTextDocument(await this.texts.open(`${rule}.txt`, text), { preview: true });
	}

	private async pickRule(program: server.Program): Promise<string | undefined> {
		const rules = await server.rules(program.path, settings(), folderInFront());
		const items = rules.map((r) => ({ label: r.id, description: r.severity, detail: r.title }));
		return (await vscode.window.showQuickPick(items, { matchOnDetail: true, placeHolder: 'A rule' }))?.label;
	}

	private async showFailover(): Promise<void> {
		const program = await this.find();
		const root = server.treeOf(this.status, fileInFront())?.root ?? folderInFront();
		if (root === undefined) {
			throw new Error('open a file of a fleet first');
		}
		const text = await server.failover(program.path, settings(), root);
		await vscode.commands.executeCommand('markdown.showPreview', (await this.texts.open('failover.md', text)).uri);
	}

	private async init(): Promise<void> {
		const program = await this.find();
		const folder = folderInFront();
		if (folder === undefined) {
			throw new Error('open a folder first');
		}
		const { file, said } = await server.init(program.path, folder);
		this.output.appendLine(said);
		await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
	}
}

const selector = [{ scheme: 'file', pattern: '**/*.{yaml,yml}' }];

/** asksForStatus has the server send rollcall/status. */
const asksForStatus: StaticFeature = {
	fillClientCapabilities: (capabilities) => {
		capabilities.experimental = { ...capabilities.experimental, rollcallStatus: true };
	},
	initialize: () => {},
	getState: () => ({ kind: 'static' }),
	clear: () => {},
};

function configuration(): vscode.WorkspaceConfiguration {
	return vscode.workspace.getConfiguration('rollcall');
}

function settings(): server.Settings {
	const c = configuration();
	return { path: c.get('path', ''), args: c.get('args', []), ownRules: c.get('ownRules', true), trusted: vscode.workspace.isTrusted };
}

function fileInFront(): string | undefined {
	const uri = vscode.window.activeTextEditor?.document.uri;
	return uri?.scheme === 'file' ? uri.fsPath : undefined;
}

/** folderInFront is the folder of the file in front, else the first of the workspace. */
function folderInFront(): string | undefined {
	const file = fileInFront();
	return file === undefined ? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath : path.dirname(file);
}

/** ruleOf is the rule of a diagnostic of ours. What is wrong with a configuration is no rule's. */
function ruleOf(d: vscode.Diagnostic): string | undefined {
	const code = typeof d.code === 'object' ? d.code.value : d.code;
	return d.source === 'rollcall' && typeof code === 'string' && code !== 'configuration' ? code : undefined;
}

function ruleAtCursor(): string | undefined {
	const editor = vscode.window.activeTextEditor;
	if (!editor) {
		return undefined;
	}
	const here = vscode.languages.getDiagnostics(editor.document.uri).filter((d) => d.range.intersection(editor.selection));
	return here.map(ruleOf).find((rule) => rule !== undefined);
}

/** Explanations offer to explain the rule of a diagnostic. */
class Explanations implements vscode.CodeActionProvider {
	provideCodeActions(_document: vscode.TextDocument, _range: vscode.Range, context: vscode.CodeActionContext): vscode.CodeAction[] {
		return context.diagnostics.flatMap((d) => {
			const rule = ruleOf(d);
			if (rule === undefined) {
				return [];
			}
			const action = new vscode.CodeAction(`Explain ${rule}`, vscode.CodeActionKind.QuickFix);
			action.command = { command: 'rollcall.explainRule', title: action.title, arguments: [rule] };
			action.diagnostics = [d];
			return [action];
		});
	}
}

/** Texts are documents that cannot be changed, with what a command has written. */
class Texts implements vscode.TextDocumentContentProvider {
	private readonly texts = new Map<string, string>();
	private readonly changes = new vscode.EventEmitter<vscode.Uri>();
	readonly onDidChange = this.changes.event;

	provideTextDocumentContent(uri: vscode.Uri): string {
		return this.texts.get(uri.path) ?? '';
	}

	async open(name: string, text: string): Promise<vscode.TextDocument> {
		const uri = vscode.Uri.from({ scheme, path: `/${name}` });
		this.texts.set(uri.path, text);
		this.changes.fire(uri);
		return vscode.workspace.openTextDocument(uri);
	}
}
