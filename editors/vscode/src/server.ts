// What the extension knows of the program rollcall: where it is, which version it has to be, what is asked of it and what its answers
// say. Nothing here needs an editor, so that it is tested against the real program.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

/** The oldest release of rollcall whose language server the extension speaks with. */
export const oldest = '0.1.0';

/** What the settings say; a workspace that is not trusted has no say in the first two. */
export interface Settings {
	/** The program's path; empty for the one in the extension, else on PATH. */
	path: string;
	args: string[];
	ownRules: boolean;
	trusted: boolean;
}

/** A program that was found, with the version that it tells; "(devel)" where it was built from a working tree. */
export interface Program {
	path: string;
	version: string;
	from: 'the setting' | 'the extension' | 'PATH';
}

/** Where programs are looked for. */
export interface Places {
	/** The folder of the program that the extension brings, which need not exist. */
	bundled: string;
	/** PATH, as the environment has it. */
	searchPath: string;
	platform: NodeJS.Platform;
}

/** What a command has written, and how it has ended. */
export interface Outcome {
	code: number;
	stdout: string;
	stderr: string;
}

/** How much a command may write, in bytes, and how long it may take, in milliseconds. */
const most = { bytes: 16 << 20, time: 120_000 };

/** run runs the program without a shell. It rejects where the program cannot be started or does not end. */
export function run(program: string, args: string[], cwd?: string): Promise<Outcome> {
	return new Promise((resolve, reject) => {
		const options = { cwd, maxBuffer: most.bytes, timeout: most.time, windowsHide: true };
		execFile(program, args, options, (error, stdout, stderr) => {
			if (error && typeof error.code !== 'number') {
				reject(new Error(error.killed ? `${program} takes longer than ${most.time / 1000} s` : error.message));
				return;
			}
			resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
		});
	});
}

/** find finds the program: that of the setting and no other, else the one in the extension, else the first on PATH. */
export async function find(settings: Settings, places: Places): Promise<Program> {
	const name = places.platform === 'win32' ? 'rollcall.exe' : 'rollcall';
	if (settings.path !== '' && settings.trusted) {
		const named = settings.path.startsWith('~/') ? path.join(os.homedir(), settings.path.slice(2)) : settings.path;
		if (!path.isAbsolute(named)) {
			throw new Error(`rollcall.path is ${settings.path}, and must be an absolute path`);
		}
		if (!(await runs(named, places.platform))) {
			throw new Error(`rollcall.path is ${settings.path}, and no program is there`);
		}
		return { path: named, version: await version(named), from: 'the setting' };
	}
	const bundled = path.join(places.bundled, name);
	if (await runs(bundled, places.platform)) {
		return { path: bundled, version: await version(bundled), from: 'the extension' };
	}
	for (const folder of places.searchPath.split(places.platform === 'win32' ? ';' : ':')) {
		// A relative folder would be one of whatever workspace is open.
		if (path.isAbsolute(folder) && (await runs(path.join(folder, name), places.platform))) {
			const found = path.join(folder, name);
			return { path: found, version: await version(found), from: 'PATH' };
		}
	}
	throw new Error('there is no rollcall in the extension or on PATH: install it, or name it in the setting rollcall.path');
}

async function runs(file: string, platform: NodeJS.Platform): Promise<boolean> {
	try {
		await access(file, platform === 'win32' ? constants.F_OK : constants.X_OK);
		return (await stat(file)).isFile();
	} catch {
		return false;
	}
}

/** version asks a program for its version, and refuses one that is not rollcall or is too old. */
export async function version(program: string): Promise<string> {
	const { code, stdout } = await run(program, ['version']);
	const told = /^rollcall (\S+)/.exec(stdout);
	if (code !== 0 || !told) {
		throw new Error(`${program} is not rollcall: it does not tell a version`);
	}
	if (older(told[1], oldest)) {
		throw new Error(`${program} is rollcall ${told[1]}, and the extension needs ${oldest} or newer`);
	}
	return told[1];
}

/** older compares releases, "v1.2.3". What is no release, as "(devel)", is not older than any; nor is what was built between two, v0.0.0-…. */
export function older(told: string, than: string): boolean {
	const parts = (text: string) => /^v?(\d+)\.(\d+)\.(\d+)(-.*)?$/.exec(text);
	const [a, b] = [parts(told), parts(than)];
	if (!a || !b || /-(0\.)?\d{14}-[0-9a-f]{12}/.test(told)) {
		return false;
	}
	for (let i = 1; i <= 3; i++) {
		if (Number(a[i]) !== Number(b[i])) {
			return Number(a[i]) < Number(b[i]);
		}
	}
	return a[4] !== undefined && b[4] === undefined;
}

/** flags are those that all commands of the program get. */
export function flags(settings: Settings): string[] {
	const all = settings.trusted ? [...settings.args] : [];
	return settings.ownRules && settings.trusted ? all : [...all, '--no-own-rules'];
}

/** What the server tells of a tree; see docs/editor.md. */
export interface TreeStatus {
	root: string;
	errors: number;
	warnings: number;
	followed?: {
		clusters: number;
		members: number;
		kustomizations: { followed: number; inFiles: number };
		unreached: number;
		unknown: number;
	};
}

export interface Status {
	trees: TreeStatus[];
	error?: string;
}

/** treeOf is the tree that a file lies in: of several, the innermost. */
export function treeOf(status: Status | undefined, file: string | undefined): TreeStatus | undefined {
	const trees = status?.trees ?? [];
	if (file === undefined) {
		return trees.length === 1 ? trees[0] : undefined;
	}
	const around = trees.filter((t) => {
		const inside = path.relative(t.root, file);
		return inside === '' || (inside.split(path.sep)[0] !== '..' && !path.isAbsolute(inside));
	});
	return around.sort((a, b) => b.root.length - a.root.length)[0];
}

/** Shown is what the status bar shows; warns where something was not read. */
export interface Shown {
	text: string;
	tooltip: string;
	warns: boolean;
}

/** shown says of a tree what was found and what was followed. */
export function shown(status: Status | undefined, file: string | undefined): Shown {
	if (status?.error) {
		return { text: 'Rollcall: not linted', tooltip: status.error, warns: true };
	}
	const tree = treeOf(status, file);
	if (!tree) {
		return { text: 'Rollcall', tooltip: 'No file of a fleet is open.', warns: false };
	}
	const found = [count(tree.errors, 'error'), count(tree.warnings, 'warning')].join(', ');
	if (!tree.followed) {
		return { text: 'Rollcall: configuration', tooltip: `${tree.root}\nThe configuration is wrong, so nothing was judged.`, warns: true };
	}
	const f = tree.followed;
	const lines = [
		tree.root,
		found,
		`${count(f.clusters, 'cluster')} and ${count(f.members, 'Karmada member')} were read`,
		`${f.kustomizations.followed} of ${count(f.kustomizations.inFiles, 'Flux Kustomization')} were followed`,
	];
	if (f.unreached > 0) {
		lines.push(`${count(f.unreached, 'manifest')} ${f.unreached === 1 ? 'is' : 'are'} read by no cluster`);
	}
	if (f.unknown > 0) {
		lines.push(`${count(f.unknown, 'place')} could not be followed in this repository`);
	}
	const whole = f.kustomizations.followed === f.kustomizations.inFiles;
	const part = whole ? count(f.clusters, 'cluster') : `${f.kustomizations.followed} of ${f.kustomizations.inFiles} followed`;
	return { text: `Rollcall: ${part}`, tooltip: lines.join('\n'), warns: !whole };
}

function count(n: number, noun: string): string {
	return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Rule is one of the rules of a tree. */
export interface Rule {
	id: string;
	title: string;
	severity: string;
}

/** rules are those of the tree around a folder. */
export async function rules(program: string, settings: Settings, cwd?: string): Promise<Rule[]> {
	const all: Rule[] = JSON.parse(await answer(program, ['rules', '-o', 'json', ...flags(settings)], cwd));
	return all.map(({ id, title, severity }) => ({ id, title, severity }));
}

/** explain is the text on a rule. */
export function explain(program: string, settings: Settings, rule: string, cwd?: string): Promise<string> {
	if (!/^[a-z0-9][a-z0-9-]*$/.test(rule)) {
		return Promise.reject(new Error(`no rule is called ${rule}`));
	}
	return answer(program, ['explain', rule, ...flags(settings)], cwd);
}

/** failover is what becomes of the tree's workloads when a member is lost, as Markdown. */
export function failover(program: string, settings: Settings, root: string): Promise<string> {
	const rooted = settings.args.some((arg) => arg === '--root' || arg.startsWith('--root=')) && settings.trusted;
	return answer(program, ['failover', '-o', 'markdown', ...(rooted ? [] : ['--root', root]), ...flags(settings)], root);
}

/** init writes a .rollcall.yaml into the root of the tree around a folder, and gives its path. */
export async function init(program: string, cwd: string): Promise<{ file: string; said: string }> {
	const { code, stderr } = await run(program, ['init'], cwd);
	const wrote = /^wrote (.+) with /m.exec(stderr);
	if (code !== 0 || !wrote) {
		throw new Error(stderr.trim());
	}
	return { file: path.resolve(cwd, wrote[1]), said: stderr.trim() };
}

/** answer is what a command writes, which must end well. */
async function answer(program: string, args: string[], cwd?: string): Promise<string> {
	const { code, stdout, stderr } = await run(program, args, cwd);
	if (code !== 0) {
		throw new Error(stderr.trim() || `${program} ends with exit code ${code}`);
	}
	return stdout;
}
