// The extension's own logic, and its conversation with the server, against the real program: ROLLCALL names it.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
	CodeActionRequest,
	CodeActionResolveRequest,
	createProtocolConnection,
	DidChangeTextDocumentNotification,
	DidOpenTextDocumentNotification,
	ExitNotification,
	InitializedNotification,
	InitializeRequest,
	PublishDiagnosticsNotification,
	ShutdownRequest,
	StreamMessageReader,
	StreamMessageWriter,
	type CodeAction,
	type Diagnostic,
	type ProtocolConnection,
} from 'vscode-languageserver-protocol/node';
import * as server from '../src/server';

const repository = path.resolve(__dirname, '../../../..');
const program = process.env.ROLLCALL ?? '';
const trusted: server.Settings = { path: '', args: [], ownRules: true, trusted: true };
const policy = 'clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml';

let scratch = '';
before(async () => {
	assert.ok(path.isAbsolute(program), 'ROLLCALL must be the absolute path of the program');
	scratch = await realpath(await mkdtemp(path.join(os.tmpdir(), 'rollcall-vscode-')));
	await cp(path.join(repository, 'testdata/fleet'), path.join(scratch, 'fleet'), { recursive: true });
	await mkdir(path.join(scratch, 'fleet/.git'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** script writes a program of another kind. */
async function script(name: string, text: string): Promise<string> {
	const file = path.join(scratch, name);
	await mkdir(path.dirname(file), { recursive: true });
	await writeFile(file, `#!/bin/sh\n${text}\n`);
	await chmod(file, 0o755);
	return file;
}

describe('finding the program', () => {
	const places = (bundled: string, ...searchPath: string[]) => ({ bundled, searchPath: searchPath.join(':'), platform: process.platform });
	const folder = path.dirname(program);

	test('the setting goes first, then the extension, then PATH', async () => {
		await script('bundled/rollcall', 'echo rollcall v9.1.0 go linux/amd64');
		const bundled = path.join(scratch, 'bundled');
		assert.deepEqual(await server.find({ ...trusted, path: program }, places(bundled, folder)), {
			path: program,
			version: await server.version(program),
			from: 'the setting',
		});
		assert.deepEqual(await server.find(trusted, places(bundled, folder)), {
			path: path.join(bundled, 'rollcall'),
			version: 'v9.1.0',
			from: 'the extension',
		});
		const found = await server.find(trusted, places('/nowhere', '/nowhere', '', '.', folder));
		assert.deepEqual([found.path, found.from], [path.join(folder, 'rollcall'), 'PATH']);
	});

	test('a workspace that is not trusted names no program', async () => {
		const found = await server.find({ ...trusted, trusted: false, path: '/bin/true' }, places('/nowhere', folder));
		assert.equal(found.from, 'PATH');
	});

	test('what is wrong is said', async () => {
		const relative = path.relative(process.cwd(), folder) || '.';
		await assert.rejects(server.find(trusted, places('/nowhere', relative)), /there is no rollcall in the extension or on PATH/);
		await assert.rejects(server.find({ ...trusted, path: 'bin/rollcall' }, places('/nowhere', folder)), /must be an absolute path/);
		await assert.rejects(server.find({ ...trusted, path: '/nowhere/rollcall' }, places('/nowhere', folder)), /no program is there/);
		await assert.rejects(server.find({ ...trusted, path: scratch }, places('/nowhere', folder)), /no program is there/);
		await assert.rejects(server.version('/bin/true'), /is not rollcall/);
		await assert.rejects(server.version(await script('old', 'echo rollcall v0.0.9 go linux/amd64')), /is rollcall v0\.0\.9, and the extension needs 0\.1\.0 or newer/);
	});

	test('versions', () => {
		for (const [told, older] of Object.entries({
			'v0.0.9': true,
			'v0.1.0': false,
			'0.1.0': false,
			'v0.1.0-rc.1': true,
			'v0.10.0': false,
			'v1.0.0-rc.1': false,
			'(devel)': false,
			'v0.0.0-20261124101010-0123456789ab': false,
			'v0.0.0-20261124101010-0123456789ab+dirty': false,
		})) {
			assert.equal(server.older(told, '0.1.0'), older, told);
		}
	});
});

test('flags', () => {
	assert.deepEqual(server.flags(trusted), []);
	assert.deepEqual(server.flags({ ...trusted, args: ['--no-cache'], ownRules: false }), ['--no-cache', '--no-own-rules']);
	assert.deepEqual(server.flags({ ...trusted, args: ['--rules', 'x'], trusted: false }), ['--no-own-rules']);
});

describe('the status bar', () => {
	const followed = { clusters: 3, members: 1, kustomizations: { followed: 19, inFiles: 28 }, unreached: 25, unknown: 1 };
	const status: server.Status = {
		trees: [
			{ root: '/work', errors: 0, warnings: 0, followed: { ...followed, kustomizations: { followed: 2, inFiles: 2 }, unreached: 0, unknown: 0 } },
			{ root: '/work/inner', errors: 1, warnings: 2, followed },
			{ root: '/broken', errors: 1, warnings: 0 },
		],
	};
	test('says what was followed of the tree in front', () => {
		assert.deepEqual(server.shown(status, '/work/inner/a.yaml'), {
			text: 'Rollcall: 19 of 28 followed',
			tooltip: [
				'/work/inner',
				'1 error, 2 warnings',
				'3 clusters and 1 Karmada member were read',
				'19 of 28 Flux Kustomizations were followed',
				'25 manifests are read by no cluster',
				'1 place could not be followed in this repository',
			].join('\n'),
			warns: true,
		});
		assert.deepEqual(server.shown(status, '/work/inner2/a.yaml'), {
			text: 'Rollcall: 3 clusters',
			tooltip: '/work\n0 errors, 0 warnings\n3 clusters and 1 Karmada member were read\n2 of 2 Flux Kustomizations were followed',
			warns: false,
		});
	});
	test('says where nothing was', () => {
		assert.equal(server.shown(status, '/broken/.rollcall.yaml').text, 'Rollcall: configuration');
		assert.equal(server.shown(status, '/elsewhere/a.yaml').text, 'Rollcall');
		assert.equal(server.shown(status, undefined).text, 'Rollcall');
		assert.equal(server.shown(undefined, '/work/a.yaml').text, 'Rollcall');
		assert.deepEqual(server.shown({ trees: [], error: 'no' }, '/work/a.yaml'), { text: 'Rollcall: not linted', tooltip: 'no', warns: true });
	});
});

describe('the commands', () => {
	test('explain a rule', async () => {
		const fleet = path.join(scratch, 'fleet');
		const rules = await server.rules(program, trusted, fleet);
		assert.ok(rules.length > 50);
		assert.deepEqual(Object.keys(rules[0]), ['id', 'title', 'severity']);
		assert.match(await server.explain(program, trusted, rules[0].id, fleet), new RegExp(`^${rules[0].id}: ${rules[0].severity}\n`));
		await assert.rejects(server.explain(program, trusted, 'weight-atleast-one', fleet), /did you mean "weight-at-least-one"/);
		await assert.rejects(server.explain(program, trusted, '--help', fleet), /no rule is called --help/);
	});
	test('show failover', async () => {
		const text = await server.failover(program, trusted, path.join(scratch, 'fleet'));
		assert.match(text, /^#/);
		assert.match(text, /my-app/);
		await assert.rejects(server.failover(program, trusted, '/nowhere'));
	});
	test('write a configuration', async () => {
		const fresh = path.join(scratch, 'fresh');
		await cp(path.join(scratch, 'fleet'), fresh, { recursive: true });
		await rm(path.join(fresh, '.rollcall.yaml'));
		const { file } = await server.init(program, path.join(fresh, 'clusters/talos-ottawa'));
		assert.equal(file, path.join(fresh, '.rollcall.yaml'));
		assert.match(await readFile(file, 'utf8'), /members:\n {2}- ottawa/);
		await assert.rejects(server.init(program, fresh), /is there already/);
	});
});

/** Session is a conversation with a server, as the editor's client has it. */
class Session {
	readonly diagnostics = new Map<string, Diagnostic[]>();
	readonly statuses: server.Status[] = [];
	private waiting: (() => void)[] = [];
	readonly ended: Promise<number | null>;
	stderr = '';

	private constructor(private readonly process: ChildProcess, readonly connection: ProtocolConnection) {
		this.ended = new Promise((resolve) => process.on('exit', resolve));
		process.stderr?.on('data', (chunk) => (this.stderr += chunk));
	}

	static async start(root: string): Promise<Session> {
		const child = spawn(program, ['lsp', ...server.flags({ ...trusted, args: ['--no-cache'] })], { cwd: root });
		const connection = createProtocolConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
		const session = new Session(child, connection);
		connection.onNotification(PublishDiagnosticsNotification.type, ({ uri, diagnostics }) => {
			session.diagnostics.set(uri, diagnostics);
			session.wake();
		});
		connection.onNotification('rollcall/status', (status: server.Status) => {
			session.statuses.push(status);
			session.wake();
		});
		connection.onRequest('client/registerCapability', () => null);
		connection.listen();
		const { serverInfo } = await connection.sendRequest(InitializeRequest.type, {
			processId: process.pid,
			rootUri: pathToFileURL(root).href,
			capabilities: {
				general: { positionEncodings: ['utf-16'] },
				textDocument: { codeAction: { resolveSupport: { properties: ['edit'] }, codeActionLiteralSupport: { codeActionKind: { valueSet: ['quickfix'] } } } },
				workspace: { didChangeWatchedFiles: { dynamicRegistration: true } },
				experimental: { rollcallStatus: true },
			},
		});
		assert.equal(serverInfo?.name, 'rollcall');
		assert.equal(serverInfo.version, await server.version(program));
		await connection.sendNotification(InitializedNotification.type, {});
		return session;
	}

	private wake(): void {
		this.waiting.splice(0).forEach((resolve) => resolve());
	}

	/** until waits until something is so. */
	async until(what: string, is: () => boolean): Promise<void> {
		const end = Date.now() + 30_000;
		while (!is()) {
			assert.ok(Date.now() < end, `${what}: ${JSON.stringify([...this.diagnostics])} ${JSON.stringify(this.statuses)} ${this.stderr}`);
			await new Promise<void>((resolve) => {
				this.waiting.push(resolve);
				setTimeout(resolve, 500).unref();
			});
		}
	}

	async end(): Promise<void> {
		await this.connection.sendRequest(ShutdownRequest.type);
		await this.connection.sendNotification(ExitNotification.type);
		assert.equal(await this.ended, 0);
	}

	kill(): void {
		this.process.kill();
	}
}

test('the conversation', async (t) => {
	const root = path.join(scratch, 'fleet');
	const file = path.join(root, policy);
	const uri = pathToFileURL(file).href;
	const text = await readFile(file, 'utf8');
	const session = await Session.start(root);
	t.after(() => session.kill());

	await session.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument: { uri, languageId: 'yaml', version: 1, text } });
	await session.until('the healthy tree', () => session.statuses.length === 1);
	assert.equal(session.diagnostics.size, 0);
	assert.deepEqual(server.shown(session.statuses[0], file), {
		text: 'Rollcall: 3 clusters',
		tooltip: [
			root,
			'0 errors, 0 warnings',
			'3 clusters and 3 Karmada members were read',
			'19 of 19 Flux Kustomizations were followed',
			'5 places could not be followed in this repository',
		].join('\n'),
		warns: false,
	});

	const broken = text.replace('propagateDeps: true', 'propagateDeps: false');
	assert.notEqual(broken, text);
	await session.connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument: { uri, version: 2 }, contentChanges: [{ text: broken }] });
	await session.until('the broken tree', () => (session.diagnostics.get(uri)?.length ?? 0) > 0);
	const found = session.diagnostics.get(uri)![0];
	assert.equal(found.source, 'rollcall');
	assert.match(String(found.code), /propagate/);
	assert.match(await server.explain(program, trusted, String(found.code), root), /^Fix: /m);

	const actions = await session.connection.sendRequest(CodeActionRequest.type, { textDocument: { uri }, range: found.range, context: { diagnostics: [found] } });
	assert.equal(actions?.length, 1);
	const fixed = await session.connection.sendRequest(CodeActionResolveRequest.type, actions[0] as CodeAction);
	assert.deepEqual(fixed.edit?.changes?.[uri]?.map((edit) => edit.newText.trim()), ['propagateDeps: true']);

	await session.connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument: { uri, version: 3 }, contentChanges: [{ text }] });
	await session.until('the mended tree', () => session.diagnostics.get(uri)?.length === 0);
	await session.end();
});
