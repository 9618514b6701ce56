package report

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// The word that stands for a secret in these tests.
const planted = "hunter2"

func TestMask(t *testing.T) {
	const header = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db # was hunter2\n"
	for _, c := range []struct {
		name, file, content string
		rule                string
		line                int
		want                string
	}{
		{"a value", "a.yaml", header + "stringData:\n  password: hunter2\n", "policy-names-members", 6,
			"  password: ••••••"},
		{"a quoted value", "a.yaml", header + "stringData:\n  \"pass word\": 'hunter2'\n", "policy-names-members", 6,
			`  "pass word": ••••••`},
		{"a block", "a.yaml", header + "stringData:\n  config: |\n    password: hunter2\n  b: c\n",
			"policy-names-members", 7, "    ••••••"},
		{"a block's head", "a.yaml", header + "stringData:\n  config: |\n    password: hunter2\n",
			"policy-names-members", 6, "  config: ••••••"},
		{"the last line of a block", "a.yaml", header + "stringData:\n  config: |\n    a\n    hunter2\n",
			"policy-names-members", 8, "    ••••••"},
		{"a folded plain value", "a.yaml", header + "stringData:\n  config: a\n    hunter2\n  b: ${C}\n",
			"policy-names-members", 7, "    ••••••"},
		{"the end of a quoted value", "a.yaml", header + "stringData: {a: \"x\n  hunter2\", b: ${C}}\n",
			"policy-names-members", 6, "  ••••••"},
		{"flow", "a.yaml", header + "stringData: {user: hunter2, password: hunter2}\n", "policy-names-members", 5,
			"stringData: {user: ••••••"},
		{"a tagged value", "a.yaml", header + "stringData:\n  password: !!str &x hunter2\n", "policy-names-members", 6,
			"  password: ••••••"},
		{"a key twice", "a.yaml", header + "stringData:\n  password: hunter2\n  password: b\n", "policy-names-members",
			6, "  password: ••••••"},
		{"an anchor elsewhere", "a.yaml", "x: &pw hunter2\nkind: Secret\nstringData:\n  password: *pw\n",
			"policy-names-members", 1, "x: ••••••"},
		{"a variable", "a.yaml", header + "stringData:\n  password: ${PASSWORD}\n", "policy-names-members", 6,
			"  password: ${PASSWORD}"},
		{"a comment beside a secret", "a.yaml", header + "stringData:\n  password: hunter2\n", "policy-names-members",
			4, "  name: db ••••••"},
		{"a comment for this program", "a.yaml", header +
			"stringData:\n  password: hunter2 \n# rollcall:ignore x\n---\na: b\n", "exception-known", 9, "a: b"},
		{"a name in a Secret", "a.yaml", "kind: Secret\nmetadata:\n  name: db\nstringData:\n  password: hunter2\n",
			"secret-encrypted", 3, "  name: db"},
		{"a rule about secrets", "a.yaml", "kind: ConfigMap\nmetadata:\n  x: hunter2\n", "secret-encrypted", 3,
			"  x: ••••••"},
		{"a key twice, said so", "a.yaml", "a: hunter2\na: b\n", "file-parses", 1, "a: ••••••"},
		{"another rule", "a.yaml", "kind: ConfigMap\nmetadata:\n  x: harmless\n", "policy-names-members", 3,
			"  x: harmless"},
		{"a generator's literal", "kustomization.yaml", "secretGenerator:\n- literals:\n  - password=hunter2\n",
			"policy-names-members", 3, "  - password=••••••"},
		{"an address with a password", "a.yaml", "values: {server: \"https://u:hunter2@h:1\", a: b}\n",
			"policy-names-members", 1, "values: {server: ••••••"},
		{"a key beside its certificate", "a.yaml", "kubeconfig:\n  crt: a\n  key: hunter2\n", "policy-names-members", 3,
			"  key: ••••••"},
		{"a name that promises a credential", "a.yaml", "env:\n- name: DB_PASSWORD\n  value: hunter2\n",
			"policy-names-members", 3, "  value: ••••••"},
		{"an argument", "a.yaml", "args: [-v, --password=hunter2]\n", "policy-names-members", 1, "args: [-v, ••••••"},
		{"a key that selects", "a.yaml", "tolerations:\n- key: node.kubernetes.io/not-ready\n", "policy-names-members",
			2, "- key: node.kubernetes.io/not-ready"},
		{"JSON", "a.json", `{"kind": "Secret", "stringData": {"password": "hunter2"}}`, "policy-names-members", 1,
			`{"kind": "Secret", "stringData": {"password": ••••••`},
		{"no YAML, a rule about secrets", "tls.key", "a: b: c\nhunter2\n", "secret-encrypted", 2, "••••••"},
		{"no YAML, with the words of a secret", "a.yaml", "kind: Secret\nstringData:\n  password: \"hunter2\n",
			"policy-names-members", 3, "  password: ••••••"},
		{"no YAML", "a.yaml", "kind: Deployment\nspec: [hunter2\nb: c\n", "policy-names-members", 2, "spec: ••••••"},
		{"no YAML, inside a quoted value", "a.yaml", "a: \"b\nhunter2: c\nd: @e\n", "policy-names-members", 2,
			"••••••"},
		{"no YAML, inside a block", "a.yaml", "a: |\n  hunter2: c\nd: @e\n", "policy-names-members", 2, "  ••••••"},
		{"no YAML, a line without a key", "a.yaml", "a: b\nhunter2\nd: @e\n", "policy-names-members", 2, "••••••"},
		{"a value alone", "a.txt", "hunter2\n", "policy-names-members", 1, "••••••"},
		{"lines of assignments", ".env", "A=b\nC=hunter2\n", "policy-names-members", 2, "••••••"},
		{"a comment", "a.yaml", "a: b # hunter2\n", "policy-names-members", 1, "a: b ••••••"},
		{"words", "a.yaml", "a: correct horse\n", "policy-names-members", 1, "a: ••••••"},
		{"a block anywhere", "a.yaml", "data:\n  x: |\n    hunter2\n", "policy-names-members", 3, "    ••••••"},
		{"a key with a value in it", "a.yaml", "{\"https://u:hunter2@h\": x}\n", "policy-names-members", 1, "{••••••"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fr := newFrames(fstest.MapFS{c.file: {Data: []byte(c.content)}})
			got, ok := fr.of(fleet.Finding{Rule: c.rule, Place: fleet.Place{
				Origin: fleet.Origin{File: c.file}, Line: c.line, Column: 1}}, 0)
			if !ok || got.line != c.want {
				t.Errorf("%v, got\n%s\nwant\n%s", ok, got.line, c.want)
			}
		})
	}
}

func TestNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		place   fleet.Place
	}{
		"no file":                   {"a: b", fleet.Place{Line: 1}},
		"a file that is not there":  {"a: b", fleet.Place{Origin: fleet.Origin{File: "b.yaml"}, Line: 1}},
		"the file as a whole":       {"a: b", fleet.Place{Origin: fleet.Origin{File: "a.yaml"}}},
		"a line after the end":      {"a: b", fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 2}},
		"another encoding":          {"a: \xff", fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 1}},
		"lines that YAML alone has": {"a: b\u2028c: d", fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 1}},
		"a lone carriage return":    {"a: b\rc: d\r\n", fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 1}},
		"a large file": {strings.Repeat("a\n", maxFrameFile),
			fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: 1}},
	} {
		fr := newFrames(fstest.MapFS{"a.yaml": {Data: []byte(c.content)}})
		if got, ok := fr.of(fleet.Finding{Place: c.place}, 0); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMark(t *testing.T) {
	long := "key: " + strings.Repeat("x", 200) + "MARK" + strings.Repeat("y", 200)
	for _, c := range []struct {
		name, line string
		start, end int // as columns
		want       string
	}{
		{"a word", "  - ottawa # here", 5, 11, "  - ottawa # here\n    ^^^^^^"},
		{"tabs", "\ta\tb", 4, 5, "    a    b\n         ^"},
		{"more than ASCII", "né: ü", 5, 6, "né: ü\n    ^"},
		{"nothing", "a:", 3, 3, "a:\n  ^"},
		{"beyond the end", "a:", 9, 12, "a:\n  ^"},
		{"what steers a terminal", "a: \x1b[2J\u202eb\u200b", 4, 5, "a: �[2J�b�\n   ^"},
		{"a carriage return", "a: b\r", 4, 5, "a: b\n   ^"},
		{"a long line", long, 206, 210,
			"…" + strings.Repeat("x", 24) + "MARK" + strings.Repeat("y", 70) + "…\n" + strings.Repeat(" ", 25) +
				"^^^^"},
		{"the start of a long line", long, 1, 4, long[:99] + "…\n^^^"},
		{"the end of a long line", long, 406, 410, "…" + strings.Repeat("y", 99) + "\n" + strings.Repeat(" ", 96) +
			"^^^^"},
		{"all of a long line", long, 1, 410, long[:99] + "…\n" + strings.Repeat("^", 100)},
	} {
		runes := []rune(strings.TrimRight(c.line, "\r"))
		start := min(c.start-1, len(runes))
		got := clip(runes, start, min(max(c.end-1, start), len(runes)), frameWidth)
		equal(t, fmt.Sprintf("%s: %s\n%s%s", c.name, got.line, strings.Repeat(" ", got.start),
			strings.Repeat("^", got.length)),
			c.name+": "+c.want)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("kind: Secret\nstringData:\n  a: |\n    hunter2\n"), 4, 1, 3)
	f.Add([]byte("a: &a [*a]\n{x: 'y\n z'}\n"), 1, 5, 9)
	f.Fuzz(func(t *testing.T, data []byte, line, column, end int) {
		fr := newFrames(fstest.MapFS{"a.yaml": {Data: data}})
		p := fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: line, Column: column, EndLine: line,
			EndColumn: end}
		got, ok := fr.of(fleet.Finding{Rule: "policy-names-members", Place: p}, 0)
		if ok && (got.start < 0 || got.length < 1 || got.start > len(tab)*frameWidth ||
			strings.ContainsAny(got.line, "\n\x1b")) {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzMask plants a secret in whatever Secret, and shows each line.
func FuzzMask(f *testing.F) {
	f.Add("password: hunter2\nuser: x\n")
	f.Add("a: |\n  hunter2\n\n  b\nc: >-\n  hunter2\n")
	f.Add("a: {b: \"c\n  hunter2\", d: 'hunter2'}\n")
	f.Fuzz(func(t *testing.T, data string) {
		if !strings.Contains(data, planted) {
			return
		}
		text := "kind: Secret\nstringData:\n  " + strings.ReplaceAll(data, "\n", "\n  ") + "\n"
		fr := newFrames(fstest.MapFS{"a.yaml": {Data: []byte(text)}})
		documents, ok := parse([]byte(text))
		if !ok || len(documents) != 1 || inKey(documents[0], planted) {
			return
		}
		for line := range strings.Split(text, "\n") {
			p := fleet.Place{Origin: fleet.Origin{File: "a.yaml"}, Line: line + 1, Column: 1}
			if got, _ := fr.of(fleet.Finding{Rule: "policy-names-members", Place: p}, 0); strings.Contains(
				got.line, planted) {
				t.Errorf("line %d of\n%s\nshows %q", line+1, text, got.line)
			}
		}
	})
}

// inKey is true where a key, a comment, a tag or an anchor holds the word: they are no values.
func inKey(n *yaml.Node, word string) bool {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && (strings.Contains(c.Value, word) || len(c.Content) > 0) ||
			inKey(c, word) {
			return true
		}
	}
	return strings.Contains(n.HeadComment+n.LineComment+n.FootComment+n.Tag+n.Anchor, word)
}
