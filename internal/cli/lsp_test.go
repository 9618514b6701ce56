package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rollcall-dev/rollcall/rules"
)

// editor is an editor with a language server of its own.
type editor struct {
	*jsonrpc2.Conn
	ended    chan int // the server's exit code
	stderr   *bytes.Buffer
	mu       sync.Mutex
	shown    map[string][]diagnosis // by path
	said     []string
	status   string
	watched  bool
	versions map[string]int
}

// diagnosis is what an editor is told of a place, in the form of a report: everything counts from 1.
type diagnosis struct {
	line, column, endLine, endColumn int
	severity, code, message, doc     string
	related                          string
}

type uriAndRange struct {
	URI   string `json:"uri"`
	Range struct {
		Start, End struct{ Line, Character int }
	} `json:"range"`
}

// startEditor starts rollcall lsp and says what the editor can do, as JSON.
func startEditor(t *testing.T, can string, args ...string) *editor {
	t.Helper()
	fromEditor, toServer := io.Pipe()
	fromServer, toEditor := io.Pipe()
	e := &editor{ended: make(chan int, 1), stderr: &bytes.Buffer{}, shown: map[string][]diagnosis{},
		versions: map[string]int{}}
	go func() {
		code := run(append([]string{"lsp", "--no-cache"}, args...), fromEditor, toEditor, e.stderr, noEnvironment)
		_ = toEditor.Close()
		e.ended <- code
	}()
	stream := jsonrpc2.NewBufferedStream(struct {
		io.Reader
		io.WriteCloser
	}{fromServer, toServer}, jsonrpc2.VSCodeObjectCodec{})
	e.Conn = jsonrpc2.NewConn(t.Context(), stream, jsonrpc2.HandlerWithError(e.handle))
	t.Cleanup(func() { _ = e.Close() })
	if can != "" {
		if err := e.Call(t.Context(), "initialize", json.RawMessage(`{"capabilities": `+can+`}`), nil); err != nil {
			t.Fatal(err)
		}
		e.notify(t, "initialized", map[string]any{})
	}
	return e
}

func (e *editor) handle(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch r.Method {
	case "textDocument/publishDiagnostics":
		var published struct {
			URI         string
			Version     *int
			Diagnostics []struct {
				uriAndRange
				Severity           int
				Code, Message      string
				Source             string
				CodeDescription    struct{ Href string }
				RelatedInformation []struct {
					Location uriAndRange
					Message  string
				}
			}
		}
		if err := json.Unmarshal(*r.Params, &published); err != nil {
			return nil, err
		}
		path := strings.TrimPrefix(published.URI, "file://")
		if version := e.versions[path]; published.Version != nil && *published.Version > version {
			e.said = append(e.said, fmt.Sprintf("%s has no version %d yet", path, *published.Version))
		}
		var all []diagnosis
		for _, d := range published.Diagnostics {
			one := diagnosis{d.Range.Start.Line + 1, d.Range.Start.Character + 1, d.Range.End.Line + 1,
				d.Range.End.Character + 1,
				[]string{"", "error", "warning", "info"}[d.Severity], d.Code, d.Message, d.CodeDescription.Href, ""}
			for _, other := range d.RelatedInformation {
				one.related += fmt.Sprintf("%s:%d:%d: %s\n", strings.TrimPrefix(other.Location.URI, "file://"),
					other.Location.Range.Start.Line+1, other.Location.Range.Start.Character+1, other.Message)
			}
			all = append(all, one)
		}
		if e.shown[path] = all; len(all) == 0 {
			delete(e.shown, path)
		}
	case "window/showMessage":
		var m struct{ Message string }
		_ = json.Unmarshal(*r.Params, &m)
		e.said = append(e.said, m.Message)
	case "rollcall/status":
		e.status = string(*r.Params)
	case "client/registerCapability":
		e.watched = true
	}
	return nil, nil
}

func (e *editor) notify(t *testing.T, method string, params any) {
	t.Helper()
	if err := e.Notify(t.Context(), method, params); err != nil {
		t.Fatal(err)
	}
}

func uri(path string) string { return "file://" + path }

func (e *editor) opens(t *testing.T, path, text string) {
	t.Helper()
	e.notify(t, "textDocument/didOpen", map[string]any{"textDocument": map[string]any{
		"uri": uri(path), "version": e.next(path), "text": text}})
}

func (e *editor) types(t *testing.T, path, text string) {
	t.Helper()
	e.notify(t, "textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": uri(path), "version": e.next(path)},
		"contentChanges": []any{map[string]any{"text": text}}})
}

// next is the next version of a document.
func (e *editor) next(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.versions[path]++
	return e.versions[path]
}

func (e *editor) closes(t *testing.T, path string) {
	t.Helper()
	e.notify(t, "textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri(path)}})
}

// wants waits until the editor shows this and nothing else.
func (e *editor) wants(t *testing.T, what string, want map[string][]diagnosis) {
	t.Helper()
	var got map[string][]diagnosis
	for range 2000 {
		e.mu.Lock()
		got = maps.Clone(e.shown)
		e.mu.Unlock()
		if reflect.DeepEqual(got, want) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: the editor shows\n%s\nnot\n%s", what, shownAs(got), shownAs(want))
}

func shownAs(all map[string][]diagnosis) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(all)) {
		for _, d := range all[path] {
			fmt.Fprintf(&b, "%s: %+v\n", path, d)
		}
	}
	return b.String()
}

// linted is what the command reports on a copy of the tree in which these files are saved, empty ones removed, as an
// editor shows it. Only what concerns the names, where there are any.
func linted(t *testing.T, dir string, saved map[string]string, names ...string) map[string][]diagnosis {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, text := range saved {
		write(t, filepath.Join(copied, name), text)
		if text == "" {
			_ = os.Remove(filepath.Join(copied, name))
		}
	}
	var stdout, stderr bytes.Buffer
	args := []string{"--no-cache", "-o", "json"}
	for _, name := range names {
		args = append(args, filepath.Join(copied, name))
	}
	if len(names) == 0 {
		args = append(args, copied)
	}
	if code := run(args, nil, &stdout, &stderr, noEnvironment); code == unfinished {
		t.Fatal(stderr.String())
	}
	var report struct {
		Findings []struct {
			Rule, Severity, Message, Fix, Doc, File string
			Line, Column, EndLine, EndColumn        int
			Related                                 []struct {
				File, Message string
				Line, Column  int
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	all := map[string][]diagnosis{}
	for _, f := range report.Findings {
		if f.Fix != "" {
			f.Message += "\nfix: " + f.Fix
		}
		if f.Line == 0 {
			f.Line, f.Column, f.EndLine, f.EndColumn = 1, 1, 1, 1
		}
		d := diagnosis{f.Line, f.Column, f.EndLine, f.EndColumn, f.Severity, f.Rule, f.Message, f.Doc, ""}
		for _, other := range f.Related {
			d.related += fmt.Sprintf("%s:%d:%d: %s\n", filepath.Join(dir, other.File), max(other.Line, 1),
				max(other.Column, 1), other.Message)
		}
		path := filepath.Join(dir, f.File)
		all[path] = append(all[path], d)
	}
	return all
}

func noEnvironment(string) string { return "" }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fleetCopy is testdata/fleet in a folder of its own.
func fleetCopy(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("../../testdata/fleet")); err != nil {
		t.Fatal(err)
	}
	return dir
}

const (
	policyFile = "clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml"
	agentFile  = "clusters/talos-robbinsdale/apps/karmada-agent/app/helmrelease.yaml"
	secretFile = "clusters/talos-ottawa/apps/karmada-system/test-failover/secret.yaml"
	configFile = ".rollcall.yaml"
	// watches and fixes are what an editor can do.
	watches = `{"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}}`
	fixes   = `{"textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit"]}}}}`
)

// What an editor shows is what the command would report if everything were saved, whatever has been typed before.
func TestEditor(t *testing.T) {
	dir := fleetCopy(t)
	e := startEditor(t, watches, "--stdio")
	at := func(name string) string { return filepath.Join(dir, name) }
	read := func(name string) string {
		data, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	policy, agent := read(policyFile), read(agentFile)
	typed := map[string]string{}
	found := 0
	compare := func(what string) {
		t.Helper()
		want := linted(t, dir, typed)
		found += len(want)
		e.wants(t, what, want)
	}
	types := func(name, text string) {
		typed[name] = text
		e.types(t, at(name), text)
	}

	e.opens(t, at(policyFile), policy)
	compare("a healthy fleet")
	for i, text := range []string{
		strings.ReplaceAll(policy, "- robbinsdale", "- robinsdale"),
		strings.ReplaceAll(policy, "weight: 31", "weight: 3"),
		policy[:len(policy)/2] + "\n  - [",
		policy + "---\n" + policy,
		strings.Replace(policy, "apiVersion", "# a line more\n\napiVersion", 1) + "  nonsense: [1]\n",
		policy,
	} {
		types(policyFile, text)
		compare(fmt.Sprintf("policy %d", i))
	}
	types(policyFile, strings.ReplaceAll(policy, "weight: 31", "weight: 3"))
	e.opens(t, at(agentFile), agent)
	types(agentFile, strings.ReplaceAll(agent, "robbinsdale", "elsewhere"))
	compare("two documents, one about the other's member")
	types(policyFile, strings.ReplaceAll(typed[policyFile], "weight: 31", "weight: 30"))
	compare("one of them again")
	e.closes(t, at(agentFile))
	delete(typed, agentFile)
	compare("one of them closed and not saved")

	e.opens(t, at(secretFile), "")
	types(secretFile, "apiVersion: v1\nkind: Secret\nmetadata: {name: plain}\nstringData: {token: hunter2hunter2}\n")
	compare("a file that is not saved yet")
	e.closes(t, at(secretFile))
	delete(typed, secretFile)
	compare("a file that never was")

	write(t, at(secretFile),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: plain}\nstringData: {token: hunter2hunter2}\n")
	e.notify(t, "workspace/didChangeWatchedFiles", map[string]any{
		"changes": []any{map[string]any{"uri": uri(at(secretFile)), "type": 1}}})
	compare("a file that somebody else has written")
	write(t, at(agentFile), strings.ReplaceAll(agent, "robbinsdale", "elsewhere"))
	e.notify(t, "textDocument/didSave", map[string]any{"textDocument": map[string]any{"uri": uri(at(policyFile))}})
	compare("a file that was written by whatever runs on saving")

	config := read(configFile)
	e.opens(t, at(configFile), config)
	types(configFile, config+"rules: {weights-encode-order: off}\nexclude: ['**/secret.yaml']\n")
	compare("another configuration")
	types(policyFile, strings.ReplaceAll(policy, "- robbinsdale", "- robinsdale"))
	compare("a policy under another configuration")
	types(configFile, config+"exclude: ['**/karmada-agent/**']\nunknown: 1\n")
	e.wants(t, "no configuration", map[string][]diagnosis{at(configFile): {
		{6, 1, 6, 1, "error", "configuration",
			`unknown key "unknown"; the configuration has admission, baseline, clusters, exceptions, exclude, failover, karmadaVersion, members, minFollowed, recipients, rulePaths, rules, sources`, "", ""},
	}})
	types(configFile, config+"rules: {weights-encode-ordre: off}\n")
	e.wants(t, "a rule that is none", map[string][]diagnosis{at(configFile): {
		{5, 9, 5, 9, "error", "configuration",
			`no rule is called "weights-encode-ordre"; did you mean "weights-encode-order"?`, "", ""},
	}})
	types(configFile, config)
	compare("the configuration as it was")
	unread := []string{"rollcall: " + secretFile + " is reached by no cluster, and is judged by itself"}
	if found < 15 || !e.watched || !slices.Equal(e.said, unread) {
		t.Errorf("%d files with findings; watches: %t; it says %q", found, e.watched, e.said)
	}

	if err := e.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Error(err)
	}
	e.notify(t, "exit", nil)
	if code := <-e.ended; code != clean || e.stderr.Len() > 0 {
		t.Errorf("exit %d, %q", code, e.stderr)
	}
}

// What has one right answer is offered where it is wrong, and its edit is what --fix writes.
func TestEditorFixes(t *testing.T) {
	dir := fleetCopy(t)
	e := startEditor(t, fixes)
	path := filepath.Join(dir, policyFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	bad := strings.Replace(good, "        - robbinsdale", "        - robinsdale # 🚢", 1)
	e.opens(t, path, bad)
	e.wants(t, "a wrong name", linted(t, dir, map[string]string{policyFile: bad}))

	type action struct {
		Title, Kind string
		Diagnostics []any
		Data        json.RawMessage
		Edit        struct {
			Changes map[string][]struct {
				uriAndRange
				NewText string
			}
		}
	}
	at := func(line int, only string) (actions []action) {
		t.Helper()
		point := map[string]any{"line": line, "character": 12}
		err := e.Call(t.Context(), "textDocument/codeAction",
			map[string]any{"textDocument": map[string]any{"uri": uri(path)},
				"range":   map[string]any{"start": point, "end": point},
				"context": map[string]any{"diagnostics": []any{}, "only": []string{only}}}, &actions)
		if err != nil {
			t.Fatal(err)
		}
		return actions
	}
	line := strings.Count(bad[:strings.Index(bad, "robinsdale")], "\n")
	if other, refactor := at(line+1, "quickfix"), at(line, "refactor"); len(other)+len(refactor) > 0 {
		t.Errorf("elsewhere: %+v; as a refactoring: %+v", other, refactor)
	}
	actions := at(line, "quickfix")
	if len(actions) != 1 || actions[0].Kind != "quickfix" ||
		actions[0].Title != `Set clusterNames[1] to "robbinsdale"` || len(actions[0].Diagnostics) != 1 {
		t.Fatalf("%+v", actions)
	}
	var resolved action
	resolve := func() error {
		return e.Call(t.Context(), "codeAction/resolve", map[string]any{
			"title": "x", "kind": "quickfix", "data": actions[0].Data}, &resolved)
	}
	if err := resolve(); err != nil {
		t.Fatal(err)
	}
	edits := resolved.Edit.Changes[uri(path)]
	if len(resolved.Edit.Changes) != 1 || len(edits) != 1 || edits[0].Range.Start.Line != line ||
		edits[0].Range.End.Line != line+1 ||
		edits[0].Range.Start.Character+edits[0].Range.End.Character != 0 ||
		edits[0].NewText != "        - robbinsdale # 🚢\n" {
		t.Fatalf("%+v", resolved)
	}
	e.types(t, path, strings.Replace(bad, "robinsdale", "robbinsdale", 1))
	e.wants(t, "the fix", map[string][]diagnosis{})
	if err := resolve(); err == nil || !strings.Contains(err.Error(), "not found any more") {
		t.Errorf("what is fixed is fixed again: %v", err)
	}
}

// Columns count as the editor counts.
func TestEditorCounts(t *testing.T) {
	const text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {ship: 🚢🚢}}\nstringData: {\"é🚢\": x, token: hunter2hunter2hunter2}\n"
	// the ship on the line of the values is two code units
	for encoding, more := range map[string]int{`"utf-8", "utf-16"`: 1, `"utf-32", "utf-16"`: 0} {
		dir := fleetCopy(t)
		path := filepath.Join(dir, secretFile)
		e := startEditor(t, `{"general": {"positionEncodings": [`+encoding+`]}}`)
		e.opens(t, path, text)
		all := linted(t, dir, map[string]string{secretFile: text})
		if len(all[path]) != 2 {
			t.Fatal(all)
		}
		for i, d := range all[path] {
			all[path][i].column, all[path][i].endColumn = d.column+more, d.endColumn+more
		}
		e.wants(t, encoding, all)
	}
}

// A file of no fleet is a tree of its own, two trees are two, and an editor that has closed all shows nothing.
func TestEditorTrees(t *testing.T) {
	first, second := fleetCopy(t), fleetCopy(t)
	lone, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: plain}\nstringData: {token: hunter2hunter2}\n"
	write(t, filepath.Join(lone, "other.yaml"), secret)
	write(t, filepath.Join(lone, "secret.yaml"), secret)
	data, err := os.ReadFile(filepath.Join(first, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.ReplaceAll(string(data), "weight: 31", "weight: 3")

	e := startEditor(t, "{}")
	want := linted(t, first, map[string]string{policyFile: bad})
	e.opens(t, filepath.Join(first, policyFile), bad)
	e.wants(t, "one tree", want)
	e.opens(t, filepath.Join(second, policyFile), bad)
	maps.Copy(want, linted(t, second, map[string]string{policyFile: bad}))
	e.wants(t, "two trees", want)
	e.opens(t, filepath.Join(lone, "secret.yaml"), secret)
	alone := linted(t, lone, map[string]string{"other.yaml": ""}, "secret.yaml")
	if len(alone) != 1 {
		t.Fatal(alone)
	}
	maps.Copy(want, alone)
	e.wants(t, "and a lone file", want)
	e.types(t, filepath.Join(lone, "secret.yaml"),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: plain}\nstringData: {}\n")
	delete(want, filepath.Join(lone, "secret.yaml"))
	e.wants(t, "and a lone file that is right", want)
	for _, path := range []string{filepath.Join(first, policyFile), filepath.Join(lone, "secret.yaml"),
		filepath.Join(second, policyFile)} {
		e.closes(t, path)
	}
	e.wants(t, "nothing", map[string][]diagnosis{})
	if said := e.hasSaid(); !slices.Equal(said, []string{
		"rollcall: secret.yaml belongs to no fleet: nothing around it has to do with Flux or Karmada"}) {
		t.Errorf("said %q", said)
	}
}

func (e *editor) hasSaid() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.said)
}

// A manifest that no cluster reads is judged by itself, and said to be such a one, once.
func TestEditorUnreached(t *testing.T) {
	dir := fleetCopy(t)
	data, err := os.ReadFile(filepath.Join(dir, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.ReplaceAll(string(data), "weight: 31", "weight: 0")
	const name = "karmada/policy.yaml"
	write(t, filepath.Join(dir, name), string(data))
	e := startEditor(t, "{}")
	for range 2 {
		e.opens(t, filepath.Join(dir, name), bad)
		want := linted(t, dir, map[string]string{name: bad}, name)
		if len(want) != 1 {
			t.Fatal(want)
		}
		e.wants(t, "a policy that is refused", want)
		e.types(t, filepath.Join(dir, name), string(data))
		e.wants(t, "one that is not", map[string][]diagnosis{})
		e.closes(t, filepath.Join(dir, name))
	}
	if said := e.hasSaid(); !slices.Equal(said, []string{
		"rollcall: karmada/policy.yaml is reached by no cluster, and is judged by itself"}) {
		t.Errorf("said %q", said)
	}
}

// A client that shows it is told what was followed, again where that has changed, and no other client is.
func TestEditorStatus(t *testing.T) {
	dir := fleetCopy(t)
	policy, err := os.ReadFile(filepath.Join(dir, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, ".rollcall.yaml")
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	const followed = `"followed":{"clusters":3,"kustomizations":{"followed":19,"inFiles":19},"members":3,"unknown":5,"unreached":0},`
	status := func(errors int, rest string) string {
		return fmt.Sprintf(`{"trees":[{"errors":%d,%s"root":%q,"warnings":0}]}`, errors, rest, root)
	}
	e := startEditor(t, `{"experimental": {"rollcallStatus": true}}`)
	e.opens(t, filepath.Join(dir, policyFile), string(policy))
	e.isTold(t, status(0, followed))
	e.types(t, filepath.Join(dir, policyFile), strings.ReplaceAll(string(policy), "weight: 31", "weight: 0"))
	e.isTold(t, status(2, followed))
	e.opens(t, config, "unknown: true\n")
	e.isTold(t, status(1, ""))
	other := startEditor(t, "{}")
	other.opens(t, filepath.Join(dir, policyFile), strings.ReplaceAll(string(policy), "weight: 31", "weight: 0"))
	other.wants(t, "a policy that is refused", linted(t, dir,
		map[string]string{policyFile: strings.ReplaceAll(string(policy), "weight: 31", "weight: 0")}))
	if other.status != "" {
		t.Errorf("told %s", other.status)
	}
}

func (e *editor) isTold(t *testing.T, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		e.mu.Lock()
		got = e.status
		e.mu.Unlock()
		if got == want {
			return
		}
	}
	t.Fatalf("told %s, want %s", got, want)
}

// What is wrong with a configuration outside the tree is shown there, and so is what is in no file.
func TestEditorConfig(t *testing.T) {
	root, elsewhere := fleetCopy(t), fleetCopy(t)
	config := filepath.Join(elsewhere, "config.yaml")
	policy, err := os.ReadFile(filepath.Join(root, policyFile))
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, "unknown: 1\n")
	e := startEditor(t, "{}", "--config", config)
	e.opens(t, filepath.Join(root, policyFile), string(policy))
	e.wants(t, "a key that is none", map[string][]diagnosis{config: {
		{1, 1, 1, 1, "error", "configuration",
			`unknown key "unknown"; the configuration has admission, baseline, clusters, exceptions, exclude, failover, karmadaVersion, members, minFollowed, recipients, rulePaths, rules, sources`, "", ""},
	}})
	write(t, config, "members: [ottawa, robbinsdale, stpetersburg, paris]\n")
	e.notify(t, "textDocument/didSave", map[string]any{"textDocument": map[string]any{
		"uri": uri(filepath.Join(root, policyFile))}})
	e.wants(t, "a member without an agent", map[string][]diagnosis{config: {
		{1, 1, 1, 1, "error", "member-has-agent",
			"member \"paris\" has no running karmada-agent: there is none in Git\n" +
				"fix: Let the Flux of the member's own cluster apply a karmada-agent that registers the member's name.",
			rules.Docs + "member-has-agent", ""},
	}})
}

// The protocol is kept to, and what is not in it is refused without an end to the rest.
func TestEditorProtocol(t *testing.T) {
	e := startEditor(t, "")
	refused := func(method string, params any, code int64) {
		t.Helper()
		var refusal *jsonrpc2.Error
		if err := e.Call(t.Context(), method, params, nil); !errors.As(err, &refusal) || refusal.Code != code {
			t.Errorf("%s: %v", method, err)
		}
	}
	refused("textDocument/codeAction", map[string]any{}, -32002)
	refused("initialize", "hunter2", jsonrpc2.CodeInvalidParams)
	var began struct {
		Capabilities map[string]any
		ServerInfo   map[string]string
	}
	if err := e.Call(t.Context(), "initialize", map[string]any{"processId": 1, "capabilities": map[string]any{}},
		&began); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"positionEncoding": "utf-16",
		"textDocumentSync": map[string]any{"openClose": true, "change": 1.0, "save": true}}
	if !reflect.DeepEqual(began.Capabilities, want) || began.ServerInfo["name"] != "rollcall" {
		t.Errorf("%+v", began)
	}
	refused("initialize", map[string]any{}, jsonrpc2.CodeInvalidRequest)
	refused("textDocument/hover", map[string]any{}, jsonrpc2.CodeMethodNotFound)
	e.notify(t, "$/setTrace", map[string]any{"value": "off"})
	e.notify(t, "textDocument/didOpen", 1)
	e.notify(t, "textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": "untitled:Untitled-1"},
		"contentChanges": []any{map[string]any{"text": "a: ["}}})
	e.notify(t, "textDocument/didOpen", map[string]any{"textDocument": map[string]any{
		"uri": "untitled:Untitled-1", "version": 1, "text": "a: ["}})
	if err := e.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Error(err)
	}
	refused("textDocument/codeAction", map[string]any{}, jsonrpc2.CodeInvalidRequest)
	e.notify(t, "exit", nil)
	if code := <-e.ended; code != clean || len(e.shown)+len(e.said) > 0 {
		t.Errorf("exit %d, shown %v, said %v", code, e.shown, e.said)
	}

	e = startEditor(t, "{}")
	_ = e.Close()
	if code := <-e.ended; code != unfinished ||
		e.stderr.String() != "rollcall: the editor left without asking to end\n" {
		t.Errorf("exit %d, %q", code, e.stderr)
	}
}

// A panic costs one answer, and says nothing of what was linted.
func TestEditorSurvives(t *testing.T) {
	var stderr bytes.Buffer
	r := &workspaces{app: &app{stderr: &stderr}, trees: map[string]*workspace{"/x": {tree: &tree{}}},
		homes: map[string]string{"/x/a": "/x"}}
	err := func() (err error) {
		defer r.survive(&err)
		panic("hunter2")
	}()
	if err == nil || len(r.trees)+len(r.homes) > 0 || strings.Contains(err.Error()+stderr.String(), "hunter2") ||
		!strings.Contains(stderr.String(), "TestEditorSurvives") {
		t.Errorf("%v, %+v, %s", err, r, &stderr)
	}
}
