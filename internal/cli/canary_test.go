package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/canary"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// canaryTree writes the tree of testdata/canaries.txtar: a cluster with a Flux Kustomization for each case.
func canaryTree(t *testing.T, style string) (dir string, planted *canary.Set) {
	t.Helper()
	dir = t.TempDir()
	return dir, plantTree(t, dir, style, 1)
}

// plantTree writes that tree into a folder.
func plantTree(t *testing.T, dir, style string, seed uint64) (planted *canary.Set) {
	t.Helper()
	archive, err := txtar.ParseFile("../../testdata/canaries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	planted = canary.New(style, seed)
	files := map[string]string{}
	for _, f := range archive.Files {
		files["apps/"+f.Name] = planted.Plant(f.Name, string(f.Data))
	}
	for name, text := range syntaxFaults(planted) {
		files["apps/"+name] = text
	}
	writeCases(t, dir, files)
	return planted
}

// writeCases writes the files of cases, and what makes a fleet of them.
func writeCases(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	cases := map[string][]string{}
	for name := range files {
		folder := strings.Split(name, "/")[1]
		cases[folder] = append(cases[folder], strings.TrimPrefix(name, "apps/"+folder+"/"))
	}
	kustomization := func(name, dir string) string {
		return fmt.Sprintf(
			"---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %s, namespace: flux-system}\n"+
				"spec:\n  interval: 1h\n  prune: true\n  path: %s\n  sourceRef: {kind: GitRepository, name: flux-system}\n",
			name, dir)
	}
	root := "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n" +
		"spec: {interval: 1h, url: https://git.example.com/fleet.git, ref: {branch: main}}\n" +
		kustomization("flux-system", "./clusters/a")
	for _, folder := range slices.Sorted(maps.Keys(cases)) {
		root += kustomization(folder, "./apps/"+folder)
		if name := path.Join("apps", folder, "kustomization.yaml"); files[name] == "" {
			text := "resources:\n"
			for _, file := range slices.Sorted(slices.Values(cases[folder])) {
				if ext := path.Ext(file); ext == ".yaml" || ext == ".json" {
					text += fmt.Sprintf("  - %q\n", file)
				}
			}
			files[name] = text
		}
	}
	files["clusters/a/root.yaml"] = root
	files["clusters/a/kustomization.yaml"] = "resources: [root.yaml]\n"
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runIn runs the program, and fails where it shows a value, or ends in another way than it should.
func runIn(t *testing.T, planted *canary.Set, args ...string) (out string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(args, strings.NewReader(""), &stdout, &stderr, noEnvironment)
	if strings.Contains(stderr.String(), "internal error") {
		t.Errorf("%q: %s", args, stderr.String())
	}
	shows(t, planted, fmt.Sprintf("%q", args), stdout.String()+stderr.String())
	return stdout.String() + stderr.String(), code
}

// mayBeFacts are the cases in which values stand where names do, or where anything may: facts have what no
// report shows, and so has diff.
var mayBeFacts = regexp.MustCompile(`^(names/|fault-\d+-word )`)

func shows(t *testing.T, planted *canary.Set, what, text string) {
	t.Helper()
	for _, found := range planted.Find(text) {
		if (strings.HasPrefix(what, `["facts"`) || strings.HasPrefix(what, `["diff"`) || what == "the cache") &&
			mayBeFacts.MatchString(found) {
			continue
		}
		t.Errorf("%s shows %s", what, found)
	}
}

// TestNothingIsShown holds all commands to showing no value, wherever it stands.
func TestNothingIsShown(t *testing.T) {
	for _, style := range canary.Styles {
		t.Run(style, func(t *testing.T) {
			dir, planted := canaryTree(t, style)
			cache := t.TempDir()
			for _, args := range [][]string{
				{dir, "--no-cache", "--show", "info"},
				{dir, "--cache-dir", cache},
				{dir, "--cache-dir", cache, "-o", "json"},
				{dir, "--no-cache", "-o", "sarif"},
				{dir, "--no-cache", "-o", "github"},
				{dir, "--no-cache", "-o", "oneline"},
				{dir, "--no-cache", "-o", "markdown"},
				{dir, "--no-cache", "-o", "gitlab"},
				{dir, "--no-cache", "-o", "junit"},
				{dir, "--no-cache", "-o", "checkstyle"},
				{dir, "--no-cache", "-o", "rdjsonl"},
				{dir, "--no-cache", "--diff"},
				{"facts", dir, "--cache-dir", cache},
				{"facts", dir, "--cache-dir", cache, "--unknown"},
				{"facts", dir, "--cache-dir", cache, "--cluster", "a"},
				{"failover", "--root", dir, "--cache-dir", cache},
				{"failover", "--root", dir, "--cache-dir", cache, "-o", "json"},
				{"failover", "--root", dir, "--cache-dir", cache, "-o", "mermaid"},
				{"map", "--cache-dir", cache, dir},
				{"map", "--cache-dir", cache, "-o", "json", dir},
				{"map", "--cache-dir", cache, "-o", "mermaid", dir},
				{"map", "--cache-dir", cache, "-o", "dot", dir},
				{"report", "--cache-dir", cache, "-o", "-", dir},
			} {
				if _, code := runIn(t, planted, args...); code == unfinished {
					t.Errorf("%q does not finish", args)
				}
			}
			falseReports(t, dir, planted)
			// Beside a commit that has all of it, and beside one of which nothing is left.
			for _, args := range [][]string{{"init", "-q"}, {"add", "-A"},
				{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a"}} {
				if out, err := exec.Command("git", slices.Concat(
					[]string{"-C", dir}, args)...).CombinedOutput(); err != nil {
					t.Fatalf("git %q: %v %s", args, err, out)
				}
			}
			for _, args := range [][]string{{"--show", "existing"}, {"--show", "existing", "-o", "json"},
				{"-o", "sarif"}} {
				if _, code := runIn(t, planted, slices.Concat(
					[]string{dir, "--cache-dir", cache, "--base=HEAD"}, args)...); code != clean {
					t.Errorf("%q: exit code %d", args, code)
				}
			}
			// Beside one in which all values are others.
			others := plantTree(t, dir, style, 2)
			diffs := func() {
				t.Helper()
				for _, output := range []string{"text", "json", "markdown"} {
					out, code := runIn(t, planted, "diff", "--root", dir, "--cache-dir", cache, "-o", output, "HEAD")
					if code != clean {
						t.Errorf("%s: exit code %d: %s", output, code, out)
					}
					shows(t, others, `["diff"`, out)
				}
			}
			diffs()
			if err := os.RemoveAll(filepath.Join(dir, "apps")); err != nil {
				t.Fatal(err)
			}
			diffs()
			for _, format := range formats() {
				if _, code := runIn(t, planted, dir, "--cache-dir", cache, "--base=HEAD", "-o",
					format); code == unfinished {
					t.Errorf("%s: it does not finish", format)
				}
			}
			err := filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(name)
				shows(t, planted, "the cache", string(data))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// falseReports holds what rollcall report-false prints to showing no value, for all rules that report something.
func falseReports(t *testing.T, dir string, planted *canary.Set) {
	t.Helper()
	a := &app{stdout: io.Discard, stderr: io.Discard, getenv: noEnvironment, isTerminal: isTerminal, noCache: true}
	tree, err := a.open([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.close()
	c, err := (&lint{app: a}).check(t.Context(), tree, nil, a.startProgress())
	if err != nil {
		t.Fatal(err)
	}
	words, err := engine.Words()
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, rule := range c.engine.Rules() {
		found := slices.Clone(slices.Concat(c.found, c.excepted))
		found = slices.DeleteFunc(found, func(f fleet.Finding) bool { return f.Rule != rule.ID })
		// One at a time, since a report describes the first ones alone.
		for _, f := range found {
			described++
			shows(t, planted, "report-false "+rule.ID, falseReport(c, rule, []fleet.Finding{f}, words))
		}
	}
	if described < 20 {
		t.Errorf("only %d findings to describe", described)
	}
}

// TestNothingIsShownInAnEditor opens every file of the canaries, and asks for all fixes.
func TestNothingIsShownInAnEditor(t *testing.T) {
	dir, planted := canaryTree(t, "words")
	written, stderr := &record{}, &record{}
	fromEditor, toServer := io.Pipe()
	ended := make(chan int)
	go func() { ended <- run([]string{"lsp", "--no-cache"}, fromEditor, written, stderr, noEnvironment) }()
	id := 0
	send := func(method string, isCall bool, params any) {
		message := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
		if isCall {
			id++
			message["id"] = id
		}
		body, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(toServer, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
	}
	send("initialize", true, map[string]any{"capabilities": map[string]any{}})
	send("initialized", false, map[string]any{})
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		send("textDocument/didOpen", false, map[string]any{
			"textDocument": map[string]any{"uri": uri(name), "version": 1, "text": string(text)}})
	}
	// Every file of the tree that has findings has diagnostics once the tree is linted with the last document.
	for wait := 0; strings.Count(written.String(), "publishDiagnostics") < 100; wait++ {
		if wait == 3000 {
			t.Fatalf("the editor is told little: %.2000s", written.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	everything := map[string]any{"start": map[string]int{"line": 0, "character": 0},
		"end": map[string]int{"line": 10000, "character": 0}}
	for _, name := range names {
		for _, method := range []string{"textDocument/codeAction", "textDocument/hover"} {
			send(method, true, map[string]any{"textDocument": map[string]any{"uri": uri(name)}, "range": everything,
				"position": map[string]int{"line": 0, "character": 1},
				"context":  map[string]any{"diagnostics": []any{}}})
		}
	}
	send("shutdown", true, nil)
	send("exit", false, nil)
	<-ended
	shows(t, planted, "the editor", written.String()+stderr.String())
}

// record is what somebody writes while others read it.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// TestNothingIsShownOfTheConfiguration puts values into each place of .rollcall.yaml, and what is none in its place.
func TestNothingIsShownOfTheConfiguration(t *testing.T) {
	planted := canary.New("words", 2)
	for i, text := range append([]string{
		"members: [CANARY!, CANARY!, \"password=CANARY\"]\n",
		"members: [ottawa]\nfailover: {order: [CANARY]}\n",
		"members: CANARY\n", "failover: CANARY\n", "failover: {order: CANARY}\n",
		"rules: {secret-encrypted: CANARY}\n", "rules: CANARY\n", "rules: [CANARY]\n",
		"rules: {\"token=CANARY\": off}\n",
		"rulePaths: [/CANARY]\n", "rulePaths: [../CANARY, \"https://bot:CANARY@h\"]\n",
		"exclude: [\"{CANARY}\", ../CANARY]\n",
		"karmadaVersion: CANARY\n", "karmadaVersion: [CANARY]\n", "karmadaVersion: 1.18\nkarmadaVersion: CANARY\n",
		"admission: {mode: CANARY, rules: {x: CANARY}, exempt: {users: [CANARY, CANARY, 7], groups: CANARY}}\n",
		"\"password=CANARY\": x\n", "\"https://u:CANARY@h\": x\n", "a: b\n---\nCANARY\n", "CANARY\n", "- CANARY\n",
		"? {a: CANARY}\n: b\n",
		"\"x: CANARY\": a\n\"x: CANARY\": b\n", "DB_PASSWORD=CANARY\n",
	}, faults...) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, ".rollcall.yaml"), planted.Plant(
			fmt.Sprintf("configuration %d (%.40q)", i, text), text))
		write(t, filepath.Join(dir, "clusters/a/a.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
		if out, code := runIn(t, planted, "--no-cache", "--root", dir, dir); code == clean {
			t.Errorf("%q is taken:\n%s", text, out)
		}
	}
}

// TestNothingIsShownByInit writes a configuration for the canaries, and completes names of them.
func TestNothingIsShownByInit(t *testing.T) {
	dir, planted := canaryTree(t, "words")
	if out, code := runIn(t, planted, "init", "--no-cache", "--root", dir); code != clean {
		t.Errorf("exit code %d: %s", code, out)
	}
	written, err := os.ReadFile(filepath.Join(dir, ".rollcall.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	shows(t, planted, "the configuration", string(written))
	for _, args := range []string{"facts --cluster ", "failover ", "failover --lose ", "failover --lose-region ",
		"verify --api-server "} {
		runIn(t, planted, append([]string{"--no-cache", "--root", dir, "__complete"}, strings.Split(args, " ")...)...)
	}
}

// TestNothingIsShownOfWhatIsLive compares the canaries with an API server that has others of its own.
func TestNothingIsShownOfWhatIsLive(t *testing.T) {
	dir, planted := canaryTree(t, "words")
	k := &karmada{objects: map[string][]string{
		"clusters": {planted.Plant("live cluster",
			"metadata: {name: member-x}\nspec: {syncMode: Push, apiEndpoint: \"https://bot:CANARY@h\"}\n"+
				"status: {conditions: [{type: Ready, status: \"False\", reason: \"password=CANARY\", message: CANARY}]}\n"),
			planted.Plant("live cluster",
				"metadata: {name: \"token=CANARY\"}\nspec: {syncMode: \"https://bot:CANARY@h\"}\n")},
		"propagationpolicies": {planted.Plant("live policy", "metadata: {name: policy, namespace: default}\n"+
			"spec: {schedulerName: CANARY, placement: {clusterAffinity: {clusterNames: [\"password=CANARY\"]}}}\n")},
		"overridepolicies": {planted.Plant("live override", "metadata: {name: override, namespace: default}\n"+
			"spec: {overrideRules: [{overriders: {plaintext: [{path: /stringData/password, operator: add, value: CANARY}]}}]}\n")},
		"clusterpropagationpolicies": {}, "clusteroverridepolicies": {},
	}, token: planted.Add("the token")}
	kubeconfig := k.start(t, func(config string) string {
		return strings.Replace(config, `", certificate-authority-data`,
			`?token=`+planted.Add("the server's query")+`#`+planted.Add("its fragment")+`", certificate-authority-data`,
			1)
	})
	for _, output := range []string{"table", "json"} {
		if out, code := runIn(t, planted, "verify", "--no-cache", "--root", dir, "--karmada-kubeconfig", kubeconfig,
			"-o", output); code != findings {
			t.Errorf("exit code %d: %s", code, out)
		}
	}
	for _, change := range []string{"token: %s", "username: x, password: %s", "exec: {command: %s}",
		"client-key-data: %s", "[%s", "tokenFile: %s", "\"%s: x\": y\n\"%s"} {
		file := k.start(t, func(config string) string {
			config = strings.Replace(config, "https://", "https://bot:"+planted.Add("the server's user")+"@", 1)
			return config[:strings.Index(config, "token: ")] + strings.ReplaceAll(change, "%s", planted.Add(change)) +
				"}}]"
		})
		if out, code := runIn(t, planted, "verify", "--no-cache", "--root", dir, "--karmada-kubeconfig",
			file); code != unfinished {
			t.Errorf("exit code %d: %s", code, out)
		}
	}
}

// TestNoCommands reports on files whose names and contents are commands to a CI system, or steer a terminal.
func TestNoCommands(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"::error file=x::y", "::add-mask::x", " ::warning::x", "##[error]x",
		"##vso[task.setvariable variable=x]y", "a\n::error::x", "a\r::error::x",
		"\x1b[31mred", "\x1b]0;title\a", "\x9b31m", "a\u202eb", "a\u2066b", "a\u200bb", "a\u2028::error::x", "a\u0085b",
		"\xff\xfe"} {
		for _, text := range []string{"kind: Secret\napiVersion: v1\nmetadata: {name: %q}\nstringData: {%q: x}\n",
			"a: %q\na: %q\nb: [\n", "%.0q::error::x\n##[error]%q: [\n"} {
			file := filepath.Join(dir, "clusters/a", fmt.Sprint(len(text)), name+".yaml")
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, fmt.Appendf(nil, text, name, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, filepath.Join(dir, "clusters/a/k/kustomization.yaml"),
		"resources: [\"::error::x\", \"\\n::error::y\", \"##[error]z\", \"\\e[31m\", \"\\u202e\"]\n")
	write(t, filepath.Join(dir, "clusters/a/p/p.yaml"),
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: \"::error::x\", namespace: \"##[error]\"}\n"+
			"spec: {resourceSelectors: [{apiVersion: v1, kind: ConfigMap}], placement: {clusterAffinity: {clusterNames: [\"\\n::error::x\", \"\\e[31m\"]}}}\n")
	t.Chdir(dir)
	planted := canary.New("words", 3)
	for _, args := range [][]string{{"-o", "text"}, {"-o", "oneline"}, {"-o", "github"}, {"--diff"},
		{"facts", "--unknown"}, {"failover"}, {"failover", "-o", "mermaid"}} {
		// Names that are no UTF-8 cannot be read, so that the exit code is 2.
		out, _ := runIn(t, planted, append(args, "--no-cache")...)
		if !strings.Contains(out, "1 cluster") && args[0] == "-o" && args[1] == "text" {
			t.Errorf("%q does not finish: %s", args, out)
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			isCommand := strings.HasPrefix(strings.TrimSpace(line), "::")
			if args[len(args)-1] == "github" && isCommand {
				isCommand = !regexp.MustCompile(
					`^::(error|warning|notice) (file=[^,:]*,(line=\d+,endLine=\d+,col=\d+,)?)?title=[a-z-]+::`).MatchString(line)
			}
			steers := strings.IndexFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) >= 0
			if isCommand || steers || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
				t.Errorf("%q writes %q", args, line)
			}
		}
	}
}

// chance is the seed of a test of chance, and when it ends: in 5 s. ROLLCALL_SEED repeats a run,
// ROLLCALL_MUTATE is another time.
func chance(t *testing.T) (seed uint64, until time.Time) {
	t.Helper()
	seed, budget := uint64(time.Now().UnixNano()), 5*time.Second
	var err error
	if text := os.Getenv("ROLLCALL_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("ROLLCALL_MUTATE"); text != "" {
		if budget, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ROLLCALL_SEED=%d", seed)
	return seed, time.Now().Add(budget)
}

// TestMutations changes testdata/fleet with a Secret in the clear by chance, and holds the program to ending soon, in
// one of the ways in which it ends, and to showing nothing.
func TestMutations(t *testing.T) {
	seed, until := chance(t)
	random := rand.New(rand.NewPCG(seed, 2))
	planted := canary.New("words", seed)
	plain := planted.Plant("secret.yaml", plantedSecret)
	formats := []string{"text", "json", "sarif", "github", "oneline"}
	for n := 0; n == 0 || time.Now().Before(until); n++ {
		dir := fleetCopy(t)
		mutate(t, random, dir, plain)
		start := time.Now()
		args := []string{"--no-cache", "-o", formats[n%len(formats)], dir}
		if n%7 == 6 {
			args = []string{"facts", "--no-cache", dir}
		}
		runIn(t, planted, args...)
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%q takes %v", args, took)
		}
		if t.Failed() {
			t.Fatalf("after %d mutations of seed %d", n+1, seed)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

const plantedSecret = `apiVersion: v1
kind: Secret
metadata:
  name: planted
  namespace: default
stringData:
  password: CANARY
  config.yaml: |
    db: {password: CANARY, url: "postgres://app:CANARY@db/app"}
  b: "CANARY"
`

// mutate puts a Secret into a file of the tree, and changes that file and others: bytes and lines are taken out,
// doubled, exchanged or replaced.
func mutate(t *testing.T, random *rand.Rand, dir, plain string) {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); err == nil && d.Type().IsRegular() && (ext == ".yaml" || ext == ".json") {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	at := names[random.IntN(len(names))]
	for range 1 + random.IntN(3) {
		name := names[random.IntN(len(names))]
		if random.IntN(2) == 0 {
			name = at
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := string(text)
		if name == at && !strings.Contains(whole, "name: planted") {
			whole = []string{whole + "---\n" + plain, plain + "---\n" + whole, plain}[random.IntN(3)]
		}
		lines := strings.SplitAfter(whole, "\n")
		for range random.IntN(4) {
			i, j := random.IntN(len(lines)), random.IntN(len(lines))
			pieces := []string{"\"", "'", "{", "[", "}", "]", ": ", "- ", "&a ", "*a ", "|", ">", "#", "\t", "%", "@",
				"!!binary ", "<<: ", "---\n", "\x00", "\xff", "{{ x }}", "${X}", "<<<<<<< HEAD\n", "? "}
			piece := pieces[random.IntN(len(pieces))]
			switch random.IntN(6) {
			case 0:
				lines[i] = ""
			case 1:
				lines[i] += lines[i]
			case 2:
				lines[i], lines[j] = lines[j], lines[i]
			case 3:
				k := random.IntN(len(lines[i]) + 1)
				lines[i] = lines[i][:k] + piece + lines[i][k:]
			case 4:
				k := random.IntN(len(lines[i]) + 1)
				lines[i] = lines[i][:k] + lines[i][min(len(lines[i]), k+1):]
			default:
				lines[i] = " " + lines[i]
			}
		}
		if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// syntaxFaults are files that do not parse, each a case of its own.
func syntaxFaults(planted *canary.Set) map[string]string {
	const before = "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: default}\nstringData:\n"
	files := map[string]string{}
	for i, fault := range faults {
		text := fault
		if !strings.Contains(text, "kind:") {
			text = before + fault
		}
		name := fmt.Sprintf("fault-%02d", i)
		files[name+"/s.yaml"] = planted.Plant(fmt.Sprintf("%s (%.30q)", name, fault), text)
		config := strings.ReplaceAll(strings.ReplaceAll(text, "kind: Secret", "kind: Release"), "stringData", "spec")
		files[name+"-word/s.yaml"] = planted.Plant(fmt.Sprintf("%s-word (%.30q)", name, fault), config)
		files[name+"-list/kustomization.yaml"] = planted.Plant(
			fmt.Sprintf("%s-list (%.30q)", name, fault), "configMapGenerator:\n"+fault)
	}
	return files
}

var faults = []string{
	"  SMTP_PASS: @CANARY\n",
	"  DB_PWD: a: CANARY\n",
	"  DATABASE_URL: {postgres://u:CANARY@h\n",
	"  a: \"CANARY\n",
	"  a: 'CANARY\n",
	"  a: \"first\n  CANARY: b\n  c: CANARY\n",
	"  a: 'first\n  CANARY: b\nCANARY: c\n",
	"  a: \"CANARY\\q\"\n",
	"  a: \"\\xZZCANARY\"\n",
	"\ta: CANARY\n",
	"  a:\tCANARY\n\tb: CANARY\n",
	"  a: b\n\tCANARY\n",
	"  a: *CANARY\n",
	"  a: &CANARY\n  b: *other\n",
	"  a: &x CANARY\n  b: *y\n  c: CANARY\n",
	"  a: !CANARY\n  b: [\n",
	"  a: !<CANARY\n",
	"  a: %CANARY\n",
	"  a: `CANARY`\n",
	"  a: [CANARY\n",
	"  a: [CANARY, CANARY}\n",
	"  a: {b: CANARY\n  c: CANARY\n",
	"  a: ]CANARY\n",
	"  a: }CANARY\n",
	"  a: CANARY\n b: CANARY\n   c: CANARY\n",
	"  a: CANARY\n    b: CANARY\n",
	"  a: |\n    CANARY\n   CANARY\n  b: c\n",
	"  a: |\n    CANARY\n CANARY: x\nCANARY\n",
	"  a: >\n   CANARY\n  CANARY\n",
	"  a: |x\n    CANARY\n",
	"  a: |9\n    CANARY\n",
	"  CANARY\n  a: b\n",
	"  CANARY CANARY\n  - CANARY\n",
	"  - CANARY\n  a: CANARY\n",
	"  a: CANARY: CANARY: CANARY\n",
	"  a: \"CANARY\" CANARY\n",
	"  a: 'CANARY' 'CANARY'\n",
	"  a: CANARY\n<<<<<<< HEAD\n  password: CANARY\n=======\n  password: CANARY\n>>>>>>> CANARY\n",
	"  a: b\n=======\n  CANARY\n",
	"  a: CANARY\xff\n",
	"  a: \xc3\x28CANARY\n  b: CANARY\n",
	"  a: CANARY\x00\n",
	"  a: CANARY\x07\n",
	"  a: {{ CANARY }}\n  b: CANARY\n",
	"  {{- if CANARY }}\n  a: CANARY\n  {{ end }}\n  b: [\n",
	"  {% if CANARY %}\n  a: \"CANARY\n",
	"  ? CANARY\n  a\n  : CANARY\n",
	"  ? [CANARY\n",
	"  a: b\n...\nCANARY\n",
	"  a: b\n--- CANARY\nc: [\n",
	"%CANARY\n---\na: b\nkind: x\n",
	"%YAML 9.CANARY\n---\nkind: x\n",
	"  CANARY=x\n  export PASSWORD=CANARY\n  b: [\n",
	"  a: -----BEGIN PRIVATE KEY-----\nCANARY64\n-----END PRIVATE KEY-----\n",
	"  a: <<EOF\nCANARY\nEOF\n",
	"  <<: CANARY\n  <<: [\n",
	"  <<: CANARY\n",
	"  \"a\": CANARY,\n  \"b\": CANARY,\n",
	"  a: CANARY\r  b: [CANARY\r",
	"  a: CANARY\u2028b: [CANARY\n",
	"  a: CANARY\u0085  b: [CANARY\n",
	"{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"stringData\": {\"a\": \"CANARY\", \"b\": CANARY\"}",
	"{\"kind\": \"Secret\", \"stringData\": {\"a\": \"CANARY\"\n \"b\": \"CANARY\"}}",
	"{\"kind\": \"Secret\", \"stringData\": {\"a\": \"CANARY\",,}}\n",
	"  a: # CANARY\n  b: [ # CANARY\n",
	"  a: b # CANARY\n  c: d: e # CANARY\n",
	"  password: >-\n  CANARY\n  b\n",
	"  " + strings.Repeat("[", 600) + "CANARY",
	"  a: &a [*a, CANARY]\n",
	"  a: &a {x: CANARY}\n  b: {<<: [*a, CANARY]}\n",
	"  a: !!binary CANARY*\n",
	"  a: !!int CANARY\n",
	"  a: !!float CANARY\n  b: !!timestamp CANARY\n",
	"  {a: CANARY}: CANARY\n  [CANARY]: b\n",
	"  a: CANARY\n  a: CANARY\n",
}
